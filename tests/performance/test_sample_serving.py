"""Queries within a bound on their tail: laws, places of tables, and what is said to be unknown."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.recommender import recommender_serving
from polysilicon.performance.round_trip import told
from polysilicon.performance.sample_answer import Demand, SampleServing
from polysilicon.performance.sample_service import batch_of, served_of
from polysilicon.performance.sample_serving import estimate_sample_serving
from polysilicon.performance.table_places import Tables, settled
from polysilicon.records.errors import InputError, NothingFits
from polysilicon.workloads import Recommender, describe
from polysilicon.workloads.samples import Sampled

MODELS = ("dlrm-dcnv2", "flux.1-schnell-256", "stable-diffusion-2", "bert-large-mlperf")
BOUNDS = st.floats(5.0, 1e6)


@lru_cache
def model(name: str) -> Sampled:
    return describe(load(), name)  # type: ignore[return-value]


def cluster(chips: float = 1) -> Cluster:
    return Cluster.from_catalogue(load(), "nvidia-h100-sxm-80gb", chips)


def ask(name: str, demand: Demand, chips: Cluster | None = None, **more: object) -> SampleServing:
    return estimate_sample_serving(load(), model(name), demand, chips or cluster(), **more)  # type: ignore[arg-type]


def rate(name: str, demand: Demand, chips: Cluster | None = None, **more: object) -> float:
    try:
        return ask(name, demand, chips, **more).queries_per_s_per_chip.value
    except NothingFits:
        return 0.0


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_is_answered_within_the_bound_and_unvalidated(name: str) -> None:
    made = ask(name, Demand(latency_ms=60_000.0, requests_per_s=1000.0))
    figure = made.queries_per_s_per_chip
    assert made.unvalidated
    assert figure.low < figure.value < figure.high
    assert made.tail_ms is not None
    assert made.tail_ms <= 60_000.0
    parts = dict(made.parts_ms)
    assert parts.pop("answer_ms") == pytest.approx(sum(parts.values()))
    assert made.chips_needed is not None
    assert made.chips_needed[1] <= made.chips_needed[0]
    assert (made.chips_needed[0] - 1) * figure.value < 1000.0 <= made.chips_needed[0] * figure.value


@given(st.sampled_from(MODELS), BOUNDS, st.floats(1.0, 10.0))
@settings(max_examples=60, deadline=None)
def test_a_looser_bound_never_lowers_throughput(name: str, bound: float, looser: float) -> None:
    assert rate(name, Demand(bound)) <= rate(name, Demand(bound * looser)) <= rate(name, Demand())


@given(st.sampled_from(MODELS), BOUNDS, st.floats(1.0, 4.0), st.sampled_from(["hbm", "host"]))
@settings(max_examples=60, deadline=None)
def test_faster_memory_never_hurts(name: str, bound: float, faster: float, place: str) -> None:
    tables = {"tables": Tables(place, host_gbs=50.0)} if name == "dlrm-dcnv2" else {}  # type: ignore[arg-type]
    better = {"tables": Tables(place, host_gbs=50.0 * faster)} if tables else {}  # type: ignore[arg-type]
    chips = cluster()
    fast = replace(chips, memory_bytes_per_s=faster * chips.memory_bytes_per_s)
    assert rate(name, Demand(bound), chips, **tables) <= rate(name, Demand(bound), fast, **better)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 100_000), st.sampled_from(["host", "cxl"]))
@settings(deadline=None)
def test_hits_in_hbm_never_hurt(one: float, other: float, samples: int, place: str) -> None:
    def times(hits: float) -> tuple[float, float]:
        lie = Tables(place, hits, cxl_gbs=30.0 if place == "cxl" else None)  # type: ignore[arg-type]
        at = settled(load(), lie, cluster().chip)
        served = served_of(load(), model("dlrm-dcnv2"), cluster(), "bf16")
        made = batch_of(served, cluster(), at, (0.0, 0.0), np.array([float(samples)]))
        return float(made.chip_s[0]), float(made.host_s[0])  # type: ignore[index]

    (chip, host), (more_chip, more_host) = times(min(one, other)), times(max(one, other))
    assert more_chip + more_host <= (chip + host) * (1 + 1e-9)
    # While the host sets the pace, hits quicken it; where the chip does, look-ups beside it are bandwidth of their own.
    assert max(more_chip, more_host) <= max(chip, host, more_chip) * (1 + 1e-9)
    assert more_host <= host * (1 + 1e-9)


@given(st.sampled_from([0.0, 0.3, 0.6, 0.9, 0.99]), BOUNDS)
@settings(max_examples=25, deadline=None)
def test_hits_in_hbm_serve_no_fewer_queries(hits: float, bound: float) -> None:
    demand = Demand(bound, candidates=100)
    less, more = (rate("dlrm-dcnv2", demand, tables=Tables("host", one)) for one in (hits * 0.9, hits))
    assert less <= more


@given(st.sampled_from(MODELS), st.floats(10.0, 1e5), st.floats(0.0, 200.0))
@settings(max_examples=40, deadline=None)
def test_a_farther_site_never_serves_more(name: str, bound: float, ms: float) -> None:
    assert rate(name, Demand(bound), round_trip=told(ms)) <= rate(name, Demand(bound))


def test_the_network_counts_toward_the_bound() -> None:
    whole = ask("bert-large-mlperf", Demand(100.0), round_trip=told(50.0))
    short = ask("bert-large-mlperf", Demand(50.0))
    assert whole.queries_per_s_per_chip == short.queries_per_s_per_chip
    assert whole.tail_ms == pytest.approx((short.tail_ms or 0.0) + 50.0)
    with pytest.raises(NothingFits, match="round trip"):
        ask("bert-large-mlperf", Demand(100.0), round_trip=told(100.0))


def test_without_a_bound_the_rate_is_that_of_full_batches() -> None:
    chips = cluster(8)
    made = ask("dlrm-dcnv2", Demand(candidates=1000), chips)
    ranking = model("dlrm-dcnv2")
    assert isinstance(ranking, Recommender)
    offline = recommender_serving(load(), ranking, chips, batch_per_chip=16_384)
    assert made.tail_ms is None
    # Fixed times a batch, and nothing else, come on top of what the older estimate counts.
    assert 0.7 < made.samples_per_s_per_chip.value / offline.samples_per_s_per_chip.value < 1.0


def test_tables_beyond_the_chip_free_its_memory_and_say_what_is_unknown() -> None:
    near, far = (ask("dlrm-dcnv2", Demand(), tables=Tables(place)) for place in ("hbm", "host"))  # type: ignore[arg-type]
    assert near.host_gib == 0.0
    assert far.memory_gib < 1.0 < far.host_gib
    assert any("capacity is unknown" in one for one in far.missing)
    assert "host-memory-gbs" in far.assumed
    assert "host-memory-gbs" not in near.assumed
    assert near.queries_per_s_per_chip.value > far.queries_per_s_per_chip.value


def test_cxl_memory_needs_a_figure_that_no_record_states() -> None:
    with pytest.raises(InputError, match="--cxl-gbs"):
        ask("dlrm-dcnv2", Demand(), tables=Tables("cxl"))
    assert ask("dlrm-dcnv2", Demand(), tables=Tables("cxl", cxl_gbs=30.0)).host_gib > 1.0


def test_tables_that_do_not_fit_name_two_ways_out() -> None:
    small = replace(cluster(), memory_bytes=1e9)
    with pytest.raises(NothingFits, match="--tables host"):
        ask("dlrm-dcnv2", Demand(), small)
    with pytest.raises(NothingFits, match="--precision"):
        ask("flux.1-schnell-256", Demand(), small)


def test_tables_that_fit_only_at_the_guessed_width_serve_nothing_at_the_low_end() -> None:
    one, two = (ask("dlrm-dcnv2", Demand(requests_per_s=1e4, candidates=500), cluster(n)) for n in (1, 2))
    assert one.memory_gib < one.capacity_gib < one.memory_high_gib == pytest.approx(2 * one.memory_gib, rel=0.01)
    assert one.queries_per_s_per_chip.low == 0.0
    assert one.chips_needed is not None
    assert one.chips_needed[2] is None
    assert two.memory_high_gib < two.capacity_gib
    assert two.queries_per_s_per_chip.low > 0.0


def test_weights_of_four_bits_take_the_room_of_their_scales_as_well() -> None:
    wide, narrow = (ask("flux.1-schnell-256", Demand(), precision=one).memory_gib for one in ("bf16", "nvfp4"))
    assert narrow / wide == pytest.approx(4.5 / 16)


@pytest.mark.parametrize("name", ["flux.1-schnell-256", "stable-diffusion-2"])
def test_what_runs_beside_a_denoiser_is_said_to_be_left_out(name: str) -> None:
    assert any("text encoders" in one for one in ask(name, Demand()).missing)
    assert not any("text encoders" in one for one in ask("bert-large-mlperf", Demand()).missing)


def test_no_batch_keeps_an_impossible_bound() -> None:
    with pytest.raises(NothingFits, match="one query alone takes"):
        ask("stable-diffusion-2", Demand(1.0))


def test_more_candidates_a_query_serve_no_more_queries() -> None:
    few, many = (rate("dlrm-dcnv2", Demand(50.0, candidates=n)) for n in (10, 1000))
    assert few > many


@pytest.mark.parametrize(
    "wrong",
    [
        {"latency_ms": 0.0},
        {"latency_ms": float("nan")},
        {"percentile": 100.0},
        {"percentile": float("nan")},
        {"requests_per_s": -1.0},
        {"requests_per_s": float("inf")},
        {"candidates": 0},
    ],
)
def test_a_senseless_demand_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Demand(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong", [{"hbm_hits": 1.1}, {"hbm_hits": float("nan")}, {"host_gbs": 0.0}, {"cxl_gbs": 1e9}, {"place": "disk"}]
)
def test_senseless_tables_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Tables(**wrong)  # type: ignore[arg-type]


def test_what_a_model_has_not_is_refused() -> None:
    with pytest.raises(InputError, match="no embedding tables"):
        ask("stable-diffusion-2", Demand(), tables=Tables("host"))
    with pytest.raises(InputError, match="each chip alone"):
        ask("stable-diffusion-2", Demand(), cluster(8))
    with pytest.raises(InputError, match="unknown precision"):
        ask("stable-diffusion-2", Demand(), precision="fp3")
