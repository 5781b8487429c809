"""`plan`: the whole chain, from a scenario to the answer."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from polysilicon.facts import Catalogue, load
from polysilicon.planning import answer as record
from polysilicon.planning import requirements
from polysilicon.planning.accounts import Accounts, accounts, contract_spend_musd
from polysilicon.planning.blows import blows
from polysilicon.planning.conflict import best_effort, smallest_conflict
from polysilicon.planning.docket import Docket
from polysilicon.planning.doubts import weak
from polysilicon.planning.figures import figures, purchase_figures
from polysilicon.planning.formulation import formulate
from polysilicon.planning.instance import Instance
from polysilicon.planning.options import Options, gather
from polysilicon.planning.pareto import METHOD, front
from polysilicon.planning.plan import SCHEMA_VERSION, Figure, ParetoPoint, Plan, Purchase, ShockResult, Solve, Survival
from polysilicon.planning.programme import Programme, build
from polysilicon.planning.shocks import Survived, strike, survival
from polysilicon.planning.solving import Answer, NoAnswer, solve
from polysilicon.planning.uncertainty import bounded
from polysilicon.planning.unit_costs import unit_costs
from polysilicon.planning.unknowns import unknowns, without_price
from polysilicon.planning.values import relaxed, shadow_prices
from polysilicon.planning.words import NOTES, in_words, site_notes
from polysilicon.records.errors import Infeasible
from polysilicon.scenario import Opened, read

Progress = Callable[[str], None]

# A shock is solved to a wider gap than the plan: what survives is reported to the per cent, and there are several.
SHOCK_GAPS = 2.0


def plan(scenario: Path | Opened, catalogue: Catalogue | None = None, progress: Progress = print) -> Plan:
    """As `planning.plan`."""
    begun = time.perf_counter()
    opened = scenario if isinstance(scenario, Opened) else read(scenario, catalogue or load())
    options = gather(opened, progress)
    instance = formulate(options)
    _refuse_hopeless(options, instance)
    progress(f"choosing among {len(options.options)} options over {len(options.quarters)} quarters")
    asked = opened.scenario
    programme = build(instance)
    try:
        answer = solve(programme, gap=asked.gap, most_s=asked.most_s, seed=asked.seed)
    except NoAnswer as failure:
        raise _infeasible(instance, opened, failure) from failure
    return _assembled(options, programme, answer, progress, begun)


def _assembled(options: Options, programme: Programme, answer: Answer, progress: Progress, begun: float) -> Plan:
    instance, opened, asked = programme.instance, options.opened, options.opened.scenario
    docket = Docket(options)
    sums = accounts(instance, answer.units, answer.stands, answer.ported)
    bought = record.purchases(options, instance, answer.units, docket)
    shocks = []
    for blow in blows(options, instance):
        progress(f"shock: {blow.name}")
        struck = strike(instance, answer, blow, gap=SHOCK_GAPS * asked.gap, most_s=asked.most_s / 3, seed=asked.seed)
        shocks.append(_shock(options, struck, sums, docket))
    progress("cost against carbon")
    pareto = _pareto(programme, answer, sums, asked.pareto_points, asked.seed)
    progress("what could change this")
    solver = relaxed(programme, answer, asked.seed)
    prices = shadow_prices(solver)
    left_out = without_price(options, prices)
    doubts = unknowns(options, instance, answer, solver, prices, left_out)
    docket.unlawful()
    spend = contract_spend_musd(instance, answer.units)
    return Plan(
        schema_version=SCHEMA_VERSION,
        name=asked.name,
        as_of=asked.as_of.isoformat(),
        catalogue_hash=opened.catalogue.hash,
        quarters=[str(one) for one in options.quarters],
        confidence=asked.confidence,
        sites=record.site_notes(options),
        workloads=record.workload_notes(options),
        purchases=bought,
        fleet=record.fleet(instance, answer.units),
        assignments=record.assignments(instance, answer),
        demand=list(record.demand(instance, answer)),
        by_quarter=record.by_quarter(instance, sums),
        totals=record.totals(instance, answer, sums),
        legality=docket.rows,
        requirements=requirements.rows(opened),
        shocks=shocks,
        pareto=pareto,
        solve=_solve(answer),
        seconds=time.perf_counter() - begun,
        binding=record.binding(instance, sums, prices),
        weak=weak(options, instance, answer),
        unknowns=doubts,
        assumed_law_share=_assumed_share(bought),
        vendor_shares=record.shares(instance, spend, "vendor"),
        country_shares=record.shares(instance, spend, "country"),
        excluded=[*options.excluded, *left_out],
        notes=[*NOTES, *site_notes(opened.catalogue, asked), *record.job_notes(options, instance, answer)],
        figures=bounded(_figures(options, instance, answer, bought), options, asked.seed),
        scenario_file=opened.file,
        scenario=opened.data,
    )


def _figures(options: Options, instance: Instance, answer: Answer, bought: list[Purchase]) -> dict[str, Figure]:
    priced = {one.id: one for one in unit_costs(options, instance, answer)}
    return figures(instance, answer) | purchase_figures(instance, bought) | priced


def _solve(answer: Answer) -> Solve:
    from importlib.metadata import version

    return Solve(
        status=answer.status,
        gap=answer.gap,
        bound_musd=answer.bound_musd,
        seconds=answer.seconds,
        variables=answer.variables,
        integers=answer.integers,
        rows=answer.rows,
        solver=f"HiGHS {version('highspy')} through linopy {version('linopy')}",
    )


def _shock(options: Options, struck: Survived, before: Accounts, docket: Docket) -> ShockResult:
    instance, blow = struck.instance, struck.blow
    at_once, after = survival(struck, struck.at_once), survival(struck, struck.after)
    sums = accounts(instance, struck.after.units, struck.after.stands, struck.after.ported)
    again = record.purchases(options, instance, np.maximum(struck.after.units - struck.kept, 0.0), docket)
    lost = [
        f"{count:g} x {place.system} for {place.site}, due {instance.quarters[start]}"
        for _, row, start in np.argwhere(struck.lost > 0.5)
        for place, count in ((instance.places[row], float(struck.lost[:, row, start].sum())),)
    ]
    return ShockResult(
        name=blow.name,
        kind=blow.kind,
        description=blow.description,
        quarter=str(instance.quarters[blow.at]),
        survives_at_once=_mean(at_once),
        survives=_mean(after),
        by_workload=[
            Survival(workload=name, at_once=at_once.get(name, 1.0), after_buying=after.get(name, 1.0)) for name in after
        ],
        cost_musd=float(sums.cost_musd.sum()),
        cost_change_musd=float(sums.cost_musd.sum() - before.cost_musd.sum()),
        carbon_t=float(sums.carbon_t.sum()),
        bought_again=[msgspec.structs.replace(one, figure="") for one in again],
        lost=list(dict.fromkeys(lost)),
        status=struck.after.status,
        gap=struck.after.gap,
        seconds=struck.at_once.seconds + struck.after.seconds,
    )


def _mean(shares: dict[str, float]) -> float:
    return float(np.mean(list(shares.values()))) if shares else 1.0


def _pareto(programme: Programme, answer: Answer, sums: Accounts, points: int, seed: int) -> list[ParetoPoint]:
    found = [
        ParetoPoint(
            carbon_t=float(one.accounts.carbon_t.sum()),
            cost_musd=float(one.accounts.cost_musd.sum()),
            objective_musd=one.objective_musd,
            limit_t=one.limit_t,
            gap=None,
            method=METHOD,
        )
        for one in front(programme, points, seed)
    ]
    chosen = ParetoPoint(
        carbon_t=float(sums.carbon_t.sum()),
        cost_musd=float(sums.cost_musd.sum()),
        objective_musd=answer.objective_musd,
        limit_t=None,
        gap=answer.gap,
        method="the plan, in whole units",
        chosen=True,
    )
    return [*found, chosen]


def _assumed_share(bought: list[Purchase]) -> float:
    total = sum(one.cost_musd for one in bought)
    return sum(one.cost_musd for one in bought if one.assumed_law) / total if total else 0.0


def _refuse_hopeless(options: Options, instance: Instance) -> None:
    """Workloads that nothing can run: said before the solver is asked.

    Raises:
        Infeasible: naming the workload and what stood in the way of each system.
    """
    for at, task in enumerate(instance.tasks):
        if (instance.throughput[at] > 0).any():
            continue
        priceless = sorted({row.system.id for row in options.unpriced if task.workload in row.rates})
        reasons = options.why_not.get(task.workload, [])
        told = [f"without a price: {', '.join(priceless[:6])} (give `quotes:`)"] if priceless else []
        unlawful = [one.split(":")[0] for one in reasons if "not lawful" in one]
        told += [f"not lawful where it may run: {len(unlawful)} systems"] if unlawful else []
        told += [one for one in reasons if "not lawful" not in one][:3]
        raise Infeasible(
            f"no system can run {task.workload!r}: {'; '.join(told) or 'none is considered'}",
            [f"demand of {task.workload}"],
        )


def _infeasible(instance: Instance, opened: Opened, failure: NoAnswer) -> Infeasible:
    seed = opened.scenario.seed
    if not failure.proved:
        return Infeasible(f"no plan was found within {opened.scenario.most_s:g} s; give `most_s` more", ["most_s"])
    conflict = smallest_conflict(instance, seed)
    if not conflict:
        return Infeasible("the limits can't be met with whole units; ease any limit a little", ["whole units"])
    limits = [in_words(one, opened.scenario) for one in conflict]
    effort = best_effort(instance, seed=seed)
    short = [f"{name} {share:.0%}" for name, share in effort.items() if share < 1.0 - 1e-6]
    hint = (
        f". With everything else as it is, at most this much of the demand can be met: {', '.join(short)}"
        if short
        else ""
    )
    return Infeasible(f"these limits can't all hold: {'; '.join(limits)}{hint}", limits)
