"""How far an answer is from the reference, the floor that is owed to arithmetic itself, and the verdict.

A floor is measured, never chosen: the median distance of the runtimes of this machine's CPU, the one in question left
out, from the reference in 64 bits; but no less than what rounding the exact answer once would cost.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polysilicon.porting.verifying.graph import Array, floating
from polysilicon.porting.verifying.interpreter import as_format

PASS, LOOK = 3.0, 30.0
PASSES, LOOKS, FAILS, ABSENT = "pass", "look", "fail", "unsupported"
ORDER = (PASSES, LOOKS, ABSENT, FAILS)
# Bits of the significand, the hidden one included.
SIGNIFICAND = {"fp64": 53, "fp32": 24, "fp16": 11, "bf16": 8}
# Upper ends of the histogram's parts, in units of the last place.
ULPS = (0, 1, 3, 15, 255)


@dataclass(frozen=True)
class Distance:
    """How far apart two arrays are.

    `relative` is the norm of the difference over that of the reference; infinite where one is not finite and the other
    is, or they differ in what must be exact. `ulps` are the shares of elements that are off by 0, 1, up to 3, 15, 255
    and more units of the last place. `turned` is 1 - cosine. `top1` is the share of rows whose largest element is the
    same, where a row has several.
    """

    relative: float
    most: float
    turned: float
    ulps: tuple[float, ...]
    top1: float | None


def distance(given: Array, wanted: Array, dtype: str, origin: Array | None = None) -> Distance:
    """The distance of an answer from the reference; from `origin` on, where both are what something changed to."""
    if given.shape != wanted.shape:
        return Distance(math.inf, math.inf, 2.0, (0.0,) * len(ULPS) + (1.0,), None)
    if not floating(wanted):
        wrong = float(np.mean(given != wanted)) if wanted.size else 0.0
        return Distance(math.inf if wrong else 0.0, wrong, 0.0, (1.0 - wrong, 0.0, 0.0, 0.0, 0.0, wrong), None)
    start = 0.0 if origin is None else origin.astype(np.float64)
    mine, right = given.astype(np.float64), wanted.astype(np.float64)
    # What overflows in the format may overflow in the answer, and what does not may not.
    told, rounded = (as_format(one, dtype).astype(np.float64) for one in (mine, right))
    alike = (told == rounded) | (np.isnan(told) & np.isnan(rounded)) | (np.isfinite(told) & np.isfinite(rounded))
    if not alike.all():
        return Distance(math.inf, math.inf, 2.0, _histogram(mine, right, dtype), _top1(mine, right))
    kept = np.isfinite(rounded)
    with np.errstate(invalid="ignore"):
        left, base = np.where(kept, mine - right, 0.0), np.where(kept, right - start, 0.0)
    size, off = float(np.linalg.norm(base)), float(np.linalg.norm(left))
    relative = off / size if size else (math.inf if off else 0.0)
    moved = float(np.linalg.norm(left + base))
    turned = 1.0 - float(np.vdot(left + base, base)) / (moved * size) if moved and size else 0.0
    most = float(np.abs(left).max(initial=0.0))
    return Distance(relative, most, max(turned, 0.0), _histogram(mine, right, dtype), _top1(mine, right))


def _histogram(mine: Array, right: Array, dtype: str) -> tuple[float, ...]:
    kept = np.isfinite(mine) & np.isfinite(right)
    if not kept.any():
        return (1.0,) + (0.0,) * len(ULPS)
    size = np.abs(right[kept])
    _, power = np.frexp(np.maximum(size, np.finfo(np.float32).tiny))
    off = np.rint(np.abs(mine[kept] - right[kept]) / np.ldexp(1.0, power - SIGNIFICAND[dtype]))
    counts = np.bincount(np.searchsorted(ULPS, off), minlength=len(ULPS) + 1)
    return tuple((counts / counts.sum()).tolist())


def _top1(mine: Array, right: Array) -> float | None:
    if right.ndim < 2 or right.shape[-1] < 2 or not right.size:
        return None
    return float(np.mean(np.argmax(mine, -1) == np.argmax(right, -1)))


def rounding(dtype: str, elements: int) -> float:
    """What one rounding to nearest costs a value of so many elements, relative.

    The error is uniform within half a unit of the last place u, and significands are spread as 1/m (Benford), which
    gives u sqrt(1 / (8 ln 2)) in the root mean square over many elements. One element alone may be off by all of u;
    between the two the spread of a mean falls with the root of the count. Source: Higham, Accuracy and Stability of
    Numerical Algorithms (2002), section 2.1 for u, and Knuth, The Art of Computer Programming 2 (1997), section 4.2.4
    for the distribution of significands.
    """
    unit: float = 2.0 ** -SIGNIFICAND[dtype]
    many = math.sqrt(1.0 / (8.0 * math.log(2.0)))
    return unit * (many + (1.0 - many) / math.sqrt(max(elements, 1)))


def floor(spread: Sequence[float], dtype: str, elements: int) -> float:
    """The floor under a distance: the median of others' distances, but no less than one rounding."""
    known = [one for one in spread if math.isfinite(one)]
    return max(float(np.median(known)) if known else 0.0, rounding(dtype, elements))


def verdict(ratio: float) -> str:
    """What a distance in units of the floor comes to."""
    return PASSES if ratio <= PASS else LOOKS if ratio <= LOOK else FAILS


def worst(verdicts: Sequence[str]) -> str:
    """The gravest of several verdicts; where there is none, nothing was answered."""
    return max(verdicts, key=ORDER.index, default=ABSENT)
