"""One training step, put together: the same few lines for one candidate and for a table of them."""

from dataclasses import dataclass, fields

import numpy as np

from polysilicon.performance import communication as wire
from polysilicon.performance import layer as on_chip
from polysilicon.performance import pipeline as whole
from polysilicon.performance.collectives import all_reduce_s, all_to_all_s, gather_s, inside, send_s
from polysilicon.performance.efficiency import Efficiency
from polysilicon.performance.layouts import Layouts
from polysilicon.performance.operators import exposed_s, gemm_bytes, gemm_flop, gemm_s, roofline_s, streaming_s
from polysilicon.performance.rates import Rates
from polysilicon.performance.recipe import Recipe
from polysilicon.performance.values import Values
from polysilicon.workloads.counts import Shape, attended_tokens


@dataclass(frozen=True)
class Job:
    """Everything the formulas of a step read: one candidate, or a table of them."""

    shape: Shape
    sequence: Values
    global_batch: Values
    layouts: Layouts
    recipe: Recipe
    rates: Rates
    efficiency: Efficiency
    node_size: Values

    @property
    def links(self) -> tuple[Values, Values, Values, Values]:
        """Bandwidth and latency of both network levels, in the order the collectives take them."""
        one = self.rates
        return one.scaleup_bytes_per_s, one.scaleout_bytes_per_s, one.scaleup_latency_s, one.scaleout_latency_s

    @property
    def mixed(self) -> bool:
        """Whether any candidate's model has experts."""
        return bool(np.any(np.asarray(self.shape.experts) > 0.0))


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
    overhead_s: Values

    def columns(self) -> dict[str, Values]:
        """Name to value, in the order of the fields."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True)
class _Micro:
    """What one micro-batch puts on a chip, computed once and read by every part."""

    tokens: Values
    rows: Values
    passes: Values
    cut: Values


def breakdown(job: Job) -> Breakdown:
    """Where the step of each candidate goes."""
    cut, shape, efficiency = job.layouts, job.shape, job.efficiency
    tokens = on_chip.chip_tokens(cut.micro_batch, job.sequence, cut.cp)
    micro = _Micro(
        tokens,
        on_chip.routed_rows(tokens, shape.experts_per_token),
        on_chip.passes(cut.recompute, cut.recomputed_share),
        on_chip.sequence_cut(cut.tp, cut.sequence_parallel),
    )
    layer, tensor, context, expert = _layer(job, micro), _tensor(job, micro), _context(job, micro), _expert(job, micro)
    deep = whole.stage_layers(shape.layers, cut.pp)
    batches = whole.micro_batches(job.global_batch, cut.dp, cut.micro_batch)
    data, optimizer = _data(job, whole.hideable_s(layer, deep), batches)
    parts = (
        whole.layers_s(layer, deep, batches),
        whole.batches_s(_head(job, micro), whole.head_share(shape.layers, cut.pp), batches),
        whole.layers_s(tensor, deep, batches),
        whole.layers_s(context, deep, batches),
        whole.layers_s(expert, deep, batches),
        whole.batches_s(_boundary(job, micro), 1.0, batches),
        whole.bubble_s(layer, tensor, context, expert, shape.layers, cut.pp, cut.interleave),
        data,
        optimizer,
    )
    overhead = whole.overhead_s(*parts, efficiency["step_s"], cut.chips, job.node_size, efficiency["straggle"])
    return Breakdown(whole.step_s(*parts, overhead), *parts, overhead)


def _product(job: Job, rows: Values, columns: Values, inner: Values, flop_per_s: Values) -> Values:
    rates = job.rates
    traffic = gemm_bytes(rows, columns, inner, rates.operand_bytes, 2.0)
    return gemm_s(gemm_flop(rows, columns, inner), traffic, flop_per_s, rates.product_bytes_per_s)


def _layer(job: Job, micro: _Micro) -> Values:
    """Time of a mean layer, forward and backward, for one micro-batch."""
    cut, shape, rates, recipe = job.layouts, job.shape, job.rates, job.recipe
    columns = on_chip.sharded_columns(shape.attention_weights, shape.hidden, cut.tp)
    projections = _product(job, micro.tokens, columns, shape.hidden, rates.matrix_flop_per_s)
    attended = attended_tokens(job.sequence, shape.window, shape.windowed_share, shape.causal, recipe.fused_attention)
    core = roofline_s(
        on_chip.core_flop(micro.tokens, attended, shape.score_width, shape.value_width, cut.tp),
        on_chip.score_bytes(micro.tokens, job.sequence, shape.heads, cut.tp, recipe.fused_attention),
        rates.core_flop_per_s,
        rates.stream_bytes_per_s,
    )
    width = on_chip.activation_width(shape.matrices, shape.ffn_hidden)
    columns = on_chip.sharded_columns(shape.dense_weights, shape.hidden, cut.tp)
    dense = _block(
        job,
        micro,
        (projections, core, _product(job, micro.tokens, columns, shape.hidden, rates.matrix_flop_per_s)),
        width,
        job.efficiency["launch_s"],
    )
    if not job.mixed:
        return dense
    width = on_chip.expert_activation_width(
        shape.matrices, shape.expert_hidden, shape.experts_per_token, shape.shared_weights, shape.hidden
    )
    work = (projections, core, _experts(job, micro))
    moe = _block(job, micro, work, width, job.efficiency["launch_moe_s"])
    return on_chip.mixed_layer_s(dense, moe, shape.dense_layers, shape.layers)


def _block(job: Job, micro: _Micro, work: tuple[Values, Values, Values], width: Values, launch_s: Values) -> Values:
    """Time of one layer whose three kinds of products take `work`."""
    cut, shape, rates, recipe = job.layouts, job.shape, job.rates, job.recipe
    projections, core, feed_forward = work
    traffic = on_chip.streamed_bytes(
        micro.tokens, shape.hidden, shape.query_width, shape.kv_width, width, cut.tp, micro.cut, rates.narrow
    )
    streams = streaming_s(traffic, rates.stream_bytes_per_s)
    forward = on_chip.forward_s(projections, core, feed_forward, streams)
    return on_chip.layer_s(
        forward,
        on_chip.backward_s(projections, core, feed_forward, streams, recipe.fused_attention, recipe.frozen),
        on_chip.recomputed_s(forward, core, cut.recompute, cut.recomputed_share, recipe.fused_attention),
        on_chip.launched_s(launch_s, micro.passes, recipe.graphs, job.efficiency["graph_share"]),
        recipe.blocking,
    )


def _experts(job: Job, micro: _Micro) -> Values:
    """Forward products of the experts of one layer, with sorting the tokens to them."""
    cut, shape, rates = job.layouts, job.shape, job.rates
    columns = on_chip.sharded_columns(shape.expert_weights, shape.hidden, cut.tp)
    width = on_chip.activation_width(shape.matrices, shape.expert_hidden)
    routed = gemm_s(
        gemm_flop(micro.rows, columns, shape.hidden),
        on_chip.local_expert_bytes(
            micro.rows, shape.experts, cut.ep, shape.expert_weights, shape.hidden, width, cut.tp, rates.operand_bytes
        ),
        rates.expert_flop_per_s,
        rates.product_bytes_per_s,
    )
    always = on_chip.always_weights(shape.shared_weights, shape.router_weights)
    columns = on_chip.sharded_columns(always, shape.hidden, cut.tp)
    shared = _product(job, micro.tokens, columns, shape.hidden, rates.matrix_flop_per_s)
    permuted = streaming_s(on_chip.permuted_bytes(micro.rows, shape.hidden, cut.tp), rates.stream_bytes_per_s)
    return on_chip.experts_s(routed, shared, permuted)


def _tensor(job: Job, micro: _Micro) -> Values:
    cut = job.layouts
    near = inside(cut.tp, 1.0, job.rates.scaleup_domain)
    one = all_reduce_s(wire.tensor_bytes(micro.tokens, job.shape.hidden), cut.tp, near, *job.links)
    return wire.tensor_s(one, micro.passes, job.efficiency["tensor_overlap"])


def _context(job: Job, micro: _Micro) -> Values:
    cut, rates = job.layouts, job.rates
    near = inside(cut.cp, cut.tp, rates.scaleup_domain)
    bandwidth = wire.link_of(cut.cp, near, rates.scaleup_bytes_per_s, rates.scaleout_bytes_per_s)
    latency = wire.link_of(cut.cp, near, rates.scaleup_latency_s, rates.scaleout_latency_s)
    one = send_s(wire.context_bytes(micro.tokens, job.shape.kv_width, cut.tp), bandwidth, latency)
    return wire.context_s(one, cut.cp, micro.passes, job.efficiency["context_overlap"])


def _expert(job: Job, micro: _Micro) -> Values:
    cut, shape = job.layouts, job.shape
    near = inside(cut.ep, cut.tp, job.rates.scaleup_domain)
    one = all_to_all_s(wire.dispatched_bytes(micro.rows, shape.hidden, cut.tp), cut.ep, near, *job.links)
    overlap = job.efficiency["expert_overlap"]
    return wire.expert_s(one, cut.ep, micro.passes, overlap, shape.dense_layers, shape.layers)


def _boundary(job: Job, micro: _Micro) -> Values:
    cut, rates = job.layouts, job.rates
    domain = rates.scaleup_domain
    bandwidth = wire.link_of(cut.chips, domain, rates.scaleup_bytes_per_s, rates.scaleout_bytes_per_s)
    latency = wire.link_of(cut.chips, domain, rates.scaleup_latency_s, rates.scaleout_latency_s)
    one = send_s(wire.boundary_bytes(micro.tokens, job.shape.hidden, micro.cut), bandwidth, latency)
    return wire.pipeline_s(one, cut.pp, cut.interleave, job.efficiency["pipeline_overlap"])


def _head(job: Job, micro: _Micro) -> Values:
    cut, shape, rates = job.layouts, job.shape, job.rates
    columns = on_chip.sharded_columns(shape.vocab, 1.0, cut.tp)
    product = _product(job, micro.tokens, columns, shape.hidden, rates.head_flop_per_s)
    loss = streaming_s(whole.loss_bytes(micro.tokens, shape.vocab, cut.tp), rates.stream_bytes_per_s)
    return whole.head_s(product, loss, job.recipe.frozen)


def layer_weights(job: Job) -> tuple[Values, Values, Values]:
    """Weights before tensor parallelism: of a mean layer without experts, of a rank's experts in it, of the edges."""
    cut, shape = job.layouts, job.shape
    always = on_chip.always_weights(shape.shared_weights, shape.router_weights)
    common = wire.dense_layer_weights(
        shape.attention_weights, shape.dense_weights, always, shape.dense_layers, shape.layers
    )
    own = wire.expert_layer_weights(shape.experts, shape.expert_weights, cut.ep, shape.dense_layers, shape.layers)
    return common, own, wire.edge_weights(shape.vocab, shape.hidden, shape.embeddings, cut.pp)


