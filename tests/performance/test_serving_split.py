"""Prompts read and answers decoded apart: laws of the two stages, and of the search over pairs of chips."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.facts.hardware import Chip
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.performance.serving import Layout, SplitEstimate, search_serving, search_split
from polysilicon.performance.serving_candidates import Candidates
from polysilicon.performance.serving_estimate import ask
from polysilicon.performance.serving_split import Split, SplitFigures, evaluate, prompt_cache_bytes, queue_s
from polysilicon.performance.serving_split_search import Workers
from polysilicon.performance.serving_table import evaluate as evaluate_together
from polysilicon.records.errors import InputError, NothingFits
from polysilicon.workloads import Serving, Transformer, transformer

TASK = Serving(input_tokens=4000, output_tokens=500)
H100, H200, ASCEND = "nvidia-h100-sxm-80gb", "nvidia-h200-sxm-141gb", "huawei-ascend-910c"
H20, OLDER_ASCEND = "nvidia-h20-96gb", "huawei-ascend-910b2"


def model(name: str = "llama-3.1-70b") -> Transformer:
    return transformer(load(), name)


def cluster(chip: str = H100, chips: int = 8) -> Cluster:
    return Cluster.from_catalogue(load(), chip, chips)


def split(
    in_flight: float, prefill: float = 2.0, decode: float = 2.0, link: float = 50e9, one: str = H100, other: str = H100
) -> Split:
    tables = [
        Candidates.of([ask(load(), model(), TASK, cluster(chip), Layout(tp=8), in_flight, "vllm")])
        for chip in (one, other)
    ]
    columns = [np.array([value]) for value in (prefill, decode, in_flight, link)]
    return Split(*tables, *columns)


def at(figures: SplitFigures, name: str) -> float:
    return float(np.ravel(getattr(figures, name))[0])


@settings(max_examples=20, deadline=None)
@given(in_flight=st.floats(1.0, 4000.0), prefill=st.integers(1, 8), decode=st.integers(1, 8))
def test_what_is_in_flight_is_what_both_stages_hold(in_flight: float, prefill: int, decode: int) -> None:
    found = evaluate(split(in_flight, prefill, decode))
    stay_s = (at(found, "ttft_ms") + TASK.output_tokens * at(found, "tpot_ms")) / 1e3
    held = at(found, "requests_per_s") * stay_s
    # Handling a request holds no place; waiting for a prefill worker by chance is on top of the closed loop.
    assert held >= in_flight * (1 - 1e-6) or in_flight < 2


@settings(max_examples=20, deadline=None)
@given(in_flight=st.floats(8.0, 2000.0))
def test_more_workers_never_answer_fewer_requests(in_flight: float) -> None:
    few, many = (at(evaluate(split(in_flight, count, count)), "requests_per_s") for count in (1.0, 2.0))
    assert many >= few * (1 - 1e-9)


def test_too_few_prefill_workers_set_the_rate_and_the_first_token_waits() -> None:
    starved, fed = (evaluate(split(512.0, count, 8.0)) for count in (1.0, 16.0))
    assert at(starved, "prefill_busy") == pytest.approx(1.0, rel=1e-6)
    assert at(starved, "requests_per_s") < at(fed, "requests_per_s")
    assert at(starved, "ttft_ms") > at(fed, "ttft_ms")


def test_a_slower_link_only_delays_the_first_token() -> None:
    near, far = (evaluate(split(4.0, link=link)) for link in (400e9, 4e9))
    assert at(far, "ttft_ms") > at(near, "ttft_ms")
    assert at(far, "transfer_s") == pytest.approx(100 * at(near, "transfer_s"))


def test_the_cache_that_is_sent_is_that_of_the_prompt() -> None:
    sent = float(np.ravel(prompt_cache_bytes(split(1.0).prefill))[0])
    # Keys and values of 8 heads of 128 in 80 layers, in two bytes, for each token.
    assert sent == 4000 * 2 * 8 * 128 * 80 * 2


def test_decoding_apart_is_not_slowed_by_the_prompts_of_others() -> None:
    apart = evaluate(split(64.0, prefill=64.0))
    mixed = evaluate_together(Candidates.of([ask(load(), model(), TASK, cluster(), Layout(tp=8), 32.0, "vllm")]))
    assert at(apart, "tpot_ms") < float(np.ravel(mixed.tpot_ms)[0])


@given(busy=st.floats(0.01, 0.98))
def test_one_server_waits_as_long_as_the_formula_of_pollaczek_and_khinchine(busy: float) -> None:
    assert float(queue_s(1.0, busy, 1.0)) == pytest.approx(busy / (2.0 * (1.0 - busy)))


def test_every_ordered_pair_of_chips_is_answered_best_first() -> None:
    found = search_split(load(), model(), TASK, [cluster(H100), cluster(ASCEND)])
    pairs = list(found.pairs.rows())
    assert len(pairs) == 4
    speeds = [row["tokens_per_s_per_chip"] for row in pairs]
    assert speeds == sorted(speeds, reverse=True)
    assert found.best.tokens_per_s_per_chip.value == speeds[0]
    assert found.best.ttft_ms.low < found.best.ttft_ms.value < found.best.ttft_ms.high


def network_gbs(workers: Workers) -> float:
    """What the chips that hold one prompt's cache reach together on their own network [GB/s]."""
    chip, share = load().get(Chip, workers.chip), efficiency_of(load(), workers.chip, "serving")["scaleout_link"]
    return workers.layout.tp * workers.layout.pp * (chip.scaleout_nic_gbps or 0.0) / 8 * float(share)


