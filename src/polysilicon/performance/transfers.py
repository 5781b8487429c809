"""Time of every transfer of a step that compute does not hide, for one candidate or a table of them."""

from dataclasses import dataclass

import numpy as np

from polysilicon.performance import collectives, fabric, routing, sharding
from polysilicon.performance import communication as wire
from polysilicon.performance import layer as on_chip
from polysilicon.performance import pipeline as whole
from polysilicon.performance.job import Holders, Job
from polysilicon.performance.operators import exposed_s
from polysilicon.performance.values import Values

Links = tuple[Values, Values, Values, Values]


@dataclass(frozen=True)
class Micro:
    """What one micro-batch puts on a chip, computed once and read by every part."""

    tokens: Values
    rows: Values
    passes: Values
    cut: Values


@dataclass(frozen=True)
class Work:
    """Forward time of one layer's kinds of products for one micro-batch; `shared_s` is within the feed-forward part.

    `scores_s` is the traffic of a score matrix that lies in memory, `again_s` what of the feed-forward part selective
    recomputation runs once more, `spared_s` what of it a lean recomputation of whole layers leaves out.
    """

    projections_s: Values
    core_s: Values
    scores_s: Values
    feed_forward_s: Values
    shared_s: Values
    again_s: Values = 0.0
    spared_s: Values = 0.0


@dataclass(frozen=True)
class Beside:
    """Work of a mean layer for one micro-batch, beside which transfers can hide; counted only where something asks.

    `behind` are the products at the rates of the backward pass.
    """

    layer_s: Values
    ahead: Work
    behind: Work
    frozen: Values
    fused: Values

    @property
    def products_s(self) -> Values:
        """Products of the layer, forward and backward."""
        ahead, behind = self.ahead, self.behind
        forward, backward = (ahead.projections_s, ahead.feed_forward_s), (behind.projections_s, behind.feed_forward_s)
        return whole.pass_products_s(*forward, *backward, self.frozen)

    @property
    def core_s(self) -> Values:
        """Attention proper, forward and backward."""
        return whole.pass_core_s(self.ahead.core_s, self.fused)

    @property
    def shared_s(self) -> Values:
        """Products of shared experts, forward and backward."""
        return whole.pass_products_s(self.ahead.shared_s, 0.0, self.behind.shared_s, 0.0, self.frozen)

    @property
    def weights_s(self) -> Values:
        """Gradients of the weights."""
        return whole.weight_gradient_s(self.behind.projections_s, self.behind.feed_forward_s, self.frozen)


def all_reduce_s(job: Job, size: Values, ranks: Values, near: Values) -> Values:
    """Time of an all-reduce by the algorithm the recipe asks for."""
    links, algorithm = gathering(job, ranks, near), np.asarray(job.recipe.algorithm)
    layered = collectives.all_reduce_s(size, ranks, near, *links)
    if not np.any(algorithm > 0.0):
        return layered
    up, out, *latencies = links
    pace = collectives.ring_bytes_per_s(ranks, near, up, out)
    ring = collectives.ring_all_reduce_s(collectives.ring_gather_s(size, ranks, near, pace, *latencies))
    tree = collectives.tree_all_reduce_s(size, ranks, near, pace, *latencies)
    switches = job.fabric.reducing_scaleup, job.fabric.reducing_scaleout
    summed = collectives.in_network_all_reduce_s(size, ranks, near, *links, *switches)
    return collectives.chosen_all_reduce_s(layered, ring, tree, summed, job.recipe.algorithm)


def gather_s(job: Job, size: Values, ranks: Values, near: Values) -> Values:
    """Time of an all-gather or reduce-scatter by the algorithm the recipe asks for."""
    links, algorithm = gathering(job, ranks, near), np.asarray(job.recipe.algorithm)
    layered = collectives.gather_s(size, ranks, near, *links)
    if not np.any(algorithm > 0.0):
        return layered
    up, out, *latencies = links
    pace = collectives.ring_bytes_per_s(ranks, near, up, out)
    ring = collectives.ring_gather_s(size, ranks, near, pace, *latencies)
    return collectives.chosen_gather_s(layered, ring, job.recipe.algorithm)


def gathering(job: Job, ranks: Values, near: Values) -> Links:
    """Links as a gather or reduction among `ranks` chips finds them."""
    if not job.fabric.uneven:
        return job.links
    share = fabric.gather_share(near, *_spanned(job, near), job.fabric.torus_axes, job.fabric.full_mesh)
    spine = fabric.ring_spine_share(fabric.joined_domains(ranks, near), _leaf(job), job.fabric.oversubscription)
    return _narrowed(job, share, spine)