def held_weights(job: Job) -> tuple[Values, Values]:
    """Weights of one chip before sharding over replicas: those every rank has, and those of its experts."""
    cut, shape = job.layouts, job.shape
    common, own, edge = layer_weights(job)
    plain = wire.stage_weights(shape.layers, common, edge, cut.tp, cut.pp)
    return plain, wire.stage_weights(shape.layers, own, 0.0, cut.tp, cut.pp)


def _data(job: Job, hideable: Values, batches: Values) -> tuple[Values, Values]:
    """Exposed data-parallel time and optimizer time of a step."""
    cut, recipe, efficiency = job.layouts, job.recipe, job.efficiency
    plain, own = held_weights(job)
    ranks = wire.replicas(cut.dp, cut.cp)
    expert_ranks = wire.expert_replicas(ranks, cut.ep)
    domain = job.rates.scaleup_domain
    near, expert_near = inside(ranks, cut.tp, domain), inside(expert_ranks, cut.tp * cut.ep, domain)
    transfers = (
        gather_s(wire.wire_bytes(plain, recipe.reduce_bytes), ranks, near, *job.links),
        gather_s(wire.wire_bytes(own, recipe.reduce_bytes), expert_ranks, expert_near, *job.links),
        gather_s(wire.wire_bytes(plain, recipe.weight_bytes), ranks, near, *job.links),
        gather_s(wire.wire_bytes(own, recipe.weight_bytes), expert_ranks, expert_near, *job.links),
    )
    once = exposed_s(wire.once_s(*transfers, cut.zero_stage, recipe.frozen), hideable, efficiency["data_overlap"])
    each = exposed_s(wire.each_s(*transfers, cut.zero_stage, recipe.frozen), hideable, efficiency["shard_overlap"])
    traffic = whole.optimizer_bytes(
        plain, own, ranks, expert_ranks, cut.zero_stage, recipe.frozen, recipe.adapter_share
    )
    return whole.exposed_data_s(once, each, batches), streaming_s(traffic, job.rates.stream_bytes_per_s)
