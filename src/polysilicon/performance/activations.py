"""Formulas of what a layer keeps between its forward and its backward pass, and of what is alive in between.

Bytes of one chip and one micro-batch. Norm inputs and their results lie outside the tensor-parallel region and are cut
by it only with sequence parallelism; everything between the products lies inside.
"""

import numpy as np

from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula


@formula
def attention_width(
    query_width: Values,
    score_width: Values,
    value_width: Values,
    heads: Values,
    kv_heads: Values,
    softmax_share: Values,
    state_kept_width: Values,
) -> Values:
    """Elements a token that fused attention keeps: queries, keys, values and its result, over all heads.

    Latent attention expands its keys and values to every head before it attends, so it keeps them expanded. Of a mean
    layer a `softmax_share` is attention; `state_kept_width` is what layers with a state keep in its place.

    Source: Dao et al., FlashAttention (arXiv 2205.14135), section 3.1; DeepSeek-AI (arXiv 2405.04434), section 2.1;
    Dao and Gu, mamba_ssm, tensors that the fused path of Mamba-2 saves.
    """
    keys_and_values = kv_heads / heads * (score_width + value_width)
    return query_width * softmax_share + keys_and_values + value_width + state_kept_width


@formula
def mean_width(dense_width: Values, routed_width: Values, dense_layers: Values, layers: Values) -> Values:
    """Width of the intermediate results of a mean layer's feed-forward part for each token.

    Source: DeepSeek-AI, DeepSeek-V3 (arXiv 2412.19437), section 4.2.
    """
    return (dense_layers * dense_width + (layers - dense_layers) * routed_width) / layers


@formula
def dispatched_width(
    experts_met: Values,
    sent_width: Values,
    tp: Values,
    expert_degree: Values,
    dense_layers: Values,
    layers: Values,
) -> Values:
    """Elements a token that a mean layer's experts keep as their inputs; `experts_met` in rows of the busiest rank.

    Tensor ranks that share an expert each hold all rows of the group; ranks with experts of their own hold theirs.

    Source: Gale et al., MegaBlocks (arXiv 2211.15841), section 5; Liu et al. (arXiv 2504.14960), section 3.
    """
    return experts_met * sent_width * (expert_degree / tp) * (layers - dense_layers) / layers


@formula
def kept_narrow(narrow: Values, kept_operands: Values) -> Values:
    """Whether the inputs of products are kept in a narrow format: where they are narrow and the software keeps them so.

    Source: NVIDIA, Transformer Engine, saved tensors of its linear layers.
    """
    return narrow * kept_operands


@formula
def needed_inputs(frozen: Values, attention_adapters: Values) -> Values:
    """Whether feed-forward products need their inputs again: for gradients of their weights or of adapters.

    Source: Hu et al., LoRA (arXiv 2106.09685), section 4.2: adapters beside attention's products alone.
    """
    return 1.0 - frozen * attention_adapters


@formula
def feed_forward_kept_bytes(
    activation_width: Values, matrices: Values, narrow: Values, narrow_activations: Values, needed: Values
) -> Values:
    """Bytes a token that a feed-forward part keeps: the inputs of its activation, and of its last product if needed.

    Source: Korthikanti et al. (arXiv 2205.05198), section 4.1; NVIDIA, Megatron Core, activation_func_fp8_input_store.
    """
    last = activation_width / matrices
    return (2.0 - narrow_activations) * (activation_width - last) + (2.0 - narrow) * last * needed


