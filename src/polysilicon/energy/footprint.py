"""Power, energy, water and carbon of so many systems in one region over some hours."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from polysilicon.energy.carbon import Basis, Intensity, intensity, operational_kg
from polysilicon.energy.cooling import grid_water_m3, pue, site_water_l_per_kwh, site_water_m3
from polysilicon.energy.embodied import (
    building_embodied_kg,
    chip_embodied_kg,
    server_embodied_kg,
    written_off_kg,
)
from polysilicon.energy.power import Node, energy_kwh, facility_power_kw, it_power_kw, node, node_drawn_kw
from polysilicon.facts.catalogue import Catalogue
from polysilicon.facts.hardware import Chip, System
from polysilicon.facts.places import Cooling, Region
from polysilicon.facts.reading import assumed, read
from polysilicon.facts.record import LOW_CONFIDENCE
from polysilicon.records.bounded import Amount, Bounded, exactly, leaves, unknown
from polysilicon.records.errors import InputError
from polysilicon.records.recorder import Leaf, formula

# What every footprint assumes, whatever the site and system.
_ASSUMED = (
    "chip-idle-power-share",
    "chip-busy-power-share",
    "node-overhead-drawn-share",
    "network-power-share",
    "server-embodied-per-chip",
    "server-life",
    "building-embodied",
    "building-life",
)


@formula
def lifecycle_kg(operational_kg: Amount, server_kg: Amount, building_kg: Amount) -> Amount:
    """Emissions of running a site for some hours, with what falls to these hours of making its servers and building.

    Source: GHG Protocol, Corporate Value Chain (Scope 3) Standard, 2011, category 2, written off over the life as in
    Gupta et al., ACT, ISCA 2022, equation 1.
    """
    return operational_kg + server_kg + building_kg


@dataclass(frozen=True)
class Footprint:
    """What `count` systems in `region` take over `hours`. Powers in kW, energy in kWh, carbon in kgCO2e, water in m³.

    `operational_kg` is on `intensity.basis` and can't be added to or compared with one of another basis.
    """

    region: str
    item: str
    count: Amount
    hours: float
    utilisation: Amount
    as_of: dt.date
    catalogue: str
    intensity: Intensity
    pue: Bounded
    provisioned_it_kw: Bounded
    provisioned_kw: Bounded
    drawn_kw: Bounded
    it_kwh: Bounded
    facility_kwh: Bounded
    operational_kg: Bounded
    server_kg: Bounded
    building_kg: Bounded
    total_kg: Bounded
    site_water_m3: Bounded
    grid_water_m3: Bounded
    rests_on: tuple[Leaf, ...]

    @property
    def doubtful(self) -> tuple[Leaf, ...]:
        """The records of low confidence that the figures rest on."""
        return tuple(one for one in self.rests_on if one.confidence in LOW_CONFIDENCE)

    @property
    def unknown(self) -> list[str]:
        """The figures that can't be named, because a record they need is missing."""
        return [name for name, figure in self.figures().items() if not _all_known(figure)]

    def figures(self) -> dict[str, Bounded]:
        """Every bounded figure by name."""
        return {
            one.name: getattr(self, one.name) for one in fields(self) if isinstance(getattr(self, one.name), Bounded)
        }

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "region": self.region,
            "item": self.item,
            "count": self.count.tolist() if hasattr(self.count, "tolist") else self.count,
            "hours": self.hours,
            "utilisation": self.utilisation.tolist() if hasattr(self.utilisation, "tolist") else self.utilisation,
            "as_of": self.as_of.isoformat(),
            "catalogue": self.catalogue,
            "carbon_basis": self.intensity.basis,
            "carbon_year": self.intensity.year,
            "carbon_detail": self.intensity.detail,
            "carbon_g_per_kwh": self.intensity.g_per_kwh.to_dict(),
            **{name: figure.to_dict() for name, figure in self.figures().items()},
            "unknown": self.unknown,
            "doubtful": [f"{one.origin} ({one.confidence})" for one in self.doubtful],
        }


