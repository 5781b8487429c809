"""A single-case command asked for every row of a CSV file. A row that can't be answered says why; none is dropped."""

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from polysilicon.records.errors import InputError, Place, PolysiliconError

Ask = Callable[[Mapping[str, str], Place], dict[str, Any]]


class Underspecified(InputError):
    """A row that leaves out a column the question needs."""


def required(options: Mapping[str, object]) -> None:
    """Every option is given, where no table of cases is.

    Raises:
        InputError: one is missing.
    """
    for name, value in options.items():
        if value is None:
            raise InputError(f"{name} is missing", remedy="give it, or a table of questions with --cases")


def needed(row: Mapping[str, str], columns: Sequence[str]) -> None:
    """The row fills every one of `columns`.

    Raises:
        Underspecified: one is empty or absent.
    """
    gaps = [name for name in columns if not row.get(name)]
    if gaps:
        raise Underspecified(f"the row does not say {', '.join(gaps)}")


def answer_table(
    cases: Path,
    out: Path | None,
    columns: Sequence[str],
    ask: Ask,
    *,
    as_json: bool,
) -> None:
    """Ask every row of `cases`, write the answers to `out`, and say how many of each there are.

    Raises:
        InputError: the table can't be read or is empty, or `out` can't be written.
    """
    from polysilicon.records.document import read_csv

    answers = [_answer(Place(str(cases), line), row, ask) for line, row in read_csv(cases)]
    if not answers:
        raise InputError("holds no rows", place=Place(str(cases)))
    publish(answers, columns, out, as_json=as_json)


def publish(answers: Sequence[Mapping[str, Any]], columns: Sequence[str], out: Path | None, *, as_json: bool) -> None:
    """Rows of answers as CSV: to a file, or to standard output where none is named."""
    from polysilicon.records import files
    from polysilicon.report.files import to_csv, to_json

    text = to_csv(answers, columns)
    if out is not None:
        files.write(out, text)
    counts = Counter(str(row["status"]) for row in answers)
    if as_json:
        print(to_json({"rows": [dict(row) for row in answers], "by_status": counts}), end="")
    elif out is None:
        print(text, end="")
    else:
        print(f"{len(answers)} rows: {', '.join(f'{count} {status}' for status, count in counts.most_common())}; {out}")
    if counts.keys() - {"ok"}:
        print(f"{len(answers) - counts['ok']} rows could not be answered: see `why`", file=sys.stderr)


def _answer(place: Place, row: Mapping[str, str], ask: Ask) -> dict[str, Any]:
    name = row.get("case_id") or row.get("row_id") or row.get("id") or f"line {place.line}"
    try:
        return {"case_id": name, "status": "ok", "why": "", **ask(row, place)}
    except Underspecified as gap:
        return {"case_id": name, "status": "underspecified", "why": str(gap)}
    except InputError as refusal:
        return {"case_id": name, "status": "unsupported", "why": str(refusal.at(place))}
    except PolysiliconError as refusal:
        return {"case_id": name, "status": "unsupported", "why": str(refusal)}
