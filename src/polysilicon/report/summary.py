"""A plan on one screen: what to buy, what it costs, what the law and the shocks do to it, what is not known."""

from collections import Counter

from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from polysilicon.planning.plan import Plan
from polysilicon.report import ledger
from polysilicon.report.doubt import FOOTNOTE, MARK
from polysilicon.report.terminal import plain_grid, text
from polysilicon.report.words import cell, label, number

LINES_BOUGHT, LINES_SHOCKS, LINES_UNKNOWNS, LINES_LIMITS = 7, 5, 5, 2


def render(plan: Plan) -> RenderableType:
    """The summary; it fits 80 columns by 45 lines whatever the size of the plan."""
    parts: list[RenderableType] = [_headline(plan), "", _bought(plan), "", _years(plan), "", _law(plan)]
    if ledger.unvalidated(plan):
        parts.append(_one_line(f"unvalidated, few measured cases: {', '.join(ledger.unvalidated(plan))}", "yellow"))
    if any(one.each for one in ledger.unit_costs(plan)):
        parts.append(_unit_costs(plan))
    if plan.binding:
        parts.append(_limits(plan))
    if plan.shocks:
        parts += ["", _shocks(plan)]
    if plan.unknowns:
        parts += ["", _unknowns(plan)]
    return Group(*parts)


def _headline(plan: Plan) -> Text:
    totals, solve, told = plan.totals, plan.solve, ledger.headlines(plan)
    lines = [
        _one_line(f"{plan.name}: {plan.quarters[0]} to {plan.quarters[-1]}, as of {plan.as_of}", "bold"),
        _one_line(
            f"{number(totals.cost_musd)} M USD{_bracketed(told['cost_musd'].ends())}, "
            f"{number(totals.cash_musd)} in cash, at most {number(totals.chips)} chips"
        ),
        _one_line(
            f"{number(totals.peak_power_kw / 1000, 3)} MW at most{_bracketed(told['peak_power_kw'].ends(1e-3))}, "
            f"{number(totals.carbon_t, 3)} tCO2e{_bracketed(told['carbon_t'].ends())}"
        ),
        _one_line(
            f"demand met {number(100 * totals.demand_met, 3)} % at {number(100 * plan.confidence, 3)} % confidence; "
            f"{_proved(solve.gap)}; {number(plan.seconds, 2)} s"
        ),
    ]
    return Text("\n").join(lines)


def _proved(gap: float) -> str:
    return f"proven gap to the best {number(100 * gap, 2)} %"


def _bracketed(words: str) -> str:
    return f" ({words})" if words else ""


def _one_line(words: str, style: str = "") -> Text:
    """Words on one line of the screen, cut where they are too long."""
    line = text(words, style)
    line.truncate(79, overflow="ellipsis")
    return line


def _bought(plan: Plan) -> RenderableType:
    lines = ledger.bought(plan)
    if not lines:
        return text("Nothing to buy: what already stands is enough.")
    shown = lines[:LINES_BOUGHT]
    grid = _grid(("buy", 7), ("site", 14), ("system", 18), ("ordered", 11), ("units", 0), ("chips", 0), ("M USD", 0))
    for one in shown:
        when = one.first[2:] if one.first == one.last else f"{one.first[2:]}…{one.last[2:]}"
        grid.add_row(
            label(one.contract),
            text(one.site),
            text(one.system),
            when,
            number(one.units),
            number(one.chips),
            number(one.cost_musd, 3) + (MARK if one.doubted else ""),
        )
    rest = lines[LINES_BOUGHT:]
    if rest:
        cost = number(sum(one.cost_musd for one in rest), 3)
        grid.add_row("", text(f"and {len(rest)} more"), "", "", "", number(sum(one.chips for one in rest)), cost)
    notes = [FOOTNOTE] if any(one.doubted for one in shown) else []
    if any(one.contract == "own" for one in shown):
        notes.insert(0, "M USD is cash; what is bought includes its share of network and storage")
    return Group(grid, *(text(one, "dim") for one in notes))


def _years(plan: Plan) -> RenderableType:
    spans = ledger.years(plan)
    grid = plain_grid()
    grid.add_column("")
    for one in spans:
        grid.add_column(one.name, justify="right", no_wrap=True)
    grid.add_row("cost, M USD", *(number(one.cost_musd, 3) for one in spans))
    grid.add_row("peak power, MW", *(number(one.peak_power_kw / 1000, 3) for one in spans))
    grid.add_row("carbon, tCO2e", *(number(one.carbon_t, 3) for one in spans))
    return grid


def _law(plan: Plan) -> Text:
    counts = Counter(ledger.standing_in_law(one) for one in ledger.relied_on(plan))
    said = ", ".join(f"{count} {name.replace(',', '')}" for name, count in counts.most_common()) or "nothing to judge"
    refused = sum(not one.accepted for one in plan.legality)
    assumed = number(100 * plan.assumed_law_share, 3)
    lines = [
        _one_line(f"law: {said}; {refused} option{'s' * (refused != 1)} refused"),
        _one_line(f"{assumed} % of purchases rest on law carried forward"),
    ]
    unmet = sorted({one.subject for one in plan.requirements if not one.accepted})
    if unmet:
        lines.append(_one_line(f"not allowed as it stands: {', '.join(unmet)} (report.html, Law)"))
    return Text("\n").join(lines)


def _shocks(plan: Plan) -> RenderableType:
    grid = _grid(("shock", 34), ("from", 7), ("survives", 0), ("after buying", 0), ("M USD", 0))
    for one in plan.shocks[:LINES_SHOCKS]:
        grid.add_row(
            text(one.name),
            one.quarter,
            f"{number(100 * one.survives_at_once, 3)} %",
            f"{number(100 * one.survives, 3)} %",
            ledger.cost_change(plan, one),
        )
    return grid


def _unit_costs(plan: Plan) -> Text:
    by_unit: dict[str, list[str]] = {}
    for one in ledger.unit_costs(plan):
        if one.each:
            by_unit.setdefault(one.unit, []).append(f"{one.task} {number(one.each.value, 2)}")
    return _one_line("; ".join(f"{unit}: {', '.join(told)}" for unit, told in reversed(by_unit.items())))


def _limits(plan: Plan) -> RenderableType:
    seen = list(dict.fromkeys(one.limit for one in plan.binding))
    named = ", ".join(seen[:LINES_LIMITS]) + (
        f" and {len(seen) - LINES_LIMITS} more" if len(seen) > LINES_LIMITS else ""
    )
    return _one_line(f"limits used in full: {named}")


def _unknowns(plan: Plan) -> RenderableType:
    grid = _grid(("not known well", 38), ("now", 0), ("plan changes at", 0), ("", 12))
    for one in plan.unknowns[:LINES_UNKNOWNS]:
        now = "unknown" if one.now is None else number(one.now, 3)
        grid.add_row(text(one.what), now, cell(one.switch), text(one.unit))
    return grid


def _grid(*columns: tuple[str, int]) -> Grid:
    """Columns of words are cut at a width; those of figures (width 0) never are."""
    grid = plain_grid()
    for name, width in columns:
        grid.add_column(
            name, justify="left" if width else "right", max_width=width or None, no_wrap=True, overflow="ellipsis"
        )
    return grid
