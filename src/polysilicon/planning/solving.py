"""HiGHS: hand the programme over, prove the gap, and read the answer back as arrays.

The search is relax-and-fix. The linear relaxation gives a bound that no plan can beat. With the fixed charges rounded
and units only under the contracts it uses a small programme gives a plan. Where the two are not within the gap asked
for, what is owned is made whole first and what is rented after it, and in the end the whole programme is solved.
Source: relax-and-fix after Pochet and Wolsey, Production Planning by Mixed Integer Programming (2006), chapter 3.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from polysilicon.planning import money
from polysilicon.planning.constraints.demand import scaled
from polysilicon.planning.instance import Instance
from polysilicon.planning.limit import Limit
from polysilicon.planning.programme import Programme
from polysilicon.records.errors import PolysiliconError
from polysilicon.records.interval import Floats

_Stage = tuple[str, Floats, float, float]
ORDER = ("units", "stands", "use", "unmet", "ported")
ROUNDS_UP = 0.3  # a fixed charge that the relaxation pays in part; a heuristic, so no plan's validity rests on it
NOTHING = 1e-6
NEAR_S = 3.0
RENTED_S = 8.0  # measured on the running example: 3 s found no whole numbers of rents, 8 s did in each run tried


class NoAnswer(PolysiliconError):
    """The solver ended without a feasible answer. `proved` says whether it proved that there is none."""

    def __init__(self, status: str, proved: bool) -> None:
        self.proved = proved
        super().__init__(f"the solver ended with: {status}")


@dataclass(frozen=True)
class Answer:
    """A feasible answer: `units` (contract, P, T), `stands` (P, T), `use` (W, P, T), `unmet` (W, T), `ported`.

    `bound_musd` is what no answer can beat, `gap` (found - bound) / found.
    """

    units: Floats
    stands: Floats
    use: Floats
    unmet: Floats
    ported: Floats
    objective_musd: float
    bound_musd: float
    status: str
    seconds: float
    variables: int
    integers: int
    rows: int

    @property
    def gap(self) -> float:
        """The proved distance from the optimum."""
        return max(0.0, (self.objective_musd - self.bound_musd) / max(abs(self.objective_musd), 1e-9))


class Solver:
    """One programme inside HiGHS, at first relaxed. Costs and bounds may be changed and solved again, warm."""

    def __init__(self, programme: Programme, seed: int = 1) -> None:
        self.programme = programme
        self.seed = seed
        matrices = programme.model.matrices
        self.lower, self.upper = np.array(matrices.lb, dtype=np.float64), np.array(matrices.ub, dtype=np.float64)
        self.cost = np.array(matrices.c, dtype=np.float64)
        self.floors = np.where(matrices.sense != "<", matrices.b, -np.inf)
        self.ceilings = np.where(matrices.sense != ">", matrices.b, np.inf)
        self.matrix = matrices.A.tocsr()
        self.columns = self._columns()
        self.rows = {name: np.asarray(one.labels.values) for name, one in programme.model.constraints.items()}
        self.restart()

    def restart(self) -> None:
        """The programme as it was built, in a new HiGHS.

        Measured: given a plan to start from, HiGHS 1.16 can name an objective that its own columns don't have. So no
        run is given one, each mixed-integer run begins afresh, and `run` checks what it is told.
        """
        import highspy

        with _without_banner():
            self.highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]
        # The solver runs beside the interpreter, so that an interrupt is heard at once.
        self.highs.HandleKeyboardInterrupt = True
        self.highs.setOptionValue("output_flag", False)
        self.highs.setOptionValue("random_seed", self.seed)
        self.highs.addVars(len(self.cost), self.lower, self.upper)
        self.priced = self.cost.copy()
        self.highs.changeColsCost(len(self.cost), np.arange(len(self.cost), dtype=np.int32), self.cost)
        rows = self.matrix
        count = rows.shape[0]
        self.highs.addRows(count, self.floors, self.ceilings, rows.nnz, rows.indptr, rows.indices, rows.data)

    def _columns(self) -> dict[str, slice]:
        """Where each variable's columns lie: linopy numbers them in the order they were added."""
        found: dict[str, slice] = {}
        for name in ORDER:
            variable = getattr(self.programme, name)
            if variable is not None:
                labels = variable.labels.values
                found[name] = slice(int(labels.min()), int(labels.max()) + 1)
        return found

    def whole(self, *names: str, owned_only: bool = False) -> None:
        """Make the columns of these variables integer (of units: only owned ones) and all others continuous."""
        kinds = np.zeros(len(self.cost), dtype=np.uint8)
        for name in names:
            if name in self.columns:
                kinds[self.columns[name]] = 1
        if owned_only:
            units = kinds[self.columns["units"]].reshape(self.programme.units.shape)
            units[money.OWN + 1 :] = 0
        self.highs.changeColsIntegrality(len(kinds), np.arange(len(kinds), dtype=np.int32), kinds)

    def bound(self, name: str, lower: Floats, upper: Floats) -> None:
        """Bounds of a variable's columns for the next run."""
        place = self.columns[name]
        at = np.arange(place.start, place.stop, dtype=np.int32)
        self.highs.changeColsBounds(len(at), at, np.ravel(lower).astype(float), np.ravel(upper).astype(float))

    def price(self, name: str, cost: Floats) -> None:
        """Costs of a variable's columns for the next run."""
        place = self.columns[name]
        at = np.arange(place.start, place.stop, dtype=np.int32)
        self.priced[place] = np.ravel(cost)
        self.highs.changeColsCost(len(at), at, self.priced[place])

    def ceiling(self, limit: Limit, most: float) -> None:
        """The right-hand side of a limit of one `<=` row for the next run; infinite: the limit is dropped."""
        for name in self.programme.limits[limit]:
            for row in np.ravel(self.rows[name]):
                self.highs.changeRowBounds(int(row), -np.inf, most)

    def run(self, *, gap: float = 0.0, most_s: float = 60.0, good_enough: float | None = None) -> tuple[str, Floats]:
        """Solve as it stands: (status, columns).

        Raises:
            NoAnswer: infeasible, or nothing found in time.
        """
        options = {"mip_rel_gap": gap, "time_limit": self.highs.getRunTime() + max(most_s, 0.1)}
        options["objective_target"] = -np.inf if good_enough is None else good_enough
        for name, value in options.items():
            self.highs.setOptionValue(name, value)
        self.highs.solve()
        status = self.highs.modelStatusToString(self.highs.getModelStatus())
        if self.highs.getInfo().primal_solution_status != 2:
            raise NoAnswer(status, proved="nfeasible" in status)
        columns = np.asarray(self.highs.getSolution().col_value)
        told, counted = float(self.highs.getInfo().objective_function_value), float(self.priced @ columns)
        if abs(told - counted) > 1e-6 * max(1.0, abs(counted)):
            raise NoAnswer(f"{status}, with an objective of {told:g} for columns that cost {counted:g}", proved=False)
        return status, columns

    def part(self, columns: Floats, name: str) -> Floats:
        """A variable's values in its own shape."""
        if name not in self.columns:
            return np.zeros(0)
        return columns[self.columns[name]].reshape(getattr(self.programme, name).shape)


