"""Time of one operator on one chip. Rates are achieved rates: peak times efficiency."""

import numpy as np

from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula


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
