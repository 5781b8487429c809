"""Which kernel to time next: the one that says most about whole steps for the time it takes.

Every kernel that might be timed lies on a grid of sizes; the goals are whole jobs of the reference transformer on a
grid of their own. Timing a kernel shrinks the covariance of its kind's parameters, and with it the variance of the
time that is predicted of each goal. The next kernel is the one with the largest sum of what it takes off, a second.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product as pairs

import numpy as np
from numpy.typing import NDArray

from polysilicon.performance.curves import Silicon
from polysilicon.performance.measuring.kernels import (
    ATTENTION,
    ATTENTION_BACK,
    COLD_BYTES,
    DECODE,
    FEW,
    INPUT,
    MODES,
    PAIR,
    PRODUCT,
    STREAMS,
    VECTOR,
    WEIGHT,
    Kernel,
)
from polysilicon.performance.measuring.learning import CURVE_ERROR, Knowledge
from polysilicon.performance.measuring.peaks import UNKNOWN_CACHE_BYTES
from polysilicon.performance.measuring.work import Job, Work, kernels_of
from polysilicon.performance.operators import gemm_flop
from polysilicon.performance.values import BYTES_PER_ELEMENT
from polysilicon.records.units import MEGA

# No kernel that is timed takes longer, nor more memory: eight samples of it then fit in a second.
MOST_KERNEL_S, MOST_KERNEL_BYTES = 0.06, 256 * MEGA
# A goal's step: long enough to matter, short enough that its kernels are among those that can be timed.
GOAL_S = (1e-3, 1.0)
MOST_GOALS_A_MODE = 16
# What one timing costs beside its samples, and the samples themselves.
SETUP_S, SAMPLES_S, SAMPLES = 0.02, 0.01, 10.0
# So many of the kernels of a kind, drawn once, are candidates: more would make choosing dearer than timing.
MOST_CANDIDATES, SEED = 160, 11
# Rows of products that have few.
FEW_ROWS = {VECTOR: (1.0,), PAIR: (2.0, 3.0), FEW: (4.0, 8.0, 16.0)}
# Footprints around the size of the cache tell where it ends; each a share of it.
OF_CACHE = (0.25, 0.5, 1.0, 2.0)


def _powers(first: int, last: int, step: int = 1) -> list[float]:
    return [2.0**at for at in range(first, last + 1, step)]


def _sizes(kind: str, cache_bytes: float) -> Iterable[Kernel]:
    footprints = *(share * cache_bytes for share in OF_CACHE), COLD_BYTES
    if kind in (PRODUCT, INPUT, WEIGHT):
        for rows, columns, inner in pairs(_powers(5, 14), _powers(7, 15), _powers(7, 14)):
            yield Kernel(kind, rows, columns, inner)
    elif kind in FEW_ROWS:
        for rows, columns, inner, again in pairs(FEW_ROWS[kind], _powers(7, 15), _powers(7, 14), footprints):
            yield Kernel(kind, rows, columns, inner, footprint_bytes=again)
    elif kind in (ATTENTION, ATTENTION_BACK):
        for tokens, width, heads in pairs(_powers(6, 13), _powers(5, 7), _powers(0, 8, 2)):
            yield Kernel(kind, tokens, tokens, width, heads)
    elif kind == DECODE:
        for keys, width, heads, again in pairs(_powers(6, 13), _powers(5, 7), _powers(0, 8, 2), footprints):
            yield Kernel(kind, 1.0, keys, width, heads, again)
    elif kind == "update":
        for elements, tensors in pairs(_powers(10, 24, 2), _powers(2, 6, 2)):
            yield Kernel(kind, elements, 1.0, 1.0, tensors)
    elif kind == "embed_back":
        for entries, columns in pairs(_powers(10, 17), _powers(7, 12)):
            yield Kernel(kind, entries, columns, min(256.0, entries / 2.0))
    else:
        for rows, columns in pairs(_powers(0, 14), _powers(10, 17) if kind.startswith("loss") else _powers(7, 14)):
            yield Kernel(kind, rows, columns, max(columns // 64.0, 1.0))


def candidates(kind: str, dtype: str, silicon: Silicon, most_s: float = MOST_KERNEL_S) -> list[Kernel]:
    """Kernels of a kind that may be timed on a chip: each takes no longer than `most_s` [s], nor much memory."""
    width = BYTES_PER_ELEMENT[dtype]
    peak, memory = float(silicon.peak(dtype)), float(silicon.memory_bytes_per_s)
    kept = []
    for one in _sizes(kind, float(silicon.cache_bytes) or UNKNOWN_CACHE_BYTES):
        if kind in STREAMS:
            moved = STREAMS[kind] * width * one.rows * one.columns * (one.batch if kind == "update" else 1.0)
            seconds = 2.0 * moved / memory
        elif kind in (ATTENTION, ATTENTION_BACK):
            moved = 8.0 * width * one.rows * one.inner * one.batch
            back = 2.5 if kind == ATTENTION_BACK else 1.0
            seconds = back * 6.0 * one.rows * one.columns * one.inner * one.batch / peak + moved / memory
        elif kind == DECODE:
            moved = 2.0 * width * one.columns * one.inner * one.batch
            seconds = moved / memory
        else:
            moved = width * (one.rows * one.columns + one.inner * (one.rows + one.columns))
            seconds = float(gemm_flop(one.rows, one.columns, one.inner)) / peak + moved / memory
        # A footprint smaller than what one call reads is none.
        if seconds <= most_s and moved <= min(MOST_KERNEL_BYTES, one.footprint_bytes):
            kept.append(one)
    few = np.random.default_rng(SEED).permutation(len(kept))[:MOST_CANDIDATES]
    return [kept[at] for at in sorted(few)]


def goals(dtype: str, silicon: Silicon, memory_bytes: float) -> list[Job]:
    """Jobs whose time is to be predicted well: those of a grid that this chip runs in a sensible time."""
    width, peak = BYTES_PER_ELEMENT[dtype], float(silicon.peak(dtype))
    found: list[Job] = []
    for mode in MODES:
        fitting = []
        for hidden, narrow, deep, batch, sequence in pairs(
            _powers(8, 13), (64.0, 128.0), (2.0, 4.0), (1.0, 2.0, 4.0), _powers(6, 12)
        ):
            job = Job(mode, hidden, hidden / narrow, deep * hidden, 4.0, 16.0 * hidden, batch, sequence)
            passes = 3.0 if mode == "training" else 1.0
            seconds = 2.0 * passes * job.tokens * job.weights / peak
            seconds += width * job.weights / float(silicon.memory_bytes_per_s)
            room = 0.5 * memory_bytes if memory_bytes else np.inf
            if GOAL_S[0] <= seconds <= GOAL_S[1] and job.memory_bytes(width) <= room:
                fitting.append(job)
        found += fitting[:: max(len(fitting) // MOST_GOALS_A_MODE, 1)][:MOST_GOALS_A_MODE]
    return found


@dataclass(frozen=True)
class Choice:
    """The kernel to time next; the variance that it takes off the goals, and what it costs [s]."""

    kernel: Kernel
    gain: float
    cost_s: float


@dataclass(frozen=True)
class Goals:
    """Goals by kind of kernel: each a list of kernels with, for every goal, how much of its time each takes."""

    kernels: Mapping[str, Sequence[Kernel]]
    counts: Mapping[str, NDArray[np.float64]]

    @classmethod
    def of(cls, jobs: Sequence[Job], dtype: str) -> "Goals":
        """The goals' kernels, with how often each goal runs each."""
        works: list[Work] = [kernels_of(job, BYTES_PER_ELEMENT[dtype]) for job in jobs]
        kernels: dict[str, list[Kernel]] = {}
        for one in sorted(set().union(*works)):
            kernels.setdefault(one.kind, []).append(one)
        counts = {
            kind: np.array([[float(work[one]) for one in every] for work in works]) for kind, every in kernels.items()
        }
        return cls(kernels, counts)

    def slopes(self, known: Mapping[str, Knowledge]) -> dict[str, NDArray[np.float64]]:
        """How the logarithm of each goal's time changes with the parameters of each kind: (goals, parameters)."""
        times = {kind: known[kind].predicted_s(every) for kind, every in self.kernels.items()}
        spent = {kind: counts * times[kind] for kind, counts in self.counts.items()}
        whole = sum(one.sum(axis=1) for one in spent.values())
        return {
            kind: (one / np.asarray(whole)[:, None]) @ known[kind].slopes(self.kernels[kind])
            for kind, one in spent.items()
        }


