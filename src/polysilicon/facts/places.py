"""Regions, and the ways to cool a hall there."""

from typing import Annotated, ClassVar

import msgspec

from polysilicon.facts.record import Celsius, Degrees, Quantity, Ratio, Record

Year = Annotated[float, msgspec.Meta(ge=1900, le=2100, extra={"unit": "year"})]

# Some tens of times the dearest grid: a price above it is in another unit.
EnergyPrice = Annotated[float, msgspec.Meta(ge=0, le=10)]


class Region(Record, frozen=True, kw_only=True):
    """A place where a data centre may stand.

    `carbon_direct_g_per_kwh` is location-based; `carbon_basis` must be read with it, as direct and lifecycle
    averages differ by 20-35 %. Electricity prices of different `price_basis` are not comparable either.
    `pue_limit` binds what `pue_limit_scope` says. `site_water_l_per_kwh` is a ceiling where `site_water_limit`
    is set. `grid_lead_time_years` is the usual wait for a large connection, absent where only the longest is
    known; `grid_lead_time_high_years` the longest.
    """

    BESIDE: ClassVar[dict[str, str]] = {
        "carbon_lifecycle_year": "carbon_lifecycle_g_per_kwh",
        "low_carbon_basis": "low_carbon_share",
        "price_year": "electricity_usd_per_kwh",
        "price_basis": "electricity_usd_per_kwh",
        "climate_basis": "mean_wet_bulb_c",
        "water_stress_basis": "water_stress",
        "typical_pue_basis": "typical_pue",
        "pue_limit_scope": "pue_limit",
        "site_water_limit": "site_water_l_per_kwh",
        "water_basis": "site_water_l_per_kwh",
        "lead_time_basis": "grid_lead_time_high_years",
        "capex_basis": "capex_musd_per_mw",
    }

    name: str
    country: str
    grid_zone: str
    lat: Degrees
    lon: Degrees
    carbon_intensity_g_per_kwh: Quantity
    carbon_year: Year
    carbon_basis: str
    carbon_lifecycle_g_per_kwh: Quantity | None = None
    carbon_lifecycle_year: Year | None = None
    low_carbon_share: Ratio | None = None
    low_carbon_basis: str | None = None
    electricity_usd_per_kwh: EnergyPrice
    price_year: Year
    price_basis: str
    mean_dry_bulb_c: Celsius | None = None
    mean_wet_bulb_c: Celsius | None = None
    design_wet_bulb_c: Celsius | None = None
    climate_basis: str | None = None
    water_stress: str | None = None
    water_stress_basis: str | None = None
    typical_pue: Ratio
    typical_pue_basis: str
    pue_limit: Ratio | None = None
    pue_limit_scope: str | None = None
    pue_limit_rule: str | None = None
    site_water_l_per_kwh: Quantity | None = None
    site_water_limit: bool = False
    water_basis: str | None = None
    grid_water_l_per_kwh: Quantity | None = None
    grid_lead_time_years: Quantity | None = None
    grid_lead_time_high_years: Quantity | None = None
    lead_time_basis: str | None = None
    capex_musd_per_mw: Quantity | None = None
    capex_basis: str | None = None
    land_tax_notes: str | None = None


class Cooling(Record, frozen=True, kw_only=True):
    """A cooling technology in a climate, with its range of PUE and WUE."""

    technology: str
    climate: str
    pue_low: Ratio | None = None
    pue_high: Ratio | None = None
    wue_low_l_per_kwh: Quantity | None = None
    wue_high_l_per_kwh: Quantity | None = None
    rack_limit_kw: Quantity | None = None
    capex_usd_per_kw: Quantity | None = None
