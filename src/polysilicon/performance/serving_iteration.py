"""Time of one pass of a serving engine over its model: decoding one token of each sequence, or reading a prompt.

Sizes are of a replica: `tp` chips hold each layer's attention, `attn_dp` such groups share the experts, `pp` stages
follow one another. Rates are achieved rates, peak times efficiency.
"""

import numpy as np

from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula


@formula
def rows_per_rank(running: Values, pp: Values, attn_dp: Values) -> Values:
    """Sequences that one attention rank decodes in one pass.

    Source: Zheng et al., SGLang (arXiv 2312.07104), data-parallel attention; Narayanan et al. (arXiv 2104.04473).
    """
    return np.maximum(running / (pp * attn_dp), 1.0)


@formula
def touched_share(tokens: Values, experts: Values, experts_per_token: Values) -> Values:
    """Share of the experts that at least one of `tokens` tokens chooses, when choices are even.

    Source: the coupon problem with replacement; Rajbhandari et al., DeepSpeed-MoE (arXiv 2201.05596), section 5.1.
    """
    chosen = np.minimum(experts_per_token / np.maximum(experts, 1.0), 1.0 - 1e-12)
    return 1.0 - np.exp(tokens * np.log1p(-chosen))


@formula
def reach_tokens(
    context: Values, window: Values, windowed_share: Values, index_tokens: Values, fully: Values = 0.0
) -> Values:
    """Cached tokens that decoding one token reads, averaged over layers: windows and sparse indices bound it.

    Source: Beltagy et al., Longformer (arXiv 2004.05150); DeepSeek-AI, DeepSeek-V3.2-Exp report (2025).
    """
    whole = np.where((index_tokens > 0.0) & (fully == 0.0), np.minimum(index_tokens, context), context)
    return windowed_share * np.minimum(window, context) + (1.0 - windowed_share) * whole


@formula
def cache_bytes_per_sequence(
    reach_tokens: Values, cache_values: Values, element_bytes: Values, state_bytes: Values
) -> Values:
    """Cached keys and values (or latents) of one sequence, and the state of its linear-attention layers.

    Source: Kwon et al., PagedAttention (arXiv 2309.06180), section 3; DeepSeek-V2 (arXiv 2405.04434), section 2.1.4.
    """
    return reach_tokens * cache_values * element_bytes + state_bytes


@formula
def cache_ways(tp: Values, cache_shards: Values) -> Values:
    """Over how many chips of a tensor-parallel group the cache of a layer is spread; the rest hold copies.

    Source: Ainslie et al., GQA (arXiv 2305.13245), section 2.2: heads are replicated across partitions.
    """
    return np.minimum(tp, cache_shards)


@formula
def dense_flop(dense_weights: Values, tokens: Values, tp: Values) -> Values:
    """Operations of one chip on the weights every token meets.

    Source: Kaplan et al. (arXiv 2001.08361), section 2.1.
    """
    return 2.0 * dense_weights * tokens / tp


@formula
def expert_flop(
    expert_weights: Values, experts: Values, experts_per_token: Values, tokens: Values, chips: Values, imbalance: Values
) -> Values:
    """Operations of the busiest chip on chosen experts; `imbalance` is its load over the mean.

    Source: Lepikhin et al., GShard (arXiv 2006.16668); DeepSeek-AI, EPLB (2025).
    """
    return 2.0 * expert_weights * experts_per_token / np.maximum(experts, 1.0) * tokens / chips * imbalance


@formula
def weight_traffic_bytes(weights: Values, element_bytes: Values, chips: Values, share: Values = 1.0) -> Values:
    """Weights that one chip reads in one pass.

    Source: Pope et al., Efficiently Scaling Transformer Inference (arXiv 2211.05102), section 2.
    """
    return weights * element_bytes * share / chips


@formula
def decode_attention_flop(decode_width: Values, reach_tokens: Values, rows: Values, tp: Values) -> Values:
    """Operations of scores and sums for the tokens that one chip decodes.

    Source: DeepSeek-V2 (arXiv 2405.04434), section 2.1.2, absorbed form; Vaswani et al. (arXiv 1706.03762).
    """
    return 2.0 * decode_width * reach_tokens * rows / tp


@formula
def activation_bytes(tokens: Values, hidden: Values) -> Values:
    """Hidden states of `tokens` tokens in a 16-bit format.

    Source: Shoeybi et al., Megatron-LM (arXiv 1909.08053), section 3.
    """
    return 2.0 * tokens * hidden


@formula
def kernels_s(
    layers: Values,
    moe_layers: Values,
    latent_layers: Values,
    special_layers: Values,
    layer_us: Values,
    expert_layer_us: Values,
    latent_layer_us: Values,
    special_layer_us: Values,
) -> Values:
    """Time that no bandwidth or arithmetic explains: dependent small kernels of each layer, one after another.

    Source: NVIDIA, CUDA C++ Programming Guide, CUDA graphs; fitted, see scripts/calibrate_serving.py.
    """
    extra = latent_layers * latent_layer_us + special_layers * special_layer_us
    return (layers * layer_us + moe_layers * expert_layer_us + extra) * 1e-6


@formula
def host_s(iteration_us: Values, request_us: Values, running: Values) -> Values:
    """Time of the scheduler between two passes: a part a pass and a part a running request.

    Source: Srivatsa et al., Can Scheduling Overhead Dominate LLM Inference Performance? (2024); fitted.
    """
    return (iteration_us + request_us * running) * 1e-6


@formula
def pass_s(
    dense_s: Values, expert_s: Values, attention_s: Values, network_s: Values, kernels_s: Values, host_s: Values
) -> Values:
    """Time of one pass: its parts follow one another.

    Source: Yu et al., Orca (OSDI'22), iteration-level scheduling.
    """
    return dense_s + expert_s + attention_s + network_s + kernels_s + host_s
