"""Why a scenario has no plan: the smallest set of its own limits that contradict each other.

A deletion filter on the linear relaxation: each limit is taken away in turn; where the rest is still impossible it
stays away, else it is put back. What remains is impossible, and possible without any one of its members.
Source: Chinneck, Feasibility and Infeasibility in Optimization (2008), section 6.2 (deletion filter).
"""

import dataclasses

import numpy as np

from polysilicon.planning.accounts import met
from polysilicon.planning.constraints.carbon import TOTAL
from polysilicon.planning.instance import Instance
from polysilicon.planning.limit import Limit
from polysilicon.planning.programme import build
from polysilicon.planning.solving import NoAnswer, Solver

# Those a user would sooner question are taken away last, and so remain in the answer. What nobody can change, such as
# the contracts for which there is a price, is no limit to question.
ORDER = ("supply", "share", "water", "opens", "lead_time", "law", "carbon", "budget", "power", "demand")


def smallest_conflict(instance: Instance, seed: int = 1) -> list[Limit]:
    """Limits that can't all hold; empty if whole numbers of units alone are the reason."""
    solver = Solver(build(instance), seed)
    if _possible(solver):
        return []
    stated = [one for one in (*instance.masks, *solver.programme.limits) if one.subject in ORDER and one != TOTAL]
    limits = sorted(stated, key=lambda one: (ORDER.index(one.subject), one.name))
    dropped: list[Limit] = []
    for limit in limits:
        _set(solver, instance, limit, (*dropped, limit))
        if _possible(solver):
            _restore(solver, instance, limit, tuple(dropped))
        else:
            dropped.append(limit)
    return [limit for limit in limits if limit not in dropped]


def best_effort(instance: Instance, *, seed: int = 1) -> dict[str, float]:
    """The fraction of each task's demand that can be met, in its worst quarter, if as much as possible is."""
    eased = dataclasses.replace(instance, unmet_musd=1e4)
    try:
        solver = Solver(build(eased), seed)
        _, columns = solver.run(most_s=20.0)
    except NoAnswer:
        return {}
    done = met(eased, solver.part(columns, "use"))
    found: dict[str, float] = {}
    for at, task in enumerate(instance.tasks):
        share = done[at].sum() if task.is_run else np.min(done[at][np.asarray(task.demand) > 0], initial=1.0)
        found[task.id] = float(min(share, 1.0))
    return found


def _possible(solver: Solver) -> bool:
    try:
        solver.run()
    except NoAnswer as failure:
        if not failure.proved:
            raise
        return False
    return True


def _set(solver: Solver, instance: Instance, limit: Limit, dropped: tuple[Limit, ...]) -> None:
    if limit in instance.masks:
        solver.bound("units", instance.low, instance.high_without(*dropped))
        return
    for row in _rows(solver, limit):
        solver.highs.changeRowBounds(row, -np.inf, np.inf)


def _restore(solver: Solver, instance: Instance, limit: Limit, dropped: tuple[Limit, ...]) -> None:
    if limit in instance.masks:
        solver.bound("units", instance.low, instance.high_without(*dropped))
        return
    for row in _rows(solver, limit):
        solver.highs.changeRowBounds(row, solver.floors[row], solver.ceilings[row])


def _rows(solver: Solver, limit: Limit) -> list[int]:
    return [int(row) for name in solver.programme.limits[limit] for row in np.ravel(solver.rows[name])]
