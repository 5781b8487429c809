"""What timed shapes near by tell of a kernel that its curve does not: the residuals of the fit, kriged.

Libraries choose among kernels by shape, and no curve of a few terms follows every choice. So the ratio of measured to
fitted time is carried from shapes that were timed to like shapes of the same kind of kernel. It fades with the distance
between logarithms of sizes: far from all that was timed the ratio is 1, and the curve stands alone. Part of a ratio is
what all timed chips have in common, part is what the chips of one family do. A chip that nobody timed has none: its
curve is that of its family or of all chips, and its rest is not theirs.

scripts/calibrate_operators.py writes the weights, `facts/data/measurements/operator_residuals/`, a table an operator.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polysilicon.facts.index import DATA
from polysilicon.performance.values import Values
from polysilicon.records.document import read_csv
from polysilicon.records.recorder import formula

TABLES = DATA / "measurements" / "operator_residuals"
# What counts as near, by operator; sizes that tables don't state are named in `sizes_of`.
AXES: Mapping[str, tuple[str, ...]] = {
    "gemm": ("m", "n", "k"),
    "attention": ("batch", "queries", "keys", "heads", "group", "head_dim"),
    "decode": ("batch", "keys", "heads", "group", "rounds"),
    "mla_prefill": ("batch", "queries", "keys", "heads"),
    "mla_prefill_block": ("batch", "queries", "keys", "heads"),
    "mla_decode": ("batch", "keys", "heads"),
    "mla_decode_block": ("batch", "keys", "heads"),
    "moe": ("tokens", "copies", "local", "width", "hidden", "skew"),
    "exchange": ("tokens", "token_bytes", "top_k", "ranks"),
}
WEIGHTS = ("all_weight", "family_weight")

Columns = NDArray[np.float64]


class Residuals(NamedTuple):
    """The timed shapes of one kind of kernel as one chip sees them.

    `points`: logarithms over 2 of their sizes, a row a shape and a column an axis. `weights`: one a shape.
    `lengths`: doublings of each axis over which a residual fades.
    """

    points: Columns
    weights: Columns
    lengths: Columns


def sizes_of(operator: str, sizes: Mapping[str, Values], units: Values) -> Mapping[str, Values]:
    """The sizes of operators and what `AXES` names besides, on a chip of so many compute units.

    `group`: query heads a key-value head. `rounds`: sequences and key-value heads a compute unit. `copies`: tokens
    that come to a rank, for each expert that they go to. `local`: experts of a rank, `width`: of an expert's share.
    `skew`: 4 to the power of the exponent that routing falls by.
    """
    if operator in ("attention", "decode"):
        own = {"group": sizes["heads"] / sizes["kv_heads"], "rounds": sizes["batch"] * sizes["kv_heads"] / units}
    elif operator == "moe":
        own = {
            "copies": sizes["tokens"] * sizes["top_k"] / sizes["ep"],
            "local": np.maximum(sizes["experts"] / sizes["ep"], 1.0),
            "width": sizes["inner"] / sizes["expert_tp"],
            "skew": 4.0 ** sizes["alpha"],
        }
    else:
        own = {}
    return {**sizes, **own}


def points_of(operator: str, sizes: Mapping[str, Values], units: Values) -> Columns:
    """Operators as points, a row each: the logarithm over 2 of each size that `AXES` names."""
    every = sizes_of(operator, sizes, units)
    columns = np.broadcast_arrays(*(np.atleast_1d(every[name]) for name in AXES[operator]))
    points: Columns = np.log2(np.stack(columns, axis=1).astype(float))
    return points


@formula
def correlation(some: Columns, others: Columns, lengths: Columns) -> Columns:
    """How much of a residual at one point holds at another: 1 at the same point, less with the distance, at last none.

    Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (MIT Press, 2006), eq. 4.17, Matern class
    with 3/2, a length an axis.
    """
    one, other = some / lengths, others / lengths
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None, :] - 2.0 * one @ other.T
    apart = np.sqrt(3.0 * np.maximum(squares, 0.0))
    near: Columns = (1.0 + apart) * np.exp(-apart)
    return near


@formula
def residual_ratio(points: Columns, residuals: Residuals) -> Columns:
    """Measured over fitted time of operators, as timed shapes near by have it; 1 far from all of them.

    Source: Krige (J. Chem. Metall. Mining Soc. South Africa 52(6), 1951); Rasmussen and Williams (2006), eq. 2.25:
    simple kriging; weights from the fit of measurements/operators/ by scripts/calibrate_operators.py.
    """
    ratio: Columns = np.exp(correlation(points, residuals.points, residuals.lengths) @ residuals.weights)
    return ratio


def residuals_of(parameters: Mapping[str, Values], operator: str, kind: str, family: str) -> Residuals | None:
    """What is known of one kind of kernel on a chip that was timed in it; `None` where its family was not.

    `parameters` hold the lengths: `decode.length.batch`, ...
    """
    if operator not in AXES or not (table := _table(TABLES / f"{operator}.csv").get(kind)):
        return None
    families, points, weights = table
    if family not in families:
        return None
    lengths = np.array([parameters[f"{operator}.length.{axis}"] for axis in AXES[operator]], float)
    return Residuals(points, weights[:, 0] + np.where(families == family, weights[:, 1], 0.0), lengths)


@lru_cache(maxsize=len(AXES))
def _table(path: Path) -> Mapping[str, tuple[NDArray[np.str_], Columns, Columns]]:
    """Families, points and weights of each kind of kernel in a table."""
    axes = AXES[path.stem]
    rows: dict[str, list[dict[str, str]]] = {}
    for _, row in read_csv(path):
        rows.setdefault(row["kind"], []).append(row)
    return {
        kind: (
            np.array([row["family"] for row in own]),
            np.log2(np.array([[row[axis] for axis in axes] for row in own], float)),
            np.array([[row[name] for name in WEIGHTS] for row in own], float),
        )
        for kind, own in rows.items()
    }
