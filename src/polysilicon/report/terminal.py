"""The terminal: one console, and how a table and an explanation look on it.

Every text that somebody else wrote passes as `Text`, never as markup. Without a terminal, or with NO_COLOR set,
the same lines come out plain.
"""

import sys
from collections.abc import Iterable

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from polysilicon.records.table import Table
from polysilicon.report.doubt import FOOTNOTE, MARK, doubted
from polysilicon.report.words import cell, printable


def console(width: int | None = None, *, err: bool = False) -> Console:
    """Where everything is printed: standard output, or standard error for progress."""
    return Console(
        file=sys.stderr if err else sys.stdout, width=width, markup=False, highlight=False, emoji=False, soft_wrap=False
    )


def text(words: object, style: str = "") -> Text:
    """Words as they stand, without markup and control characters."""
    return Text(printable(str(words)), style=style)


def table(shown: Table, first: int | None = None) -> RenderableType:
    """A table with its units in a row of their own; figures of low confidence are marked and footnoted.

    A row says how far its `value` can be trusted in a column called `confidence`. Only the `first` rows are shown
    where that is given, and the title says so.
    """
    rows = list(shown.rows())[:first]
    some_doubted = "value" in shown.columns and any(doubted(row.get("confidence")) for row in rows)
    grid = plain_grid()
    for name in shown.columns:
        numeric = any(isinstance(row[name], int | float) and not isinstance(row[name], bool) for row in rows)
        grid.add_column(text(name.replace("_", " "), "bold"), justify="right" if numeric else "left", overflow="fold")
    units = [shown.unit(name) for name in shown.columns]
    if any(units):
        grid.add_row(*(text(unit, "dim") for unit in units))
    for row in rows:
        marked = doubted(row.get("confidence"))
        grid.add_row(
            *(text(cell(value) + (f" {MARK}" if marked and name == "value" else "")) for name, value in row.items())
        )
    more = f" (first {len(rows)} of {len(shown)})" if len(rows) < len(shown) else ""
    parts: list[RenderableType] = [text(shown.title + more, "bold"), grid]
    parts += [text(note, "dim") for note in (*shown.notes, *([FOOTNOTE] if some_doubted else []))]
    return Group(*parts)


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
