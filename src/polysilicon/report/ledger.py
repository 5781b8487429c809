"""A plan's rows put in the order in which people read them: shared by the terminal and the page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from polysilicon.planning.plan import (
    Assignment,
    BindingLimit,
    Excluded,
    LegalityRow,
    Plan,
    Purchase,
    QuarterTotals,
    ShockResult,
)
from polysilicon.report.doubt import doubted
from polysilicon.report.words import interval, label, number


@dataclass(frozen=True)
class Headline:
    """One of the figures a plan is told by, with the ends of its 90 % interval."""

    value: float
    low: float | None
    high: float | None

    def ends(self, scale: float = 1.0) -> str:
        """The interval in a unit that makes its figures `scale` times as large."""
        low, high = (end if end is None else end * scale for end in (self.low, self.high))
        return interval(low, high)


@dataclass(frozen=True)
class UnitCost:
    """What a workload costs, and what one unit of its work does where it is a service."""

    task: str
    figure: str
    whole: Headline
    each: Headline | None
    unit: str


@dataclass(frozen=True)
class Standing:
    """One line of the chart of what stands where: units by quarter, and what arrives in each."""

    site: str
    system: str
    contract: str
    units: list[float]
    arrives: list[int]
    most: float


@dataclass(frozen=True)
class Met:
    """The share of one workload's demand that is met, by quarter; `None` where it asks for nothing."""

    workload: str
    unit: str
    demand: list[float]
    share: list[float | None]
    unvalidated: bool = False


@dataclass(frozen=True)
class Bought:
    """Orders of one system for one site under one contract, added up."""

    site: str
    system: str
    vendor: str
    contract: str
    first: str
    last: str
    units: int
    chips: int
    cost_musd: float
    doubted: bool
    orders: list[Purchase] = field(default_factory=list)


@dataclass(frozen=True)
class Full:
    """A limit used in full: in which quarters, where it is tightest, and where easing it is worth most."""

    limit: str
    quarters: list[str]
    tightest: BindingLimit
    dearest: BindingLimit


@dataclass(frozen=True)
class Span:
    """Some quarters added up; power is the highest."""

    name: str
    cost_musd: float
    cash_musd: float
    energy_mwh: float
    carbon_t: float
    water_m3: float
    peak_power_kw: float


def purchases(plan: Plan) -> list[Purchase]:
    """By the day they are ordered, then by site."""
    return sorted(plan.purchases, key=lambda one: (one.quarter, one.site, one.system, one.contract, one.delivered))


def bought(plan: Plan) -> list[Bought]:
    """Orders of the same thing for the same place added up, dearest first."""
    groups: dict[tuple[str, str, str], list[Purchase]] = {}
    for one in purchases(plan):
        groups.setdefault((one.site, one.system, one.contract), []).append(one)
    lines = [
        Bought(
            site,
            system,
            orders[0].vendor,
            contract,
            orders[0].quarter,
            orders[-1].quarter,
            sum(one.units for one in orders),
            sum(one.chips for one in orders),
            sum(one.cost_musd for one in orders),
            any(doubted(one.price_confidence) for one in orders),
            orders,
        )
        for (site, system, contract), orders in groups.items()
    ]
    return sorted(lines, key=lambda one: (-one.cost_musd, one.site, one.system))


def standing(plan: Plan) -> list[Standing]:
    """What stands where, quarter by quarter."""
    at = {quarter: index for index, quarter in enumerate(plan.quarters)}
    units: dict[tuple[str, str, str], list[float]] = {}
    arrives: dict[tuple[str, str, str], list[int]] = {}
    for row in plan.fleet:
        key = (row.site, row.system, row.contract)
        units.setdefault(key, [0.0] * len(at))[at[row.quarter]] += row.units
    for order in plan.purchases:
        key = (order.site, order.system, order.contract)
        if order.delivered in at:
            arrives.setdefault(key, [0] * len(at))[at[order.delivered]] += order.units
    lines = [Standing(*key, row, arrives.get(key, [0] * len(at)), max(row)) for key, row in sorted(units.items())]
    return [line for line in lines if line.most > 0]


def met(plan: Plan) -> list[Met]:
    """Demand and the share of it that is met, by workload."""
    at = {quarter: index for index, quarter in enumerate(plan.quarters)}
    lines: dict[str, Met] = {}
    for one in plan.demand:
        doubtful = any(_belongs(one.workload, name) for name in unvalidated(plan))
        blank = Met(one.workload, one.unit, [0.0] * len(at), [None] * len(at), doubtful)
        line = lines.setdefault(one.workload, blank)
        line.demand[at[one.quarter]] = one.demand
        line.share[at[one.quarter]] = one.met / one.demand if one.demand > 0 else None
    return list(lines.values())


def unvalidated(plan: Plan) -> list[str]:
    """Workloads behind whose throughput stand few measured cases."""
    return [one.id for one in plan.workloads if one.unvalidated]


def _belongs(task: str, workload: str) -> bool:
    """Whether a task is the workload itself or one of its runs, which are numbered."""
    return task == workload or (task.startswith(f"{workload}-") and task[len(workload) + 1 :].isdigit())