def exchanging(job: Job, ranks: Values, near: Values) -> Links:
    """Links as an all-to-all among `ranks` chips finds them."""
    if not job.fabric.uneven:
        return job.links
    share = fabric.exchange_share(near, *_spanned(job, near), job.fabric.torus_axes, job.fabric.full_mesh)
    spine = fabric.exchange_spine_share(fabric.joined_domains(ranks, near), _leaf(job), job.fabric.oversubscription)
    return _narrowed(job, share, spine)


def _narrowed(job: Job, share: Values, spine: Values) -> Links:
    """Links of which the shape of the network leaves a share, inside a domain and between domains."""
    up, out, near_s, far_s = job.links
    return fabric.shared_bytes_per_s(up, share), fabric.shared_bytes_per_s(out, spine), near_s, far_s


def _spanned(job: Job, near: Values) -> tuple[Values, Values]:
    joined = fabric.domain_chips(job.rates.scaleup_domain, job.layouts.chips)
    return joined, fabric.spanned_axes(near, joined, job.fabric.torus_axes)


def _leaf(job: Job) -> Values:
    return fabric.leaf_domains(job.fabric.leaf_chips, job.rates.scaleup_domain, job.fabric.rail)


def _neighbour(job: Job, ranks: Values, near: Values) -> tuple[Values, Values]:
    """Bandwidth and latency between neighbours of a group."""
    links = job.links
    if job.fabric.uneven:
        joined = fabric.domain_chips(job.rates.scaleup_domain, job.layouts.chips)
        share = fabric.neighbour_share(joined, job.fabric.torus_axes, job.fabric.full_mesh)
        spine = fabric.ring_spine_share(fabric.joined_domains(ranks, near), _leaf(job), job.fabric.oversubscription)
        links = _narrowed(job, share, spine)
    up, out, near_s, far_s = links
    return wire.link_of(ranks, near, up, out), wire.link_of(ranks, near, near_s, far_s)


def tensor(job: Job, micro: Micro, held: Holders, beside: Beside) -> Values:
    """Exposed tensor-parallel time of a mean layer."""
    cut, shape = job.layouts, job.shape
    near = collectives.inside(cut.tp, 1.0, job.rates.scaleup_domain)
    one = all_reduce_s(job, wire.tensor_bytes(micro.tokens, shape.hidden), cut.tp, near)
    if job.mixed and np.any(np.asarray(cut.expert_tp) > 0.0):
        own_near = collectives.inside(held.expert_degree, 1.0, job.rates.scaleup_domain)
        rows = routing.local_rows(micro.rows, cut.tp, held.expert_degree)
        own = all_reduce_s(job, wire.tensor_bytes(rows, shape.sent_width), held.expert_degree, own_near)
        degrees = cut.tp, held.expert_degree
        counts = shape.dense_layers, shape.layers, shape.blocks
        one = wire.block_end_s(one, own, *degrees, shape.shared_weights, *counts)
    again: Values = 0.0
    if np.any(np.asarray(job.recipe.feed_forward_again) > 0.0):
        again = on_chip.blocks_again(cut.recompute, job.recipe.feed_forward_again)
    lean = job.recipe.lean_recompute
    if not job.mixed and np.any(np.asarray(lean) > 0.0):
        again = wire.ends_again(again, cut.recompute, cut.recomputed_share, lean, cut.sequence_parallel)
    overlap, asked = job.efficiency["tensor_overlap"], job.recipe.tensor_hidden
    if job.recipe.said("tensor_hidden"):
        whole_s = wire.tensor_s(one, shape.blocks, micro.passes, cut.sequence_parallel, again, 0.0)
        overlap = wire.hidden_share(asked, overlap, whole_s, beside.products_s)
    return wire.tensor_s(one, shape.blocks, micro.passes, cut.sequence_parallel, again, overlap)


