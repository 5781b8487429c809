"""A quantity with its range: the value we would name, and the lowest and highest that its inputs allow.

Plain formulas work on it unchanged, as it adds, subtracts, multiplies and divides like a number. The ends are outer
bounds: every input at its worse end at once. They are not a confidence interval. No quantity here is negative,
which is why a product's ends are the products of the ends. A formula in which one input stands twice, or that
isn't arithmetic, says so with `along`, so that its ends stay tight.

An unknown quantity has the value NaN and reaches from 0 to infinity; what is computed from it is unknown too, yet
keeps whatever end is still known.
Source: Moore, Kearfott & Cloud, Introduction to Interval Analysis, SIAM 2009.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from polysilicon.records.recorder import Leaf

# A float, an array or a Bounded: what every formula takes and returns.
Amount: TypeAlias = Any


@dataclass(frozen=True, eq=False, slots=True)
class Bounded:
    """`low <= value <= high`, each a float or an array of one shape; `leaf` says where it was read, if it was read."""

    value: Any
    low: Any
    high: Any
    leaf: Leaf | None = field(default=None, repr=False)

    # Makes NumPy hand `array * bounded` to us instead of building an array of objects.
    __array_ufunc__ = None

    @property
    def known(self) -> Any:
        """Whether a value can be named (element by element for arrays)."""
        return math.isfinite(self.value) if isinstance(self.value, float | int) else np.isfinite(self.value)

    def at_least(self, floor: float) -> "Bounded":
        """None of the three below `floor`."""
        if isinstance(self.value, float | int) and isinstance(self.low, float | int):
            value = self.value if math.isnan(self.value) else max(self.value, floor)
            return Bounded(value, max(self.low, floor), max(self.high, floor))
        return Bounded(np.maximum(self.value, floor), np.maximum(self.low, floor), np.maximum(self.high, floor))

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints; an unknown value and an open end are `null`."""
        return {"value": _plain(self.value), "low": _plain(self.low), "high": _plain(self.high)}

    def __add__(self, other: Amount) -> "Bounded":
        one = exactly(other)
        return Bounded(self.value + one.value, self.low + one.low, self.high + one.high)

    __radd__ = __add__

    def __sub__(self, other: Amount) -> "Bounded":
        one = exactly(other)
        return Bounded(self.value - one.value, self.low - one.high, self.high - one.low)

    def __rsub__(self, other: Amount) -> "Bounded":
        return exactly(other) - self

    def __mul__(self, other: Amount) -> "Bounded":
        one = exactly(other)
        return Bounded(_times(self.value, one.value), _times(self.low, one.low), _times(self.high, one.high))

    __rmul__ = __mul__

    def __truediv__(self, other: Amount) -> "Bounded":
        one = exactly(other)
        return Bounded(_over(self.value, one.value), _over(self.low, one.high), _over(self.high, one.low))

    def __rtruediv__(self, other: Amount) -> "Bounded":
        return exactly(other) / self


def exactly(amount: Amount) -> Bounded:
    """A known number as a Bounded of no width; a Bounded as it is."""
    return amount if isinstance(amount, Bounded) else Bounded(amount, amount, amount)


def between(low: float, high: float, leaf: Leaf | None = None) -> Bounded:
    """Known only by its ends: the middle stands for the value."""
    return Bounded((low + high) / 2.0, low, high, leaf)


def unknown(leaf: Leaf | None = None) -> Bounded:
    """Nothing is known but that it isn't negative."""
    return Bounded(math.nan, 0.0, math.inf, leaf)


def hull(amounts: Sequence[Bounded], value: Bounded) -> Bounded:
    """`value`, widened until it holds every one of `amounts`."""
    known = [one for one in (*amounts, value) if one.known]
    if not known:
        return value
    return Bounded(value.value, min(one.low for one in known), max(one.high for one in known), value.leaf)


def leaves(*amounts: Amount) -> tuple[Leaf, ...]:
    """Where those of the amounts came from that were read from a record, each once."""
    found = (getattr(one, "leaf", None) for one in amounts)
    return tuple(dict.fromkeys(one for one in found if one is not None))


def along(function: Callable[..., Amount], rising: Sequence[Amount] = (), falling: Sequence[Amount] = ()) -> Amount:
    """`function(*rising, *falling)`, which grows with each of `rising` and shrinks with each of `falling`.

    With a Bounded among them the ends are the function's own values at the worse corner, exact for such a function.
    """
    if not any(isinstance(one, Bounded) for one in (*rising, *falling)):
        return function(*rising, *falling)
    up, down = [exactly(one) for one in rising], [exactly(one) for one in falling]
    return Bounded(
        function(*(one.value for one in up), *(one.value for one in down)),
        function(*(one.low for one in up), *(one.high for one in down)),
        function(*(one.high for one in up), *(one.low for one in down)),
    )


def _times(one: Any, other: Any) -> Any:
    """The product, where nought of anything, even of the unknown, is nought."""
    if isinstance(one, float | int) and isinstance(other, float | int):
        return one * other if one and other else 0.0
    with np.errstate(invalid="ignore"):
        return np.where((one == 0) | (other == 0), 0.0, np.multiply(one, other))


def _over(above: Any, below: Any) -> Any:
    if isinstance(above, float | int) and isinstance(below, float | int):
        if below:
            return above / below
        return math.inf if above > 0 else math.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.true_divide(above, below)


def _plain(part: Any) -> Any:
    if isinstance(part, np.ndarray):
        return [_plain(one) for one in part.tolist()]
    number = float(part)
    return number if math.isfinite(number) else None
