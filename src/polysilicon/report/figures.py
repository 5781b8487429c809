"""Charts as data: what is drawn against what, and those of a plan. `templates/charts.js` draws them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from polysilicon.planning.plan import FleetRow, Plan
from polysilicon.report.words import number


@dataclass(frozen=True)
class Series:
    """One named row of values; `line` is drawn over the bars."""

    name: str
    values: Sequence[float]
    shape: Literal["bar", "line"] = "bar"


@dataclass(frozen=True)
class Chart:
    """A chart and what it says in words, for a reader who can't see it."""

    id: str
    title: str
    says: str
    kind: Literal["stacked", "grouped", "front", "agreement", "spread", "lines", "percentiles"]
    unit: str
    categories: Sequence[str] = ()
    series: Sequence[Series] = ()
    points: Sequence[dict[str, Any]] = field(default=())
    across: str = ""

    def to_dict(self) -> dict[str, Any]:
        """What the page embeds."""
        return asdict(self)


def charts(plan: Plan) -> dict[str, Chart]:
    """Every chart of a plan that has something to show, by id."""
    drawn = [fleet(plan), cost(plan), power(plan), carbon(plan)]
    if plan.shocks:
        drawn.append(shocks(plan))
    if plan.pareto:
        drawn.append(front(plan))
    return {chart.id: chart for chart in drawn}


def fleet(plan: Plan) -> Chart:
    """Chips standing, by system, quarter by quarter."""
    series = _by(plan, lambda row: row.system, lambda row: row.chips)
    return Chart("fleet", "Chips standing", _course(plan, series, "chips"), "stacked", "chips", plan.quarters, series)


def power(plan: Plan) -> Chart:
    """Power drawn, by site where the fleet says it."""
    series = _by(plan, lambda row: row.site, lambda row: row.power_kw)
    return Chart("power", "Power", _course(plan, series, "kW"), "stacked", "kW", plan.quarters, series)


def cost(plan: Plan) -> Chart:
    """Economic cost by part, and the cash paid, quarter by quarter."""
    parts = [
        Series("hardware (annuity)", [one.hardware_musd for one in plan.by_quarter]),
        Series("rent", [one.rent_musd for one in plan.by_quarter]),
        Series("running", [one.running_musd for one in plan.by_quarter]),
        Series("porting", [one.porting_musd for one in plan.by_quarter]),
    ]
    cash = Series("cash paid", [one.cash_musd for one in plan.by_quarter], "line")
    shown = [one for one in parts if any(one.values)]
    return Chart("cost", "Cost", _course(plan, shown, "M USD"), "stacked", "M USD", plan.quarters, [*shown, cash])


def carbon(plan: Plan) -> Chart:
    """Carbon from running and from making what was bought."""
    series = [
        Series("operational", [one.carbon_operational_t for one in plan.by_quarter]),
        Series("embodied", [one.carbon_embodied_t for one in plan.by_quarter]),
    ]
    return Chart("carbon", "Carbon", _course(plan, series, "tCO2e"), "stacked", "tCO2e", plan.quarters, series)


def shocks(plan: Plan) -> Chart:
    """What fraction of demand survives each shock."""
    named = [one.name for one in plan.shocks]
    series = [
        Series("at once", [100 * one.survives_at_once for one in plan.shocks]),
        Series("after buying again", [100 * one.survives for one in plan.shocks]),
    ]
    worst = min(plan.shocks, key=lambda one: one.survives_at_once)
    says = f"The hardest at once is {worst.name}: {100 * worst.survives_at_once:.0f} % of demand survives."
    return Chart("shocks", "Demand that survives a shock", says, "grouped", "%", named, series)


def front(plan: Plan) -> Chart:
    """The front of cost and carbon."""
    ordered = sorted(plan.pareto, key=lambda one: (one.carbon_t, one.cost_musd))
    points = [{"x": one.carbon_t, "y": one.cost_musd, "chosen": one.chosen, "method": one.method} for one in ordered]
    least, most = number(ordered[0].carbon_t, 3), number(ordered[-1].carbon_t, 3)
    says = f"{len(points)} plans, this one among them, from {least} to {most} tCO2e."
    return Chart("front", "Cost against carbon", says, "front", "M USD", points=points, across="tCO2e")


def _by(plan: Plan, name: Callable[[FleetRow], str], value: Callable[[FleetRow], float]) -> list[Series]:
    """The fleet summed by what `name` says, one series each; those that are nowhere above zero are left out."""
    at = {quarter: index for index, quarter in enumerate(plan.quarters)}
    sums: dict[str, list[float]] = {}
    for row in plan.fleet:
        sums.setdefault(name(row), [0.0] * len(at))[at[row.quarter]] += value(row)
    return [Series(one, sums[one]) for one in sorted(sums) if any(sums[one])]


def _course(plan: Plan, series: Sequence[Series], unit: str) -> str:
    """First, highest and last total in words."""
    totals = [sum(one.values[at] for one in series) for at in range(len(plan.quarters))]
    if not totals:
        return "Nothing to show."
    top = max(range(len(totals)), key=totals.__getitem__)
    said = [
        (plan.quarters[0], totals[0]),
        (f"highest in {plan.quarters[top]}", totals[top]),
        (plan.quarters[-1], totals[-1]),
    ]
    return "; ".join(f"{when}: {number(total, 3)} {unit}" for when, total in said) + "."