def context(job: Job, micro: Micro, beside: Beside) -> Values:
    """Exposed context-parallel time of a layer, by a ring or by all-to-alls."""
    cut, shape = job.layouts, job.shape
    near = collectives.inside(cut.cp, cut.tp, job.rates.scaleup_domain)
    size = wire.context_bytes(micro.tokens, shape.kv_width, cut.tp)
    one = collectives.send_s(size, *_neighbour(job, cut.cp, near))
    overlap, asked = job.efficiency["context_overlap"], job.recipe.context_hidden
    if job.recipe.said("context_hidden"):
        overlap = wire.hidden_share(asked, overlap, wire.context_s(one, cut.cp, micro.passes, 0.0), beside.core_s)
    ring = wire.context_s(one, cut.cp, micro.passes, overlap)
    if not np.any(np.asarray(cut.context) > 0.0):
        return ring
    widths = shape.query_width, shape.softmax_share, shape.value_width, shape.kv_width, shape.kv_heads
    sent = wire.exchanged_bytes(micro.tokens, *widths, cut.tp, cut.cp)
    each = collectives.all_to_all_s(sent, cut.cp, near, *exchanging(job, cut.cp, near))
    # Attention waits for what is exchanged: nothing of it runs beside.
    return wire.chosen_context_s(ring, wire.exchanged_s(each, cut.cp, micro.passes, 0.0), cut.context)


def expert(job: Job, micro: Micro, held: Holders, beside: Beside) -> Values:
    """Exposed expert-parallel time of a mean layer."""
    cut, shape, recipe = job.layouts, job.shape, job.recipe
    near = collectives.inside(cut.ep, held.expert_degree, job.rates.scaleup_domain)
    rows, links = micro.rows, exchanging(job, cut.ep, near)
    if np.any(np.asarray(recipe.sent_once) > 0.0):
        rows, links = _once(job, micro, near, links)
    sent = wire.dispatched_bytes(rows, shape.sent_width, cut.tp, recipe.dispatch_bytes)
    one = wire.paced_s(collectives.all_to_all_s(sent, cut.ep, near, *links), job.rates.experts_pace)
    counts = shape.dense_layers, shape.layers
    overlap, passes = job.efficiency["expert_overlap"], micro.passes
    if np.any(np.asarray(recipe.feed_forward_again) > 0.0):
        passes = on_chip.expert_passes(passes, on_chip.blocks_again(cut.recompute, recipe.feed_forward_again))
    if recipe.said("expert_hidden"):
        hideable = wire.beside_experts_s(beside.shared_s, beside.layer_s, recipe.dual_batch)
        transfer = wire.expert_s(one, cut.ep, passes, 0.0, *counts)
        overlap = wire.hidden_share(recipe.expert_hidden, overlap, transfer, hideable)
    return wire.expert_s(one, cut.ep, passes, overlap, *counts)


def _once(job: Job, micro: Micro, near: Values, links: Links) -> tuple[Values, Links]:
    """Copies that leave where a token goes once to each chip, and links as they see them: once to each domain."""
    cut, chosen, once = job.layouts, job.shape.experts_per_token, job.recipe.sent_once
    up, out, near_s, far_s = links
    copies, domains = routing.copies(chosen, cut.ep, cut.ep), fabric.joined_domains(cut.ep, near)
    met = routing.copies(chosen, domains, domains)
    rows = routing.sent_rows(micro.rows, chosen, copies, once)
    return rows, (up, wire.once_bytes_per_s(out, copies, met, once), near_s, far_s)


def boundary(job: Job, micro: Micro, stage_s: Values) -> Values:
    """Exposed pipeline transfer of one micro-batch."""
    cut = job.layouts
    size = wire.boundary_bytes(micro.tokens, job.shape.hidden, cut.tp)
    one = collectives.send_s(size, *_neighbour(job, cut.chips, job.rates.scaleup_domain))
    if np.any(micro.cut < cut.tp):
        near = collectives.inside(cut.tp, 1.0, job.rates.scaleup_domain)
        whole_again = gather_s(job, wire.boundary_bytes(micro.tokens, job.shape.hidden, 1.0), cut.tp, near)
        one = wire.received_s(one, whole_again, micro.cut, cut.tp)
    e, asked = job.efficiency, job.recipe.pipeline_hidden
    overlap = wire.sent_beside(e["pipeline_overlap"], e["interleaved_overlap"], cut.interleave)
    if job.recipe.said("pipeline_hidden"):
        overlap = wire.hidden_share(asked, overlap, wire.pipeline_s(one, cut.pp, cut.interleave, 0.0), stage_s)
    return wire.pipeline_s(one, cut.pp, cut.interleave, overlap)


