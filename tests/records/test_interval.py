import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.records.interval import Interval, Truth

amount = st.floats(0, 1e6)
truths = st.tuples(st.booleans(), st.booleans()).map(lambda two: Truth(np.array(min(two)), np.array(max(two))))


@st.composite
def intervals(draw: st.DrawFn) -> tuple[Interval, float]:
    """An interval and a value inside it."""
    low, inside, high = sorted(draw(st.tuples(amount, amount, amount)))
    return Interval.between(low, high), inside


@given(intervals(), intervals())
def test_arithmetic_holds_every_value_inside(one: tuple[Interval, float], other: tuple[Interval, float]) -> None:
    (left, a), (right, b) = one, other
    total = left + right
    assert total.lo <= a + b <= total.hi
    if b > 0:
        ratio = left.over(right)
        assert ratio.lo <= a / b * (1 + 1e-12)
        assert ratio.hi >= a / b * (1 - 1e-12)


@given(intervals(), amount)
def test_a_comparison_never_says_certain_of_what_a_value_inside_denies(
    pair: tuple[Interval, float], limit: float
) -> None:
    interval, value = pair
    for truth, held in (
        (interval.at_least(limit), value >= limit),
        (interval.above(limit), value > limit),
        (interval.at_most(limit), value <= limit),
        (interval.below(limit), value < limit),
    ):
        assert truth.possibly or not held
        assert held or not truth.certainly
        assert truth.possibly or not truth.certainly


@given(amount, amount)
def test_a_point_is_never_undetermined(value: float, limit: float) -> None:
    assert not Interval.exactly(value).at_least(limit).undetermined


@given(truths, truths)
def test_de_morgan_holds_for_three_values(a: Truth, b: Truth) -> None:
    left, right = ~(a & b), ~a | ~b
    assert (left.certainly, left.possibly) == (right.certainly, right.possibly)


def test_at_the_limit_or_more_and_less_than_part_company() -> None:
    point = Interval.exactly(4800.0)
    assert point.at_least(4800.0).certainly
    assert not point.above(4800.0).possibly
    assert not point.below(4800.0).possibly


def test_a_missing_value_is_undetermined_and_not_known() -> None:
    missing = Interval.exactly([np.nan, 1.0])
    assert missing.at_least(5.0).undetermined.tolist() == [True, False]
    assert missing.known.tolist() == [False, True]


def test_dividing_by_what_may_be_zero_reaches_infinity() -> None:
    assert Interval.exactly(1.0).over(Interval.between(0.0, 2.0)).hi == np.inf
