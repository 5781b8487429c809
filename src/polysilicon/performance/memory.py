"""Memory of the fullest chip in training, to the byte, by kind."""

from dataclasses import dataclass, fields

import numpy as np

from polysilicon.performance import layer as on_chip
from polysilicon.performance.job import Holders, Job, held_weights, holders, layer_weights
from polysilicon.performance.pipeline import micro_batches
from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula


@dataclass(frozen=True)
class Memory:
    """Bytes on the fullest chip; the kinds sum to `memory_bytes`. Each a number or a column."""

    memory_bytes: Values
    weight_bytes: Values
    gradient_bytes: Values
    optimizer_bytes: Values
    gathered_bytes: Values
    activation_bytes: Values
    logit_bytes: Values
    reserve_bytes: Values

    def columns(self) -> dict[str, Values]:
        """Name to value, in the order of the fields."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@formula
def state_bytes(
    weights: Values,
    expert_weights: Values,
    replicas: Values,
    expert_replicas: Values,
    bytes_a_weight: Values,
    sharded: Values,
    trained_share: Values,
) -> Values:
    """Bytes of one kind of model state on a chip, split over its replicas where its ZeRO stage says so.

    Source: Rajbhandari et al., ZeRO (arXiv 1910.02054), figure 1.
    """
    split = np.asarray(sharded) > 0.0
    held = weights / np.where(split, replicas, 1.0) + expert_weights / np.where(split, expert_replicas, 1.0)
    return bytes_a_weight * trained_share * held


@formula
def whole_unit_bytes(
    layer_weights: Values,
    expert_layer_weights: Values,
    edge_weights: Values,
    replicas: Values,
    tp: Values,
    at_once: Values,
    bytes_a_weight: Values,
    sharded: Values,
) -> Values:
    """What a sharded state holds whole while a layer is at work: `at_once` layers and the edges, beyond its own shard.

    Source: Zhao et al., PyTorch FSDP (arXiv 2304.11277), sections 3.2 and 3.4: one unit at work, one prefetched.
    """
    whole = (at_once * (layer_weights + expert_layer_weights) + edge_weights) / tp
    return np.where(np.asarray(sharded) > 0.0, bytes_a_weight * whole * (1.0 - 1.0 / replicas), 0.0)


@formula
def gathered_bytes(weights_bytes: Values, gradients_bytes: Values) -> Values:
    """Weights and gradients that are whole for the moment.

    Source: Zhao et al., PyTorch FSDP (arXiv 2304.11277), section 3.2.
    """
    return weights_bytes + gradients_bytes


@formula
def units_at_once(layers: Values, pp: Values, units: Values) -> Values:
    """How many layers are whole at once: `units`, where a stage has as many.

    Source: Zhao et al., PyTorch FSDP (arXiv 2304.11277), section 3.3.2: rate-limited prefetching.
    """
    return np.minimum(units, np.ceil(layers / pp))


@formula
def from_stage(zero_stage: Values, least: Values) -> Values:
    """Whether a state is sharded: 1 from ZeRO stage `least` on, else 0.

    Source: Rajbhandari et al., ZeRO (arXiv 1910.02054), figure 1.
    """
    return np.where(np.asarray(zero_stage) >= least, 1.0, 0.0)


@formula
def trained_share(frozen: Values, adapter_share: Values) -> Values:
    """Share of the weights that has gradients and optimizer states.

    Source: Hu et al., LoRA (arXiv 2106.09685), section 4.2.
    """
    return np.where(np.asarray(frozen) > 0.0, adapter_share, 1.0)


@formula
def kept_bytes(
    tokens: Values,
    hidden: Values,
    query_width: Values,
    kv_width: Values,
    activation_width: Values,
    tp: Values,
    sequence_cut: Values,
) -> Values:
    """Activations one layer keeps for its backward pass, in 16 bits, with fused attention.

    Outside the tensor-parallel region: the inputs of both norms and of both blocks, and two one-byte dropout
    masks. Inside: queries, keys, values, attention output, and the results of every feed-forward product.

    Source: Korthikanti et al. (arXiv 2205.05198), section 4.1, generalised to shared keys and gated activations.
    """
    return tokens * (10.0 * hidden / sequence_cut + 2.0 * (2.0 * query_width + kv_width + activation_width) / tp)


@formula
def score_kept_bytes(
    tokens: Values, sequence: Values, heads: Values, tp: Values, fused: Values, recompute: Values
) -> Values:
    """Score matrices one layer keeps: five bytes a score, unless attention is fused or computed again.

    Source: Korthikanti et al. (arXiv 2205.05198), section 4.1.
    """
    kept = np.where(np.asarray(recompute) > 0.0, 0.0, 1.0 - fused)
    return 5.0 * tokens * sequence * heads / tp * kept


@formula
def checkpoint_bytes(tokens: Values, hidden: Values, sequence_cut: Values) -> Values:
    """What a fully recomputed layer keeps: its input in 16 bits.

    Source: Chen et al., Training Deep Nets with Sublinear Memory Cost (arXiv 1604.06174).
    """
    return 2.0 * tokens * hidden / sequence_cut


@formula
def layer_activation_bytes(
    kept_bytes: Values, score_kept_bytes: Values, checkpoint_bytes: Values, recompute: Values, recomputed_share: Values
) -> Values:
    """Mean activations one layer holds between its forward and backward pass.

    Source: Korthikanti et al. (arXiv 2205.05198), section 5.
    """
    covered = np.where(np.asarray(recompute) == 2.0, recomputed_share, 0.0)
    return (1.0 - covered) * (kept_bytes + score_kept_bytes) + covered * checkpoint_bytes


@formula
def in_flight(pp: Values, interleave: Values, micro_batches: Values) -> Values:
    """Micro-batches whose activations the first stage holds, counted in whole stages.

    Source: Narayanan et al. (arXiv 2104.04473), section 2.2; Korthikanti et al. (arXiv 2205.05198), section 4.2.3.
    """
    deep = np.where(np.asarray(interleave) > 1.0, pp * (1.0 + (pp - 1.0) / (pp * interleave)), pp)
    return np.minimum(deep, micro_batches)


@formula
def activation_bytes(
    layer_activation_bytes: Values, working_bytes: Values, layers: Values, pp: Values, in_flight: Values
) -> Values:
    """Activations on the first pipeline stage: what its layers hold, and the layer being worked on.

    Source: Korthikanti et al. (arXiv 2205.05198), section 4.2.3.
    """
    return layer_activation_bytes * np.ceil(layers / pp) * in_flight + working_bytes


@formula
def working_bytes(kept_bytes: Values, layer_activation_bytes: Values) -> Values:
    """What the layer being computed again needs beyond what it held.

    Source: Chen et al. (arXiv 1604.06174).
    """
    return np.maximum(kept_bytes - layer_activation_bytes, 0.0)


@formula
def logit_bytes(tokens: Values, vocab: Values, tp: Values, pp: Values) -> Values:
    """Logits in 16 and 32 bits and their gradient, where one stage holds the whole model.

    In a pipeline the last stage holds fewer micro-batches than the first, which leaves room for them.

    Source: Shoeybi et al., Megatron-LM (arXiv 1909.08053), section 3.
    """
    return np.where(np.asarray(pp) > 1.0, 0.0, 8.0 * tokens * vocab / tp)


@formula
def reserve_bytes(counted_bytes: Values, share: Values, fixed_bytes: Values) -> Values:
    """What the allocator, the collectives' buffers and the runtime hold besides.

    Source: fit of the rows of measurements/training.csv that state a peak.
    """
    return counted_bytes * share + fixed_bytes


@formula
def counted_bytes(
    weight_bytes: Values,
    gradient_bytes: Values,
    optimizer_bytes: Values,
    gathered_bytes: Values,
    activation_bytes: Values,
    logit_bytes: Values,
) -> Values:
    """Memory that the model accounts for.

    Source: Rajbhandari et al. (arXiv 1910.02054), section 3; Korthikanti et al. (arXiv 2205.05198), section 4.
    """
    return weight_bytes + gradient_bytes + optimizer_bytes + gathered_bytes + activation_bytes + logit_bytes


@formula
def memory_bytes(counted_bytes: Values, reserve_bytes: Values) -> Values:
    """Memory of the fullest chip.

    Source: Rajbhandari et al. (arXiv 1910.02054), section 3.
    """
    return counted_bytes + reserve_bytes


def memory(job: Job) -> Memory:
    """Memory of the fullest chip of each candidate, by kind."""
    cut, recipe, efficiency = job.layouts, job.recipe, job.efficiency
    who = holders(job)
    plain, own = held_weights(job, who)
    held = (plain, own, who.shards, who.expert_shards)
    trained = trained_share(recipe.frozen, recipe.adapter_share)
    weights = state_bytes(*held, recipe.weight_bytes, from_stage(cut.zero_stage, 3.0), 1.0)
    gradients = state_bytes(*held, recipe.gradient_bytes, from_stage(cut.zero_stage, 2.0), trained)
    optimizer = state_bytes(*held, recipe.optimizer_bytes, from_stage(cut.zero_stage, 1.0), trained)
    activations, tokens = _activations(job)
    logits = logit_bytes(tokens, job.shape.vocab, cut.tp, cut.pp)
    gathered = _gathered(job, who, trained)
    counted = counted_bytes(weights, gradients, optimizer, gathered, activations, logits)
    reserve = reserve_bytes(counted, efficiency["reserve_share"], efficiency["reserve_bytes"])
    total = memory_bytes(counted, reserve)
    return Memory(total, weights, gradients, optimizer, gathered, activations, logits, reserve)


def _gathered(job: Job, who: Holders, trained: Values) -> Values:
    """What sharded weights and gradients hold whole for the moment."""
    cut, recipe, layers = job.layouts, job.recipe, job.shape.layers
    common, own, edge = layer_weights(job, who)
    two, one = units_at_once(layers, cut.pp, 2.0), units_at_once(layers, cut.pp, 1.0)
    from_third, from_second = from_stage(cut.zero_stage, 3.0), from_stage(cut.zero_stage, 2.0)
    width = recipe.gradient_bytes * trained
    return gathered_bytes(
        whole_unit_bytes(common, own, edge, who.shards, cut.tp, two, recipe.weight_bytes, from_third),
        whole_unit_bytes(common, own, 0.0, who.shards, cut.tp, one, width, from_second),
    )


def layer_activations(job: Job) -> Values:
    """What a mean layer keeps of one micro-batch between its forward and backward pass [bytes]."""
    return _layer(job)[1]


def _layer(job: Job) -> tuple[Values, Values, Values]:
    """Activations of a mean layer without recomputation, what it keeps, and the tokens of a micro-batch on one chip."""
    cut, shape, recipe = job.layouts, job.shape, job.recipe
    tokens = on_chip.chip_tokens(cut.micro_batch, job.sequence, cut.cp)
    degree = on_chip.sequence_cut(cut.tp, cut.sequence_parallel)
    dense = on_chip.activation_width(shape.matrices, shape.ffn_hidden)
    routed = on_chip.expert_activation_width(
        shape.matrices, shape.expert_hidden, shape.experts_per_token, shape.shared_weights, shape.hidden
    )
    width = mean_width(dense, routed, shape.experts_per_token, shape.hidden, shape.dense_layers, shape.layers)
    kept = kept_bytes(tokens, shape.hidden, shape.query_width, shape.kv_width, width, cut.tp, degree)
    scores = score_kept_bytes(tokens, job.sequence, shape.heads, cut.tp, recipe.fused_attention, cut.recompute)
    checkpoint = checkpoint_bytes(tokens, shape.hidden, degree)
    return kept, layer_activation_bytes(kept, scores, checkpoint, cut.recompute, cut.recomputed_share), tokens


def _activations(job: Job) -> tuple[Values, Values]:
    """Activations of the first stage, and the tokens of a micro-batch on one chip."""
    cut, shape = job.layouts, job.shape
    kept, held, tokens = _layer(job)
    batches = micro_batches(job.global_batch, cut.dp, cut.micro_batch)
    flying = in_flight(cut.pp, cut.interleave, batches)
    return activation_bytes(held, working_bytes(kept, held), shape.layers, cut.pp, flying), tokens


@formula
def mean_width(
    dense_width: Values,
    routed_width: Values,
    experts_per_token: Values,
    hidden: Values,
    dense_layers: Values,
    layers: Values,
) -> Values:
    """Width of what a mean layer's feed-forward part keeps for each token, dispatched copies included.

    Source: Gale et al., MegaBlocks (arXiv 2211.15841), section 5.
    """
    mixed = routed_width + 2.0 * experts_per_token * hidden
    return (dense_layers * dense_width + (layers - dense_layers) * mixed) / layers
