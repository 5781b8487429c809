"""No figure and no end of an interval lies beyond what the hardware of its record can do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.serving import Layout, estimate_serving, search_serving
from polysilicon.performance.serving_estimate import ask
from polysilicon.performance.serving_formats import computed_in
from polysilicon.performance.serving_limits import limits_of
from polysilicon.workloads import Serving, transformer

LLAMA = transformer(load(), "llama-3.1-8b")
H100 = Cluster.from_catalogue(load(), "nvidia-h100-sxm-80gb", 8)


def chip(name: str) -> Cluster:
    return Cluster.from_catalogue(load(), name, 1)


def prompt_flop(tokens: float) -> float:
    """Least arithmetic of a prompt: two operations a weight and token, but for the embedding, which is looked up."""
    weights = LLAMA.layers * (
        LLAMA.hidden * (LLAMA.heads + 2 * LLAMA.kv_heads) * LLAMA.head_dim
        + LLAMA.heads * LLAMA.head_dim * LLAMA.hidden
        + 3 * LLAMA.hidden * LLAMA.ffn_hidden
    )
    return 2.0 * weights * tokens


@settings(max_examples=25, deadline=None)
@given(
    prompt=st.sampled_from([512, 4096, 32768]),
    answer=st.sampled_from([1, 2, 4, 16, 128]),
    asked=st.sampled_from([1, 8, 64, 256, 4096]),
    engine=st.sampled_from(["vllm", "sglang", "trtllm", "mindie"]),
)
def test_prompts_are_never_read_faster_than_the_peak_allows(prompt: int, answer: int, asked: int, engine: str) -> None:
    task = Serving(input_tokens=prompt, output_tokens=answer)
    found = estimate_serving(load(), LLAMA, task, H100, Layout(tp=1), concurrency=asked, engine=engine)
    prompts_per_s = found.tokens_per_s_per_chip.high / answer
    assert prompts_per_s * prompt_flop(prompt) <= float(H100.peak_flop_per_s["bf16"]) * (1 + 1e-9)
    assert found.ttft_ms.low / 1e3 * float(H100.peak_flop_per_s["bf16"]) >= prompt_flop(prompt)


def test_cutting_experts_narrower_leaves_their_least_arithmetic_as_it_is() -> None:
    model = transformer(load(), "qwen3-235b-a22b")
    first_ms = [
        float(limits_of([ask(load(), model, Serving(2048, 64), H100, Layout(tp=tp), 1.0, "vllm")]).ttft_ms[0])
        for tp in (1, 8)
    ]
    assert 8 * first_ms[1] == pytest.approx(first_ms[0], rel=1e-6)


@pytest.mark.parametrize("name", ["nvidia-l4", "nvidia-h100-sxm-80gb", "amd-mi300x", "huawei-ascend-910b3"])
def test_a_token_takes_at_least_the_time_of_reading_the_weights(name: str) -> None:
    found = estimate_serving(load(), LLAMA, Serving(1024, 256), chip(name), Layout(tp=1), concurrency=1)
    assert found.tpot_ms.low / 1e3 >= 2 * 7.5e9 / float(chip(name).memory_bytes_per_s)
    assert found.tpot_ms.low <= found.tpot_ms.value <= found.tpot_ms.high


def test_what_waits_does_not_lift_throughput() -> None:
    """Memory holds one or two such prompts: four times as many in flight can't be answered any faster."""
    task = Serving(input_tokens=32768, output_tokens=64)
    rates = [
        estimate_serving(load(), LLAMA, task, chip("nvidia-l4"), Layout(tp=1), concurrency=asked).tokens_per_s_per_chip
        for asked in (64, 256)
    ]
    assert rates[1].value == pytest.approx(rates[0].value, rel=0.02)
    assert rates[1].value * 32768 / 64 * 2 * 7e9 < float(chip("nvidia-l4").peak_flop_per_s["bf16"])


def test_a_sequence_needs_room_on_one_rank_whatever_the_others_have_left() -> None:
    mixtral = transformer(load(), "mixtral-8x22b")
    h200 = Cluster.from_catalogue(load(), "nvidia-h200-sxm-141gb", 8)
    found = search_serving(load(), mixtral, Serving(input_tokens=1_000_000, output_tokens=100), [h200])
    assert found.best.memory_gib <= 141
    assert max(found.top.columns["memory_gib"]) <= 141
    assert max(found.front.columns["memory_gib"]) <= 141


def test_an_answer_of_one_token_is_held_to_no_time_per_later_token() -> None:
    task = Serving(input_tokens=2048, output_tokens=1)
    hard = Serving(input_tokens=2048, output_tokens=1, tpot_ms=0.001)
    best = [
        search_serving(load(), LLAMA, one, [chip("nvidia-h100-sxm-80gb")]).best.tokens_per_s_per_chip
        for one in (task, hard)
    ]
    assert best[0] == best[1]
    assert search_serving(load(), LLAMA, task, [chip("nvidia-h100-sxm-80gb")]).best.to_dict()["tpot_ms"] is None


def test_a_format_that_the_chip_computes_slowly_is_widened_to_one_that_it_computes_fast() -> None:
    """The B300 line keeps a token rate for whole numbers: eight-bit weights are then multiplied in bf16."""
    gb300 = Cluster.from_catalogue(load(), "nvidia-gb300", 1).peak_flop_per_s
    assert gb300["int8"] < gb300["bf16"]
    assert computed_in("int8", gb300) == "bf16"
    assert computed_in("fp8", gb300) == "fp8"
    assert computed_in("bf16", gb300) == "bf16"


def test_one_chip_rests_on_no_link() -> None:
    """The same deployment has the same interval, whatever the budget that it was found in."""
    mi300a = [Cluster.from_catalogue(load(), "amd-mi300a", chips) for chips in (1, 8)]
    one, other = (
        estimate_serving(load(), LLAMA, Serving(1024, 256), cluster, Layout(tp=1), concurrency=8) for cluster in mi300a
    )
    assert (one.ttft_ms, one.doubts) == (other.ttft_ms, other.doubts)