@formula
def kept_bytes(
    tokens: Values,
    hidden: Values,
    blocks: Values,
    latent_width: Values,
    attention_width: Values,
    value_width: Values,
    heads: Values,
    feed_forward_bytes: Values,
    dispatched_width: Values,
    tp: Values,
    sequence_cut: Values,
    dropout: Values,
    narrow: Values,
    needed: Values,
) -> Values:
    """Activations one layer keeps for its backward pass, with fused attention and norms.

    In 16 bits: the inputs and results of the blocks' norms and of those of latent attention, a one-byte mask a block
    where there is dropout; queries, keys, values and the result of attention with four bytes a head of its softmax;
    what the feed-forward part keeps. In a narrow format the inputs of the products are kept in one byte, and the
    result of attention twice. What a feed-forward part takes in is kept where it is `needed`.

    Source: Korthikanti et al. (arXiv 2205.05198), section 4.1, generalised to shared keys, gated activations and
    experts; Micikevicius et al. (arXiv 2209.05433); NVIDIA, Transformer Engine, saved tensors of its linear layers.
    """
    taken = (2.0 - narrow) * (1.0 - needed) * hidden
    outside = (blocks * (4.0 + dropout - narrow) * hidden - taken + (4.0 - narrow) * latent_width) / sequence_cut
    attention = 2.0 * attention_width + 4.0 * heads + narrow * value_width
    inside = (attention + feed_forward_bytes) / tp
    return tokens * (outside + inside + (2.0 - narrow) * needed * dispatched_width)


@formula
def operator_kept_bytes(
    tokens: Values,
    hidden: Values,
    query_width: Values,
    kv_width: Values,
    value_width: Values,
    softmax_share: Values,
    state_kept_width: Values,
    heads: Values,
    activation_width: Values,
    matrices: Values,
    dispatched_width: Values,
    tp: Values,
    sequence_cut: Values,
) -> Values:
    """Activations one layer keeps where every second product is computed again, operator by operator.

    The layer's input and result, queries, values, attention's result with its softmax, one feed-forward product; half
    of what a layer with a state keeps otherwise.

    Source: Liang et al., TorchTitan (arXiv 2410.06511), section 2.1.4, per-operator selective checkpointing.
    """
    mixed = query_width * softmax_share + 0.5 * kv_width + value_width + 0.5 * state_kept_width
    inside = 2.0 * (mixed + activation_width / matrices) + 4.0 * heads
    return tokens * (4.0 * hidden / sequence_cut + inside / tp + 2.0 * dispatched_width)


@formula
def selected_bytes(fewer_kept_bytes: Values, kept_bytes: Values, covered: Values) -> Values:
    """Activations one layer keeps under selective recomputation: by operator, or all but attention's scores.

    So it is where feed-forward blocks are computed again, of which nothing is kept.

    Source: Liang et al., TorchTitan (arXiv 2410.06511), section 2.1.4; Korthikanti et al. (arXiv 2205.05198),
    section 5.
    """
    return np.where(np.asarray(covered) > 0.0, fewer_kept_bytes, kept_bytes)


@formula
def score_kept_bytes(
    tokens: Values, sequence: Values, heads: Values, softmax_share: Values, tp: Values, fused: Values
) -> Values:
    """Score matrices of one layer: five bytes a score, unless attention is fused.

    Source: Korthikanti et al. (arXiv 2205.05198), section 4.1.
    """
    return 5.0 * tokens * sequence * heads * softmax_share / tp * (1.0 - fused)


@formula
def checkpoint_bytes(tokens: Values, hidden: Values, sequence_cut: Values) -> Values:
    """What a fully recomputed layer keeps: its input in 16 bits.

    Source: Chen et al., Training Deep Nets with Sublinear Memory Cost (arXiv 1604.06174).
    """
    return 2.0 * tokens * hidden / sequence_cut


@formula
def layer_activation_bytes(
    kept_bytes: Values,
    selected_bytes: Values,
    score_kept_bytes: Values,
    checkpoint_bytes: Values,
    recompute: Values,
    recomputed_share: Values,
) -> Values:
    """Mean activations one layer holds between its forward and backward pass.

    Source: Korthikanti et al. (arXiv 2205.05198), section 5.
    """
    chosen = np.asarray(recompute)
    whole = np.where(chosen == 1.0, selected_bytes, kept_bytes + score_kept_bytes)
    covered = np.where(chosen == 2.0, recomputed_share, 0.0)
    return (1.0 - covered) * whole + covered * checkpoint_bytes


