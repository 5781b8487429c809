"""What a system costs to buy, and a chip to rent, as of a day.

The quote nearest at or before the day counts; a later one only where there is no earlier, and it is flagged. A quote's
ends move apart with its age. A user's own quote outranks ours and is taken as it stands. Where no source gives a
price the quote says so (`price_unknown`); nothing is put in its place.
"""

import datetime as dt
import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from polysilicon.facts.catalogue import Catalogue
from polysilicon.facts.hardware import Chip, System
from polysilicon.facts.money import Price
from polysilicon.facts.reading import assumed, read
from polysilicon.facts.record import LOW_CONFIDENCE
from polysilicon.records.bounded import Amount, Bounded, exactly, unknown
from polysilicon.records.recorder import Leaf, formula

Contract = Literal["own", "reserve", "on_demand"]

DAYS_PER_YEAR = 365.25

# How the price tables name what was offered. Grey-market prices are never an offer: buying there breaks the law.
_METRICS: dict[str, tuple[str, ...]] = {
    "own": ("unit_price", "rack_price", "list_price", "server_price", "system_price", "channel_price"),
    "reserve": ("contract_1yr",),
    "reserve_3_years": ("contract_3yr",),
    "on_demand": ("on_demand", "marketplace", "academic"),
}
# A price basis with one of these words is of accelerators on their board, without the host.
_BARE = ("module", "kit")


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


@formula
def scaled_price_usd(price_usd: Amount, ratio: Amount) -> Amount:
    """A price inferred from that of a nearby offer: another contract length, or a module without its host.

    Source: parameter: the ratio of the two where both are published.
    """
    return price_usd * ratio


@formula
def price_in_usd(price_cny: Amount, usd_per_cny: Amount) -> Amount:
    """A price in another currency, in dollars.

    Source: definition of an exchange rate.
    """
    return price_cny * usd_per_cny


@formula
def aged_price(price: Amount, drift_per_year: Amount, age_years: float) -> Amount:
    """A quoted price some years later: the same value, its ends further apart.

    Source: parameter: how far prices of such parts were seen to move, either way, in a year.
    """
    share, quoted = exactly(drift_per_year).value * abs(age_years), exactly(price)
    return Bounded(quoted.value, quoted.low * max(0.0, 1.0 - share), quoted.high * (1.0 + share))


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
    offers = _listed(catalogue, item) + _rows(catalogue, item.id, "own", country)
    best = _nearest(catalogue, offers, item.id, "own", as_of)
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
    exact = _nearest(catalogue, _rows(catalogue, chip, contract, country), chip, contract, as_of)
    if exact is not None:
        return exact
    longer = _nearest(catalogue, _rows(catalogue, chip, "reserve_3_years", country), chip, contract, as_of)
    over_longer = assumed(catalogue, "reserve-over-three-year")
    over_reserve = assumed(catalogue, "demand-over-reserve")
    if contract == "reserve":
        if longer is not None:
            return _scaled(longer, over_longer, "from its three-year contract")
        demand = _nearest(catalogue, _rows(catalogue, chip, "on_demand", country), chip, contract, as_of)
        return None if demand is None else _scaled(demand, exactly(1.0) / over_reserve, "from its rent on demand")
    year = _nearest(catalogue, _rows(catalogue, chip, "reserve", country), chip, contract, as_of)
    if year is not None:
        return _scaled(year, over_reserve, "from its one-year contract")
    return None if longer is None else _scaled(longer, over_longer * over_reserve, "from its three-year contract")


@dataclass(frozen=True)
class _Offer:
    amount: Bounded
    origin: Leaf | None
    day: dt.date | None
    basis: str
    theirs: bool


def _listed(catalogue: Catalogue, item: System | Chip) -> list[_Offer]:
    """The price that stands in the record of the system or chip itself."""
    if item.price_usd is None:
        return []
    stated, basis = read(catalogue, item, "price_usd"), item.price_basis or ""
    theirs = "user" in item.origin("price_usd").sources
    amount = stated
    if isinstance(item, System) and not item.hosts and not theirs and any(word in basis for word in _BARE):
        amount = exactly(scaled_price_usd(stated, assumed(catalogue, "host-over-module-price")))
        basis += ", with a host added"
    return [_Offer(amount, stated.leaf, _day(item.price_date), basis, theirs)]


def _rows(catalogue: Catalogue, concerns: str, offered: str, country: str | None) -> list[_Offer]:
    """The offers in the price tables: of the country where there are some, and never of China's channel elsewhere."""
    rows = [
        one
        for one in _by_item(catalogue).get(concerns, ())
        if one.metric.startswith(_METRICS[offered]) and not (country and one.region == "CN" and country != "CN")
    ]
    offers = []
    for one in [one for one in rows if one.region == country] or rows:
        stated = read(catalogue, one, "value")
        basis = f"{one.item}, {one.region}, {one.metric}"
        offers.append(_Offer(_in_usd(catalogue, one, stated), stated.leaf, _day(one.date), basis, bool(one.theirs)))
    return offers


def _nearest(
    catalogue: Catalogue, offers: Sequence[_Offer], item: str, contract: Contract, as_of: dt.date
) -> Quote | None:
    """The offer nearest at or before the day, else the next after it; the user's own before any of ours."""
    unit: Literal["USD", "USD/chip-hour"] = "USD" if contract == "own" else "USD/chip-hour"
    best = _pick(offers, as_of)
    if best is None:
        return None
    if best.theirs:
        return Quote(item, contract, best.amount, unit, best.day, basis=f"the user's: {best.basis}", origin=best.origin)
    age = (as_of - best.day).days / DAYS_PER_YEAR if best.day else 0.0
    drift = assumed(catalogue, "purchase-drift-per-year" if contract == "own" else "rental-drift-per-year")
    stale = best.day is None or abs(age) > assumed(catalogue, "price-stale-after").value
    amount = exactly(aged_price(best.amount, drift, age))
    return Quote(item, contract, amount, unit, best.day, age, stale, best.basis, origin=best.origin)


def _pick(offers: Sequence[_Offer], as_of: dt.date) -> _Offer | None:
    """The user's own offer; else the newest at or before the day, else the first after it, else an undated one."""
    own = [one for one in offers if one.theirs]
    if own:
        return own[-1]
    dated = sorted((one for one in offers if one.day), key=lambda one: one.day or as_of)
    before = [one for one in dated if one.day and one.day <= as_of]
    return next(iter([*before[-1:], *dated[:1], *offers]), None)


def _scaled(quote: Quote, ratio: Bounded, how: str) -> Quote:
    amount = exactly(scaled_price_usd(quote.amount, ratio))
    return replace(quote, amount=amount, basis=f"{quote.basis}, {how}")


def _in_usd(catalogue: Catalogue, row: Price, amount: Bounded) -> Bounded:
    if not row.unit.startswith("CNY"):
        return amount
    return exactly(price_in_usd(amount, assumed(catalogue, "usd-per-cny")))


def _day(text: str | None) -> dt.date | None:
    """The first day of a date given to the year, month or day."""
    if text is None:
        return None
    parts = [int(part) for part in text.split("-")]
    year, month, day = [*parts, 1, 1][:3]
    return dt.date(year, month, day)


@functools.lru_cache(maxsize=8)
def _by_item(catalogue: Catalogue) -> dict[str, list[Price]]:
    """The prices and rents of chips and systems, by the id they concern."""
    found: dict[str, list[Price]] = {}
    for one in catalogue.every(Price):
        if one.concerns and one.category in ("purchase", "rental"):
            found.setdefault(one.concerns, []).append(one)
    return found
