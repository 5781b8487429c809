"""Passes of a serving engine: what is counted once a token, once a pass, and once a chip."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from polysilicon.facts import load
from polysilicon.facts.engines import ServingEngine
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.routing import copies
from polysilicon.performance.serving import Layout
from polysilicon.performance.serving_candidates import Candidates
from polysilicon.performance.serving_engine import interference_s, stay_s
from polysilicon.performance.serving_estimate import ask
from polysilicon.performance.serving_experts import copied_bytes, expert_width
from polysilicon.performance.serving_iteration import dense_weights_bytes
from polysilicon.performance.serving_passes import (
    memory_bytes,
    prefill_parts_s,
    prompt_alone_s,
    prompt_among_others_s,
    token_s,
)
from polysilicon.performance.serving_split import prompt_cache_bytes
from polysilicon.performance.serving_table import evaluate, running, sequences_that_fit
from polysilicon.records.errors import UnknownName
from polysilicon.workloads import Serving, transformer

CHIP = "nvidia-h200-sxm-141gb"


def table(name: str, layout: Layout, prompt: int = 1000, engine: str = "vllm", chip: str = CHIP) -> Candidates:
    model, cluster = transformer(load(), name), Cluster.from_catalogue(load(), chip, layout.chips)
    task = Serving(input_tokens=prompt, output_tokens=100)
    return Candidates.of([ask(load(), model, task, cluster, layout, float(layout.attn_dp), engine)])


def test_short_prompts_read_together_share_what_a_pass_costs() -> None:
    asked = table("qwen3-235b-a22b", Layout(tp=8, precision="fp8"), prompt=128)
    work, alone = prefill_parts_s(asked)
    _, shared = prompt_among_others_s(asked, 64.0)
    assert work < shared < 0.2 * (work + alone)


@given(waiting=st.floats(1.0, 1e4), prompt=st.integers(16, 200_000))
def test_a_prompt_among_others_never_takes_longer_than_alone(waiting: float, prompt: int) -> None:
    asked = table("qwen3-30b-a3b", Layout(tp=2), prompt)
    work, busy = prompt_among_others_s(asked, waiting)
    assert work <= busy <= prompt_alone_s(asked) * (1 + 1e-9)


def test_narrower_slices_of_experts_still_copy_whole_tokens() -> None:
    whole, halves = (table("qwen3-235b-a22b", Layout(tp=8, ep=ep, precision="fp8"), 8000) for ep in (8, 1))
    assert prefill_parts_s(halves)[0] > 1.2 * prefill_parts_s(whole)[0]


@given(hidden=st.integers(1, 20_000), passes=st.floats(0.1, 10), chips=st.sampled_from([1, 2, 8]))
def test_copies_fall_with_the_ranks_that_share_them_and_not_with_slices(hidden: int, passes: float, chips: int) -> None:
    spread = copied_bytes(64.0, hidden, 8.0, expert_width(1536.0, 8.0, 8.0), 8.0, passes)
    sliced = copied_bytes(64.0, hidden, 8.0, expert_width(1536.0, 8.0, 1.0), 1.0, passes)
    assert sliced > spread
    assert copied_bytes(64.0, hidden, 0.0, 0.0, 1.0, passes) == 0.0


@given(experts=st.integers(1, 16), ep=st.integers(1, 256), slices=st.sampled_from([1, 2, 8]))
def test_a_token_goes_to_no_more_chips_than_hold_what_it_chose(experts: int, ep: int, slices: int) -> None:
    sent = float(copies(float(experts), float(ep), float(ep * slices)))
    assert 0.0 < sent <= slices * min(experts, ep) + 1e-9
    assert float(copies(float(experts), 1.0, float(slices))) == slices


def test_an_index_is_whole_on_every_tensor_parallel_rank() -> None:
    gain = {}
    for name in ("deepseek-v3", "deepseek-v3.2"):
        few, many = (prefill_parts_s(table(name, Layout(tp=tp, precision="fp8"), 60_000))[0] for tp in (8, 16))
        gain[name] = float(np.ravel(few)[0] / np.ravel(many)[0])
    assert gain["deepseek-v3.2"] < gain["deepseek-v3"]


@pytest.mark.parametrize(("cache", "element"), [("bf16", 2.0), ("fp8", 1.0)])
def test_an_index_is_kept_in_eight_bits_beside_the_cache_and_sent_with_it(cache: str, element: float) -> None:
    asked = table("deepseek-v3.2", Layout(tp=8, pp=2, precision="fp8", cache=cache), 60_000)
    # A latent vector of 512 + 64 values, an index key of 128 and its scale, in 61 layers; no rank spares either.
    kept = 61 * (element * (512 + 64) + 128 + 4)
    assert memory_bytes(asked)[1] == pytest.approx(60_100 * kept / 2)
    assert prompt_cache_bytes(asked) == pytest.approx(60_000 * kept)


@pytest.mark.parametrize("ahead", [1, 3])
def test_a_layer_that_drafts_takes_the_room_of_one_however_far_ahead_it_drafts(ahead: int) -> None:
    plain, drafted = (
        memory_bytes(table("deepseek-v3", Layout(tp=8, precision="fp8", draft_tokens=one))) for one in (0, ahead)
    )
    assert drafted[1] == pytest.approx(plain[1] * 62 / 61)
    # Its embedding is that of the model.
    embedding = 129_280 * 7168 * 2.0 / 8
    assert drafted[0] == pytest.approx((plain[0] - embedding) * 62 / 61 + embedding)


def test_linear_attention_is_not_read_for_nothing() -> None:
    asked = table("qwen3.5-397b-a17b", Layout(tp=8, precision="fp8"), 8000)
    without = replace(asked.served, linear_flop=0.0 * asked.served.linear_flop, linear_values=0.0)
    assert prefill_parts_s(asked)[0] > 1.02 * prefill_parts_s(replace(asked, served=without))[0]


@given(element=st.sampled_from([0.5625, 1.0, 2.0]))
def test_an_output_head_keeps_its_sixteen_bits(element: float) -> None:
    assert dense_weights_bytes(1e9, 1e5, 1e3, element) == 9e8 * element + 1e8 * 2.0


@pytest.mark.parametrize(
    ("engine", "precision", "asked", "kept"),
    [
        ("vllm", "fp8", "auto", "bf16"),
        ("sglang", "nvfp4", "auto", "bf16"),
        ("trtllm", "fp8", "auto", "fp8"),
        ("trtllm", "bf16", "auto", "bf16"),
        ("vllm", "fp8", "fp8", "fp8"),
        ("trtllm", "fp8", "bf16", "bf16"),
    ],
)
def test_a_cache_is_kept_as_asked_or_as_the_engine_does(engine: str, precision: str, asked: str, kept: str) -> None:
    chip = "nvidia-b200-sxm"
    model, cluster = transformer(load(), "llama-3.1-70b"), Cluster.from_catalogue(load(), chip, 4)
    layout, task = Layout(tp=4, precision=precision, cache=asked), Serving(input_tokens=1000, output_tokens=100)
    assert ask(load(), model, task, cluster, layout, 1.0, engine).cache == kept


def test_a_narrower_cache_holds_twice_as_many() -> None:
    wide, narrow = (
        sequences_that_fit(table("llama-3.1-70b", Layout(tp=4, precision="fp8", cache=one))) for one in ("bf16", "fp8")
    )
    assert narrow == pytest.approx(2.0 * wide)


def test_an_unknown_precision_of_the_cache_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean fp8"):
        Layout(cache="fp6")


@given(prompt=st.integers(100, 20_000), tp=st.sampled_from([2, 4, 8]), pp=st.sampled_from([1, 2]))
def test_fused_reductions_hide_behind_the_products_that_make_them_and_no_further(prompt: int, tp: int, pp: int) -> None:
    plain = table("llama-3.1-70b", Layout(tp=tp, pp=pp), prompt)
    (apart, same), (beside, overhead) = prefill_parts_s(plain), prefill_parts_s(fused(plain))
    made = plain.served.attention_output + plain.served.feed_forward_output
    assert apart - 2.0 * made * prompt / tp / plain.dense_flop_per_s - 1e-12 <= beside < apart
    assert same == overhead


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("llama-3.1-70b", Layout(precision="fp8")),
        ("llama-3.1-70b", Layout(pp=4)),
        ("deepseek-v3", Layout(tp=1, attn_dp=8, ep=8, precision="fp8")),
    ],
)
def test_nothing_is_fused_where_nothing_is_reduced(name: str, layout: Layout) -> None:
    plain = table(name, layout, 4000)
    assert prefill_parts_s(fused(plain))[0] == prefill_parts_s(plain)[0]


def fused(plain: Candidates) -> Candidates:
    return replace(plain, fused_reductions=np.ones(1))


def test_kernels_between_products_take_longer_beside_them_the_more_chips_share_those() -> None:
    share = {}
    for tp in (1, 8):
        asked = table("llama-3.1-8b", Layout(tp=tp), prompt=8000)
        wider = {"memory_bytes_per_s": 1e3 * asked.cluster.memory_bytes_per_s}
        without = replace(asked, cluster=replace(asked.cluster, **wider))
        work, free = (float(np.ravel(prefill_parts_s(one)[0])[0]) for one in (asked, without))
        share[tp] = (work - free) / work
    assert 0.02 < share[1] < share[8] < 0.3


@given(passes=st.integers(1, 100), in_flight=st.just(1.0) | st.floats(1.001, 200.0))
def test_a_first_token_waits_for_the_next_look_half_of_the_passes_between_two(passes: int, in_flight: float) -> None:
    model, cluster = transformer(load(), "deepseek-v3"), Cluster.from_catalogue(load(), CHIP, 8)
    task, layout = Serving(input_tokens=1000, output_tokens=1000), Layout(tp=8, precision="fp8")
    asked = ask(load(), model, task, cluster, layout, in_flight, "sglang")
    often = Candidates.of([asked])
    seldom = Candidates.of([replace(asked, engine=asked.engine.looking(passes))])
    later_ms, others = evaluate(seldom).ttft_ms - evaluate(often).ttft_ms, 1.0 - 1.0 / running(often)
    assert later_ms >= 0.5e3 * (passes - 1) * others * token_s(often, running(often)) * (1 - 1e-9) - 1e-9
    assert evaluate(seldom).tpot_ms == evaluate(often).tpot_ms
    # Nobody decodes beside a lone request: it is seen at once.
    assert later_ms == 0.0 if passes == 1 or in_flight == 1.0 else later_ms > 0.0


@pytest.mark.parametrize(
    ("version", "precision", "cache"), [("0.17.0", "nvfp4", "fp8"), ("0.12.0", "nvfp4", "bf16"), ("", "fp8", "bf16")]
)
def test_vllm_keeps_a_cache_as_a_checkpoint_states_it_since_it_reads_that(
    version: str, precision: str, cache: str
) -> None:
    model, cluster = transformer(load(), "kimi-k2.5"), Cluster.from_catalogue(load(), "nvidia-b200-sxm", 8)
    asked = ask(load(), model, Serving(1000, 1000), cluster, Layout(tp=8, precision=precision), 8.0, "vllm")
    engine = load().get(ServingEngine, "vllm").released(version)
    assert replace(asked, engine=engine).cache == cache


def test_launches_of_linear_attention_cost_a_pass_over_a_prompt_whatever_its_size() -> None:
    asked = table("qwen3.5-397b-a17b", Layout(tp=8, ep=8, precision="fp8"), engine="sglang")
    plain = replace(asked, share=asked.share | {"linear_launches": 0.0 * asked.tp})
    (work, once), (same, less) = prefill_parts_s(asked), prefill_parts_s(plain)
    linear = transformer(load(), "qwen3.5-397b-a17b").linear_layers
    launches_s = asked.engine["eager_us"] * asked.share["linear_launches"] * linear * 1e-6
    assert work == same
    assert once - less == pytest.approx(launches_s)
    dense = table("llama-3.1-70b", Layout(tp=8), engine="sglang")
    assert prefill_parts_s(dense) == prefill_parts_s(replace(dense, share=dense.share | {"linear_launches": dense.tp}))


@pytest.mark.parametrize("engine", ["sglang", "mindie"])
def test_prompts_with_passes_of_their_own_hide_nothing_behind_decoding(engine: str) -> None:
    alone, beside = table("qwen3-32b", Layout(tp=4), engine=engine), table("qwen3-32b", Layout(tp=4))
    assert (alone.engine["interference"], alone.engine["separate"]) == (1.0, 1.0)
    assert beside.engine["separate"] < 1.0


@given(
    answer=st.integers(1, 10_000),
    running=st.floats(1.0, 1e4),
    prompt_s=st.floats(1e-6, 1e3),
    decode_s=st.floats(1e-6, 1.0),
)
def test_while_a_request_holds_its_place_the_prompts_of_all_that_run_are_read(
    answer: int, running: float, prompt_s: float, decode_s: float
) -> None:
    token_s = decode_s + interference_s(prompt_s, running, float(answer), 1.0, 1.0, 0.0)
    stay = stay_s(prompt_s, token_s, float(answer), running, 1.0, 1.0)
    read_s = prompt_s * running
    decoding_s = answer * decode_s if answer > 1 else 0.0
    assert read_s * (1 - 1e-9) <= stay <= (read_s + decoding_s) * (1 + 1e-9)


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm", "mindie", "mlperf"])
@pytest.mark.parametrize("in_process", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_every_engine_has_overheads_however_it_is_driven_and_reads_prompts(
    engine: str, in_process: bool, first: bool
) -> None:
    model, cluster = transformer(load(), "qwen3-8b"), Cluster.from_catalogue(load(), CHIP, 1)
    asked = ask(load(), model, Serving(input_tokens=100, output_tokens=10), cluster, Layout(), 4.0, engine)
    told = replace(asked, engine=structs.replace(asked.engine, prompts_first=first), in_process=in_process)
    assert np.all(np.isfinite(evaluate(Candidates.of([told])).tpot_ms))