@formula
def passing_bytes(
    tokens: Values,
    hidden: Values,
    activation_width: Values,
    dispatched_width: Values,
    tp: Values,
) -> Values:
    """Gradients alive while one layer's backward pass runs: of the residual and of the feed-forward results.

    Sequence parallelism gathers the rows of a product, so the residual's two are of the whole sequence.

    Source: Korthikanti et al. (arXiv 2205.05198), sections 4.1 and 4.2.2, applied to the backward pass.
    """
    return 2.0 * tokens * (2.0 * hidden + activation_width / tp + dispatched_width)


@formula
def working_bytes(
    kept_bytes: Values, score_kept_bytes: Values, layer_activation_bytes: Values, passing_bytes: Values
) -> Values:
    """What the layer at work in the backward pass needs beyond what it held: what it computes again, and gradients.

    Source: Chen et al. (arXiv 1604.06174).
    """
    return np.maximum(kept_bytes + score_kept_bytes - layer_activation_bytes, 0.0) + passing_bytes


@formula
def head_kept_bytes(
    tokens: Values,
    hidden: Values,
    vocab: Values,
    tp: Values,
    sequence_cut: Values,
    logit_bytes: Values,
    predicted_ahead: Values,
) -> Values:
    """What the head holds when the backward pass starts: the last norm, and the logits so many bytes each.

    As much again for each further token that is predicted, as all losses are taken before the backward pass.

    Source: Shoeybi et al., Megatron-LM (arXiv 1909.08053), section 3, parallel cross entropy; DeepSeek-AI, DeepSeek-V3
    (arXiv 2412.19437), section 2.2.
    """
    return tokens * (logit_bytes * vocab / tp + 4.0 * hidden / sequence_cut) * (1.0 + predicted_ahead)


@formula
def stage_activation_bytes(layer_activation_bytes: Values, stage_layers: Values, in_flight: Values) -> Values:
    """Activations that a stage holds for the micro-batches in flight.

    Source: Korthikanti et al. (arXiv 2205.05198), section 4.2.3.
    """
    return layer_activation_bytes * stage_layers * in_flight


@formula
def with_boundaries_bytes(
    held_bytes: Values,
    boundary_bytes: Values,
    pp: Values,
    interleave: Values,
    in_flight: Values,
    micro_batches: Values,
    has_head: Values,
    kept_boundaries: Values,
) -> Values:
    """Activations of a stage and, where its software keeps them, what it sent until the gradient of that comes.

    Room for the gradient is set aside for every micro-batch of a step. Each virtual stage sends but the very last.

    Source: PyTorch, torch.distributed.pipelining, `stage.py`: `fwd_cache` and `grad_recv_info`.
    """
    sending = np.where(np.asarray(pp) > 1.0, interleave - has_head, 0.0)
    return held_bytes + kept_boundaries * boundary_bytes * sending * (in_flight + micro_batches)


@formula
def first_in_flight(pp: Values, interleave: Values, micro_batches: Values) -> Values:
    """Micro-batches whose activations the first stage holds, counted in whole stages.

    Source: Narayanan et al. (arXiv 2104.04473), section 2.2; Korthikanti et al. (arXiv 2205.05198), section 4.2.3.
    """
    deep = np.where(np.asarray(interleave) > 1.0, pp + (pp - 1.0) / interleave, pp)
    return np.minimum(deep, micro_batches)


@formula
def last_in_flight(pp: Values, interleave: Values, micro_batches: Values) -> Values:
    """Micro-batches whose activations the last stage holds, counted in whole stages.

    Source: Narayanan et al. (arXiv 2104.04473), section 2.2, interleaved schedule.
    """
    return np.minimum(np.where(np.asarray(interleave) > 1.0, pp - (pp - 1.0) / interleave, 1.0), micro_batches)


@formula
def second_in_flight(first_in_flight: Values, pp: Values, interleave: Values) -> Values:
    """Micro-batches whose activations the second stage holds, counted in whole stages; none without one between.

    Source: Narayanan et al. (arXiv 2104.04473), section 2.2.
    """
    fewer = np.where(np.asarray(interleave) > 1.0, 2.0 / interleave, 1.0)
    return np.where(np.asarray(pp) > 2.0, np.maximum(first_in_flight - fewer, 1.0), 0.0)
