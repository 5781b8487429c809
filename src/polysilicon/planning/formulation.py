"""From the candidate table to the programme's numbers."""

from collections.abc import Mapping

import numpy as np

from polysilicon.economics.cost import weighted_cost_of_capital
from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import SoftwareStack
from polysilicon.facts.money import Assumption
from polysilicon.facts.reading import assumed, read
from polysilicon.planning.coefficients import porting_musd
from polysilicon.planning.costing import life_quarters
from polysilicon.planning.instance import CONTRACTS, Caps, Counts, Instance, Place, SupplyRow, Task
from polysilicon.planning.limit import Limit
from polysilicon.planning.options import Option, Options
from polysilicon.planning.throughput import unit_of
from polysilicon.records.bounded import Bounded
from polysilicon.records.dates import Quarter
from polysilicon.records.interval import Bools, Floats
from polysilicon.records.units import GIGA, S_PER_H
from polysilicon.scenario import Scenario, Train, ramp, steps


def formulate(options: Options) -> Instance:
    """The instance of the programme that the options and the scenario's limits make."""
    scenario, catalogue = options.opened.scenario, options.opened.catalogue
    rows, quarters = options.options, options.quarters
    sites = list(scenario.sites)
    tasks = tasks_of(scenario, quarters)
    throughput = throughput_of(rows, tasks)
    lead = lead_quarters(catalogue, scenario, rows)

    def by_quarter(values: list[Bounded]) -> Floats:
        table = np.asarray([np.broadcast_to(one.value, len(quarters)) for one in values], dtype=np.float64)
        return np.nan_to_num(table.reshape(len(rows), len(quarters)))

    rate = discount_rate(catalogue, scenario)
    return Instance(
        quarters=quarters,
        sites=sites,
        places=[_place(row) for row in rows],
        tasks=tasks,
        throughput=throughput,
        standing=_standing(scenario, rows, quarters),
        lead=lead,
        life=np.full(len(rows), life_quarters(catalogue), dtype=np.int64),
        reserve_quarters=round(float(assumed(catalogue, "reserve-quarters").value)),
        price_musd=np.asarray([row.priced.price_musd.value for row in rows], dtype=np.float64),
        hardware_musd=by_quarter([row.priced.hardware_musd for row in rows]),
        running_musd=by_quarter([row.priced.running_musd for row in rows]),
        reserve_musd=by_quarter([row.priced.rent_musd["reserve"] for row in rows]),
        on_demand_musd=by_quarter([row.priced.rent_musd["on_demand"] for row in rows]),
        power_kw=np.asarray([row.priced.power_kw.value for row in rows], dtype=np.float64),
        energy_mwh=by_quarter([row.priced.energy_mwh for row in rows]),
        carbon_t=by_quarter([row.priced.carbon_t for row in rows]),
        embodied_t=by_quarter([row.priced.embodied_t for row in rows]),
        water_m3=by_quarter([row.priced.water_m3 for row in rows]),
        porting_musd=porting(catalogue, scenario, rows, tasks, throughput),
        discount=np.asarray([(1.0 + rate) ** (-at / 4.0) for at in range(len(quarters))]),
        carbon_musd_per_t=scenario.carbon_price_usd_per_t / 1e6,
        price_factor=np.ones((len(rows), len(quarters))),
        low=np.zeros((len(CONTRACTS), len(rows), len(quarters))),
        most=most_units(tasks, throughput, quarters),
        masks=masks(scenario, rows, quarters, lead),
        caps=caps_of(scenario, quarters, sites),
        supply=_supply(scenario, rows, quarters),
    )


def discount_rate(catalogue: Catalogue, scenario: Scenario) -> float:
    """What a year's delay takes off a cost: the scenario's own rate, else the cost of capital of a cloud."""
    if scenario.discount_rate is not None:
        return scenario.discount_rate
    found = float(weighted_cost_of_capital(catalogue, "neocloud").value)
    return found if np.isfinite(found) else 0.0


