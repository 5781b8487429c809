import datetime as dt

import numpy as np
import pytest

from polysilicon.facts import Catalogue
from polysilicon.policy import Items
from polysilicon.policy.law import law_of
from polysilicon.policy.quantities import fields_of, quantity

ON = dt.date(2026, 6, 1)


def value(catalogue: Catalogue, name: str, **fields: float) -> tuple[float, float]:
    items = Items.from_columns(fields, count=1)
    found = quantity(name, items, law_of(catalogue, ON, "enforced").definitions, ON)
    return float(np.ravel(found.lo)[0]), float(np.ravel(found.hi)[0])


@pytest.mark.parametrize(
    ("fields", "tpp"),
    [
        ({"fp8_tflops": 600.0}, 4800.0),
        ({"fp16_tflops": 300.0}, 4800.0),
        ({"bf16_tflops": 1835.0, "fp8_tflops": 1835.0}, 29360.0),
        ({"bf16_tflops": 989.0, "fp8_tflops": 1979.0, "tf32_tflops": 494.7}, 15832.0),
        ({"int4_tops": 661.0, "fp16_tflops": 165.0}, 2644.0),
    ],
)
def test_tpp_is_the_greatest_over_bit_lengths(catalogue: Catalogue, fields: dict[str, float], tpp: float) -> None:
    assert value(catalogue, "tpp", **fields) == (tpp, tpp)


def test_tpp_without_a_published_rate_is_unknown(catalogue: Catalogue) -> None:
    assert value(catalogue, "tpp", die_area_mm2=800.0) == (0.0, np.inf)


def test_density_is_performance_over_area_and_wide_without_it(catalogue: Catalogue) -> None:
    assert value(catalogue, "performance_density", tpp=4800.0, die_area_mm2=800.0) == (6.0, 6.0)
    assert value(catalogue, "performance_density", tpp=4800.0) == (0.0, np.inf)


def test_density_without_non_planar_logic_is_undefined(catalogue: Catalogue) -> None:
    assert np.isnan(value(catalogue, "performance_density", tpp=4800.0, applicable_die_area=0.0)[0])


def test_combined_bandwidth_is_a_sum(catalogue: Catalogue) -> None:
    assert value(catalogue, "combined_bandwidth", memory_bw_gbs=1000.0, scaleup_bw_gbs=700.0) == (1700.0, 1700.0)
    assert value(catalogue, "combined_bandwidth", memory_bw_gbs=5300.0) == (5300.0, np.inf)


def test_a_quantity_names_the_fields_it_rests_on(catalogue: Catalogue) -> None:
    definitions = law_of(catalogue, ON, "enforced").definitions
    assert fields_of("combined_bandwidth", definitions) == ("memory_bw_gbs", "scaleup_bw_gbs")
    assert "die_area_mm2" in fields_of("performance_density", definitions)
