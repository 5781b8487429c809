"""Formulas of what chips of one replica send each other in a step, and what of it compute does not hide.

The share of a transfer that compute hides is fitted, and then holds whatever there is to hide behind; or a recipe
asks for it, and then no more is hidden than there is compute beside it.
"""

import numpy as np

from polysilicon.performance.operators import SHORTEST_S
from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula


@formula
def tensor_bytes(tokens: Values, hidden: Values) -> Values:
    """What one tensor-parallel collective gathers: the block's activations in 16 bits.

    Source: Shoeybi et al., Megatron-LM (arXiv 1909.08053), section 3.
    """
    return 2.0 * tokens * hidden


@formula
def tensor_s(
    all_reduce_s: Values, blocks: Values, passes: Values, regathered: Values, again: Values, overlap: Values
) -> Values:
    """Exposed tensor-parallel time of one layer: an all-reduce (or gather and scatter) at the end of each block.

    Of two blocks two in the forward pass, two in the backward, two more where the layer is computed again. Where
    activations are kept cut along the sequence, both blocks' inputs are gathered once more for the gradients of the
    weights: two gathers, as long as one all-reduce. Blocks that selective recomputation runs `again` end once more.

    Source: Korthikanti et al. (arXiv 2205.05198), section 4.2, and 4.2.2 for the extra gathers.
    """
    return all_reduce_s * ((2.0 * passes - 2.0 + regathered) * (blocks / 2.0) + again) * (1.0 - overlap)


@formula
def ends_again(
    again: Values, recompute: Values, recomputed_share: Values, lean_recompute: Values, sequence_parallel: Values
) -> Values:
    """Block ends beside those of whole passes: what runs again, less the last of a layer that a lean one stops before.

    Where the sequence is cut a block ends with a scatter, which is half an all-reduce.

    Source: Korthikanti et al. (arXiv 2205.05198), section 4.2.2; PyTorch documentation, torch.utils.checkpoint.
    """
    spared = np.where(np.asarray(recompute) == 2.0, lean_recompute * recomputed_share, 0.0)
    return again - spared * (1.0 - 0.5 * np.asarray(sequence_parallel))


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
def dispatched_bytes(rows: Values, hidden: Values, tp: Values, element_bytes: Values) -> Values:
    """Token copies that one chip sends to experts; tensor ranks share the tokens.

    Source: Lepikhin et al., GShard (arXiv 2006.16668); DeepSeek-AI (arXiv 2412.19437), section 3.3.3, low-precision
    dispatch.
    """
    return element_bytes * rows * hidden / tp


@formula
def paced_s(all_to_all_s: Values, pace: Values) -> Values:
    """Time of an exchange between experts, at the pace of young software, which is below 1.

    Source: rows with experts of measurements/training.csv; size of the effect from the fit.
    """
    return all_to_all_s / pace


@formula
def once_bytes_per_s(bytes_per_s: Values, copies: Values, domains_met: Values, sent_once: Values) -> Values:
    """Bandwidth between domains as token copies see it, where they cross one by one or once a token and domain.

    Source: DeepSeek-AI, DeepEP (2025), normal kernels with forwarding between domains.
    """
    return bytes_per_s * np.where(np.asarray(sent_once) > 0.0, copies / domains_met, 1.0)


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
def boundary_bytes(tokens: Values, hidden: Values, tp: Values) -> Values:
    """Activations that one chip hands from a pipeline stage to the next for one micro-batch, in 16 bits.

    Each chip of a tensor-parallel group sends its own slice, whether or not the group holds them whole.

    Source: Narayanan et al. (arXiv 2104.04473), section 4.1, scatter/gather optimization.
    """
    return 2.0 * tokens * hidden / tp


@formula
def received_s(send_s: Values, gather_s: Values, sequence_cut: Values, tp: Values) -> Values:
    """Time of a hand-over: where activations are not cut along the sequence the group gathers the slices again.

    Source: Narayanan et al. (arXiv 2104.04473), section 4.1.
    """
    return send_s + np.where(np.asarray(sequence_cut) < tp, gather_s, 0.0)


@formula
def pipeline_s(send_s: Values, pp: Values, interleave: Values, overlap: Values) -> Values:
    """Exposed pipeline transfer of one micro-batch on one chip: forward and backward, once a virtual stage.

    Source: Narayanan et al. (arXiv 2104.04473), section 2.2.
    """
    return np.where(np.asarray(pp) > 1.0, 2.0 * interleave * send_s * (1.0 - overlap), 0.0)


@formula
def sent_beside(plain: Values, interleaved: Values, interleave: Values) -> Values:
    """Share of what stages hand over that compute hides: interleaved stages have another one's work beside it.

    Source: NVIDIA, Megatron-LM, `megatron/training/arguments.py`: overlap_p2p_comm is on with virtual stages alone.
    """
    return np.where(np.asarray(interleave) > 1.0, interleaved, plain)


@formula
def link_of(ranks: Values, inside: Values, within: Values, beyond: Values) -> Values:
    """Figure of the link between neighbours: that of the scale-up domain where the whole group lies inside it.

    Source: Narayanan et al. (arXiv 2104.04473), section 3: placement of parallel groups.
    """
    return np.where(np.asarray(inside) >= ranks, within, beyond)


