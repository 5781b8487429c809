from dataclasses import replace

import numpy as np
import pytest

from polysilicon.facts import load
from polysilicon.facts.money import Assumption
from polysilicon.performance.curves import FORMATS, Silicon, attention_curve, attention_kind, product_curve
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.records.errors import InputError, UnknownName
from polysilicon.records.units import GIGA, MEGA, TERA

CATALOGUE = load()
H100, A100 = "nvidia-h100-sxm-80gb", "nvidia-a100-sxm-80gb"
NEVER_TIMED = "huawei-ascend-910b2"


def parameters_of(chip):
    return efficiency_of(CATALOGUE, chip, "operators").parameters


def test_silicon_is_what_the_record_says():
    found = Silicon.of(CATALOGUE, H100)
    assert (found.units, found.memory_bytes_per_s, found.cache_bytes) == (132.0, 3350.0 * GIGA, 50.0 * MEGA)
    assert found.peak("bf16") == pytest.approx(989.4 * TERA, rel=1e-3)


def test_a_chip_that_states_no_compute_units_has_the_usual_count():
    assert Silicon.of(CATALOGUE, "biren-br100").units == CATALOGUE.get(Assumption, "compute-units").value


def test_a_chip_without_the_figures_that_curves_need_is_refused_by_name():
    with pytest.raises(UnknownName):
        Silicon.of(CATALOGUE, "nobody-nothing")
    with pytest.raises(InputError, match="bf16_tflops is unknown"):
        Silicon.of(CATALOGUE, "aws-trainium4")


def test_products_in_a_format_that_a_chip_lacks_or_barely_has_run_at_its_16_bit_peak():
    ampere = Silicon.of(CATALOGUE, A100)
    assert ampere.peak("fp8") == ampere.peak("bf16")
    token = replace(ampere, peak_flop_per_s={"bf16": 300e12, "int8": 9e12})
    assert token.peak("int8") == 300e12


def test_a_column_of_chips_has_the_peaks_of_each():
    both = Silicon.stack([Silicon.of(CATALOGUE, one) for one in (H100, A100)])
    alone = [Silicon.of(CATALOGUE, one).peak("fp8") for one in (H100, A100)]
    assert list(both.peak("fp8")) == alone


@pytest.mark.parametrize("kind", FORMATS)
def test_a_chip_that_was_never_timed_has_a_curve_at_its_own_sizes(kind):
    own = Silicon.of(CATALOGUE, NEVER_TIMED)
    peaks = {name: 2.0 * peak for name, peak in own.peak_flop_per_s.items()}
    double = Silicon(2.0 * own.units, 2.0 * own.memory_bytes_per_s, 2.0 * own.cache_bytes, peaks)
    one, other = (product_curve(parameters_of(NEVER_TIMED), silicon, kind) for silicon in (own, double))
    for size in ("units", "matrix_flop_per_s", "feed_bytes_per_s", "memory_bytes_per_s", "cache_bytes_per_s"):
        assert getattr(other, size) == pytest.approx(2.0 * getattr(one, size))
    assert (other.floor_s, other.fill_s, other.wave) == (one.floor_s, one.fill_s, one.wave)


def test_a_frameworks_own_kernel_has_the_peak_of_its_format():
    usual, own = (
        product_curve({**parameters, **as_variant}, Silicon.of(CATALOGUE, H100), kind)
        for parameters, as_variant, kind in (
            (parameters_of(H100), {}, "fp8"),
            (
                {},
                {name.replace("gemm.fp8.", "gemm.fp8@own."): value for name, value in parameters_of(H100).items()},
                "fp8@own",
            ),
        )
    )
    assert own == usual


def test_only_narrow_operands_are_brought_into_their_format():
    silicon, fitted = Silicon.of(CATALOGUE, H100), parameters_of(H100)
    assert product_curve(fitted, silicon, "bf16").quantise == 0.0
    assert product_curve(fitted, silicon, "fp8").quantise == fitted["gemm.fp8.quantise"] > 0.0


@pytest.mark.parametrize(("head_dim", "width"), [(64.0, "narrow"), (96.0, "wide"), (128.0, "wide")])
def test_wide_and_narrow_heads_run_on_kernels_of_their_own(head_dim, width):
    kind = attention_kind("bf16", "fp8", head_dim)
    assert kind == f"bf16.fp8.{width}"
    curve = attention_curve(parameters_of(H100), Silicon.of(CATALOGUE, H100), kind)
    assert np.all(np.array(curve) > 0.0)
