"""The hourly cost of one system, owned or rented, term by term."""

import datetime as dt
import functools
from dataclasses import dataclass, fields
from typing import Any, Literal

from polysilicon.economics.capital import (
    annuity_usd_per_h,
    capital_recovery_per_year,
    colocation_usd_per_h,
    cost_per_price_per_h,
    hall_capital_usd,
    ownership_usd_per_h,
    power_usd_per_h,
    system_capital_usd,
    upkeep_usd_per_h,
)
from polysilicon.economics.prices import Contract, Quote, price_of
from polysilicon.economics.tariff import tariff
from polysilicon.facts.catalogue import Catalogue
from polysilicon.facts.hardware import Chip, System
from polysilicon.facts.money import Price
from polysilicon.facts.places import Region
from polysilicon.facts.reading import assumed, read
from polysilicon.facts.record import LOW_CONFIDENCE
from polysilicon.records.bounded import Amount, Bounded, exactly, leaves, unknown
from polysilicon.records.recorder import Leaf, formula

Owner = Literal["hyperscaler", "neocloud"]
Hall = Literal["build", "colocation"]

_NONE = Bounded(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Cost:
    """What one system costs. `usd_per_h` is the sum of the five terms before it; rent holds power, hall and upkeep.

    `capital_usd` is what must be paid on delivery; `cost_per_price_per_h` how much each dollar of the system's own
    price adds to `usd_per_h`, with which an unknown price can be worked out backwards.
    """

    item: str
    contract: Contract
    region: str
    as_of: dt.date
    catalogue: str
    quote: Quote
    capital_usd: Bounded
    capital_usd_per_h: Bounded
    hall_usd_per_h: Bounded
    power_usd_per_h: Bounded
    upkeep_usd_per_h: Bounded
    rental_usd_per_h: Bounded
    usd_per_h: Bounded
    cost_per_price_per_h: Bounded
    rests_on: tuple[Leaf, ...]

    @property
    def doubtful(self) -> tuple[Leaf, ...]:
        """The records of low confidence that the figures rest on."""
        return tuple(one for one in self.rests_on if one.confidence in LOW_CONFIDENCE)

    @property
    def price_unknown(self) -> bool:
        """Whether no source gives the price this cost rests on."""
        return not self.quote.known

    def figures(self) -> dict[str, Bounded]:
        """Every bounded figure by name."""
        return {
            one.name: getattr(self, one.name) for one in fields(self) if isinstance(getattr(self, one.name), Bounded)
        }

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "item": self.item,
            "contract": self.contract,
            "region": self.region,
            "as_of": self.as_of.isoformat(),
            "catalogue": self.catalogue,
            "price_unknown": self.price_unknown,
            "quote": self.quote.to_dict(),
            **{name: figure.to_dict() for name, figure in self.figures().items()},
            "doubtful": [f"{one.origin} ({one.confidence})" for one in self.doubtful],
        }


@formula
def rental_usd_per_h(rent_usd_per_chip_h: Amount, chips: Amount) -> Amount:
    """Rent of a whole system by the hour.

    Source: definition: rent for each chip times chips.
    """
    return rent_usd_per_chip_h * chips


