"""Amounts a user writes: with ranges, and by quarter."""

from typing import Annotated

import msgspec
import numpy as np

from polysilicon.records.dates import Quarter
from polysilicon.records.interval import Floats

Most = 1e12
Positive = Annotated[float, msgspec.Meta(gt=0, le=Most)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=Most)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Confidence = Annotated[float, msgspec.Meta(ge=0.5, le=0.99)]
Count = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]
JobChips = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Units = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
Latency = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Country = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}$")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
QuarterName = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-?Q[1-4]$")]
Identifier = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]

ByQuarter = Amount | Annotated[dict[QuarterName, Amount], msgspec.Meta(min_length=1)]
"""One amount, or `{2026-Q4: 5, 2027-Q3: 8}`."""


def steps(amount: ByQuarter, quarters: list[Quarter]) -> Floats:
    """`amount` in each quarter; a stated value holds until the next one, and is 0 before the first."""
    if not isinstance(amount, dict):
        return np.full(len(quarters), float(amount))
    known = sorted((Quarter.parse(name), value) for name, value in amount.items())
    held = [max((one for one in known if one[0] <= quarter), default=(quarter, 0.0))[1] for quarter in quarters]
    return np.asarray(held, dtype=np.float64)


def ramp(amount: ByQuarter, quarters: list[Quarter]) -> Floats:
    """`amount` in each quarter, on a straight line between stated values; 0 before the first, level after the last."""
    if not isinstance(amount, dict):
        return np.full(len(quarters), float(amount))
    known = sorted((Quarter.parse(name), value) for name, value in amount.items())
    at = [quarter - known[0][0] for quarter, _ in known]
    asked = [quarter - known[0][0] for quarter in quarters]
    return np.interp(asked, at, [value for _, value in known], left=0.0)
