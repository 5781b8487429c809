"""Closed intervals as two arrays, and what can be said of them.

A published figure is an interval of no width; a missing one is as wide as is plausible. Comparing gives a
`Truth`: what certainly holds and what possibly holds, element by element (Kleene's three-valued logic).
Source of the arithmetic: IEEE Std 1788-2015, Interval Arithmetic (set-based flavour, without directed rounding).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Truth:
    """Three-valued truth: `certainly` implies `possibly`; both arrays have the shape of what was compared."""

    certainly: Bools
    possibly: Bools

    @classmethod
    def of(cls, known: ArrayLike) -> "Truth":
        """Two-valued truth."""
        held = np.asarray(known, dtype=bool)
        return cls(held, held)

    @classmethod
    def unknown(cls, shape: tuple[int, ...] = ()) -> "Truth":
        """Nothing can be said."""
        return cls(np.zeros(shape, bool), np.ones(shape, bool))

    def __and__(self, other: "Truth") -> "Truth":
        return Truth(self.certainly & other.certainly, self.possibly & other.possibly)

    def __or__(self, other: "Truth") -> "Truth":
        return Truth(self.certainly | other.certainly, self.possibly | other.possibly)

    def __invert__(self) -> "Truth":
        return Truth(~self.possibly, ~self.certainly)

    @property
    def undetermined(self) -> Bools:
        """Where it may or may not hold."""
        return self.possibly & ~self.certainly


@dataclass(frozen=True)
class Interval:
    """From `lo` to `hi`, both included; arrays of one shape. `(-inf, inf)` is: nothing known."""

    lo: Floats
    hi: Floats

    @classmethod
    def exactly(cls, value: ArrayLike) -> "Interval":
        """A value that is known; NaN becomes the unknown interval from 0 up, as no quantity here is negative."""
        array = np.asarray(value, dtype=np.float64)
        gap = np.isnan(array)
        return cls(np.where(gap, 0.0, array), np.where(gap, np.inf, array))

    @classmethod
    def between(cls, lo: ArrayLike, hi: ArrayLike) -> "Interval":
        """From `lo` to `hi`."""
        return cls(np.asarray(lo, dtype=np.float64), np.asarray(hi, dtype=np.float64))

    @property
    def known(self) -> Bools:
        """Where the interval is a single finite value."""
        same: Bools = np.equal(self.lo, self.hi) & np.isfinite(self.lo)
        return same

    def at_least(self, limit: float) -> Truth:
        """`>= limit`, the law's "or more"."""
        return Truth(self.lo >= limit, self.hi >= limit)

    def above(self, limit: float) -> Truth:
        """`> limit`."""
        return Truth(self.lo > limit, self.hi > limit)

    def at_most(self, limit: float) -> Truth:
        """`<= limit`."""
        return ~self.above(limit)

    def below(self, limit: float) -> Truth:
        """`< limit`, the law's "less than"."""
        return ~self.at_least(limit)

    def __add__(self, other: "Interval") -> "Interval":
        return Interval(self.lo + other.lo, self.hi + other.hi)

    def over(self, other: "Interval") -> "Interval":
        """Divided by an interval of non-negative values; dividing by zero reaches infinity."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            lo = np.where(np.isinf(other.hi), 0.0, self.lo / other.hi)
            hi = np.where(other.lo == 0.0, np.inf, self.hi / np.where(other.lo == 0.0, 1.0, other.lo))
        return Interval(lo, hi)
