"""Formulas of the collectives of one training step: what is sent, and what of it compute does not hide."""

import numpy as np

from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula


@formula
def tensor_bytes(tokens: Values, hidden: Values) -> Values:
    """What one tensor-parallel collective gathers: the block's activations in 16 bits.

    Source: Shoeybi et al., Megatron-LM (arXiv 1909.08053), section 3.
    """
    return 2.0 * tokens * hidden


@formula
def tensor_s(all_reduce_s: Values, passes: Values, overlap: Values) -> Values:
    """Exposed tensor-parallel time of one layer: an all-reduce (or gather and scatter) at both block ends.

    Two in the forward pass, two in the backward, two more where the layer is computed again.

    Source: Korthikanti et al. (arXiv 2205.05198), section 4.2.
    """
    return all_reduce_s * (2.0 * passes - 2.0) * (1.0 - overlap)


@formula
def context_bytes(tokens: Values, kv_width: Values, tp: Values) -> Values:
    """Keys and values of one chip's tokens, in 16 bits, which travel once around the context-parallel ring.

    Source: Liu et al., Ring Attention (arXiv 2310.01889).
    """
    return 2.0 * tokens * kv_width / tp


@formula
def context_s(send_s: Values, cp: Values, passes: Values, overlap: Values) -> Values:
    """Exposed context-parallel time of one layer: the ring once forward, twice (with gradients) backward.

    Source: Liu et al., Ring Attention (arXiv 2310.01889).
    """
    return (cp - 1.0) * send_s * passes * (1.0 - overlap)


@formula
def dispatched_bytes(rows: Values, hidden: Values, tp: Values) -> Values:
    """Token copies that one chip sends to experts, in 16 bits; tensor ranks share the tokens.

    Source: Lepikhin et al., GShard (arXiv 2006.16668).
    """
    return 2.0 * rows * hidden / tp


@formula
def expert_s(
    all_to_all_s: Values, ep: Values, passes: Values, overlap: Values, dense_layers: Values, layers: Values
) -> Values:
    """Exposed expert-parallel time of a mean layer: dispatch and combine, forward, backward and again.

    Source: Lepikhin et al., GShard (arXiv 2006.16668); DeepSeek-AI (arXiv 2412.19437), section 3.2.
    """
    exchanges = np.where(np.asarray(ep) > 1.0, 2.0 * passes - 2.0, 0.0)
    return all_to_all_s * exchanges * (1.0 - overlap) * (layers - dense_layers) / layers


@formula
def boundary_bytes(tokens: Values, hidden: Values, sequence_cut: Values) -> Values:
    """Activations handed from one pipeline stage to the next for one micro-batch, in 16 bits.

    Source: Narayanan et al. (arXiv 2104.04473), section 4.1.
    """
    return 2.0 * tokens * hidden / sequence_cut


@formula
def pipeline_s(send_s: Values, pp: Values, interleave: Values, overlap: Values) -> Values:
    """Exposed pipeline transfer of one micro-batch on one chip: forward and backward, once a virtual stage.

    Source: Narayanan et al. (arXiv 2104.04473), section 2.2.
    """
    return np.where(np.asarray(pp) > 1.0, 2.0 * interleave * send_s * (1.0 - overlap), 0.0)


@formula
def link_of(ranks: Values, inside: Values, within: Values, beyond: Values) -> Values:
    """Figure of the link between neighbours: that of the scale-up domain where the whole group lies inside it.

    Source: Narayanan et al. (arXiv 2104.04473), section 3: placement of parallel groups.
    """
    return np.where(np.asarray(inside) >= ranks, within, beyond)


@formula
def dense_layer_weights(
    attention_weights: Values, dense_weights: Values, always_weights: Values, dense_layers: Values, layers: Values
) -> Values:
    """Weights of a mean layer that are not split over expert-parallel ranks.

    Source: DeepSeek-AI, DeepSeek-V3 (arXiv 2412.19437), section 4.2.
    """
    return attention_weights + (dense_layers * dense_weights + (layers - dense_layers) * always_weights) / layers


@formula
def expert_layer_weights(
    experts: Values, expert_weights: Values, ep: Values, dense_layers: Values, layers: Values
) -> Values:
    """Weights of a mean layer that expert-parallel ranks split, on one of them.

    Source: Lepikhin et al., GShard (arXiv 2006.16668).
    """
    return experts / ep * expert_weights * (layers - dense_layers) / layers


@formula
def edge_weights(vocab: Values, hidden: Values, embeddings: Values, pp: Values) -> Values:
    """Embedding and head weights of the fullest stage: both on a single stage, one of them in a pipeline.

    Source: Narayanan et al. (arXiv 2104.04473), section 3.
    """
    return vocab * hidden * np.where(np.asarray(pp) > 1.0, 1.0, embeddings)


@formula
def stage_weights(layers: Values, layer_weights: Values, edge_weights: Values, tp: Values, pp: Values) -> Values:
    """Weights of one chip in the fullest stage, before any sharding over replicas.

    Source: Narayanan et al. (arXiv 2104.04473), section 3.
    """
    return (np.ceil(layers / pp) * layer_weights + edge_weights) / tp


@formula
def replicas(dp: Values, cp: Values) -> Values:
    """Chips that hold the same slice of the weights: gradients are reduced over all of them.

    Source: Grattafiori et al., The Llama 3 Herd of Models (arXiv 2407.21783), section 3.3.2.
    """
    return dp * cp * 1.0


@formula
def expert_replicas(replicas: Values, ep: Values) -> Values:
    """Chips that hold the same experts.

    Source: Lepikhin et al., GShard (arXiv 2006.16668).
    """
    return np.maximum(replicas / ep, 1.0)


@formula
def wire_bytes(weights: Values, bytes_a_weight: Values) -> Values:
    """Size of a chip's gradients or weights on the wire.

    Source: Rajbhandari et al., ZeRO (arXiv 1910.02054), section 7.
    """
    return weights * bytes_a_weight


@formula
def once_s(
    gradients_s: Values,
    expert_gradients_s: Values,
    weights_s: Values,
    expert_weights_s: Values,
    zero_stage: Values,
    frozen: Values,
) -> Values:
    """Data-parallel transfer once a step.

    Stage 0 reduces whole gradients, stage 1 scatters gradients and gathers weights, stage 2 gathers weights.

    Source: Rajbhandari et al., ZeRO (arXiv 1910.02054), section 7.
    """
    stage, scattered, gathered = np.asarray(zero_stage), gradients_s + expert_gradients_s, weights_s + expert_weights_s
    once = np.where(stage < 2.0, scattered, 0.0) + np.where(stage < 1.0, scattered, gathered)
    return np.where(stage == 3.0, 0.0, (1.0 - frozen) * once)


@formula
def each_s(
    gradients_s: Values,
    expert_gradients_s: Values,
    weights_s: Values,
    expert_weights_s: Values,
    zero_stage: Values,
    frozen: Values,
) -> Values:
    """Data-parallel transfer of every micro-batch.

    From stage 2 on gradients are scattered as they appear; at stage 3 weights are gathered forward and backward.

    Source: Rajbhandari et al., ZeRO (arXiv 1910.02054), section 7.2.2; Zhao et al., FSDP (arXiv 2304.11277).
    """
    stage = np.asarray(zero_stage)
    scattered = np.where(stage >= 2.0, (1.0 - frozen) * (gradients_s + expert_gradients_s), 0.0)
    return scattered + np.where(stage == 3.0, 2.0 * (weights_s + expert_weights_s), 0.0)
