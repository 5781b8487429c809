"""A job split over pools: what a step of it takes and how sure that is, and where each pool's time goes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from polysilicon.performance.cluster import Reading
from polysilicon.performance.failures import NINETY
from polysilicon.performance.job import Job
from polysilicon.performance.layouts import Layouts
from polysilicon.performance.pool_data import DataShare, shared
from polysilicon.performance.pool_layers import LayerShare, stretched
from polysilicon.performance.pools import UNCOUNTED, Link, Pool, Seat, overhead_s
from polysilicon.performance.step import Breakdown
from polysilicon.performance.training import (
    bound_s,
    doubt_widening,
    doubts_of,
    memory_bound_bytes,
    peak_flop_per_s,
    possible_s,
    precisions_of,
    widening_of,
)
from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula
from polysilicon.records.units import GIB
from polysilicon.workloads.counts import Shape

# By how much each pool takes longer than estimated.
Errors = Sequence[Values]
By = Literal["data", "layers"]
SPLITS: tuple[By, ...] = ("data", "layers")
COMPUTE = ("layers_s", "head_s", "optimizer_s")
# So many errors are looked at together where pools of several families err apart.
DRAWN = 20_000
TAIL = 0.05


@formula
def later_s(one_s: Values, other_s: Values) -> Values:
    """Time until both are done.

    Source: Valiant, A Bridging Model for Parallel Computation (CACM 33(8), 1990): a step ends with its slowest.
    """
    return np.maximum(one_s, other_s)


@formula
def one_after_other_s(one_s: Values, other_s: Values) -> Values:
    """Time of one pass through both of two stretches of a pipeline.

    Source: Narayanan et al. (arXiv 2104.04473), section 2.2.
    """
    return one_s + other_s


@formula
def by_data_s(slowest_s: Values, link_s: Values) -> Values:
    """Step of a batch shared by pools: the slowest is ready, then gradients have crossed the link.

    Source: Valiant (CACM 33(8), 1990), supersteps; Narayanan et al. (arXiv 2104.04473), section 2.
    """
    return slowest_s + link_s


@formula
def pipelined_s(paced_s: Values, through_s: Values, after_s: Values) -> Values:
    """Step of one pipeline over pools, before overhead: the slowest stage's rounds, one pass through all, the end.

    Source: Narayanan et al. (arXiv 2104.04473), section 2.2, with stages of unequal length.
    """
    return paced_s + through_s + after_s


@formula
def by_layers_s(pipelined_s: Values, overhead_s: Values) -> Values:
    """Step of one pipeline over pools.

    Source: Isaev et al., Calculon (SC'23, doi 10.1145/3581784.3607102): the sum of its parts.
    """
    return pipelined_s + overhead_s


def data_step_s(ready_s: Sequence[Values], link_s: Sequence[Values]) -> Values:
    """Step of pools that share a batch, from when each is ready and what the link adds to it."""
    return by_data_s(reduce(later_s, ready_s), reduce(later_s, link_s))


def layer_step_s(
    times: Sequence[tuple[Values, Values, Values]], overhead: Callable[[Values], Sequence[Values]]
) -> Values:
    """Step of a pipeline over pools, from three times of each and what overhead each would see."""
    paced, through, after = zip(*times, strict=True)
    body = pipelined_s(reduce(later_s, paced), reduce(one_after_other_s, through), reduce(later_s, after))
    return by_layers_s(body, reduce(later_s, overhead(body)))


@formula
def drawn_ratio(deviations: Values, low_ratio: Values, high_ratio: Values) -> Values:
    """Ratio of the true to the estimated time, so many deviations out: the ends of the 90 % interval at 1.645.

    Source: Wallis, The Two-Piece Normal, Binormal, or Double Gaussian Distribution (Statistical Science 29(1), 2014),
    in logarithms.
    """
    return np.where(np.asarray(deviations) > 0.0, high_ratio, 1.0 / low_ratio) ** (deviations / NINETY)


@dataclass(frozen=True)
class Part:
    """What one pool does in a step; its four times sum to the step. `share` counts sequences or layers.

    `inside_s` is what its chips wait for one another, `link_s` for the link, `waiting_s` for other pools, for the
    pipeline over pools to fill and drain, and for stragglers.
    """

    pool: Pool
    layouts: Layouts
    share: int
    compute_s: float
    inside_s: float
    link_s: float
    waiting_s: float
    memory_bytes: float
    memory_high_bytes: float

    def row(self) -> dict[str, Any]:
        """The part as a row of a table."""
        times = {name: getattr(self, name) for name in ("compute_s", "inside_s", "link_s", "waiting_s")}
        room = float(np.max(self.pool.cluster.memory_bytes)) / GIB
        memory = {"memory_gib": self.memory_bytes / GIB, "memory_high_gib": self.memory_high_bytes / GIB}
        layout = self.layouts.said(0)
        return {"pool": self.pool.name, "chips": self.pool.chips, "share": self.share, **times, **memory} | {
            "room_gib": room,
            "layout": layout,
        }


@dataclass(frozen=True)
class Split:
    """The best split of one kind. `low_s` and `high_s` bound the 90 % interval of `step_s`."""

    by: By
    parts: tuple[Part, ...]
    step_s: float
    low_s: float
    high_s: float
    tokens_per_s: float
    doubts: tuple[Reading, ...]
    seats: tuple[Seat, ...] = field(repr=False, compare=False)

    def again(self, link: Link) -> "Split":
        """The same layouts and shares over another link."""
        chosen = [(seat, one.layouts, one.share) for seat, one in zip(self.seats, self.parts, strict=True)]
        return data_split(shared(chosen, link)) if self.by == "data" else layer_split(stretched(chosen, link))

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        figures = {name: getattr(self, name) for name in ("by", "step_s", "low_s", "high_s", "tokens_per_s")}
        return figures | {"parts": [one.row() for one in self.parts], "doubts": [str(one) for one in self.doubts]}


def data_split(shares: Sequence[DataShare]) -> Split:
    """A batch shared by pools."""

    def step(errors: Errors) -> Values:
        late = [(one.ready_s * error, one.link_s * error) for one, error in zip(shares, errors, strict=True)]
        return data_step_s(*zip(*late, strict=True))

    own = [(one.seat, one.layouts, one.sequences, one.parts, one.link_s, one.memory_bytes) for one in shares]
    return _split("data", own, [one.job for one in shares], step)


def layer_split(shares: Sequence[LayerShare]) -> Split:
    """Layers shared by pools, in the order of the pipeline."""
    chips = float(sum(one.seat.pool.chips for one in shares))

    def step(errors: Errors) -> Values:
        each = list(zip(shares, errors, strict=True))
        times = [(one.paced_s * error, one.through_s * error, one.after_s * error) for one, error in each]
        return layer_step_s(times, lambda body: [_overhead_s(one.job, body, error, chips) for one, error in each])

    own = [(one.seat, one.layouts, one.layers, *_beside(one), one.memory_bytes) for one in shares]
    return _split("layers", own, [one.job for one in shares], step)


def _overhead_s(job: Job, body: Values, error: Values, chips: float) -> Values:
    """Overhead of a step of all pools, by the parameters of one of them."""
    efficiency = replace(
        job.efficiency, parameters={**job.efficiency.parameters, "step_s": job.efficiency["step_s"] * error}
    )
    return overhead_s(replace(job, efficiency=efficiency), {"layers_s": body}, chips)


def _beside(share: LayerShare) -> tuple[Breakdown, float]:
    """The parts of a stretch with its slower neighbour only: the next stage, or the link."""
    inside, crossing = float(np.ravel(share.parts.pipeline_s)[0]), share.crossing_s
    waits_inside = crossing < inside
    # Filling and draining is that of the whole pipeline, not of the pool's own.
    parts = replace(share.parts, pipeline_s=inside * waits_inside, bubble_s=0.0)
    return parts, crossing * (not waits_inside)


Own = tuple[Seat, Layouts, int, Breakdown, float, float]


def _split(by: By, own: Sequence[Own], jobs: Sequence[Job], step: Callable[[Errors], Values]) -> Split:
    seats = [one[0] for one in own]
    task, step_s = seats[0].task, float(step([1.0] * len(own)))
    low, high = _interval(seats, jobs, step)
    tokens = float(task.global_batch * task.sequence_length)
    peak = sum(
        float(np.ravel(peak_flop_per_s(seat.pool.cluster, job.layouts) * job.layouts.chips)[0])
        for seat, job in zip(seats, jobs, strict=True)
    )
    flop = Shape.of(seats[0].model).training_flop_per_token(float(task.sequence_length))
    doubts = tuple(
        doubt
        for seat, job in zip(seats, jobs, strict=True)
        for doubt in doubts_of(seat.pool.cluster, *precisions_of(job))
    )
    return Split(
        by,
        tuple(_part(*one, step_s=step_s) for one in own),
        step_s,
        float(possible_s(low, flop, tokens, peak, 1.0)),
        high,
        tokens / step_s,
        tuple(dict.fromkeys(doubts)),
        tuple(seats),
    )


def _part(
    seat: Seat,
    layouts: Layouts,
    share: int,
    parts: Breakdown,
    link_s: float,
    memory_bytes: float,
    *,
    step_s: float,
) -> Part:
    named = {name: float(np.ravel(value)[0]) for name, value in parts.columns().items()}
    compute = sum(named[name] for name in COMPUTE)
    inside = sum(value for name, value in named.items() if name not in (*COMPUTE, *UNCOUNTED))
    most = float(memory_bound_bytes(memory_bytes, seat.efficiency["memory_high_ratio"]))
    waiting = max(step_s - compute - inside - link_s, 0.0)
    return Part(seat.pool, layouts, share, compute, inside, link_s, waiting, memory_bytes, most)


def _interval(seats: Sequence[Seat], jobs: Sequence[Job], step: Callable[[Errors], Values]) -> tuple[float, float]:
    """Ends of the 90 % interval of a step: errors of one family move together, those of several apart.

    Several families are drawn at the middles of equally likely strips of each, all combinations of them.
    """
    families = [seat.pool.cluster.family or seat.pool.cluster.chip for seat in seats]
    kinds = list(dict.fromkeys(families))
    ends = [_ends(seat, job) for seat, job in zip(seats, jobs, strict=True)]
    if len(kinds) == 1:
        low, high = (step([end[at] for end in ends]) for at in (0, 1))
        return float(low), float(high)
    count = int(DRAWN ** (1.0 / len(kinds)))
    strips = np.array([NormalDist().inv_cdf((at + 0.5) / count) for at in range(count)])
    drawn = dict(zip(kinds, (np.ravel(one) for one in np.meshgrid(*[strips] * len(kinds))), strict=True))
    errors = [drawn_ratio(drawn[family], *end) for family, end in zip(families, ends, strict=True)]
    low, high = np.quantile(step(errors), [TAIL, 1.0 - TAIL])
    return float(low), float(high)


def _ends(seat: Seat, job: Job) -> tuple[float, float]:
    """Ends of the 90 % interval of a pool's own times, as ratios."""
    wider = widening_of(seat.efficiency, job, seat.pool.cluster, doubt_widening(seat.catalogue))
    low, high = (bound_s(1.0, one, wider) for one in (seat.efficiency.low_ratio, seat.efficiency.high_ratio))
    return float(np.ravel(low)[0]), float(np.ravel(high)[0])
