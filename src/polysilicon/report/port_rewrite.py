"""A rewrite as its reader needs it: what changes, what is offered, what stays by hand, and what was not read."""

from collections import Counter, defaultdict
from typing import Any

from rich.console import Group, RenderableType

from polysilicon.porting.rewriting import Rewritten
from polysilicon.porting.rewriting.patches import lines_changed
from polysilicon.porting.rewriting.site import Site
from polysilicon.report.terminal import plain_grid, text
from polysilicon.report.words import number

REASONS_ON_SCREEN = 12
GRADES = {"S": "safe", "R": "for review", "M": "by hand"}


def render(made: Rewritten) -> RenderableType:
    """The summary on a screen."""
    removed, added = _lines(made)
    new = f" and {len(made.helpers)} new device.py" if made.helpers else ""
    parts: list[RenderableType] = [
        text(f"files that change: {len(made.changed)}{new}; lines that go: {removed}, that come: {added}", "bold"),
        text(read_line(made)),
        text(made.task.names.checked, "dim"),
        *(text(one, "yellow") for one in made.warnings),
        *(text(f"{path}: not rewritten: {why}", "yellow") for path, why in made.refused.items()),
    ]
    if made.tree.kernels:
        count = f"{number(made.tree.kernels)} C, C++ and CUDA files"
        parts.append(text(f"{count}: never rewritten (inline assembly, warp size, version guards)", "dim"))
    if any(one.sites for one in made.outcomes):
        parts += ["", _rules(made)]
    left = _left(made)
    if left:
        parts += ["", text("Left as it is, and why", "bold"), *left]
    return Group(*parts)


def read_line(made: Rewritten) -> str:
    """How much was read, and what was not: `read 9, skipped 2 because ...`."""
    skipped = made.skipped
    if not skipped:
        return f"read {number(made.read)} Python files, skipped none"
    why = ", ".join(f"{count} {reason}" for reason, count in sorted(skipped.items()))
    return f"read {number(made.read)} Python files, skipped {number(sum(skipped.values()))} because: {why}"


def to_dict(made: Rewritten) -> dict[str, Any]:
    """What `--json` prints: every site, changed or not, and the diff."""
    removed, added = _lines(made)
    return {
        "root": str(made.task.root),
        "torch": made.task.names.release,
        "checked": made.task.names.checked,
        "read": made.read,
        "skipped": made.skipped,
        "kernels": made.tree.kernels,
        "files": [_shown(one.path) for one in made.changed],
        "new": list(made.helpers),
        "lines_removed": removed,
        "lines_added": added,
        "refused": {_shown(path): why for path, why in made.refused.items()},
        "warnings": list(made.warnings),
        "changed": [_site(path, site) for path, site in made.sites(taken=True)],
        "left": [_site(path, site) for path, site in made.sites(taken=False)],
        "diff": made.diff().decode(errors="backslashreplace"),
    }


def _shown(path: str) -> str:
    """A path as text, also where its bytes are no text."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _site(path: str, site: Site) -> dict[str, Any]:
    plain = {"file": _shown(path), "line": site.line, "rule": site.rule, "grade": site.grade, "found": site.found}
    return {**plain, "why": site.why, "can_change": site.edit is not None}


def _lines(made: Rewritten) -> tuple[int, int]:
    """Lines that go and lines that come."""
    counts = [lines_changed(before or b"", after or b"") for _, before, after in made.changes()]
    return sum(one[0] for one in counts), sum(one[1] for one in counts)


def _rules(made: Rewritten) -> RenderableType:
    """How many places each rule changes, could change, and leaves."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for _, site in made.sites(taken=True):
        counts[site.rule]["changed"] += 1
    for _, site in made.sites(taken=False):
        counts[site.rule][site.grade if site.edit is not None else "M"] += 1
    grid = plain_grid()
    for name in ("rule", "changed", "safe, not asked for", "for review", "by hand"):
        grid.add_column(name, justify="left" if name == "rule" else "right")
    for rule, row in sorted(counts.items()):
        grid.add_row(text(rule), *(number(row[name]) if row[name] else "–" for name in ("changed", "S", "R", "M")))
    return grid


def _left(made: Rewritten) -> list[RenderableType]:
    """The commonest reasons why a place is left, each with its first place."""
    first: dict[tuple[str, str, str], str] = {}
    counts: Counter[tuple[str, str, str]] = Counter()
    for path, site in made.sites(taken=False):
        key = (site.rule, GRADES[site.grade], site.why)
        counts[key] += 1
        first.setdefault(key, f"{path}:{site.line} {site.found}")
    lines: list[RenderableType] = []
    for (rule, grade, why), count in counts.most_common(REASONS_ON_SCREEN):
        line = text(f"{number(count)} × {rule}, {grade}: {why}")
        lines.append(line.append_text(text(f"\n    first {first[rule, grade, why]}", "dim")))
    if len(counts) > REASONS_ON_SCREEN:
        lines.append(text(f"{len(counts) - REASONS_ON_SCREEN} other reasons; --json lists every place", "dim"))
    return lines
