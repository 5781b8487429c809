"""What a whole step reaches of its kernels: a few small models, run as they are, after the kernels alone.

In a step every kernel finds the caches as the others left them, and calling a layer takes time of its own. Both show
only in whole steps. So some are run, of widths that are powers of two, and two numbers a mode are learned from them:
what a layer takes beside its kernels, and by how much the kernels' own times stretch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product as pairs

import numpy as np
from numpy.typing import NDArray

from polysilicon.performance.curves import Silicon
from polysilicon.performance.measuring.kernels import STEPS, Kernel, Mode
from polysilicon.performance.measuring.learning import (
    CURVE_ERROR,
    NINETY,
    REWEIGHTINGS,
    Measured,
    Vector,
    most_probable,
    outlying_weights,
)
from polysilicon.performance.measuring.work import Job
from polysilicon.performance.values import BYTES_PER_ELEMENT, Values
from polysilicon.records.recorder import formula

# What is taken before a step is run: the middle of each logarithm, and how far off it may be.
LAYER_S, LAYER_SPREAD = 1e-4, 2.0
REACH_SPREAD = 0.15
MOST_STEP_S = 0.2
STEPS_A_MODE = 6


@formula
def step_s(kernels_s: Values, stretch: Values, layers: Values, layer_s: Values) -> Values:
    """Time of a step: its kernels as they run among each other, and what calling each layer takes.

    Source: Isaev et al., Calculon (SC'23), block time as a sum over operators; stretch and overhead from whole steps.
    """
    return stretch * kernels_s + layers * layer_s


@dataclass(frozen=True)
class Reach:
    """What steps of one mode take beside and beyond their kernels, each with its 90 % interval: value, low, high."""

    mode: Mode
    stretch: tuple[float, float, float]
    layer_s: tuple[float, float, float]
    timings: tuple[Measured, ...]
    left_out: tuple[float, ...]

    def parameters(self, dtype: str) -> dict[str, Values]:
        """Both by their full names."""
        prefix = f"step.{dtype}.{self.mode}"
        return {f"{prefix}.stretch": self.stretch[0], f"{prefix}.layer_s": self.layer_s[0]}

    def intervals(self, dtype: str) -> dict[str, tuple[float, float, float]]:
        """Both by their full names with their intervals."""
        return dict(zip(self.parameters(dtype), (self.stretch, self.layer_s), strict=True))


def rehearsals(
    mode: Mode, dtype: str, silicon: Silicon, memory_bytes: float, most_s: float = MOST_STEP_S
) -> list[Kernel]:
    """The steps of a mode that are run to learn from: from the shortest to one of `most_s` [s], evenly."""
    width, peak = BYTES_PER_ELEMENT[dtype], float(silicon.peak(dtype))
    timed = []
    for hidden, layers, batch, sequence in pairs(_powers(7, 13), (2.0, 8.0), (1.0, 4.0), (64.0, 256.0, 1024.0)):
        kernel = Kernel(STEPS[mode], sequence, hidden, layers, batch)
        job = rehearsed(kernel)
        passes = 3.0 if mode == "training" else 1.0
        seconds = 2.0 * passes * job.tokens * job.weights / peak
        seconds += width * (job.weights + job.cached) / float(silicon.memory_bytes_per_s)
        if seconds <= most_s and job.memory_bytes(width) <= 0.25 * (memory_bytes or np.inf):
            timed.append((seconds, kernel))
    timed.sort()
    places = dict.fromkeys(round(at) for at in np.linspace(0, len(timed) - 1, STEPS_A_MODE)) if timed else ()
    return [timed[at][1] for at in places]


def rehearsed(kernel: Kernel) -> Job:
    """The job that a kernel of a kind in `STEPS` stands for."""
    mode = next(mode for mode, kind in STEPS.items() if kind == kernel.kind)
    hidden = kernel.columns
    return Job(mode, hidden, hidden / 64.0, 2.0 * hidden, kernel.inner, 8.0 * hidden, kernel.batch, kernel.rows)


def reached(mode: Mode, timings: Sequence[Measured], kernels_s: Sequence[float]) -> Reach:
    """What steps say, given what their kernels take alone [s].

    Source: as `learning.most_probable`.
    """
    layers = np.array([one.kernel.inner for one in timings])
    told, alone = np.log([one.time_s for one in timings]), np.asarray(kernels_s)
    middle, spread = np.array([0.0, np.log(LAYER_S)]), np.array([REACH_SPREAD, LAYER_SPREAD])

    def fitted(some: NDArray[np.bool_]) -> tuple[Vector, NDArray[np.float64]]:
        def residuals(at: Vector) -> Vector:
            seconds = step_s(alone[some], np.exp(at[..., :1]), layers[some], np.exp(at[..., 1:]))
            return np.concatenate(
                [weight * (np.log(seconds) - told[some]) / CURVE_ERROR, (at - middle) / spread], axis=-1
            )

        weight, point = np.ones(int(some.sum())), middle
        for _ in range(REWEIGHTINGS):
            point, covariance = most_probable(residuals, point)
            weight = outlying_weights(residuals(point)[: len(weight)] / weight)
        return point, covariance

    every = np.ones(len(timings), bool)
    point, covariance = fitted(every)
    left_out = []
    for at in range(len(timings)):
        others, _ = fitted(every & (np.arange(len(timings)) != at))
        seconds = step_s(alone[at], np.exp(others[0]), layers[at], np.exp(others[1]))
        left_out.append(float(seconds / timings[at].time_s - 1.0))
    reach = NINETY * np.sqrt(np.diag(covariance))
    ends = np.exp([point, point - reach, point + reach]).T
    stretch, layer_s = (tuple(float(one) for one in row) for row in ends)
    return Reach(mode, _three(stretch), _three(layer_s), tuple(timings), tuple(left_out))


def _three(ends: Sequence[float]) -> tuple[float, float, float]:
    value, low, high = ends
    return value, low, high


def _powers(first: int, last: int) -> list[float]:
    return [2.0**at for at in range(first, last + 1)]


def job_s(job: Job, kernels_s: float, dtype: str, parameters: Mapping[str, Values]) -> float:
    """Time of one run of a job, given what its kernels take alone [s]."""
    prefix = f"step.{dtype}.{job.mode}"
    return float(step_s(kernels_s, parameters[f"{prefix}.stretch"], job.layers, parameters[f"{prefix}.layer_s"]))