def own(
    catalogue: Catalogue,
    region: Region,
    item: System | Chip,
    *,
    as_of: dt.date,
    provisioned_it_kw: Amount,
    drawn_kw: Amount,
    owner: Owner = "neocloud",
    hall: Hall = "build",
    quote: Quote | None = None,
    cost_of_capital: Amount | None = None,
    life_years: Amount | None = None,
) -> Cost:
    """Hourly cost of buying and running one system in a region.

    `provisioned_it_kw` is the IT power to provision for it, `drawn_kw` the mean power its facility draws (both as the
    energy room gives them for one system). `quote` replaces the catalogue's price (a shocked one, for instance);
    `cost_of_capital` [1/year] and `life_years` replace those of the kind of `owner`.
    """
    quote = quote or price_of(catalogue, item, "own", as_of, region.country)
    rate = weighted_cost_of_capital(catalogue, owner) if cost_of_capital is None else cost_of_capital
    life = assumed(catalogue, "server-life") if life_years is None else life_years
    recovery = capital_recovery_per_year(rate, life)
    network, storage = assumed(catalogue, "network-capital-share"), assumed(catalogue, "storage-capital-share")
    upkeep_share = assumed(catalogue, "upkeep-share-per-year")
    capital = system_capital_usd(quote.amount, network, storage)
    capital_h = annuity_usd_per_h(capital, recovery)
    hall_h, hall_leaves = _hall(catalogue, region, hall, provisioned_it_kw, rate)
    price_of_power = tariff(catalogue, region, item.vendor_country, as_of)
    power_h = power_usd_per_h(drawn_kw, price_of_power)
    upkeep_h = upkeep_usd_per_h(quote.amount, upkeep_share)
    return Cost(
        item=item.id,
        contract="own",
        region=region.id,
        as_of=as_of,
        catalogue=catalogue.hash,
        quote=quote,
        capital_usd=capital,
        capital_usd_per_h=capital_h,
        hall_usd_per_h=hall_h,
        power_usd_per_h=exactly(power_h),
        upkeep_usd_per_h=upkeep_h,
        rental_usd_per_h=_NONE,
        usd_per_h=ownership_usd_per_h(capital_h, hall_h, power_h, upkeep_h),
        cost_per_price_per_h=exactly(cost_per_price_per_h(recovery, network, storage, upkeep_share)),
        rests_on=_origins(quote)
        + leaves(rate, life, network, storage, upkeep_share)
        + hall_leaves
        + leaves(read(catalogue, region, "electricity_usd_per_kwh")),
    )


def rent(
    catalogue: Catalogue,
    region: Region,
    item: System | Chip,
    contract: Literal["reserve", "on_demand"],
    *,
    as_of: dt.date,
    quote: Quote | None = None,
) -> Cost:
    """Hourly cost of renting one system's chips. The rent holds hall, power and upkeep; its carbon is still counted."""
    quote = quote or price_of(catalogue, item, contract, as_of, region.country)
    chips = 1.0 if isinstance(item, Chip) else item.chips or unknown()
    hourly = exactly(rental_usd_per_h(quote.amount, chips))
    return Cost(
        item=item.id,
        contract=contract,
        region=region.id,
        as_of=as_of,
        catalogue=catalogue.hash,
        quote=quote,
        capital_usd=_NONE,
        capital_usd_per_h=_NONE,
        hall_usd_per_h=_NONE,
        power_usd_per_h=_NONE,
        upkeep_usd_per_h=_NONE,
        rental_usd_per_h=hourly,
        usd_per_h=hourly,
        cost_per_price_per_h=exactly(chips),
        rests_on=_origins(quote),
    )


@functools.lru_cache(maxsize=32)
def weighted_cost_of_capital(catalogue: Catalogue, owner: Owner) -> Bounded:
    """The cost of capital of a kind of owner [1/year]; unknown where no price row gives it."""
    row = _row(catalogue, "capital", owner, "wacc")
    if row is None:
        return unknown()
    percent = read(catalogue, row, "value")
    return Bounded(percent.value / 100.0, percent.low / 100.0, percent.high / 100.0, percent.leaf)


@functools.lru_cache(maxsize=8)
def colocation_rent(catalogue: Catalogue) -> Bounded:
    """Wholesale rent of a hall [USD for each kW and month], power not included; unknown where no row gives it."""
    row = _row(catalogue, "opex", "colocation", "wholesale_rent")
    return unknown() if row is None else read(catalogue, row, "value")


def _hall(
    catalogue: Catalogue, region: Region, hall: Hall, it_kw: Amount, rate: Amount
) -> tuple[Bounded, tuple[Leaf, ...]]:
    """What the hall costs by the hour, and the records that rests on."""
    if hall == "colocation":
        monthly = colocation_rent(catalogue)
        return exactly(colocation_usd_per_h(it_kw, monthly)), leaves(monthly)
    built = (
        assumed(catalogue, "facility-capital-musd-per-mw")
        if region.capex_musd_per_mw is None
        else read(catalogue, region, "capex_musd_per_mw")
    )
    life = assumed(catalogue, "building-life")
    hourly = annuity_usd_per_h(hall_capital_usd(it_kw, built), capital_recovery_per_year(rate, life))
    return exactly(hourly), leaves(built, life)


def _origins(quote: Quote) -> tuple[Leaf, ...]:
    return (quote.origin,) if quote.origin else ()


def _row(catalogue: Catalogue, category: str, item: str, metric: str) -> Price | None:
    rows = (one for one in catalogue.every(Price) if (one.category, one.item, one.metric) == (category, item, metric))
    return max(rows, key=lambda one: one.date or "", default=None)
