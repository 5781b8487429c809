"""Lengths are spread about their mean and never beyond the longest."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from polysilicon.performance.replays.lengths import LONGEST, Lengths
from polysilicon.records.errors import InputError


@settings(deadline=None)
@example(2.0, 1.0000000000000002, 0)
@given(st.floats(1.0, 5000.0), st.floats(1.0, 4000.0), st.integers(0, 99))
def test_their_mean_is_what_was_asked_for(mean: float, times: float, seed: int) -> None:
    drawn = Lengths(mean, mean * times).drawn(20_000, seed)
    assert drawn.mean() == pytest.approx(mean, rel=0.01, abs=0.02)
    assert drawn.min() >= 1
    assert drawn.max() <= np.ceil(mean * times)


def test_answers_of_one_token_are_equal() -> None:
    assert set(Lengths.about(1).drawn(50, 0)) == {1}


def test_equal_lengths_are_equal() -> None:
    assert set(Lengths(200, 200).drawn(50, 0)) == {200}


def test_a_far_longest_leaves_an_exponential_spread() -> None:
    drawn = Lengths(1_000, 100_000).drawn(20_000, 0)
    assert np.median(drawn) == pytest.approx(1_000 * np.log(2), rel=0.01)
    assert drawn.std() == pytest.approx(1_000, rel=0.03)


def test_a_mean_near_the_longest_leaves_few_short_ones() -> None:
    drawn = Lengths(90, 100).drawn(10_000, 0)
    assert np.median(drawn) > 92


def test_where_only_the_mean_is_known_the_model_may_bound_it() -> None:
    assert Lengths.about(100).longest_tokens == LONGEST * 100
    assert Lengths.about(100, 300).longest_tokens == 300
    assert Lengths.about(100, 50).longest_tokens == 100


def test_the_same_seed_draws_the_same_order() -> None:
    one, same, other = (Lengths(50, 400).drawn(100, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert np.sort(one) == pytest.approx(np.sort(other), abs=1)


@pytest.mark.parametrize(("mean", "longest"), [(0.5, 10), (20, 10), (float("nan"), 10), (5, float("inf"))])
def test_lengths_that_cannot_be_are_refused(mean: float, longest: float) -> None:
    with pytest.raises(InputError, match="mean"):
        Lengths(mean, longest)
