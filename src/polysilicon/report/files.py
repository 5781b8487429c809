"""Tables and results as files: CSV and JSON, the same bytes for the same result, written beside and renamed."""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from polysilicon.records.table import scalar


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


def _cell(value: Any) -> Any:
    value = scalar(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list | tuple):
        return "; ".join(str(_cell(one)) for one in value)
    return value
