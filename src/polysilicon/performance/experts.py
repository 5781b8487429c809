"""Time of the experts of one MoE layer on one chip: routing, two grouped products, the activation and the sum.

A chip that holds some of the experts works on the token copies that are routed to these. With few copies not every
expert is touched, and only the weights of those touched are read. Skewed routing gives the busiest chip more copies
than the mean, and its busiest experts most of them; the rest then read their weights for few rows.

The parameters are fitted to layers that were timed alone in a loop on the busiest rank, with no exchange of tokens
(`measurements/operators/`).
"""

from typing import NamedTuple

import numpy as np

from polysilicon.performance.matrix import ProductCurve, product_s
from polysilicon.performance.operators import cached_s, held, smooth_ratio
from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula

HALF_BYTES = 2.0


class ExpertCurve(NamedTuple):
    """What the time of the experts on one chip in one format depends on, each a number or a column.

    `product`: the curve of the grouped products; its `floor_s` and `quantise` count for each of the two. `skew`: how
    far the busiest rank lies above what chance of that routing gives. `route_s`: routing and all that is fixed.
    `copy_passes`: passes over the routed tokens to sort, activate and sum. `expert_s`: what each local expert costs
    besides. `widths`: bytes an element of activations and of weights.
    """

    product: ProductCurve
    skew: Values
    route_s: Values
    copy_passes: Values
    expert_s: Values
    memory_bytes_per_s: Values
    left_bytes: Values
    right_bytes: Values
    surface: tuple[Values, ...]


@formula
def load_spread(tokens: Values, alpha: Values) -> Values:
    """Coefficient of variation of the tokens that experts get when routing follows a power law of exponent `alpha`.

    The density falls as `x**-alpha` from one token to most of them; 0 where `alpha` is 0, which stands for even routing.

    Source: Clauset, Shalizi, Newman, Power-law distributions in empirical data (SIAM Review 51(4), 2009), moments of a
    truncated law; NVIDIA AIConfigurator, collector/helper.py, routing of the MoE benchmark.
    """
    most = np.maximum(0.8 * np.asarray(tokens), 1.0 + 1e-6)
    # The moments have poles at whole exponents, which no exponent of a routing is.
    low = 1.0 - np.asarray(alpha)
    low = np.where(np.abs(low) < 1e-9, 1e-9, low)
    weight = (most**low - 1.0) / low
    first = (most ** (low + 1.0) - 1.0) / (low + 1.0) / weight
    second = (most ** (low + 2.0) - 1.0) / (low + 2.0) / weight
    return np.where(np.asarray(alpha) > 0.0, np.sqrt(np.maximum(second / first**2 - 1.0, 0.0)), 0.0)


@formula
def busiest_ratio(local: Values, ranks: Values, spread: Values, skew: Values) -> Values:
    """Token copies of the busiest of `ranks` ranks over their mean, when each holds `local` experts.

    Source: David and Nagaraja, Order Statistics (3rd edition, 2003), section 4.2: largest of many sums; size from the
    fit.
    """
    over = skew * spread * np.sqrt(2.0 * np.log(ranks) / local)
    return np.minimum(1.0 + over, ranks)


@formula
def touched(copies: Values, local: Values, spread: Values) -> Values:
    """How many of `local` experts get at least one of `copies` token copies: all that can, fewer when skewed.

    Source: occupancy of urns (Johnson and Kotz, Urn Models, 1977) with weights of the given spread, second order.
    """
    each = copies / local
    even = np.minimum(local, copies)
    skewed = local * (1.0 - (1.0 + each * spread**2) ** (-1.0 / np.maximum(spread, 1e-3) ** 2))
    return np.maximum(np.where(spread > 0.0, np.minimum(skewed, even), even), 1.0)


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
    local = np.maximum(experts / ep, 1.0)
    spread = load_spread(tokens, alpha)
    copies = tokens * top_k / ep * busiest_ratio(local, ep, spread, curve.skew)
    copies = np.maximum(np.minimum(copies, tokens * np.minimum(local, top_k)), 1.0)
    active = touched(copies, local, spread)
    rows, width = copies / active, inner / expert_tp
    both = curve.left_bytes, curve.right_bytes, HALF_BYTES
    up_s = product_s(rows, 2.0 * width, hidden, active, *both, curve.product)
    down_s = product_s(rows, hidden, width, active, *both, curve.product)
    copied_bytes = HALF_BYTES * curve.copy_passes * (copies * (2.0 * hidden + 3.0 * width) + tokens * hidden)
    product = curve.product
    copied_s = cached_s(copied_bytes, product.cache_bytes, product.cache_bytes_per_s, curve.memory_bytes_per_s)
    fixed_s = curve.route_s + curve.expert_s * local
    axes = held(tokens, 7.0, 7.0), held(active, 3.0, 4.0), held(width, 9.0, 4.0), held(ep, 3.0, 4.0)
    return (fixed_s + up_s + down_s + copied_s) * smooth_ratio(axes, curve.surface)
