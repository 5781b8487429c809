"""Dated prices and published carbon factors; each row states its unit from a closed list."""

from typing import Annotated

import msgspec

from polysilicon.facts.record import Day, Record

Signed = Annotated[float, msgspec.Meta(extra={"unit": "the row's own"})]


class Price(Record, frozen=True, kw_only=True):
    """One published price, cost share, margin or life on one day, in one place.

    `concerns` is the id of the chip or system that a price is of; `None` where it is of neither.
    """

    category: str
    item: str
    region: str
    metric: str
    value: Signed
    low: Signed | None = None
    high: Signed | None = None
    unit: str
    concerns: str | None = None


class EmbodiedFactor(Record, frozen=True, kw_only=True):
    """One published factor for the carbon of making or powering something.

    `concerns` is the id of the chip that a whole chip's factor is of.
    """

    item: str
    metric: str
    value: Signed
    low: Signed | None = None
    high: Signed | None = None
    unit: str
    scope: str | None = None
    concerns: str | None = None


class Assumption(Record, frozen=True, kw_only=True):
    """A figure that a formula needs and no row of another kind gives, with its range and what it stands on."""

    what: str
    value: Signed
    low: Signed | None = None
    high: Signed | None = None
    unit: str
    valid_from: Day | None = None
    valid_to: Day | None = None