def tasks_of(scenario: Scenario, quarters: list[Quarter]) -> list[Task]:
    """A task for each serving demand, and one for each training run."""
    tasks: list[Task] = []
    for name, load in scenario.workloads.items():
        code = code_of(scenario, name)
        if isinstance(load, Train):
            for at, run in enumerate(load.runs, start=1):
                first, last = (Quarter.parse(one) - quarters[0] for one in (run.start, run.finish))
                amount = run.tokens_bn if run.tokens_bn is not None else run.samples_bn
                tasks.append(
                    Task(
                        id=f"{name}-{at}" if len(load.runs) > 1 else name,
                        workload=name,
                        unit=unit_of(load),
                        porting=code,
                        demand=np.zeros(len(quarters)),
                        work=float(amount or 0.0) * GIGA,
                        first=first,
                        last=last,
                    )
                )
        else:
            asked = load.requests_per_s if load.requests_per_s is not None else load.samples_per_s
            demand = ramp(asked if asked is not None else 0.0, quarters)
            tasks.append(Task(id=name, workload=name, unit=unit_of(load), porting=code, demand=demand))
    return tasks


def code_of(scenario: Scenario, workload: str) -> str:
    """What is ported together: the training, or the serving, of one model by one entity."""
    load = scenario.workloads[workload]
    return f"{load.entity}/{load.model}/{'train' if isinstance(load, Train) else 'serve'}"


def throughput_of(rows: list[Option], tasks: list[Task]) -> Floats:
    """A unit's rate for each task, (W, P); 0 where it can't run there."""
    table = [[row.rates[task.workload].value if task.workload in row.rates else 0.0 for row in rows] for task in tasks]
    return np.asarray(table, dtype=np.float64).reshape(len(tasks), len(rows))


def lead_quarters(catalogue: Catalogue, scenario: Scenario, rows: list[Option]) -> Counts:
    """Quarters from order to work: the scenario's for a system, its default, else the catalogue's assumption."""
    stated = {row.system: row.quarters for row in scenario.lead_times}
    default = scenario.lead_time_quarters
    if default is None:
        default = round(catalogue.get(Assumption, "lead-time-quarters").value)
    return np.asarray([stated.get(row.system.id, default) for row in rows], dtype=np.int64)


def porting(
    catalogue: Catalogue, scenario: Scenario, rows: list[Option], tasks: list[Task], throughput: Floats
) -> dict[tuple[str, str], float]:
    """What bringing each code to each stack that could run it costs, where it doesn't run there today [M USD]."""
    fees: dict[tuple[str, str], float] = {}
    for at, task in enumerate(tasks):
        home = scenario.workloads[task.workload].stacks
        for where, row in enumerate(rows):
            if throughput[at, where] > 0 and row.stack not in home:
                fees[task.porting, row.stack] = float(porting_fee_musd(catalogue, row.stack).value)
    return fees


def porting_fee_musd(catalogue: Catalogue, stack: str) -> Bounded:
    """The fixed charge of one code on one stack [M USD]."""
    months = assumed(catalogue, "porting-person-months")
    if stack in catalogue.ids(SoftwareStack):
        record = catalogue.get(SoftwareStack, stack)
        if record.porting_effort_person_months is not None:
            months = read(catalogue, record, "porting_effort_person_months")
    fee: Bounded = porting_musd(months, assumed(catalogue, "person-month-usd"))
    return fee


def most_units(tasks: list[Task], throughput: Floats, quarters: list[Quarter]) -> Floats:
    """No plan needs more units of a place than doing everything there at once would take, (contract, P, T)."""
    needed = np.zeros(throughput.shape[1])
    for at, task in enumerate(tasks):
        rate = np.where(throughput[at] > 0, throughput[at], np.inf)
        if task.is_run:
            seconds = min(quarters[one].hours for one in range(task.first, task.last + 1)) * S_PER_H
            needed += task.work / (rate * seconds)
        else:
            needed += float(np.max(task.demand, initial=0.0)) / rate
    shape = (len(CONTRACTS), throughput.shape[1], len(quarters))
    return np.broadcast_to(np.ceil(needed)[None, :, None], shape).copy()


