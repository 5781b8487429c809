"""A part of a search evaluated: memory first, time only of cuts that can fit, and what is worth keeping of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polysilicon.facts import Catalogue
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.efficiency import Efficiency
from polysilicon.performance.grid import COLUMNS, Floats, Grid
from polysilicon.performance.layouts import Layouts
from polysilicon.performance.leaders import Criterion, Leaders, Map, front, leading, score, together
from polysilicon.performance.memory import needed_bytes
from polysilicon.performance.power import busy_s, step_energy_j
from polysilicon.performance.recipe import Recipe
from polysilicon.performance.step import Breakdown, Job, breakdown
from polysilicon.performance.training import job_of
from polysilicon.performance.values import Values
from polysilicon.workloads.counts import Shape
from polysilicon.workloads.task import Training

# Few enough candidates that the columns of a block stay in the processor's cache, enough to drown the cost of calling
# the formulas; and cuts enough that the inner loops are long.
BLOCK = 1 << 19
LEAST_CUTS = 64
# So many candidates move a front first, before the rest of a block is looked at.
SAMPLE = 512


@dataclass(frozen=True)
class Question:
    """What is searched for. `draw` is the chip's TDP [W] and the shares of it while it waits and while it computes."""

    catalogue: Catalogue
    shape: Shape
    task: Training
    cluster: Cluster
    recipe: Recipe
    efficiency: Efficiency
    draw: tuple[float, float, float]
    most: int
    by: Criterion
    with_front: bool

    def job(self, layouts: Layouts) -> Job:
        """What the formulas read."""
        return job_of(self.catalogue, self.shape, self.task, self.cluster, layouts, self.recipe, self.efficiency)

    def fits(self, needed: Values) -> NDArray[np.bool_]:
        """Whether a chip's memory suffices for so many bytes."""
        return np.asarray(needed) <= float(np.max(self.cluster.memory_bytes))

    def energy_j(self, parts: Breakdown, chips: Values) -> Values:
        """Energy that the chips draw in a step."""
        tdp_w, waiting, busy = self.draw
        return step_energy_j(
            parts.step_s, busy_s(parts.layers_s, parts.head_s, parts.optimizer_s), chips, tdp_w, waiting, busy
        )


