"""Tables and results as files: CSV and JSON, the same bytes for the same result, written beside and renamed."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from polysilicon.records.table import Table, scalar


def to_json(result: Any) -> str:
    """What `--json` prints and `plan.json` holds: two-space indents, keys in the order of the result."""
    return msgspec.json.format(msgspec.json.encode(result), indent=2).decode() + "\n"


def to_csv(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> str:
    """Rows as CSV with a header. A gap is an empty cell; a list is joined with `; `."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    names = list(columns)
    writer.writerow(names)
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return sink.getvalue()


def table_to_csv(shown: Table) -> str:
    """A table as CSV, the same text as `to_csv` of its rows: column by column, as a table may have millions of rows."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(shown.columns)
    writer.writerows(zip(*map(_cells, shown.columns.values()), strict=True))
    return sink.getvalue()


def _cells(column: Sequence[Any]) -> list[Any]:
    """The cells of a column."""
    import numpy as np  # most of what is written holds no array, and need not wait for it

    if isinstance(column, np.ndarray) and column.dtype.kind == "f":
        cells: list[Any] = column.tolist()
        for gap in np.flatnonzero(~np.isfinite(column)).tolist():
            cells[gap] = ""
        return cells
    return [_cell(one) for one in column]


def _cell(value: Any) -> Any:
    value = scalar(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list | tuple):
        return "; ".join(str(_cell(one)) for one in value)
    return value
