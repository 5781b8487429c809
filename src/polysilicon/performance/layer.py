"""Formulas of one transformer layer on one chip for one micro-batch: arithmetic, memory traffic, launches."""

import numpy as np

from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula

# Width of the heads with which attention alone was timed.
TIMED_WIDTH = 128.0


@formula
def chip_tokens(micro_batch: Values, sequence: Values, cp: Values) -> Values:
    """Tokens of one micro-batch that one chip of a context-parallel group works on.

    Source: Liu et al., Ring Attention (arXiv 2310.01889).
    """
    return micro_batch * sequence / cp


@formula
def sample_reach(sequence: Values, sample_tokens: Values, fused: Values) -> Values:
    """Tokens of the sequence, or of the sample, that a token attends within: kernels that aren't fused mask the rest.

    Source: Krell et al., Efficient Sequence Packing without Cross-contamination (arXiv 2107.02027), section 3.2.
    """
    packed = np.asarray(fused) > 0.0
    return np.where(packed, np.minimum(sequence, sample_tokens), sequence)


@formula
def sharded_columns(weights: Values, inner: Values, tp: Values) -> Values:
    """Columns of a weight matrix with `inner` rows that one chip of a tensor-parallel group holds.

    Source: Shoeybi et al., Megatron-LM (arXiv 1909.08053), section 3.
    """
    return weights / inner / tp


@formula
def core_flop(tokens: Values, attended_tokens: Values, score_width: Values, value_width: Values, tp: Values) -> Values:
    """Forward operations of attention proper in one layer on one chip; heads are shared out over `tp`.

    Source: Korthikanti et al. (arXiv 2205.05198), appendix A.
    """
    return 2.0 * tokens * attended_tokens * (score_width + value_width) / tp


@formula
def core_s(flop: Values, flop_per_s: Values, heads: Values, query_width: Values, lost_width: Values) -> Values:
    """Time of attention proper: the narrower a head, the more of it goes to the exponentials of its scores.

    A head is as wide as its queries, also where only some layers have attention and `flop` is of a mean layer.
    `lost_width` is the head width whose operations take as long as the exponentials beside them; `flop_per_s` is the
    rate of heads that are `TIMED_WIDTH` wide.

    Source: Shah et al., FlashAttention-3 (arXiv 2407.08608), section 3.1 and figure 5; size from the fit.
    """
    timed = 1.0 + lost_width / TIMED_WIDTH
    return flop / flop_per_s * (1.0 + lost_width * heads / np.maximum(query_width, heads)) / timed


@formula
def scan_s(tokens: Values, values: Values, tp: Values, moves: Values, bytes_per_s: Values) -> Values:
    """Time of a scan that takes tokens through the state of a layer that keeps one; its heads are shared out over `tp`.

    The chunks' kernels write and read what lies between them, so that a value moves several times, in 16 bits.

    Source: Dao and Gu, Transformers are SSMs (arXiv 2405.21060), section 6; Yang et al. (arXiv 2412.06464), section
    3.3; how often a value moves, from the fit.
    """
    return 2.0 * moves * tokens * values / tp / bytes_per_s


@formula
def mixed_s(core_s: Values, scan_s: Values) -> Values:
    """Time of what mixes the tokens of a mean layer of a hybrid: attention proper and scans.

    Source: NVIDIA, Nemotron-H (arXiv 2504.03624), section 2.1: layers of either kind, one after another.
    """
    return core_s + scan_s


@formula
def unaligned_s(core_s: Values, heads: Values, query_width: Values, fused: Values, share: Values) -> Values:
    """Time of attention proper whose heads are no multiple of eight 16-bit elements: its products reach only a `share`.

    Rows that don't start on 16 bytes keep a product off the matrix units' fast path. Fused attention pads heads itself.

    Source: NVIDIA, Matrix Multiplication Background User's Guide, section on tensor core requirements; size from the
    fit of BLOOM's sweep of head counts in measurements/training.csv.
    """
    uneven = (np.remainder(query_width / heads, 8.0) > 0.0) & (np.asarray(fused) <= 0.0)
    return np.where(uneven, core_s / share, core_s)


