"""From the solver's arrays to the plan's records."""

from collections.abc import Iterator

import msgspec
import numpy as np

from polysilicon.facts.places import Region
from polysilicon.planning import money
from polysilicon.planning.accounts import Accounts, met
from polysilicon.planning.docket import Docket
from polysilicon.planning.instance import CONTRACTS, Instance
from polysilicon.planning.options import Options
from polysilicon.planning.plan import (
    Assignment,
    BindingLimit,
    Demand,
    FleetRow,
    Purchase,
    QuarterTotals,
    SiteNote,
    Totals,
    WorkloadNote,
)
from polysilicon.planning.solving import Answer
from polysilicon.planning.throughput import unit_of
from polysilicon.planning.values import ShadowPrices
from polysilicon.records.interval import Floats
from polysilicon.records.units import S_PER_H
from polysilicon.scenario import Train, steps

LEAST = 1e-6
NEAR = 0.995  # of a limit: what is used in full but for whole units


def purchases(options: Options, instance: Instance, units: Floats, docket: Docket) -> list[Purchase]:
    """What is contracted, by quarter of the order, site, system and contract."""
    found: list[Purchase] = []
    paid = money.cash_musd(instance) - money.running_musd(instance)
    for contract, place, start in np.argwhere(units > 0.5):
        row, count = options.options[place], round(float(units[contract, place, start]))
        name = CONTRACTS[contract]
        lead = int(instance.lead[place]) if contract == money.OWN else 0
        quote = row.priced.quotes[name]
        verdict = docket.row(row, int(start))
        found.append(
            Purchase(
                quarter=str(instance.quarters[start - lead]),
                delivered=str(instance.quarters[start]),
                until=_until(instance, contract, start),
                site=row.site,
                region=options.opened.scenario.sites[row.site].region,
                entity=options.opened.scenario.sites[row.site].entity,
                system=row.system.id,
                system_name=row.system.name,
                vendor=row.system.vendor,
                contract=name,
                units=count,
                chips=int(count * row.chips),
                unit_price_usd=float(quote.amount.value),
                price_basis=quote.basis,
                price_confidence=quote.origin.confidence if quote.origin else "",
                cost_musd=count * float(paid[contract, place, start].sum()),
                verdict=verdict.id,
                assumed_law=verdict.assumed,
                figure="",
            )
        )
    found.sort(key=lambda one: (one.quarter, one.site, one.system, one.contract))
    return [msgspec.structs.replace(one, figure=f"purchase/{at}") for at, one in enumerate(found, start=1)]


def _until(instance: Instance, contract: int, start: int) -> str | None:
    if contract == money.OWN:
        return None
    return str(instance.quarters[start] + (instance.reserve_quarters if contract == money.RESERVE else 1))


def fleet(instance: Instance, units: Floats) -> list[FleetRow]:
    """What stands where in each quarter; units that stood before the plan count as owned."""
    stands = np.einsum("cps,cpsq->cpq", units, money.active(instance))
    stands[money.OWN] += instance.standing
    return [
        FleetRow(
            quarter=str(instance.quarters[quarter]),
            site=instance.places[place].site,
            system=instance.places[place].system,
            contract=CONTRACTS[contract],
            units=float(stands[contract, place, quarter]),
            chips=float(stands[contract, place, quarter] * instance.places[place].chips),
            power_kw=float(stands[contract, place, quarter] * instance.power_kw[place]),
        )
        for quarter, contract, place in (
            (quarter, contract, place) for contract, place, quarter in np.argwhere(stands > LEAST)
        )
    ]


