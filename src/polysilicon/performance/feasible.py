"""Whether a layout can be run at all: the first constraint it breaks, and the nearest layout that breaks none.

Memory is no constraint here: a layout that needs too much is estimated, and the estimate says that it does not fit.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polysilicon.performance.cluster import Cluster
from polysilicon.performance.layouts import CONTEXTS, SCHEDULES, Layouts
from polysilicon.performance.space import divisors, stages
from polysilicon.records.errors import InputError
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.task import Training

Mask = NDArray[np.bool_]
ALL_TO_ALL, ZERO_BUBBLE = float(CONTEXTS.index("all_to_all")), float(SCHEDULES.index("zero_bubble"))
# How many of the nearest cuts are tried with the nearest of everything else.
TRIED = 64


@dataclass(frozen=True)
class Limits:
    """What a model, a task and a cluster leave to choose from."""

    layers: int
    heads: int
    experts: int
    sequence: int
    batch: int
    chips: int

    @classmethod
    def of(cls, model: Transformer, task: Training, cluster: Cluster) -> "Limits":
        """The limits of one job."""
        chips = int(np.max(cluster.chips))
        return cls(model.layers, model.heads, model.experts, task.sequence_length, task.global_batch, chips)


@dataclass(frozen=True)
class Constraint:
    """One condition: where a table breaks it, and for one candidate what it found and what it allows."""

    name: str
    problem: str
    broken: Callable[[Limits, Layouts], Any]
    found: Callable[[Layouts], str]
    allowed: Callable[[Limits, Layouts], str]


def _uneven(whole: Any, part: Any) -> Any:
    return np.remainder(whole, np.maximum(part, 1.0)) > 0.0


def _expert_degree(cut: Layouts) -> Any:
    return np.where(np.asarray(cut.expert_tp) > 0.0, cut.expert_tp, cut.tp)


def _expert_ranks(cut: Layouts) -> Any:
    """Ranks that may hold different experts."""
    return np.asarray(cut.dp) * cut.cp * cut.tp / np.maximum(_expert_degree(cut), 1.0)


def _one(value: Any) -> int:
    return int(np.ravel(value)[0])


def _said(cut: Layouts, *names: str) -> str:
    return ", ".join(f"{name} {_one(getattr(cut, name))}" for name in names)


def _of(number: int, most: int) -> str:
    """The divisors of a number, those up to `most`."""
    return ", ".join(str(one) for one in divisors(number) if one <= most)


def _rounds(limits: Limits, cut: Layouts) -> Any:
    """Micro-batches of one replica."""
    return limits.batch / (np.asarray(cut.dp) * cut.micro_batch)


CONSTRAINTS = (
    Constraint(
        "chips",
        "the layout asks for more chips than the cluster has",
        lambda limits, cut: np.asarray(cut.chips) > limits.chips,
        lambda cut: f"{_said(cut, 'tp', 'pp', 'dp', 'cp')}: {_one(cut.chips)} chips",
        lambda limits, cut: f"at most {limits.chips} chips",
    ),
    Constraint(
        "heads",
        "the attention heads do not divide by the tensor-parallel degree",
        lambda limits, cut: _uneven(limits.heads, cut.tp),
        lambda cut: _said(cut, "tp"),
        lambda limits, cut: f"divisors of {limits.heads} heads: {_of(limits.heads, limits.chips)}",
    ),
    Constraint(
        "context heads",
        "all-to-all context parallelism shares out heads, and they do not divide by tp * cp",
        lambda limits, cut: (
            (np.asarray(cut.context) == ALL_TO_ALL) & _uneven(limits.heads, np.asarray(cut.tp) * cut.cp)
        ),
        lambda cut: _said(cut, "tp", "cp"),
        lambda limits, cut: f"tp * cp that divides {limits.heads} heads, or a ring",
    ),
    Constraint(
        "sequence",
        "the sequence does not divide by the context-parallel degree",
        lambda limits, cut: _uneven(limits.sequence, cut.cp),
        lambda cut: _said(cut, "cp"),
        lambda limits, cut: f"divisors of {limits.sequence} tokens: {_of(limits.sequence, limits.chips)}",
    ),
    Constraint(
        "sequence parallelism",
        "sequence parallelism cuts the tokens of a rank by tp, and they do not divide",
        lambda limits, cut: (
            (np.asarray(cut.sequence_parallel) > 0.0) & _uneven(limits.sequence, np.asarray(cut.tp) * cut.cp)
        ),
        lambda cut: _said(cut, "tp", "cp"),
        lambda limits, cut: f"tp * cp that divides {limits.sequence} tokens, or no sequence parallelism",
    ),
    Constraint(
        "layers",
        "the pipeline is deeper than the model has layers",
        lambda limits, cut: np.asarray(cut.pp) > limits.layers,
        lambda cut: _said(cut, "pp"),
        lambda limits, cut: f"at most {limits.layers} stages",
    ),
    Constraint(
        "virtual stages",
        "virtual stages need a pipeline and as many whole layers each",
        lambda limits, cut: (
            (np.asarray(cut.interleave) > 1.0)
            & ((np.asarray(cut.pp) == 1.0) | _uneven(limits.layers, np.asarray(cut.pp) * cut.interleave))
        ),
        lambda cut: _said(cut, "pp", "interleave"),
        lambda limits, cut: f"interleave 1, or pp above 1 and pp * interleave that divides {limits.layers} layers",
    ),
    Constraint(
        "zero-bubble",
        "the zero-bubble schedule (ZB-H1) has no virtual stages",
        lambda limits, cut: (np.asarray(cut.schedule) == ZERO_BUBBLE) & (np.asarray(cut.interleave) > 1.0),
        lambda cut: _said(cut, "interleave"),
        lambda limits, cut: "interleave 1, or schedule 1f1b",
    ),
    Constraint(
        "batch",
        "the global batch does not divide by the replicas",
        lambda limits, cut: _uneven(limits.batch, cut.dp),
        lambda cut: _said(cut, "dp"),
        lambda limits, cut: f"divisors of {limits.batch} sequences: {_of(limits.batch, limits.chips)}",
    ),
    Constraint(
        "micro-batch",
        "a replica's share of the global batch does not divide by the micro-batch",
        lambda limits, cut: _uneven(limits.batch / np.asarray(cut.dp), cut.micro_batch),
        lambda cut: _said(cut, "dp", "micro_batch"),
        lambda limits, cut: (
            f"divisors of {limits.batch // _one(cut.dp)} sequences: {_of(limits.batch // _one(cut.dp), limits.batch)}"
        ),
    ),
    Constraint(
        "rounds",
        "the interleaved schedule needs micro-batches in whole rounds of pp",
        lambda limits, cut: (np.asarray(cut.interleave) > 1.0) & _uneven(_rounds(limits, cut), cut.pp),
        lambda cut: _said(cut, "dp", "micro_batch", "pp"),
        lambda limits, cut: "batch / dp / micro_batch a multiple of pp, or interleave 1",
    ),
    Constraint(
        "experts' tensor degree",
        "the tensor degree of the experts does not divide that of the model",
        lambda limits, cut: _uneven(cut.tp, cut.expert_tp) | (np.asarray(cut.expert_tp) > cut.tp),
        lambda cut: _said(cut, "tp", "expert_tp"),
        lambda limits, cut: f"0 (as tp), {_of(_one(cut.tp), _one(cut.tp))}",
    ),
    Constraint(
        "experts' tokens",
        "experts of another tensor degree than the model's need their tokens shared out by sequence parallelism",
        lambda limits, cut: (
            (limits.experts > 0) & (_expert_degree(cut) != cut.tp) & (np.asarray(cut.sequence_parallel) == 0.0)
        ),
        lambda cut: _said(cut, "tp", "expert_tp", "sequence_parallel"),
        lambda limits, cut: "sequence_parallel 1, or expert_tp 0",
    ),
    Constraint(
        "experts",
        "the experts do not divide by the expert-parallel degree",
        lambda limits, cut: (np.asarray(cut.ep) > 1.0) & (_uneven(limits.experts, cut.ep) | (limits.experts == 0)),
        lambda cut: _said(cut, "ep"),
        lambda limits, cut: (
            f"divisors of {limits.experts} experts: {_of(limits.experts, limits.chips)}"
            if limits.experts
            else "1: the model has no experts"
        ),
    ),
    Constraint(
        "expert ranks",
        "the ranks that share out experts do not divide by the expert-parallel degree",
        lambda limits, cut: _uneven(_expert_ranks(cut), cut.ep),
        lambda cut: _said(cut, "ep", "dp", "cp", "tp", "expert_tp"),
        lambda limits, cut: f"divisors of dp * cp * tp / expert_tp: {_of(_one(_expert_ranks(cut)), limits.chips)}",
    ),
    Constraint(
        "shard group",
        "the group that states are split over does not divide the replicas, or no ZeRO stage splits any",
        lambda limits, cut: (
            (np.asarray(cut.shard) > 0.0)
            & (_uneven(np.asarray(cut.dp) * cut.cp, cut.shard) | (np.asarray(cut.zero_stage) == 0.0))
        ),
        lambda cut: _said(cut, "shard", "dp", "cp", "zero_stage"),
        lambda limits, cut: (
            f"0 (all), or with ZeRO divisors of dp * cp: {_of(_one(cut.dp) * _one(cut.cp), limits.chips)}"
        ),
    ),
)


def first_broken(limits: Limits, layouts: Layouts) -> NDArray[np.int_]:
    """For each candidate the place in `CONSTRAINTS` of the first one it breaks, or -1 where it can be run."""
    shape = np.broadcast_shapes(*(np.shape(getattr(layouts, one.name)) for one in fields(layouts)))
    found = np.full(shape, -1)
    for place, one in reversed(list(enumerate(CONSTRAINTS))):
        found = np.where(one.broken(limits, layouts), place, found)
    return found


def check(model: Transformer, task: Training, cluster: Cluster, layouts: Layouts) -> None:
    """Whether every candidate of a table can be run.

    Raises:
        InputError: one can't; the message says which constraint it breaks first, what it found and what it allows,
            and the nearest layout that works.
    """
    limits = Limits.of(model, task, cluster)
    broken = np.ravel(first_broken(limits, layouts))
    if np.all(broken < 0):
        return
    at = int(np.argmax(broken >= 0))
    constraint, cut = CONSTRAINTS[broken[at]], layouts.take(np.array([at]))
    where = f"layout {at + 1} of {len(layouts)}: " if len(layouts) > 1 else ""
    raise InputError(
        f"{where}{model.name}: {constraint.problem}",
        found=Words(constraint.found(cut)),
        allowed=constraint.allowed(limits, cut),
        remedy=f"the nearest layout that works: {changes(cut, nearest(limits, cut))}",
    )


class Words(str):
    """Text that an error shows as it is, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def changes(asked: Layouts, other: Layouts) -> str:
    """In what one candidate differs from another, in words."""
    before, after = asked.row(0), other.row(0)
    return ", ".join(f"{name} {after[name]}" for name in after if after[name] != before[name]) or "the same"


