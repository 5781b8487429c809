"""Time of one operator on one chip. Rates are achieved rates: peak times efficiency."""

import numpy as np

from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula

SHORTEST_S = 1e-30


@formula
def gemm_flop(rows: Values, columns: Values, inner: Values) -> Values:
    """Floating-point operations of a matrix product: a multiply and an add for each inner element.

    Source: Golub and Van Loan, Matrix Computations, 4th edition, section 1.1.
    """
    return 2.0 * rows * columns * inner


@formula
def gemm_bytes(rows: Values, columns: Values, inner: Values, operand_bytes: Values, result_bytes: Values) -> Values:
    """Least memory traffic of a matrix product: both operands read once, the result written once.

    Source: Williams, Waterman, Patterson, Roofline (CACM 52(4), 2009), compulsory traffic.
    """
    return operand_bytes * inner * (rows + columns) + result_bytes * rows * columns


@formula
def reread_bytes(traffic_bytes: Values, flop: Values, reuse: Values, operand_bytes: Values) -> Values:
    """Traffic of a product whose tiles read its operands again: `reuse` FLOP for each byte of 16-bit operands.

    Source: Hong, Kung, I/O complexity: the red-blue pebble game (STOC 1981): a product moves as many operands as its
    arithmetic over the root of the memory beside it.
    """
    return traffic_bytes + flop / reuse * (operand_bytes / 2.0)


@formula
def filled_flop(flop: Values, inner: Values, fill: Values) -> Values:
    """Operations of a product as its tiles see them: filling and draining one is worth `fill` inner elements.

    Source: NVIDIA CUTLASS documentation, Efficient GEMM: prologue, main loop and epilogue; size from the fit.
    """
    return flop * (1.0 + fill / inner)


@formula
def gemm_s(flop: Values, traffic_bytes: Values, achieved_flop_per_s: Values, achieved_bytes_per_s: Values) -> Values:
    """Time of matrix products when filling and draining the tiles is not hidden behind the arithmetic.

    The traffic term makes small or thin products inefficient in proportion to the chip's own balance of
    arithmetic and memory, without a table of shapes.

    Source: Isaev et al., Calculon (SC'23, doi 10.1145/3581784.3607102), processing mode `no_overlap`;
    Williams et al., Roofline (CACM 52(4), 2009).
    """
    return flop / achieved_flop_per_s + traffic_bytes / achieved_bytes_per_s


@formula
def roofline_s(
    flop: Values, traffic_bytes: Values, achieved_flop_per_s: Values, achieved_bytes_per_s: Values
) -> Values:
    """Time of an operator whose traffic and arithmetic overlap fully: the slower of the two.

    Source: Williams, Waterman, Patterson, Roofline (CACM 52(4), 2009).
    """
    return np.maximum(flop / achieved_flop_per_s, traffic_bytes / achieved_bytes_per_s)


@formula
def streaming_s(traffic_bytes: Values, achieved_bytes_per_s: Values) -> Values:
    """Time of memory-bound work (norms, activations, residuals, optimizer): bytes over bandwidth.

    Source: Williams, Waterman, Patterson, Roofline (CACM 52(4), 2009).
    """
    return traffic_bytes / achieved_bytes_per_s


@formula
def exposed_s(transfer_s: Values, hideable_s: Values, overlap: Values) -> Values:
    """The part of a transfer that is not hidden behind compute.

    At most the share `overlap` of it can be hidden, and no more than there is compute to hide it behind.

    Source: Isaev et al., Calculon (SC'23, doi 10.1145/3581784.3607102), data-parallel overlap.
    """
    return np.maximum(transfer_s * (1.0 - overlap), transfer_s - hideable_s)


@formula
def waves(tiles: Values, units: Values, wave: Values) -> Values:
    """Rounds in which `units` compute units work through `tiles` tiles, the last one partly idle.

    `wave` is the share of the idle part that is really lost: 1 where every round waits for its slowest tile, less
    where tiles of the next round start early.

    Source: NVIDIA, Matrix Multiplication Background User's Guide, wave quantisation; share from the fit.
    """
    even = tiles / units
    return even + wave * (np.ceil(even) - even)


