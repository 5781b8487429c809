"""The terminal: one console, and how a table and an explanation look on it.

Every text that somebody else wrote passes as `Text`, never as markup. Without a terminal, or with NO_COLOR set,
the same lines come out plain.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table as Grid
from rich.text import Text

from polysilicon.records.table import Table
from polysilicon.records.units import SUFFIXES
from polysilicon.report.doubt import BEYOND, FOOTNOTE, MARK, doubted
from polysilicon.report.words import cell, printable


def console(width: int | None = None, *, err: bool = False) -> Console:
    """Where everything is printed: standard output, or standard error for progress."""
    return Console(
        file=sys.stderr if err else sys.stdout, width=width, markup=False, highlight=False, emoji=False, soft_wrap=False
    )


def text(words: object, style: str = "") -> Text:
    """Words as they stand, without markup and control characters."""
    return Text(printable(str(words)), style=style)


# Columns whose words are never cut in two; those that are never left out; the room others may ask for.
WHOLE = frozenset({"confidence", "status", "date", "unit"})
ASKED = frozenset({"value", "quantity", "predicted", "measured", "error", BEYOND})
WORDS_WIDTH, NAME_WIDTH = 14, 32


@dataclass(frozen=True)
class table:  # noqa: N801 - reads as what it does: console.print(table(...))
    """A table with its units below its headings; figures of low confidence are marked and footnoted.

    A row says how far its `value` can be trusted in a column called `confidence`. Only the `first` rows are shown
    where that is given. Columns of words that find no room are left out whole, and named.
    """

    shown: Table
    first: int | None = None

    def __rich_console__(self, screen: Console, options: ConsoleOptions) -> RenderResult:
        """The title, what fits of the columns, and the notes."""
        rows = list(self.shown.rows())[: self.first]
        cells = {name: [cell(row[name]) for row in rows] for name in self.shown.columns}
        low = [doubted(row.get("confidence")) and row.get("value") is not None for row in rows]
        if any(low):
            cells["value"] = [one + f" {MARK}" * mark for one, mark in zip(cells["value"], low, strict=True)]
        numeric = {name for name in cells if _numeric([row[name] for row in rows])}
        kept = self._fitting(cells, numeric, options.max_width)
        grid = plain_grid()
        for at, name in enumerate(kept):
            right = name in numeric
            heading = _heading(name, self.shown.unit(name), "\n" if right else " ")
            whole = right or name in WHOLE or (at == 0 and max(map(len, cells[name]), default=0) <= NAME_WIDTH)
            grid.add_column(heading, justify="right" if right else "left", no_wrap=whole, overflow="fold")
        for at in range(len(rows)):
            grid.add_row(*(text(cells[name][at]) for name in kept))
        more = f" (first {len(rows)} of {len(self.shown)})" if len(rows) < len(self.shown) else ""
        yield text(self.shown.title + more, "bold")
        yield grid
        yield from (text(note, "dim") for note in self.shown.notes)
        if any(low):
            yield text(FOOTNOTE, "dim")
        left_out = [name for name in cells if name not in kept and any(cells[name])]
        same = [f"{name} {cells[name][0]}" for name in left_out if len(set(cells[name])) == 1]
        if same:
            yield text(f"in every row: {', '.join(same)}", "dim")
        if len(same) < len(left_out):
            differing = [name for name in left_out if len(set(cells[name])) > 1]
            yield text(f"no room here for: {', '.join(differing)}", "dim")

    def _fitting(self, cells: Mapping[str, Sequence[str]], numeric: Set[str], room: int) -> list[str]:
        """The columns that fit, in order. Those that say one thing in every row go first, then words, then figures."""
        asks: dict[str, int] = {}
        for at, name in enumerate(cells):
            heading = _heading(name, self.shown.unit(name), "\n" if name in numeric else " ").plain
            # A heading of figures is broken where it says so; words may be broken at every space.
            words = heading.split("\n" if name in numeric else None)
            wide = max(map(len, [*words, *cells[name]]), default=0)
            limit = None if name in numeric or name in WHOLE else WORDS_WIDTH if at else NAME_WIDTH
            asks[name] = wide if limit is None else min(wide, limit)
        kept = [name for name in cells if any(cells[name]) or not any(map(any, cells.values()))]
        same = [name for name in kept[1:] if name != BEYOND and len(cells[name]) > 1 and len(set(cells[name])) == 1]
        words = [name for name in kept[1:] if name not in numeric | WHOLE | ASKED]
        figures = [name for name in reversed(kept[1:]) if name in numeric - ASKED]
        for name in dict.fromkeys([*same, *sorted(words, key=lambda one: -asks[one]), *figures]):
            if sum(asks[one] + 2 for one in kept) - 2 <= room:
                break
            kept.remove(name)
        return kept


def _numeric(values: Sequence[object]) -> bool:
    known = [one for one in values if one is not None]
    return bool(known) and all(isinstance(one, int | float) and not isinstance(one, bool) for one in known)


def _heading(name: str, unit: str, between: str) -> Text:
    """A column's name in words, its unit in a line of its own; the suffix that says the unit is then not repeated."""
    broken = "\n/".join(unit.rsplit("/", 1)) if len(unit) > 9 else unit
    if unit and SUFFIXES.get(name) == unit:
        return text(broken, "bold")
    parts = name.split("_")
    stem = next(
        (parts[:last] for last in range(1, len(parts)) if unit and SUFFIXES.get("_".join(parts[last:])) == unit), parts
    )
    heading = text(between.join(stem), "bold")
    return heading.append_text(text(f"\n{broken}", "dim not bold")) if unit else heading


def plain_grid(*, header: bool = True) -> Grid:
    """The one table style: no frame, a rule below the header."""
    return Grid(
        box=box.SIMPLE_HEAD if header else None,
        show_header=header,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )


def pairs(named: Iterable[tuple[str, object]]) -> RenderableType:
    """Name and value, line by line."""
    grid = plain_grid(header=False)
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold")
    for name, value in named:
        grid.add_row(text(name, "dim"), value if isinstance(value, Text) else text(cell(value)))
    return grid