@pytest.mark.parametrize("chips", [8, 16])
@pytest.mark.parametrize("names", [[H200], [ASCEND], [OLDER_ASCEND, H20]])
def test_workers_are_linked_by_the_slower_of_their_networks_whatever_scaleup_joins(
    names: list[str], chips: int
) -> None:
    best = search_split(load(), model("qwen3-32b"), TASK, [cluster(name, chips) for name in names]).best
    assert [best.prefill.chip, best.decode.chip] == [names[0], names[-1]]
    assert best.link_gbs == pytest.approx(min(network_gbs(best.prefill), network_gbs(best.decode)))


def test_only_the_chips_of_one_attention_rank_send_the_cache_of_a_prompt() -> None:
    best = search_split(load(), model("deepseek-v3"), TASK, [cluster(H200, 32)]).best
    assert best.prefill.layout.attn_dp > 1
    assert best.decode.layout.attn_dp > 1
    assert best.link_gbs == pytest.approx(min(network_gbs(best.prefill), network_gbs(best.decode)))


def test_an_unknown_network_is_asked_for_and_never_guessed() -> None:
    unknown = [cluster("nvidia-l40", 1)]
    with pytest.raises(InputError, match=r"nvidia-l40: scaleout_nic_gbps: .*--link-gbs"):
        search_split(load(), model("llama-3.1-8b"), TASK, unknown)
    assert search_split(load(), model("llama-3.1-8b"), TASK, unknown, link_gbs=20.0).best.link_gbs == 20.0


def test_a_network_of_low_confidence_is_doubted() -> None:
    best = search_split(load(), model("qwen3-32b"), TASK, [cluster(ASCEND)]).best
    assert "scaleout_nic_gbps" in [doubt.field for doubt in best.doubts]


def evaluated_again(best: SplitEstimate, one: str, other: str) -> SplitFigures:
    tables = [
        Candidates.of([ask(load(), model(best.model), TASK, cluster(name), layout, load_of, best.engine)])
        for name, layout, load_of in (
            (one, best.prefill.layout, float(best.prefill.layout.attn_dp)),
            (other, best.decode.layout, best.concurrency),
        )
    ]
    counts = float(best.prefill.count), float(best.decode.count)
    return evaluate(Split(*tables, *(np.array([x]) for x in (*counts, best.concurrency, best.link_gbs * 1e9))))


@pytest.mark.parametrize("name", ["qwen3-32b", "gpt-oss-120b"])
def test_what_is_found_is_what_the_deployment_gives_with_so_many_in_flight(name: str) -> None:
    best = search_split(load(), model(name), TASK, [cluster(ASCEND)]).best
    again = evaluated_again(best, ASCEND, ASCEND)
    for figure in ("ttft_ms", "tpot_ms", "tokens_per_s_per_chip"):
        assert getattr(best, figure).value == pytest.approx(at(again, figure), rel=1e-6)


@settings(max_examples=12, deadline=None)
@given(
    names=st.sampled_from([(ASCEND,), (H200,), (H100, ASCEND), (OLDER_ASCEND, H20)]),
    name=st.sampled_from(["llama-3.1-8b", "qwen3-32b", "gpt-oss-120b"]),
    prompt=st.integers(100, 30_000),
    answer=st.integers(10, 2000),
    slack=st.tuples(st.floats(1.0, 1.5), st.floats(1.0, 1.5)),
)
def test_a_target_that_the_answer_keeps_anyway_changes_nothing(
    names: tuple[str, ...], name: str, prompt: int, answer: int, slack: tuple[float, float]
) -> None:
    clusters = [cluster(one) for one in names]
    free = search_split(load(), model(name), Serving(input_tokens=prompt, output_tokens=answer), clusters).best
    ttft_ms, tpot_ms = free.ttft_ms.value * slack[0], free.tpot_ms.value * slack[1]
    bound = Serving(input_tokens=prompt, output_tokens=answer, ttft_ms=ttft_ms, tpot_ms=tpot_ms)
    kept = search_split(load(), model(name), bound, clusters).best
    for figure in ("prefill", "decode", "ttft_ms", "tpot_ms", "tokens_per_s_per_chip", "concurrency"):
        assert getattr(kept, figure) == getattr(free, figure)


@settings(max_examples=20, deadline=None)
@given(in_flight=st.floats(40.0, 400.0), prefill=st.integers(1, 4), decode=st.integers(1, 4), more=st.integers(2, 8))
def test_more_workers_of_the_same_shares_wait_less(in_flight: float, prefill: int, decode: int, more: int) -> None:
    few, many = (evaluate(split(in_flight * by, prefill * by, decode * by)) for by in (1, more))
    assert at(many, "ttft_ms") <= at(few, "ttft_ms") * (1 + 1e-6)


