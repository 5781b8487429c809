"""Reading one figure of a record with its range and its origin.

A source that gives a range is taken at its word. Where it gives none, how far the value may be off follows from its
confidence: the spreads are records themselves (`spread-<confidence>`). A figure of the user's own is a point.
"""

import functools

from polysilicon.facts.catalogue import Catalogue
from polysilicon.facts.money import Assumption, EmbodiedFactor, Price
from polysilicon.facts.record import Confidence, Origin, Record
from polysilicon.records.bounded import Amount, Bounded, exactly, unknown
from polysilicon.records.recorder import Leaf, formula

_WITH_OWN_RANGE = (Assumption, EmbodiedFactor, Price)


def read(catalogue: Catalogue, record: Record, field: str) -> Bounded:
    """The figure `field` of `record`, bounded; unknown where no source gives it."""
    value = getattr(record, field)
    origin = record.origin(field)
    leaf = Leaf(f"{record.id}.{field} [{', '.join(origin.sources)}]", origin.confidence or "")
    if value is None:
        return unknown(leaf)
    low, high = origin.low, origin.high
    if isinstance(record, _WITH_OWN_RANGE) and field == "value":
        low, high = record.low, record.high
    if low is None and high is None:
        spread = spread_of(catalogue, origin)
        low, high = value * max(0.0, 1.0 - spread), value * (1.0 + spread)
    return Bounded(value, value if low is None else min(low, value), value if high is None else max(high, value), leaf)


@functools.lru_cache(maxsize=512)
def assumed(catalogue: Catalogue, name: str) -> Bounded:
    """The assumption called `name`, with its range.

    Raises:
        UnknownName: the catalogue has none so called.
    """
    return read(catalogue, catalogue.get(Assumption, name), "value")


def spread_of(catalogue: Catalogue, origin: Origin) -> float:
    """How far off, as a fraction, a figure of that origin may be when its source gives no range."""
    if "user" in origin.sources or origin.confidence is None:
        return 0.0
    return _spread(catalogue, origin.confidence)


@functools.lru_cache(maxsize=64)
def _spread(catalogue: Catalogue, confidence: Confidence) -> float:
    return catalogue.get(Assumption, f"spread-{confidence}").value


@formula
def aged(quoted: Amount, drift_per_year: Amount, age_years: float) -> Amount:
    """A figure some years after the day it is of: the same value, its ends further apart.

    Source: parameter: how far figures of its kind were seen to move, either way, in a year.
    """
    share, amount = exactly(drift_per_year).value * abs(age_years), exactly(quoted)
    return Bounded(amount.value, amount.low * max(0.0, 1.0 - share), amount.high * (1.0 + share))
