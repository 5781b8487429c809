import pytest

from polysilicon.energy.cooling import (
    grid_water_m3,
    pue,
    pue_allowed,
    site_water_l_per_kwh,
    site_water_m3,
)
from polysilicon.facts import Catalogue
from polysilicon.facts.places import Cooling, Region
from polysilicon.records.bounded import Bounded, exactly


def cooling(**fields: float) -> Cooling:
    return Cooling(id="test", sources=("user",), confidence="estimate", technology="liquid", climate="any", **fields)


def test_no_region_has_a_pue_below_one_at_either_end(catalogue: Catalogue) -> None:
    for region in catalogue.every(Region):
        site = pue(catalogue, region)
        assert 1.0 <= site.low <= site.value <= site.high


def test_the_cooling_chosen_outranks_the_region(catalogue: Catalogue) -> None:
    direct = cooling(pue_low=1.08, pue_high=1.15, wue_low_l_per_kwh=0.0, wue_high_l_per_kwh=0.3)
    johor = catalogue.get(Region, "my-johor")
    assert pue(catalogue, johor, direct).high == 1.15
    assert site_water_l_per_kwh(catalogue, johor, direct).high == 0.3


def test_a_limit_on_water_is_an_end_not_a_value(catalogue: Catalogue) -> None:
    guizhou = site_water_l_per_kwh(catalogue, catalogue.get(Region, "cn-gz-guian"))
    assert (guizhou.low, guizhou.high) == (0.0, 2.5)


def test_a_region_that_says_nothing_of_water_gets_the_assumed_range(catalogue: Catalogue) -> None:
    texas = site_water_l_per_kwh(catalogue, catalogue.get(Region, "us-tx-dallas"))
    assert texas.leaf is not None
    assert texas.leaf.origin.startswith("site-water-l-per-kwh")


def test_water_is_counted_on_site_by_it_energy_and_at_the_power_station_by_facility_energy() -> None:
    assert site_water_m3(1000.0, 1.75) == pytest.approx(1.75)
    assert grid_water_m3(1200.0, 3.13) == pytest.approx(3.756)


def test_a_hundred_megawatts_evaporate_four_megalitres_a_day() -> None:
    """100 MW at 1.75 L/kWh is about 4.2 ML a day. Source: EdgeProp, August 2024, citing Google."""
    assert site_water_m3(100_000.0 * 24.0, 1.75) / 1000.0 == pytest.approx(4.2, rel=0.01)


def test_geminis_median_prompt_uses_the_published_water() -> None:
    """0.24 Wh and 0.26 mL a prompt, 1.08 L/kWh. Source: Google, arXiv 2508.15734, August 2025."""
    assert site_water_m3(0.24e-3, 1.08) * 1e6 == pytest.approx(0.26, rel=0.02)


def test_a_pue_limit_is_judged_on_the_whole_range(catalogue: Catalogue) -> None:
    guizhou = catalogue.get(Region, "cn-gz-guian")
    assert guizhou.pue_limit is not None
    kept = pue_allowed(guizhou, exactly(guizhou.pue_limit))
    broken = pue_allowed(guizhou, exactly(guizhou.pue_limit + 0.1))
    open_ = pue_allowed(guizhou, Bounded(guizhou.pue_limit, 1.1, 1.5))
    assert kept is not None
    assert broken is not None
    assert open_ is not None
    assert bool(kept.certainly)
    assert not bool(broken.possibly)
    assert bool(open_.undetermined)
    assert pue_allowed(catalogue.get(Region, "us-tx-dallas"), exactly(1.5)) is None