def data(job: Job, held: Holders, weights: tuple[Values, Values], hideable_s: Values, batches: Values) -> Values:
    """Exposed data-parallel time of a step."""
    cut, recipe, efficiency = job.layouts, job.recipe, job.efficiency
    plain, own = weights
    domain, stride = job.rates.scaleup_domain, cut.tp
    own_stride = sharding.stride(held.expert_degree, cut.ep)
    near = collectives.inside(held.shards, stride, domain)
    own_near = collectives.inside(held.expert_shards, own_stride, domain)
    gathered_bytes = sharding.gathered_weight_bytes(recipe.gather_bytes, recipe.weight_bytes)
    transfers = (
        gather_s(job, sharding.wire_bytes(plain, recipe.reduce_bytes), held.shards, near),
        gather_s(job, sharding.wire_bytes(own, recipe.reduce_bytes), held.expert_shards, own_near),
        gather_s(job, sharding.wire_bytes(plain, gathered_bytes), held.shards, near),
        gather_s(job, sharding.wire_bytes(own, gathered_bytes), held.expert_shards, own_near),
    )
    across = _across(job, held, plain, own) if np.any(np.asarray(cut.shard) > 0.0) else 0.0
    if np.any(np.asarray(job.outside_s) > 0.0):
        across = sharding.across_s(across, job.outside_s)
    stage = sharding.moving_stage(cut.zero_stage, cut.pp)
    whole_step = sharding.gathered_for_step(cut.zero_stage, cut.pp)
    once = sharding.once_s(*transfers, across, stage, recipe.frozen, whole_step)
    owning = bool(np.any(np.asarray(recipe.whole_tensors) > 0.0))
    owned = sharding.owned(recipe.whole_tensors, cut.zero_stage) if owning else 0.0
    if owning:
        once = sharding.chosen_once_s(once, sharding.owned_once_s(*transfers[:2], across, recipe.frozen), owned)
    each = sharding.each_s(*transfers, stage, recipe.frozen)
    whole_share = wire.asked_share(recipe.data_hidden, efficiency["data_overlap"])
    shard_share = wire.asked_share(recipe.data_hidden, efficiency["shard_overlap"])
    beside_each = exposed_s(each, hideable_s, shard_share)
    # Behind the last micro-batch both run: what hides one of them hides nothing more.
    left = wire.left_s(hideable_s, each, beside_each)
    beside_once = exposed_s(once, left, whole_share)
    if owning:
        sent = _broadcast(job, held, weights, gathered_bytes)
        beside_once = sharding.sent_on_s(beside_once, *sent, recipe.frozen, owned)
    return whole.exposed_data_s(beside_once, beside_each, batches)


def _broadcast(job: Job, held: Holders, weights: tuple[Values, Values], width: Values) -> tuple[Values, Values]:
    """Time in which owners of whole tensors send their weights to all that hold the same; experts are apart."""
    cut, shape, (plain, own) = job.layouts, job.shape, weights
    tensors = sharding.layer_tensors(shape.blocks, shape.matrices)
    sent = _owners_send(job, sharding.wire_bytes(plain, width), tensors, held.shards, cut.tp)
    if not job.mixed:
        return sent, 0.0
    own_tensors = sharding.local_tensors(shape.matrices, shape.experts, held.expert_cut)
    stride = sharding.stride(held.expert_degree, cut.ep)
    return sent, _owners_send(job, sharding.wire_bytes(own, width), own_tensors, held.expert_shards, stride)


def _owners_send(job: Job, size: Values, tensors: Values, ranks: Values, stride: Values) -> Values:
    """Time of broadcasts from `ranks` owners of so many tensors a layer."""
    near = collectives.inside(ranks, stride, job.rates.scaleup_domain)
    up, out, *latencies = gathering(job, ranks, near)
    pace = collectives.ring_bytes_per_s(ranks, near, up, out)
    messages = sharding.owned_tensors(tensors, job.shape.layers, job.layouts.pp, ranks)
    return collectives.broadcasts_s(size, messages, ranks, near, pace, *latencies)


def _across(job: Job, held: Holders, plain: Values, own: Values) -> Values:
    """Time of reducing the slices of the gradients across the groups that each hold all states."""
    cut, domain, width = job.layouts, job.rates.scaleup_domain, job.recipe.reduce_bytes
    groups = sharding.shard_groups(held.replicas, held.shards)
    near = collectives.inside(groups, sharding.stride(cut.tp, held.shards), domain)
    size = sharding.wire_bytes(sharding.slice_weights(plain, held.shards), width)
    gradients = all_reduce_s(job, size, groups, near)
    if not job.mixed:
        return gradients
    own_groups = sharding.shard_groups(held.expert_replicas, held.expert_shards)
    own_stride = sharding.stride(sharding.stride(held.expert_degree, cut.ep), held.expert_shards)
    own_near = collectives.inside(own_groups, own_stride, domain)
    own_size = sharding.wire_bytes(sharding.slice_weights(own, held.expert_shards), width)
    return sharding.across_s(gradients, all_reduce_s(job, own_size, own_groups, own_near))
