"""The decision: what to buy, where, when and on which contract, and what a shock does to it.

Architecture in one paragraph: `options` asks every other room about every candidate (`throughput`, `costing` and
`legality` each put one question) and `formulation` turns the answers and the scenario's limits into an `Instance`,
plain arrays by task, place and quarter. `programme` states the mixed-integer programme over it in linopy, one
subject of constraints a file in `constraints/`; `solving` runs HiGHS by relax-and-fix and proves the gap. On the
same instance stand `shocks` (struck as `blows` describe), the `pareto` front, `conflict` (which limits contradict
each other), `values` (what a unit is worth) and `unknowns`. `answer`, `docket`, `doubts` and `figures` turn arrays into
the records of `plan`, and `explanation` walks a figure of a plan back. `planner` is the verb. Heavy libraries are
imported inside functions, so that reading a plan costs nothing.
"""

from collections.abc import Callable
from pathlib import Path

from polysilicon.facts import Catalogue
from polysilicon.planning.plan import Plan, read, write
from polysilicon.records.recorder import Step
from polysilicon.scenario import Opened

__all__ = ["Plan", "explain_figure", "plan", "read", "write"]


def plan(
    scenario: Path | Opened, *, catalogue: Catalogue | None = None, progress: Callable[[str], None] | None = None
) -> Plan:
    """What to buy, where, when and on which contract, and what each shock does to it.

    `catalogue` is ours where none is given. `progress` is told what is being done, in words.

    Raises:
        InputError: the scenario can't be read or makes no sense.
        Infeasible: its limits contradict each other; the message names the smallest set found.
    """
    from polysilicon.planning.planner import plan as decide

    return decide(scenario, catalogue, progress or (lambda text: None))


def explain_figure(plan: Plan, figure_id: str, catalogue: Catalogue | None = None) -> Step:
    """The tree of formulas and records behind a figure of a plan; its root is the figure as printed.

    Raises:
        UnknownName: the plan has no such figure.
        InputError: the catalogue is not the one the plan was made with.
    """
    from polysilicon.planning.explanation import explain_figure as explained

    return explained(plan, figure_id, catalogue)
