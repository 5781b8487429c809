"""A whole measurement: peaks first, a few kernels of every kind, then always the one that teaches the most."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from polysilicon.performance.curves import Silicon
from polysilicon.performance.measuring import design
from polysilicon.performance.measuring.design import SAMPLES, SETUP_S
from polysilicon.performance.measuring.forms import Prior
from polysilicon.performance.measuring.journal import Journal
from polysilicon.performance.measuring.kernels import (
    ATTENTIONS,
    INPUT,
    MODES,
    PRODUCT,
    PRODUCTS,
    STREAMS,
    WEIGHT,
    Kernel,
    Mode,
)
from polysilicon.performance.measuring.learned import Learned
from polysilicon.performance.measuring.learning import Knowledge, Measured
from polysilicon.performance.measuring.peaks import LONG_S, link_bytes_per_s, peak_silicon
from polysilicon.performance.measuring.reach import MOST_STEP_S, Reach, reached, rehearsals, rehearsed
from polysilicon.performance.measuring.timing import Clock, Timing
from polysilicon.performance.measuring.work import kernels_of
from polysilicon.performance.values import BYTES_PER_ELEMENT
from polysilicon.records.errors import InputError, Place

# Times one kernel in a format, taking about so many seconds at most.
Timer = Callable[[str, Kernel, float], Timing]

LEARNED = (*PRODUCTS, *ATTENTIONS, *STREAMS)
SEEDS, TOGETHER = 3, 12
# More timings of one kind than these would only measure again what its curve can't hold.
MOST_OF_A_KIND = 48
# The share of the budget kept to time again what the curves believe least.
AGAIN_SHARE = 0.12
# The longest kernel, and the longest step, as shares of the budget.
KERNEL_SHARE, STEP_SHARE = 2.5e-4, 1e-3
MOST_TIMING_S, SOME_TIMING_S = 1.0, 0.15
# What is predicted so well from the others is not doubted.
BELIEVED = 0.06
# Where the goals' times are known as well as this, more timings teach nothing that the curves can hold.
GOOD_ENOUGH = 0.004
# Backward products are like forward ones, less what their operands' order costs.
LIKENESS = 0.5


@dataclass
class Campaign:
    """A measurement on its way. `left_s` says how much of the budget is left."""

    timer: Timer
    dtype: str
    journal: Journal
    budget_s: float
    units: float
    cache_bytes: float
    memory_bytes: float
    peaks: Sequence[str]
    said: Callable[[str, float], None]
    clock: Clock = time.perf_counter
    transfers: bool = False
    silicon: Silicon | None = None
    began: float = field(init=False, default=0.0)

    def run(self) -> Learned:
        """Measure until the budget is spent or nothing is left to learn.

        Raises:
            InputError: the budget does not suffice for a few kernels of each kind.
        """
        self.began = self.clock()
        silicon = self._silicon()
        links = link_bytes_per_s(self._take, self.dtype) if self.transfers else {}
        grid = {kind: design.candidates(kind, self.dtype, silicon, self._most_kernel_s) for kind in LEARNED}
        goals = design.Goals.of(design.goals(self.dtype, silicon, self.memory_bytes), self.dtype)
        for kind in LEARNED:
            self._seed(kind, grid[kind], silicon)
        for mode in MODES:
            for kernel in self._rehearsals(mode, silicon):
                self._time(kernel)
        known = self._learned(silicon)
        error = self._improve(known, grid, goals)
        self._doubted_again(self._learned(silicon), silicon)
        known = self._learned(silicon)
        timings = self.journal.timings()
        own = {kernel: one for (dtype, kernel), one in timings.items() if dtype == self.dtype}
        return Learned(
            self.dtype,
            silicon,
            known,
            self._reached(known, silicon),
            timings=len(timings),
            distrusted=sum(not one.trusted for one in own.values()),
            spent_s=self.clock() - self.began,
            goal_error=error,
            transfers=links,
        )

    @property
    def left_s(self) -> float:
        """Seconds of the budget that are left."""
        return self.budget_s - (self.clock() - self.began)

    @property
    def _most_kernel_s(self) -> float:
        """The longest kernel that is timed: a small budget is for small kernels."""
        return min(design.MOST_KERNEL_S, KERNEL_SHARE * self.budget_s)

    def _rehearsals(self, mode: Mode, silicon: Silicon) -> list[Kernel]:
        most_s = min(MOST_STEP_S, STEP_SHARE * self.budget_s)
        return rehearsals(mode, self.dtype, silicon, self.memory_bytes, most_s)

    def _time(self, kernel: Kernel, dtype: str | None = None) -> Timing:
        """Time a kernel that was not timed yet; a timing that is not trusted is taken once more."""
        kind = dtype or self.dtype
        found = self.journal.get(kind, kernel)
        if found is not None and found.trusted:
            return found
        if self.left_s <= 0.0:
            raise InputError(
                "the budget is spent before a few kernels of every kind were timed",
                found=f"{self.budget_s:g} s",
                remedy="give a larger --budget-s, or go on with --resume",
            )
        self.said(f"{kernel.kind} in {kind}", 1.0 - self.left_s / self.budget_s)
        took = self.timer(kind, kernel, SOME_TIMING_S)
        if not took.trusted and took.repeats:
            took = self.timer(kind, kernel, min(MOST_TIMING_S, max(self.left_s, SOME_TIMING_S)))
        self.journal.write(kind, kernel, took)
        return took

    def _take(self, dtype: str, kernel: Kernel) -> Timing:
        return self._time(kernel, dtype)

    def _silicon(self) -> Silicon:
        """The figures that shares are of: those the catalogue has of the chip, or the best that it reaches here."""
        if self.silicon is None:
            most_s = min(LONG_S, self._most_kernel_s)
            return peak_silicon(self._take, self.dtype, self.peaks, self.units, self.cache_bytes, most_s)
        if self.dtype not in self.silicon.peak_flop_per_s:
            known = sorted(self.silicon.peak_flop_per_s)
            raise InputError("the catalogue states no peak of this chip", found=self.dtype, allowed=known)
        return self.silicon

    def _seed(self, kind: str, grid: Sequence[Kernel], silicon: Silicon) -> None:
        """A small, a middling and a large kernel of a kind, by what they are thought to take.

        Raises:
            InputError: none is short enough for the budget, or small enough for the device.
        """
        own = sum(kernel.kind == kind and dtype == self.dtype for dtype, kernel in self.journal.timings())
        if own >= SEEDS + (kind == PRODUCT):
            return
        if not grid:
            raise InputError(
                f"the budget leaves no kernel of kind {kind} that is short enough on this device",
                place=Place(field="--budget-s"),
                found=f"{self.budget_s:g} s",
                remedy="give a larger --budget-s",
            )
        thought = Knowledge.none(kind, self.dtype, silicon).predicted_s(grid)
        order = np.argsort(thought, kind="stable")
        for share in np.linspace(0.2, 0.85, SEEDS):
            self._time(grid[int(order[int(share * (len(order) - 1))])])

    def _timings(self, kind: str) -> list[Measured]:
        return [
            Measured(kernel, one.time_s, one.spread)
            for (dtype, kernel), one in self.journal.timings().items()
            if kernel.kind == kind and dtype == self.dtype and one.trusted
        ]

    def _learned(self, silicon: Silicon) -> dict[str, Knowledge]:
        """What all timings so far say, kind by kind; backward products start from what forward ones are like."""
        known: dict[str, Knowledge] = {}
        for kind in LEARNED:
            before = _like(known[PRODUCT]) if kind in (INPUT, WEIGHT) else None
            known[kind] = Knowledge.none(kind, self.dtype, silicon, before).with_timings(self._timings(kind))
        return known

    def _reached(self, known: Mapping[str, Knowledge], silicon: Silicon) -> dict[Mode, Reach]:
        """What whole steps of each mode say, in which each kernel runs among the others."""
        found: dict[Mode, Reach] = {}
        for mode in MODES:
            timings = self._steps(mode, silicon)
            works = [kernels_of(rehearsed(one.kernel), BYTES_PER_ELEMENT[self.dtype]) for one in timings]
            alone = [sum(n * float(known[one.kind].predicted_s([one])[0]) for one, n in work.items()) for work in works]
            found[mode] = reached(mode, timings, alone)
        return found

    def _steps(self, mode: Mode, silicon: Silicon) -> list[Measured]:
        """The steps of a mode that were timed."""
        kernels = self._rehearsals(mode, silicon)
        took = [(one, self.journal.get(self.dtype, one)) for one in kernels]
        return [Measured(one, timing.time_s, timing.spread) for one, timing in took if timing and timing.trusted]

    def _improve(self, known: dict[str, Knowledge], grid: Mapping[str, Sequence[Kernel]], goals: design.Goals) -> float:
        """Time what teaches the most until the budget is spent; the error that the goals then have."""
        while True:
            slopes = goals.slopes(known)
            error = float(np.median(design.errors_of_goals(known, slopes)))
            open_kinds = [one for one in LEARNED if len(known[one].timings) < MOST_OF_A_KIND]
            choice_of = {one: grid[one] if one in open_kinds else [] for one in LEARNED}
            chosen = design.next_kernels(known, choice_of, slopes, self._done, TOGETHER)
            if error <= GOOD_ENOUGH or not chosen:
                return error
            for choice in chosen:
                if self.left_s - choice.cost_s < AGAIN_SHARE * self.budget_s:
                    return error
                self._time(choice.kernel)
            for kind in {one.kernel.kind for one in chosen}:
                known[kind] = known[kind].with_timings(self._timings(kind))

    def _doubted_again(self, known: Mapping[str, Knowledge], silicon: Silicon) -> None:
        """Time steps again, and what lies farthest from its curve, while the budget lasts: the machine may be quieter.

        The lesser of the two times counts.
        """
        # Whole steps first: they can't slip between what other programs do, as a kernel can.
        steps = [(np.inf, one.kernel) for mode in MODES for one in self._steps(mode, silicon)]
        doubted = steps + sorted(
            (
                (abs(float(off)), one.kernel)
                for every in known.values()
                if every.kind in LEARNED
                for off, one in zip(every.left_out_errors(), every.timings, strict=True)
            ),
            key=lambda pair: -pair[0],
        )
        for off, kernel in doubted:
            before = self.journal.get(self.dtype, kernel)
            if off < BELIEVED or before is None or self.left_s < SETUP_S:
                return
            if self.left_s < SAMPLES * before.time_s:
                continue
            self.said(f"{kernel.kind} again", 1.0 - self.left_s / self.budget_s)
            again = self.timer(self.dtype, kernel, SOME_TIMING_S)
            if again.trusted and again.time_s < before.time_s:
                self.journal.write(self.dtype, kernel, again)

    def _done(self, kernel: Kernel) -> bool:
        return self.journal.get(self.dtype, kernel) is not None


def _like(known: Knowledge) -> dict[str, Prior]:
    """Priors around what is known of another kind."""
    at = known.parameters()
    names = {name.rpartition(".")[2]: float(value) for name, value in at.items()}
    return {
        name: one if one.spread == 0.0 else one._replace(middle=names[name], spread=LIKENESS * one.spread)
        for name, one in known.before.items()
    }
