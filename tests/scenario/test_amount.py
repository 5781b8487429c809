import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.records.dates import Quarter
from polysilicon.scenario import ramp, steps

QUARTERS = [Quarter(2026, 4) + step for step in range(6)]


def test_a_step_holds_until_the_next() -> None:
    assert steps({"2027-Q1": 5.0, "2027-Q3": 8.0}, QUARTERS).tolist() == [0, 5, 5, 8, 8, 8]


def test_a_ramp_is_straight_between_its_points_and_level_after() -> None:
    assert ramp({"2027-Q1": 4.0, "2027-Q3": 8.0}, QUARTERS).tolist() == [0, 4, 6, 8, 8, 8]


def test_one_number_holds_throughout() -> None:
    assert steps(3.0, QUARTERS).tolist() == ramp(3.0, QUARTERS).tolist() == [3.0] * 6


@given(st.dictionaries(st.integers(0, 5), st.floats(0, 1e6), min_size=1))
def test_both_pass_through_every_stated_point(points: dict[int, float]) -> None:
    stated = {str(QUARTERS[at]): amount for at, amount in points.items()}
    for spread in (steps(stated, QUARTERS), ramp(stated, QUARTERS)):
        assert np.allclose(spread[sorted(points)], [points[at] for at in sorted(points)])