@dataclass
class Tally:
    """What was looked at and what is worth keeping. `least` is the candidate that needs least memory."""

    enumerated: int = 0
    timed: int = 0
    feasible: int = 0
    best: Leaders = field(default_factory=Leaders.none)
    front: Leaders = field(default_factory=Leaders.none)
    least: Floats = field(default_factory=lambda: np.zeros((0, len(COLUMNS))))
    least_bytes: float = np.inf

    def arrays(self) -> dict[str, NDArray[Any]]:
        """As named arrays, for a file or another process."""
        counts = {"counts": np.array([self.enumerated, self.timed, self.feasible])}
        least = {"least": self.least, "least_bytes": np.array([self.least_bytes])}
        return counts | least | self.best.arrays("best") | self.front.arrays("front")

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[Any]]) -> "Tally":
        """As `arrays` gave it."""
        enumerated, timed, feasible = (int(one) for one in arrays["counts"])
        best, beyond = Leaders.read("best", arrays), Leaders.read("front", arrays)
        return cls(enumerated, timed, feasible, best, beyond, arrays["least"], float(arrays["least_bytes"][0]))

    def add(self, question: Question, other: "Tally") -> None:
        """Take in what another part found."""
        self.enumerated += other.enumerated
        self.timed += other.timed
        self.feasible += other.feasible
        self.best = leading(together([self.best, other.best]), question.most, question.by)
        self.front = front(together([self.front, other.front]))
        self._lesser(other.least, other.least_bytes)

    def _lesser(self, row: Floats, needed_bytes: float) -> None:
        if (needed_bytes, *row.ravel()) < (self.least_bytes, *self.least.ravel()):
            self.least, self.least_bytes = row, needed_bytes

    def count(self, question: Question, block: Grid) -> None:
        """Evaluate one block."""
        self.enumerated += len(block)
        job = question.job(block.layouts())
        needed = needed_bytes(job)
        used, fits = _spread(needed, block), _spread(question.fits(needed), block)
        choices = tuple(range(fits.ndim - 1))
        alive: NDArray[np.bool_] = np.asarray(fits.any(axis=choices))
        if not alive.any():
            if not self.feasible:
                at = np.unravel_index(np.argmin(used), used.shape)
                row = block.rows(np.array([np.ravel_multi_index(at, block.shape)]))
                self._lesser(row, float(used[at]))
            return
        if not alive.all():
            block, used, fits = block.take(alive), used[..., alive], fits[..., alive]
            job = question.job(block.layouts())
        parts = breakdown(job)
        self.timed += len(block)
        self.feasible += int(np.count_nonzero(fits)) * (len(block) // fits.size)
        self._keep(question, block, fits, (parts.step_s, used, question.energy_j(parts, job.layouts.chips)))

    def _keep(self, question: Question, block: Grid, fits: NDArray[np.bool_], figures: tuple[Values, ...]) -> None:
        """Take in the fastest of a block, and those that nothing beats."""
        scored = score(question.by, figures[0], block.layouts().chips, figures[2])
        step, used, energy, scored = (np.broadcast_to(one, block.shape) for one in (*figures, scored))
        fits = np.broadcast_to(fits, block.shape)
        good = np.flatnonzero(fits & (scored <= self._limit(question, scored, fits)))
        if len(good):
            found = together([self.best, _leaders(block, good, step, used, energy)])
            self.best = leading(found, question.most, question.by)
        if question.with_front:
            self._reach(block, fits, step, used, energy)

    def _reach(self, block: Grid, fits: NDArray[np.bool_], step: Floats, used: Floats, energy: Floats) -> None:
        """Move the front out to a block: a sample first, until little of the block is left that may lie beyond."""
        left, figures = np.flatnonzero(fits), (step[fits], used[fits], energy[fits])
        for stride in (len(left) // SAMPLE, SAMPLE, SAMPLE // 16, 1):
            if len(self.front):
                open_ = Map(self.front).open(*figures)
                left, figures = left[open_], (figures[0][open_], figures[1][open_], figures[2][open_])
            some = left[:: max(min(stride, len(left) // SAMPLE), 1)]
            if len(some):
                self.front = front(together([self.front, _leaders(block, some, step, used, energy)]))
            if len(some) == len(left):
                return

    def _limit(self, question: Question, scored: Floats, fits: NDArray[np.bool_]) -> float:
        """A score that as many as are wanted keep."""
        if len(self.best) == question.most:
            last = self.best.take(np.array([question.most - 1]))
            return float(np.ravel(score(question.by, last.step_s, last.chips, last.figures[:, 2]))[0])
        fitting = scored[fits]
        if len(fitting) < question.most:
            return np.inf
        return float(np.partition(fitting, question.most - 1)[question.most - 1])


def evaluate(question: Question, part: Iterable[Grid]) -> dict[str, NDArray[Any]]:
    """What is found in some grids."""
    tally = Tally()
    for grid in part:
        for block in grid.parts(BLOCK, LEAST_CUTS):
            tally.count(question, block)
    return tally.arrays()


def _spread(values: Any, block: Grid) -> NDArray[Any]:
    """The figures with every axis of the block; one that they don't depend on stays one long, but for the cuts."""
    spread = np.asarray(values)
    return np.broadcast_to(spread, np.broadcast_shapes(spread.shape, (1,) * (len(block.shape) - 1) + block.shape[-1:]))


def _leaders(block: Grid, at: NDArray[np.intp], step: Floats, used: Floats, energy: Floats) -> Leaders:
    places = np.unravel_index(at, block.shape)
    return Leaders(block.rows(at), np.stack([step[places], used[places], energy[places]], axis=1))
