"""A single-case command asked for every row of a CSV file. A row that can't be answered says why; none is dropped."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
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
        if value is None or value == "":
            raise InputError(f"{name} is missing", remedy="give it, or a table of questions with --cases")


def needed(row: Mapping[str, str], columns: Sequence[str]) -> None:
    """The row fills every one of `columns`.

    Raises:
        Underspecified: one is empty or absent.
    """
    gaps = [name for name in columns if not row.get(name)]
    if gaps:
        raise Underspecified(f"the row does not say {', '.join(gaps)}")


def for_a_table(cases: Path | None, out: Path | None, question: str | None, name: str) -> None:
    """A table of questions stands alone, and its answers go elsewhere.

    Raises:
        InputError: a question beside a table, answers that would replace the table, or `out` without a table.
    """
    if cases is None and out is not None:
        raise InputError("--out is for the answers to a table", remedy="give the table with --cases, or use --json")
    if cases is not None and question is not None:
        raise InputError(f"{name} {question!r} and --cases both ask", remedy="give one of them")
    elsewhere(cases, out)


def refuse_beside(options: Sequence[str], remedy: str = "say it in columns of the table") -> None:
    """A table says what its rows ask; options that say the same would be overheard.

    Raises:
        InputError: one is given.
    """
    if options:
        raise InputError(f"{', '.join(options)} and --cases both ask", remedy=remedy)


def say_unread(columns: Iterable[str], read: Iterable[str]) -> None:
    """Name the columns of a table that nothing reads, on standard error."""
    known = set(read)
    unread = [name for name in dict.fromkeys(columns) if name not in known]
    if unread:
        print(f"columns not read: {', '.join(unread)}", file=sys.stderr)


def elsewhere(cases: Path | None, out: Path | None) -> None:
    """Answers do not replace the table they answer.

    Raises:
        InputError: they would.
    """
    if cases is not None and out is not None and out.exists() and cases.exists() and out.samefile(cases):
        raise InputError(
            "would replace the table that is read", place=Place(field="--out"), found=str(out), remedy="choose another"
        )


def answer_table(
    cases: Path,
    out: Path | None,
    columns: Sequence[str],
    ask: Ask,
    *,
    needs: Sequence[str],
    as_json: bool,
) -> None:
    """Ask every row of `cases`, write the answers to `out`, and say how many of each there are.

    Raises:
        InputError: the table can't be read or is empty, or `out` can't be written.
    """
    from polysilicon.records.document import read_csv

    rows = list(read_csv(cases))
    if not rows:
        raise InputError("holds no rows", place=Place(str(cases)))
    for name in needs:
        if name not in rows[0][1]:
            raise InputError(
                f"has no column {name!r}", place=Place(str(cases), 1), found=list(rows[0][1]), allowed=list(needs)
            )
    answers = [_answer(Place(str(cases), line), row, ask) for line, row in rows]
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
        print(
            f"{_rows(len(answers))}: {', '.join(f'{count} {status}' for status, count in counts.most_common())}; {out}"
        )
    if counts.keys() - {"ok"}:
        print(f"{_rows(len(answers) - counts['ok'])} could not be answered: see `why`", file=sys.stderr)


def _rows(count: int) -> str:
    return f"{count} row{'' if count == 1 else 's'}"


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
