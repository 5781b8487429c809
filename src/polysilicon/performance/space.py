"""Every layout of a job on a number of chips: which cuts divide it, and which choices each cut leaves."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polysilicon.performance.grid import COLUMNS, Floats, Grid, table_of
from polysilicon.performance.layouts import CONTEXTS, RECOMPUTE, SCHEDULES, Layouts
from polysilicon.performance.pipeline import stage_layers
from polysilicon.performance.values import PRECISIONS
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.task import Training

Bools = NDArray[np.bool_]
CUTS = ("tp", "pp", "dp", "cp", "ep", "expert_tp", "micro_batch", "interleave")


@dataclass(frozen=True)
class Space:
    """What a search varies. No degrees means: every one that divides. `Space.wide` varies everything.

    Layouts on any number of chips up to the budget that the batch and the heads can share evenly over some pipeline are
    tried, or only on those of `sizes`. Whether a host has room for what is offloaded, no record says.
    """

    precisions: Sequence[str] = ("bf16",)
    recompute: Sequence[str] = ("none", "full")
    recomputed_shares: Sequence[float] = (1.0,)
    zero_stages: Sequence[int] = (0, 1, 2, 3)
    shards: Sequence[int] = (0,)
    sequence_parallel: Sequence[int] = (1,)
    contexts: Sequence[str] = ("ring",)
    schedules: Sequence[str] = ("1f1b",)
    offload_optimizer: Sequence[float] = (0.0,)
    offload_activations: Sequence[float] = (0.0,)
    offload_weights: Sequence[float] = (0.0,)
    sizes: Sequence[int] = ()
    tp: Sequence[int] = ()
    pp: Sequence[int] = ()
    cp: Sequence[int] = (1,)
    ep: Sequence[int] = ()
    expert_tp: Sequence[int] = (0,)
    micro_batch: Sequence[int] = ()
    interleave: Sequence[int] = ()

    @classmethod
    def wide(cls, **narrowed: Any) -> "Space":
        """Everything that can be chosen, but for what `narrowed` says."""
        parts, switch = (0.0, 0.5, 1.0), (0, 1)
        everything: dict[str, Any] = {
            "recompute": RECOMPUTE,
            "recomputed_shares": (0.25, 0.5, 0.75, 1.0),
            "shards": (0, 2, 4, 8, 16, 32, 64),
            "sequence_parallel": switch,
            "contexts": CONTEXTS,
            "schedules": SCHEDULES,
            "offload_optimizer": parts,
            "offload_activations": parts,
            "offload_weights": parts,
            "cp": (1, 2, 4, 8, 16),
            "expert_tp": switch,
        }
        return cls(**(everything | narrowed))


@dataclass(frozen=True)
class Terms:
    """What besides the cut decides whether a choice means anything, or is possible."""

    model: Transformer
    task: Training
    fused_attention: bool = True
    drops_more: bool = False

    @property
    def selects(self) -> bool:
        """Whether selective recomputation drops anything: attention's scores, or results of products."""
        return self.drops_more or not self.fused_attention


Rule = Callable[[Terms, Any, Any], Any]


def _always(terms: Terms, cut: Any, one: Any) -> Any:
    return True


@dataclass(frozen=True)
class Axis:
    """One choice: its columns, the values a space asks for, and two rules over all cuts and values at once.

    Where a value is not `meant`, it is the same candidate as the neutral one, and counts as that; where it is not
    `possible`, there is no such candidate.
    """

    columns: tuple[str, ...]
    neutral: tuple[float, ...]
    asked: Callable[[Space], Sequence[tuple[float, ...]]]
    meant: Rule = _always
    possible: Rule = _always

    def values(self, space: Space) -> Floats:
        """The neutral value, then those asked for, each once: one row a value, one column a column."""
        return np.array(list(dict.fromkeys((self.neutral, *self.asked(space)))))

    def used(self, space: Space, terms: Terms, cut: Any) -> Bools:
        """Which of the values each cut takes: one row a cut."""
        values = self.values(space)
        one = SimpleNamespace(**dict(zip(self.columns, values.T, strict=True)))
        shape = (len(cut.tp), len(values))
        meant = np.array(np.broadcast_to(self.meant(terms, cut, one), shape))
        possible = np.broadcast_to(self.possible(terms, cut, one), shape)
        asked = np.array([tuple(value) in set(self.asked(space)) for value in values])
        taken: Bools = meant & asked
        taken[:, 0] |= (~meant & asked).any(axis=1)
        taken &= possible
        return taken