def solve(
    programme: Programme, *, most_units: Floats | None = None, gap: float = 0.01, most_s: float = 60.0, seed: int = 1
) -> Answer:
    """Minimise, to a proved gap of `gap` or what can be proved within `most_s` seconds.

    `most_units` (contract, P, T) bounds the contracts more tightly than the programme does.

    Raises:
        NoAnswer: infeasible, or nothing found in time.
    """
    begun = time.perf_counter()
    solver = Solver(programme, seed)
    if most_units is not None:
        solver.upper[solver.columns["units"]] = np.ravel(most_units)
        solver.restart()

    def left() -> float:
        return most_s - (time.perf_counter() - begun)

    status, relaxed = solver.run(most_s=left())
    bound = float(solver.highs.getInfo().objective_function_value)
    found, columns = _near(solver, relaxed, bound, gap, min(left() / 3, NEAR_S))
    if found > bound / (1 - gap):
        better, other, proved = _owned_first(solver, gap, left() * 0.6)
        bound = max(bound, proved)
        found, columns = (better, other) if better < found else (found, columns)
    if found > bound / (1 - gap):
        status, columns, found, bound = _finish(solver, columns, found, bound, gap, left())
    return _answer(solver, columns, found, bound, status.lower(), time.perf_counter() - begun)


