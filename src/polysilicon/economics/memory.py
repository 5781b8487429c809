"""How much of a price is memory, and what a memory-price shock does to it."""

import datetime as dt
import functools
from functools import partial

import numpy as np

from polysilicon.economics.prices import price_of
from polysilicon.facts.catalogue import Catalogue
from polysilicon.facts.hardware import Chip, MemoryFact, System
from polysilicon.facts.reading import assumed, read
from polysilicon.records.bounded import Amount, Bounded, along, between, exactly, hull, unknown
from polysilicon.records.names import plain
from polysilicon.records.recorder import formula

_STACKED = ("hbm", "hibl", "hizq", "huaweihbm")


@formula
def memory_cost_usd(
    chips: Amount, memory_gb: Amount, memory_usd_per_gb: Amount, host_gb: Amount, host_usd_per_gb: Amount
) -> Amount:
    """What the memory in a system costs: on the accelerators and in the hosts.

    Source: bill of materials: capacity times contract price.
    """
    return chips * (memory_gb * memory_usd_per_gb + host_gb * host_usd_per_gb)


@formula
def memory_share(memory_usd: Amount, price_usd: Amount) -> Amount:
    """Share of a price that is the cost of memory, at most all of it.

    Source: bill of materials: a part's cost over the price of the whole.
    """
    return along(_share, rising=(memory_usd,), falling=(price_usd,))


@formula
def shocked_price_usd(price_usd: Amount, memory_share: Amount, price_factor: float, pass_through: Amount) -> Amount:
    """Price after memory became `price_factor` times as dear, and `pass_through` of its extra cost was handed on.

    Source: cost pass-through in a bill of materials: price x (1 + share x (factor - 1) x pass-through), never below 0.
    """
    if price_factor >= 1.0:
        return along(partial(_moved, price_factor), rising=(price_usd, memory_share, pass_through))
    return along(partial(_moved, price_factor), rising=(price_usd,), falling=(memory_share, pass_through))


def memory_usd_per_gb(catalogue: Catalogue, technology: str, as_of: dt.date) -> Bounded:
    """Contract price of a memory technology nearest at or before the day [USD/GB].

    A stacked memory without a price of its own lies between those that have one; another one is taken as DDR5.
    """
    name = plain(technology)
    if name.startswith("sram"):
        return exactly(0.0)
    own = _latest(catalogue, name, as_of)
    if own is not None:
        return own
    if name.startswith(_STACKED):
        each = [one for one in (_latest(catalogue, known, as_of) for known in _priced(catalogue)) if one is not None]
        stacked = [one for one in each if one.leaf and one.leaf.origin.startswith("hbm")]
        return between(min(one.low for one in stacked), max(one.high for one in stacked)) if stacked else unknown()
    return _latest(catalogue, "ddr5", as_of) or unknown()


def memory_cost_share(catalogue: Catalogue, item: System | Chip, as_of: dt.date) -> Bounded:
    """Share of the purchase price of a system (host memory included) or chip that is memory."""
    chip = item if isinstance(item, Chip) else catalogue.get(Chip, item.chip_id) if item.chip_id else None
    price = price_of(catalogue, item, "own", as_of).amount
    if chip is None or chip.memory_type is None:
        return exactly(memory_share(unknown(), price))
    whole = isinstance(item, System)
    chips = (item.chips or unknown()) if isinstance(item, System) else 1.0
    memory_usd = memory_cost_usd(
        chips,
        read(catalogue, chip, "memory_gb"),
        memory_usd_per_gb(catalogue, chip.memory_type, as_of),
        assumed(catalogue, "host-dram-gb-per-chip") if whole else 0.0,
        memory_usd_per_gb(catalogue, "DDR5", as_of) if whole else 0.0,
    )
    return exactly(memory_share(memory_usd, price))


def shocked_price(
    catalogue: Catalogue, item: System | Chip, price_usd: Amount, price_factor: float, as_of: dt.date
) -> Bounded:
    """`price_usd` of `item` after memory became `price_factor` times as dear as it was on the day."""
    share, passed = memory_cost_share(catalogue, item, as_of), assumed(catalogue, "memory-pass-through")
    return exactly(shocked_price_usd(price_usd, share, price_factor, passed))


def _latest(catalogue: Catalogue, technology: str, as_of: dt.date) -> Bounded | None:
    """The newest price at or before the day, widened to the others of the same month; else the first after it."""
    rows = _priced(catalogue).get(technology, ())
    before = [one for one in rows if (one.date or "") <= as_of.isoformat()]
    if not rows:
        return None
    best = before[-1] if before else rows[0]
    same = [read(catalogue, one, "usd_per_gb") for one in rows if one.date == best.date]
    return hull(same, same[-1])


@functools.lru_cache(maxsize=8)
def _priced(catalogue: Catalogue) -> dict[str, list[MemoryFact]]:
    """The dated prices by technology, oldest first."""
    found: dict[str, list[MemoryFact]] = {}
    for one in sorted(catalogue.every(MemoryFact), key=lambda one: one.date or ""):
        if one.row_type == "price" and one.usd_per_gb is not None:
            found.setdefault(plain(one.technology), []).append(one)
    return found


def _share(memory_usd: Amount, price_usd: Amount) -> Amount:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.minimum(np.true_divide(memory_usd, price_usd), 1.0)


def _moved(factor: float, price_usd: Amount, share: Amount, pass_through: Amount) -> Amount:
    return price_usd * np.maximum(1.0 + share * (factor - 1.0) * pass_through, 0.0)
