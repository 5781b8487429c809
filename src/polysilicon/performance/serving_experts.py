"""The experts in one pass of a serving engine: which weights are read, what is computed, copied and sent.

Sizes are of a replica, as in `serving_iteration`: `ep` of the chips that share a layer's experts hold different ones.
"""

import numpy as np

from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula


@formula
def touched_share(tokens: Values, experts: Values, experts_per_token: Values, evenness: Values = 1.0) -> Values:
    """Share of the experts that at least one of `tokens` tokens chooses; uneven choices count as fewer, at least one.

    Source: the coupon problem with replacement; Rajbhandari et al., DeepSpeed-MoE (arXiv 2201.05596), section 5.1.
    """
    chosen = np.minimum(experts_per_token / np.maximum(experts, 1.0), 1.0 - 1e-12)
    counted: Values = np.maximum(evenness * tokens, np.minimum(tokens, 1.0))
    return 1.0 - np.exp(counted * np.log1p(-chosen))


@formula
def expert_flop(
    expert_weights: Values,
    experts: Values,
    experts_per_token: Values,
    tokens: Values,
    touched_share: Values,
    tile_rows: Values,
    chips: Values,
) -> Values:
    """Operations of one chip on chosen experts: each that is touched computes its last tile whole.

    Source: Lepikhin et al., GShard (arXiv 2006.16668); Gale et al., MegaBlocks (arXiv 2211.15841), section 5.1, tiles
    of a grouped product.
    """
    choices = experts_per_token * tokens + 0.5 * tile_rows * touched_share * experts
    return 2.0 * expert_weights / np.maximum(experts, 1.0) * choices / chips


@formula
def expert_width(expert_hidden: Values, chips: Values, ep: Values) -> Values:
    """Inner width of one expert on one chip: `ep` of the `chips` that share experts hold different ones.

    Source: DeepSeek-AI, DeepSeek-V3 (arXiv 2412.19437), section 3.4.
    """
    return expert_hidden * ep / chips


@formula
def copied_bytes(
    tokens: Values, hidden: Values, experts_per_token: Values, width: Values, ep: Values, passes: Values
) -> Values:
    """Bytes that one chip moves to bring `tokens` tokens to their experts, through them, and back, in 16 bits.

    However narrow its slices of the experts, a chip copies whole tokens. Every chip sums up what its experts give for
    all tokens of the group, as engines do that gather tokens and scatter sums; those that send each token to its
    experts' chips alone move less, but the measured rows are further off so.

    Source: Gale et al., MegaBlocks (arXiv 2211.15841), section 5: permutation around grouped products; `passes` is
    fitted, see scripts/calibrate_serving.py.
    """
    copies = experts_per_token * tokens / ep
    return 2.0 * passes * (copies * (2.0 * hidden + 3.0 * width) + tokens * hidden * np.minimum(experts_per_token, 1.0))


@formula
def busiest(flop: Values, imbalance: Values, ep: Values) -> Values:
    """Operations of the chip whose experts are chosen most; none is busier where every chip has a slice of each.

    Source: DeepSeek-AI, EPLB (2025); `imbalance` is the load of the busiest over the mean with experts far spread.
    """
    return flop * (1.0 + (imbalance - 1.0) * (1.0 - 1.0 / ep))


@formula
def as_slowly(flop: Values, width: Values, half_width: Values) -> Values:
    """Operations that take as long at the rate of wide experts as `flop` on slices of experts `width` wide.

    Slices of `half_width` reach half that rate: one side of their products is short, the inner one on the way back.

    Source: experts timed alone (measurements/operators/aic_moe.csv); fitted, see scripts/calibrate_serving.py.
    """
    return flop * (1.0 + half_width / np.maximum(width, 1.0))


@formula
def dispatched_bytes(activation_bytes: Values, copies: Values, tp: Values) -> Values:
    """What one chip sends to experts on one way: eight bits on the way there and sixteen back, on average twelve.

    Source: DeepSeek-AI, DeepSeek-V3 (arXiv 2412.19437), section 3.3.3.
    """
    return 0.75 * activation_bytes * copies / tp


@formula
def crossing_bytes_per_s(scaleout_bytes_per_s: Values, copies: Values, chips: Values, inside: Values) -> Values:
    """Bandwidth between domains as the copies see it: those for chips of one domain cross once and spread there.

    Source: DeepSeek-AI, DeepSeek-V3 (arXiv 2412.19437), section 3.2.2; DeepEP (2025).
    """
    return scaleout_bytes_per_s * copies / np.minimum(copies, np.ceil(chips / inside))


@formula
def exchanges(moe_layers: Values, experts: Values, attn_dp: Values) -> Values:
    """Layers whose tokens travel to experts on other attention ranks.

    Source: DeepSeek-AI, DeepSeek-V3 (arXiv 2412.19437), section 3.4.
    """
    return np.where((attn_dp > 1.0) & (experts > 0.0), moe_layers, 0.0)
