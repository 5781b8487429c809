"""Formulas that make a step of layers: stages, micro-batches, bubbles, the head, the optimizer, the whole."""

import numpy as np

from polysilicon.performance.layer import core_backward
from polysilicon.performance.states import spared_layers
from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula

# Bytes that an Adam step reads and writes for one weight: gradient, master copy and two moments in 32 bits read, the
# last three written, the working copy written in 16 bits.
UPDATE_BYTES = 4.0 + 12.0 + 12.0 + 2.0


@formula
def micro_batches(global_batch: Values, dp: Values, micro_batch: Values) -> Values:
    """Micro-batches that one replica works through in a step; one that is not full costs as much as a full one.

    Source: Narayanan et al. (arXiv 2104.04473), section 2.
    """
    return np.ceil(global_batch / (dp * micro_batch))


@formula
def stage_layers(layers: Values, pp: Values) -> Values:
    """Layers of the longest pipeline stage.

    Source: Narayanan et al. (arXiv 2104.04473), section 2.2.
    """
    return np.ceil(layers / pp)


@formula
def head_beyond_s(
    head_s: Values,
    layer_s: Values,
    tensor_s: Values,
    context_s: Values,
    expert_s: Values,
    layers: Values,
    pp: Values,
) -> Values:
    """By how much the output head lengthens the pipeline's slowest stage for one micro-batch.

    Where the layers don't divide evenly, the stages could hold more, and the head takes the place of those layers; what
    a large vocabulary takes beyond them is left.

    Source: Grattafiori et al., The Llama 3 Herd of Models (arXiv 2407.21783), section 3.3.2.
    """
    spared = np.minimum(spared_layers(layers, pp), stage_layers(layers, pp))
    return np.maximum(head_s - spared * (layer_s + tensor_s + context_s + expert_s), 0.0)


@formula
def loss_bytes(tokens: Values, vocab: Values, tp: Values) -> Values:
    """Traffic of softmax, loss and their gradient over the vocabulary: four passes in 32 bits.

    Source: Shoeybi et al., Megatron-LM (arXiv 1909.08053), section 3, parallel cross entropy.
    """
    return 16.0 * tokens * vocab / tp


@formula
def head_s(product_s: Values, loss_s: Values, frozen: Values) -> Values:
    """Output head and loss, forward and backward, for one micro-batch.

    Source: Narayanan et al. (arXiv 2104.04473), appendix.
    """
    return (3.0 - frozen) * product_s + loss_s


@formula
def entered_width(hidden: Values) -> Values:
    """Width of what enters a module that predicts a further token: a state and the embedding of the token before.

    Source: DeepSeek-AI, DeepSeek-V3 (arXiv 2412.19437), section 2.2.
    """
    return 2.0 * hidden


@formula
def heads_s(
    head_s: Values,
    entered_s: Values,
    layer_s: Values,
    tensor_s: Values,
    context_s: Values,
    expert_s: Values,
    predicted_ahead: Values,
    frozen: Values,
) -> Values:
    """The head and the modules that predict further tokens, forward and backward, for one micro-batch.

    Each joins a state and an embedding by a product (`entered_s` forward), runs a mean layer, and has a loss over the
    same head. Their gradients are small beside the model's: reducing them and their optimizer step take no time here.

    Source: DeepSeek-AI, DeepSeek-V3 (arXiv 2412.19437), section 2.2.
    """
    module = (3.0 - frozen) * entered_s + layer_s + tensor_s + context_s + expert_s + head_s
    return head_s + predicted_ahead * module


@formula
def layers_s(one_s: Values, stage_layers: Values, micro_batches: Values) -> Values:
    """What one layer costs, over the layers of a stage and the micro-batches of a step.

    Source: Narayanan et al. (arXiv 2104.04473), section 2.2.
    """
    return one_s * stage_layers * micro_batches


@formula
def batches_s(one_s: Values, share: Values, micro_batches: Values) -> Values:
    """What one micro-batch costs beside its layers, over a step.

    Source: Narayanan et al. (arXiv 2104.04473), section 2.2.
    """
    return one_s * share * micro_batches


@formula
def hideable_s(layer_s: Values, stage_layers: Values) -> Values:
    """Compute of one micro-batch on one chip, behind which transfers can hide.

    Source: Li et al., PyTorch Distributed (arXiv 2006.15704), section 3.2.3.
    """
    return layer_s * stage_layers


@formula
def exposed_data_s(once_s: Values, each_s: Values, micro_batches: Values) -> Values:
    """Exposed data-parallel time of a step: what happens once, and what happens with every micro-batch.

    Source: Zhao et al., PyTorch FSDP (arXiv 2304.11277), section 4.
    """
    return once_s + each_s * micro_batches


@formula
def bubble_s(
    layer_s: Values,
    tensor_s: Values,
    context_s: Values,
    expert_s: Values,
    layers: Values,
    pp: Values,
    interleave: Values,
) -> Values:
    """Time in which a stage waits for the pipeline to fill and drain (1F1B, interleaved).

    Source: Narayanan et al. (arXiv 2104.04473), section 2.2.
    """
    return (pp - 1.0) / interleave * (layers / pp) * (layer_s + tensor_s + context_s + expert_s)


@formula
def pass_products_s(
    projections_s: Values,
    feed_forward_s: Values,
    projections_back_s: Values,
    feed_forward_back_s: Values,
    frozen: Values,
) -> Values:
    """Products of one layer forward and backward, beside which transfers can run.

    Source: Wang et al., Overlap Communication with Dependent Computation via Decomposition (ASPLOS 2023, doi
    10.1145/3567955.3567959), section 4.
    """
    return projections_s + feed_forward_s + (2.0 - frozen) * (projections_back_s + feed_forward_back_s)