@formula
def cached_s(
    traffic_bytes: Values,
    cache_bytes: Values,
    cache_bytes_per_s: Values,
    memory_bytes_per_s: Values,
) -> Values:
    """Time to read and write `traffic_bytes` that an operator before may have left in the last-level cache.

    The share that misses rises smoothly from none to all around the size of the cache. Operators timed in a loop over
    the same buffers are such a case; with a cold cache `cache_bytes` is 0.

    Source: Yang, Kurth, Williams, Hierarchical Roofline analysis for GPUs (Concurrency and Computation 32(20), 2020);
    size and rate from the fit.
    """
    filled = (traffic_bytes / np.maximum(cache_bytes, 1.0)) ** 3
    missed = filled / (1.0 + filled)
    return traffic_bytes * (missed / memory_bytes_per_s + (1.0 - missed) / cache_bytes_per_s)


@formula
def overlapped_s(arithmetic_s: Values, traffic_s: Values, sharpness: Values) -> Values:
    """Time of arithmetic and traffic that overlap almost: the p-norm, between their maximum and their sum.

    Source: Williams, Waterman, Patterson, Roofline (CACM 52(4), 2009), with a rounded ridge; sharpness from the fit.
    """
    longer = np.maximum(arithmetic_s, traffic_s)
    shorter = np.minimum(arithmetic_s, traffic_s)
    # What takes no time at all is not a ratio of nought to nought.
    return longer * (1.0 + (shorter / np.maximum(longer, SHORTEST_S)) ** sharpness) ** (1.0 / sharpness)


@formula
def throttled_s(full_speed_s: Values, fade: Values, sustained_s: Values) -> Values:
    """Time of an operator that runs long enough to meet the chip's power limit, and then slows by the share `fade`.

    Source: Patel et al., Characterizing Power Management Opportunities for LLMs in the Cloud (ASPLOS 2024): compute
    phases draw up to the power limit; size from the fit.
    """
    return full_speed_s * (1.0 + fade * full_speed_s / (full_speed_s + sustained_s))


@formula
def smooth_ratio(axes: tuple[Values, ...], surface: tuple[Values, ...]) -> Values:
    """What the terms of an operator leave unexplained: the exponential of a cubic over `axes`, 1 where it is all 0.

    `axes` are logarithms of sizes, scaled to about -1 to 1 and held at their ends, so that nothing is extrapolated
    by the surface. `surface` are the coefficients of `monomials` in that order.

    Source: fit of measurements/operators/ by scripts/calibrate_operators.py.
    """
    total: Values = 0.0
    for coefficient, powers in zip(surface, monomials(len(axes)), strict=True):
        term: Values = coefficient
        for at in powers:
            term = term * axes[at]
        total = total + term
    return np.exp(total)


def monomials(axes: int) -> tuple[tuple[int, ...], ...]:
    """The terms of a surface over so many axes, each as the axes that it multiplies: x, y, xx, yy, xy, xxx, yyy."""
    every = range(axes)
    pairs = [(one, other) for one in every for other in every if one < other]
    powers = [(one,) * power for power in (1, 2) for one in every]
    return (*powers, *pairs, *((one,) * 3 for one in every))


@formula
def held(size: Values, middle: float, reach: float) -> Values:
    """A size as an axis of a surface: its logarithm over 2, -1 to 1 within `reach` doublings of `middle`, held beyond.

    Source: fit of measurements/operators/ by scripts/calibrate_operators.py.
    """
    return np.minimum(np.maximum((np.log2(size) - middle) / reach, -1.0), 1.0)


@formula
def kernel_s(
    traffic_bytes: Values,
    rows: Values,
    units: Values,
    memory_bytes_per_s: Values,
    cache_bytes_per_s: Values,
    cache_bytes: Values,
    row_bytes_per_s: Values,
    floor_s: Values,
) -> Values:
    """Time of one memory-bound kernel (norm, activation, rotary embedding, residual) with its launch and drain.

    A block of threads walks over one of `rows` rows at `row_bytes_per_s`, so that few rows leave units idle.

    Source: Williams, Waterman, Patterson, Roofline (CACM 52(4), 2009); parameters from the fit of
    measurements/operators/.
    """
    moving_s = cached_s(traffic_bytes, cache_bytes, cache_bytes_per_s, memory_bytes_per_s)
    walking_s = np.maximum(rows / units, 1.0) * traffic_bytes / rows / row_bytes_per_s
    return floor_s + overlapped_s(moving_s, walking_s, 4.0)