def _recomputed(space: Space) -> list[tuple[float, ...]]:
    return [
        (float(RECOMPUTE.index(one)), share)
        for one in space.recompute
        for share in (space.recomputed_shares if one == "full" else (1.0,))
    ]


def _sharded(space: Space) -> list[tuple[float, ...]]:
    return [(float(stage), float(shard)) for stage in space.zero_stages for shard in (space.shards if stage else (0,))]


def _offloaded(name: str) -> Axis:
    return Axis(
        (name,),
        (0.0,),
        lambda space: [(float(one),) for one in getattr(space, name)],
    )


def _whole_layers(terms: Terms, cut: Any, one: Any) -> Any:
    layers = np.ceil(terms.model.layers / cut.pp) * one.recomputed_share
    return (one.recompute != RECOMPUTE.index("full")) | (np.abs(layers - np.round(layers)) < 1e-6)


def _shardable(terms: Terms, cut: Any, one: Any) -> Any:
    """In a pipeline gradients and weights stay whole, as every micro-batch in flight needs them; groups are equal."""
    replicas = cut.dp * cut.cp
    group = np.where(one.shard > 0, one.shard, 1)
    return ((one.zero_stage < 2) | (cut.pp == 1)) & (group < np.maximum(replicas, 2)) & (replicas % group == 0)


# An axis is one line: what it sets, its neutral value, what is asked, where that means anything and is possible.
AXES = (
    Axis(
        ("precision",),
        (float(PRECISIONS.index("bf16")),),
        lambda space: [(float(PRECISIONS.index(one)),) for one in space.precisions],
    ),
    Axis(
        ("sequence_parallel",),
        (0.0,),
        lambda space: [(float(one),) for one in space.sequence_parallel],
        lambda terms, cut, one: (cut.tp > 1) & (np.remainder(terms.task.sequence_length, cut.tp * cut.cp) == 0),
        lambda terms, cut, one: (one.sequence_parallel > 0) | (cut.expert_tp == 0),  # their tokens must be shared out
    ),
    Axis(
        ("context",),
        (0.0,),
        lambda space: [(float(CONTEXTS.index(one)),) for one in space.contexts],
        lambda terms, cut, one: cut.cp > 1,
        lambda terms, cut, one: (one.context == 0) | (np.remainder(terms.model.heads, cut.tp * cut.cp) == 0),
    ),
    Axis(
        ("recompute", "recomputed_share"),
        (0.0, 1.0),
        _recomputed,
        lambda terms, cut, one: (one.recompute != RECOMPUTE.index("selective")) | terms.selects,
        _whole_layers,
    ),
    Axis(
        ("schedule",),
        (0.0,),
        lambda space: [(float(SCHEDULES.index(one)),) for one in space.schedules],
        lambda terms, cut, one: cut.pp > 1,
        lambda terms, cut, one: (one.schedule == 0) | (cut.interleave == 1),
    ),
    _offloaded("offload_activations"),
    _offloaded("offload_weights"),
    _offloaded("offload_optimizer"),
    Axis(("zero_stage", "shard"), (0.0, 0.0), _sharded, lambda terms, cut, one: cut.dp * cut.cp > 1, _shardable),
)


def grids(terms: Terms, sizes: Sequence[int], domain: int, space: Space) -> list[Grid]:
    """Every layout that uses exactly one of `sizes` chips and divides the model and the batch.

    Tensor parallelism stays inside the scale-up domain and divides the heads; pipeline stages hold whole layers, the
    last ones one fewer where they must; replicas divide the batch; expert parallelism divides the experts and the
    ranks that share them. Cuts that leave the same choices stand in one grid, so that every candidate of a grid is one
    that can be.
    """
    rows = [cut for chips in sizes for cut in _cuts(terms.model, terms.task, chips, domain, space)]
    if not rows:
        return []
    cuts = np.array(rows, dtype=float)
    cut = SimpleNamespace(**{name: cuts[:, [at]] for at, name in enumerate(CUTS)})
    used = [axis.used(space, terms, cut) for axis in AXES]
    patterns, which = np.unique(np.packbits(np.concatenate(used, axis=1), axis=1), axis=0, return_inverse=True)
    found = []
    for kind in range(len(patterns)):
        mine = np.flatnonzero(np.ravel(which) == kind)
        taken = [axis.values(space)[one[mine[0]]] for axis, one in zip(AXES, used, strict=True)]
        if all(len(values) for values in taken):
            columns = {name: np.ascontiguousarray(cuts[mine, at]) for at, name in enumerate(CUTS)}
            found.append(Grid(columns, tuple(_columns(axis, one) for axis, one in zip(AXES, taken, strict=True))))
    return found