@formula
def hidden_share(asked: Values, fitted: Values, transfer_s: Values, hideable_s: Values) -> Values:
    """Share of a transfer that compute hides: what the recipe asks for and compute covers, else the fitted share.

    What measured runs hid can be hidden, whatever lies beside it here.

    Source: Isaev et al., Calculon (SC'23, doi 10.1145/3581784.3607102), overlap of each kind of communication.
    """
    covered = np.minimum(asked, np.maximum(hideable_s / np.maximum(transfer_s, SHORTEST_S), fitted))
    return np.where(np.asarray(asked) < 0.0, fitted, covered)


@formula
def left_s(hideable_s: Values, transfer_s: Values, exposed_s: Values) -> Values:
    """What one transfer, part of which is exposed, leaves of the compute that another on the same link can hide behind.

    Source: Isaev et al., Calculon (SC'23, doi 10.1145/3581784.3607102), data-parallel overlap.
    """
    return hideable_s - (transfer_s - exposed_s)


@formula
def asked_share(asked: Values, fitted: Values) -> Values:
    """Share of a transfer that may be hidden: what the recipe asks for, else the fitted share.

    Source: Li et al., PyTorch Distributed (arXiv 2006.15704), section 3.2.3.
    """
    return np.where(np.asarray(asked) < 0.0, fitted, asked)


@formula
def beside_experts_s(shared_s: Values, layer_s: Values, dual_batch: Values) -> Values:
    """Work of a layer that dispatch and combine can hide behind: shared experts, or another micro-batch's layer.

    Source: DeepSeek-AI, DeepSeek-V3 (arXiv 2412.19437), section 3.2.1, DualPipe; Rajbhandari et al., DeepSpeed-MoE
    (arXiv 2201.05596), section 5, shared experts.
    """
    return np.where(np.asarray(dual_batch) > 0.0, layer_s, shared_s)


@formula
def block_end_s(
    all_reduce_s: Values,
    expert_all_reduce_s: Values,
    tp: Values,
    expert_degree: Values,
    shared_weights: Values,
    dense_layers: Values,
    layers: Values,
    blocks: Values,
) -> Values:
    """One tensor-parallel collective of a mean layer where the experts have a tensor degree of their own.

    A layer has an end for each of its `blocks`. At that of a block of experts, shared experts still end with the
    block's collective; routed ones gather and scatter their rows over their own tensor ranks.

    Source: Liu et al., MoE Parallel Folding (arXiv 2504.14960), section 3.
    """
    experts = (layers - dense_layers) / layers / blocks
    shared = np.where(np.asarray(shared_weights) > 0.0, 1.0, 0.0)
    own = (1.0 - experts * (1.0 - shared)) * all_reduce_s + experts * expert_all_reduce_s
    return np.where(np.asarray(expert_degree) == tp, all_reduce_s, own)


@formula
def exchanged_bytes(
    tokens: Values,
    query_width: Values,
    softmax_share: Values,
    value_width: Values,
    kv_width: Values,
    kv_heads: Values,
    tp: Values,
    cp: Values,
) -> Values:
    """What all-to-all context parallelism exchanges for one forward pass of a layer, in 16 bits.

    Queries, keys and values go from slices of the sequence to slices of the heads, and the results go back. Where
    there are fewer key and value heads than ranks, each is sent to several.

    Source: Jacobs et al., DeepSpeed Ulysses (arXiv 2309.14509), section 3.
    """
    copies = np.maximum(tp * cp / kv_heads, 1.0)
    return 2.0 * tokens * (query_width * softmax_share + value_width + copies * kv_width) / tp


@formula
def exchanged_s(all_to_all_s: Values, cp: Values, passes: Values, overlap: Values) -> Values:
    """Exposed time of all-to-all context parallelism of one layer: forward, backward, and where computed again.

    Source: Jacobs et al., DeepSpeed Ulysses (arXiv 2309.14509), section 3.
    """
    return np.where(np.asarray(cp) > 1.0, all_to_all_s * (passes - 1.0) * (1.0 - overlap), 0.0)


@formula
def chosen_context_s(ring_s: Values, exchanged_s: Values, context: Values) -> Values:
    """Exposed context-parallel time of the way a candidate takes: a ring (0) or all-to-alls (1).

    Source: Liu et al., Ring Attention (arXiv 2310.01889); Jacobs et al., DeepSpeed Ulysses (arXiv 2309.14509).
    """
    return np.where(np.asarray(context) == 1.0, exchanged_s, ring_s)


@formula
def causal_wait(cp: Values, causal: Values, balanced: Values, context: Values) -> Values:
    """How much longer attention takes on the context-parallel rank that waits for the busiest.

    In order, some rank of a causal ring has a whole block to do at each of `cp` turns, where dealing out
    the sequence from both ends (zig-zag) leaves half of one. All-to-alls share out heads, which are even.

    Source: Brandon et al., Striped Attention (arXiv 2311.09431), section 3; Grattafiori et al. (arXiv 2407.21783),
    section 3.3.2.
    """
    in_order = (1.0 - balanced) * causal * np.where(np.asarray(context) == 1.0, 0.0, 1.0)
    return np.where(in_order > 0.0, 2.0 * cp / (cp + 1.0), 1.0)


@formula
def waited_s(core_s: Values, causal_wait: Values) -> Values:
    """Time of attention proper on the busiest context-parallel rank.

    Source: Brandon et al., Striped Attention (arXiv 2311.09431), section 3.
    """
    return core_s * causal_wait
