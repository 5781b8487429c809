"""An explanation as a tree: a figure, the formula and its citation, its terms, down to sourced records."""

from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from polysilicon.records.recorder import Step
from polysilicon.report.doubt import FOOTNOTE, MARK, doubted
from polysilicon.report.terminal import text
from polysilicon.report.words import cell


def tree(root: Step) -> RenderableType:
    """The tree of a figure; a formula that is used twice is opened once."""
    seen: set[int] = set()
    grown = Tree(_line(root), guide_style="dim")
    seen.add(id(root))
    _grow(grown, root, seen)
    return Group(grown, text(FOOTNOTE, "dim")) if _any_doubted(root) else grown


def to_dict(step: Step) -> dict[str, Any]:
    """The same tree as JSON."""
    named: dict[str, Any] = {"name": step.name, "value": plain_value(step.value)}
    for field in ("unit", "what", "source", "confidence"):
        if getattr(step, field):
            named[field] = getattr(step, field)
    for field in ("inputs", "within"):
        children = [to_dict(child) for child in getattr(step, field)]
        if children:
            named[field] = children
    return named


def plain_value(value: Any) -> Any:
    """A recorded value as JSON can hold it: arrays of one as numbers, longer ones by their range."""
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


def _grow(grown: Tree, step: Step, seen: set[int]) -> None:
    for child in _children(step):
        branch = grown.add(_line(child))
        if _children(child):
            if id(child) in seen:
                branch.add(text("as above", "dim"))
            else:
                seen.add(id(child))
                _grow(branch, child, seen)


def _children(step: Step) -> list[Step]:
    """Inputs first; then the formulas that ran inside and are nobody's input here."""
    shown = {id(one) for one in step.inputs}
    return [*step.inputs, *(one for one in step.within if id(one) not in shown)]


def _line(step: Step) -> Text:
    marked = f" {MARK}" if doubted(step.confidence) else ""
    line = Text.assemble(
        text(step.name, "bold"), " = ", text(_shown(step.value), "cyan"), f" {step.unit}" if step.unit else "", marked
    )
    behind = "; ".join(part for part in (step.what, step.source, step.confidence) if part)
    if behind:
        line.append_text(text(f"  {behind}", "dim"))
    return line


def _shown(value: Any) -> str:
    plain = plain_value(value)
    if isinstance(plain, dict) and "shape" in plain:
        return f"{cell(plain['from'])} … {cell(plain['to'])} (array {plain['shape']})"
    shown = cell(plain)
    return shown if len(shown) <= 120 else f"{shown[:119]}…"


def _any_doubted(step: Step) -> bool:
    return doubted(step.confidence) or any(_any_doubted(child) for child in (*step.inputs, *step.within))
