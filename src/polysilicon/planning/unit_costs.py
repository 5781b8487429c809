"""What each workload costs, and so a million tokens, a million samples or a training run.

What stands at a place in a quarter is paid by the workloads that run there, in proportion to the units they use, idle
units included. A service is sized for its busiest hour; its unit price counts what it does at its mean load.
Source: activity-based cost allocation; unit cost of Barroso, Hölzle & Ranganathan, The Datacenter as a Computer, 3rd
ed. 2018, chapter 6.
"""

from collections.abc import Iterator

import numpy as np

from polysilicon.facts.money import Assumption
from polysilicon.planning import money
from polysilicon.planning.accounts import met
from polysilicon.planning.figures import LEAST, figure
from polysilicon.planning.instance import CONTRACTS, Instance
from polysilicon.planning.options import Options
from polysilicon.planning.plan import Figure, Term
from polysilicon.planning.solving import Answer
from polysilicon.records.interval import Floats
from polysilicon.records.units import MEGA, S_PER_H
from polysilicon.scenario import Serve

MEAN_LOAD = "planned-utilisation"


def unit_costs(options: Options, instance: Instance, answer: Answer) -> Iterator[Figure]:
    """The cost of each task over the horizon, and of a unit of what each service does.

    Ids are `run_musd/TASK` for a training run, `workload_musd/TASK` and `usd_per_mtoken/TASK` (of output, prompts
    included) or `usd_per_msample/TASK` for a service.
    """
    load = options.opened.catalogue.get(Assumption, MEAN_LOAD).value
    for row, task in enumerate(instance.tasks):
        terms = list(_terms(instance, answer, row))
        if task.is_run:
            yield figure(f"run_musd/{task.id}", f"Cost of the run {task.id}", terms)
            continue
        whole = figure(f"workload_musd/{task.id}", f"Cost of {task.id} over the horizon", terms)
        yield whole
        asked = options.opened.scenario.workloads[task.workload]
        tokens = float(asked.output_tokens or 0) if isinstance(asked, Serve) else 0.0
        done = (met(instance, answer.use)[row] * task.demand * instance.hours).sum() * S_PER_H * (tokens or 1.0) / MEGA
        if done > LEAST:
            name, word = ("usd_per_mtoken", "tokens answered") if tokens else ("usd_per_msample", "samples")
            price = Term(
                label=f"Cost of {task.id} at its mean load",
                quantity=MEGA / float(done),
                coefficient=whole.value / load,
                unit="USD",
                reference=f"at_mean_load:{whole.id}",
            )
            yield Figure(
                id=f"{name}/{task.id}",
                label=f"Cost of a million {word} by {task.id}",
                value=price.quantity * price.coefficient,
                unit="USD/M tokens" if tokens else "USD/M samples",
                terms=[price],
            )


def _terms(instance: Instance, answer: Answer, row: int) -> Iterator[Term]:
    """A task's part of everything that stands where it runs."""
    used = answer.use.sum(axis=0)
    part = np.divide(answer.use[row], used, out=np.zeros_like(used), where=used > LEAST)
    stands = np.einsum("cps,cpsq->cpq", answer.units, money.active(instance))
    own = stands[money.OWN]
    yield from _priced(instance, part * own, instance.hardware_musd, "hardware_musd:%s/%s")
    yield from _priced(instance, part * (own + instance.standing), instance.running_musd, "running_musd:%s/%s")
    for contract, rents in ((money.RESERVE, instance.reserve_musd), (money.ON_DEMAND, instance.on_demand_musd)):
        yield from _priced(instance, part * stands[contract], rents, f"rent_musd:%s/{CONTRACTS[contract]}/%s")


def _priced(instance: Instance, quantities: Floats, coefficients: Floats, reference: str) -> Iterator[Term]:
    for at, place in enumerate(instance.places):
        for when, quarter in enumerate(instance.quarters):
            if quantities[at, when] > LEAST:
                yield Term(
                    label=f"{place.system} at {place.site} in {quarter}",
                    quantity=float(quantities[at, when]),
                    coefficient=float(coefficients[at, when]),
                    unit="M USD",
                    reference=reference % (place.key, quarter),
                )
