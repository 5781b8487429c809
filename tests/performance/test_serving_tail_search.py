"""The best deployments whose slowest requests keep the targets."""

import numpy as np
import pytest

from polysilicon.facts import load
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.serving import TailSearch, search_serving, search_tails
from polysilicon.records.errors import NothingFits
from polysilicon.workloads import transformer
from polysilicon.workloads.task import Serving

TASK = Serving(1024, 256, ttft_ms=1000.0, tpot_ms=50.0, percentile=99.0, requests_per_s=30.0)

LONG = Serving(8192, 16, tpot_ms=1000.0, percentile=99.0)


def found(task: Serving = TASK, chips: tuple[str, ...] = ("nvidia-h100-sxm-80gb",), **options: object) -> TailSearch:
    catalogue = load()
    clusters = [Cluster.from_catalogue(catalogue, one, 8) for one in chips]
    return search_tails(catalogue, transformer(catalogue, "llama-3.1-70b"), task, clusters, **options)  # type: ignore[arg-type]


def test_every_deployment_shown_keeps_the_targets_best_first() -> None:
    rows = list(found().top.rows())
    assert all(row["ttft_ms"] <= 1000.0 and row["tpot_ms"] <= 50.0 for row in rows)
    speeds = [row["tokens_per_s_per_chip"] for row in rows]
    assert speeds == sorted(speeds, reverse=True)


def test_the_slowest_requests_cost_throughput_that_means_promise() -> None:
    catalogue = load()
    clusters = [Cluster.from_catalogue(catalogue, "nvidia-h100-sxm-80gb", 8)]
    by_means = search_serving(catalogue, transformer(catalogue, "llama-3.1-70b"), TASK, clusters)
    best = next(found().top.rows())
    assert best["tokens_per_s_per_chip"] < by_means.best.tokens_per_s_per_chip.value
    assert best["ttft_ms"] > best["mean_ttft_ms"]


def test_a_demand_takes_whole_replicas_of_it() -> None:
    for row in found().top.rows():
        assert row["replicas"] == np.ceil(30.0 / row["requests_per_s"])
        assert row["chips_needed"] == row["replicas"] * row["chips"]


def test_equal_lengths_bear_more_than_varied_ones() -> None:
    equal, varied = found(equal=True), found()
    assert next(equal.top.rows())["tokens_per_s_per_chip"] > next(varied.top.rows())["tokens_per_s_per_chip"]


def test_each_system_has_its_best_and_order_changes_nothing() -> None:
    chips = ("nvidia-h100-sxm-80gb", "nvidia-h200-sxm-141gb")
    one, other = found(chips=chips), found(chips=chips[::-1])
    assert one.each.to_dict() == other.each.to_dict()
    assert sorted(row["chip"] for row in one.each.rows()) == sorted(chips)


def test_the_round_trip_counts_toward_the_first_token() -> None:
    near, far = (
        next(found(Serving(1024, 256, ttft_ms=700.0, percentile=99.0, round_trip_ms=trip)).top.rows())
        for trip in (0.0, 250.0)
    )
    assert far["ttft_ms"] <= 450.0
    assert far["tokens_per_s_per_chip"] < near["tokens_per_s_per_chip"]


def test_a_round_trip_as_long_as_the_target_leaves_nothing() -> None:
    for trip in (250.0, 200.0):
        with pytest.raises(NothingFits, match="round trip"):
            found(Serving(1024, 256, ttft_ms=200.0, percentile=99.0, round_trip_ms=trip))


def test_answers_of_one_token_have_no_time_per_token() -> None:
    row = next(found(Serving(1024, 1, ttft_ms=500.0, percentile=99.0, requests_per_s=300.0)).top.rows())
    assert row["tpot_ms"] is None
    assert row["replicas"] >= 2


def test_no_interval_beats_the_hardware() -> None:
    catalogue = load()
    cluster = Cluster.from_catalogue(catalogue, "huawei-ascend-910b3", 8)
    made = search_tails(catalogue, transformer(catalogue, "llama-3.1-70b"), LONG, [cluster])
    for row in made.top.rows():
        prompts = 8192 / 16 * row["tokens_per_s_per_chip_high"]
        assert 2 * 70e9 * prompts <= 1.01 * max(cluster.peak_flop_per_s.values())


def test_targets_that_nobody_keeps_name_the_nearest() -> None:
    with pytest.raises(NothingFits, match=r"nearest: .*p99 TTFT"):
        found(Serving(1024, 256, tpot_ms=1.0, percentile=99.0))


def test_progress_ends_with_the_whole() -> None:
    seen: list[tuple[int, int]] = []
    found(progress=lambda done, whole: seen.append((done, whole)))
    assert seen[-1][0] == seen[-1][1] > 1
