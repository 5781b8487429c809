"""Formulas of what a chip holds of the weights and who holds the same: stages, expert ranks, replicas, ZeRO groups.

Replicas of a slice of the weights are split into groups of `shard` that ZeRO or FSDP spreads its states over. One
group of all replicas is plain ZeRO; smaller ones are HSDP or MiCS: gathers stay inside a group, and what is left of
the gradients is reduced across groups once a step. Experts have a cut of their own: `expert_tp` of the tensor ranks
split one expert, and the others of them hold different experts.
"""

import numpy as np

from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula


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
    experts: Values, expert_weights: Values, expert_cut: Values, dense_layers: Values, layers: Values
) -> Values:
    """Weights of a mean layer that expert-parallel ranks split: those of one rank, before tensor parallelism.

    Source: Lepikhin et al., GShard (arXiv 2006.16668).
    """
    return experts / expert_cut * expert_weights * (layers - dense_layers) / layers


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
def expert_replicas(replicas: Values, expert_cut: Values) -> Values:
    """Chips that hold the same experts: expert data parallelism.

    Source: Lepikhin et al., GShard (arXiv 2006.16668); Liu et al., MoE Parallel Folding (arXiv 2504.14960).
    """
    return np.maximum(replicas / expert_cut, 1.0)


@formula
def expert_shard(shard: Values, expert_cut: Values) -> Values:
    """Size of the group over which the states of the experts are split: what the experts' own cut leaves of it.

    Source: Liang et al., TorchTitan (arXiv 2410.06511), section 2; Zhang et al., MiCS (arXiv 2205.00119).
    """
    return np.where(np.asarray(shard) > 0.0, np.maximum(shard / expert_cut, 1.0), 0.0)


@formula
def shards(replicas: Values, shard: Values, zero_stage: Values) -> Values:
    """Replicas over which states are split: all of them, or a smaller group (HSDP, MiCS).

    Without sharding (stage 0) the group says nothing.

    Source: Zhang et al., MiCS (arXiv 2205.00119), section 3; Zhao et al., FSDP (arXiv 2304.11277), section 3.2.2.
    """
    grouped = (np.asarray(shard) > 0.0) & (np.asarray(zero_stage) > 0.0)
    return np.where(grouped, np.minimum(shard, replicas), replicas)


@formula
def shard_groups(replicas: Values, shards: Values) -> Values:
    """Groups that each hold all states: gradients are reduced across them.

    Source: Zhang et al., MiCS (arXiv 2205.00119), section 3, two-hop gradient synchronisation.
    """
    return replicas / shards


@formula
def wire_bytes(weights: Values, bytes_a_weight: Values) -> Values:
    """Size of a chip's gradients or weights on the wire.

    Source: Rajbhandari et al., ZeRO (arXiv 1910.02054), section 7.
    """
    return weights * bytes_a_weight


@formula
def gathered_weight_bytes(gather_bytes: Values, weight_bytes: Values) -> Values:
    """Bytes of a weight on the wire when it is gathered: those of its working copy, unless the recipe says otherwise.

    Source: Peng et al., FP8-LM (arXiv 2310.18313), section 2.3; Wang et al., ZeRO++ (arXiv 2306.10209), section 3.
    """
    return np.where(np.asarray(gather_bytes) < 0.0, weight_bytes, gather_bytes)


@formula
def answered_weights(
    weights: Values,
    expert_weights: Values,
    shards: Values,
    expert_shards: Values,
    zero_stage: Values,
    least: Values,
) -> Values:
    """Weights of which one chip keeps a state that ZeRO splits from stage `least` on.

    Source: Rajbhandari et al., ZeRO (arXiv 1910.02054), figure 1.
    """
    split = np.asarray(zero_stage) >= least
    return weights / np.where(split, shards, 1.0) + expert_weights / np.where(split, expert_shards, 1.0)


@formula
def trained_weights(weights: Values, frozen: Values, adapter_share: Values) -> Values:
    """How many of so many weights are trained, or adapters of what is not.

    Source: Hu et al., LoRA (arXiv 2106.09685), section 4.2.
    """
    return weights * np.where(np.asarray(frozen) > 0.0, adapter_share, 1.0)


@formula
def stride(inner: Values, outer: Values) -> Values:
    """Chips from one member of a group to the next, where groups of `inner` and of `outer` lie between them.

    Source: Narayanan et al., Megatron-LM (SC21, arXiv 2104.04473), section 3: how groups are laid on nodes.
    """
    return inner * outer


@formula
def slice_weights(weights: Values, shards: Values) -> Values:
    """Weights whose states one chip of a ZeRO group keeps.

    Source: Rajbhandari et al., ZeRO (arXiv 1910.02054), section 5.
    """
    return weights / shards


@formula
def across_s(gradients_s: Values, expert_gradients_s: Values) -> Values:
    """Time of reducing gradients across the groups that states are split over.

    Source: Zhang et al., MiCS (arXiv 2205.00119), section 3.
    """
    return gradients_s + expert_gradients_s


@formula
def moving_stage(zero_stage: Values, pp: Values) -> Values:
    """The ZeRO stage whose transfers a candidate makes.

    The micro-batches of a pipeline share whole weights, and add up whole gradients: both are moved once a step, as
    at stage 1, however the states are split between steps.

    Source: Grattafiori et al., The Llama 3 Herd of Models (arXiv 2407.21783), section 3.3.2; PyTorch,
    torch.distributed.pipelining, `stage.py`: gradients are synchronised behind the last micro-batch.
    """
    return np.where(np.asarray(pp) > 1.0, np.minimum(zero_stage, 1.0), zero_stage)