def test_a_first_token_that_waits_too_long_is_mended_by_what_waits_less() -> None:
    free = search_split(load(), model("llama-3.1-8b"), TASK, [cluster(H100, 1)]).best
    # Waiting is two per cent of this first token: half of it is asked away.
    bound = Serving(input_tokens=4000, output_tokens=500, ttft_ms=0.99 * free.ttft_ms.value)
    tight = search_split(load(), model("llama-3.1-8b"), bound, [cluster(H100, 1)]).best
    assert tight.prefill.layout == free.prefill.layout
    assert (tight.prefill.count, tight.decode.count) != (free.prefill.count, free.decode.count)
    assert tight.ttft_ms.value <= 0.99 * free.ttft_ms.value


def test_systems_of_one_chip_are_told_apart() -> None:
    systems = [cluster("atlas-800t-a3", 2), cluster("cloudmatrix-384", 16)]
    alone = {one.system: search_serving(load(), model(), TASK, [one]).best.tokens_per_s_per_chip for one in systems}
    rows = list(search_split(load(), model(), TASK, systems).pairs.rows())
    assert len({(row["prefill_chip"], row["decode_chip"]) for row in rows}) == 4
    for row in rows:
        better = max(alone[row["prefill_chip"]].value, alone[row["decode_chip"]].value)
        assert row["gain"] == pytest.approx(row["tokens_per_s_per_chip"] / better)


@pytest.mark.parametrize(("other", "said"), [(H200, False), (ASCEND, True)])
def test_only_a_split_over_two_vendors_is_called_unmeasured(other: str, said: bool) -> None:
    found = search_split(load(), model("llama-3.1-8b"), TASK, [cluster(H100), cluster(other)])
    assert any("two vendors" in note for note in found.pairs.notes) is said


@settings(max_examples=10, deadline=None)
@given(
    chip=st.sampled_from([ASCEND, H200, H20]),
    name=st.sampled_from(["llama-3.1-8b", "qwen3-32b"]),
    prompt=st.integers(100, 30_000),
)
def test_no_first_token_comes_sooner_than_arithmetic_and_link_allow(chip: str, name: str, prompt: int) -> None:
    task = Serving(input_tokens=prompt, output_tokens=100)
    best = search_split(load(), model(name), task, [cluster(chip)], link_gbs=10.0).best
    told = model(name)
    arithmetic_s = (
        2 * 3 * told.hidden * told.ffn_hidden * told.layers * prompt / (best.prefill.chips / best.prefill.count)
    ) / float(cluster(chip).peak("bf16"))
    sent_s = prompt * 2 * told.kv_heads * told.head_dim * told.layers * 2 / 10e9
    assert 1e3 * (arithmetic_s + sent_s) < best.ttft_ms.low <= best.ttft_ms.value


@pytest.mark.parametrize(("prompt", "answer"), [(200, 20), (2000, 20), (2000, 2000), (8000, 20), (30_000, 300)])
@pytest.mark.parametrize(("ttft_ms", "tpot_ms"), [(2000.0, 15.0), (2000.0, 80.0), (6000.0, 30.0)])
def test_whole_workers_keep_the_targets_that_the_pair_was_chosen_for(
    prompt: int, answer: int, ttft_ms: float, tpot_ms: float
) -> None:
    task = Serving(input_tokens=prompt, output_tokens=answer, ttft_ms=ttft_ms, tpot_ms=tpot_ms)
    for name in ("llama-3.1-8b", "gpt-oss-120b"):
        try:
            found = search_split(load(), model(name), task, [cluster(H100), cluster(ASCEND)])
        except NothingFits:
            continue
        for row in found.pairs.rows():
            assert row["ttft_ms"] <= ttft_ms * (1 + 1e-6)
            assert row["tpot_ms"] <= tpot_ms * (1 + 1e-6)


def test_the_gain_is_over_the_better_chip_that_does_both() -> None:
    task = replace_targets(2000.0, 40.0)
    found = search_split(load(), model(), task, [cluster(H200)])
    together = search_serving(load(), model(), task, [cluster(H200)]).best.tokens_per_s_per_chip.value
    assert found.best.together == pytest.approx(together)
    assert found.best.gain == pytest.approx(found.best.tokens_per_s_per_chip.value / together)


def replace_targets(ttft_ms: float, tpot_ms: float) -> Serving:
    return Serving(input_tokens=4000, output_tokens=500, ttft_ms=ttft_ms, tpot_ms=tpot_ms)


def test_targets_that_nothing_meets_are_said() -> None:
    with pytest.raises(NothingFits, match="meets the targets"):
        search_split(load(), model(), replace_targets(1.0, 0.1), [cluster()])


@pytest.mark.parametrize("link", [0.0, -1.0, float("nan")])
def test_a_senseless_link_is_refused(link: float) -> None:
    with pytest.raises(InputError, match="no bandwidth"):
        search_split(load(), model(), TASK, [cluster()], link_gbs=link)