def nearest(limits: Limits, asked: Layouts) -> Layouts:
    """The layout nearest to that of a table of one which breaks no constraint.

    Near means that few degrees change by small factors; using as many chips as were asked for counts twice.
    """
    if first_broken(limits, asked)[0] < 0:
        return asked
    tried = (_completed(limits, asked, cut) for cut in _cuts(limits, asked))
    return min(tried, key=lambda one: _distance(asked, one))


def _cuts(limits: Limits, asked: Layouts) -> Iterator[tuple[int, int, int, int]]:
    """The nearest cuts into tp, pp, dp and cp that divide heads, layers, batch and sequence."""
    tp, pp, dp, cp = (_one(getattr(asked, name)) for name in ("tp", "pp", "dp", "cp"))
    most = limits.chips
    deep = {*stages(limits.layers), min(pp, limits.layers)}
    choices = (divisors(limits.heads), sorted(deep), divisors(limits.batch), divisors(limits.sequence))
    grid = [one.ravel() for one in np.meshgrid(*([c for c in each if c <= most] for each in choices), indexing="ij")]
    chips = np.prod(grid, axis=0)
    off = sum(np.abs(np.log2(column / degree)) for column, degree in zip(grid, (tp, pp, dp, cp), strict=True))
    off = off + 2.0 * np.abs(np.log2(chips / min(tp * pp * dp * cp, most)))
    if _one(asked.context) == ALL_TO_ALL:
        chips = np.where(limits.heads % (grid[0] * grid[3]) == 0, chips, most + 1)
    if _one(asked.sequence_parallel):
        chips = np.where(limits.sequence % (grid[0] * grid[3]) == 0, chips, most + 1)
    off = np.where(chips <= most, off, np.inf)
    for at in np.argsort(off, kind="stable")[:TRIED]:
        if np.isfinite(off[at]):
            yield int(grid[0][at]), int(grid[1][at]), int(grid[2][at]), int(grid[3][at])


