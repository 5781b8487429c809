"""Serving estimates: laws that hold whatever the fitted figures are."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.serving import Layout, estimate_serving, explain_serving, search_serving
from polysilicon.performance.serving_candidates import Candidates
from polysilicon.performance.serving_estimate import ask
from polysilicon.performance.serving_experts import as_slowly, touched_share
from polysilicon.performance.serving_iteration import cache_bytes_per_sequence, reach_tokens, tokens_out_of_pass
from polysilicon.performance.serving_model import Served
from polysilicon.performance.serving_search import layouts
from polysilicon.performance.serving_table import evaluate
from polysilicon.records.errors import InputError, NothingFits, Unsupported
from polysilicon.records.recorder import Step
from polysilicon.workloads import Serving, Transformer, transformer

TASK = Serving(input_tokens=2000, output_tokens=500)


def model(name: str = "llama-3.1-70b") -> Transformer:
    return transformer(load(), name)


def cluster(chip: str = "nvidia-h100-sxm-80gb", chips: int = 8) -> Cluster:
    return Cluster.from_catalogue(load(), chip, chips)


def test_the_cache_of_grouped_heads_is_counted_to_the_byte() -> None:
    sizes = Served.of(model("llama-3.1-8b"))
    # Keys and values of 8 heads of 128 in 32 layers, two bytes each.
    assert cache_bytes_per_sequence(1.0, sizes.cache_values, 2.0, 0.0) == 2 * 8 * 128 * 32 * 2


def test_the_cache_of_latent_attention_is_one_vector_a_layer() -> None:
    sizes = Served.of(model("deepseek-v3"))
    assert sizes.cache_values == (512 + 64) * 61
    assert sizes.cache_shards == 1.0


def test_windows_bound_what_is_read() -> None:
    sizes = Served.of(model("gpt-oss-120b"))
    shares = sizes.index_share, sizes.index_ratio, sizes.whole_share, sizes.whole_ratio
    reach = reach_tokens(10_000.0, sizes.shape.window, sizes.shape.windowed_share, sizes.index_tokens, *shares)
    assert float(reach) == pytest.approx(0.5 * 128 + 0.5 * 10_000)


def test_a_sparse_index_bounds_what_is_read() -> None:
    sizes = Served.of(model("deepseek-v3.2"))
    shares = sizes.index_share, sizes.index_ratio, sizes.whole_share, sizes.whole_ratio
    assert float(reach_tokens(50_000.0, 0.0, 0.0, sizes.index_tokens, *shares)) == 2048


@given(tokens=st.floats(0.5, 1e6), experts=st.integers(2, 512))
def test_touched_experts_are_a_share_that_grows_with_tokens(tokens: float, experts: int) -> None:
    share = float(touched_share(tokens, float(experts), 2.0))
    assert 0.0 < share <= 1.0
    assert float(touched_share(tokens * 2, float(experts), 2.0)) >= share


@given(evenness=st.floats(0.01, 1.0), experts=st.integers(8, 512), chosen=st.integers(1, 8))
def test_a_lone_token_reads_every_expert_that_it_chooses(evenness: float, experts: int, chosen: int) -> None:
    assert float(touched_share(1.0, experts, chosen, evenness)) == pytest.approx(chosen / experts)


@given(width=st.floats(1.0, 50_000.0), half=st.floats(0.0, 5_000.0))
def test_narrower_slices_of_experts_are_never_faster_and_half_as_fast_at_half_width(width: float, half: float) -> None:
    taken = float(as_slowly(1.0, width, half))
    assert 1.0 <= taken <= float(as_slowly(1.0, width / 2.0, half))
    assert float(as_slowly(1.0, max(half, 1.0), max(half, 1.0))) == pytest.approx(2.0)


def test_one_candidate_is_a_table_of_length_one() -> None:
    chips = cluster()
    layouts = [Layout(tp=8), Layout(tp=4), Layout(tp=4, pp=2)]
    table = evaluate(Candidates.of([ask(load(), model(), TASK, chips, one, 16.0, "vllm") for one in layouts]))
    for at, layout in enumerate(layouts):
        alone = estimate_serving(load(), model(), TASK, chips, layout, concurrency=16)
        assert alone.tpot_ms.value == pytest.approx(float(np.asarray(table.tpot_ms)[at]), rel=1e-12)
        assert alone.ttft_ms.value == pytest.approx(float(np.asarray(table.ttft_ms)[at]), rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(faster=st.floats(1.0, 4.0), concurrency=st.sampled_from([1, 8, 64]))
def test_more_bandwidth_never_slows_a_token(faster: float, concurrency: int) -> None:
    chips = cluster()
    quick = replace(chips, memory_bytes_per_s=chips.memory_bytes_per_s * faster)
    before = estimate_serving(load(), model(), TASK, chips, Layout(tp=8), concurrency=concurrency)
    after = estimate_serving(load(), model(), TASK, quick, Layout(tp=8), concurrency=concurrency)
    assert after.tpot_ms.value <= before.tpot_ms.value * (1 + 1e-12)
    assert after.ttft_ms.value <= before.ttft_ms.value * (1 + 1e-12)


@settings(max_examples=25, deadline=None)
@given(power=st.integers(0, 10), name=st.sampled_from(["llama-3.1-8b", "qwen3-30b-a3b", "gpt-oss-20b"]))
def test_more_requests_in_flight_never_lower_a_chips_throughput_while_they_fit(power: int, name: str) -> None:
    chips = cluster("nvidia-b200-sxm", 1)
    few = estimate_serving(load(), model(name), TASK, chips, Layout(), concurrency=2**power)
    more = estimate_serving(load(), model(name), TASK, chips, Layout(), concurrency=2 ** (power + 1))
    if more.running == more.concurrency:
        assert more.tokens_per_s_per_chip.value >= few.tokens_per_s_per_chip.value * (1 - 1e-9)
    assert more.tpot_ms.value >= few.tpot_ms.value * (1 - 1e-9)


@settings(max_examples=20, deadline=None)
@given(longer=st.integers(1, 8))
def test_a_longer_prompt_never_comes_sooner(longer: int) -> None:
    short = estimate_serving(load(), model(), TASK, cluster(), Layout(tp=8), concurrency=4)
    task = Serving(input_tokens=TASK.input_tokens * longer, output_tokens=TASK.output_tokens)
    long = estimate_serving(load(), model(), task, cluster(), Layout(tp=8), concurrency=4)
    assert long.ttft_ms.value >= short.ttft_ms.value


def test_the_interval_holds_the_figure() -> None:
    found = estimate_serving(load(), model(), TASK, cluster(), Layout(tp=8), concurrency=32)
    for figure in (found.tpot_ms, found.ttft_ms, found.tokens_per_s_per_chip):
        assert 0 < figure.low <= figure.value <= figure.high


def test_what_does_not_fit_says_how_much_is_missing() -> None:
    with pytest.raises(NothingFits, match=r"needs .* GiB a chip .* usable"):
        estimate_serving(load(), model(), TASK, cluster(), Layout(tp=1), concurrency=1)


def test_heads_that_do_not_divide_are_unsupported() -> None:
    with pytest.raises(Unsupported, match="do not divide"):
        estimate_serving(load(), model("qwen3-14b"), TASK, cluster(), Layout(tp=16), concurrency=1)


@pytest.mark.parametrize("concurrency", [0, -3, float("nan"), 1e12])
def test_a_senseless_concurrency_is_refused(concurrency: float) -> None:
    with pytest.raises(InputError, match=r"concurrency: .*allowed: above 0, up to 1,000,000,000"):
        estimate_serving(load(), model(), TASK, cluster(), Layout(tp=8), concurrency=concurrency)


def test_an_unknown_engine_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="vllm"):
        estimate_serving(load(), model(), TASK, cluster(), Layout(tp=8), concurrency=1, engine="orca")


@pytest.mark.parametrize("figure", ["tpot_ms", "ttft_ms", "tokens_per_s_per_chip"])
@pytest.mark.parametrize("name", ["llama-3.1-70b", "deepseek-v3", "deepseek-v4-flash"])
def test_the_explanation_ends_in_the_printed_figure(figure: str, name: str) -> None:
    chips, layout = cluster("nvidia-h200-sxm-141gb"), Layout(tp=8, ep=8 if model(name).experts else 1, precision="fp8")
    root = explain_serving(load(), model(name), TASK, chips, layout, concurrency=16, figure=figure)  # type: ignore[arg-type]
    printed = estimate_serving(load(), model(name), TASK, chips, layout, concurrency=16)
    assert root.value == getattr(printed, figure).value
    assert root.inputs


def steps(root: Step) -> Iterator[Step]:
    yield root
    for one in (*root.inputs, *root.within):
        yield from steps(one)


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
def test_what_an_engine_leaves_of_memory_and_reads_of_weights_names_its_records(engine: str) -> None:
    question = load(), model(), TASK, cluster(), Layout(tp=8)
    root = explain_serving(*question, concurrency=64, engine=engine)
    for formula in ("usable_bytes", "profiled_bytes", "weight_traffic_bytes"):
        found = next(one for one in steps(root) if one.name == formula)
        # Noughts and ones are of what is not there.
        leaves = [one for one in steps(found) if not one.inputs and one.value not in (0.0, 1.0)]
        assert leaves
        assert all(one.source for one in leaves), [one.name for one in leaves if not one.source]


def test_without_a_load_the_largest_that_meets_the_targets_is_taken() -> None:
    task = Serving(input_tokens=1000, output_tokens=200, ttft_ms=3000, tpot_ms=40)
    found = estimate_serving(load(), model(), task, cluster(), Layout(tp=8))
    assert not found.misses
    assert found.tpot_ms.value <= 40
    assert found.replicas(1.0) >= 1


def test_the_best_meets_the_targets_and_beats_every_other() -> None:
    task = Serving(input_tokens=2000, output_tokens=500, ttft_ms=2000, tpot_ms=50)
    found = search_serving(load(), model(), task, [cluster()])
    assert found.best.fits
    assert found.best.tpot_ms.value <= 50
    speeds = list(found.top.columns["tokens_per_s_per_chip"])
    assert speeds == sorted(speeds, reverse=True)
    assert found.best.tokens_per_s_per_chip.value == speeds[0]


def test_every_row_of_a_search_carries_the_interval_that_the_same_question_gets_alone() -> None:
    task = Serving(input_tokens=2000, output_tokens=500, tpot_ms=50)
    pools = [cluster(), cluster("huawei-ascend-910c")]
    for one in search_serving(load(), model(), task, pools).each.rows():
        pool = next(other for other in pools if other.chip == one["chip"])
        layout = Layout(tp=one["tp"], pp=one["pp"], precision=one["precision"])
        alone = estimate_serving(load(), model(), task, pool, layout, concurrency=one["concurrency"])
        for name in ("ttft_ms", "tpot_ms", "tokens_per_s_per_chip"):
            got = getattr(alone, name)
            assert (one[f"{name}_low"], one[f"{name}_high"]) == pytest.approx((got.low, got.high))
        assert bool(one["doubts"]) == bool(alone.doubts)


@pytest.mark.parametrize(
    ("name", "chip"), [("glm-4.5-air", "nvidia-h20-141gb"), ("mixtral-8x22b", "nvidia-h200-sxm-141gb")]
)
def test_no_way_to_lay_experts_beats_the_best_that_is_found(name: str, chip: str) -> None:
    task, mixture = Serving(input_tokens=100, output_tokens=600, tpot_ms=60), model(name)
    best = search_serving(load(), mixture, task, [cluster(chip, 4)]).best
    for tp, attn_dp, ep in ((tp, 4 // tp, ep) for tp in (1, 2, 4) for ep in (1, 2, 4)):
        found = estimate_serving(load(), mixture, task, cluster(chip, 4), Layout(tp=tp, attn_dp=attn_dp, ep=ep))
        if not found.misses:
            assert found.tokens_per_s_per_chip.value <= best.tokens_per_s_per_chip.value * (1 + 1e-9), found.layout


def test_experts_are_spread_in_parts_that_divide_the_chips() -> None:
    assert model("deepseek-v2").experts == 160
    for one in layouts(model("deepseek-v2"), 512, ["bf16"]):
        assert (one.tp * one.attn_dp) % one.ep == 0


def test_a_chip_that_is_known_to_compute_in_8_bits_alone_is_searched_with_a_cache_in_8_bits() -> None:
    narrow = replace(cluster(), peak_flop_per_s={"fp8": 2e15})
    task = Serving(input_tokens=1000, output_tokens=100)
    best = search_serving(load(), model(), task, [narrow], precisions=["fp8"], cache="fp8").best
    told = estimate_serving(load(), model(), task, narrow, best.layout, concurrency=best.concurrency)
    assert best.tokens_per_s_per_chip == told.tokens_per_s_per_chip
    with pytest.raises(InputError, match="--kv-precision"):
        search_serving(load(), model(), task, [narrow], precisions=["fp8"])


@pytest.mark.parametrize(("precision", "option"), [("fp8", "--kv-precision"), ("bf16", " --precision")])
def test_a_peak_that_nobody_states_is_told_with_what_needs_it(precision: str, option: str) -> None:
    narrow = replace(cluster(), peak_flop_per_s={"fp8": 2e15})
    task = Serving(input_tokens=1000, output_tokens=100)
    with pytest.raises(InputError, match=f"nvidia-h100-sxm-80gb: no matrix peak .* in bf16.*allowed: fp8.*{option}"):
        estimate_serving(load(), model(), task, narrow, Layout(tp=8, precision=precision), concurrency=1)


@pytest.mark.parametrize(("prompt", "said"), [(40_000, False), (40_960, True)])
def test_a_request_longer_than_the_model_allows_says_so(prompt: int, said: bool) -> None:
    task = Serving(input_tokens=prompt, output_tokens=500)
    why = estimate_serving(load(), model("qwen3-32b"), task, cluster(), Layout(tp=8), concurrency=1).outside
    assert any("qwen3-32b states 40,960 positions" in one for one in why) == said


def test_no_deployment_is_listed_for_the_length_of_its_queue() -> None:
    task = Serving(input_tokens=1000, output_tokens=200)
    found = search_serving(load(), model(), task, [cluster()], top=1000)
    for one in found.top.rows():
        layout = Layout(tp=one["tp"], pp=one["pp"], precision=one["precision"])
        got = estimate_serving(load(), model(), task, cluster(), layout, concurrency=one["concurrency"])
        assert got.concurrency <= got.running
    alone = estimate_serving(load(), model(), task, cluster(), Layout(tp=8))
    assert alone.concurrency <= alone.running


@pytest.mark.parametrize("tp", [0, 1_000_000])
def test_a_degree_is_refused_with_what_is_allowed(tp: int) -> None:
    with pytest.raises(InputError, match=r"tp: .*a whole number from 1 to 4096"):
        Layout(tp=tp)


def test_nothing_on_the_front_is_beaten_in_both_ways() -> None:
    rows = list(search_serving(load(), model("qwen3-30b-a3b"), TASK, [cluster()]).front.rows())
    for one in rows:
        for other in rows:
            assert not (
                other["tokens_per_s_per_chip"] > one["tokens_per_s_per_chip"]
                and other["tokens_per_s_per_user"] > one["tokens_per_s_per_user"]
            )


@settings(max_examples=15, deadline=None)
@given(chips=st.integers(1, 24), more=st.integers(0, 24), name=st.sampled_from(["qwen3-32b", "qwen3-30b-a3b"]))
def test_a_larger_budget_never_lowers_the_best(chips: int, more: int, name: str) -> None:
    pool = cluster(chips=64)
    task = Serving(input_tokens=1000, output_tokens=200)
    try:
        few = search_serving(load(), model(name), task, [pool], most_chips=chips)
    except NothingFits:
        return
    many = search_serving(load(), model(name), task, [pool], most_chips=chips + more)
    assert many.best.tokens_per_s_per_chip.value >= few.best.tokens_per_s_per_chip.value


def test_an_impossible_target_names_the_nearest_miss() -> None:
    task = Serving(input_tokens=2000, output_tokens=500, tpot_ms=0.01)
    with pytest.raises(NothingFits, match=r"nearest: .* TPOT"):
        search_serving(load(), model(), task, [cluster()])


def test_too_little_memory_names_the_nearest_miss() -> None:
    with pytest.raises(NothingFits, match="GiB"):
        search_serving(load(), model("deepseek-v3"), TASK, [cluster()])


@given(draft=st.integers(0, 8), chance=st.floats(0.0, 1.0))
def test_a_pass_yields_between_one_token_and_all_that_were_drafted(draft: int, chance: float) -> None:
    gained = float(tokens_out_of_pass(float(draft), chance))
    assert 1.0 - 1e-12 <= gained <= draft + 1.0 + 1e-6


def test_drafts_that_are_all_accepted_speed_a_lone_user_up_and_those_refused_slow_it_down() -> None:
    layouts = [Layout(tp=8), Layout(tp=8, draft_tokens=2, acceptance=1.0), Layout(tp=8, draft_tokens=2)]
    asked = [ask(load(), model(), TASK, cluster(), layout, 1.0, "vllm") for layout in layouts]
    none, all_kept, all_refused = np.asarray(evaluate(Candidates.of(asked)).tpot_ms)
    assert all_kept < none / 2
    assert all_refused > none


@pytest.mark.parametrize("senseless", [{"draft_tokens": -1}, {"draft_tokens": 99}, {"acceptance": 1.5}])
def test_drafts_that_can_not_be_are_refused(senseless: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"draft_tokens|acceptance"):
        Layout(**senseless)


def test_equal_lengths_run_in_step_where_prompts_are_read_first() -> None:
    asked = [
        replace(ask(load(), model(), TASK, cluster(), Layout(tp=8), 64.0, engine), varied=varied)
        for engine in ("sglang", "vllm")
        for varied in (True, False)
    ]
    first_ms = np.asarray(evaluate(Candidates.of(asked)).ttft_ms)
    assert first_ms[1] > first_ms[0]
    assert first_ms[3] == first_ms[2]
