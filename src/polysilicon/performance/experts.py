"""Time of the experts of one MoE layer on one chip: routing, two grouped products, the activation and the sum.

A chip that holds some of the experts works on the token copies that are routed to these. With few copies not every
expert is touched, and only the weights of those touched are read. Skewed routing gives the busiest chip more copies
than the mean, and its busiest experts most of them; the rest then read their weights for few rows.

The parameters are fitted to layers that were timed alone in a loop on the busiest rank, with no exchange of tokens
(`measurements/operators/`).
"""

from typing import NamedTuple

import numpy as np

from polysilicon.performance.matrix import ProductCurve, tiled_s
from polysilicon.performance.operators import cached_s, held, overlapped_s, smooth_ratio, throttled_s
from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula

HALF_BYTES = 2.0


class ExpertCurve(NamedTuple):
    """What the time of the experts on one chip in one format depends on, each a number or a column.

    `product`: the curve of the grouped products, but for its fixed terms and its surface. `skew`: how far the busiest
    rank lies above what chance of that routing gives. `kept`: share of the other ranks' copies that this rank works on
    as well, where a framework does not leave them out. `route_s`: routing and all that is fixed.
    `copy_passes`: passes over the routed tokens to sort, activate and sum. `expert_s`: what each local expert costs
    besides. `widths`: bytes an element of activations and of weights.
    """

    product: ProductCurve
    skew: Values
    kept: Values
    route_s: Values
    copy_passes: Values
    expert_s: Values
    left_bytes: Values
    right_bytes: Values
    surface: tuple[Values, ...]


@formula
def routed_most(tokens: Values) -> Values:
    """Weight of the largest expert over that of the least when routing follows a power law over `tokens` tokens.

    Source: NVIDIA AIConfigurator, collector/helper.py, routing of the MoE benchmark: from 1 to 0.8 of the tokens.
    """
    return np.maximum(0.8 * np.asarray(tokens), 1.0 + 1e-6)


@formula
def law_moment(most: Values, alpha: Values, power: float) -> Values:
    """Mean of `x**power` where the density falls as `x**-alpha` from 1 to `most`.

    Source: Clauset, Shalizi, Newman, Power-law distributions in empirical data (SIAM Review 51(4), 2009), moments of a
    truncated law.
    """

    def integral(exponent: Values) -> Values:
        # The logarithm at its pole, which rounding never meets.
        safe = np.where(np.abs(exponent) < 1e-9, 1e-9, exponent)
        return (most**safe - 1.0) / safe

    low = 1.0 - np.asarray(alpha)
    return integral(low + power) / integral(low)


@formula
def busiest_ratio(tokens: Values, local: Values, ranks: Values, alpha: Values, skew: Values) -> Values:
    """Token copies of the busiest of `ranks` ranks over their mean, when each holds `local` experts.

    1 where `alpha` is 0, which stands for even routing.

    Source: David and Nagaraja, Order Statistics (3rd edition, 2003), section 4.2: largest of many sums; size from the
    fit.
    """
    most = routed_most(tokens)
    spread = np.sqrt(np.maximum(law_moment(most, alpha, 2.0) / law_moment(most, alpha, 1.0) ** 2 - 1.0, 0.0))
    over = skew * spread * np.sqrt(2.0 * np.log(ranks) / local)
    return np.where(np.asarray(alpha) > 0.0, np.minimum(1.0 + over, ranks), 1.0)


@formula
def touched(copies: Values, tokens: Values, local: Values, alpha: Values) -> Values:
    """How many of `local` experts get at least one of `copies` token copies: all that can, fewer when skewed.

    A share of half a copy rounds up to one.

    Source: distribution of `law_moment`; NVIDIA AIConfigurator, collector/helper.py, routing of the MoE benchmark.
    """
    even = np.minimum(local, copies)
    most = routed_most(tokens)
    least = np.clip(0.5 * local / copies * law_moment(most, alpha, 1.0), 1.0, most)
    low = np.where(np.abs(1.0 - np.asarray(alpha)) < 1e-9, 1e-9, 1.0 - np.asarray(alpha))
    above = 1.0 - (least**low - 1.0) / (most**low - 1.0)
    return np.maximum(np.where(np.asarray(alpha) > 0.0, np.minimum(local * above, even), even), 1.0)


@formula
def moe_s(
    tokens: Values,
    hidden: Values,
    inner: Values,
    top_k: Values,
    experts: Values,
    expert_tp: Values,
    ep: Values,
    alpha: Values,
    curve: ExpertCurve,
) -> Values:
    """Time of the experts of one layer on the busiest of `ep` ranks, for `tokens` tokens of the whole group.

    `inner` is the width of one expert before its split over `expert_tp` chips; `alpha` is the exponent of skewed
    routing, 0 where routing is even. Exchanging tokens is not in it. Everything broadcasts.

    Source: Gale et al., MegaBlocks (arXiv 2211.15841), grouped products; parameters from the fit of
    measurements/operators/.
    """
    product = curve.product
    local = np.maximum(experts / ep, 1.0)
    routed = tokens * top_k / ep * busiest_ratio(tokens, local, ep, alpha, curve.skew)
    copies = np.minimum(routed, tokens * np.minimum(local, top_k)) + curve.kept * tokens * top_k * (1.0 - 1.0 / ep)
    copies = np.maximum(copies, 1.0)
    active = touched(copies, tokens, local, alpha)
    rows, width = copies / active, inner / expert_tp
    both = curve.left_bytes, curve.right_bytes, HALF_BYTES
    tiles_s = tiled_s(rows, 2.0 * width, hidden, active, *both, product)
    tiles_s = tiles_s + tiled_s(rows, hidden, width, active, *both, product)
    weight_bytes = 3.0 * active * hidden * width * curve.right_bytes
    copied_bytes = HALF_BYTES * curve.copy_passes * (copies * (2.0 * hidden + 3.0 * width) + tokens * hidden)
    moved_bytes = weight_bytes + copied_bytes
    rates = product.cache_bytes, product.cache_bytes_per_s, product.memory_bytes_per_s
    kernel_s = overlapped_s(tiles_s, cached_s(moved_bytes, *rates), product.sharpness)
    fixed_s = curve.route_s + curve.expert_s * local
    axes = held(tokens, 7.0, 7.0), held(active, 3.0, 4.0), held(width, 9.0, 4.0), held(ep, 3.0, 4.0)
    return (fixed_s + throttled_s(kernel_s, product.fade, product.sustained_s)) * smooth_ratio(axes, curve.surface)
