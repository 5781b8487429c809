import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import load
from polysilicon.performance.curves import Silicon, product_curve
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.performance.matrix import (
    FINEST_SPLIT,
    ProductCurve,
    inner_splits,
    product_s,
    surface_ratio,
    tile_s,
    tiled_s,
)

CATALOGUE = load()
CHIPS = ("nvidia-h100-sxm-80gb", "nvidia-a100-sxm-80gb", "huawei-ascend-910b2", "intel-arc-pro-b60")
SIZE = st.integers(1, 32_768).map(float)
RATES = ("memory_bytes_per_s", "cache_bytes_per_s", "feed_bytes_per_s", "matrix_flop_per_s")


def curve_of(chip: str, kind: str = "bf16") -> ProductCurve:
    parameters = efficiency_of(CATALOGUE, chip, "operators").parameters
    return product_curve(parameters, Silicon.of(CATALOGUE, chip), kind)


CURVES = {chip: curve_of(chip) for chip in CHIPS}
CURVE = st.sampled_from(CHIPS).map(CURVES.__getitem__)


@settings(max_examples=60, deadline=None)
@given(curve=CURVE, rows=SIZE, columns=SIZE, inner=SIZE, rate=st.sampled_from(RATES), more=st.floats(1.0, 8.0))
def test_a_higher_rate_never_slows_a_product(curve, rows, columns, inner, rate, more):
    faster = curve._replace(**{rate: getattr(curve, rate) * more})
    sizes = rows, columns, inner, 1.0, 2.0, 2.0, 2.0
    assert product_s(*sizes, faster) <= product_s(*sizes, curve) * (1.0 + 1e-12)


@settings(max_examples=60, deadline=None)
@given(curve=CURVE, rows=SIZE, columns=SIZE, inner=SIZE, batch=st.sampled_from([1.0, 8.0]))
def test_no_product_runs_beyond_the_rate_of_its_tiles(curve, rows, columns, inner, batch):
    least_s = 2.0 * batch * rows * columns * inner / curve.matrix_flop_per_s
    assert tiled_s(rows, columns, inner, batch, 2.0, 2.0, 2.0, curve) >= least_s * (1.0 - 1e-12)


@settings(max_examples=60, deadline=None)
@given(curve=CURVE, rows=st.integers(1, 16).map(float), columns=st.integers(33, 64).map(float))
def test_a_tile_that_is_partly_filled_takes_as_long_as_a_whole_one(curve, rows, columns):
    inner = 2.0 * FINEST_SPLIT - 1.0  # too short to be split
    part, whole = (tiled_s(*size, inner, 1.0, 2.0, 2.0, 2.0, curve) for size in ((rows, columns), (16.0, 64.0)))
    assert part == whole


def test_one_tile_beyond_a_full_round_costs_another_round():
    curve = CURVES[CHIPS[0]]._replace(wave=1.0)
    batches = curve.units * np.array([1.0, 1.5, 2.0])  # of one tile each
    full, beyond, twice = tiled_s(16.0, 64.0, 256.0, batches, 2.0, 2.0, 2.0, curve)
    assert beyond == twice == pytest.approx(2.0 * full)


def test_a_tile_is_its_arithmetic_where_operands_cost_nothing():
    taken_s = tile_s(128.0, 256.0, 4096.0, 2.0, 2.0, 2.0, 5e12, 1e30, 0.0, 1.0)
    assert taken_s == pytest.approx(2.0 * 128.0 * 256.0 * 4096.0 / 5e12)


def test_few_tiles_share_out_the_inner_dimension_and_many_do_not():
    assert inner_splits(4.0, 16_384.0, 132.0) == 33.0
    assert inner_splits(4.0, 1024.0, 132.0) == 1024.0 / FINEST_SPLIT
    assert inner_splits(500.0, 16_384.0, 132.0) == 1.0
    curve = CURVES[CHIPS[0]]
    never_split = curve._replace(join_s=1.0)
    split, whole = (product_s(64.0, 64.0, 65_536.0, 1.0, 2.0, 2.0, 2.0, one) for one in (curve, never_split))
    assert split < whole / 2.0


@given(SIZE, SIZE, SIZE)
def test_the_surface_is_level_where_nothing_was_fitted_and_held_at_its_ends(rows, columns, inner):
    assert surface_ratio(rows, columns, inner, (0.0,) * 10) == 1.0
    fitted = CURVES[CHIPS[0]].surface
    assert surface_ratio(2.0**17, 2.0**17, 2.0**17, fitted) == surface_ratio(2.0**40, 2.0**40, 2.0**40, fitted)


def test_a_column_of_chips_gives_what_each_gives_alone():
    both = ProductCurve.stack([CURVES[chip] for chip in CHIPS])
    sizes = 512.0, 4096.0, 8192.0, 1.0, 2.0, 2.0, 2.0
    assert list(product_s(*sizes, both)) == pytest.approx([product_s(*sizes, CURVES[chip]) for chip in CHIPS])


def test_narrow_operands_make_a_large_product_faster():
    wide, narrow = curve_of(CHIPS[0]), curve_of(CHIPS[0], "fp8")
    large = 8192.0, 8192.0, 8192.0, 1.0
    assert product_s(*large, 1.0, 1.0, 2.0, narrow) < product_s(*large, 2.0, 2.0, 2.0, wide)
