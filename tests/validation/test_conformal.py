"""Intervals hold the share of the errors that they are asked to hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.validation.conformal import conformal


def test_nine_of_ten_lie_inside() -> None:
    errors = np.random.default_rng(0).normal(0.0, 0.2, 2000)
    low, high = conformal(errors, [str(at) for at in range(2000)])
    inside = (np.exp(-errors) >= low) & (np.exp(-errors) <= high)
    assert inside.mean() == pytest.approx(0.90, abs=0.002)


def test_a_source_of_many_rows_counts_by_their_root() -> None:
    errors = np.concatenate([np.full(20, 0.5), np.linspace(-0.1, 0.1, 100)])
    one_source = conformal(errors, ["one"] * 20 + [str(at) for at in range(100)])
    each = conformal(errors, [str(at) for at in range(120)])
    assert one_source[0] > 0.9  # a twenty-second of the weight: outside
    assert each[0] == pytest.approx(np.exp(-0.5))


def test_one_group_more_of_few_takes_the_extremes() -> None:
    errors = np.linspace(-0.3, 0.3, 7)
    low, high = conformal(errors, list("abcdefg"), asked=1)
    assert (low, high) == pytest.approx((np.exp(-0.3), np.exp(0.3)))


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=30))
def test_more_to_hold_is_never_narrower(values: list[float]) -> None:
    errors, groups = np.array(values), [str(at) for at in range(len(values))]
    narrow, wide = conformal(errors, groups, 0.5), conformal(errors, groups, 0.9)
    assert wide[0] <= narrow[0] * (1 + 1e-12)
    assert narrow[1] <= wide[1] * (1 + 1e-12)
