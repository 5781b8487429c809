"""Every total carries an interval; errors with one cause move together."""

import numpy as np
import pytest

from polysilicon.planning.plan import Figure, Plan
from polysilicon.planning.uncertainty import Spread, _spread
from polysilicon.records.bounded import Bounded


def widest(small: Plan, figure: Figure) -> tuple[float, float]:
    """The ends of a figure if every term stood at its own end at once."""
    inner = [small.figures[term.reference.removeprefix("figure:")] for term in figure.terms]
    return sum(one.low or 0.0 for one in inner), sum(one.high or np.inf for one in inner)


def test_the_value_lies_inside_its_interval(small: Plan) -> None:
    for figure in small.figures.values():
        if figure.low is not None:
            assert figure.low <= figure.value
            assert figure.high is None or figure.value <= figure.high


def test_cost_power_and_carbon_have_an_interval(small: Plan) -> None:
    for name in ("cost_musd", "cash_musd", "carbon_t", "energy_mwh"):
        assert small.figures[name].low is not None
        assert small.figures[name].high is not None


def test_a_total_is_never_wider_than_its_parts_at_their_worst(small: Plan) -> None:
    for quarter in small.quarters:
        figure = small.figures[f"cost_musd/{quarter}"]
        low, high = widest(small, figure)
        assert figure.low is not None
        assert figure.low >= low - 1e-9
        assert (figure.high or np.inf) <= high + 1e-9


def test_one_system_in_every_quarter_is_as_uncertain_as_in_one(small: Plan) -> None:
    whole = small.figures["cost_musd"]
    parts = [small.figures[f"cost_musd/{quarter}"] for quarter in small.quarters]
    assert whole.low == pytest.approx(sum(one.low or 0.0 for one in parts), rel=0.05)


def test_a_throughput_keeps_the_confidence_it_was_planned_with(small: Plan) -> None:
    rates = [one for name, one in small.figures.items() if name.startswith("throughput/")]
    assert rates
    assert all(one.low is None and one.high is None for one in rates)


def test_the_bounds_of_a_coefficient_are_multiples_of_its_value() -> None:
    assert _spread(("price", "x"), Bounded(2.0, 1.0, 5.0)) == Spread(("price", "x"), 0.5, 2.5)


def test_a_coefficient_of_nothing_is_certain() -> None:
    assert _spread(("price", "x"), Bounded(0.0, 0.0, 0.0)) == Spread(("price", "x"), 1.0, 1.0)
