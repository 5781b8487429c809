"""The register of law as people read it: what changed between two days, and a verdict over time."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from polysilicon.facts.law import Proposal, Provision
from polysilicon.facts.record import Source
from polysilicon.policy.register import Changes, Move, Span
from polysilicon.policy.verdict import NOTICE
from polysilicon.records.table import Table
from polysilicon.report.page import plain_document
from polysilicon.report.terminal import pairs, table, text
from polysilicon.report.words import cell, label

BAR_CELLS = 72
# One letter and one tone for each permission, from the best for a plan to the worst.
SIGNS = {
    "free": ("·", "green"),
    "exception": ("e", "green"),
    "licence_likely": ("l", "yellow"),
    "licence_case_by_case": ("c", "yellow"),
    "undetermined": ("?", "magenta"),
    "licence_denied": ("D", "red"),
    "blocked": ("X", "red"),
}


# Tests of a condition as they are read out.
ASKED = {
    "at_least": "at least",
    "above": "more than",
    "at_most": "at most",
    "below": "less than",
    "in": "is one of",
    "named": "is called",
    "exactly": "is exactly",
}
JOINED = {
    "all": "all of these hold",
    "any": "any of these holds",
    "not": "this does not hold",
    "unless_shown": "presumed, unless this is shown",
}


def provision(one: Provision | Proposal, cited: Mapping[str, Source]) -> RenderableType:
    """One provision as a lawyer reads it: what it is, from when to when, whom it binds, what it asks, what follows."""
    named: list[tuple[str, object]] = [
        (name.replace("_", " "), value)
        for name in ("regime", "stage", "instrument", "what", "name", "status", "seen", "words", "citation")
        if (value := getattr(one, name, ""))
    ]
    named += [
        (name.replace("_", " "), value)
        for name in ("released", "published", "effective", "compliance", "enforced_until", "until", "supersedes")
        if (value := getattr(one, name, None))
    ]
    parts: list[RenderableType] = [text(one.id, "bold"), pairs([*named, ("grade", one.confidence)])]
    if isinstance(one, Provision):
        parts += _conditions(one)
    else:
        for rule in one.rules:
            parts.append(text("\nWould bind", "bold"))
            parts += [text(line) for line in _read_out(rule.get("binds", {}))]
            parts.append(text("\nWould catch", "bold"))
            parts += [text(line) for line in _read_out(rule.get("when", {}))]
            parts.append(text(f"\nThen: {rule.get('then', {}).get('consequence', '')}", "bold"))
    if one.notes:
        parts += ["", text(one.notes)]
    parts += ["", *(text(f"{key}: {source.title}; {source.publisher}", "dim") for key, source in cited.items())]
    return Group(*parts, text(NOTICE, "dim"))


def _conditions(one: Provision) -> Iterator[RenderableType]:
    for title, tree in (("Binds", one.binds), ("Catches", one.when)):
        yield text(f"\n{title}", "bold")
        lines = list(_read_out(tree)) or ["  whatever it is" if title == "Catches" else "  everybody"]
        yield from (text(line) for line in lines)
    yield text("\nThen", "bold")
    then = one.then
    said = [("class", then.item_class), ("consequence", then.consequence), ("not enforced", then.unenforced)]
    said += [("permission", then.permission)]
    share = None if then.duty_share is None else f"{100.0 * then.duty_share:g} % of the price"
    cap = then.cap
    amount = None if cap is None else f"{cap.units:,.0f} units" if cap.units else f"{100.0 * (cap.share or 0.0):g} %"
    said += [("duty", share), ("limit of volume", f"{amount} of {cap.of}" if cap else None)]
    given = [(name, value) for name, value in said if value]
    yield (
        pairs(given) if given else text("  what the review policy says" if one.stage == "requirement" else "  nothing")
    )
    yield from (text(f"  condition: {words}") for words in one.conditions)


def _read_out(tree: Any, depth: int = 1) -> Iterator[str]:
    """A condition, a line for each question, indented as it nests."""
    margin = "  " * depth
    if isinstance(tree, list):
        for part in tree:
            yield from _read_out(part, depth)
        return
    for name, inner in tree.items():
        if name in JOINED:
            yield f"{margin}{JOINED[name]}:"
            yield from _read_out(inner, depth + 1)
        else:
            yield f"{margin}{name.replace('_', ' ')} " + " and ".join(_test(*one) for one in inner.items())


def _test(name: str, value: Any) -> str:
    if name in ("is", "given"):
        return ("is " if name == "is" else "is given: ") + cell(value)
    return f"{ASKED[name]} {cell(value)}"


def changed(found: Changes) -> RenderableType:
    """What changed between two days, provisions first, then what that means for the catalogue's chips."""
    head = f"From {found.begins} to {found.ends} ({found.view} view)"
    parts: list[RenderableType] = [text(head, "bold")]
    for name, rows in (
        ("began", found.began),
        ("ended", found.ended),
        ("printed, no longer enforced", found.no_longer_enforced),
    ):
        parts += ["", text(f"{len(rows)} provisions {name}", "bold"), *(_line(one) for one in rows)]
    for name, lines in (("Groups of places", found.groups), ("Definitions", found.definitions)):
        if lines:
            parts += ["", text(name, "bold"), *(text(f"  {one}") for one in lines)]
    parts += ["", _moves(f"{len(found.classes)} chips change class", found.classes)]
    if found.outcomes:
        parts += ["", _moves(f"{len(found.outcomes)} answers change", found.outcomes)]
    parts += [text(one, "yellow") for one in found.unheard]
    parts += ["", text(NOTICE, "dim")]
    return Group(*parts)