@formula
def score_bytes(
    tokens: Values, sequence: Values, heads: Values, softmax_share: Values, tp: Values, fused: Values
) -> Values:
    """Traffic of the score matrix where attention is not fused: written, scaled, normalised, dropped, read.

    Eleven bytes a score in 16-bit formats: one write and one read by the two products, a read and a write by
    softmax, a read, a write and a one-byte mask by dropout.

    Source: Ivanov et al., Data Movement Is All You Need (arXiv 2007.00072); Dao et al. (arXiv 2205.14135).
    """
    return (1.0 - fused) * 11.0 * tokens * sequence * heads * softmax_share / tp


@formula
def sequence_cut(tp: Values, sequence_parallel: Values) -> Values:
    """By how much norms and residuals are cut: by the tensor-parallel degree where the sequence is cut too.

    Source: Korthikanti et al. (arXiv 2205.05198), section 4.2.2.
    """
    return np.where(np.asarray(sequence_parallel) > 0.0, tp, 1.0)


@formula
def mixed_width(query_width: Values, kv_width: Values, softmax_share: Values, state_streamed_width: Values) -> Values:
    """Values that memory-bound kernels turn between the products of a mean layer's attention, or of its state.

    Rotary embeddings turn queries and keys; a layer with a state convolves, gates and normalises its own.

    Source: Ivanov et al. (arXiv 2007.00072); Dao and Gu (arXiv 2405.21060), section 8.1.
    """
    return query_width * softmax_share + kv_width + state_streamed_width


@formula
def streamed_bytes(
    tokens: Values,
    hidden: Values,
    blocks: Values,
    mixed_width: Values,
    activation_width: Values,
    tp: Values,
    sequence_cut: Values,
    narrow: Values,
) -> Values:
    """Forward traffic of the memory-bound operators of one layer: norms, residuals, rotary embedding, activation.

    The norm and the residual addition of each block move five times the hidden width in 16 bits. In a narrow format the
    inputs of the products are cast besides: read in two bytes, written twice in one.

    Source: Korthikanti et al. (arXiv 2205.05198), section 4; Ivanov et al. (arXiv 2007.00072); Micikevicius et
    al., FP8 Formats for Deep Learning (arXiv 2209.05433).
    """
    outside = 10.0 * blocks * hidden / sequence_cut
    inside = 2.0 * (2.0 * mixed_width + activation_width) / tp
    cast = narrow * 4.0 * (3.0 * hidden + activation_width / 2.0) / tp
    return tokens * (outside + inside + cast)


@formula
def activation_width(matrices: Values, dense: Values) -> Values:
    """Width of all intermediate results of a feed-forward block: one for each matrix.

    Source: Shazeer, GLU Variants Improve Transformer (arXiv 2002.05202).
    """
    return matrices * dense


@formula
def expert_activation_width(
    matrices: Values, expert_hidden: Values, experts_per_token: Values, shared_weights: Values, hidden: Values
) -> Values:
    """Width of the intermediate results of the experts that one token meets, shared ones included.

    Source: DeepSeek-AI, DeepSeekMoE (arXiv 2401.06066), section 3.
    """
    return matrices * expert_hidden * experts_per_token + shared_weights / hidden


@formula
def always_weights(shared_weights: Values, router_weights: Values) -> Values:
    """Weights of a layer with experts that every token meets: shared experts, router, what narrows for experts.

    Source: DeepSeek-AI, DeepSeekMoE (arXiv 2401.06066), section 3.
    """
    return shared_weights + router_weights


