"""Most load that nearly all requests bear, found by replay."""

from dataclasses import replace

import numpy as np
import pytest

from polysilicon.facts import load
from polysilicon.facts.index import DATA
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.replays.assembly import Routing
from polysilicon.performance.replays.lengths import Lengths
from polysilicon.performance.replays.pass_costs import PassCosts
from polysilicon.performance.serving_candidates import Asked, Candidates, Layout
from polysilicon.performance.serving_estimate import ask
from polysilicon.performance.serving_table import evaluate
from polysilicon.performance.serving_tails import Arrivals, Promise, Tail, most_load, under
from polysilicon.records.document import read_csv
from polysilicon.records.errors import InputError
from polysilicon.validation import mlperf
from polysilicon.workloads import transformer
from polysilicon.workloads.task import Serving

VARIED = Arrivals(Lengths(300, 1024), Lengths(300, 1024))
EQUAL = Arrivals(Lengths(300, 300), Lengths(300, 300))


def asked(model: str = "llama-2-70b", chip: str = "amd-mi300x", tp: int = 1, precision: str = "fp8") -> Asked:
    catalogue = load()
    cluster = Cluster.from_catalogue(catalogue, chip, tp)
    return ask(
        catalogue,
        transformer(catalogue, model),
        Serving(300, 300),
        cluster,
        Layout(tp=tp, precision=precision),
        1.0,
        "vllm",
    )


def at(rate: float, arrivals: Arrivals = VARIED, percentile: float = 99.0) -> Tail:
    return under(PassCosts(asked()), arrivals, Promise(percentile, 2000.0, 200.0), rate, most_running=600.0)


def test_the_promise_is_kept_and_nearly_used_up() -> None:
    kept = most_load(asked(), VARIED, Promise(99.0, 450.0, 40.0))
    assert 0.9 < kept.over <= 1.0
    assert kept.ttft_ms <= 450.0
    assert kept.tpot_ms <= 40.0


@pytest.mark.parametrize("routing", ["round-robin", "least-loaded"])
def test_replicas_behind_a_router_bear_more_each_than_one_with_arrivals_of_its_own(routing: Routing) -> None:
    promise = Promise(99.0, 450.0, 40.0)
    alone = most_load(asked(), VARIED, promise)
    shared = most_load(asked(), replace(VARIED, chips=8, routing=routing), promise)
    assert alone.tokens_per_s_per_chip < shared.tokens_per_s_per_chip < 1.3 * alone.tokens_per_s_per_chip
    # Tokens of one replica: what arrives there a second, and what Little's law has of it in flight.
    assert shared.tokens_per_s_per_chip == pytest.approx(shared.requests_per_s * 300.0, rel=0.05)
    assert shared.running == pytest.approx(
        shared.requests_per_s * (shared.mean_ttft_ms + 300.0 * shared.mean_tpot_ms) / 1e3, rel=0.15
    )


def test_replicas_are_those_that_the_chips_make_and_fewer_where_each_holds_thousands() -> None:
    assert replace(VARIED, chips=72).replicas(4, 10.0) == 8
    assert replace(VARIED, chips=8).replicas(4, 10.0) == 2
    assert replace(VARIED, chips=8).replicas(1, 2_000.0) == 2
    assert VARIED.replicas(4, 10.0) == replace(VARIED, chips=8).replicas(8, 5_001.0) == 1


def test_a_looser_promise_or_a_lower_percentile_bears_no_less() -> None:
    tight, loose, fewer = (
        most_load(asked(), VARIED, promise).tokens_per_s_per_chip
        for promise in (Promise(99.0, 450.0, 40.0), Promise(99.0, 900.0, 60.0), Promise(90.0, 450.0, 40.0))
    )
    assert tight < loose
    assert tight < fewer


def test_the_slowest_of_a_hundred_are_slower_than_the_mean_and_faster_than_the_slowest_of_a_thousand() -> None:
    ninety_nine, rarer = at(9.0), at(9.0, percentile=99.9)
    assert ninety_nine.mean_ttft_ms < ninety_nine.ttft_ms < rarer.ttft_ms
    assert ninety_nine.mean_tpot_ms < ninety_nine.tpot_ms < rarer.tpot_ms


@pytest.mark.parametrize("rate", [2.0, 4.0, 6.0, 8.0])
def test_varied_lengths_have_longer_tails_than_equal_ones(rate: float) -> None:
    # Nearer to what the replica bears at most all are slow, and the slowest less apart from the mean.
    varied, equal = at(rate), at(rate, EQUAL)
    assert varied.tpot_ms / varied.mean_tpot_ms > 1.05 * equal.tpot_ms / equal.mean_tpot_ms


