"""How many requests a replay gets through in a second of CPU time, beside Vidur.

    python benchmarks/replay.py                          a million requests on 64 replicas, by each routing
    python benchmarks/replay.py --requests 100000        as many as you like
    python benchmarks/replay.py --trace trace.jsonl.gz   laps of a trace of yours

The model is Llama 3.1 70B on eight H100s a replica. Arrivals are laps of the published Azure and Mooncake traces in
`examples/traces`, sped up so that the replicas are busy: some 5 requests a second and replica of the short ones, 0.4 of
the long ones. CPU time is this process's: the event loop alone, and with reading and summing up; the compiler's time is
told apart. Vidur's figure is of 4,096 requests on one replica, its predictors cached, plots and traces not written.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from polysilicon.facts import load
from polysilicon.performance import Cluster
from polysilicon.performance.replays import compiling
from polysilicon.performance.replays.assembly import ROUTINGS, Policies, assemble
from polysilicon.performance.replays.pass_costs import PassCosts
from polysilicon.performance.replays.replay import replay
from polysilicon.performance.replays.running import run
from polysilicon.performance.replays.trace import read_trace
from polysilicon.performance.replays.traffic import Traffic, alike
from polysilicon.performance.serving import Layout
from polysilicon.performance.serving_estimate import ask
from polysilicon.workloads import Serving, transformer

TRACES = Path(__file__).parents[1] / "examples" / "traces"
# Requests a second and replica at which each trace keeps the replicas busy without a queue that grows.
RATES = {"azure_llm_2023_conversation.csv.gz": 5.0, "mooncake_fast25_conversation.jsonl.gz": 0.4}
# Requests that Vidur simulates in a second of CPU time: Llama-2-70B on A100s, tp 2, Splitwise's conversation trace at 1
# request a second, measured on one core of an AMD EPYC at its last commit of 2024-11-19 (github.com/microsoft/vidur).
VIDUR_PER_CPU_S = 531.0


def questions(requests: int, replicas: int, trace: Path | None) -> list[tuple[str, Traffic]]:
    """The traffic of each problem, with its name."""
    made = [("equal requests", alike(1000, 200, requests, 5.0 * replicas, 0))]
    for path in [trace] if trace else [TRACES / name for name in RATES]:
        laps = read_trace(path).traffic.of_length(requests)
        made.append((path.name, laps.faster(RATES.get(path.name, 1.0) * replicas / laps.requests_per_s)))
    return made


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--replicas", type=int, default=64)
    parser.add_argument("--trace", type=Path)
    options = parser.parse_args()
    catalogue, layout = load(), Layout(tp=8)
    model, chips = transformer(catalogue, "llama-3.1-70b"), Cluster.from_catalogue(catalogue, "nvidia-h100-sxm-80gb", 8)
    costs = PassCosts(ask(catalogue, model, Serving(1, 1), chips, layout, 1.0, "vllm"))
    kept, before = compiling.kept(), time.process_time()
    compiling.compiled(assemble(alike(1, 1, 1, 1.0, 0), costs, Policies()))
    print(f"{'loading compiled code' if kept else 'compiling'}: {time.process_time() - before:.1f} CPU s")
    for name, traffic in questions(options.requests, options.replicas, options.trace):
        for routing in ROUTINGS:
            policies = Policies(options.replicas, routing)
            cluster = assemble(traffic, costs, policies)
            before = time.process_time()
            run(cluster, kernel_of=compiling.compiled)
            spent = time.process_time() - before
            busy = np.mean(cluster.replicas["busy_s"]) / np.nanmax(cluster.requests["finish_s"])
            speed = len(traffic) / spent
            print(
                f"{name:>37}, {routing:>15}: {len(traffic):,} on {options.replicas} replicas, {busy:.0%} busy: "
                f"{spent:.2f} CPU s, {speed:,.0f} a CPU second, {speed / VIDUR_PER_CPU_S:,.0f} times Vidur's"
            )
        before = time.process_time()
        made = replay(catalogue, model, traffic, chips, layout, policies=Policies(options.replicas))
        spent = time.process_time() - before
        print(f"{name:>37}, summed up, least-loaded: {made.counts.completed:,} completed, {spent:.2f} CPU s in all")


if __name__ == "__main__":
    main()
