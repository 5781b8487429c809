"""Intervals from the errors of a fit on rows that it never saw."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def conformal(
    log_errors: NDArray[np.float64], groups: Sequence[str], share: float = 0.90, asked: int = 0
) -> tuple[float, float]:
    """Ratios of measured over predicted that hold `share` of the cases, both tails alike.

    `log_errors` are logarithms of predicted over measured. A group counts by the root of its rows, as rows of one
    source err together. `asked` groups more are to lie inside as well: with few groups the ends are then the extremes.

    Source: Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World (2005); Tibshirani et al., Conformal
    Prediction Under Covariate Shift (arXiv 1904.06019), weighted quantiles.
    """
    rows = Counter(groups)
    order = np.argsort(-log_errors)
    weights = np.array([rows[one] ** -0.5 for one in groups])[order]
    below = (np.cumsum(weights) - 0.5 * weights) / weights.sum()
    level = min((1.0 + share) / 2.0 * (1.0 + asked / len(rows)), 1.0)
    low, high = np.interp([1.0 - level, level], below, -log_errors[order])
    return float(np.exp(low)), float(np.exp(high))