def test_the_highest_load_that_short_runs_bear_rises_evenly_with_the_promise() -> None:
    # Of a run of 100 s at this rate the 99th percentile is one request: only many runs tell it.
    short = Arrivals(Lengths(300, 1024), Lengths(300, 1024), run_s=100.0)
    over = [at(rate, short).over for rate in (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)]
    assert over == sorted(over)


def test_as_many_run_as_littles_law_says() -> None:
    found = at(6.0)
    stay_s = (found.mean_ttft_ms + 299 * found.mean_tpot_ms) / 1000
    assert found.running == pytest.approx(6.0 * stay_s, rel=0.1)


def test_what_is_kept_is_kept_however_long_the_stream() -> None:
    promise = Promise(99.0, 2000.0, 200.0)
    kept = most_load(asked(), VARIED, promise)
    costs = PassCosts(asked())
    longer = under(costs, VARIED, promise, kept.requests_per_s, most_running=600.0, most_requests=500_000)
    assert kept.over <= 1.0
    assert longer.over <= 1.05


def test_a_replica_that_falls_behind_keeps_no_promise() -> None:
    most = evaluate(Candidates.of([asked()]), "offline").tokens_per_s_per_chip[0] / 300.0
    assert at(1.3 * most, percentile=50.0).over == np.inf
    patient = under(PassCosts(asked()), VARIED, Promise(99.0, tpot_ms=500.0), 1.3 * most, most_running=600.0)
    assert patient.over == np.inf


def test_requests_that_are_turned_away_break_the_promise() -> None:
    """Weights leave room for a few thousand tokens; a tenth of the prompts is longer."""
    question = asked("llama-3.1-70b", "nvidia-h100-sxm-80gb")
    spread = Arrivals(Lengths(2048, 16_384), Lengths(256, 2048))
    found = most_load(question, spread, Promise(99.0, 60_000.0, 10_000.0))
    assert found.refused > 0.01
    assert found.over == np.inf


def test_a_run_that_ends_empty_gives_less_than_a_stream() -> None:
    run = Arrivals(VARIED.prompts, VARIED.answers, run_s=600.0)
    assert 0.85 * 1800 < at(6.0, run).tokens_per_s_per_chip < at(6.0).tokens_per_s_per_chip


def test_at_light_load_the_mean_is_the_analytic_one() -> None:
    found = at(0.2, EQUAL)
    alone = evaluate(Candidates.of([asked()]))
    assert found.mean_tpot_ms == pytest.approx(float(alone.tpot_ms[0]), rel=0.06)


def test_a_promise_that_no_rate_keeps_says_by_how_much() -> None:
    assert most_load(asked(), VARIED, Promise(99.0, 2000.0, 1.0)).over > 1.0


def test_answers_of_one_token_have_no_later_ones() -> None:
    found = most_load(asked(), Arrivals(Lengths(300, 1024), Lengths(1, 1)), Promise(99.0, 500.0, 1.0))
    assert found.over <= 1.0
    assert np.isnan(found.tpot_ms)


@pytest.mark.parametrize("target", [0.0, -3.0, float("nan")])
def test_no_latency_is_refused(target: float) -> None:
    with pytest.raises(InputError, match="no latency"):
        Promise(99.0, target)


@pytest.mark.parametrize("percentile", [0.0, 100.0, float("nan")])
def test_no_percentile_is_refused(percentile: float) -> None:
    with pytest.raises(InputError, match="percentile"):
        Promise(percentile)


def test_published_runs_have_tails_as_long_as_replayed_ones() -> None:
    """MLPerf's summaries state the mean and the 99th percentile of the same run, at the load that just keeps it."""
    off: dict[str, list[float]] = {"ttft": [], "tpot": []}
    for _, row in read_csv(DATA / "measurements" / "serving_tails.csv"):
        benchmark = mlperf.Benchmark.of(load(), row["model"], row["scenario"], "", int(row["chips"]))
        assert benchmark.promise is not None
        tail = most_load(asked(row["model"], row["chip_id"]), benchmark.arrivals, benchmark.promise)
        for name, errors in off.items():
            measured = float(row[f"p99_{name}_ms"]) / float(row[f"mean_{name}_ms"])
            errors.append(abs(getattr(tail, f"{name}_ms") / getattr(tail, f"mean_{name}_ms") / measured - 1.0))
    assert np.median(off["tpot"]) < 0.2
    assert np.median(off["ttft"]) < 0.35
