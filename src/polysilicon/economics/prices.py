"""What a system costs to buy, and a chip to rent, as of a day.

The quote nearest at or before the day counts; a later one only where there is no earlier, and it is flagged. A quote's
ends move apart with its age. A user's own quote outranks ours and is taken as it stands. Where no source gives a
price the quote says so (`price_unknown`); nothing is put in its place.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from polysilicon.economics.offers import Offer, inferred, pick, purchases, rows, scaled_price_usd
from polysilicon.facts.catalogue import Catalogue
from polysilicon.facts.hardware import Chip, System
from polysilicon.facts.reading import aged, assumed
from polysilicon.records.bounded import Amount, Bounded, exactly, unknown
from polysilicon.records.recorder import Leaf, formula

Contract = Literal["own", "reserve", "on_demand"]

DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class Quote:
    """A price as of a day. `amount` is in `unit`; unknown where `reason` says why.

    `quoted` is the day the price is of, `age_years` how long before the day asked about (negative: after it), `origin`
    the record it was read from.
    """

    item: str
    contract: Contract
    amount: Bounded
    unit: Literal["USD", "USD/chip-hour"]
    quoted: dt.date | None = None
    age_years: float = 0.0
    stale: bool = False
    basis: str = ""
    reason: str = ""
    origin: Leaf | None = None

    @property
    def known(self) -> bool:
        """Whether any source gives a price."""
        return bool(self.amount.known)

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "item": self.item,
            "contract": self.contract,
            **self.amount.to_dict(),
            "unit": self.unit,
            "quoted": self.quoted.isoformat() if self.quoted else None,
            "stale": self.stale,
            "basis": self.basis,
            "from": self.origin.origin if self.origin else "",
            "confidence": self.origin.confidence if self.origin else "",
            "reason": self.reason,
        }


@formula
def server_price_usd(chips: Amount, chip_price_usd: Amount, server_over_chips: Amount) -> Amount:
    """Price of a server whose own price nobody gives, from its accelerators'.

    Source: parameter: the ratio of published server prices to the prices of the accelerators in them.
    """
    return chips * chip_price_usd * server_over_chips


def price_of(
    catalogue: Catalogue,
    item: System | Chip,
    contract: Contract,
    as_of: dt.date,
    country: str | None = None,
    accept_unverified: bool = True,
) -> Quote:
    """The price of `item` under `contract` as of a day.

    `own` gives USD for the whole system (or one chip); the others USD for one chip and hour. With `country`, offers
    made there come first and offers made only in China's channel are left out elsewhere. Without `accept_unverified`,
    offers that stand on memory alone are left out too, and what remains is looked at as if they weren't there.
    """
    asked = _Asked(catalogue, as_of, country, accept_unverified)
    if contract == "own":
        return _purchase(asked, item)
    chip = item.id if isinstance(item, Chip) else item.chip_id
    found = _rental(asked, chip, contract) if chip else None
    if found is None:
        reason = f"no source gives a rent for {chip or item.id}"
        return Quote(item.id, contract, unknown(Leaf(f"{item.id}: price_unknown")), "USD/chip-hour", reason=reason)
    return replace(found, item=item.id)


@dataclass(frozen=True)
class _Asked:
    """What a price is looked for in: the catalogue, the day, the place, and how well it must be known."""

    catalogue: Catalogue
    as_of: dt.date
    country: str | None
    accept_unverified: bool

    def assumed(self, name: str) -> Bounded:
        return assumed(self.catalogue, name)

    def offered(self, chip: str, offered: str, contract: Contract) -> Quote | None:
        """The rent of a chip under one contract length."""
        return self.nearest(rows(self.catalogue, chip, offered, self.country), chip, contract)

    def nearest(self, offers: Sequence[Offer], item: str, contract: Contract) -> Quote | None:
        """The offer nearest at or before the day, else the next after it; the user's own before any of ours."""
        unit: Literal["USD", "USD/chip-hour"] = "USD" if contract == "own" else "USD/chip-hour"
        best = pick(offers, self.as_of, self.accept_unverified)
        if best is None:
            return None
        if best.theirs:
            basis = f"the user's: {best.basis}"
            return Quote(item, contract, best.amount, unit, best.day, basis=basis, origin=best.origin)
        age = (self.as_of - best.day).days / DAYS_PER_YEAR if best.day else 0.0
        drift = self.assumed("purchase-drift-per-year" if contract == "own" else "rental-drift-per-year")
        stale = best.day is None or abs(age) > self.assumed("price-stale-after").value
        amount = exactly(aged(best.amount, drift, age))
        return Quote(item, contract, amount, unit, best.day, age, stale, best.basis, origin=best.origin)


def _purchase(asked: _Asked, item: System | Chip) -> Quote:
    """The price of a system or chip: as offered, else from its chips'."""
    best = asked.nearest(purchases(asked.catalogue, item, asked.country), item.id, "own")
    if best is not None:
        return best
    if isinstance(item, System) and item.chip_id and item.chips:
        chip = asked.catalogue.get(Chip, item.chip_id)
        each = _purchase(asked, chip)
        if each.known:
            amount = exactly(server_price_usd(item.chips, each.amount, asked.assumed("server-over-chips-price")))
            basis = f"{item.chips:g} x {chip.id}: {each.basis}"
            return replace(each, item=item.id, amount=amount, basis=basis, origin=inferred(each.origin))
    reason = f"no source gives a price of {item.id} or of its chip"
    return Quote(item.id, "own", unknown(Leaf(f"{item.id}: price_unknown")), "USD", reason=reason)


def _rental(asked: _Asked, chip: str, contract: Contract) -> Quote | None:
    """The rent of a chip: as offered, else from another contract length."""
    exact = asked.offered(chip, contract, contract)
    if exact is not None:
        return exact
    longer = asked.offered(chip, "reserve_3_years", contract)
    over_longer, over_reserve = asked.assumed("reserve-over-three-year"), asked.assumed("demand-over-reserve")
    if contract == "reserve":
        if longer is not None:
            return _scaled(longer, over_longer, "from its three-year contract")
        demand = asked.offered(chip, "on_demand", contract)
        return None if demand is None else _scaled(demand, exactly(1.0) / over_reserve, "from its rent on demand")
    year = asked.offered(chip, "reserve", contract)
    if year is not None:
        return _scaled(year, over_reserve, "from its one-year contract")
    return None if longer is None else _scaled(longer, over_longer * over_reserve, "from its three-year contract")


def _scaled(quote: Quote, ratio: Bounded, how: str) -> Quote:
    amount = exactly(scaled_price_usd(quote.amount, ratio))
    return replace(quote, amount=amount, basis=f"{quote.basis}, {how}", origin=inferred(quote.origin))
