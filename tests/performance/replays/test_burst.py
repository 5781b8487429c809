"""All requests at once: the analytic figures are those of the event simulation."""

import numpy as np
import pytest

from polysilicon.facts import load
from polysilicon.performance import Cluster, replay
from polysilicon.performance.replays.traffic import alike
from polysilicon.performance.serving import Layout
from polysilicon.performance.serving_candidates import Candidates
from polysilicon.performance.serving_estimate import ask
from polysilicon.performance.serving_table import evaluate
from polysilicon.workloads import Serving, transformer


@pytest.mark.parametrize(
    ("model", "chip", "layout", "engine", "requests", "prompt", "answer"),
    [
        # Held by memory, by the engine's chunk, and by neither.
        ("qwen3-14b", "nvidia-a100-sxm-80gb", Layout(), "vllm", 500, 2000, 100),
        ("qwen3-14b", "nvidia-a100-sxm-80gb", Layout(), "trtllm", 500, 4000, 200),
        ("glm-4.5", "nvidia-h200-sxm-141gb", Layout(tp=8), "vllm", 500, 2000, 100),
        ("deepseek-v3", "nvidia-h200-sxm-141gb", Layout(tp=8, precision="fp8"), "sglang", 300, 2000, 100),
        # A few more than find a place, half a wave more, two waves, many.
        *(("llama-3.1-70b", "nvidia-h100-sxm-80gb", Layout(tp=4), "vllm", one, 1000, 1000) for one in (250, 355, 474)),
        *(("llama-3.1-70b", "nvidia-h100-sxm-80gb", Layout(tp=4), "sglang", one, 500, 500) for one in (498, 711, 3797)),
    ],
)
def test_a_burst_is_over_when_the_simulation_is(
    model: str, chip: str, layout: Layout, engine: str, requests: int, prompt: int, answer: int
) -> None:
    described, cluster = transformer(load(), model), Cluster.from_catalogue(load(), chip, layout.chips)
    task = Serving(input_tokens=prompt, output_tokens=answer)
    told = evaluate(Candidates.of([ask(load(), described, task, cluster, layout, float(requests), engine)]), "burst")
    made = replay(load(), described, alike(prompt, answer, requests, 1e8, 0), cluster, layout, engine=engine)
    through = made.rates.tokens_per_s_per_chip.value
    assert float(np.ravel(told.ttft_ms)[0]) == pytest.approx(made.latency.ttft_ms.mean.value, rel=0.12)
    assert float(np.ravel(told.tpot_ms)[0]) == pytest.approx(made.latency.tpot_ms.mean.value, rel=0.12)
    assert float(np.ravel(told.tokens_per_s_per_chip)[0]) == pytest.approx(through, rel=0.12)
