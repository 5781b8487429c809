"""How many serving configurations are tried in a second of CPU time, beside what a peer was measured to try.

`python benchmarks/serving_search.py` needs only our side: DeepSeek-V3 on 64 H200, 4,000 tokens in and 1,000 out,
TTFT at most 5 s and TPOT at most 100 ms. AIConfigurator 0.12.0 tried 100 distinct worker configurations a CPU second
on that problem and 130 at best, and took 1 to 5 CPU seconds to start (measured in November 2026 on two cores).
"""

import subprocess
import sys
import time

from polysilicon.facts import load
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.serving import search_serving
from polysilicon.workloads import Serving, transformer

PEER_PER_S = (100.0, 130.0)
RUNS = 7


def main() -> None:
    """Print configurations a CPU second, the ratio to the peer, and the start-up of the command line."""
    catalogue = load()
    model = transformer(catalogue, "deepseek-v3")
    cluster = Cluster.from_catalogue(catalogue, "nvidia-h200-sxm-141gb", 64)
    task = Serving(input_tokens=4000, output_tokens=1000, ttft_ms=5000.0, tpot_ms=100.0)
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        found = search_serving(catalogue, model, task, [cluster], precisions=["fp8", "bf16", "nvfp4"])
        times.append(time.process_time() - start)
    rate = found.tried / min(times)
    print(f"{found.tried:,} distinct configurations in {1e3 * min(times):.1f} ms of CPU time: {rate:,.0f} a CPU second")
    print(
        "ratio to AIConfigurator: " + ", ".join(f"{rate / peer:,.0f} (at {peer:.0f} a second)" for peer in PEER_PER_S)
    )
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "polysilicon", "search", "serve", "--help"], capture_output=True, check=True)
    print(f"start-up of the command: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()
