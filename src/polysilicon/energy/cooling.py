"""What cooling takes: power above the IT load, water on site; and what a hall or a rule allows."""

from polysilicon.facts.catalogue import Catalogue
from polysilicon.facts.places import Cooling, Region
from polysilicon.facts.reading import assumed, read, spread_of
from polysilicon.records.bounded import Amount, Bounded, between
from polysilicon.records.interval import Interval, Truth
from polysilicon.records.recorder import Leaf, formula
from polysilicon.records.units import KILO


@formula
def site_water_m3(it_kwh: Amount, site_water_l_per_kwh: Amount) -> Amount:
    """Water used on site.

    Source: ISO/IEC 30134-9:2022, Water usage effectiveness.
    """
    return it_kwh * site_water_l_per_kwh / KILO


@formula
def grid_water_m3(facility_kwh: Amount, grid_water_l_per_kwh: Amount) -> Amount:
    """Water used by the power stations that feed the site.

    Source: ISO/IEC 30134-9:2022, Water usage effectiveness, category 3 (energy source water).
    """
    return facility_kwh * grid_water_l_per_kwh / KILO


def pue(catalogue: Catalogue, region: Region, cooling: Cooling | None = None) -> Bounded:
    """Power usage effectiveness of a hall with `cooling`; without it, as is typical of the region.

    The doubt about a region's figure is about what lies above 1, so that no end falls below 1.
    """
    if cooling is not None and cooling.pue_low is not None and cooling.pue_high is not None:
        leaf = Leaf(f"{cooling.id}.pue [{', '.join(cooling.sources)}]", cooling.confidence)
        return between(cooling.pue_low, cooling.pue_high, leaf)
    origin = region.origin("typical_pue")
    leaf = Leaf(f"{region.id}.typical_pue [{', '.join(origin.sources)}]", origin.confidence or "")
    over, spread = region.typical_pue - 1.0, spread_of(catalogue, origin)
    low = 1.0 + over * (1.0 - spread) if origin.low is None else max(1.0, origin.low)
    high = 1.0 + over * (1.0 + spread) if origin.high is None else origin.high
    return Bounded(region.typical_pue, low, high, leaf)


def site_water_l_per_kwh(catalogue: Catalogue, region: Region, cooling: Cooling | None = None) -> Bounded:
    """Water used on site per unit of IT energy [L/kWh]: of the cooling, else of the region, else an assumed range."""
    if cooling is not None and cooling.wue_low_l_per_kwh is not None and cooling.wue_high_l_per_kwh is not None:
        leaf = Leaf(f"{cooling.id}.wue [{', '.join(cooling.sources)}]", cooling.confidence)
        return between(cooling.wue_low_l_per_kwh, cooling.wue_high_l_per_kwh, leaf)
    if region.site_water_l_per_kwh is None:
        return assumed(catalogue, "site-water-l-per-kwh")
    if region.site_water_limit:
        origin = region.origin("site_water_l_per_kwh")
        leaf = Leaf(f"{region.id}.site_water_l_per_kwh, a limit [{', '.join(origin.sources)}]", origin.confidence or "")
        return between(0.0, region.site_water_l_per_kwh, leaf)
    return read(catalogue, region, "site_water_l_per_kwh")


def pue_allowed(region: Region, site_pue: Bounded) -> Truth | None:
    """Whether a PUE keeps the limit read for the region; `None` where no limit was read."""
    if region.pue_limit is None:
        return None
    return Interval.between(site_pue.low, site_pue.high).at_most(region.pue_limit)
