"""Laws of checkpoints and restarts, and the published figures they are held to."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.performance import goodput

seconds = st.floats(0.01, 1e4)


def _running(interval_s: float, stall_s: float, outage_s: float, mtbf_s: float) -> float:
    return float(goodput.running_s(1e6, interval_s, stall_s, outage_s, mtbf_s))


@given(seconds, st.floats(1e3, 1e7))
def test_dalys_interval_is_no_worse_than_youngs(stall_s: float, mtbf_s: float) -> None:
    if stall_s > mtbf_s / 10:
        return
    young, daly = float(goodput.young_s(stall_s, mtbf_s)), float(goodput.daly_s(stall_s, mtbf_s))
    assert _running(daly, stall_s, 600.0, mtbf_s) <= _running(young, stall_s, 600.0, mtbf_s) * (1 + 1e-4)


@given(st.floats(0.1, 100.0), st.floats(1e4, 1e7))
def test_dalys_interval_is_the_best_there_is(stall_s: float, mtbf_s: float) -> None:
    best = float(goodput.daly_s(stall_s, mtbf_s))
    tried = goodput.running_s(1e6, best * np.geomspace(0.2, 5.0, 101), stall_s, 600.0, mtbf_s)
    assert _running(best, stall_s, 600.0, mtbf_s) <= tried.min() * (1 + 1e-4)


@given(st.floats(1.0, 1e4), seconds, st.floats(0.0, 5e3), st.floats(1e3, 1e8))
def test_the_parts_of_a_run_sum_to_the_whole(interval_s: float, stall_s: float, down_s: float, mtbf_s: float) -> None:
    useful, lag = 1e6, 0.5
    outage = goodput.outage_s(down_s, lag)
    running = goodput.running_s(useful, interval_s, stall_s, outage, mtbf_s)
    stalled = goodput.checkpoints_s(useful, interval_s, stall_s)
    restarts = goodput.restarts_s(running, outage, lag, mtbf_s)
    repeated = goodput.repeated_s(running, useful, stalled, restarts)
    assert useful + stalled + restarts + repeated == pytest.approx(running, rel=1e-9)
    assert min(stalled, restarts, repeated) >= 0.0


def test_without_failures_only_checkpoints_cost() -> None:
    assert _running(1000.0, 10.0, 600.0, 1e15) == pytest.approx(1e6 * 1.01, rel=1e-6)


@given(st.floats(10.0, 1e4), seconds, seconds, st.floats(1e3, 1e8), st.floats(1.0, 10.0))
def test_fewer_failures_never_hurt(interval: float, stall: float, outage: float, mtbf: float, more: float) -> None:
    assert _running(interval, stall, outage, mtbf * more) <= _running(interval, stall, outage, mtbf) * (1 + 1e-9)


def test_a_simulated_job_takes_as_long_as_dalys_formula_says() -> None:
    """Failures drawn one by one, restarts that can fail too, against the closed form."""
    draw = np.random.default_rng(7)
    interval, stall, outage, mtbf, cycles = 300.0, 5.0, 200.0, 2000.0, 20_000
    spent = 0.0
    for _ in range(cycles):
        left = draw.exponential(mtbf)
        while left < interval + stall:
            spent += left
            while (left := draw.exponential(mtbf)) < outage:
                spent += left
            spent += outage
            left = draw.exponential(mtbf)
        spent += interval + stall
    assert spent == pytest.approx(goodput.running_s(interval * cycles, interval, stall, outage, mtbf), rel=0.02)


def test_checkpoints_come_in_whole_steps_and_not_before_the_last_is_written() -> None:
    assert goodput.interval_s(100.0, 20.0, 30.0) == 120.0
    assert goodput.interval_s(10.0, 100.0, 30.0) == 120.0
    assert goodput.interval_s(1.0, 0.0, 30.0) == 30.0


def test_an_unblocked_checkpoint_stalls_less_and_loses_what_is_not_written_yet() -> None:
    assert goodput.stall_s(0.5, 60.0, 0.0) == 0.5
    assert goodput.stall_s(0.5, 60.0, 1.0) == 60.5
    assert goodput.lag_s(60.0, 0.0) == 60.0
    assert goodput.lag_s(60.0, 1.0) == 0.0


@given(st.floats(0.0, 500.0), st.integers(0, 60))
@settings(max_examples=50)
def test_waiting_for_repairs_is_erlangs_loss(load: float, spares: int) -> None:
    lost = float(goodput.shortage(load, float(spares)))
    terms = [
        spare * math.log(load) - math.lgamma(spare + 1) if load else (0.0 if not spare else -math.inf)
        for spare in range(spares + 2)
    ]
    most = max(terms)
    assert lost == pytest.approx(math.exp(terms[-1] - most) / sum(math.exp(one - most) for one in terms), abs=1e-9)


@given(st.floats(0.0, 200.0))
def test_the_spares_counted_are_the_fewest_that_suffice(load: float) -> None:
    needed = float(goodput.spares_needed(load, 0.01))
    assert goodput.shortage(load, needed) <= 0.01
    assert needed == 0.0 or goodput.shortage(load, needed - 1.0) > 0.01


def test_formulas_broadcast() -> None:
    stall, mtbf = np.array([[0.5], [5.0]]), np.array([1e3, 1e4, 1e5])
    assert goodput.daly_s(stall, mtbf).shape == (2, 3)
    load, spares = np.array([[0.5], [5.0]]), np.array([0.0, 2.0, 7.0])
    assert goodput.shortage(load, spares).shape == (2, 3)
    assert goodput.spares_needed(load, 0.01).ravel() == pytest.approx(
        [float(goodput.spares_needed(one, 0.01)) for one in (0.5, 5.0)]
    )
