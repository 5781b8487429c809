import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from polysilicon.porting.verifying import metrics
from polysilicon.porting.verifying.metrics import distance

NUMBERS = arrays(np.float64, st.integers(1, 30), elements=st.floats(-1e3, 1e3, width=32))


@given(NUMBERS)
def test_what_is_rounded_once_is_within_the_floor_of_one_rounding(exact):
    for dtype, kind in (("fp32", np.float32), ("fp16", np.float16)):
        # Below the smallest normal number a format has fewer digits.
        normal = np.where(np.abs(exact) < 1e-3, 1.0, exact)
        off = distance(normal.astype(kind).astype(np.float32), normal, dtype).relative
        assert off <= metrics.rounding(dtype, 1) * (1 + 1e-6)


def test_one_rounding_costs_many_numbers_what_the_formula_says():
    exact = np.exp(np.random.default_rng(1).uniform(0, 20, 200_000))
    off = np.abs(exact.astype(np.float32) - exact) / exact
    assert metrics.rounding("fp32", exact.size) == pytest.approx(float(np.sqrt(np.mean(off**2))), rel=0.01)


@given(NUMBERS)
def test_nothing_is_nearer_than_the_same(exact):
    found = distance(exact, exact, "fp64")
    assert found.relative == 0.0
    assert found.ulps[0] == 1.0


@pytest.mark.parametrize(
    ("mine", "right"),
    [
        pytest.param([1.0, np.nan], [1.0, 2.0], id="not a number where there is one"),
        pytest.param([1.0, 2.0], [1.0, np.nan], id="a number where there is none"),
        pytest.param([1.0, np.inf], [1.0, -np.inf], id="the other infinity"),
        pytest.param([1.0, 3e38], [1.0, np.inf], id="no infinity"),
    ],
)
def test_what_is_not_finite_has_to_be_so_in_the_same_place(mine, right):
    assert math.isinf(distance(np.array(mine, np.float32), np.array(right), "fp32").relative)


def test_what_overflows_in_the_format_may_be_infinite():
    assert distance(np.array([np.inf, 1.0], np.float32), np.array([1e60, 1.0]), "fp32").relative == 0.0


def test_whole_numbers_have_to_be_exact():
    assert math.isinf(distance(np.array([1, 2]), np.array([1, 3]), "fp32").relative)
    assert distance(np.array([True]), np.array([True]), "fp32").relative == 0.0


def test_another_shape_is_another_answer():
    assert math.isinf(distance(np.zeros((2, 1)), np.zeros(2), "fp32").relative)


def test_an_update_is_compared_not_the_parameter():
    before = np.full(3, 1000.0)
    found = distance(before + 0.02, before + 0.01, "fp64", origin=before)
    assert found.relative == pytest.approx(1.0)


def test_ulps_are_counted_in_the_format():
    right = np.array([1.0, 1.0, 1.0, 1.0])
    mine = right + np.array([0.0, 1.0, 3.0, 300.0]) * 2.0**-23
    assert distance(mine, right, "fp32").ulps == (0.25, 0.25, 0.25, 0.0, 0.0, 0.25)


def test_top1_is_the_share_of_rows_with_the_same_largest_element():
    right = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert distance(right[:, ::-1], right, "fp64").top1 == 0.0
    assert distance(right, right, "fp64").top1 == 1.0


def test_the_floor_is_the_median_of_others_and_no_less_than_one_rounding():
    assert metrics.floor([1e-6, 3e-6, 9e-6], "fp32", 10) == 3e-6
    assert metrics.floor([0.0, 0.0], "fp32", 10) == metrics.rounding("fp32", 10)
    assert metrics.floor([], "bf16", 10) == metrics.rounding("bf16", 10)


def test_verdicts_are_of_3_and_30_floors():
    assert [metrics.verdict(one) for one in (3.0, 3.1, 30.0, 30.1, math.inf)] == [
        "pass",
        "look",
        "look",
        "fail",
        "fail",
    ]
    assert metrics.worst(["pass", "fail", "unsupported", "look"]) == "fail"


def test_a_verdict_of_nothing_is_no_pass():
    assert metrics.worst([]) == "unsupported"
