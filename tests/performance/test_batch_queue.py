"""The wait for a batch server: against simulation, against the known M/D/1, and its laws."""

from math import exp, factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.performance.batch_queue import LOADS, decay, tail_shape, waiting_batches, waiting_table
from polysilicon.records.errors import InputError

LOAD = st.floats(0.02, 0.97)
BATCH = st.sampled_from([1, 2, 3, 8, 32, 128])


def single(load: float, percentile: float, queries: int, seed: int) -> float:
    """The wait in a simulated M/D/1, service times of one: Lindley's recursion as a running maximum."""
    arrived = np.cumsum(np.random.default_rng(seed).exponential(1.0 / load, queries))
    served = np.arange(queries, dtype=float)
    begun = np.maximum.accumulate(arrived - served) + served
    return float(np.percentile((begun - arrived)[queries // 50 :], percentile))


def batched(load: float, batch: int, percentile: float, queries: int, seed: int) -> float:
    """The wait at a simulated server that takes at most `batch` queries whenever it is free."""
    arrived = np.cumsum(np.random.default_rng(seed).exponential(1.0 / (load * batch), queries))
    waits, free, at = np.empty(queries), 0.0, 0
    while at < queries:
        start = max(free, arrived[at])
        end = min(int(np.searchsorted(arrived, start, "right")), at + batch)
        waits[at:end] = start - arrived[at:end]
        free, at = start + 1.0, end
    return float(np.percentile(waits, percentile))


@pytest.mark.parametrize("load", [0.3, 0.5, 0.7, 0.9])
def test_one_at_a_time_waits_as_a_simulated_queue_does(load: float) -> None:
    seen = np.mean([single(load, 99.0, 1_000_000, seed) for seed in range(4)])
    assert waiting_batches(load, 1, 99.0) == pytest.approx(seen, rel=0.025)


@pytest.mark.parametrize(("load", "within"), [(0.3, 0.05), (0.5, 0.01), (0.7, 1e-4), (0.8, 1e-4)])
def test_one_at_a_time_waits_as_the_exact_series_has_it(load: float, within: float) -> None:
    # Erlang (1909): P(W <= t) of M/D/1 with services of one.
    wait = waiting_batches(load, 1, 99.0)
    terms = ((load * (k - wait)) ** k / factorial(k) * exp(-load * (k - wait)) for k in range(int(wait) + 1))
    assert 1.0 - (1.0 - load) * sum(terms) == pytest.approx(0.01, rel=within)


@pytest.mark.parametrize(("load", "batch"), [(0.5, 2), (0.8, 4), (0.8, 8), (0.9, 32), (0.3, 32)])
def test_batches_wait_as_a_simulated_server_makes_them(load: float, batch: int) -> None:
    seen = np.mean([batched(load, batch, 99.0, 200_000, seed) for seed in range(3)])
    assert waiting_batches(load, batch, 99.0) == pytest.approx(seen, rel=0.05)


def test_a_batch_of_one_is_the_known_queue() -> None:
    load = 0.8
    z = float(decay(load))
    assert np.exp(load * (z - 1.0)) == pytest.approx(z)
    busy, weight, rate = tail_shape(load, 1)
    assert busy == pytest.approx(load)
    # Asymptotically P(W > t) is (1 - load) / (load z - 1) e^(-load (z - 1) t).
    assert busy * weight * (z - 1.0) == pytest.approx((1.0 - load) / (load * z - 1.0))
    assert rate == pytest.approx(np.log(z))


@given(LOAD, BATCH, st.sampled_from([50.0, 90.0, 99.0, 99.9]))
def test_rarer_tails_are_longer_and_no_figure_is_lost(load: float, batch: int, percentile: float) -> None:
    wait = waiting_batches(load, batch, percentile)
    assert 0 <= wait < np.inf
    assert waiting_batches(load, batch, percentile + 0.05) >= wait - 1e-9


@pytest.mark.parametrize("percentile", [50.0, 95.0, 99.0])
def test_more_load_never_shortens_the_wait(percentile: float) -> None:
    table = waiting_table((1, 2, 8, 64, 512), percentile)
    assert table.shape == (5, len(LOADS))
    assert np.all(np.isfinite(table))
    assert np.all(np.diff(table, axis=1) >= 0)


def test_the_running_maximum_changes_the_high_tail_hardly() -> None:
    batches = (1, 2, 8, 64)
    plain = np.array([[waiting_batches(float(one), batch, 99.0) for one in LOADS] for batch in batches])
    assert np.allclose(waiting_table(batches, 99.0), plain, rtol=0.02)


@pytest.mark.parametrize(("load", "batch", "percentile"), [(0.0, 1, 99.0), (1.0, 1, 99.0), (0.5, 0, 99.0), (0.5, 1, 0)])
def test_no_queue_no_answer(load: float, batch: int, percentile: float) -> None:
    with pytest.raises(InputError):
        waiting_batches(load, batch, percentile)
