"""What a system costs to buy, and a chip to rent, as of a day.

The quote nearest at or before the day counts; a later one only where there is no earlier, and it is flagged. A quote's
ends move apart with its age. A user's own quote outranks ours and is taken as it stands. Where no source gives a
price the quote says so (`price_unknown`); nothing is put in its place.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from polysilicon.economics.offers import Offer, pick, purchases, rows, scaled_price_usd
from polysilicon.facts.catalogue import Catalogue
from polysilicon.facts.hardware import Chip, System
from polysilicon.facts.reading import aged, assumed
from polysilicon.facts.record import LOW_CONFIDENCE
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

    @property
    def low_confidence(self) -> bool:
        """Whether the price rests on the press, an estimate or memory."""
        return self.origin is not None and self.origin.confidence in LOW_CONFIDENCE

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
    catalogue: Catalogue, item: System | Chip, contract: Contract, as_of: dt.date, country: str | None = None
) -> Quote:
    """The price of `item` under `contract` as of a day.

    `own` gives USD for the whole system (or one chip); the others USD for one chip and hour. With `country`, offers
    made there come first and offers made only in another country's channel are left out.
    """
    if contract == "own":
        return _purchase(catalogue, item, as_of, country)
    chip = item.id if isinstance(item, Chip) else item.chip_id
    found = _rental(catalogue, chip, contract, as_of, country) if chip else None
    if found is None:
        reason = f"no source gives a rent for {chip or item.id}"
        return Quote(item.id, contract, unknown(Leaf(f"{item.id}: price_unknown")), "USD/chip-hour", reason=reason)
    return replace(found, item=item.id)


def _purchase(catalogue: Catalogue, item: System | Chip, as_of: dt.date, country: str | None) -> Quote:
    best = _nearest(catalogue, purchases(catalogue, item, country), item.id, "own", as_of)
    if best is not None:
        return best
    if isinstance(item, System) and item.chip_id and item.chips:
        chip = catalogue.get(Chip, item.chip_id)
        each = _purchase(catalogue, chip, as_of, country)
        if each.known:
            amount = server_price_usd(item.chips, each.amount, assumed(catalogue, "server-over-chips-price"))
            return replace(each, item=item.id, amount=amount, basis=f"{item.chips:g} x {chip.id}: {each.basis}")
    reason = f"no source gives a price of {item.id} or of its chip"
    return Quote(item.id, "own", unknown(Leaf(f"{item.id}: price_unknown")), "USD", reason=reason)


def _rental(catalogue: Catalogue, chip: str, contract: Contract, as_of: dt.date, country: str | None) -> Quote | None:
    """The rent of a chip: as offered, else from another contract length."""
    exact = _nearest(catalogue, rows(catalogue, chip, contract, country), chip, contract, as_of)
    if exact is not None:
        return exact
    longer = _nearest(catalogue, rows(catalogue, chip, "reserve_3_years", country), chip, contract, as_of)
    over_longer = assumed(catalogue, "reserve-over-three-year")
    over_reserve = assumed(catalogue, "demand-over-reserve")
    if contract == "reserve":
        if longer is not None:
            return _scaled(longer, over_longer, "from its three-year contract")
        demand = _nearest(catalogue, rows(catalogue, chip, "on_demand", country), chip, contract, as_of)
        return None if demand is None else _scaled(demand, exactly(1.0) / over_reserve, "from its rent on demand")
    year = _nearest(catalogue, rows(catalogue, chip, "reserve", country), chip, contract, as_of)
    if year is not None:
        return _scaled(year, over_reserve, "from its one-year contract")
    return None if longer is None else _scaled(longer, over_longer * over_reserve, "from its three-year contract")


def _nearest(
    catalogue: Catalogue, offers: Sequence[Offer], item: str, contract: Contract, as_of: dt.date
) -> Quote | None:
    """The offer nearest at or before the day, else the next after it; the user's own before any of ours."""
    unit: Literal["USD", "USD/chip-hour"] = "USD" if contract == "own" else "USD/chip-hour"
    best = pick(offers, as_of)
    if best is None:
        return None
    if best.theirs:
        return Quote(item, contract, best.amount, unit, best.day, basis=f"the user's: {best.basis}", origin=best.origin)
    age = (as_of - best.day).days / DAYS_PER_YEAR if best.day else 0.0
    drift = assumed(catalogue, "purchase-drift-per-year" if contract == "own" else "rental-drift-per-year")
    stale = best.day is None or abs(age) > assumed(catalogue, "price-stale-after").value
    amount = exactly(aged(best.amount, drift, age))
    return Quote(item, contract, amount, unit, best.day, age, stale, best.basis, origin=best.origin)


def _scaled(quote: Quote, ratio: Bounded, how: str) -> Quote:
    amount = exactly(scaled_price_usd(quote.amount, ratio))
    return replace(quote, amount=amount, basis=f"{quote.basis}, {how}")
