import numpy as np
import pytest

from polysilicon.performance.curves import Silicon
from polysilicon.performance.measuring.campaign import LEARNED
from polysilicon.performance.measuring.forms import Table, kernel_s, leftover_ratio, resident_bytes_per_s
from polysilicon.performance.measuring.kernels import DECODE, Kernel, product
from polysilicon.performance.measuring.learning import Knowledge

SILICON = Silicon(2.0, 20e9, 32e6, {"fp32": 1e11, "bf16": 2e11})


def seconds(kernels):
    known = Knowledge.none(kernels[0].kind, "fp32", SILICON)
    return kernel_s(Table.of(kernels), "fp32", known.parameters(), SILICON)


@pytest.mark.parametrize("kind", LEARNED)
def test_twice_the_rows_never_take_less(kind):
    rows = [1.0] if kind in ("vector", DECODE) else [64.0, 128.0, 256.0]
    kernels = [Kernel(kind, row, 1024.0 if kind != "attention" else row, 64.0, 4.0) for row in rows]
    assert np.all(np.diff(seconds(kernels)) >= 0.0)
    assert np.all(seconds(kernels) > 0.0)


def test_a_product_in_32_bits_runs_at_its_own_peak():
    assert seconds([product(2048.0, 2048.0, 2048.0)])[0] > 2.0 * 2048.0**3 / 1e11


def test_weights_that_stay_in_the_cache_are_read_faster():
    kept, cold = (Kernel("vector", 1.0, 1024.0, 1024.0, footprint_bytes=size) for size in (8e6, 1e12))
    warm_s, cold_s = seconds([kept, cold])
    assert warm_s < cold_s


def test_a_footprint_below_what_one_call_reads_is_none():
    small, own = (Kernel("vector", 1.0, 8192.0, 8192.0, footprint_bytes=size) for size in (1.0, 4.0 * 8192.0**2))
    assert np.ptp(seconds([small, own])) == pytest.approx(0.0)


def test_what_comes_round_soon_is_read_from_the_cache():
    rates = resident_bytes_per_s(np.array([1e3, 1e12]), 32e6, 100e9, 20e9)
    assert rates == pytest.approx([100e9, 20e9], rel=1e-3)


def test_nothing_left_over_changes_nothing_and_its_ends_are_held():
    assert leftover_ratio(0.7, -0.3, [0.0] * 5) == 1.0
    assert leftover_ratio(9.0, 0.0, [0.1] * 5) == leftover_ratio(1.5, 0.0, [0.1] * 5)


def test_many_parameters_are_evaluated_at_once():
    known = Knowledge.none("product", "fp32", SILICON)
    kernels = Table.of([product(64.0, 512.0, 512.0), product(128.0, 512.0, 512.0)])
    points = np.array([known.point, known.point + 0.1])
    both = kernel_s(kernels, "fp32", known.parameters(points), SILICON)
    each = [kernel_s(kernels, "fp32", known.parameters(one), SILICON) for one in points]
    assert both == pytest.approx(np.array(each))
