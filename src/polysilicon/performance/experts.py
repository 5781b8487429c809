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
# In place of an exponent: tokens draw their experts at random, every expert as likely. Even routing (0) deals them out.
RANDOM = -1.0
# Largest over least weight where copies are no more than experts; there no expert gets more copies than this.
FEW_MOST, FEW_COPIES = 200.0, 6


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
def routed_most(tokens: Values, copies: Values, experts: Values) -> Values:
    """Weight of the largest expert over that of the least when routing follows a power law.

    `copies` token copies of `tokens` tokens go to `experts` experts.

    Source: NVIDIA AIConfigurator, collector, routing of the MoE benchmark: weights from 1 to 0.8 of the tokens where
    there are more copies than experts, from 0.01 to 2 where there are not.
    """
    many = np.maximum(0.8 * np.asarray(tokens), 1.0 + 1e-6)
    return np.where(copies > experts, many, FEW_MOST)


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
def law_above(least: Values, most: Values, alpha: Values) -> Values:
    """Share of the weights above `least` where their density falls as `x**-alpha` from 1 to `most`.

    Source: Clauset, Shalizi, Newman, Power-law distributions in empirical data (SIAM Review 51(4), 2009), survival of
    a truncated law.
    """
    low = 1.0 - np.asarray(alpha)
    low = np.where(np.abs(low) < 1e-9, 1e-9, low)
    return 1.0 - (np.clip(least, 1.0, most) ** low - 1.0) / (most**low - 1.0)


@formula
def busiest_ratio(most: Values, local: Values, ranks: Values, alpha: Values, skew: Values) -> Values:
    """Token copies of the busiest of `ranks` ranks over their mean, when each holds `local` experts.

    `most` is the weight of the largest expert over that of the least. 1 where routing is not skewed: `alpha` is 0 or
    `RANDOM`.

    Source: David and Nagaraja, Order Statistics (3rd edition, 2003), section 4.2: largest of many sums; size from the
    fit.
    """
    spread = np.sqrt(np.maximum(law_moment(most, alpha, 2.0) / law_moment(most, alpha, 1.0) ** 2 - 1.0, 0.0))
    over = skew * spread * np.sqrt(2.0 * np.log(ranks) / local)
    return np.where(np.asarray(alpha) > 0.0, np.minimum(1.0 + over, ranks), 1.0)


@formula
def touched(copies: Values, tokens: Values, local: Values, most: Values, alpha: Values) -> Values:
    """How many of `local` experts get at least one of `copies` token copies: all that can, fewer when skewed or drawn.

    Shares are rounded to whole copies; copies that are left over, where there are few, go to one expert each, largest
    first. Where `alpha` is `RANDOM`, each token draws its experts.

    Source: NVIDIA AIConfigurator, collector, routing of the MoE benchmark; Feller, An Introduction to Probability
    Theory (3rd edition, 1968), section IV.2, empty cells.
    """
    alpha = np.asarray(alpha)
    drawn = local * (1.0 - (1.0 - np.minimum(copies / (tokens * local), 1.0)) ** tokens)
    even = np.minimum(local, copies)
    whole = local / copies * law_moment(most, alpha, 1.0)
    given = [local * law_above((number - 0.5) * whole, most, alpha) for number in range(1, FEW_COPIES + 1)]
    left = np.where(most == FEW_MOST, copies - sum(given), 0.0)
    skewed = np.minimum(np.maximum(given[0], left), even)
    return np.maximum(np.where(alpha > 0.0, skewed, np.where(alpha < 0.0, drawn, even)), 1.0)


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
    routing, 0 where experts get equal shares, `RANDOM` where tokens draw them. Exchanging tokens is not in it.
    Everything broadcasts.

    Source: Gale et al., MegaBlocks (arXiv 2211.15841), grouped products; parameters from the fit of
    measurements/operators/.
    """
    product = curve.product
    local = np.maximum(experts / ep, 1.0)
    most = routed_most(tokens, tokens * top_k, experts)
    routed = tokens * top_k / ep * busiest_ratio(most, local, ep, alpha, curve.skew)
    copies = np.minimum(routed, tokens * np.minimum(local, top_k)) + curve.kept * tokens * top_k * (1.0 - 1.0 / ep)
    copies = np.maximum(copies, 1.0)
    active = touched(copies, tokens, local, most, alpha)
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
