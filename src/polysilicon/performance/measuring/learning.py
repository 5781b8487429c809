"""What timings say about the parameters of one kind of kernel: the most probable values, and how sure they are.

Times are logarithms, so that an error of a tenth weighs the same on a microsecond and a second. Priors keep what no
timing tells apart. Around the most probable point the curve is taken to be straight: that gives the covariance, with
it the uncertainty of any kernel's time, and what each timing would be predicted to be without itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polysilicon.performance.curves import Silicon
from polysilicon.performance.measuring.forms import Columns, Prior, Table, curve_name, kernel_s, priors
from polysilicon.performance.measuring.kernels import Kernel
from polysilicon.performance.values import Values

# No curve is truer than this, however often a kernel is timed.
CURVE_ERROR = 0.03
STEP = 1e-4
# A step that lowers the sum of squares by less ends the search.
NO_BETTER = 1e-3
# Two standard errors either way, less: the 90 % interval of a normal.
NINETY = 1.645
ROUNDS = 30
# Timings so many standard errors off count less; the weights are worked out again so often.
OUTLYING, REWEIGHTINGS = 1.5, 3
# A timing with more leverage than this decides a parameter by itself.
DECIDING = 0.8

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """One kernel with its least time [s] and how far the median sample lay above it."""

    kernel: Kernel
    time_s: float
    spread: float


@dataclass(frozen=True)
class Knowledge:
    """What is known of one kind of kernel in one format: a normal around `point`, in the priors' own coordinates.

    `names` are the parameters that are learned, without the prefix of the kind.
    """

    kind: str
    dtype: str
    silicon: Silicon
    before: Mapping[str, Prior]
    names: tuple[str, ...]
    point: Vector
    covariance: NDArray[np.float64]
    timings: tuple[Measured, ...] = ()

    @classmethod
    def none(cls, kind: str, dtype: str, silicon: Silicon, before: Mapping[str, Prior] | None = None) -> "Knowledge":
        """What is known before anything is timed."""
        every = before or priors(kind, silicon)
        names = tuple(name for name, one in every.items() if one.spread > 0.0)
        spread = np.array([every[name].spread for name in names])
        return cls(kind, dtype, silicon, every, names, _middle(every, names), np.diag(spread**2))

    def parameters(self, point: Vector | None = None) -> dict[str, Values]:
        """Every parameter of the kind by its full name, at `point` or at each of many points, one a row."""
        where = self.point if point is None else point
        # Of many points each parameter is a column of its own, beside the row of the kernels.
        at = {name: where[..., [place]] if where.ndim > 1 else where[place] for place, name in enumerate(self.names)}
        prefix = curve_name(self.dtype, self.kind)
        return {
            f"{prefix}.{name}": one.middle if name not in at else at[name] if one.straight else np.exp(at[name])
            for name, one in self.before.items()
        }

    def intervals(self) -> dict[str, tuple[float, float, float]]:
        """Each learned parameter by its full name, with its 90 % interval: value, low, high."""
        reach = NINETY * np.sqrt(np.diag(self.covariance))
        ends = (self.parameters(one) for one in (self.point, self.point - reach, self.point + reach))
        middle, low, high = (list(one.items()) for one in ends)
        return {
            name: (float(value), float(below), float(above))
            for (name, value), (_, below), (_, above) in zip(middle, low, high, strict=True)
            if name.rpartition(".")[2] in self.names
        }

    def predicted_s(self, kernels: Sequence[Kernel]) -> Columns:
        """Time of kernels of this kind."""
        return kernel_s(Table.of(kernels), self.dtype, self.parameters(), self.silicon)

    def slopes(self, kernels: Sequence[Kernel]) -> NDArray[np.float64]:
        """How the logarithm of each kernel's time changes with each parameter: (kernels, parameters)."""
        table = Table.of(kernels)

        def logs(point: Vector) -> Vector:
            return np.log(kernel_s(table, self.dtype, self.parameters(point), self.silicon))

        return _slopes(logs, self.point)

    def with_timings(self, timings: Sequence[Measured]) -> "Knowledge":
        """What is known after these timings, all of this kind, in place of those before."""
        if not timings:
            return self
        table = Table.of([one.kernel for one in timings])
        told = np.log([one.time_s for one in timings])
        error = errors_of(timings)
        middle = _middle(self.before, self.names)
        spread = np.array([self.before[name].spread for name in self.names])
        point, weight = self.point, np.ones(len(timings))
        for _ in range(REWEIGHTINGS):

            def residuals(at: Vector, by: Vector = weight) -> Vector:
                seconds = kernel_s(table, self.dtype, self.parameters(at), self.silicon)
                return np.concatenate([by * (np.log(seconds) - told) / error, (at - middle) / spread], axis=-1)

            point, covariance = most_probable(residuals, point)
            off = residuals(point, np.ones(len(timings)))[: len(timings)]
            weight = outlying_weights(off)
        return Knowledge(
            self.kind, self.dtype, self.silicon, self.before, self.names, point, covariance, tuple(timings)
        )

    def left_out_errors(self) -> Vector:
        """For each timing, how far off the prediction from all the others is: predicted over measured, less one.

        A timing that alone decides a parameter has no such prediction; its error is nought.

        Source: Allen, The relationship between variable selection and data augmentation (Technometrics 16, 1974).
        """
        if not self.timings:
            return np.array([])
        kernels = [one.kernel for one in self.timings]
        slopes, error = self.slopes(kernels), errors_of(self.timings)
        leverage = np.einsum("ij,jk,ik->i", slopes, self.covariance, slopes) / error**2
        off = np.log(self.predicted_s(kernels)) - np.log([one.time_s for one in self.timings])
        left_out: Vector = np.where(
            leverage < DECIDING, np.expm1(off / np.maximum(1.0 - leverage, 1.0 - DECIDING)), 0.0
        )
        return left_out


