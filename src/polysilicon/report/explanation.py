"""An explanation as a tree: a figure, the formula and its citation, its terms, down to sourced records."""

from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from polysilicon.records.bounded import Bounded
from polysilicon.records.recorder import Step
from polysilicon.report.doubt import FOOTNOTE, MARK, doubted
from polysilicon.report.terminal import text
from polysilicon.report.words import cell, interval

Key = tuple[str, str, str, tuple[str, ...]]
MOST_BEHIND, INDENT = 200, 2


def tree(root: Step, depth: int | None = None) -> RenderableType:
    """The tree of a figure, at most `depth` levels of it; a formula met again with the same value is opened once."""
    lines: list[RenderableType] = []
    cut = _grow(lines, root, 0, set(), depth)
    if cut:
        lines.append(text(f"{cut} branches go deeper than {depth} levels: --depth shows more, --json all", "dim"))
    if _any_doubted(root):
        lines.append(text(FOOTNOTE, "dim"))
    return Group(*lines)


def to_dict(root: Step) -> dict[str, Any]:
    """The same tree as JSON; a formula met again with the same value is `as_above`."""
    return _to_dict(root, set())


def _to_dict(step: Step, seen: set[Key]) -> dict[str, Any]:
    named: dict[str, Any] = {"name": step.name, "value": plain_value(step.value)}
    if step.interval != (None, None):
        named |= dict(zip(("low", "high"), step.interval, strict=True))
    for field in ("unit", "what", "source", "confidence"):
        if getattr(step, field):
            named[field] = getattr(step, field)
    children = _children(step)
    if children and _key(step) in seen:
        return named | {"as_above": True}
    seen.add(_key(step))
    return named | ({"from": [_to_dict(child, seen) for child in children]} if children else {})


def plain_value(value: Any) -> Any:
    """A recorded value as JSON can hold it: arrays of one as numbers, longer ones by their range."""
    if isinstance(value, Bounded):
        return {name: plain_value(getattr(value, name)) for name in ("value", "low", "high")}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        if value.size == 1:
            return plain_value(value.reshape(-1)[0])
        return {"shape": list(value.shape), "from": plain_value(value.min()), "to": plain_value(value.max())}
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, list | tuple):
        return [plain_value(one) for one in value]
    if isinstance(value, dict):
        return {str(name): plain_value(one) for name, one in value.items()}
    return str(value)


def _grow(lines: list[RenderableType], step: Step, level: int, seen: set[Key], depth: int | None) -> int:
    """Put the step and what it rests on below `lines`; returns how many branches were cut off."""
    children = _children(step)
    again = bool(children) and _key(step) in seen
    lines.append(Padding(_line(step, again=again), (0, 0, 0, INDENT * level), expand=False))
    if not children or again:
        return 0
    if depth is not None and level >= depth:
        return 1
    seen.add(_key(step))
    return sum(_grow(lines, child, level + 1, seen, depth) for child in children)


def _key(step: Step) -> Key:
    """What makes two steps the same: an explanation may hold equal copies of one."""
    return step.name, repr(plain_value(step.value)), step.source, tuple(child.name for child in _children(step))


def _children(step: Step) -> list[Step]:
    """Inputs first; then the formulas that ran inside and are nobody's input here."""
    shown = {id(one) for one in step.inputs}
    return [*step.inputs, *(one for one in step.within if id(one) not in shown)]


def _line(step: Step, *, again: bool) -> Text:
    marked = f" {MARK}" if doubted(step.confidence) else ""
    line = Text.assemble(
        text(step.name, "bold"), " = ", text(_shown(step.value), "cyan"), f" {step.unit}" if step.unit else "", marked
    )
    if step.interval != (None, None):
        line.append(f" ({interval(*step.interval)})")
    behind = (
        "as above"
        if again
        else "; ".join(one for one in (step.what.rstrip("."), step.source.rstrip("."), step.confidence) if one)
    )
    if behind:
        line.append_text(text(f"  {behind if len(behind) <= MOST_BEHIND else behind[: MOST_BEHIND - 1] + '…'}", "dim"))
    return line


def _shown(value: Any) -> str:
    plain = plain_value(value)
    if isinstance(value, np.ndarray) and isinstance(plain, dict):
        return f"{cell(plain['from'])} … {cell(plain['to'])} (array {plain['shape']})"
    if isinstance(plain, dict) and plain.keys() == {"value", "low", "high"}:
        value, low, high = (cell(plain[name]) for name in ("value", "low", "high"))
        return value if value == low == high else f"{value} ({low} to {'∞' if plain['high'] is None else high})"
    shown = cell(plain)
    return shown if len(shown) <= 120 else f"{shown[:119]}…"


def _any_doubted(step: Step) -> bool:
    return doubted(step.confidence) or any(_any_doubted(child) for child in (*step.inputs, *step.within))
