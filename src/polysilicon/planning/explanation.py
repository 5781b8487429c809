"""`explain plan.json FIGURE`: a printed figure walked back to formulas and sourced records.

The candidate behind each term is evaluated again, alone, with the recorder on, in the catalogue and scenario that
the plan carries; the root of the tree is the figure as printed.
"""

from collections.abc import Callable

from polysilicon.facts import Catalogue
from polysilicon.facts.catalogue import load
from polysilicon.facts.hardware import System
from polysilicon.facts.money import Assumption
from polysilicon.planning.coefficients import cost_at_mean_load_musd
from polysilicon.planning.costing import Priced, priced
from polysilicon.planning.formulation import porting_fee_musd
from polysilicon.planning.options import first_token_budget_ms
from polysilicon.planning.plan import Figure, Plan, Term
from polysilicon.planning.rate_tree import rate_tree
from polysilicon.planning.unit_costs import MEAN_LOAD
from polysilicon.records.bounded import Bounded
from polysilicon.records.dates import Quarter
from polysilicon.records.document import Document
from polysilicon.records.errors import InputError, UnknownName
from polysilicon.records.names import nearest
from polysilicon.records.recorder import Recorder, Step
from polysilicon.scenario import Opened, from_document

# The amount of a priced unit that each kind of reference names.
AMOUNTS: dict[str, Callable[[Priced], Bounded]] = {
    "price_musd": lambda unit: unit.price_musd,
    "hardware_musd": lambda unit: unit.hardware_musd,
    "running_musd": lambda unit: unit.running_musd,
    "power_kw": lambda unit: unit.power_kw,
    "energy_mwh": lambda unit: unit.energy_mwh,
    "carbon_operational_t": lambda unit: unit.carbon_t,
    "carbon_embodied_t": lambda unit: unit.embodied_t,
    "water_m3": lambda unit: unit.water_m3,
}


def explain_figure(plan: Plan, figure_id: str, catalogue: Catalogue | None = None) -> Step:
    """The tree behind a figure: its terms, each with the formulas and records of its coefficient.

    Raises:
        UnknownName: the plan has no such figure.
        InputError: the catalogue is not the one the plan was made with.
    """
    if figure_id not in plan.figures:
        raise UnknownName(
            f"the plan has no figure {figure_id!r}",
            nearest=nearest(figure_id, plan.figures),
            allowed=[name for name in plan.figures if "/" not in name],
        )
    opened = reopened(plan, catalogue)
    return _figure(plan, opened, plan.figures[figure_id])


def reopened(plan: Plan, catalogue: Catalogue | None = None) -> Opened:
    """The scenario that a plan carries, opened again.

    Raises:
        InputError: the catalogue is not the one the plan was made with.
    """
    opened = from_document(Document(plan.scenario_file, plan.scenario), catalogue or load())
    if opened.catalogue.hash != plan.catalogue_hash:
        raise InputError(
            "this plan was made with another catalogue",
            found=plan.catalogue_hash,
            allowed=opened.catalogue.hash,
            remedy="make the plan again, or give the same --facts file",
        )
    return opened


def _figure(plan: Plan, opened: Opened, figure: Figure) -> Step:
    parts = [_term(plan, opened, term) for term in figure.terms]
    return Step(
        name=figure.id,
        value=float(sum(_number(part.value) for part in parts)),
        unit=figure.unit,
        what=figure.label,
        source="the plan's decisions times the coefficients below",
        inputs=parts,
        interval=(figure.low, figure.high),
    )


def _term(plan: Plan, opened: Opened, term: Term) -> Step:
    kind, _, subject = term.reference.partition(":")
    if kind == "figure":
        inner = _figure(plan, opened, plan.figures[subject])
        if term.quantity == 1.0:
            return inner
        return Step(name=term.label, value=term.quantity * _number(inner.value), unit=term.unit, inputs=[inner])
    if kind == "at_mean_load":
        coefficient = _at_mean_load(opened, _figure(plan, opened, plan.figures[subject]))
    else:
        coefficient = _coefficient(opened, kind, subject)
    quantity = Step(name="quantity", value=term.quantity, source="decided by the plan")
    return Step(
        name=term.label,
        value=term.quantity * _number(coefficient.value),
        unit=term.unit,
        what="quantity times coefficient",
        inputs=[quantity, coefficient],
    )


def _coefficient(opened: Opened, kind: str, subject: str) -> Step:
    """The coefficient that a reference names, evaluated again with the recorder on."""
    if kind == "porting_musd":
        return _porting(opened, subject)
    if kind == "throughput":
        workload, site, system = subject.split("/")
        load_ = opened.scenario.workloads[workload]
        budget = first_token_budget_ms(opened, load_)
        return rate_tree(opened.catalogue, opened.scenario, load_, opened.catalogue.get(System, system), budget)
    site, system, *rest = subject.split("/")
    hours = Quarter.parse(rest[-1]).hours if rest else 1.0
    with Recorder() as recorder:
        record = opened.catalogue.get(System, system)
        unit = priced(opened.catalogue, opened.scenario, site, record, hours, recorder=recorder)
        amount = unit.rent_musd[rest[0]] if kind == "rent_musd" else AMOUNTS[kind](unit)  # type: ignore[index]
    return recorder.tree(amount)


def _at_mean_load(opened: Opened, cost: Step) -> Step:
    with Recorder() as recorder:
        busy = opened.catalogue.get(Assumption, MEAN_LOAD).value
        recorder.known(busy, f"{MEAN_LOAD}.value [polysilicon-judgement]", "estimate")
        spread = cost_at_mean_load_musd(cost.value, busy)
    step = recorder.tree(spread)
    step.inputs[0] = cost
    return step


def _porting(opened: Opened, subject: str) -> Step:
    with Recorder() as recorder:
        amount = porting_fee_musd(opened.catalogue, subject.rpartition("@")[2])
    return recorder.tree(amount)


def _number(value: object) -> float:
    return float(value.value) if isinstance(value, Bounded) else float(value)  # type: ignore[arg-type]
