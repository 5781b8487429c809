"""Every printed amount as a sum of linear terms, so that it can be walked back to formulas and records.

A term's reference is `kind:subject`: `figure:ID` is another figure; `price_musd:SITE/SYSTEM`,
`power_kw:SITE/SYSTEM`, `hardware_musd:SITE/SYSTEM/QUARTER` and the like are a unit's coefficients;
`throughput:WORKLOAD/SITE/SYSTEM` is a unit's rate; `porting_musd:CODE@STACK` a fixed charge. Quantities are the
plan's decisions.
"""

from collections.abc import Iterator

import numpy as np

from polysilicon.planning import money
from polysilicon.planning.instance import CONTRACTS, Instance
from polysilicon.planning.plan import Figure, Purchase, Term
from polysilicon.planning.solving import Answer
from polysilicon.records.interval import Floats

LEAST = 1e-9

# Sums over the quarters, each with what they are made of in one quarter.
SUMMED = {
    "cost_musd": "Economic cost",
    "cash_musd": "Cash paid",
    "energy_mwh": "Energy",
    "carbon_t": "Carbon, operational and embodied",
    "water_m3": "Water",
}
UNITS = {"musd": "M USD", "kw": "kW", "mwh": "MWh", "t": "tCO2e", "m3": "m³"}


def figures(instance: Instance, answer: Answer) -> dict[str, Figure]:
    """Every figure of the plan by id."""
    made = [*_by_quarter(instance, answer), *_throughput(instance, answer)]
    known = {one.id: one for one in made}
    for name, label in SUMMED.items():
        parts = [known[f"{name}/{quarter}"] for quarter in instance.quarters]
        known[name] = figure(name, f"{label} over the horizon", [link(one) for one in parts])
    return known


def purchase_figures(instance: Instance, bought: list[Purchase]) -> dict[str, Figure]:
    """The cash of each purchase: units times the price of one, or times its rent in each quarter."""
    at = {(place.site, place.system): row for row, place in enumerate(instance.places)}
    found: dict[str, Figure] = {}
    for one in bought:
        row, key = at[one.site, one.system], f"{one.site}/{one.system}"
        if one.contract == "own":
            spans = [("price_musd:" + key, float(instance.price_musd[row]))]
        else:
            rents = instance.reserve_musd if one.contract == "reserve" else instance.on_demand_musd
            spans = [
                (f"rent_musd:{key}/{one.contract}/{quarter}", float(rents[row, when]))
                for when, quarter in enumerate(instance.quarters)
                if one.delivered <= str(quarter) < str(one.until)
            ]
        terms = [
            Term(
                label=f"{one.system} at {one.site}", quantity=one.units, coefficient=cost, unit="M USD", reference=name
            )
            for name, cost in spans
        ]
        made = figure(one.figure, f"{one.units} x {one.system_name} for {one.site}, {one.contract}", terms)
        found[made.id] = Figure(id=made.id, label=made.label, value=made.value, unit="M USD", terms=terms)
    return found


def figure(name: str, label: str, terms: list[Term]) -> Figure:
    """A figure whose value is the sum of its terms."""
    return Figure(id=name, label=label, value=total(terms), unit=_unit(name), terms=terms)


def link(one: Figure, sign: float = 1.0) -> Term:
    """Another figure as a term."""
    return Term(label=one.label, quantity=sign, coefficient=one.value, unit=one.unit, reference=f"figure:{one.id}")


def total(terms: list[Term]) -> float:
    """The sum of quantity times coefficient."""
    return float(sum(one.quantity * one.coefficient for one in terms))


def _unit(name: str) -> str:
    return UNITS.get(name.split("/", 1)[0].rsplit("_", 1)[-1], "")


