from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.performance import Layouts, Recipe
from polysilicon.performance.pipeline import bubble_s, scheduled_bubble_s

DEEP = st.sampled_from([1, 2, 4, 8])


@given(DEEP, st.floats(0.1, 10), st.floats(0.1, 10), st.floats(0.1, 10))
def test_zero_bubble_is_the_papers_bubble(pp, forward, backward, weights):
    """(pp - 1)(F + B - W) in place of (pp - 1)(F + B + W), for the passes of a stage."""
    layers = 8.0
    plain = bubble_s((forward + backward + weights) / layers * pp, 0.0, 0.0, 0.0, layers, float(pp), 1.0)
    assert np.isclose(plain, (pp - 1) * (forward + backward + weights))
    one = scheduled_bubble_s(plain, weights / layers * pp, layers, float(pp), 1.0, float(pp))
    assert np.isclose(one, max((pp - 1) * (forward + backward - weights), 0.0))
    assert scheduled_bubble_s(plain, weights, layers, float(pp), 0.0, float(pp)) == plain


@given(DEEP, st.integers(1, 16), st.floats(0.1, 10), st.floats(0.1, 10))
def test_zero_bubble_is_no_shorter_than_the_path_of_its_micro_batches(pp, batches, through, weights):
    """(m + pp - 1)(F + B) and the last W: no micro-batch leaves a stage before it has passed through those ahead."""
    plain = bubble_s(through + weights, 0.0, 0.0, 0.0, float(pp), float(pp), 1.0)
    left = scheduled_bubble_s(plain, weights, float(pp), float(pp), 1.0, float(batches))
    busy, path = batches * (through + weights), (batches + pp - 1) * through + weights
    assert busy + left >= path * (1 - 1e-12)
    assert batches > pp or np.isclose(busy + left, max(path, busy))


@settings(max_examples=20, deadline=None)
@given(pp=DEEP, dp=DEEP)
def test_a_better_schedule_only_shortens_the_bubble(small, step_of, pp, dp):
    plain = step_of(small, Layouts.one(pp=pp, dp=dp))
    for better in ({"schedule": "zero_bubble"}, {"interleave": 2 if 1 < pp <= 8 else 1}):
        other = step_of(small, Layouts.one(pp=pp, dp=dp, **better))
        assert other.bubble_s <= plain.bubble_s
        assert other.layers_s == plain.layers_s
        assert (pp == 1) == (other.bubble_s == 0)


def test_frozen_weights_leave_nothing_to_fill_the_bubble_with(small, step_of):
    plain, zero = (
        step_of(small, Layouts.one(pp=4, dp=8, schedule=one), Recipe(frozen=1.0)) for one in ("1f1b", "zero_bubble")
    )
    assert plain.bubble_s == zero.bubble_s


def test_the_longest_stage_sets_the_pace_where_layers_dont_divide(small, step_of):
    three, four = (step_of(small, Layouts.one(pp=one)) for one in (3, 4))
    assert np.isclose(three.layers_s / four.layers_s, 6 / 4)


def test_a_head_longer_than_the_layers_it_takes_the_place_of_lengthens_the_step(small, step_of):
    """Sixteen layers leave three stages room for two more: a head as long as those is hidden, a longer one is not."""
    uneven, even = Layouts.one(pp=3), Layouts.one(pp=4)
    assert step_of(small, uneven).head_s == 0
    wordy = replace(small, vocab=64 * small.vocab)
    whole, beyond = step_of(wordy, even).head_s, step_of(wordy, uneven)
    assert np.isclose(beyond.head_s, whole - beyond.layers_s * 2 / 6)