def _owned_first(solver: Solver, gap: float, most_s: float) -> tuple[float, Floats, float]:
    """Whole numbers of what is owned and ported first, then of what is rented: (found, columns, bound).

    Rents can be had in small numbers and for a quarter, so that rounding them costs little.
    """
    solver.restart()
    solver.whole("units", "ported", owned_only=True)
    try:
        _, columns = solver.run(gap=0.7 * gap, most_s=most_s)
        bound = float(solver.highs.getInfo().mip_dual_bound)
        units, fixed = solver.part(columns, "units"), np.round(solver.part(columns, "ported"))
        place = solver.columns["units"]
        low, high = (one[place].reshape(units.shape).copy() for one in (solver.lower, solver.upper))
        low[money.OWN] = high[money.OWN] = np.round(units[money.OWN])
        solver.restart()
        solver.bound("units", low, high)
        if "ported" in solver.columns:
            solver.bound("ported", fixed, fixed)
        solver.whole("units")
        _, columns = solver.run(gap=gap / 5, most_s=min(RENTED_S, most_s))
    except NoAnswer:
        return np.inf, np.zeros(0), -np.inf
    return float(solver.highs.getInfo().objective_function_value), columns, bound


def _near(solver: Solver, relaxed: Floats, bound: float, gap: float, most_s: float) -> tuple[float, Floats]:
    """The best plan near a relaxed one: fixed charges rounded, units only where it has some."""
    solver.restart()
    if "ported" in solver.columns:
        fixed = np.maximum(solver.part(relaxed, "ported") > ROUNDS_UP, solver.lower[solver.columns["ported"]])
        solver.bound("ported", fixed, fixed)
    units = solver.part(relaxed, "units")
    low, high = (bound[solver.columns["units"]].reshape(units.shape) for bound in (solver.lower, solver.upper))
    # A contract that the relaxation never uses at a place is left out; the others may start in any quarter.
    total = units.sum(axis=-1, keepdims=True)
    ceiling = np.where(total > NOTHING, np.ceil(units.max(axis=-1, keepdims=True)) + 1, 0.0)
    solver.bound("units", low, np.minimum(high, np.maximum(ceiling, low)))
    solver.whole("units")
    try:
        _, columns = solver.run(gap=gap / 4, most_s=most_s, good_enough=bound / (1 - gap / 2) if bound > 0 else None)
    except NoAnswer:
        return np.inf, relaxed
    return float(solver.highs.getInfo().objective_function_value), columns


def _finish(solver: Solver, columns: Floats, found: float, bound: float, gap: float, most_s: float) -> _Stage:
    """The whole programme at once; the plan in hand stands where nothing better is found in time."""
    solver.restart()
    solver.whole("units", "ported")
    try:
        status, better = solver.run(gap=gap, most_s=most_s)
    except NoAnswer as failure:
        if failure.proved or not np.isfinite(found):
            raise
        return "time limit reached", columns, found, bound
    info = solver.highs.getInfo()
    bound = max(bound, float(info.mip_dual_bound))
    if float(info.objective_function_value) < found:
        return status, better, float(info.objective_function_value), bound
    return status, columns, found, bound


def _answer(solver: Solver, columns: Floats, found: float, bound: float, status: str, seconds: float) -> Answer:
    values: dict[str, Any] = {name: solver.part(columns, name) for name in ORDER}
    values["units"], values["ported"] = np.round(values["units"]), np.round(values["ported"])
    values["use"] = _no_more_than_asked(solver.programme.instance, values["use"])
    whole = sum(values[name].size for name in ("units", "ported"))
    rows = solver.highs.getNumRow()
    return Answer(
        **values,
        objective_musd=found,
        bound_musd=min(bound, found),
        status="optimal within the gap" if "target" in status else status,
        seconds=seconds,
        variables=len(columns),
        integers=whole,
        rows=rows,
    )


def _no_more_than_asked(instance: Instance, use: Floats) -> Floats:
    """Use costs nothing where units stand anyway, so the solver may do more than is asked: that is taken back."""
    done = use * scaled(instance)
    least = use.copy()
    for at, task in enumerate(instance.tasks):
        total = done[at].sum() if task.is_run else done[at].sum(axis=0)
        least[at] = use[at] / np.maximum(total, 1.0)
    return least


@contextlib.contextmanager
def _without_banner() -> Iterator[None]:
    """HiGHS greets on the process's own output before it can be told not to; `--json` must stay clean."""
    sys.stdout.flush()
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
