"""What a stretch of a model's layers takes a pool: part of one 1F1B pipeline, with a link to the next pool.

Every pool takes the same sequences a round, cut over its own chips as it likes. A step ends when the slowest stage has
worked through its rounds, the other stages have filled and drained the pipeline, and the slowest pool has reduced its
gradients and updated its weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from polysilicon.performance import communication as wire
from polysilicon.performance import layer as on_chip
from polysilicon.performance import pipeline as whole
from polysilicon.performance.collectives import send_s
from polysilicon.performance.job import Job
from polysilicon.performance.layouts import Layouts
from polysilicon.performance.memory import memory
from polysilicon.performance.pool_layouts import of_a_stretch
from polysilicon.performance.pools import Link, Seat, link_latency_s, share_of_link
from polysilicon.performance.step import Breakdown, breakdown
from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula

Floats = NDArray[np.float64]
# Sequences of a round, and stages.
Kind = tuple[int, int]


@formula
def stretch_dense_layers(dense_layers: Values, layers: Values, all_layers: Values) -> Values:
    """Layers without experts in a stretch of the model, as if they lay evenly among the others.

    Source: DeepSeek-AI, DeepSeek-V3 (arXiv 2412.19437), section 4.2: a few of the layers have no experts.
    """
    return dense_layers * layers / all_layers


@formula
def stage_s(
    layers_s: Values,
    head_s: Values,
    tensor_s: Values,
    context_s: Values,
    expert_s: Values,
    neighbours_s: Values,
    crossing_s: Values,
) -> Values:
    """Time in which a pool's busiest stage works through the rounds of a step; it waits for its slower neighbour.

    Source: Narayanan et al. (arXiv 2104.04473), section 2.2: the slowest stage sets the pace of a pipeline.
    """
    return layers_s + head_s + tensor_s + context_s + expert_s + np.maximum(neighbours_s, crossing_s)


@formula
def pass_s(layers_s: Values, tensor_s: Values, context_s: Values, expert_s: Values, micro_batches: Values) -> Values:
    """One micro-batch forward and backward through a pool's longest stage.

    Source: Narayanan et al. (arXiv 2104.04473), section 2.2.
    """
    return (layers_s + tensor_s + context_s + expert_s) / micro_batches


@formula
def paced_s(stage_s: Values, pass_s: Values) -> Values:
    """What a pool's stage takes beyond one pass: its rounds but one.

    Source: Narayanan et al. (arXiv 2104.04473), section 2.2.
    """
    return stage_s - pass_s


@formula
def through_s(pass_s: Values, layers: Values, stage_layers: Values) -> Values:
    """One micro-batch forward and backward through all stages of a pool.

    Source: Narayanan et al. (arXiv 2104.04473), section 2.2.
    """
    return pass_s * layers / stage_layers


@formula
def afterwards_s(data_s: Values, optimizer_s: Values) -> Values:
    """Time of a pool's own gradients and optimizer when the pipeline has drained.

    Source: Narayanan et al. (arXiv 2104.04473), section 2.
    """
    return data_s + optimizer_s


@dataclass(frozen=True)
class Stretch:
    """What layouts of one pool take in a step, by number of layers (rows, from nought on) and layout (columns) [s]."""

    paced_s: Floats
    through_s: Floats
    after_s: Floats

    @property
    def times(self) -> tuple[Floats, Floats, Floats]:
        """The three times."""
        return self.paced_s, self.through_s, self.after_s


@dataclass(frozen=True)
class LayerShare:
    """What one pool gets: a layout and a number of layers; the times are of its own part of a step."""

    seat: Seat
    layouts: Layouts
    job: Job
    layers: int
    parts: Breakdown
    crossing_s: float
    paced_s: float
    through_s: float
    after_s: float
    memory_bytes: float


@dataclass(frozen=True)
class LayerSeat:
    """A pool, and how long each number of layers takes it with each of its layouts, wherever it stands in a pipeline.

    `tables` holds what was worked out already, by place, sequences of a round, and stages behind.
    """

    seat: Seat
    tables: dict[object, tuple[Job, Breakdown]] = field(default_factory=dict, compare=False)
    room: dict[object, NDArray[np.bool_]] = field(default_factory=dict, compare=False)

    @cached_property
    def layouts(self) -> dict[Kind, Layouts]:
        """Layouts by the sequences of a round and the depth."""
        table, batch = of_a_stretch(self.seat), self.seat.task.global_batch
        together, depth = np.asarray(table.dp) * table.micro_batch, np.asarray(table.pp)
        found = {}
        for one in np.unique(together):
            for deep in np.unique(depth):
                chosen = (together == one) & (depth == deep)
                if batch % one == 0 and deep <= self.seat.model.layers and chosen.any():
                    found[int(one), int(deep)] = table.take(chosen)
        return found

    def stretch(self, kind: Kind, place: str, behind: int, link: Link) -> Stretch:
        """What every number of layers takes with layouts of one kind; for ever where it doesn't fit into memory."""
        layouts = self.layouts[kind]
        if (kind, place) not in self.tables:
            counts = np.arange(0.0, self.seat.model.layers + 1.0)[:, np.newaxis]
            job = self.seat.job(layouts, float(self.seat.task.global_batch))
            made = part_of(job, np.maximum(counts, 1.0), place)
            self.tables[kind, place] = made, parts_of(made, place)
        if (kind, place, behind) not in self.room:
            self.room[kind, place, behind] = self._fits(self.tables[kind, place][0], behind)
        made, parts = self.tables[kind, place]
        _, paced, through, after = times_of(made, parts, link)
        room = self.room[kind, place, behind]
        return Stretch(
            np.where(room, paced, np.inf), np.broadcast_to(through, room.shape), np.broadcast_to(after, room.shape)
        )

    def _fits(self, job: Job, behind: int) -> NDArray[np.bool_]:
        """Which numbers of layers fit, and fill the stages."""
        counts = np.arange(0.0, self.seat.model.layers + 1.0)[:, np.newaxis]
        used = memory(_deeper(job, behind)).memory_bytes
        fits = np.asarray(used) <= self.seat.pool.cluster.memory_bytes
        filled: NDArray[np.bool_] = fits & (counts >= job.layouts.pp)
        return filled