@formula
def routed_rows(tokens: Values, experts_per_token: Values) -> Values:
    """Token copies that one chip's experts work on, when routing is balanced.

    Source: Lepikhin et al., GShard (arXiv 2006.16668), section 2.
    """
    return tokens * experts_per_token


@formula
def local_expert_bytes(
    rows: Values,
    experts: Values,
    ep: Values,
    expert_weights: Values,
    sent_width: Values,
    expert_width: Values,
    tp: Values,
    operand_bytes: Values,
) -> Values:
    """Traffic of one chip's experts: each local expert's weights once, its rows in and its results out.

    Source: Gale et al., MegaBlocks (arXiv 2211.15841), grouped products.
    """
    weights = experts / ep * expert_weights / tp
    return operand_bytes * (weights + rows * (sent_width + expert_width / tp)) + 2.0 * rows * expert_width / tp


@formula
def permuted_bytes(rows: Values, sent_width: Values, tp: Values) -> Values:
    """Forward traffic of sorting token copies to experts and back: each is read and written twice, in 16 bits.

    Source: Gale et al., MegaBlocks (arXiv 2211.15841), section 5.
    """
    return 8.0 * rows * sent_width / tp


@formula
def handled_s(permuted_s: Values, rows: Values, tp: Values, copy_s: Values) -> Values:
    """Time of sorting token copies to experts and back: their bytes, and what handling each takes besides.

    Source: NVIDIA, Megatron-Core, token dispatchers; size from the fit of measurements/training.csv.
    """
    return permuted_s + rows / tp * copy_s


@formula
def forward_s(
    projections_s: Values, core_s: Values, scores_s: Values, feed_forward_s: Values, streams_s: Values
) -> Values:
    """Forward work of one layer: products, attention proper and memory-bound operators, one after another.

    Source: Isaev et al., Calculon (SC'23), block time as a sum over layers.
    """
    return projections_s + core_s + scores_s + feed_forward_s + streams_s


@formula
def block_weights(attention_weights: Values, dense_weights: Values, tp: Values) -> Values:
    """Weights of a layer without experts that one chip holds.

    Source: Shoeybi et al., Megatron-LM (arXiv 1909.08053), section 3.
    """
    return attention_weights / tp + dense_weights / tp


@formula
def expert_block_weights(
    attention_weights: Values,
    shared_weights: Values,
    tp: Values,
    experts: Values,
    ep: Values,
    expert_weights: Values,
    expert_degree: Values,
) -> Values:
    """Weights of a layer with experts that one chip holds, but for its router.

    Source: Lepikhin et al., GShard (arXiv 2006.16668); Liu et al., MoE Parallel Folding (arXiv 2504.14960), section 3.
    """
    return attention_weights / tp + shared_weights / tp + experts / ep * (expert_weights / expert_degree)


@formula
def accumulated_bytes(weights: Values, gradient_bytes: Values, zero_stage: Values, frozen: Values) -> Values:
    """Traffic of adding one micro-batch's gradients of `weights` to what earlier ones left.

    Replicas that hold whole gradients (ZeRO below stage 2) read and write them in their own width; split ones are
    reduced as they come.

    Source: NVIDIA, Megatron-Core, option `gradient_accumulation_fusion`; Rajbhandari et al., ZeRO (arXiv 1910.02054).
    """
    whole = np.where(np.asarray(zero_stage) < 2.0, 2.0 * gradient_bytes - 2.0, 0.0)
    return (1.0 - frozen) * whole * weights


@formula
def accumulated_s(together_s: Values, gradients_s: Values) -> Values:
    """Time of adding gradients to earlier ones, beyond that of the products that make them and run beside it.

    Source: NVIDIA, Megatron-Core, option `gradient_accumulation_fusion`.
    """
    return together_s - gradients_s


@formula
def core_backward(fused: Values) -> Values:
    """Backward over forward work of attention proper: fused kernels compute the scores again.

    Source: Dao, FlashAttention-2 (arXiv 2307.08691), section 4.1.
    """
    return 2.0 + 0.5 * fused


