import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.energy.cooling import pue
from polysilicon.energy.power import (
    drawn_power_kw,
    facility_power_kw,
    node,
    node_drawn_kw,
    node_overhead_kw,
    site_power_kw,
)
from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip, System
from polysilicon.facts.money import Assumption
from polysilicon.facts.places import Region
from polysilicon.records.bounded import Bounded, exactly

shares = st.floats(0.0, 1.0)


@given(st.floats(0.0, 1e6), st.floats(1.0, 3.0))
def test_a_facility_never_takes_less_than_its_equipment(it_kw: float, site_pue: float) -> None:
    assert facility_power_kw(it_kw, site_pue) >= it_kw


def test_formulas_take_numbers_arrays_and_ranges_alike() -> None:
    assert node_overhead_kw(10.2, 5.6) == pytest.approx(4.6)
    assert node_overhead_kw(np.array([10.2, 1.0]), 5.6) == pytest.approx([4.6, 0.0])


def test_a_node_draws_no_more_than_its_maximum() -> None:
    drawn = drawn_power_kw(Bounded(5.0, 4.0, 9.0), exactly(4.0), exactly(1.0), exactly(10.0))
    assert drawn.high == 10.0


def test_a_published_maximum_is_split_into_chips_and_the_rest(catalogue: Catalogue) -> None:
    dgx = node(catalogue, catalogue.get(System, "dgx-h100"))
    assert dgx.provisioned_kw.value == pytest.approx(10.2)
    assert dgx.chips_kw.value == pytest.approx(5.6)
    assert dgx.overhead_kw.value == pytest.approx(4.6)


def test_a_node_without_a_published_maximum_is_inferred_with_a_wider_range(catalogue: Catalogue) -> None:
    mi300x = node(catalogue, catalogue.get(System, "mi300x-8way"))
    assert mi300x.provisioned_kw.known
    assert mi300x.provisioned_kw.high / mi300x.provisioned_kw.low > 1.4
    assert mi300x.chips_kw.value + mi300x.overhead_kw.value == pytest.approx(mi300x.provisioned_kw.value)


def test_where_neither_is_published_power_is_as_wide_as_accelerators_are(catalogue: Catalogue) -> None:
    pod = catalogue.get(System, "atlas-950-64")
    made = node(catalogue, pod)
    assert made.provisioned_kw.high / made.provisioned_kw.low > 6.0
    assert any(one.origin.startswith("chip-power-where-unknown") for one in made.rests_on)


def test_a_system_of_unknown_size_has_an_unknown_power(catalogue: Catalogue) -> None:
    blade = catalogue.get(System, "atlas-850e")
    assert blade.chips is None
    assert not node(catalogue, blade).provisioned_kw.known
    assert not site_power_kw(catalogue, catalogue.get(Region, "us-tx-dallas"), blade).known


def test_the_ratio_assumed_for_nodes_is_the_median_of_those_that_are_known(catalogue: Catalogue) -> None:
    ratios = []
    for system in catalogue.every(System):
        chip = catalogue.get(Chip, system.chip_id) if system.chip_id else None
        if chip and chip.tdp_w and system.power_kw and system.chips:
            ratios.append(system.power_kw * 1000.0 / (system.chips * chip.tdp_w))
    whole = [one for one in ratios if 1.05 < one < 2.5]
    assumed = catalogue.get(Assumption, "node-power-per-chip-power")
    assert assumed.value == pytest.approx(statistics.median(whole), rel=0.05)
    assert assumed.low is not None
    assert assumed.high is not None
    assert assumed.low <= min(whole) * 1.01
    assert assumed.high >= max(whole) * 0.99


@given(shares)
def test_every_systems_power_keeps_its_ends_in_order(utilisation: float) -> None:
    from polysilicon.facts import load

    catalogue = load()
    for name in ("dgx-h100", "gb200-nvl72", "cloudmatrix-384", "atlas-800t-a2", "mi300x-8way", "qualcomm-ai200-rack"):
        one = node(catalogue, catalogue.get(System, name))
        drawn = node_drawn_kw(catalogue, one, utilisation)
        assert 0.0 <= drawn.low <= drawn.value <= drawn.high
        assert drawn.high <= one.provisioned_kw.high


def test_a_sites_power_grows_with_count_and_pue(catalogue: Catalogue) -> None:
    dgx, texas = catalogue.get(System, "dgx-h100"), catalogue.get(Region, "us-tx-dallas")
    one, many = site_power_kw(catalogue, texas, dgx), site_power_kw(catalogue, texas, dgx, np.array([1.0, 100.0]))
    assert many.value == pytest.approx([one.value, 100.0 * one.value])
    assert one.value / pue(catalogue, texas).value > 10.2


def test_a_provisioned_h100_is_near_the_analysts_all_in_figure(catalogue: Catalogue) -> None:
    """1.73 kW for each H100. Source: SemiAnalysis, AI Cloud TCO Model constants in InferenceX-app, 3 April 2026."""
    dgx, virginia = catalogue.get(System, "dgx-h100"), catalogue.get(Region, "us-va-ashburn")
    site = site_power_kw(catalogue, virginia, dgx)
    assert site.value / 8.0 == pytest.approx(1.73, rel=0.2)