def part_of(job: Job, layers: Values, place: str) -> Job:
    """The part of a job that so many layers are; the ends of the pipeline hold the embedding or the head."""
    shape = job.shape
    dense = stretch_dense_layers(shape.dense_layers, layers, shape.layers)
    vocab = 0.0 if place == "middle" else shape.vocab
    return replace(job, shape=replace(shape, layers=layers, dense_layers=dense, embeddings=1.0, vocab=vocab))


def parts_of(job: Job, place: str) -> Breakdown:
    """Where the step of a stretch goes; only the last one has the head."""
    parts = breakdown(job)
    return parts if place == "last" else replace(parts, head_s=0.0)


def _deeper(job: Job, behind: int) -> Job:
    """The job of a pipeline of such stages that is as deep as what lies from this pool to the end.

    Its first stage holds as many micro-batches in flight as the pool's first stage does.
    """
    depth = np.asarray(job.layouts.pp) + behind
    layers = np.asarray(job.shape.layers) / job.layouts.pp * depth
    dense = stretch_dense_layers(job.shape.dense_layers, layers, job.shape.layers)
    return replace(
        job, layouts=replace(job.layouts, pp=depth), shape=replace(job.shape, layers=layers, dense_layers=dense)
    )


def times_of(job: Job, parts: Breakdown, link: Link) -> tuple[Values, Values, Values, Values]:
    """Crossing the link, the rounds but one, one pass through all stages, and what comes afterwards."""
    cut, shape = job.layouts, job.shape
    rounds = whole.micro_batches(job.global_batch, cut.dp, cut.micro_batch)
    crossing = whole.batches_s(_crossing_s(job, link), 1.0, rounds)
    inside = parts.tensor_s, parts.context_s, parts.expert_s
    stage = stage_s(parts.layers_s, parts.head_s, *inside, parts.pipeline_s, crossing)
    one = pass_s(parts.layers_s, *inside, rounds)
    through = through_s(one, shape.layers, whole.stage_layers(shape.layers, cut.pp))
    return crossing, paced_s(stage, one), through, afterwards_s(parts.data_s, parts.optimizer_s)


def _crossing_s(job: Job, link: Link) -> Values:
    """Exposed time of one micro-batch's activations and their gradients on the link."""
    cut, shape, rates = job.layouts, job.shape, job.rates
    tokens = on_chip.chip_tokens(cut.micro_batch, job.sequence, cut.cp)
    size = wire.boundary_bytes(tokens, shape.hidden, on_chip.sequence_cut(cut.tp, cut.sequence_parallel))
    every = on_chip.chip_tokens(np.asarray(cut.dp) * cut.micro_batch, job.sequence, 1.0)
    crossing = wire.boundary_bytes(every, shape.hidden, 1.0)
    pace = share_of_link(rates.scaleout_bytes_per_s, link.bytes_per_s, size, crossing)
    one = send_s(size, pace, link_latency_s(rates.scaleout_latency_s, link.latency_s))
    return wire.pipeline_s(one, 2.0, 1.0, job.efficiency["pipeline_overlap"])


def stretched(chosen: Sequence[tuple[Seat, Layouts, int]], link: Link) -> list[LayerShare]:
    """What pools with one layout and a number of layers each do as stretches of one pipeline, in their order."""
    behind, shares = 0, []
    for at in range(len(chosen) - 1, -1, -1):
        seat, layouts, layers = chosen[at]
        place = place_of(at, len(chosen))
        job = part_of(seat.job(layouts, float(seat.task.global_batch)), float(layers), place)
        parts = parts_of(job, place)
        crossing, paced, through, after = (float(np.ravel(one)[0]) for one in times_of(job, parts, link))
        used = float(np.ravel(memory(_deeper(job, behind)).memory_bytes)[0])
        shares.append(LayerShare(seat, layouts, job, layers, parts, crossing, paced, through, after, used))
        behind += int(np.ravel(layouts.pp)[0])
    return shares[::-1]


def place_of(at: int, pools: int) -> str:
    """Where in the pipeline a pool stands."""
    return "last" if at == pools - 1 else "first" if at == 0 else "middle"
