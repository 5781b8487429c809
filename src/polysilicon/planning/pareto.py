"""The front of cost and carbon, by epsilon-constraint: the cheapest relaxed plan under each of several ceilings.

Source: Haimes, Lasdon & Wismer, On a bicriterion formulation, IEEE Trans. Systems, Man, and Cybernetics 1:296, 1971.
"""

from dataclasses import dataclass

import numpy as np

from polysilicon.planning.accounts import Accounts, accounts
from polysilicon.planning.constraints.carbon import TOTAL
from polysilicon.planning.programme import Programme
from polysilicon.planning.solving import NoAnswer, Solver

METHOD = "linear relaxation: units and ported code in fractions, solved to optimality"


@dataclass(frozen=True)
class Point:
    """A relaxed plan under a ceiling of carbon over the horizon; none where it was not asked to keep one."""

    accounts: Accounts
    objective_musd: float
    limit_t: float | None


def front(programme: Programme, points: int, seed: int = 1) -> list[Point]:
    """`points` plans from the cheapest to the one that emits least, warm-started one from the other."""
    if points < 2:
        return []
    instance = programme.instance
    solver = Solver(programme, seed)
    cheapest = _point(solver, None)
    emitted = (instance.carbon_t + instance.embodied_t) / 1e3
    cost = solver.cost.copy()
    solver.price("units", np.zeros(instance.most.shape))
    if "ported" in solver.columns:
        solver.price("ported", np.zeros(len(instance.porting_musd)))
    solver.price("stands", emitted)
    _, columns = solver.run()
    least = float((solver.part(columns, "stands") * emitted).sum()) * 1e3
    for name in solver.columns:
        solver.price(name, cost[solver.columns[name]])
    most = float(cheapest.accounts.carbon_t.sum())
    found = [cheapest]
    for ceiling in np.linspace(most, least, points)[1:]:
        try:
            # The very least is on the edge of what is possible: a hair of room keeps it so in floating point.
            solver.ceiling(TOTAL, (ceiling + 1e-4 * most) / 1e3)
            found.append(_point(solver, float(ceiling)))
        except NoAnswer:
            break
    return found


def _point(solver: Solver, limit_t: float | None) -> Point:
    _, columns = solver.run()
    instance = solver.programme.instance
    ported = solver.part(columns, "ported")
    sums = accounts(instance, solver.part(columns, "units"), solver.part(columns, "stands"), ported)
    return Point(sums, float(solver.highs.getInfo().objective_function_value), limit_t)