@formula
def gathered_for_step(zero_stage: Values, pp: Values) -> Values:
    """Whether split weights are gathered once and stay whole for a step, frozen ones too.

    Source: Grattafiori et al., The Llama 3 Herd of Models (arXiv 2407.21783), section 3.3.2.
    """
    return np.where((np.asarray(zero_stage) == 3.0) & (np.asarray(pp) > 1.0), 1.0, 0.0)


@formula
def once_s(
    gradients_s: Values,
    expert_gradients_s: Values,
    weights_s: Values,
    expert_weights_s: Values,
    across_s: Values,
    zero_stage: Values,
    frozen: Values,
    gathered_for_step: Values,
) -> Values:
    """Data-parallel transfer once a step.

    Stage 0 reduces whole gradients, stage 1 scatters gradients and gathers weights, stage 2 gathers weights; of frozen
    weights only those that are split between steps are gathered. Where states are split over groups of replicas, the
    slices are reduced across groups besides.

    Source: Rajbhandari et al., ZeRO (arXiv 1910.02054), section 7; Zhang et al., MiCS (arXiv 2205.00119), section 3.
    """
    stage, scattered, gathered = np.asarray(zero_stage), gradients_s + expert_gradients_s, weights_s + expert_weights_s
    once = np.where(stage < 2.0, scattered, 0.0) + np.where(stage < 1.0, scattered, gathered)
    trained_s = np.where(stage == 3.0, 0.0, once) + across_s
    return (1.0 - frozen) * trained_s + frozen * gathered_for_step * gathered


@formula
def layer_tensors(blocks: Values, matrices: Values) -> Values:
    """Tensors of a layer outside experts: joined queries, keys and values, the output, the feed-forward part, norms.

    Embeddings, the head and routers are a few more, which don't count.

    Source: Shoeybi et al., Megatron-LM (arXiv 1909.08053), section 3; Touvron et al., LLaMA (arXiv 2302.13971).
    """
    return 2.0 + matrices + blocks


@formula
def local_tensors(matrices: Values, experts: Values, expert_cut: Values) -> Values:
    """Tensors of a rank's experts in a layer.

    Source: Lepikhin et al., GShard (arXiv 2006.16668).
    """
    return matrices * experts / expert_cut


@formula
def owned_tensors(tensors: Values, layers: Values, pp: Values, shards: Values) -> Values:
    """Messages in which the weights of a stage leave their owners: one a rank, of as many tensors as there are.

    Source: InternEvo, `internlm/solver/optimizer/hybrid_zero_optim.py`, `broadcast_params`; PyTorch,
    `torch/distributed/optim/zero_redundancy_optimizer.py`.
    """
    return np.minimum(tensors * np.ceil(layers / pp), shards)


@formula
def largest_tensor(vocab: Values, hidden: Values, dense_weights: Values, matrices: Values, tp: Values) -> Values:
    """Weights of the largest tensor of a rank: an embedding, or a matrix of a feed-forward block.

    Source: Shoeybi et al., Megatron-LM (arXiv 1909.08053), section 3.
    """
    return np.maximum(vocab * hidden, dense_weights / matrices) / tp


@formula
def owned_spread(shards: Values, weights: Values, largest_tensor: Values, owned: Values) -> Values:
    """Over how many ranks the states of `weights` are split, as the fullest has it: who owns the largest tensor.

    Source: InternEvo, `internlm/solver/optimizer/hybrid_zero_optim.py`, `_partition_param_list`.
    """
    most = np.maximum(weights / largest_tensor, 1.0)
    return np.where(np.asarray(owned) > 0.0, np.minimum(shards, most), shards)


@formula
def owned_once_s(gradients_s: Values, expert_gradients_s: Values, across_s: Values, frozen: Values) -> Values:
    """Gradients of whole tensors once a step: every rank gets the sum of all, not of what it owns alone.

    Source: InternEvo, `internlm/solver/optimizer/utils.py`, `reduce_tensor` without a destination; PyTorch,
    ZeroRedundancyOptimizer beside DistributedDataParallel.
    """
    return (1.0 - frozen) * (2.0 * (gradients_s + expert_gradients_s) + across_s)


@formula
def sent_on_s(exposed_s: Values, weights_s: Values, expert_weights_s: Values, frozen: Values, owned: Values) -> Values:
    """Exposed transfers once a step, and behind the update those of weights that owners of whole tensors send on.

    Source: InternEvo, `internlm/solver/optimizer/hybrid_zero_optim.py`, `broadcast_params`.
    """
    return exposed_s + owned * (1.0 - frozen) * (weights_s + expert_weights_s)


@formula
def owned(whole_tensors: Values, zero_stage: Values) -> Values:
    """Whether whole tensors have owners: as asked, where ZeRO splits the optimizer's states alone.

    Source: Rajbhandari et al., ZeRO (arXiv 1910.02054), section 5: stage 1.
    """
    return np.where((np.asarray(whole_tensors) > 0.0) & (np.asarray(zero_stage) == 1.0), 1.0, 0.0)


@formula
def chosen_once_s(once_s: Values, owned_once_s: Values, owned: Values) -> Values:
    """Data-parallel transfer once a step beside which compute can run, by whether whole tensors have owners.

    Source: Rajbhandari et al., ZeRO (arXiv 1910.02054), section 7.
    """
    return np.where(np.asarray(owned) > 0.0, owned_once_s, once_s)


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