@formula
def pass_core_s(core_s: Values, fused: Values) -> Values:
    """Attention proper of one layer forward and backward, beside which a ring of keys and values can run.

    Source: Liu et al., Ring Attention (arXiv 2310.01889), section 3.
    """
    return (1.0 + core_backward(fused)) * core_s


@formula
def weight_gradient_s(projections_s: Values, feed_forward_s: Values, frozen: Values) -> Values:
    """Work of one layer on the gradients of its weights: one product for each forward one, none where frozen.

    Source: Qi et al., Zero Bubble Pipeline Parallelism (arXiv 2401.10241), section 2, the pass W.
    """
    return (1.0 - frozen) * (projections_s + feed_forward_s)


@formula
def scheduled_bubble_s(
    bubble_s: Values, weight_gradient_s: Values, layers: Values, pp: Values, schedule: Values, micro_batches: Values
) -> Values:
    """What is left of the bubble: zero-bubble (1) moves weight gradients into it, 1F1B (0) doesn't.

    The schedule is ZB-H1, whose memory is that of 1F1B: with F, B and W the passes of a stage, its bubble is
    (pp - 1)(F + B - W) instead of (pp - 1)(F + B + W). Fewer micro-batches than stages have fewer gradients to move:
    F and B still pass through all stages one after another, and the last W follows. Frozen weights have no such pass,
    so nothing is gained.

    Source: Qi et al., Zero Bubble Pipeline Parallelism (arXiv 2401.10241), section 2.3, table 2.
    """
    passes = (pp - 1.0) + np.minimum(pp, micro_batches) - 1.0
    moved = passes * (layers / pp) * weight_gradient_s
    return np.where(np.asarray(schedule) == 1.0, np.maximum(bubble_s - moved, 0.0), bubble_s)


@formula
def optimizer_bytes(
    weights: Values,
    expert_weights: Values,
    replicas: Values,
    expert_replicas: Values,
    zero_stage: Values,
    frozen: Values,
    adapter_share: Values,
) -> Values:
    """Traffic of one Adam step on one chip: gradient read, master and two moments read and written, weight written.

    Source: Kingma and Ba, Adam (arXiv 1412.6980), algorithm 1; Rajbhandari et al. (arXiv 1910.02054), section 3.
    """
    sharded = np.asarray(zero_stage) > 0.0
    held = weights / np.where(sharded, replicas, 1.0) + expert_weights / np.where(sharded, expert_replicas, 1.0)
    return UPDATE_BYTES * held * np.where(np.asarray(frozen) > 0.0, adapter_share, 1.0)


@formula
def stage_bytes(layer_bytes: Values, stage_layers: Values) -> Values:
    """What the layers of the longest stage keep of one micro-batch.

    Source: Korthikanti et al. (arXiv 2205.05198), section 4.2.3.
    """
    return layer_bytes * stage_layers


@formula
def updated_here_s(optimizer_s: Values, offloaded: Values) -> Values:
    """Optimizer time that is left on the chip when the host updates a share of the weights.

    Source: Ren et al., ZeRO-Offload (arXiv 2101.06840), section 4.
    """
    return optimizer_s * (1.0 - offloaded)


@formula
def waiting_s(busy_s: Values, fixed_s: Values, chips: Values, node_size: Values, straggle: Values) -> Values:
    """Host time of a step, and what waiting for the slowest chip adds as the job grows beyond a node.

    Source: Jiang et al., MegaScale (arXiv 2402.15627), section 5, stragglers; the size of it from the fit.
    """
    return fixed_s + busy_s * straggle * np.log2(np.maximum(chips / node_size, 1.0))


@formula
def overhead_s(
    layers_s: Values,
    head_s: Values,
    tensor_s: Values,
    context_s: Values,
    expert_s: Values,
    pipeline_s: Values,
    bubble_s: Values,
    data_s: Values,
    optimizer_s: Values,
    offload_s: Values,
    fixed_s: Values,
    chips: Values,
    node_size: Values,
    straggle: Values,
) -> Values:
    """What a step takes beyond its parts, which follow one another.

    Source: Isaev et al., Calculon (SC'23, doi 10.1145/3581784.3607102), the sum; `waiting_s` for what is added to it.
    """
    parts = layers_s + head_s + tensor_s + context_s + expert_s + pipeline_s + bubble_s + data_s + optimizer_s
    return waiting_s(parts + offload_s, fixed_s, chips, node_size, straggle)


@formula
def step_s(
    layers_s: Values,
    head_s: Values,
    tensor_s: Values,
    context_s: Values,
    expert_s: Values,
    pipeline_s: Values,
    bubble_s: Values,
    data_s: Values,
    optimizer_s: Values,
    offload_s: Values,
    overhead_s: Values,
) -> Values:
    """Time of one training step: the sum of its parts.

    Source: Isaev et al., Calculon (SC'23, doi 10.1145/3581784.3607102).
    """
    compute = layers_s + head_s + optimizer_s
    return compute + tensor_s + context_s + expert_s + pipeline_s + bubble_s + data_s + offload_s + overhead_s


@formula
def tokens_per_s_per_chip(step_s: Values, global_batch: Values, sequence: Values, chips: Values) -> Values:
    """Training throughput of one chip.

    Source: Narayanan et al. (arXiv 2104.04473), section 5.
    """
    return global_batch * sequence / step_s / chips


@formula
def model_flop_per_s_per_chip(
    step_s: Values, flop_per_token: Values, global_batch: Values, sequence: Values, chips: Values
) -> Values:
    """Model operations a second and chip: what the model needs, without what is computed again.

    Source: Chowdhery et al., PaLM (arXiv 2204.02311), appendix B.
    """
    return flop_per_token * global_batch * sequence / step_s / chips