def footprint(
    catalogue: Catalogue,
    region: Region,
    item: System | Chip,
    *,
    as_of: dt.date,
    hours: float,
    count: Amount = 1.0,
    utilisation: Amount = 1.0,
    basis: Basis = "direct",
    cooling: Cooling | None = None,
) -> Footprint:
    """Power, energy, water and carbon of `count` systems over `hours`; `count` and `utilisation` may be arrays.

    `utilisation` is the share of time the accelerators are busy. Everything grows in proportion to `count` and `hours`
    (powers to `count` alone), so the footprint of one system for one hour serves as a planner's coefficient.

    Raises:
        InputError: a negative count or hours, or a utilisation outside 0 to 1.
    """
    _refuse(count, hours, utilisation)
    one, site_pue = node(catalogue, item), pue(catalogue, region, cooling)
    network = assumed(catalogue, "network-power-share")
    provisioned_it = it_power_kw(one.provisioned_kw, count, network)
    drawn_it = it_power_kw(node_drawn_kw(catalogue, one, utilisation), count, network)
    drawn = facility_power_kw(drawn_it, site_pue)
    it_kwh, facility_kwh = energy_kwh(drawn_it, hours), energy_kwh(drawn, hours)
    grid = intensity(catalogue, region, basis, as_of)
    operational = operational_kg(facility_kwh, grid.g_per_kwh)
    server = _server_kg(catalogue, item, one.chips, as_of, count, hours)
    building = _building_kg(catalogue, provisioned_it, hours)
    on_site = site_water_l_per_kwh(catalogue, region, cooling)
    at_plant = read(catalogue, region, "grid_water_l_per_kwh")
    return Footprint(
        region=region.id,
        item=item.id,
        count=count,
        hours=hours,
        utilisation=utilisation,
        as_of=as_of,
        catalogue=catalogue.hash,
        intensity=grid,
        pue=site_pue,
        provisioned_it_kw=provisioned_it,
        provisioned_kw=facility_power_kw(provisioned_it, site_pue),
        drawn_kw=drawn,
        it_kwh=it_kwh,
        facility_kwh=facility_kwh,
        operational_kg=operational,
        server_kg=server,
        building_kg=building,
        total_kg=lifecycle_kg(operational, server, building),
        site_water_m3=site_water_m3(it_kwh, on_site),
        grid_water_m3=grid_water_m3(facility_kwh, at_plant),
        rests_on=_rests_on(catalogue, one, grid, site_pue, on_site, at_plant),
    )


def total(footprints: Sequence[Footprint], figure: str = "total_kg") -> Bounded:
    """One figure summed over footprints.

    Raises:
        InputError: they stand on different carbon bases, and the figure is of carbon.
    """
    bases = sorted({one.intensity.basis for one in footprints})
    if len(bases) > 1 and figure in ("total_kg", "operational_kg"):
        raise InputError(
            "carbon on two bases can't be added", found=" and ".join(bases), remedy="use one basis for all"
        )
    return sum((getattr(one, figure) for one in footprints), start=exactly(0.0))


def _server_kg(
    catalogue: Catalogue, item: System | Chip, chips: Amount, as_of: dt.date, count: Amount, hours: float
) -> Bounded:
    chip = item if isinstance(item, Chip) else catalogue.get(Chip, item.chip_id) if item.chip_id else None
    if chip is None:
        return unknown()
    chip_kg = chip_embodied_kg(catalogue, chip, as_of)
    made = server_embodied_kg(chips * count, chip_kg, assumed(catalogue, "server-embodied-per-chip"))
    return exactly(written_off_kg(made, hours, assumed(catalogue, "server-life")))


def _building_kg(catalogue: Catalogue, it_kw: Amount, hours: float) -> Bounded:
    built = building_embodied_kg(it_kw, assumed(catalogue, "building-embodied"))
    return exactly(written_off_kg(built, hours, assumed(catalogue, "building-life")))


def _rests_on(catalogue: Catalogue, one: Node, grid: Intensity, *read_here: Bounded) -> tuple[Leaf, ...]:
    """The records behind a footprint: the node's, the grid's, what was read for the site, and every assumption."""
    return tuple(
        dict.fromkeys(
            [
                *one.rests_on,
                *([grid.origin] if grid.origin else []),
                *leaves(*read_here, *(assumed(catalogue, name) for name in _ASSUMED)),
            ]
        )
    )


def _all_known(figure: Bounded) -> bool:
    known = figure.known
    return bool(known.all() if hasattr(known, "all") else known)


def _refuse(count: Amount, hours: float, utilisation: Amount) -> None:
    for name, amount, most in (("count", count, None), ("hours", hours, None), ("utilisation", utilisation, 1.0)):
        least = amount.min() if hasattr(amount, "min") else amount
        top = amount.max() if hasattr(amount, "max") else amount
        if not least >= 0 or (most is not None and top > most):
            allowed = "0 or more" if most is None else f"0 to {most:g}"
            raise InputError(f"{name} is out of range", found=amount, allowed=allowed)
