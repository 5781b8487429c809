"""One training step, put together: the same few lines for one candidate and for a table of them."""

from dataclasses import dataclass, fields, replace

import numpy as np

from polysilicon.performance import communication as wire
from polysilicon.performance import layer as on_chip
from polysilicon.performance import offload, routing, sharding, transfers
from polysilicon.performance import pipeline as whole
from polysilicon.performance.job import Holders, Job, experts_met, held_weights, holders, state_shards
from polysilicon.performance.kept import layer_activations
from polysilicon.performance.operators import (
    filled_flop,
    gemm_bytes,
    gemm_flop,
    overlapped_s,
    reread_bytes,
    streaming_s,
)
from polysilicon.performance.rates import Rates
from polysilicon.performance.transfers import Beside, Micro, Work
from polysilicon.performance.values import Values
from polysilicon.workloads.counts import attended_tokens

__all__ = ["Breakdown", "Job", "breakdown"]


@dataclass(frozen=True)
class Breakdown:
    """Where a step goes [s]; the parts sum to `step_s`. Each a number or a column."""

    step_s: Values
    layers_s: Values
    head_s: Values
    tensor_s: Values
    context_s: Values
    expert_s: Values
    pipeline_s: Values
    bubble_s: Values
    data_s: Values
    optimizer_s: Values
    offload_s: Values
    overhead_s: Values

    def columns(self) -> dict[str, Values]:
        """Name to value, in the order of the fields."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


def breakdown(job: Job) -> Breakdown:
    """Where the step of each candidate goes."""
    cut, shape, efficiency = job.layouts, job.shape, job.efficiency
    tokens = on_chip.chip_tokens(cut.micro_batch, job.sequence, cut.cp)
    rows = on_chip.routed_rows(tokens, experts_met(job))
    micro = Micro(
        tokens,
        rows,
        on_chip.passes(cut.recompute, cut.recomputed_share),
        on_chip.sequence_cut(cut.tp, cut.sequence_parallel),
    )
    held = holders(job)
    weights = held_weights(job, held)
    layer, beside = _layer(job, micro, held)
    tensor, context = transfers.tensor(job, micro, held, beside), transfers.context(job, micro, beside)
    expert = transfers.expert(job, micro, held, beside)
    deep = whole.stage_layers(shape.layers, cut.pp)
    batches = whole.micro_batches(job.global_batch, cut.dp, cut.micro_batch)
    stage = whole.hideable_s(layer, deep)
    bubble = whole.bubble_s(layer, tensor, context, expert, shape.layers, cut.pp, cut.interleave)
    if np.any(np.asarray(cut.schedule) > 0.0):
        bubble = whole.scheduled_bubble_s(bubble, beside.weights_s, shape.layers, cut.pp, cut.schedule, batches)
    data = transfers.data(job, held, weights, stage, batches)
    parts = (
        whole.layers_s(layer, deep, batches),
        whole.batches_s(
            whole.head_beyond_s(
                _heads(job, micro, layer, tensor, context, expert),
                *(layer, tensor, context, expert, shape.layers, cut.pp),
            ),
            *(1.0, batches),
        ),
        whole.layers_s(tensor, deep, batches),
        whole.layers_s(context, deep, batches),
        whole.layers_s(expert, deep, batches),
        whole.batches_s(transfers.boundary(job, micro, stage), 1.0, batches),
        bubble,
        data,
        _optimizer(job, held, weights),
        _offload(job, held, weights, deep, offload.beside_batch_s(stage, data, batches, job.recipe.blocking), batches)
        if job.offloads
        else 0.0,
    )
    overhead = whole.overhead_s(*parts, efficiency["step_s"], cut.chips, job.node_size, efficiency["straggle"])
    return Breakdown(whole.step_s(*parts, overhead), *parts, overhead)


def _product(rates: Rates, rows: Values, columns: Values, inner: Values, flop_per_s: Values) -> Values:
    traffic = gemm_bytes(rows, columns, inner, rates.operand_bytes, 2.0)
    return _overlapped(rates, gemm_flop(rows, columns, inner), inner, traffic, flop_per_s)


def _overlapped(rates: Rates, flop: Values, inner: Values, traffic: Values, flop_per_s: Values) -> Values:
    arithmetic = streaming_s(filled_flop(flop, inner, rates.fill), flop_per_s)
    if np.any(np.isfinite(rates.reuse)):
        traffic = reread_bytes(traffic, flop, rates.reuse, rates.operand_bytes)
    return overlapped_s(arithmetic, streaming_s(traffic, rates.product_bytes_per_s), rates.ridge)


def _layer(job: Job, micro: Micro, held: Holders) -> tuple[Values, Beside]:
    """Time of a mean layer, forward and backward, for one micro-batch; and what of it transfers can hide behind."""
    cut, shape, back = job.layouts, job.shape, job.backward_rates
    width = on_chip.activation_width(shape.matrices, shape.ffn_hidden)
    forward = _dense(job, micro, job.rates)
    backward = forward if back is None else _dense(job, micro, back)
    weights = on_chip.block_weights(shape.attention_weights, shape.dense_weights, cut.tp)
    dense = _block(job, micro, forward, backward, width, job.efficiency["launch_s"], weights)
    if not job.mixed:
        return dense, Beside(dense, forward, backward, job.recipe.frozen, job.recipe.fused_attention)
    width = on_chip.expert_activation_width(
        shape.matrices, shape.expert_hidden, experts_met(job), shape.shared_weights, shape.hidden
    )
    routed = _experts(job, micro, held, forward, job.rates)
    routed_back = routed if back is None else _experts(job, micro, held, backward, back)
    plain = shape.attention_weights, shape.shared_weights, cut.tp
    weights = on_chip.expert_block_weights(*plain, shape.experts, cut.ep, shape.expert_weights, held.expert_degree)
    moe = _block(job, micro, routed, routed_back, width, job.efficiency["launch_moe_s"], weights)
    again = on_chip.blocks_again(cut.recompute, job.recipe.feed_forward_again)
    passes = on_chip.expert_passes(micro.passes, again)
    moe = on_chip.synchronised_s(moe, passes, job.recipe.whole_graphs, job.efficiency["wait_moe_s"])
    here = on_chip.experts_here(shape.experts, cut.ep)
    moe = on_chip.one_by_one_s(moe, here, passes, job.recipe.whole_graphs, job.efficiency["each_expert_s"])
    mean = on_chip.mixed_layer_s(dense, moe, shape.dense_layers, shape.layers)
    forward, backward = _mean(job, forward, routed), _mean(job, backward, routed_back)
    return mean, Beside(mean, forward, backward, job.recipe.frozen, job.recipe.fused_attention)


def _mean(job: Job, dense: Work, moe: Work) -> Work:
    """Work of a mean layer of a model with and without experts."""
    counts = job.shape.dense_layers, job.shape.layers
    return replace(
        dense,
        feed_forward_s=on_chip.mixed_layer_s(dense.feed_forward_s, moe.feed_forward_s, *counts),
        shared_s=on_chip.mixed_layer_s(dense.shared_s, moe.shared_s, *counts),
    )


def _dense(job: Job, micro: Micro, rates: Rates) -> Work:
    """Forward products and attention of a layer without experts."""
    cut, shape, recipe = job.layouts, job.shape, job.recipe
    columns = on_chip.sharded_columns(shape.attention_weights, shape.hidden, cut.tp)
    projections = _product(rates, micro.tokens, columns, shape.hidden, rates.matrix_flop_per_s)
    attended = attended_tokens(job.reach, shape.window, shape.windowed_share, shape.causal, recipe.fused_attention)
    flop = on_chip.core_flop(micro.tokens, attended, shape.score_width, shape.value_width, cut.tp)
    core = on_chip.core_s(flop, rates.core_flop_per_s, shape.heads, shape.query_width, rates.lost_width)
    if not np.all(np.asarray(recipe.fused_attention) > 0.0):
        whole = shape.heads, shape.query_width, recipe.fused_attention
        core = on_chip.unaligned_s(core, *whole, job.efficiency["unaligned"])
    scores = on_chip.score_bytes(
        micro.tokens, job.sequence, shape.heads, shape.softmax_share, cut.tp, recipe.fused_attention
    )
    if np.any(np.asarray(recipe.balanced_context) < 1.0):
        core = wire.waited_s(core, wire.causal_wait(cut.cp, shape.causal, recipe.balanced_context, cut.context))
    if np.any(np.asarray(shape.scan_values) > 0.0):
        moves, moved = job.efficiency["scan_moves"], rates.stream_bytes_per_s
        core = on_chip.mixed_s(core, on_chip.scan_s(micro.tokens, shape.scan_values, cut.tp, moves, moved))
    columns = on_chip.sharded_columns(shape.dense_weights, shape.hidden, cut.tp)
    feed_forward = _product(rates, micro.tokens, columns, shape.hidden, rates.matrix_flop_per_s)
    scores_s = streaming_s(scores, rates.stream_bytes_per_s)
    lean = recipe.lean_recompute
    spared: Values = 0.0
    if np.any(np.asarray(lean) > 0.0):
        spared = on_chip.spared_s(feed_forward, shape.matrices, lean)
    return Work(projections, core, scores_s, feed_forward, 0.0, _again(job, feed_forward), spared)


def _block(
    job: Job, micro: Micro, ahead: Work, behind: Work, width: Values, launch_s: Values, weights: Values
) -> Values:
    """Time of one layer whose kinds of products take `ahead` forward, and `behind` for each of the backward pass."""
    cut, shape, rates, recipe = job.layouts, job.shape, job.rates, job.recipe
    mixed = on_chip.mixed_width(shape.query_width, shape.kv_width, shape.softmax_share, shape.state_streamed_width)
    traffic = on_chip.streamed_bytes(
        micro.tokens, shape.hidden, shape.blocks, mixed, width, cut.tp, micro.cut, rates.narrow
    )
    streams = streaming_s(traffic, rates.stream_bytes_per_s)
    forward = on_chip.forward_s(ahead.projections_s, ahead.core_s, ahead.scores_s, ahead.feed_forward_s, streams)
    gradients = whole.weight_gradient_s(behind.projections_s, behind.feed_forward_s, recipe.frozen)
    stage = sharding.moving_stage(cut.zero_stage, cut.pp)
    added = on_chip.accumulated_bytes(weights, recipe.gradient_bytes, stage, recipe.frozen)
    backward = on_chip.backward_s(
        behind.projections_s,
        behind.core_s,
        behind.scores_s,
        behind.feed_forward_s,
        streams,
        on_chip.accumulated_s(
            overlapped_s(gradients, streaming_s(added, rates.stream_bytes_per_s), rates.ridge), gradients
        ),
        recipe.fused_attention,
        recipe.frozen,
        job.efficiency["core_back"],
    )
    return on_chip.layer_s(
        forward,
        backward,
        on_chip.recomputed_s(
            forward,
            ahead.core_s,
            ahead.scores_s,
            cut.recompute,
            cut.recomputed_share,
            recipe.fused_attention,
            on_chip.by_operator_s(
                ahead.projections_s, ahead.feed_forward_s, streams, recipe.by_operator, ahead.again_s
            ),
            ahead.spared_s,
        ),
        on_chip.launched_s(launch_s, micro.passes, recipe.graphs, job.efficiency["graph_share"]),
        recipe.blocking,
    )


def _experts(job: Job, micro: Micro, held: Holders, dense: Work, rates: Rates) -> Work:
    """Forward products of a layer with experts, with sorting the tokens to them."""
    cut, shape, degree = job.layouts, job.shape, held.expert_degree
    rows = routing.local_rows(micro.rows, cut.tp, degree) if np.any(cut.expert_tp) else micro.rows
    columns = on_chip.sharded_columns(shape.expert_weights, shape.sent_width, degree)
    width = on_chip.activation_width(shape.matrices, shape.expert_hidden)
    traffic = on_chip.local_expert_bytes(
        rows, shape.experts, cut.ep, shape.expert_weights, shape.sent_width, width, degree, rates.operand_bytes
    )
    flop = gemm_flop(rows, columns, shape.sent_width)
    routed = _overlapped(rates, flop, shape.sent_width, traffic, rates.expert_flop_per_s)
    always = on_chip.always_weights(shape.shared_weights, shape.router_weights)
    columns = on_chip.sharded_columns(always, shape.hidden, cut.tp)
    shared = _product(rates, micro.tokens, columns, shape.hidden, rates.matrix_flop_per_s)
    permuted = streaming_s(on_chip.permuted_bytes(micro.rows, shape.sent_width, cut.tp), rates.stream_bytes_per_s)
    permuted = on_chip.handled_s(permuted, micro.rows, cut.tp, job.efficiency["copy_s"])
    whole_s = on_chip.experts_s(routed, shared, permuted, rates.experts_pace)
    return replace(dense, feed_forward_s=whole_s, shared_s=shared, again_s=_again(job, whole_s), spared_s=0.0)


def _again(job: Job, feed_forward_s: Values) -> Values:
    """Forward time of a feed-forward part that selective recomputation runs once more."""
    asked = job.recipe.feed_forward_again
    return on_chip.again_s(feed_forward_s, asked) if np.any(np.asarray(asked) > 0.0) else 0.0


def _head(job: Job, micro: Micro) -> Values:
    cut, shape, rates = job.layouts, job.shape, job.rates
    columns = on_chip.sharded_columns(shape.vocab, 1.0, cut.tp)
    product = _product(rates, micro.tokens, columns, shape.hidden, rates.head_flop_per_s)
    loss = streaming_s(whole.loss_bytes(micro.tokens, shape.vocab, cut.tp), rates.stream_bytes_per_s)
    return whole.head_s(product, loss, job.recipe.frozen)


def _heads(job: Job, micro: Micro, layer: Values, tensor: Values, context: Values, expert: Values) -> Values:
    """Time of the head, and of the modules that predict further tokens: a layer, what enters it, and a head each."""
    head, recipe, rates = _head(job, micro), job.recipe, job.rates
    if not np.any(np.asarray(recipe.predicted_ahead) > 0.0):
        return head
    columns = on_chip.sharded_columns(job.shape.hidden, 1.0, job.layouts.tp)
    entered = _product(rates, micro.tokens, columns, whole.entered_width(job.shape.hidden), rates.matrix_flop_per_s)
    return whole.heads_s(head, entered, layer, tensor, context, expert, recipe.predicted_ahead, recipe.frozen)


def _optimizer(job: Job, held: Holders, weights: tuple[Values, Values]) -> Values:
    """Time of an optimizer step on the chip."""
    cut, recipe = job.layouts, job.recipe
    shards = state_shards(job, held, weights[0])
    traffic = whole.optimizer_bytes(
        *weights, shards, held.expert_shards, cut.zero_stage, recipe.frozen, recipe.adapter_share
    )
    here = streaming_s(traffic, job.rates.stream_bytes_per_s)
    return whole.updated_here_s(here, cut.offload_optimizer) if job.offloads else here


def _offload(
    job: Job, held: Holders, weights: tuple[Values, Values], deep: Values, beside: Values, batches: Values
) -> Values:
    """Exposed time of a step that states in host memory cost."""
    cut, recipe, link = job.layouts, job.recipe, job.host.link_bytes_per_s
    shares = *weights, held.shards, held.expert_shards, cut.zero_stage
    updated = sharding.trained_weights(sharding.answered_weights(*shares, 1.0), recipe.frozen, recipe.adapter_share)
    widths = recipe.gradient_bytes, recipe.weight_bytes
    kept = whole.stage_bytes(layer_activations(job), deep)
    copies = sharding.wire_bytes(sharding.answered_weights(*shares, 3.0), recipe.weight_bytes)
    moved = offload.moved_batch_bytes(kept, cut.offload_activations, copies, cut.offload_weights)
    idle = offload.idle_link_s(moved, link, beside)
    update = offload.update_s(updated, cut.offload_optimizer, *widths, link, job.host.update_bytes_per_s, idle)
    return offload.offload_s(update, offload.exposed_batch_s(moved, link, beside), batches)
