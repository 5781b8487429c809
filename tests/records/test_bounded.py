import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.records.bounded import Bounded, along, between, exactly, hull, unknown

amounts = st.floats(0.0, 1e6, allow_subnormal=False)


@st.composite
def bounded(draw: st.DrawFn, least: float = 0.0) -> Bounded:
    low, value, high = sorted(draw(st.tuples(*[st.floats(least, 1e6, allow_subnormal=False)] * 3)))
    return Bounded(value, low, high)


def inside(point: float, amount: Bounded) -> bool:
    slack = 1e-9 * max(1.0, abs(amount.low), abs(amount.high))
    return amount.low - slack <= point <= amount.high + slack


@given(bounded(), bounded(least=1e-3))
def test_arithmetic_keeps_its_ends_in_order_and_holds_every_corner(one: Bounded, other: Bounded) -> None:
    for made, of in (
        (one + other, lambda a, b: a + b),
        (one - other, lambda a, b: a - b),
        (one * other, lambda a, b: a * b),
        (one / other, lambda a, b: a / b),
    ):
        assert made.low <= made.value <= made.high
        for a in (one.low, one.value, one.high):
            for b in (other.low, other.value, other.high):
                assert inside(of(a, b), made)


@given(bounded(), amounts)
def test_a_plain_number_is_an_amount_of_no_width(one: Bounded, number: float) -> None:
    assert (number + one).to_dict() == (one + number).to_dict() == (one + exactly(number)).to_dict()
    assert (number * one).to_dict() == (one * number).to_dict()
    assert (number - one).high == pytest.approx(number - one.low)
    assert (1.0 / (one + 1.0)).high == pytest.approx(1.0 / (one.low + 1.0))


def test_arrays_stay_arrays_on_either_side() -> None:
    made = np.array([1.0, 2.0]) * Bounded(2.0, 1.0, 3.0)
    assert isinstance(made, Bounded)
    assert made.to_dict() == {"value": [2.0, 4.0], "low": [1.0, 2.0], "high": [3.0, 6.0]}
    over = Bounded(np.array([1.0, 0.0]), np.array([1.0, 0.0]), np.array([1.0, 0.0])) / exactly(0.0)
    assert over.high[0] == math.inf


def test_what_is_unknown_stays_unknown_but_keeps_the_end_that_is_known() -> None:
    made = Bounded(5.0, 4.0, 6.0) + 2.0 * unknown()
    assert not made.known
    assert made.to_dict() == {"value": None, "low": 4.0, "high": None}
    assert not unknown().at_least(1.0).known
    assert hull([unknown(), between(1.0, 2.0)], exactly(1.5)).to_dict() == {"value": 1.5, "low": 1.0, "high": 2.0}


def test_nothing_of_the_unknown_is_nothing() -> None:
    made = 0.0 * unknown()
    assert (made.value, made.low, made.high) == (0.0, 0.0, 0.0)
    several = np.array([0.0, 2.0]) * unknown()
    assert several.to_dict() == {"value": [0.0, None], "low": [0.0, 0.0], "high": [0.0, None]}


def test_dividing_by_what_may_be_nought_reaches_infinity() -> None:
    made = exactly(1.0) / Bounded(1.0, 0.0, 2.0)
    assert (made.value, made.low, made.high) == (1.0, 0.5, math.inf)


@given(st.floats(0.01, 0.5), st.floats(0.0, 0.9))
def test_along_gives_the_functions_own_values_at_the_worse_corners(middle: float, spread: float) -> None:
    def twice(rate: float, years: float) -> float:
        return rate / (1.0 - (1.0 + rate) ** -years)

    rate, years = Bounded(middle, middle * (1.0 - spread), middle * (1.0 + spread)), Bounded(5.0, 4.0, 6.0)
    if rate.low <= 0.0:
        return
    made = along(twice, rising=(rate,), falling=(years,))
    assert made.low == twice(rate.low, 6.0)
    assert made.high == twice(rate.high, 4.0)
    # The plain arithmetic counts the rate twice and is wider.
    plain = rate / (1.0 - (1.0 + rate.value) ** -5.0)
    assert plain.value == pytest.approx(made.value)


def test_along_leaves_plain_numbers_alone() -> None:
    assert along(lambda a, b: a - b, rising=(5.0,), falling=(2.0,)) == 3.0
