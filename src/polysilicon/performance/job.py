"""What the formulas of a step read, and what follows from the cut alone: weights of a chip, replicas, ZeRO groups."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from polysilicon.performance import layer as on_chip
from polysilicon.performance import routing, sharding
from polysilicon.performance.efficiency import Efficiency
from polysilicon.performance.fabric import Fabric
from polysilicon.performance.layouts import Layouts
from polysilicon.performance.rates import Rates
from polysilicon.performance.recipe import Recipe
from polysilicon.performance.values import Values
from polysilicon.workloads.counts import Shape


@dataclass(frozen=True)
class Host:
    """What a chip has of its host: bandwidth of the link, one direction, and bytes of its states updated a second."""

    link_bytes_per_s: Values = np.inf
    update_bytes_per_s: Values = np.inf


@dataclass(frozen=True)
class Job:
    """Everything the formulas of a step read: one candidate, or a table of them.

    `backward_rates` are those of the backward pass where they differ from the forward pass's. `outside_s` is the time
    of reducing gradients with chips beyond these, once a step. `host` matters only to what is offloaded.
    """

    shape: Shape
    sequence: Values
    global_batch: Values
    layouts: Layouts
    recipe: Recipe
    rates: Rates
    efficiency: Efficiency
    node_size: Values
    fabric: Fabric = field(default_factory=Fabric)
    backward_rates: Rates | None = None
    outside_s: Values = 0.0
    host: Host = field(default_factory=Host)

    @property
    def links(self) -> tuple[Values, Values, Values, Values]:
        """Bandwidth and latency of both network levels, in the order the collectives take them."""
        one = self.rates
        return one.scaleup_bytes_per_s, one.scaleout_bytes_per_s, one.scaleup_latency_s, one.scaleout_latency_s

    @property
    def reach(self) -> Values:
        """Tokens that a token attends within: of its sequence, or of its sample where several are packed into one."""
        own = self.recipe.sample_tokens
        if not np.any(np.isfinite(own)):
            return self.sequence
        return on_chip.sample_reach(self.sequence, own, self.recipe.fused_attention)

    @cached_property
    def offloads(self) -> bool:
        """Whether any candidate keeps a state in host memory."""
        return any(np.any(one) for one in self._offloaded)

    @cached_property
    def hosted(self) -> Values:
        """1 for each candidate that keeps a state in host memory, else 0."""
        shares = np.broadcast_arrays(*self._offloaded)
        return np.where(np.any(shares, axis=0), 1.0, 0.0)

    @property
    def _offloaded(self) -> tuple[Values, Values, Values]:
        cut = self.layouts
        return cut.offload_optimizer, cut.offload_activations, cut.offload_weights

    @cached_property
    def uneven_routing(self) -> bool:
        """Whether any recipe says that experts' rows are uneven, or bounds them."""
        recipe = self.recipe
        return bool(np.any(np.asarray(recipe.imbalance) != 1.0) or np.any(np.asarray(recipe.capacity_factor) > 0.0))

    @cached_property
    def mixed(self) -> bool:
        """Whether any candidate's model has experts."""
        return bool(np.any(np.asarray(self.shape.experts) > 0.0))


@dataclass(frozen=True)
class Holders:
    """Who holds what: chips with the same slice of the weights, and the groups ZeRO splits its states over.

    `expert_degree` and `expert_cut` are the tensor ranks of one expert and the cut of a layer's experts beyond `tp`.
    """

    replicas: Values
    expert_replicas: Values
    shards: Values
    expert_shards: Values
    expert_degree: Values
    expert_cut: Values


def holders(job: Job) -> Holders:
    """Replicas and ZeRO groups of each candidate, of plain weights and of experts."""
    cut = job.layouts
    degree, experts_cut = cut.tp, cut.ep
    if np.any(cut.expert_tp):
        degree = routing.expert_degree(cut.tp, cut.expert_tp)
        experts_cut = routing.expert_cut(cut.ep, cut.tp, degree)
    ranks = sharding.replicas(cut.dp, cut.cp)
    expert_ranks = sharding.expert_replicas(ranks, experts_cut)
    if not np.any(cut.shard):
        return Holders(ranks, expert_ranks, ranks, expert_ranks, degree, experts_cut)
    own = sharding.expert_shard(cut.shard, experts_cut)
    return Holders(
        ranks,
        expert_ranks,
        sharding.shards(ranks, cut.shard, cut.zero_stage),
        sharding.shards(expert_ranks, own, cut.zero_stage),
        degree,
        experts_cut,
    )


def experts_met(job: Job) -> Values:
    """Experts that a token meets, in rows of the busiest rank: more than the model chooses where routing is uneven."""
    if not job.uneven_routing:
        return job.shape.experts_per_token
    recipe = job.recipe
    return routing.busiest_rows(job.shape.experts_per_token, job.layouts.ep, recipe.imbalance, recipe.capacity_factor)


def layer_weights(job: Job, held: Holders) -> tuple[Values, Values, Values]:
    """Weights before tensor parallelism: of a mean layer without experts, of a rank's experts in it, of the edges."""
    cut, shape = job.layouts, job.shape
    always = on_chip.always_weights(shape.shared_weights, shape.router_weights)
    common = sharding.dense_layer_weights(
        shape.attention_weights, shape.dense_weights, always, shape.dense_layers, shape.layers
    )
    own = sharding.expert_layer_weights(
        shape.experts, shape.expert_weights, held.expert_cut, shape.dense_layers, shape.layers
    )
    return common, own, sharding.edge_weights(shape.vocab, shape.hidden, shape.embeddings, cut.pp)


def state_shards(job: Job, held: Holders, plain: Values) -> Values:
    """Over how many ranks the optimizer's states of a chip's plain weights are split, as the fullest of them has it."""
    cut, shape = job.layouts, job.shape
    if not np.any(np.asarray(job.recipe.whole_tensors) > 0.0):
        return held.shards
    largest = sharding.largest_tensor(shape.vocab, shape.hidden, shape.dense_weights, shape.matrices, cut.tp)
    return sharding.owned_spread(held.shards, plain, largest, sharding.owned(job.recipe.whole_tensors, cut.zero_stage))


def held_weights(job: Job, held: Holders) -> tuple[Values, Values]:
    """Weights of one chip before sharding over replicas: those every rank has, and those of its experts."""
    cut, shape = job.layouts, job.shape
    common, own, edge = layer_weights(job, held)
    plain = sharding.stage_weights(shape.layers, common, edge, cut.tp, cut.pp)
    return plain, sharding.stage_weights(shape.layers, own, 0.0, cut.tp, cut.pp)