def _by_quarter(instance: Instance, answer: Answer) -> Iterator[Figure]:
    stands = np.einsum("cps,cpsq->cpq", answer.units, money.active(instance))
    for at, quarter in enumerate(instance.quarters):
        own = stands[money.OWN, :, at]
        kept = own + instance.standing[:, at]
        every = answer.stands[:, at]
        hardware = figure(
            f"hardware_musd/{quarter}",
            f"Annuity of owned hardware in {quarter}",
            list(_terms(instance, own, instance.hardware_musd[:, at], f"hardware_musd:%s/{quarter}", "M USD")),
        )
        running = figure(
            f"running_musd/{quarter}",
            f"Hall, power and upkeep of owned units in {quarter}",
            list(_terms(instance, kept, instance.running_musd[:, at], f"running_musd:%s/{quarter}", "M USD")),
        )
        rent = figure(f"rent_musd/{quarter}", f"Rent in {quarter}", _rents(instance, stands[:, :, at], at))
        porting = figure(
            f"porting_musd/{quarter}", f"Porting in {quarter}", _porting(instance, answer) if at == 0 else []
        )
        yield from (hardware, running, rent, porting)
        parts = [link(one) for one in (hardware, running, rent, porting)]
        yield figure(f"cost_musd/{quarter}", f"Economic cost in {quarter}", parts)
        ordered = _ordered(instance, answer.units[money.OWN], at)
        paid = list(_terms(instance, ordered, instance.price_musd, "price_musd:%s", "M USD"))
        yield figure(f"cash_musd/{quarter}", f"Cash paid in {quarter}", [*paid, *parts[1:]])
        for name, coefficient, label in (
            ("energy_mwh", instance.energy_mwh[:, at], "Energy"),
            ("carbon_operational_t", instance.carbon_t[:, at], "Operational carbon"),
            ("carbon_embodied_t", instance.embodied_t[:, at], "Embodied carbon"),
            ("water_m3", instance.water_m3[:, at], "Water"),
        ):
            terms = _terms(instance, every, coefficient, f"{name}:%s/{quarter}", UNITS[name.rsplit("_", 1)[-1]])
            yield figure(f"{name}/{quarter}", f"{label} in {quarter}", list(terms))
        power = _terms(instance, every, instance.power_kw, "power_kw:%s", "kW")
        yield figure(f"power_kw/{quarter}", f"Provisioned power in {quarter}", list(power))
        carbon = [
            Term(
                label=f"{kind} carbon in {quarter}",
                quantity=1.0,
                coefficient=float((every * coefficient[:, at]).sum()),
                unit="tCO2e",
                reference=f"figure:carbon_{kind}_t/{quarter}",
            )
            for kind, coefficient in (("operational", instance.carbon_t), ("embodied", instance.embodied_t))
        ]
        yield figure(f"carbon_t/{quarter}", f"Carbon in {quarter}", carbon)


def _terms(instance: Instance, quantities: Floats, coefficients: Floats, reference: str, unit: str) -> Iterator[Term]:
    for at, place in enumerate(instance.places):
        if abs(quantities[at]) > LEAST:
            yield Term(
                label=f"{place.system} at {place.site}",
                quantity=float(quantities[at]),
                coefficient=float(coefficients[at]),
                unit=unit,
                reference=reference % place.key,
            )


def _rents(instance: Instance, stands: Floats, at: int) -> list[Term]:
    terms: list[Term] = []
    for contract, rents in ((money.RESERVE, instance.reserve_musd), (money.ON_DEMAND, instance.on_demand_musd)):
        name = CONTRACTS[contract]
        reference = f"rent_musd:%s/{name}/{instance.quarters[at]}"
        terms += _terms(instance, stands[contract], rents[:, at], reference, "M USD")
    return terms


def _porting(instance: Instance, answer: Answer) -> list[Term]:
    return [
        Term(
            label=f"{code} to {stack}",
            quantity=float(done),
            coefficient=instance.porting_musd[code, stack],
            unit="M USD",
            reference=f"porting_musd:{code}@{stack}",
        )
        for (code, stack), done in zip(sorted(instance.porting_musd), answer.ported, strict=True)
        if done > LEAST
    ]


def _ordered(instance: Instance, own: Floats, at: int) -> Floats:
    """Owned units ordered in a quarter: those that start a lead time later."""
    ordered = np.zeros(len(instance.places))
    for place, lead in enumerate(instance.lead):
        if at + lead < len(instance.quarters):
            ordered[place] = own[place, at + int(lead)]
    return ordered


def _throughput(instance: Instance, answer: Answer) -> Iterator[Figure]:
    for row, task in enumerate(instance.tasks):
        for at, quarter in enumerate(instance.quarters):
            terms = [
                Term(
                    label=f"{place.system} at {place.site}",
                    quantity=float(answer.use[row, where, at]),
                    coefficient=float(instance.throughput[row, where]),
                    unit=task.unit,
                    reference=f"throughput:{task.workload}/{place.key}",
                )
                for where, place in enumerate(instance.places)
                if answer.use[row, where, at] > 1e-6
            ]
            if terms:
                name = f"throughput/{task.id}/{quarter}"
                made = figure(name, f"Throughput given to {task.id} in {quarter}", terms)
                yield Figure(id=made.id, label=made.label, value=made.value, unit=task.unit, terms=terms)
