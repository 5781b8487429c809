"""Demand is met, or its unmet fraction is priced."""

from typing import Any

import numpy as np

from polysilicon.planning.labelled import labelled
from polysilicon.planning.limit import Limit
from polysilicon.records.units import S_PER_H

# A unit that could do this many times a demand counts as doing no more: the solver refuses vast coefficients, and a
# demand that takes less than this part of a unit still takes one.
MOST_TIMES = 1e4


def scaled(instance: Any) -> Any:
    """What fraction of a task's demand (a run: of its work) a used unit does in a quarter, (W, P, T).

    Rows of fractions keep coefficients near one, whatever unit a workload counts in.
    """
    share = np.zeros((*instance.throughput.shape, len(instance.quarters)))
    with np.errstate(over="ignore"):
        for at, task in enumerate(instance.tasks):
            if task.is_run:
                share[at] = instance.throughput[at][:, None] * instance.hours * S_PER_H / task.work
            else:
                wanted = np.where(task.demand > 0, task.demand, np.inf)
                share[at] = instance.throughput[at][:, None] / wanted
    return np.minimum(share, MOST_TIMES)


def add(programme: Any) -> None:
    """Serving in each quarter, a run over its quarters: `done + unmet >= 1`."""
    instance = programme.instance
    share = scaled(instance)
    done = (programme.use * labelled(share, "task", "place", "quarter")).sum("place")
    for at, task in enumerate(instance.tasks):
        if task.is_run:
            total = done.sel(task=at).sum("quarter") + programme.unmet.sel(task=at, quarter=task.last)
            programme.limit(Limit("demand", task.id), total >= 1.0)
            continue
        asked = np.flatnonzero(np.asarray(task.demand) > 0)
        if asked.size:
            met = done.sel(task=at, quarter=asked) + programme.unmet.sel(task=at, quarter=asked)
            programme.limit(Limit("demand", task.id), met >= 1.0)
