import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.planning.coefficients import cautious_rate
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


def test_formulas_cite_their_source() -> None:
    assert "log-normal" in citation(cautious_rate)