def outlying_weights(errors: Vector) -> Vector:
    """Weights of residuals in standard errors: one far off counts as if it lay at the threshold.

    Source: Huber, Robust estimation of a location parameter (Annals of Mathematical Statistics 35, 1964).
    """
    weights: Vector = np.sqrt(np.minimum(1.0, OUTLYING / np.maximum(np.abs(errors), 1e-12)))
    return weights


def errors_of(timings: Sequence[Measured]) -> Vector:
    """Standard error of the logarithm of each time: that of the curve, and of a machine that is not quiet."""
    spread = np.array([one.spread for one in timings])
    error: Vector = np.hypot(CURVE_ERROR, 0.2 * np.minimum(spread, 1.0))
    return error


def _middle(before: Mapping[str, Prior], names: Sequence[str]) -> Vector:
    return np.array([before[one].middle if before[one].straight else np.log(before[one].middle) for one in names])


def _slopes(function: Callable[[Vector], Vector], point: Vector) -> NDArray[np.float64]:
    """Central differences; all points are evaluated at once."""
    steps = STEP * np.eye(len(point))
    ahead, behind = function(point + steps), function(point - steps)
    return np.asarray((ahead - behind).T / (2.0 * STEP))


def most_probable(residuals: Callable[[Vector], Vector], start: Vector) -> tuple[Vector, NDArray[np.float64]]:
    """The least sum of squares of `residuals` from `start` by damped Gauss-Newton steps, and the covariance there.

    Source: Marquardt (SIAM Journal 11(2), 1963); Bishop, Pattern Recognition and Machine Learning, section 4.4.
    """
    point, damping = start.copy(), 1e-3
    off = residuals(point)
    for _ in range(ROUNDS):
        slopes = _slopes(residuals, point)
        normal = slopes.T @ slopes
        step = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), -slopes.T @ off)
        step *= min(1.0, 2.0 / max(float(np.max(np.abs(step))), 1e-12))
        tried = residuals(point + step)
        better = float(off @ off - tried @ tried)
        if np.isfinite(better) and better > 0.0:
            point, off, damping = point + step, tried, max(damping / 5.0, 1e-9)
            if better < NO_BETTER:
                break
        else:
            damping *= 10.0
            if damping > 1e6:
                break
    slopes = _slopes(residuals, point)
    return point, np.asarray(np.linalg.inv(slopes.T @ slopes), float)