@formula
def backward_s(
    projections_s: Values,
    core_s: Values,
    scores_s: Values,
    feed_forward_s: Values,
    streams_s: Values,
    accumulated_s: Values,
    fused: Values,
    frozen: Values,
    core_back: Values,
) -> Values:
    """Backward work of one layer: two products for each forward one, or one where the weights are frozen.

    Fused attention computes its scores again, so its backward takes five products for two instead of four;
    `core_back` is how much slower than the forward kernel each of them runs. A memory-bound operator reads its input
    and the gradient of its output and writes that of its input: three passes for two. Scores that lie in memory move
    19 bytes for 11: one product reads the dropped probabilities and one writes their gradients, dropout reads those
    and its mask and writes them, softmax reads them and the probabilities and writes them, two products read them.

    Source: Narayanan et al. (arXiv 2104.04473), appendix; Hu et al., LoRA (arXiv 2106.09685), section 4.2;
    Dao, FlashAttention-2 (arXiv 2307.08691), section 4.1; Ivanov et al. (arXiv 2007.00072), counting of moved data.
    """
    products = (2.0 - frozen) * (projections_s + feed_forward_s)
    core = core_backward(fused) * (1.0 + fused * (core_back - 1.0)) * core_s + 19.0 / 11.0 * scores_s
    return products + core + 1.5 * streams_s + accumulated_s


@formula
def recomputed_s(
    forward_s: Values,
    core_s: Values,
    scores_s: Values,
    recompute: Values,
    recomputed_share: Values,
    fused: Values,
    by_operator_s: Values = 0.0,
    spared_s: Values = 0.0,
) -> Values:
    """Work done again in the backward pass: nothing, attention proper, or whole layers but for what is spared.

    Fused attention computes its scores again by itself, so selective recomputation then adds nothing, unless it covers
    other operators too, which take `by_operator_s`.

    Source: Korthikanti et al. (arXiv 2205.05198), section 5.
    """
    selected = core_s * (1.0 - fused) + scores_s + by_operator_s
    attention = np.where(np.asarray(recompute) == 1.0, selected, 0.0)
    return np.where(np.asarray(recompute) == 2.0, (forward_s - spared_s) * recomputed_share, attention)


@formula
def spared_s(feed_forward_s: Values, matrices: Values, lean_recompute: Values) -> Values:
    """Time of the last product of a feed-forward block, whose result no gradient needs when a layer runs again.

    What experts give is needed, as it is weighed by a router that is trained.

    Source: OpenXLA, dead code elimination; PyTorch documentation, torch.utils.checkpoint: checkpoints that are not
    reentrant stop once all that backward needs is there; Chen et al. (arXiv 1604.06174), section 3.
    """
    return lean_recompute * feed_forward_s / matrices


@formula
def by_operator_s(
    projections_s: Values, feed_forward_s: Values, streams_s: Values, by_operator: Values, again_s: Values
) -> Values:
    """Time of the operators beside attention that selective recomputation covers: by operator, or blocks `again_s`.

    By operator every second product is kept; what lies between products is not.

    Source: Liang et al., TorchTitan (arXiv 2410.06511), selective activation checkpointing by operator.
    """
    return by_operator * (0.5 * (projections_s + feed_forward_s) + streams_s) + again_s


@formula
def again_s(feed_forward_s: Values, feed_forward_again: Values) -> Values:
    """Time of a layer's feed-forward block, or of its experts, that selective recomputation runs once more.

    Source: NVIDIA, Megatron-Core, option `recompute_modules` with `moe`; AWS, NeMo on Trainium, option
    `activations_checkpoint_recompute` with `LlamaMLP`.
    """
    return feed_forward_again * feed_forward_s


