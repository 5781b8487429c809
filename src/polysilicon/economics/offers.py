"""What was offered, when and by whom: the rows and records that a quote is chosen from."""

import datetime as dt
import functools
from collections.abc import Sequence
from dataclasses import dataclass

from polysilicon.facts.catalogue import Catalogue
from polysilicon.facts.hardware import Chip, System
from polysilicon.facts.money import Price
from polysilicon.facts.reading import assumed, read
from polysilicon.records.bounded import Amount, Bounded, exactly, unknown
from polysilicon.records.recorder import Leaf, formula

# How the price tables name what was offered. Grey-market prices are never an offer: buying there breaks the law.
METRICS: dict[str, tuple[str, ...]] = {
    "own": ("unit_price", "rack_price", "list_price", "server_price", "system_price", "channel_price"),
    "reserve": ("contract_1yr",),
    "reserve_3_years": ("contract_3yr",),
    "on_demand": ("on_demand", "marketplace", "academic"),
}
# A system or price basis with one of these words is of accelerators on their board, without the host.
_BARE = ("module", "kit")


@dataclass(frozen=True)
class Offer:
    """One published price: in USD, or in USD for one chip and hour."""

    amount: Bounded
    origin: Leaf | None
    day: dt.date | None
    basis: str
    theirs: bool


@formula
def scaled_price_usd(price_usd: Amount, ratio: Amount) -> Amount:
    """A price inferred from that of a nearby offer: another contract length, or a module without its host.

    Source: parameter: the ratio of the two where both are published.
    """
    return price_usd * ratio


@formula
def price_in_usd(price_cny: Amount, cny_per_usd: Amount) -> Amount:
    """A price in another currency, in dollars.

    Source: definition of an exchange rate.
    """
    return price_cny / cny_per_usd


def purchases(catalogue: Catalogue, item: System | Chip, country: str | None) -> list[Offer]:
    """What the item was sold at: its own record's price and the price tables' rows, hosts added to bare modules."""
    found = [*_listed(catalogue, item), *rows(catalogue, item.id, "own", country)]
    if isinstance(item, Chip) or item.hosts:
        return found
    host = assumed(catalogue, "host-over-module-price")
    return [_with_host(one, host) if _is_bare(item, one) else one for one in found]


def rows(catalogue: Catalogue, concerns: str, offered: str, country: str | None) -> list[Offer]:
    """The price tables' offers: of the country where there are some, and never of China's channel elsewhere."""
    fit = [
        one
        for one in _by_item(catalogue).get(concerns, ())
        if one.metric.startswith(METRICS[offered]) and not (country and one.region == "CN" and country != "CN")
    ]
    offers = []
    for one in [one for one in fit if one.region == country] or fit:
        stated = read(catalogue, one, "value")
        basis = f"{one.item}, {one.region}, {one.metric}"
        offers.append(Offer(_in_usd(catalogue, one, stated), stated.leaf, _day(one.date), basis, bool(one.theirs)))
    return offers


def pick(offers: Sequence[Offer], as_of: dt.date, accept_unverified: bool = True) -> Offer | None:
    """The user's own offer; else the newest at or before the day, else the first after it, else an undated one.

    An offer that stands on memory alone counts only where there is no other, and never unless `accept_unverified`. Of
    several on one day, the one that leaves the widest range.
    """
    own = [one for one in offers if one.theirs]
    if own:
        return own[-1]
    sound = [one for one in offers if one.origin and one.origin.confidence != "unverified"]
    offers = sound or (offers if accept_unverified else [])
    days = sorted({one.day for one in offers if one.day})
    before = [day for day in days if day <= as_of]
    chosen = before[-1] if before else days[0] if days else None
    same = [one for one in offers if one.day == chosen]
    return max(same, key=lambda one: one.amount.high - one.amount.low, default=None)


def inferred(origin: Leaf | None) -> Leaf | None:
    """The origin of a price that was worked out from another's: at best an estimate."""
    if origin is None or origin.confidence == "unverified":
        return origin
    return Leaf(origin.origin, "estimate")


def _listed(catalogue: Catalogue, item: System | Chip) -> list[Offer]:
    if item.price_usd is None:
        return []
    stated = read(catalogue, item, "price_usd")
    theirs = "user" in item.origin("price_usd").sources
    return [Offer(stated, stated.leaf, _day(item.price_date), item.price_basis or "list price", theirs)]


def _is_bare(item: System, offer: Offer) -> bool:
    words = f"{item.name} {offer.basis}".casefold()
    return not offer.theirs and any(word in words for word in _BARE)


def _with_host(offer: Offer, host: Bounded) -> Offer:
    amount = exactly(scaled_price_usd(offer.amount, host))
    return Offer(amount, inferred(offer.origin), offer.day, f"{offer.basis}, with a host added", False)


def _in_usd(catalogue: Catalogue, row: Price, amount: Bounded) -> Bounded:
    """A row's amount in dollars, at the exchange rate nearest to the row's own day."""
    currency = row.unit.split("/")[0]
    if currency == "USD":
        return amount
    rates = [one for one in _by_item(catalogue).get(currency, ()) if one.category == "exchange_rate"]
    if not rates:
        return unknown(Leaf(f"no exchange rate of {currency}"))
    before = [one for one in rates if (one.date or "") <= (row.date or "")]
    return exactly(price_in_usd(amount, read(catalogue, (before or rates[:1])[-1], "value")))


def _day(text: str | None) -> dt.date | None:
    """The first day of a date given to the year, month or day."""
    if text is None:
        return None
    parts = [int(part) for part in text.split("-")]
    year, month, day = [*parts, 1, 1][:3]
    return dt.date(year, month, day)


@functools.lru_cache(maxsize=8)
def _by_item(catalogue: Catalogue) -> dict[str, list[Price]]:
    """Prices and rents by the chip or system they concern, exchange rates by currency; oldest first."""
    found: dict[str, list[Price]] = {}
    for one in sorted(catalogue.every(Price), key=lambda one: one.date or ""):
        if one.concerns and one.category in ("purchase", "rental"):
            found.setdefault(one.concerns, []).append(one)
        elif one.category == "exchange_rate":
            found.setdefault(one.item, []).append(one)
    return found