def _columns(axis: Axis, values: Floats) -> Mapping[str, Floats]:
    return {name: np.ascontiguousarray(values[:, at]) for at, name in enumerate(axis.columns)}


def layouts(model: Transformer, task: Training, chips: int, domain: int, space: Space) -> Layouts:
    """Every layout on exactly `chips` chips as one flat table."""
    found = grids(Terms(model, task), [chips], domain, space)
    return table_of(np.concatenate([np.zeros((0, len(COLUMNS))), *(one.rows(np.arange(len(one))) for one in found)]))


def divisors(number: int) -> list[int]:
    """Every divisor, ascending."""
    return list(_divisors(number))


@lru_cache(maxsize=65_536)
def _divisors(number: int) -> tuple[int, ...]:
    small = [one for one in range(1, int(number**0.5) + 1) if number % one == 0]
    return tuple(sorted({*small, *(number // one for one in small)}))


def stages(layers: int) -> list[int]:
    """Pipeline depths worth a look: those that divide the layers, powers of two, and of equal pace the shallowest.

    The longest stage sets the pace: of the depths whose longest stage has as many layers, the shallowest has as much
    work a stage on fewest chips.
    """
    return list(_stages(layers))


@lru_cache(maxsize=1024)
def _stages(layers: int) -> tuple[int, ...]:
    powers = {2**power for power in range(layers.bit_length()) if 2**power <= layers}
    # Below the root every depth has a pace of its own, and above it every pace a depth: so both are asked that far.
    short = range(1, isqrt(layers) + 2)
    shallowest = {-(-layers // longest) for longest in (*short, *(-(-layers // depth) for depth in short))}
    return tuple(sorted({*divisors(layers), *powers, *shallowest}))


def depths(layers: int, space: Space) -> Sequence[int]:
    """Pipeline depths that a search tries; one that is asked for need not be among those worth a look."""
    return sorted({one for one in space.pp if one <= layers}) if space.pp else stages(layers)


def _cuts(
    model: Transformer, task: Training, chips: int, domain: int, space: Space
) -> Iterator[tuple[int, int, int, int, int, int, int, int]]:
    """Every cut that divides, as `CUTS` names it."""
    batch, layers = task.global_batch, model.layers
    deep = frozenset(depths(layers, space))
    for tp in _chosen(divisors(chips), space.tp):
        if tp > domain or model.heads % tp:
            continue
        for pp in [one for one in divisors(chips // tp) if one in deep]:
            for cp in _chosen(divisors(chips // tp // pp), space.cp):
                dp = chips // tp // pp // cp
                if batch % dp or task.sequence_length % cp:
                    continue
                for ep, expert_tp in _experts(model, dp * cp, tp, space):
                    for micro in _chosen(divisors(batch // dp), space.micro_batch):
                        for interleave in _interleaves(layers, pp, batch // dp // micro, space):
                            yield tp, pp, dp, cp, ep, expert_tp, micro, interleave


def _chosen(possible: Sequence[int], asked: Sequence[int]) -> Sequence[int]:
    return [one for one in possible if one in asked] if asked else possible


def _experts(model: Transformer, replicas: int, tp: int, space: Space) -> list[tuple[int, int]]:
    """Expert-parallel degrees with the tensor-parallel degree of the experts; ranks that the latter frees join in."""
    if not model.experts:
        return [(1, 0)]
    found = []
    for expert_tp in sorted({0 if one in (0, tp) else one for one in space.expert_tp if not one or tp % one == 0}):
        ranks = replicas * (tp // expert_tp if expert_tp else 1)
        found += [(one, expert_tp) for one in _chosen(divisors(ranks), space.ep) if model.experts % one == 0]
    return found


def _interleaves(layers: int, pp: int, batches: int, space: Space) -> Sequence[int]:
    """Virtual stages: whole layers of the longest stage each, and the schedule needs micro-batches in whole rounds."""
    if pp == 1:
        return [1]
    longest = int(stage_layers(layers, pp))
    return _chosen(divisors(longest) if batches % pp == 0 else [1], space.interleave)