def _completed(limits: Limits, asked: Layouts, cut: tuple[int, int, int, int]) -> Layouts:
    """A cut with the nearest of everything else that goes with it."""
    tp, pp, dp, cp = cut
    share = limits.batch // dp
    micro = _closest(divisors(share), _one(asked.micro_batch))
    whole = pp > 1 and limits.layers % pp == 0 and share // micro % pp == 0 and _one(asked.schedule) != ZERO_BUBBLE
    interleave = _closest(divisors(limits.layers // pp) if whole else [1], _one(asked.interleave))
    expert_tp = _one(asked.expert_tp) and _closest(divisors(tp), _one(asked.expert_tp))
    ranks = dp * cp * tp // (expert_tp or tp)
    ep = _closest(
        [one for one in divisors(ranks) if limits.experts and limits.experts % one == 0] or [1], _one(asked.ep)
    )
    stage = _one(asked.zero_stage)
    shard = _closest(divisors(dp * cp), _one(asked.shard)) if _one(asked.shard) and stage else 0
    apart = bool(limits.experts) and expert_tp not in (0, tp)
    if apart and limits.sequence % (tp * cp):
        expert_tp, apart = 0, False
        ranks = dp * cp
        ep = _closest([one for one in divisors(ranks) if limits.experts % one == 0], _one(asked.ep))
    degrees = {"tp": tp, "pp": pp, "dp": dp, "cp": cp, "micro_batch": micro, "interleave": interleave}
    degrees |= {"expert_tp": expert_tp, "ep": ep, "shard": shard}
    degrees["sequence_parallel"] = 1 if apart else _one(asked.sequence_parallel)
    return replace(asked, **{name: np.array([float(value)]) for name, value in degrees.items()})


def _closest(possible: Sequence[int], asked: int) -> int:
    return min(possible, key=lambda one: abs(np.log2(one / max(asked, 1))))


def _distance(asked: Layouts, other: Layouts) -> float:
    """How far two candidates are apart: the factors between their degrees, chips counted twice more."""
    names = ("tp", "pp", "dp", "cp", "ep", "micro_batch", "interleave", "expert_tp", "shard")
    apart = [abs(np.log2((_one(getattr(asked, n)) or 1) / (_one(getattr(other, n)) or 1))) for n in names]
    return float(sum(apart) + 2.0 * abs(np.log2(_one(asked.chips) / _one(other.chips))))