def errors_of_goals(known: Mapping[str, Knowledge], slopes: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Standard error of the logarithm of each goal's time that the parameters leave."""
    variance = sum(np.einsum("gi,ij,gj->g", one, known[kind].covariance, one) for kind, one in slopes.items())
    error: NDArray[np.float64] = np.sqrt(np.asarray(variance))
    return error


def next_kernels(
    known: Mapping[str, Knowledge],
    grid: Mapping[str, Sequence[Kernel]],
    slopes: Mapping[str, NDArray[np.float64]],
    done: Callable[[Kernel], bool],
    most: int,
) -> list[Choice]:
    """Up to `most` kernels, the most telling first, each chosen as if those before had been timed already.

    `slopes` are those of the goals.

    Source: Chaloner, Verdinelli, Bayesian experimental design: a review (Statistical Science 10(3), 1995), section 2:
    linear designs for a function of the parameters (c- and A-optimality).
    """
    best = [
        one
        for kind, slope in slopes.items()
        for one in _of_kind(known[kind], [one for one in grid[kind] if not done(one)], slope, most)
    ]
    return sorted(best, key=lambda choice: -choice.gain / choice.cost_s)[:most]


def _of_kind(known: Knowledge, kernels: Sequence[Kernel], slope: NDArray[np.float64], most: int) -> list[Choice]:
    if not kernels:
        return []
    rows, covariance = known.slopes(kernels), known.covariance.copy()
    costs = SETUP_S + np.maximum(SAMPLES * known.predicted_s(kernels), SAMPLES_S)
    chosen: list[Choice] = []
    for _ in range(min(most, len(kernels))):
        spread = rows @ covariance
        noise = CURVE_ERROR**2 + np.einsum("ij,ij->i", spread, rows)
        gain = np.mean((slope @ spread.T) ** 2, axis=0) / noise
        at = int(np.argmax(gain / costs))
        chosen.append(Choice(kernels[at], float(gain[at]), float(costs[at])))
        covariance -= np.outer(spread[at], spread[at]) / noise[at]
        costs[at] = np.inf
    return chosen
