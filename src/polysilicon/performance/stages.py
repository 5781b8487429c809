"""What the pipeline stages that may be fullest hold of the model and of the micro-batches in flight."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from polysilicon.performance import activations, offload, states
from polysilicon.performance.job import Job, held_weights, holders, layer_weights, state_shards
from polysilicon.performance.kept import handed_bytes, head_bytes, layer_bytes
from polysilicon.performance.pipeline import micro_batches, stage_layers
from polysilicon.performance.sharding import edge_weights
from polysilicon.performance.values import Values

# From which ZeRO stage on a state is split: weights, gradients, optimizer states.
SPLIT_FROM = (3.0, 2.0, 1.0)


@dataclass(frozen=True)
class Stage:
    """Pipeline stages that hold alike weights: layers, weights of the edges before tensor parallelism, and `ends`.

    Each of `ends` is a stage by what tells it from the others: micro-batches in flight, and whether it has the head.
    """

    layers: Values
    edge_weights: Values
    ends: tuple[tuple[Values, Values], ...]


@dataclass(frozen=True)
class Common:
    """What all stages share: weights of a mean layer, bytes a weight of each state, activations of a layer, the head.

    `widths` are the bytes a weight of weights, gradients and optimizer states on a chip: of plain weights, and of
    experts. `whole` are those of weights and gradients when gathered, with the replicas that split plain ones and those
    that split experts.
    """

    layer_weights: Values
    expert_layer_weights: Values
    widths: tuple[tuple[Values, Values], ...]
    whole: tuple[tuple[Values, Values, Values], ...]
    layer: Values
    working: Values
    head: Values


def common(job: Job) -> Common:
    """What all stages of each candidate share."""
    cut, recipe, held = job.layouts, job.recipe, holders(job)
    plain, own, _ = layer_weights(job, held)
    trained = states.trained_share(recipe.frozen, recipe.adapter_share)
    shards = *(held.shards,) * (len(SPLIT_FROM) - 1), state_shards(job, held, held_weights(job, held)[0])
    spread = [states.spread(one, cut.zero_stage, least) for one, least in zip(shards, SPLIT_FROM, strict=True)]
    experts = spread
    if job.mixed:
        experts = [states.spread(held.expert_shards, cut.zero_stage, least) for least in SPLIT_FROM]
    widths = recipe.weight_bytes, states.trained_bytes(recipe.reduce_bytes, trained)
    whole = tuple(zip(widths, spread[:2], experts[:2], strict=True))
    return Common(plain, own, _widths(job, trained, spread, experts), whole, *layer_bytes(job), head_bytes(job))


def _widths(
    job: Job, trained: Values, spread: list[Values], experts: list[Values]
) -> tuple[tuple[Values, Values], ...]:
    cut, recipe = job.layouts, job.recipe
    copy = states.working_copy_bytes(
        recipe.weight_bytes,
        recipe.shard_bytes,
        cut.zero_stage,
        job.rates.narrow,
        recipe.kept_operands,
        job.rates.operand_bytes,
        recipe.narrow_weights,
        recipe.frozen,
        recipe.adapter_share,
    )
    gradient = states.trained_bytes(recipe.gradient_bytes, trained)
    optimizer = states.trained_bytes(recipe.optimizer_bytes, trained)
    return tuple(
        (states.split_bytes(width, plain), states.split_bytes(width, own))
        for width, plain, own in zip((copy, gradient, optimizer), spread, experts, strict=True)
    )


def stages(job: Job) -> Iterator[Stage]:
    """The first stage and the others that may be fuller: the last, and the second where layers are uneven."""
    cut, shape = job.layouts, job.shape
    batches = micro_batches(job.global_batch, cut.dp, cut.micro_batch)
    longest, spared = stage_layers(shape.layers, cut.pp), states.spared_layers(shape.layers, cut.pp)
    edge = edge_weights(shape.vocab, shape.hidden, shape.embeddings, cut.pp)
    deep, ahead = np.asarray(cut.pp) > 1.0, job.recipe.predicted_ahead
    first = activations.first_in_flight(cut.pp, cut.interleave, batches), np.where(deep, 0.0, 1.0)
    if not np.any(deep):
        yield Stage(_with_ahead(longest, ahead), edge, (first,))
        return
    last = activations.last_in_flight(cut.pp, cut.interleave, batches), 1.0
    if not np.any(spared) and not np.any(np.asarray(ahead) > 0.0):
        yield Stage(longest, edge, (first, last))
        return
    yield Stage(states.edge_layers(longest, spared, 2.0), edge, (first,))
    yield Stage(_with_ahead(states.edge_layers(longest, spared, 1.0), ahead), edge, (last,))
    yield Stage(longest, 0.0, ((activations.second_in_flight(first[0], cut.pp, cut.interleave), 0.0),))


def _with_ahead(layers: Values, ahead: Values) -> Values:
    """Layers of the stage that holds the head, with those that predict further tokens."""
    return states.layers_with_ahead(layers, ahead) if np.any(np.asarray(ahead) > 0.0) else layers


def state_bytes(job: Job, shared: Common, stage: Stage) -> tuple[Values, Values, Values]:
    """Weights, gradients and optimizer states of a stage on one chip, as if none lay on the host."""
    weights = stage.layers, shared.layer_weights, shared.expert_layer_weights, stage.edge_weights, job.layouts.tp
    weight, gradient, optimizer = (states.state_bytes(*weights, *widths) for widths in shared.widths)
    return weight, gradient, optimizer


def gathered_bytes(job: Job, shared: Common, stage: Stage) -> Values:
    """What split weights and gradients hold whole for the moment."""
    cut = job.layouts
    weights = shared.layer_weights, shared.expert_layer_weights
    one, two = (states.units_at_once(stage.layers, cut.pp, units) for units in (1.0, 2.0))
    gradients_edge = states.shared_edge_weights(stage.edge_weights, cut.pp)
    return states.gathered_bytes(
        states.whole_unit_bytes(*weights, stage.edge_weights, cut.tp, two, *shared.whole[0]),
        states.whole_unit_bytes(*weights, gradients_edge, cut.tp, one, *shared.whole[1]),
    )


def on_chip_bytes(job: Job, shared: Common, stage: Stage) -> Values:
    """The sum of `on_chip_states`, in one go where all of it stays on the chip."""
    if job.offloads:
        return states.all_states_bytes(*on_chip_states(job, shared, stage))
    plain, own = (states.all_states_bytes(*widths) for widths in zip(*shared.widths, strict=True))
    weights = stage.layers, shared.layer_weights, shared.expert_layer_weights, stage.edge_weights, job.layouts.tp
    return states.state_bytes(*weights, plain, own)


def on_chip_states(job: Job, shared: Common, stage: Stage) -> tuple[Values, Values, Values]:
    """Weights, gradients and optimizer states of a stage that stay on the chip."""
    cut = job.layouts
    weight, gradient, optimizer = state_bytes(job, shared, stage)
    if not job.offloads:
        return weight, gradient, optimizer
    two = states.layers_share(stage.layers, 2.0)
    return (
        offload.kept_on_chip_bytes(weight, cut.offload_weights, two * weight),
        gradient,
        offload.kept_on_chip_bytes(optimizer, cut.offload_optimizer, two * optimizer),
    )


def held_activations(job: Job, shared: Common, stage: Stage, in_flight: Values, has_head: Values) -> Values:
    """Activations of the micro-batches in flight that stay on the chip."""
    cut, kept = job.layouts, job.recipe.kept_boundaries
    held = activations.stage_activation_bytes(shared.layer, stage.layers, in_flight)
    if job.offloads:
        held = offload.kept_on_chip_bytes(held, cut.offload_activations, 2.0 * shared.layer)
    if not np.any(np.asarray(kept) > 0.0):
        return held
    batches = micro_batches(job.global_batch, cut.dp, cut.micro_batch)
    sizes = handed_bytes(job), cut.pp, cut.interleave, in_flight, batches
    return activations.with_boundaries_bytes(held, *sizes, has_head, kept)


def host_bytes(job: Job, shared: Common, stage: Stage, in_flight: Values) -> Values:
    """What a chip of a stage keeps in host memory."""
    if not job.offloads:
        return 0.0
    cut = job.layouts
    weight, _, optimizer = state_bytes(job, shared, stage)
    held = activations.stage_activation_bytes(shared.layer, stage.layers, in_flight)
    shares = cut.offload_optimizer, cut.offload_activations, cut.offload_weights
    return offload.host_bytes(optimizer, held, weight, *shares)
