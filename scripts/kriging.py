"""Fit how far residuals of the operator curves reach and what each timed shape weighs, for `performance.residuals`."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from polysilicon.performance.residuals import AXES, TABLES, WEIGHTS, correlation, points_of
from polysilicon.records import files
from polysilicon.validation.operator_cases import Timed, columns

# Rows that the reach is fitted to: a random part where there are more, as the time grows with the cube.
MOST_ROWS = 900
# Residuals beyond a factor two tell of a broken row rather than of its shape.
MOST = np.log(2.0)
# A residual reaches half a doubling at least: below that the data can't tell it from noise.
LEAST_LENGTH = 0.5
LEAST_NOISE = 0.01


@dataclass(frozen=True)
class Shapes:
    """Timed shapes of one operator as points, with the kind of kernel and the family of the chip of each."""

    points: np.ndarray
    kinds: np.ndarray
    families: np.ndarray

    @classmethod
    def of(cls, cases: list[Timed], units: dict[str, float], family: dict[str, str]) -> "Shapes":
        """Those of timed cases of one operator; `units` and `family` are of chips."""
        points = points_of(cases[0].operator, columns(cases), np.array([units[one.chip] for one in cases]))
        return cls(points, np.array([one.kind for one in cases]), np.array([family[one.chip] for one in cases]))

    def take(self, rows: np.ndarray) -> "Shapes":
        """Some of them."""
        return Shapes(self.points[rows], self.kinds[rows], self.families[rows])

    def as_known(self, known: set[str]) -> "Shapes":
        """The same, where the usual kernel stands for a kind that is not `known`."""
        usual = [kind if kind in known else kind.partition("@")[0] for kind in self.kinds]
        return replace(self, kinds=np.array(usual))


@dataclass(frozen=True)
class Kriging:
    """How far residuals reach along each axis, and how large what all chips and what a family share of them is."""

    lengths: np.ndarray
    all_size: float
    family_size: float
    noise: float

    @classmethod
    def learn(cls, operator: str, shapes: Shapes, residuals: np.ndarray) -> "Kriging":
        """The most likely reach and sizes.

        Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (MIT Press, 2006), eq. 5.8.
        """
        some = np.random.default_rng(0).permutation(len(residuals))[:MOST_ROWS]
        own, seen = shapes.take(some), held(residuals[some])
        axes = len(AXES[operator])

        def made(x: np.ndarray) -> Kriging:
            return cls(LEAST_LENGTH + np.exp(x[:axes]), *np.exp(x[axes : axes + 2]), LEAST_NOISE + np.exp(x[-1]))

        def unlikely(x: np.ndarray) -> float:
            factor, weights = made(x).solved(own, seen)
            # A length that the data does not tell stays near a few doublings.
            return 0.5 * seen @ weights + np.log(np.diag(factor[0])).sum() + 0.05 * (x[:axes] ** 2).sum()

        start = np.concatenate([np.full(axes, 0.5), np.log([0.08, 0.08, 0.06])])
        bounds = [(-4.0, 4.0)] * axes + [(-7.0, 0.0)] * 3
        return made(minimize(unlikely, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": 40}).x)

    def covariance(self, some: Shapes, others: Shapes) -> np.ndarray:
        """Of the residuals of shapes."""
        kind = some.kinds[:, None] == others.kinds[None, :]
        family = some.families[:, None] == others.families[None, :]
        shared = kind * (self.all_size**2 + self.family_size**2 * family)
        return shared * correlation(some.points, others.points, self.lengths)

    def solved(self, shapes: Shapes, residuals: np.ndarray) -> tuple[tuple[np.ndarray, bool], np.ndarray]:
        """The factor of the covariance with noise, and the weight of each shape."""
        covariance = self.covariance(shapes, shapes)
        covariance[np.diag_indices(len(covariance))] += self.noise**2
        factor = cho_factor(covariance, lower=True)
        return factor, cho_solve(factor, held(residuals))


class Carrier:
    """Residuals of the fitted rows, and what they tell of others."""

    def __init__(self, cases: list[Timed], residuals: np.ndarray, units: dict[str, float], family: dict[str, str]):
        """Learn from the log of measured over fitted time of the rows of the fit."""
        self.units, self.family = units, family
        own = {name: [one for one in cases if one.operator == name] for name in AXES}
        self.shapes = {name: Shapes.of(some, units, family) for name, some in own.items() if some}
        self.residuals = {name: residuals[[one.operator == name for one in cases]] for name in self.shapes}
        self.kriging = {name: Kriging.learn(name, some, self.residuals[name]) for name, some in self.shapes.items()}
        self.weights = {
            name: one.solved(self.shapes[name], self.residuals[name])[1] for name, one in self.kriging.items()
        }

    def log_ratio(self, asked: list[Timed]) -> np.ndarray:
        """What is carried to each case from rows of the fit."""
        found = np.zeros(len(asked))
        for name, kriging in self.kriging.items():
            rows = np.flatnonzero([one.operator == name for one in asked])
            if len(rows):
                seen = self.shapes[name]
                theirs = Shapes.of([asked[row] for row in rows], self.units, self.family).as_known(set(seen.kinds))
                found[rows] = kriging.covariance(theirs, seen) @ self.weights[name]
        return found

    def lengths(self) -> dict[str, float]:
        """The reach along each axis as parameters of all chips."""
        return {
            f"{name}.length.{axis}": float(f"{length:.4g}")
            for name, kriging in self.kriging.items()
            for axis, length in zip(AXES[name], kriging.lengths, strict=True)
        }

    def write(self) -> None:
        """The table of each operator that `performance.residuals` reads."""
        for name, kriging in self.kriging.items():
            shapes, weights = self.shapes[name], self.weights[name]
            sizes = np.exp2(shapes.points)
            lines = [",".join(("kind", "family", *AXES[name], *WEIGHTS))]
            for at in np.lexsort((*sizes.T[::-1], shapes.families, shapes.kinds)):
                numbers = (*sizes[at], weights[at] * kriging.all_size**2, weights[at] * kriging.family_size**2)
                lines.append(",".join((shapes.kinds[at], shapes.families[at], *(f"{one:.5g}" for one in numbers))))
            files.write(TABLES / f"{name}.csv", "\n".join(lines) + "\n")


def held(residuals: np.ndarray) -> np.ndarray:
    """Residuals within what is believed of one row."""
    return np.clip(residuals, -MOST, MOST)
