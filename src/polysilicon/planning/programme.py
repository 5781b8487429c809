"""The mixed-integer programme: its variables, its objective, and the constraints of each subject.

Decisions: `units[contract, place, start]` (integer) are contracted to start in a quarter; `stands[place, quarter]`
names their total; `use[task, place, quarter]` is how many of those a task occupies (continuous: a system serves
several tasks in shares of its time); `unmet[task, quarter]` is the unmet fraction; `ported[code, stack]` (binary)
says whether code was ported. The objective is discounted cost in M USD.
Source: capacity expansion with linearised investment, as in PyPSA (Brown, Hörsch, Schlachtberger, J. Open Research
Software 6:4, 2018, section 2.3); fixed charges after Wolsey, Integer Programming (2nd ed. 2020), chapter 9.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from polysilicon.planning import money
from polysilicon.planning.constraints import BUILDERS
from polysilicon.planning.instance import CONTRACTS, Instance
from polysilicon.planning.labelled import labelled
from polysilicon.planning.limit import Limit


@dataclass(frozen=True)
class Programme:
    """A linopy model with its variables by name; `limits` says which constraints state which limit."""

    model: Any
    instance: Instance
    units: Any
    stands: Any
    use: Any
    unmet: Any
    ported: Any
    stacks: list[tuple[str, str]]
    limits: dict[Limit, list[str]] = field(default_factory=dict)

    def limit(self, limit: Limit, constraint: Any) -> None:
        """Add rows that state `limit`."""
        names = self.limits.setdefault(limit, [])
        names.append("_".join((*limit, str(len(names)))))
        self.model.add_constraints(constraint, name=names[-1])


def build(instance: Instance) -> Programme:
    """The programme of `instance`. Which columns are whole is the solver's to say."""
    import linopy

    linopy.options["semantics"] = "v1"
    model = linopy.Model()
    axes = _axes(instance)
    stacks = sorted(instance.porting_musd)
    programme = Programme(
        model=model,
        instance=instance,
        units=_add_units(model, instance, axes),
        stands=model.add_variables(lower=0, coords=[axes["place"], axes["quarter"]], name="stands"),
        use=_add_use(model, instance, axes),
        unmet=model.add_variables(
            lower=0,
            upper=0.0 if instance.unmet_musd is None else 1.0,
            coords=[axes["task"], axes["quarter"]],
            name="unmet",
        ),
        ported=_add_ported(model, instance, stacks),
        stacks=stacks,
    )
    for add in BUILDERS:
        add(programme)
    model.add_objective(_objective(programme))
    return programme


def _axes(instance: Instance) -> dict[str, Any]:
    import pandas

    sizes = {
        "contract": len(CONTRACTS),
        "place": len(instance.places),
        "start": len(instance.quarters),
        "quarter": len(instance.quarters),
        "task": len(instance.tasks),
    }
    return {name: pandas.RangeIndex(size, name=name) for name, size in sizes.items()}


def _add_units(model: Any, instance: Instance, axes: dict[str, Any]) -> Any:
    return model.add_variables(
        lower=labelled(instance.low, "contract", "place", "start"),
        upper=labelled(instance.high, "contract", "place", "start"),
        coords=[axes["contract"], axes["place"], axes["start"]],
        name="units",
    )


def _add_use(model: Any, instance: Instance, axes: dict[str, Any]) -> Any:
    """Zero where a task can't run on a place, or has nothing to do in a quarter; what is past is as it was."""
    quarters = np.arange(len(instance.quarters))
    wanted = np.stack(
        [
            (task.first <= quarters) & (quarters <= task.last) if task.is_run else np.asarray(task.demand) > 0
            for task in instance.tasks
        ]
    )
    open_ = (instance.throughput > 0)[:, :, None] & wanted[:, None, :]
    lower, upper = np.zeros(open_.shape), np.where(open_, np.inf, 0.0)
    if instance.past is not None:
        lower[..., : instance.past.quarters] = upper[..., : instance.past.quarters] = instance.past.use
    return model.add_variables(
        lower=labelled(lower, "task", "place", "quarter"),
        upper=labelled(upper, "task", "place", "quarter"),
        coords=[axes["task"], axes["place"], axes["quarter"]],
        name="use",
    )


def _add_ported(model: Any, instance: Instance, stacks: list[tuple[str, str]]) -> Any:
    import pandas

    if not stacks:
        return None
    done = np.zeros(len(stacks)) if instance.past is None else np.round(instance.past.ported)
    lower = labelled(done, "code")
    axis = pandas.RangeIndex(len(stacks), name="code")
    return model.add_variables(lower=lower, upper=1, coords=[axis], name="ported")


def _objective(programme: Programme) -> Any:
    instance, discount = programme.instance, programme.instance.discount
    contracts = ((money.contract_musd(instance) + money.running_musd(instance)) * discount).sum(axis=-1)
    carbon = (instance.carbon_t + instance.embodied_t) * instance.carbon_musd_per_t * discount
    cost = (programme.units * labelled(contracts, "contract", "place", "start")).sum()
    if instance.carbon_musd_per_t:
        cost = cost + (programme.stands * labelled(carbon, "place", "quarter")).sum()
    if programme.stacks:
        fees = np.asarray([instance.porting_musd[code] for code in programme.stacks])
        cost = cost + (programme.ported * labelled(fees, "code")).sum()
    if instance.unmet_musd is not None:
        shape = (len(instance.tasks), len(instance.quarters))
        cost = cost + (programme.unmet * labelled(np.full(shape, instance.unmet_musd), "task", "quarter")).sum()
    return cost
