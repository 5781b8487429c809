"""What one unit of a system costs, draws and emits at a site: the energy and economics rooms, asked once a place."""

import dataclasses
import datetime as dt
from dataclasses import dataclass
from typing import Literal

import msgspec

from polysilicon.economics import Cost, Quote, own, price_of, rent
from polysilicon.energy import Footprint, footprint
from polysilicon.facts import Catalogue, Origin
from polysilicon.facts.hardware import System
from polysilicon.facts.money import Assumption
from polysilicon.facts.places import Region
from polysilicon.facts.reading import assumed
from polysilicon.planning.coefficients import (
    embodied_kg,
    price_musd,
    quarter_m3,
    quarter_musd,
    quarter_mwh,
    quarter_t,
    running_usd_per_h,
)
from polysilicon.planning.plan import Contract
from polysilicon.records.bounded import Amount, Bounded, exactly
from polysilicon.records.recorder import Leaf, Recorder
from polysilicon.scenario import Scenario, Site

RENTS: tuple[Contract, ...] = ("reserve", "on_demand")


@dataclass(frozen=True)
class Priced:
    """One unit by quarter: `hours` may be an array, then so is each amount that takes time.

    Amounts of a contract without a known price are unknown (NaN).
    """

    quotes: dict[Contract, Quote]
    price_musd: Bounded
    hardware_musd: Amount
    running_musd: Amount
    rent_musd: dict[Contract, Amount]
    power_kw: Bounded
    energy_mwh: Amount
    carbon_t: Amount
    embodied_t: Amount
    water_m3: Amount
    cost: Cost
    footprint: Footprint


def region_of(catalogue: Catalogue, site: Site) -> Region:
    """The site's region, with the user's own PUE where the scenario states one."""
    region = catalogue.get(Region, site.region)
    if site.pue is None:
        return region
    stated = Origin(sources=("user",), note="the scenario's own PUE")
    return msgspec.structs.replace(
        region, typical_pue=site.pue, exceptions={**region.exceptions, "typical_pue": stated}
    )


def quote_of(
    catalogue: Catalogue, scenario: Scenario, site: str, region: Region, system: System, contract: Contract
) -> Quote:
    """The price of a system under a contract at a site: the scenario's own quote before the catalogue's.

    A price that stands on memory alone counts only where the scenario accepts unverified values.
    """
    for at, quote in enumerate(scenario.quotes):
        if quote.system == system.id and quote.contract == contract and (not quote.sites or site in quote.sites):
            value = float(quote.price_usd or quote.rent_usd_per_chip_h or 0.0)
            leaf = Leaf(f"scenario quotes[{at}]: {quote.basis}", "user")
            amount = Bounded(value, quote.low or value, quote.high or value, leaf)
            unit: Literal["USD", "USD/chip-hour"] = "USD" if contract == "own" else "USD/chip-hour"
            return Quote(
                system.id, contract, amount, unit, scenario.as_of, basis=f"the user's: {quote.basis}", origin=leaf
            )
    return price_of(
        catalogue, system, contract, scenario.as_of, region.country, accept_unverified=scenario.accept.unverified
    )


def priced(
    catalogue: Catalogue,
    scenario: Scenario,
    site: str,
    system: System,
    hours: Amount,
    *,
    price_usd: float | None = None,
    recorder: Recorder | None = None,
) -> Priced:
    """Every amount of one unit of `system` at `site`.

    `price_usd` asks what if a unit cost that much. `recorder` is told where what the formulas are given came from,
    when a figure is explained.
    """
    where = scenario.sites[site]
    region = region_of(catalogue, where)
    as_of: dt.date = scenario.as_of
    busy = catalogue.get(Assumption, "planned-utilisation").value
    if recorder is not None:
        recorder.known(busy, "planned-utilisation.value [polysilicon-judgement]", "estimate")
        recorder.known(hours, "length of the quarter")
    hourly = footprint(catalogue, region, system, as_of=as_of, hours=1.0, utilisation=busy)
    quotes = {contract: quote_of(catalogue, scenario, site, region, system, contract) for contract in ("own", *RENTS)}
    if price_usd is not None:
        quotes["own"] = dataclasses.replace(quotes["own"], amount=exactly(price_usd))
    cost = own(
        catalogue,
        region,
        system,
        as_of=as_of,
        provisioned_it_kw=hourly.provisioned_it_kw,
        drawn_kw=hourly.drawn_kw,
        quote=quotes["own"],
        cost_of_capital=scenario.discount_rate,
    )
    running = running_usd_per_h(cost.hall_usd_per_h, cost.power_usd_per_h, cost.upkeep_usd_per_h)
    rents = {one: rent(catalogue, region, system, one, as_of=as_of, quote=quotes[one]) for one in RENTS}  # type: ignore[arg-type]
    return Priced(
        quotes=quotes,
        price_musd=price_musd(cost.capital_usd),
        hardware_musd=quarter_musd(cost.capital_usd_per_h, hours),
        running_musd=quarter_musd(running, hours),
        rent_musd={one: quarter_musd(rented.rental_usd_per_h, hours) for one, rented in rents.items()},
        power_kw=hourly.provisioned_kw,
        energy_mwh=quarter_mwh(hourly.facility_kwh, hours),
        carbon_t=quarter_t(hourly.operational_kg, hours),
        embodied_t=quarter_t(embodied_kg(hourly.server_kg, hourly.building_kg), hours),
        water_m3=quarter_m3(hourly.site_water_m3, hourly.grid_water_m3, hours),
        cost=cost,
        footprint=hourly,
    )


def life_quarters(catalogue: Catalogue) -> int:
    """For how many quarters an owned unit stands."""
    return round(float(assumed(catalogue, "server-life").value) * 4)