def masks(scenario: Scenario, rows: list[Option], quarters: list[Quarter], lead: Counts) -> dict[Limit, Bools]:
    """Which contracts may start when, by the limit that says so, (contract, P, T)."""
    shape = (len(CONTRACTS), len(rows), len(quarters))
    first = np.asarray([quarter.first_day for quarter in quarters])
    law = np.asarray([row.ruling.accepted for row in rows], dtype=bool).reshape(shape[1:])
    opened = np.ones(shape[1:], dtype=bool)
    on_sale = np.ones(shape[1:], dtype=bool)
    for at, row in enumerate(rows):
        opens = scenario.sites[row.site].opens
        if opens is not None:
            opened[at] = first >= Quarter.parse(opens).first_day
        if row.available is not None:
            on_sale[at] = first >= row.available
    leads = np.ones(shape, dtype=bool)
    leads[0] = np.arange(len(quarters))[None, :] >= lead[:, None]
    offered = np.asarray([[contract in row.offered for row in rows] for contract in CONTRACTS], dtype=bool)
    return {
        Limit("law"): np.broadcast_to(law, shape),
        Limit("opens"): np.broadcast_to(opened, shape),
        Limit("on_sale"): np.broadcast_to(on_sale, shape),
        Limit("lead_time"): leads,
        Limit("contract"): np.broadcast_to(offered.reshape(len(CONTRACTS), len(rows), 1), shape),
    }


def caps_of(scenario: Scenario, quarters: list[Quarter], sites: list[str]) -> Caps:
    """The scenario's limits as arrays, `inf` where there is none. A part of a year has its part of a yearly limit."""
    limits = scenario.limits
    free = np.full(len(quarters), np.inf)
    power = [scenario.sites[site].power_cap_kw for site in sites]
    spans = [len(quarters[at : at + 4]) / 4.0 for at in range(0, len(quarters), 4)]
    by_quarter = limits.budget_musd_per_quarter

    def yearly(ceiling: float | None) -> Floats:
        return np.asarray([np.inf if ceiling is None else ceiling * span for span in spans])

    return Caps(
        power_kw=np.asarray([free if cap is None else steps(cap, quarters) for cap in power]),
        budget_musd=np.inf if limits.budget_musd is None else limits.budget_musd,
        cash_musd=free if by_quarter is None else steps(by_quarter, quarters),
        carbon_t=yearly(limits.carbon_t_per_year),
        water_m3=yearly(limits.water_m3_per_year),
        vendor_share=limits.vendor_share_max or 1.0,
        country_share=limits.country_share_max or 1.0,
    )


def _place(row: Option) -> Place:
    return Place(
        site=row.site,
        system=row.system.id,
        chips=row.chips,
        vendor=row.system.vendor,
        country=row.system.vendor_country,
        stack=row.stack,
    )


def _standing(scenario: Scenario, rows: list[Option], quarters: list[Quarter]) -> Floats:
    table = np.zeros((len(rows), len(quarters)))
    at = {(row.site, row.system.id): place for place, row in enumerate(rows)}
    for owned in scenario.fleet:
        place = at.get((owned.site, owned.system))
        if place is not None:
            last = len(quarters) if owned.until is None else Quarter.parse(owned.until) - quarters[0] + 1
            table[place, : max(last, 0)] += owned.units
    return table


def _supply(scenario: Scenario, rows: list[Option], quarters: list[Quarter]) -> list[SupplyRow]:
    found: list[SupplyRow] = []
    stated: Mapping[str, int] = {}
    for row in scenario.supply:
        places = np.asarray([one.system.id == row.system and (not row.sites or one.site in row.sites) for one in rows])
        stated = {**stated, row.system: stated.get(row.system, 0) + 1}
        name = row.system if stated[row.system] == 1 else f"{row.system}-{stated[row.system]}"
        found.append(SupplyRow(name, places, steps(row.units_per_quarter, quarters)))
    return found
