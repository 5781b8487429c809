"""Formulas of what a chip of a pipeline stage holds of the model: weights, gradients, optimizer, and who splits them.

Where the layers don't divide evenly over the stages, the last and then the first have a layer less than those between,
as the head and the embedding take its place.
"""

import numpy as np

from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula


@formula
def spread(replicas: Values, zero_stage: Values, least: Values) -> Values:
    """Replicas over which a state is split: all of them from ZeRO stage `least` on, else one.

    Source: Rajbhandari et al., ZeRO (arXiv 1910.02054), figure 1.
    """
    return np.where(np.asarray(zero_stage) >= least, replicas, 1.0)


@formula
def split_bytes(bytes_a_weight: Values, spread: Values) -> Values:
    """Bytes a weight on one of the replicas that split a state.

    Source: Rajbhandari et al., ZeRO (arXiv 1910.02054), figure 1.
    """
    return bytes_a_weight / spread


@formula
def all_states_bytes(weight_bytes: Values, gradient_bytes: Values, optimizer_bytes: Values) -> Values:
    """Bytes a weight of all states together.

    Source: Rajbhandari et al., ZeRO (arXiv 1910.02054), section 3.1.
    """
    return weight_bytes + gradient_bytes + optimizer_bytes


@formula
def trained_share(frozen: Values, adapter_share: Values) -> Values:
    """Share of the weights that has gradients and optimizer states.

    Source: Hu et al., LoRA (arXiv 2106.09685), section 4.2.
    """
    return np.where(np.asarray(frozen) > 0.0, adapter_share, 1.0)


@formula
def trained_bytes(bytes_a_weight: Values, trained_share: Values) -> Values:
    """Bytes a weight of a state that only trained weights have.

    Source: Hu et al., LoRA (arXiv 2106.09685), section 4.2.
    """
    return bytes_a_weight * trained_share


@formula
def working_copy_bytes(
    weight_bytes: Values,
    shard_bytes: Values,
    zero_stage: Values,
    narrow: Values,
    kept_operands: Values,
    operand_bytes: Values,
    narrow_weights: Values,
    frozen: Values,
    adapter_share: Values,
) -> Values:
    """Bytes a weight of the copy that products read, beside the optimizer's master copy.

    Where the weights themselves are split (ZeRO stage 3) the master copy may be the only one that stays. Software
    that casts weights to a narrow format once a step keeps them twice, for the forward and the backward pass, beside
    those in 16 bits or (`narrow_weights`) instead of them. Frozen weights have no master copy and, cast once and for
    all, are kept once in the narrow format; adapters come on top.

    Source: Zhao et al., PyTorch FSDP (arXiv 2304.11277), section 4.2; NVIDIA, Transformer Engine, weight caching and
    fp8_model_init; Hu et al., LoRA (arXiv 2106.09685), section 4.1.
    """
    fixed, cast = np.asarray(frozen) > 0.0, np.asarray(narrow * kept_operands) > 0.0
    whole = np.where(cast, 2.0 * operand_bytes + (1.0 - narrow_weights) * weight_bytes, weight_bytes)
    copies = np.where(np.asarray(zero_stage) < 3.0, whole, shard_bytes)
    base = np.where(cast, operand_bytes, weight_bytes)
    return np.where(fixed, base + weight_bytes * adapter_share, copies)


@formula
def spared_layers(layers: Values, pp: Values) -> Values:
    """Layers that the stages could hold beyond those there are: so many stages have a layer less than the longest.

    Source: Grattafiori et al., The Llama 3 Herd of Models (arXiv 2407.21783), section 3.3.2.
    """
    return np.ceil(layers / pp) * pp - layers


@formula
def layers_with_ahead(stage_layers: Values, predicted_ahead: Values) -> Values:
    """Layers of the stage that holds the head, with one for each further token that is predicted.

    Source: DeepSeek-AI, DeepSeek-V3 (arXiv 2412.19437), section 2.2.
    """
    return stage_layers + predicted_ahead


@formula
def edge_layers(stage_layers: Values, spared_layers: Values, least: Values) -> Values:
    """Layers of the first or last stage: one less than the longest where at least `least` stages are spared one.

    The last is spared first, for its head; then the first, for its embedding.

    Source: Grattafiori et al., The Llama 3 Herd of Models (arXiv 2407.21783), section 3.3.2.
    """
    return stage_layers - np.where(np.asarray(spared_layers) >= least, 1.0, 0.0)


@formula
def state_bytes(
    stage_layers: Values,
    layer_weights: Values,
    expert_layer_weights: Values,
    edge_weights: Values,
    tp: Values,
    bytes_a_weight: Values,
    expert_bytes_a_weight: Values,
) -> Values:
    """Bytes of one kind of model state on a chip of a stage; a state that replicas split has fewer bytes a weight.

    Source: Rajbhandari et al., ZeRO (arXiv 1910.02054), figure 1.
    """
    common = bytes_a_weight * (stage_layers * layer_weights + edge_weights)
    return (common + expert_bytes_a_weight * stage_layers * expert_layer_weights) / tp


@formula
def layers_share(stage_layers: Values, some: Values) -> Values:
    """Share of a stage that so many of its layers are, the whole where it has fewer.

    Source: Rajbhandari et al., ZeRO-Infinity (arXiv 2104.07857), section 5.1: buffers for one layer and the next.
    """
    return np.minimum(some / np.maximum(stage_layers, 1.0), 1.0)


@formula
def units_at_once(stage_layers: Values, pp: Values, units: Values) -> Values:
    """How many layers are whole at once: `units`, or all of a pipeline stage, which micro-batches in flight share.

    Source: Zhao et al. (arXiv 2304.11277), section 3.3.2; Liang et al., TorchTitan (arXiv 2410.06511), section 2;
    PyTorch, torch.distributed.pipelining, `stage.py`, for gradients.
    """
    return np.where(np.asarray(pp) > 1.0, stage_layers, np.minimum(units, stage_layers))


@formula
def shared_edge_weights(edge_weights: Values, pp: Values) -> Values:
    """Embedding and head whose gradients stay whole: those of a pipeline stage, which its micro-batches add up.

    Source: PyTorch, torch.distributed.pipelining, `stage.py`: gradients are synchronised behind the last micro-batch.
    """
    return np.where(np.asarray(pp) > 1.0, edge_weights, 0.0)


@formula
def whole_unit_bytes(
    layer_weights: Values,
    expert_layer_weights: Values,
    edge_weights: Values,
    tp: Values,
    at_once: Values,
    bytes_a_weight: Values,
    spread: Values,
    expert_spread: Values,
) -> Values:
    """What a split state holds whole while a layer is at work: `at_once` layers and the edges.

    They are copies of their own: what a replica keeps of the state lies beside them. What is not split is whole anyway.

    Source: Zhao et al., PyTorch FSDP (arXiv 2304.11277), sections 3.2 and 3.4: one unit at work, one prefetched.
    """
    plain = np.where(np.asarray(spread) > 1.0, at_once * layer_weights + edge_weights, 0.0)
    experts = np.where(np.asarray(expert_spread) > 1.0, at_once * expert_layer_weights, 0.0)
    return bytes_a_weight * (plain + experts) / tp


@formula
def gathered_bytes(weights_bytes: Values, gradients_bytes: Values) -> Values:
    """Weights and gradients that are whole for the moment.

    Source: Zhao et al., PyTorch FSDP (arXiv 2304.11277), section 3.2.
    """
    return weights_bytes + gradients_bytes