def _line(one: Provision) -> RenderableType:
    gives = one.then.item_class or one.then.consequence
    line = text(f"  {one.id} {one.stage}" + (f" → {gives}" if gives else ""))
    return line.append_text(text(f"\n    {one.citation}; grade {one.confidence}", "dim"))


def _moves(title: str, moves: Sequence[Move]) -> RenderableType:
    """The chips that moved, together where they moved alike."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for one in moves:
        alike.setdefault((one.act, one.before, one.after), []).append(one.chip)
    lines: list[RenderableType] = [text(title, "bold")]
    for (act, before, after), chips in sorted(alike.items(), key=lambda one: -len(one[1])):
        line = text(f"  {before} → {after}")
        line.append_text(text(f"  ({act}, {len(chips)})", "dim"))
        lines += [line, text(f"    {', '.join(chips)}")]
    return Group(*lines)


def over_time(lanes: Mapping[str, Sequence[Span]], act: str) -> RenderableType:
    """Each lane (a chip in a view of the law) as a bar of days and a table of what held when."""
    parts: list[RenderableType] = [text(f"Verdicts over time: {act}", "bold"), ""]
    for name, spans in lanes.items():
        parts += [text(name, "bold"), _bar(spans), _ends(spans)]
        columns: dict[str, list[Any]] = {
            "from": [one.begins.isoformat() for one in spans],
            "until": [one.ends.isoformat() for one in spans],
            "permission": [label(one.permission) for one in spans],
            "item_class": [one.item_class for one in spans],
            "consequence": [one.consequence for one in spans],
            "turned_by": [", ".join(one.turned_by) for one in spans],
            "assumed": ["carried forward" if one.assumed else "" for one in spans],
        }
        parts += [table(Table("", columns)), ""]
    legend = "  ".join(f"{sign} {label(name)}" for name, (sign, _) in SIGNS.items())
    return Group(*parts, text(legend, "dim"), text(NOTICE, "dim"))


def _bar(spans: Sequence[Span]) -> Text:
    first, last = spans[0].begins, spans[-1].ends
    days = (last - first).days
    bar = Text()
    for at in range(BAR_CELLS):
        on = first + dt.timedelta(days=days * at // BAR_CELLS)
        span = next((one for one in spans if one.begins <= on < one.ends), None)
        sign, tone = SIGNS[span.permission] if span else (" ", "")
        bar.append(sign, style=tone)
    return bar


def _ends(spans: Sequence[Span]) -> Text:
    first, last = spans[0].begins.isoformat(), spans[-1].ends.isoformat()
    return text(first + " " * (BAR_CELLS - len(first) - len(last)) + last, "dim")


def timeline_page(lanes: Mapping[str, Sequence[Span]], act: str, catalogue: str) -> str:
    """The same as one HTML page with a drawn chart; it needs no network and no script."""
    first = min(spans[0].begins for spans in lanes.values())
    last = max(spans[-1].ends for spans in lanes.values())
    return plain_document(
        "timeline.html",
        act=act,
        catalogue=catalogue,
        lanes=lanes,
        bars={name: [_drawn(one, first, last) for one in spans] for name, spans in lanes.items()},
        years=list(_years(first, last)),
        permissions=list(SIGNS),
        notice=NOTICE,
    )


def _drawn(span: Span, first: dt.date, last: dt.date) -> dict[str, Any]:
    """Where a span stands across the chart, in percent of its width."""
    days = (last - first).days
    left = 100.0 * (span.begins - first).days / days
    return {"span": span, "left": left, "width": 100.0 * (span.ends - span.begins).days / days}


def _years(first: dt.date, last: dt.date) -> Iterator[tuple[int, float]]:
    for year in range(first.year + (first > dt.date(first.year, 1, 1)), last.year + 1):
        yield year, 100.0 * (dt.date(year, 1, 1) - first).days / (last - first).days