def assignments(instance: Instance, answer: Answer) -> list[Assignment]:
    """What runs where; `share` of a run is the part of its work done in that quarter."""
    found: list[Assignment] = []
    for task, place, quarter in np.argwhere(answer.use > LEAST):
        one, rate = instance.tasks[task], float(instance.throughput[task, place])
        given = rate * float(answer.use[task, place, quarter])
        whole = one.work / float(instance.hours[quarter] * S_PER_H) if one.is_run else float(one.demand[quarter])
        found.append(
            Assignment(
                workload=one.id,
                quarter=str(instance.quarters[quarter]),
                site=instance.places[place].site,
                system=instance.places[place].system,
                units=float(answer.use[task, place, quarter]),
                throughput=given,
                share=min(given / whole, 1.0),
                unit=one.unit,
            )
        )
    return sorted(found, key=lambda one: (one.workload, one.quarter, one.site, one.system))


def demand(instance: Instance, answer: Answer) -> Iterator[Demand]:
    """What each task asks for and gets. Of a run: the mean rate of the work done in each of its quarters."""
    done = met(instance, answer.use)
    for at, task in enumerate(instance.tasks):
        for quarter, name in enumerate(instance.quarters):
            if task.is_run:
                rate = float(done[at, quarter]) * task.work / float(instance.hours[quarter] * S_PER_H)
                if rate > LEAST:
                    yield Demand(workload=task.id, quarter=str(name), demand=rate, met=rate, unit=task.unit)
            elif task.demand[quarter] > 0:
                asked = float(task.demand[quarter])
                served = asked * float(min(done[at, quarter], 1.0))
                yield Demand(workload=task.id, quarter=str(name), demand=asked, met=served, unit=task.unit)


def by_quarter(instance: Instance, sums: Accounts) -> list[QuarterTotals]:
    """The plan's sums in each quarter."""
    return [
        QuarterTotals(
            quarter=str(name),
            cost_musd=float(sums.cost_musd[at]),
            hardware_musd=float(sums.hardware_musd[at]),
            rent_musd=float(sums.rent_musd[at]),
            running_musd=float(sums.running_musd[at]),
            porting_musd=float(sums.porting_musd[at]),
            cash_musd=float(sums.cash_musd[at]),
            power_kw=float(sums.power_kw[at]),
            energy_mwh=float(sums.energy_mwh[at]),
            carbon_t=float(sums.carbon_t[at]),
            carbon_operational_t=float(sums.operational_t[at]),
            carbon_embodied_t=float(sums.embodied_t[at]),
            water_m3=float(sums.water_m3[at]),
        )
        for at, name in enumerate(instance.quarters)
    ]


def totals(instance: Instance, answer: Answer, sums: Accounts) -> Totals:
    """The plan's sums over the horizon. `demand_met` is the mean over tasks."""
    done = met(instance, answer.use)
    shares = [
        min(float(done[at].sum()), 1.0)
        if task.is_run
        else float(np.minimum(done[at], 1.0)[np.asarray(task.demand) > 0].mean())
        for at, task in enumerate(instance.tasks)
        if task.is_run or np.any(np.asarray(task.demand) > 0)
    ]
    chips = np.asarray([place.chips for place in instance.places])
    return Totals(
        objective_musd=answer.objective_musd,
        cost_musd=float(sums.cost_musd.sum()),
        cash_musd=float(sums.cash_musd.sum()),
        energy_mwh=float(sums.energy_mwh.sum()),
        carbon_t=float(sums.carbon_t.sum()),
        water_m3=float(sums.water_m3.sum()),
        peak_power_kw=float(sums.power_kw.max()),
        chips=round(float((chips @ answer.stands).max())),
        demand_met=float(np.mean(shares)) if shares else 1.0,
    )


def site_notes(options: Options) -> list[SiteNote]:
    """The sites as the plan saw them."""
    scenario, catalogue = options.opened.scenario, options.opened.catalogue
    notes: list[SiteNote] = []
    for name, site in scenario.sites.items():
        region = catalogue.get(Region, site.region)
        caps = None if site.power_cap_kw is None else steps(site.power_cap_kw, options.quarters)
        notes.append(
            SiteNote(
                id=name,
                region=region.id,
                name=region.name,
                country=region.country,
                entity=site.entity,
                lat=region.lat,
                lon=region.lon,
                power_cap_kw=[None if caps is None else float(caps[at]) for at in range(len(options.quarters))],
            )
        )
    return notes


