"""The time of a kernel from a chip's figures and learned parameters: the house's own formulas, kind by kind.

Products take `matrix.product_s`, attention `attention.attention_s`, all that only moves bytes `operators.cached_s`.
What these leave is a small smooth surface. Parameters carry the names under which `curves` reads them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polysilicon.performance.attention import attention_s
from polysilicon.performance.curves import SURFACE, Silicon, attention_curve, product_curve
from polysilicon.performance.matrix import product_s
from polysilicon.performance.measuring.kernels import (
    ATTENTION,
    ATTENTION_BACK,
    ATTENTIONS,
    DECODE,
    FEW,
    PAIR,
    PRODUCT,
    PRODUCTS,
    STREAMS,
    VECTOR,
    Kernel,
)
from polysilicon.performance.operators import cached_s
from polysilicon.performance.values import BYTES_PER_ELEMENT, Values
from polysilicon.records.recorder import formula
from polysilicon.records.units import GIGA

Columns = NDArray[np.float64]
# Coefficients of `leftover_ratio`: straight, squared and mixed, of two sizes.
LEFTOVER = ("x", "y", "xx", "yy", "xy")


class Prior(NamedTuple):
    """What is taken of a parameter before anything is timed: its middle, and how far off it may be.

    `spread` is a standard deviation: of the logarithm, or of the number itself where `straight`. At 0 the parameter
    is not learned.
    """

    middle: float
    spread: float
    straight: bool = False


_SURFACE = {f"surface_{name}": Prior(0.0, 0.3, straight=True) for name in SURFACE}
_LEFTOVER = {f"leftover_{name}": Prior(0.0, 0.3, straight=True) for name in LEFTOVER}
_FLOOR = Prior(5e-6, 1.5)
# Shares are of the chip's measured peaks; a rate of a cache is in units of the memory's until `priors` scales it.
PRODUCT_PRIORS: dict[str, Prior] = {
    "share": Prior(0.9, 0.3),
    "feed": Prior(0.3, 1.0),
    "memory": Prior(0.8, 0.5),
    "cache_rate": Prior(2.0, 0.7),
    "cache": Prior(0.7, 0.7),
    "wave": Prior(0.4, 0.5),
    "fill_s": Prior(1e-7, 2.0),
    "store": Prior(1.0, 0.5),
    "sharpness": Prior(3.0, 0.5),
    "floor_s": _FLOOR,
    "start_s": Prior(3e-8, 2.0),
    "join_s": Prior(1e-6, 0.0),
    "fade": Prior(0.0, 0.0, straight=True),
    "quantise": Prior(0.0, 0.0, straight=True),
    **_SURFACE,
}
ATTENTION_PRIORS: dict[str, Prior] = {
    "share": Prior(0.4, 0.7),
    "small": Prior(0.3, 1.0),
    "fill_s": Prior(1e-7, 2.0),
    "move": Prior(0.5, 0.7),
    "lost_width": Prior(20.0, 0.5),
    "floor_s": _FLOOR,
    "wave": Prior(0.4, 0.0),
    "cache_rate": Prior(2.0, 0.0),
    "cache": Prior(0.7, 0.0),
    "keys": Prior(1.0, 0.0),
    "fade": Prior(0.0, 0.0, straight=True),
    **_LEFTOVER,
}
STREAM_PRIORS: dict[str, Prior] = {
    "memory": Prior(0.6, 0.8),
    "cache_rate": Prior(1.5, 1.0),
    "cache": Prior(0.7, 0.7),
    "floor_s": _FLOOR,
    **_LEFTOVER,
}
DECODE_PRIORS: dict[str, Prior] = STREAM_PRIORS | {"start_s": Prior(5e-7, 1.5)}


@formula
def resident_bytes_per_s(
    footprint_bytes: Values, cache_bytes: Values, cache_bytes_per_s: Values, memory_bytes_per_s: Values
) -> Values:
    """Rate at which operands are read that come round once every `footprint_bytes`: from the cache, memory or both.

    Source: as `operators.cached_s`.
    """
    return footprint_bytes / cached_s(footprint_bytes, cache_bytes, cache_bytes_per_s, memory_bytes_per_s)


@formula
def started_s(streams: Values, start_s: Values) -> Values:
    """Time that streams from memory lose before each of them is under way, one for each row of a weight.

    Source: Hennessy, Patterson, Computer Architecture, 6th edition, section 2.2: latency before bandwidth.
    """
    return streams * start_s


@formula
def leftover_ratio(first: Values, second: Values, coefficients: Sequence[Values]) -> Values:
    """What a curve leaves unexplained: the exponential of a quadratic in the logarithms of two sizes, held at its ends.

    Source: Myers, Montgomery, Anderson-Cook, Response Surface Methodology, 4th edition, section 1.1.
    """
    x, y = (np.minimum(np.maximum(one, -1.5), 1.5) for one in (first, second))
    a, b, aa, bb, ab = coefficients
    ratio: Values = np.exp(a * x + b * y + aa * x * x + bb * y * y + ab * x * y)
    return ratio


@dataclass(frozen=True)
class Table:
    """Kernels of one kind as columns."""

    kind: str
    rows: Columns
    columns: Columns
    inner: Columns
    batch: Columns
    footprint_bytes: Columns

    @classmethod
    def of(cls, kernels: Sequence[Kernel]) -> "Table":
        """The table of kernels of one kind."""
        sizes = np.array([one.sizes for one in kernels], float).reshape(-1, 5).T
        return cls(kernels[0].kind, *sizes)


def curve_name(dtype: str, kind: str) -> str:
    """Where the parameters of a kind stand: `gemm.fp32@few`, `attention.fp32.decode`, `stream.fp32.norm`."""
    if kind in PRODUCTS:
        return f"gemm.{dtype}" + ("" if kind == PRODUCT else f"@{kind}")
    return f"attention.{dtype}.{kind}" if kind in (ATTENTION, ATTENTION_BACK) else f"stream.{dtype}.{kind}"


def priors(kind: str, silicon: Silicon) -> dict[str, Prior]:
    """What is taken of each parameter of a kind before anything is timed."""
    every = PRODUCT_PRIORS if kind in PRODUCTS else ATTENTION_PRIORS if kind in ATTENTIONS else STREAM_PRIORS
    every = DECODE_PRIORS if kind == DECODE else every
    rate = float(silicon.memory_bytes_per_s / silicon.units / GIGA)
    own = every["cache_rate"]
    return every | {"cache_rate": own._replace(middle=own.middle * rate)}


def kernel_s(table: Table, dtype: str, parameters: Mapping[str, Values], silicon: Silicon) -> Columns:
    """Time of each kernel of a table; of every row of parameters where those are columns."""
    prefix = curve_name(dtype, table.kind)
    width = BYTES_PER_ELEMENT[dtype]
    seconds: Values
    if table.kind in PRODUCTS:
        seconds = _product_s(table, prefix.removeprefix("gemm."), width, parameters, silicon)
    elif table.kind in (ATTENTION, ATTENTION_BACK):
        seconds = _attention_s(table, prefix, width, parameters, silicon)
    else:
        seconds = _stream_s(table, prefix, width, parameters, silicon)
    whole = np.broadcast_shapes(np.shape(seconds), table.rows.shape)
    return np.broadcast_to(np.asarray(seconds, float), whole)


def _product_s(table: Table, kind: str, width: float, parameters: Mapping[str, Values], silicon: Silicon) -> Values:
    curve = product_curve(parameters, silicon, kind)
    own_bytes = width * table.columns * table.inner
    memory = resident_bytes_per_s(
        np.maximum(table.footprint_bytes, own_bytes),
        curve.cache_bytes,
        curve.cache_bytes_per_s,
        curve.memory_bytes_per_s,
    )
    cold = curve._replace(memory_bytes_per_s=memory, cache_bytes=0.0)
    seconds = product_s(table.rows, table.columns, table.inner, 1.0, width, width, width, cold)
    # Where rows are few, what a product does is read the weight; libraries read it again for each of two or three.
    readings: Values = table.rows if table.kind == PAIR else float(table.kind in (FEW, VECTOR))
    return seconds + started_s(readings * table.columns, parameters[f"gemm.{kind}.start_s"])


def _attention_s(table: Table, prefix: str, width: float, parameters: Mapping[str, Values], silicon: Silicon) -> Values:
    curve = attention_curve(parameters, silicon, prefix.removeprefix("attention."))
    # The exponentials of the scores take as long as so many more elements of a head would.
    wide = table.inner + parameters[f"{prefix}.lost_width"]
    seconds = attention_s(1.0, table.rows, table.columns, table.batch, table.batch, wide, width, 1.0, curve)
    left = [parameters[f"{prefix}.leftover_{name}"] for name in LEFTOVER]
    return seconds * leftover_ratio((np.log2(table.rows) - 8.0) / 4.0, (np.log2(table.inner) - 6.0) / 2.0, left)


def _stream_s(table: Table, prefix: str, width: float, parameters: Mapping[str, Values], silicon: Silicon) -> Values:
    def fitted(name: str) -> Values:
        return parameters[f"{prefix}.{name}"]

    rates = (
        silicon.cache_bytes * fitted("cache"),
        silicon.units * fitted("cache_rate") * GIGA,
        silicon.memory_bytes_per_s * fitted("memory"),
    )
    elements = table.rows * table.columns
    if table.kind == DECODE:
        moved = 2.0 * width * table.columns * table.inner * table.batch
        # Each head reads keys and values of its own.
        seconds = fitted("floor_s") + started_s(table.batch, fitted("start_s"))
        seconds = seconds + moved / resident_bytes_per_s(np.maximum(table.footprint_bytes, moved), *rates)
        sizes = table.columns, 2.0**10 * (table.inner / 64.0) ** 2
    elif table.kind == "update":
        moved = STREAMS[table.kind] * width * elements * table.batch
        seconds, sizes = table.batch * fitted("floor_s") + cached_s(moved, *rates), (elements, table.columns)
    else:
        moved = STREAMS[table.kind] * width * elements
        seconds, sizes = fitted("floor_s") + cached_s(moved, *rates), (elements, table.columns)
    left = [fitted(f"leftover_{name}") for name in LEFTOVER]
    first, second = (np.log2(sizes[0]) - 18.0) / 6.0, (np.log2(sizes[1]) - 10.0) / 4.0
    return seconds * leftover_ratio(first, second, left)