@formula
def blocks_again(recompute: Values, feed_forward_again: Values) -> Values:
    """How often a layer's feed-forward block, or its experts, run once more: where selective recomputation covers them.

    Source: NVIDIA, Megatron-Core, option `recompute_modules` with `moe`.
    """
    return np.where(np.asarray(recompute) == 1.0, feed_forward_again, 0.0)


@formula
def expert_passes(passes: Values, blocks_again: Values) -> Values:
    """Passes over a layer's experts, with those of selective recomputation.

    Source: NVIDIA, Megatron-Core, option `recompute_modules` with `moe`.
    """
    return passes + blocks_again


@formula
def passes(recompute: Values, recomputed_share: Values) -> Values:
    """Passes over a layer in units of the forward one: backward counts two, computing again one more.

    Source: Korthikanti et al. (arXiv 2205.05198), section 5.
    """
    return 3.0 + np.where(np.asarray(recompute) == 2.0, recomputed_share, 0.0)


@formula
def launched_s(launch_s: Values, passes: Values, graphs: Values, graph_share: Values) -> Values:
    """Host time to launch the kernels of one layer; captured graphs leave a share of it.

    Source: NVIDIA, CUDA C++ Programming Guide, asynchronous execution and CUDA graphs.
    """
    return launch_s * passes * (1.0 - graphs * (1.0 - graph_share))


@formula
def layer_s(
    forward_s: Values, backward_s: Values, recomputed_s: Values, launched_s: Values, blocking: Values
) -> Values:
    """Time of one layer for one micro-batch: the slower of device and host, or their sum where launches block.

    Source: NVIDIA, CUDA C++ Programming Guide, asynchronous execution and CUDA_LAUNCH_BLOCKING.
    """
    work_s = forward_s + backward_s + recomputed_s
    return np.maximum(work_s, launched_s) + blocking * np.minimum(work_s, launched_s)


@formula
def synchronised_s(layer_s: Values, passes: Values, whole_graphs: Values, wait_s: Values) -> Values:
    """Time of a layer with experts whose host waits, once each forward pass, for how many tokens each of them got.

    Where the whole step is one captured graph nothing waits.

    Source: NVIDIA, Megatron-Core, token dispatchers and full-iteration CUDA graphs; size from the fit.
    """
    return layer_s + wait_s * (passes - 2.0) * (1.0 - whole_graphs)


@formula
def experts_here(experts: Values, ep: Values) -> Values:
    """Experts of a layer of which one chip holds a slice or the whole.

    Source: Lepikhin et al., GShard (arXiv 2006.16668).
    """
    return experts / ep


@formula
def one_by_one_s(
    layer_s: Values, experts_here: Values, passes: Values, whole_graphs: Values, each_expert_s: Values
) -> Values:
    """Time of a layer whose experts are cast and multiplied one by one, each with a cost besides its arithmetic.

    Where the whole step is one captured graph nothing is launched, and products of all experts are fused.

    Source: NVIDIA, Transformer Engine, `GroupedLinear`; Gale et al., MegaBlocks (arXiv 2211.15841), section 3.3; size
    from the fit.
    """
    return layer_s + each_expert_s * experts_here * passes * (1.0 - whole_graphs)


@formula
def mixed_layer_s(dense_layer_s: Values, moe_layer_s: Values, dense_layers: Values, layers: Values) -> Values:
    """Mean time of a layer in a model with and without experts.

    Source: DeepSeek-AI, DeepSeek-V3 (arXiv 2412.19437), section 4.2.
    """
    return (dense_layers * dense_layer_s + (layers - dense_layers) * moe_layer_s) / layers


@formula
def experts_s(routed_s: Values, shared_s: Values, permuted_s: Values, pace: Values) -> Values:
    """Forward products of a layer's experts, the shared ones and the router, with sorting the tokens.

    `pace` is that of young software for routed experts, which is below 1.

    Source: Gale et al., MegaBlocks (arXiv 2211.15841).
    """
    return routed_s + permuted_s / pace + shared_s