def workload_notes(options: Options) -> list[WorkloadNote]:
    """The workloads as the plan saw them."""
    notes: list[WorkloadNote] = []
    for name, load in options.opened.scenario.workloads.items():
        doubtful = any(row.rates[name].unvalidated for row in options.options if name in row.rates)
        notes.append(
            WorkloadNote(
                id=name,
                kind="train" if isinstance(load, Train) else "serve",
                model=load.model,
                entity=load.entity,
                unit=unit_of(load),
                unvalidated=doubtful,
                note=load.note or ("few measured cases stand behind its throughput" if doubtful else ""),
            )
        )
    return notes


def job_notes(options: Options, instance: Instance, answer: Answer) -> Iterator[str]:
    """Of each workload that trains on fewer chips at one place than the job its rate was estimated for."""
    chips = np.asarray([place.chips for place in instance.places])[:, None] * answer.stands
    for name, load in options.opened.scenario.workloads.items():
        if not isinstance(load, Train):
            continue
        rows = [at for at, task in enumerate(instance.tasks) if task.workload == name]
        used = (answer.use[rows] > LEAST).any(axis=0)
        most = float(np.max(chips, where=used, initial=0.0))
        if 0.0 < most < load.job_chips:
            yield (
                f"{name} is planned on fewer chips at one place ({most:,.0f}) than its job_chips "
                f"({load.job_chips:,}), for which its rate per chip was estimated."
            )


def binding(instance: Instance, sums: Accounts, prices: ShadowPrices) -> list[BindingLimit]:
    """The limits that the plan uses in full, with what easing them by one unit would save in the relaxed plan."""
    found: list[BindingLimit] = []
    caps = instance.caps

    def note(limit: str, quarter: int | None, used: float, allowed: float, unit: str, worth: float | None) -> None:
        if np.isfinite(allowed) and used >= NEAR * allowed and allowed > 0:
            at = None if quarter is None else str(instance.quarters[quarter])
            found.append(
                BindingLimit(
                    limit=limit,
                    quarter=at,
                    used=used,
                    allowed=allowed,
                    unit=unit,
                    worth=worth if worth and worth > 1e-12 else None,
                    worth_unit=f"M USD a {unit}" if worth and worth > 1e-12 else "",
                )
            )

    drawn = instance.power_kw[:, None] * sums.stands
    for at, site in enumerate(instance.sites):
        for quarter in range(len(instance.quarters)):
            used = float(drawn[instance.site_of == at, quarter].sum())
            allowed = float(caps.power_kw[at, quarter])
            note(f"power cap of {site}", quarter, used, allowed, "kW", float(prices.power_kw[at, quarter]))
    for year, quarters in enumerate(instance.years()):
        name, first = f"year {year + 1}", int(quarters[0])
        carbon, water = float(sums.carbon_t[quarters].sum()), float(sums.water_m3[quarters].sum())
        note(
            f"carbon_t_per_year in {name}", None, carbon, float(caps.carbon_t[year]), "t", float(prices.carbon_t[first])
        )
        note(
            f"water_m3_per_year in {name}", None, water, float(caps.water_m3[year]), "m3", float(prices.water_m3[first])
        )
    for quarter, cash in enumerate(sums.cash_musd):
        worth = float(prices.cash[quarter])
        note("budget_musd_per_quarter", quarter, float(cash), float(caps.cash_musd[quarter]), "M USD", worth)
    note("budget_musd", None, float(sums.cash_musd.sum()), caps.budget_musd, "M USD", prices.cash_total)
    return found


def shares(instance: Instance, spend: Floats, kind: str) -> dict[str, float]:
    """The share of each vendor (or country) in what hardware and rent cost."""
    total = float(spend.sum())
    found: dict[str, float] = {}
    for place, cost in zip(instance.places, spend, strict=True):
        if cost > 0:
            owner = getattr(place, kind)
            found[owner] = found.get(owner, 0.0) + float(cost) / total
    return dict(sorted(found.items(), key=lambda item: -item[1]))
