import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.planning.coefficients import cautious_rate, round_trip_ms
from polysilicon.records.recorder import citation

SANE = st.floats(0.01, 1e6)


def test_half_confidence_is_the_estimate_itself() -> None:
    assert cautious_rate(100.0, 50.0, 180.0, 0.9, 0.5) == pytest.approx(100.0)


def test_the_end_of_the_interval_is_reached_at_its_own_probability() -> None:
    assert cautious_rate(100.0, 50.0, 180.0, 0.9, 0.95) == pytest.approx(50.0)


@given(SANE, st.floats(0.1, 1.0), st.floats(0.5, 0.98), st.floats(0.001, 0.01))
def test_more_confidence_never_promises_more(rate: float, share: float, confidence: float, more: float) -> None:
    low = rate * share
    assert cautious_rate(rate, low, rate, 0.9, confidence + more) <= cautious_rate(rate, low, rate, 0.9, confidence)


@given(st.floats(-80, 80), st.floats(-180, 180), st.floats(-80, 80), st.floats(-180, 180))
def test_a_round_trip_is_the_same_both_ways_and_within_the_globe(a: float, b: float, c: float, d: float) -> None:
    there, back = round_trip_ms(a, b, c, d, 1.0), round_trip_ms(c, d, a, b, 1.0)
    assert there == pytest.approx(back, abs=1e-6)
    assert 0 <= there < 200


def test_a_known_distance() -> None:
    # London to New York is 5,570 km along the great circle.
    assert round_trip_ms(51.51, -0.13, 40.71, -74.01, 1.0) == pytest.approx(2 * 5570 / 204218 * 1000, rel=0.005)


def test_formulas_cite_their_source() -> None:
    assert "log-normal" in citation(cautious_rate)
    assert np.isfinite(round_trip_ms(0, 0, 0, 0, 1.5))
