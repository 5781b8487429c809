import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.performance.operators import (
    cached_s,
    exposed_s,
    filled_flop,
    gemm_bytes,
    gemm_flop,
    gemm_s,
    held,
    kernel_s,
    overlapped_s,
    roofline_s,
    smooth_ratio,
    throttled_s,
    waves,
)

SIZE = st.integers(1, 20_000).map(float)


@given(SIZE, SIZE, SIZE)
def test_a_product_is_never_faster_than_its_roofline(rows, columns, inner):
    flop, traffic = gemm_flop(rows, columns, inner), gemm_bytes(rows, columns, inner, 2.0, 2.0)
    assert gemm_s(flop, traffic, 500e12, 2e12) >= roofline_s(flop, traffic, 500e12, 2e12)


def test_columns_and_numbers_agree():
    sizes = np.array([16.0, 4096.0])
    table = gemm_flop(sizes, 128.0, 256.0)
    assert list(table) == [gemm_flop(one, 128.0, 256.0) for one in sizes]


@given(st.floats(0, 10), st.floats(0, 10), st.floats(0, 1))
def test_what_is_exposed_lies_between_nothing_and_the_whole_transfer(transfer, hideable, overlap):
    exposed = exposed_s(transfer, hideable, overlap)
    assert transfer * (1 - overlap) <= exposed + 1e-12
    assert exposed <= transfer + 1e-12


@given(st.integers(1, 10_000).map(float), st.integers(1, 200).map(float), st.floats(0, 1))
def test_rounds_lie_between_the_even_share_and_whole_ones(tiles, units, wave):
    assert tiles / units <= waves(tiles, units, wave) <= np.ceil(tiles / units)
    assert waves(tiles * units, units, wave) == tiles


@given(st.floats(1e3, 1e12), st.floats(1e6, 1e9), st.floats(1.0, 10.0))
def test_what_the_cache_holds_comes_at_its_rate_and_the_rest_at_that_of_memory(traffic, cache, times):
    taken = cached_s(traffic, cache, 1e13, 1e12)
    assert traffic / 1e13 <= taken <= traffic / 1e12
    assert cached_s(traffic * times, cache, 1e13, 1e12) >= taken
    assert cached_s(cache * 1e-3, cache, 1e13, 1e12) == pytest.approx(cache * 1e-3 / 1e13, rel=1e-3)
    assert cached_s(traffic, 0.0, 1e13, 1e12) == pytest.approx(traffic / 1e12, rel=1e-3)


@given(st.floats(0, 10), st.floats(0, 10), st.floats(1, 16))
def test_overlap_takes_at_least_the_longer_and_at_most_both(one, other, sharpness):
    taken = overlapped_s(one, other, sharpness)
    assert max(one, other) * (1 - 1e-12) <= taken <= (one + other) * (1 + 1e-12)
    assert taken == overlapped_s(other, one, sharpness)


@given(st.floats(0, 10), st.floats(0, 1))
def test_only_long_operators_meet_the_power_limit(full, fade):
    assert full <= throttled_s(full, fade, 0.01) <= full * (1 + fade) * (1 + 1e-12)
    assert throttled_s(1e-6, fade, 0.01) == pytest.approx(1e-6, rel=1e-3)


def test_filling_a_tile_is_worth_some_inner_elements():
    assert filled_flop(1e12, 1024.0, 128.0) == pytest.approx(1e12 * 1152.0 / 1024.0)


@given(
    traffic=st.floats(1.0, 1e12), rows=st.integers(1, 65_536), rate=st.sampled_from(range(6)), more=st.floats(1.0, 8.0)
)
def test_a_memory_bound_kernel_is_never_slower_with_more_and_takes_its_launch_at_least(traffic, rows, rate, more):
    curve = [100.0, 2e12, 4e12, 4e7, 1e10, 2e-6]
    better = [size * (more if at == rate and at != 5 else 1.0) for at, size in enumerate(curve)]
    one, other = (kernel_s(traffic, float(rows), *each) for each in (curve, better))
    assert 2e-6 <= other <= one * (1.0 + 1e-12)


def test_a_surface_is_level_without_coefficients_and_held_at_its_ends():
    assert smooth_ratio((0.3, -0.7), (0.0,) * 7) == 1.0
    assert (held(2.0**40, 9.0, 8.0), held(1.0, 9.0, 8.0), held(2.0**9, 9.0, 8.0)) == (1.0, -1.0, 0.0)
