"""What timed shapes near by tell of a kernel beyond its curve."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.facts.hardware import Chip
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.performance.kernels import Kernels
from polysilicon.performance.residuals import (
    AXES,
    TABLES,
    Residuals,
    correlation,
    points_of,
    residual_ratio,
    residuals_of,
)
from polysilicon.records.document import read_csv

CATALOGUE = load()
H100, NEVER_TIMED = "nvidia-h100-sxm-80gb", "huawei-ascend-910b2"
DECODE = {"batch": 16.0, "keys": 4096.0, "heads": 32.0, "kv_heads": 8.0}
LENGTHS = np.array([1.0, 2.0])
POINT = st.lists(st.floats(-20.0, 40.0), min_size=2, max_size=2).map(lambda one: np.array([one]))


@settings(max_examples=60)
@given(one=POINT, other=POINT)
def test_a_residual_holds_wholly_where_it_is_and_ever_less_further_off(one, other):
    near, far = (correlation(one, one + share * (other - one), LENGTHS)[0, 0] for share in (0.5, 1.0))
    assert correlation(one, one, LENGTHS)[0, 0] == pytest.approx(1.0)
    assert 0.0 <= far <= near + 1e-12 <= 1.0 + 1e-9
    assert correlation(other, one, LENGTHS)[0, 0] == pytest.approx(correlation(one, other, LENGTHS)[0, 0])


def test_a_timed_shape_has_its_own_ratio_a_like_one_part_of_it_and_a_distant_one_none():
    timed = Residuals(np.array([[4.0, 10.0]]), np.array([np.log(1.5)]), LENGTHS)
    at, near, far = residual_ratio(np.array([[4.0, 10.0], [5.0, 10.0], [40.0, 10.0]]), timed)
    assert at == pytest.approx(1.5)
    assert 1.0 < near < 1.5
    assert far == pytest.approx(1.0)


def test_every_table_names_kernels_and_families_that_are_known_and_a_length_for_each_axis():
    families = {one.family or one.id for one in CATALOGUE.every(Chip)}
    parameters = efficiency_of(CATALOGUE, NEVER_TIMED, "operators").parameters
    for operator, axes in AXES.items():
        rows = [row for _, row in read_csv(TABLES / f"{operator}.csv")]
        assert {row["family"] for row in rows} <= families
        assert all(f"{operator}.{row['kind']}.floor_s" in parameters for row in rows)
        assert all(parameters[f"{operator}.length.{axis}"] >= 0.5 for axis in axes)
    assert {path.stem for path in TABLES.glob("*.csv")} == set(AXES)


def test_families_share_shapes_and_weigh_them_in_their_own_way():
    parameters = efficiency_of(CATALOGUE, H100, "operators").parameters
    ada, hopper = (residuals_of(parameters, "decode", "bf16.fp8.wide", one) for one in ("ada", "hopper"))
    assert np.array_equal(ada.points, hopper.points)
    assert np.any(hopper.weights != ada.weights)
    assert residuals_of(parameters, "decode", "bf16.fp8.wide", "nobody") is None
    assert residuals_of(parameters, "decode", "int1.int1.wide", "hopper") is None
    assert residuals_of(parameters, "collective", "all_reduce", "hopper") is None


def test_a_row_of_sizes_gets_a_ratio_and_a_variant_that_nobody_timed_that_of_the_usual_kernel():
    kernels = Kernels.of(CATALOGUE, H100)
    sizes = {name: np.array([size, 2.0 * size]) for name, size in DECODE.items()}
    ratio = kernels.residual_ratio("decode", "bf16.fp8.wide", sizes)
    assert ratio.shape == (2,)
    assert np.all((ratio > 0.5) & (ratio < 2.0))
    assert kernels.residual_ratio("decode", "bf16.fp8.wide@nobody", sizes) == pytest.approx(ratio)
    assert np.array_equal(kernels.residual_ratio("collective", "all_reduce", {"ranks": np.array([2.0, 8.0])}), [1, 1])


@pytest.mark.parametrize(("chip", "operator"), [(NEVER_TIMED, "decode"), ("nvidia-h20-96gb", "decode")])
def test_a_chip_that_nobody_timed_keeps_to_its_curve(chip, operator):
    assert Kernels.of(CATALOGUE, chip).timed == frozenset()
    assert Kernels.of(CATALOGUE, chip).residual_ratio(operator, "bf16.fp8.wide", DECODE) == 1.0
    assert Kernels.of(CATALOGUE, H100).residual_ratio(operator, "bf16.fp8.wide", DECODE) != 1.0


def test_points_are_doublings_of_sizes_and_of_what_follows_from_them():
    (point,) = points_of("decode", DECODE, 128.0)
    assert point.tolist() == [4.0, 12.0, 5.0, 2.0, 0.0]
