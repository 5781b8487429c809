"""Operational carbon: location-based, on one basis at a time.

Direct averages leave out building the plants and fetching the fuel; lifecycle averages count both and are 20-35 %
higher for the same grid. A figure therefore carries its basis and year, and two bases are never added or compared.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from polysilicon.facts.catalogue import Catalogue
from polysilicon.facts.places import Region
from polysilicon.facts.reading import aged, assumed, read
from polysilicon.records.bounded import Amount, Bounded, exactly, unknown
from polysilicon.records.recorder import Leaf, formula
from polysilicon.records.units import KILO

Basis = Literal["direct", "lifecycle"]


@dataclass(frozen=True)
class Intensity:
    """Carbon of a grid's electricity: `value, basis, year` belong together. Unknown where the basis is absent."""

    g_per_kwh: Bounded
    basis: Basis
    year: int | None
    detail: str
    origin: Leaf | None


@formula
def operational_kg(facility_kwh: Amount, intensity_g_per_kwh: Amount) -> Amount:
    """Location-based emissions of the electricity that a facility uses.

    Source: GHG Protocol Scope 2 Guidance, World Resources Institute 2015, chapter 6 (location-based method).
    """
    return facility_kwh * intensity_g_per_kwh / KILO


def intensity(catalogue: Catalogue, region: Region, basis: Basis, as_of: dt.date) -> Intensity:
    """The grid's yearly average on `basis`, widened by its age. Another basis is never put in its place."""
    main: Basis = "lifecycle" if region.carbon_basis.startswith("lifecycle") else "direct"
    if main == basis:
        return _aged(catalogue, region, "carbon_intensity_g_per_kwh", basis, region.carbon_year, as_of)
    if basis == "lifecycle" and region.carbon_lifecycle_g_per_kwh is not None:
        year = region.carbon_lifecycle_year or region.carbon_year
        return _aged(catalogue, region, "carbon_lifecycle_g_per_kwh", basis, year, as_of)
    return Intensity(unknown(), basis, None, f"no {basis} average read for {region.id}", None)


def _aged(catalogue: Catalogue, region: Region, field: str, basis: Basis, year: float, as_of: dt.date) -> Intensity:
    stated = read(catalogue, region, field)
    if "user" in region.origin(field).sources:
        return Intensity(stated, basis, int(year), "the user's own", stated.leaf)
    g_per_kwh = aged(stated, assumed(catalogue, "carbon-drift-per-year"), as_of.year - year)
    detail = region.carbon_basis if field == "carbon_intensity_g_per_kwh" else "lifecycle"
    return Intensity(exactly(g_per_kwh), basis, int(year), detail, stated.leaf)
