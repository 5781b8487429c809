"""Time of one matrix product on one chip: tiles, waves, feeding of the tiles, memory, cache, power limit, launch.

A product is cut into tiles; each compute unit works on one tile at a time, so the last round of tiles leaves units
idle. A tile's time is that of its arithmetic and of bringing in its operands, whichever is longer, plus filling the
pipeline and writing the result. Where tiles are fewer than units, the inner dimension can be split and the parts
joined afterwards. The library is taken to choose the best of the usual tile shapes. Memory traffic overlaps with all
this, almost. What remains is a smooth surface over the logarithms of the three sizes, kept small by its prior.

The parameters are fitted to kernels that were timed alone, in a loop, at locked clocks and replayed from a graph
(`measurements/operators/`): buffers that fit in the cache stay there, and gaps between kernels are not in them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from polysilicon.performance.operators import (
    cached_s,
    overlapped_s,
    streaming_s,
    throttled_s,
    waves,
)
from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula

# Tile shapes of the usual libraries, rows by columns of the result.
TILES = ((256, 256), (256, 128), (128, 256), (128, 128), (128, 64), (64, 128), (64, 64), (64, 32), (16, 64))
# No library splits the inner dimension finer than this.
FINEST_SPLIT = 256.0
ACCUMULATOR_BYTES = 4.0


class ProductCurve(NamedTuple):
    """What the time of a product on one chip in one format depends on, each a number or a column.

    `units` compute units share `matrix_flop_per_s` and the `feed_bytes_per_s` that brings operands to them.
    `wave`: share of an idle last round that is lost. `fill_s`: filling and draining the pipeline, each round. `store`:
    passes over the result each round. `join_s`: joining parts of a split product. `sharpness`: of the overlap of
    arithmetic and traffic. `fade`: slowdown at the power limit, for products much longer than `sustained_s`.
    `quantise`: passes over the left operand to bring it into the format. `floor_s`: launch and drain.
    `surface`: coefficients of `surface_ratio`.
    """

    units: Values
    matrix_flop_per_s: Values
    feed_bytes_per_s: Values
    memory_bytes_per_s: Values
    cache_bytes_per_s: Values
    cache_bytes: Values
    wave: Values
    fill_s: Values
    store: Values
    join_s: Values
    sharpness: Values
    fade: Values
    sustained_s: Values
    quantise: Values
    floor_s: Values
    surface: tuple[Values, ...]

    @classmethod
    def stack(cls, curves: Sequence["ProductCurve"]) -> "ProductCurve":
        """One column a parameter, one entry a curve."""
        single = [np.array(column, float) for column in zip(*(one[:-1] for one in curves), strict=True)]
        surface = tuple(np.array(column, float) for column in zip(*(one.surface for one in curves), strict=True))
        return cls._make([*single, surface])


@formula
def inner_splits(tiles: Values, inner: Values, units: Values) -> Values:
    """Parts that the inner dimension is split into so that few tiles occupy all compute units.

    Source: NVIDIA CUTLASS documentation, Efficient GEMM: split-K.
    """
    return np.maximum(1.0, np.minimum(np.floor(units / tiles), np.floor(inner / FINEST_SPLIT)))


@formula
def tile_s(
    tile_rows: Values,
    tile_columns: Values,
    inner: Values,
    left_bytes: Values,
    right_bytes: Values,
    result_bytes: Values,
    unit_flop_per_s: Values,
    unit_bytes_per_s: Values,
    fill_s: Values,
    store: Values,
) -> Values:
    """Time of one compute unit for one tile: arithmetic and its operands overlap, fill and store don't.

    Source: NVIDIA CUTLASS documentation, Efficient GEMM: main loop, prologue and epilogue; Williams et al., Roofline
    (CACM 52(4), 2009), applied to one unit.
    """
    arithmetic_s = 2.0 * tile_rows * tile_columns / unit_flop_per_s
    feeding_s = (tile_rows * left_bytes + tile_columns * right_bytes) / unit_bytes_per_s
    storing_s = store * tile_rows * tile_columns * result_bytes / unit_bytes_per_s
    return inner * overlapped_s(arithmetic_s, feeding_s, 4.0) + fill_s + storing_s


@formula
def tiled_s(
    rows: Values,
    columns: Values,
    inner: Values,
    batch: Values,
    left_bytes: Values,
    right_bytes: Values,
    result_bytes: Values,
    curve: ProductCurve,
) -> Values:
    """Time of the tiles of `batch` products: the best of the usual tile shapes, whole or split.

    Source: NVIDIA, Matrix Multiplication Background User's Guide, tile and wave quantisation; NVIDIA CUTLASS
    documentation, Efficient GEMM.
    """
    unit_flop_per_s = curve.matrix_flop_per_s / curve.units
    unit_bytes_per_s = curve.feed_bytes_per_s / curve.units
    best: Values = np.inf
    for tile_rows, tile_columns in TILES:
        tiles = batch * np.ceil(rows / tile_rows) * np.ceil(columns / tile_columns)
        parts = inner_splits(tiles, inner, curve.units)
        joined_bytes = 2.0 * ACCUMULATOR_BYTES * parts * batch * rows * columns
        joining_s = np.where(parts > 1.0, curve.join_s + streaming_s(joined_bytes, curve.cache_bytes_per_s), 0.0)
        for split, extra_s in ((1.0, 0.0), (parts, joining_s)):
            one_s = tile_s(
                tile_rows,
                tile_columns,
                inner / split,
                left_bytes,
                right_bytes,
                result_bytes,
                unit_flop_per_s,
                unit_bytes_per_s,
                curve.fill_s,
                curve.store,
            )
            best = np.minimum(best, waves(tiles * split, curve.units, curve.wave) * one_s + extra_s)
    return best


@formula
def surface_ratio(rows: Values, columns: Values, inner: Values, surface: tuple[Values, ...]) -> Values:
    """What the terms leave unexplained: the exponential of a cubic in the logarithms of the sizes, held at its ends.

    Source: fit of measurements/operators/ by scripts/calibrate_operators.py.
    """
    x = np.minimum(np.maximum((np.log2(rows) - 8.0) / 6.0, -1.5), 1.5)
    y = np.minimum(np.maximum((np.log2(columns) - 12.0) / 4.0, -1.2), 1.2)
    z = np.minimum(np.maximum((np.log2(inner) - 12.0) / 4.0, -1.2), 1.2)
    a, b, c, aa, bb, cc, ab, ac, bc, aaa = surface
    squares = aa * x * x + bb * y * y + cc * z * z
    return np.exp(a * x + b * y + c * z + squares + ab * x * y + ac * x * z + bc * y * z + aaa * x * x * x)


@formula
def product_s(
    rows: Values,
    columns: Values,
    inner: Values,
    batch: Values,
    left_bytes: Values,
    right_bytes: Values,
    result_bytes: Values,
    curve: ProductCurve,
) -> Values:
    """Time of `batch` matrix products (rows x inner) by (inner x columns) in one launch.

    `left_bytes`, `right_bytes` and `result_bytes` are bytes an element. Everything broadcasts.

    Source: NVIDIA, Matrix Multiplication Background User's Guide; Williams et al., Roofline (CACM 52(4), 2009);
    parameters from the fit of measurements/operators/.
    """
    tiles_s = tiled_s(rows, columns, inner, batch, left_bytes, right_bytes, result_bytes, curve)
    operands_bytes = batch * inner * (rows * left_bytes + columns * right_bytes)
    traffic_bytes = operands_bytes + batch * rows * columns * result_bytes
    traffic_s = cached_s(traffic_bytes, curve.cache_bytes, curve.cache_bytes_per_s, curve.memory_bytes_per_s)
    kernel_s = throttled_s(overlapped_s(tiles_s, traffic_s, curve.sharpness), curve.fade, curve.sustained_s)
    quantise_s = streaming_s(curve.quantise * batch * rows * inner, curve.cache_bytes_per_s)
    return (curve.floor_s + kernel_s + quantise_s) * surface_ratio(rows, columns, inner, curve.surface)