def full(plan: Plan) -> list[Full]:
    """The limits used in full, each once with the quarters in which it is."""
    groups: dict[str, list[BindingLimit]] = {}
    for one in plan.binding:
        groups.setdefault(one.limit, []).append(one)
    return [
        Full(
            limit,
            [one.quarter for one in rows if one.quarter],
            max(rows, key=lambda one: one.used / one.allowed if one.allowed else 0.0),
            max(rows, key=lambda one: one.worth or 0.0),
        )
        for limit, rows in groups.items()
    ]


def running(plan: Plan) -> list[tuple[str, list[Assignment]]]:
    """What runs where, by workload, in order of time."""
    ordered = sorted(plan.assignments, key=lambda one: (one.workload, one.quarter, one.site, one.system))
    return [(name, list(rows)) for name, rows in groupby(ordered, key=lambda one: one.workload)]


def relied_on(plan: Plan) -> list[LegalityRow]:
    """The verdicts that a purchase rests on."""
    used = {one.verdict for one in plan.purchases}
    return [one for one in plan.legality if one.id in used]


# Outcomes that let one act, and yet are no clean bill.
WARNED = ("GP10_presumption", "text_licence_required:not_enforced")


def warned(row: LegalityRow) -> bool:
    """Whether what is free comes with conditions, a presumption against it, or a text that is merely not enforced."""
    return row.permission == "free" and (bool(row.note) or row.outcome in WARNED)


def standing_in_law(row: LegalityRow) -> str:
    """What a verdict lets one do, in a word or a few."""
    if row.permission == "undetermined":
        return label("law_undetermined")
    return "free, with a warning" if warned(row) else label(row.permission)


def cost_change(plan: Plan, shock: ShockResult) -> str:
    """What a shock costs [M USD]; a change that the gaps of the two plans could make by themselves is about none."""
    noise = (plan.solve.gap + shock.gap) * plan.totals.cost_musd
    if abs(shock.cost_change_musd) <= noise:
        return "≈ 0"
    return ("+" if shock.cost_change_musd > 0 else "") + number(shock.cost_change_musd, 3)


def other_verdicts(plan: Plan) -> list[LegalityRow]:
    """The verdicts on what was considered and not bought."""
    used = {one.verdict for one in plan.purchases}
    return [one for one in plan.legality if one.id not in used]


def excluded(plan: Plan) -> list[tuple[str, list[Excluded]]]:
    """Options left out, by reason; the reason with most options first."""
    groups: dict[str, list[Excluded]] = {}
    for one in plan.excluded:
        groups.setdefault(one.reason, []).append(one)
    return sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))


def years(plan: Plan) -> list[Span]:
    """The quarters added up by calendar year; a plan of up to six quarters stays by quarter."""
    if len(plan.by_quarter) <= 6:
        return [span(one.quarter, [one]) for one in plan.by_quarter]
    return [
        span(year if len(part) == 4 else f"{year} ({len(part)} q)", part) for year, part in _grouped(plan.by_quarter)
    ]


def span(name: str, quarters: Sequence[QuarterTotals]) -> Span:
    """Some quarters as one line."""
    return Span(
        name,
        sum(one.cost_musd for one in quarters),
        sum(one.cash_musd for one in quarters),
        sum(one.energy_mwh for one in quarters),
        sum(one.carbon_t for one in quarters),
        sum(one.water_m3 for one in quarters),
        max(one.power_kw for one in quarters),
    )


def _grouped(quarters: Iterable[QuarterTotals]) -> list[tuple[str, list[QuarterTotals]]]:
    return [(year, list(part)) for year, part in groupby(quarters, key=lambda one: one.quarter[:4])]


def headlines(plan: Plan) -> dict[str, Headline]:
    """Cost and cash [M USD], the highest power [kW], carbon [tCO2e] and water [m3] of the whole plan."""
    highest = max(plan.by_quarter, key=lambda one: one.power_kw).quarter
    ids = {
        "cost_musd": "cost_musd",
        "cash_musd": "cash_musd",
        "peak_power_kw": f"power_kw/{highest}",
        "carbon_t": "carbon_t",
        "water_m3": "water_m3",
    }
    found: dict[str, Headline] = {}
    for name, figure_id in ids.items():
        figure = plan.figures.get(figure_id)
        ends = (figure.low, figure.high) if figure else (None, None)
        found[name] = Headline(getattr(plan.totals, name), *ends)
    return found


def unit_costs(plan: Plan) -> list[UnitCost]:
    """What each service and each training run costs, in the order of the plan's figures."""
    found = []
    for name, figure in plan.figures.items():
        kind, _, task = name.partition("/")
        if kind not in ("run_musd", "workload_musd"):
            continue
        priced = [one for each in ("usd_per_mtoken", "usd_per_msample") if (one := plan.figures.get(f"{each}/{task}"))]
        each = Headline(priced[0].value, priced[0].low, priced[0].high) if priced else None
        unit = priced[0].unit if priced else "a run"
        found.append(
            UnitCost(
                task, priced[0].id if priced else name, Headline(figure.value, figure.low, figure.high), each, unit
            )
        )
    return found
