"""Intervals from the errors of rows that a fit did not see: of the same chips, or of whole groups of chips left out."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

# The interval where too few rows tell of one, as ratios of measured over predicted time.
UNKNOWN = (0.3, 3.0)
# Rows from which an interval is drawn.
ENOUGH = 20
TAIL = 0.05


def conformal(log_ratios: np.ndarray) -> tuple[float, float]:
    """Ratios of measured over predicted time that hold 90 of 100 new rows, by the ranks of those seen."""
    seen = np.sort(log_ratios[np.isfinite(log_ratios)])
    if len(seen) < ENOUGH:
        return UNKNOWN
    outside = int(np.floor(TAIL * (len(seen) + 1)))
    return float(np.exp(min(seen[outside - 1], 0.0))), float(np.exp(max(seen[-outside], 0.0)))


def of_groups(groups: Sequence[np.ndarray]) -> tuple[float, float]:
    """Ratios that hold some 90 of 100 rows of a further group, from the log ratios of groups left out in turn.

    All groups count alike, however many rows they have. The fewer there are the wider it is, by Student's t over the
    normal distribution, and it reaches as far either way: few groups tell how far off another may be, not which way.

    Source: Student, The Probable Error of a Mean (Biometrika 6(1), 1908).
    """
    seen = [one[np.isfinite(one)] for one in groups]
    seen = [one for one in seen if len(one)]
    if sum(map(len, seen)) < ENOUGH:
        return UNKNOWN
    ratios = np.abs(np.concatenate(seen))
    order = np.argsort(ratios)
    weights = np.cumsum(np.concatenate([np.full(len(one), 1 / len(one)) for one in seen])[order]) / len(seen)
    wider = stats.t.ppf(1.0 - TAIL, max(len(seen) - 1, 1)) / stats.norm.ppf(1.0 - TAIL)
    far = float(ratios[order][np.searchsorted(weights, 1.0 - 2.0 * TAIL - 1e-9)] * wider)
    return float(np.exp(-far)), float(np.exp(far))
