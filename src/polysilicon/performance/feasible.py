"""Whether a layout can be run at all: the first constraint it breaks, and the nearest layout that breaks none.

Memory is no constraint here: a layout that needs too much is estimated, and the estimate says that it does not fit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from polysilicon.performance.cluster import Cluster
from polysilicon.performance.constraints import ALL_TO_ALL, CONSTRAINTS, ZERO_BUBBLE, Limits, first_broken, single
from polysilicon.performance.domain import refuse_unmodelled
from polysilicon.performance.layouts import Layouts, settled
from polysilicon.performance.pipeline import stage_layers
from polysilicon.performance.space import divisors, stages
from polysilicon.records.errors import InputError
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.task import Training

# How many of the nearest cuts are tried with the nearest of everything else.
TRIED = 64


def check(model: Transformer, task: Training, cluster: Cluster, layouts: Layouts) -> None:
    """Whether every candidate of a table can be run.

    Raises:
        Unsupported: the training of this model is not modelled.
        InputError: one can't; the message says which constraint it breaks first, what it found and what it allows,
            and the nearest layout that works.
    """
    refuse_unmodelled(model)
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
    tp, pp, dp, cp = (single(getattr(asked, name)) for name in ("tp", "pp", "dp", "cp"))
    most = limits.chips
    deep = {*stages(limits.layers), min(pp, limits.layers)}
    choices = (divisors(limits.heads), sorted(deep), divisors(limits.batch), divisors(limits.sequence))
    grid = [one.ravel() for one in np.meshgrid(*([c for c in each if c <= most] for each in choices), indexing="ij")]
    chips = np.prod(grid, axis=0)
    off = sum(np.abs(np.log2(column / degree)) for column, degree in zip(grid, (tp, pp, dp, cp), strict=True))
    off = off + 2.0 * np.abs(np.log2(chips / min(tp * pp * dp * cp, most)))
    if single(asked.context) == ALL_TO_ALL:
        chips = np.where(limits.heads % (grid[0] * grid[3]) == 0, chips, most + 1)
    if single(asked.sequence_parallel):
        chips = np.where(limits.sequence % (grid[0] * grid[3]) == 0, chips, most + 1)
    off = np.where(chips <= most, off, np.inf)
    for at in np.argsort(off, kind="stable")[:TRIED]:
        if np.isfinite(off[at]):
            yield int(grid[0][at]), int(grid[1][at]), int(grid[2][at]), int(grid[3][at])


def _completed(limits: Limits, asked: Layouts, cut: tuple[int, int, int, int]) -> Layouts:
    """A cut with the nearest of everything else that goes with it."""
    tp, pp, dp, cp = cut
    share = limits.batch // dp
    micro = _closest(divisors(share), single(asked.micro_batch))
    cyclic = pp > 1 and share // micro % pp == 0 and single(asked.schedule) != ZERO_BUBBLE
    virtual = divisors(int(stage_layers(limits.layers, pp))) if cyclic else [1]
    interleave = _closest(virtual, single(asked.interleave))
    expert_tp = single(asked.expert_tp) and _closest(divisors(tp), single(asked.expert_tp))
    ranks = dp * cp * tp // (expert_tp or tp)
    ep = _closest(
        [one for one in divisors(ranks) if limits.experts and limits.experts % one == 0] or [1], single(asked.ep)
    )
    stage = single(asked.zero_stage)
    shard = _closest(divisors(dp * cp), single(asked.shard)) if single(asked.shard) and stage else 0
    apart = bool(limits.experts) and expert_tp not in (0, tp)
    if apart and limits.sequence % (tp * cp):
        expert_tp, apart = 0, False
        ranks = dp * cp
        ep = _closest([one for one in divisors(ranks) if limits.experts % one == 0], single(asked.ep))
    degrees = {"tp": tp, "pp": pp, "dp": dp, "cp": cp, "micro_batch": micro, "interleave": interleave}
    degrees |= {"expert_tp": expert_tp, "ep": ep, "shard": shard}
    degrees["sequence_parallel"] = 1 if apart else single(asked.sequence_parallel)
    return settled(replace(asked, **{name: np.array([float(value)]) for name, value in degrees.items()}))


def _closest(possible: Sequence[int], asked: int) -> int:
    return min(possible, key=lambda one: abs(np.log2(one / max(asked, 1))))


def _distance(asked: Layouts, other: Layouts) -> float:
    """How far two candidates are apart: the factors between their degrees, chips counted twice more."""
    names = ("tp", "pp", "dp", "cp", "ep", "micro_batch", "interleave", "expert_tp", "shard")
    apart = [abs(np.log2((single(getattr(asked, n)) or 1) / (single(getattr(other, n)) or 1))) for n in names]
    return float(sum(apart) + 2.0 * abs(np.log2(single(asked.chips) / single(other.chips))))
