"""Worked cases of export control and import practice against the rules: item class and consequence."""

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path

from polysilicon.facts import Catalogue
from polysilicon.facts.index import DATA
from polysilicon.facts.hardware import Chip
from polysilicon.policy import Items, Transaction, judge
from polysilicon.records.dates import day
from polysilicon.records.document import read_csv
from polysilicon.records.errors import InputError, Place, PolysiliconError
from polysilicon.records.interval import Interval
from polysilicon.validation.score import Score

CASES = DATA / "measurements" / "policy_cases.csv"

COLUMNS = (
    "case_id",
    "chip",
    "vendor",
    "tpp",
    "die_area_mm2",
    "performance_density",
    "memory_bw_gbs",
    "interconnect_gbs",
    "datacenter_marketed",
    "date",
    "to",
)
EXPECTED = {"item_class": "expected_item_class", "consequence": "expected_consequence"}
MARKETED = {"yes": True, "no": False}

Row = dict[str, str]


def validate(catalogue: Catalogue, cases_path: Path | None = None) -> list[Score]:
    """Two scores a case, `item_class` and `consequence`; our own worked cases where no file is given.

    A case's own figures are judged, not those of the catalogue; `chip_id` only says which part is meant. The
    columns `activity, exported_from, headquarters, party, end_use, onward_to, chip_id, source` and the two
    expected ones may be absent.

    Raises:
        InputError: the file can't be read, lacks a column, or holds a value that can't be one.
    """
    path = cases_path or CASES
    scores: list[Score] = []
    for line, row in read_csv(path):
        place = Place(str(path), line)
        _check_columns(row, path)
        scores.extend(_score(catalogue, row, place))
    if not scores:
        raise InputError("holds no cases", place=Place(str(path)))
    return scores


def _check_columns(row: Row, path: Path) -> None:
    missing = [one for one in COLUMNS if one not in row]
    if missing:
        raise InputError(
            f"lacks the column {missing[0]!r}", place=Place(str(path), 1), found=list(row), allowed=[*COLUMNS]
        )


def _score(catalogue: Catalogue, row: Row, place: Place) -> Iterator[Score]:
    items, transaction, on = _items(catalogue, row, place), _transaction(row), _day(row, place)
    answers: dict[str, str | None] = dict.fromkeys(EXPECTED)
    why = ""
    try:
        verdicts = judge(catalogue, items, transaction, on)
        answers = {"item_class": str(verdicts.item_class[0]), "consequence": str(verdicts.consequence[0])}
    except PolysiliconError as cause:
        why = str(cause)
    for quantity, column in EXPECTED.items():
        expected = row.get(column) or None
        agrees = answers[quantity] == expected
        yield Score(
            case_id=row["case_id"],
            quantity=quantity,
            predicted=answers[quantity],
            measured=expected,
            error_pct=None if why or expected is None else 0.0 if agrees else 100.0,
            status="unsupported" if why else "ok",
            why=why,
            vendor=row["vendor"],
            chip=row["chip"],
            source=row.get("source", ""),
            kind=row.get("basis", ""),
        )


def _items(catalogue: Catalogue, row: Row, place: Place) -> Items:
    """The row's part. `n/a` as its market says that it is a memory; `planar` in its name, how it is made."""
    memory = row["datacenter_marketed"] == "n/a"
    area = _number(row, "die_area_mm2", place)
    columns: dict[str, float | Interval] = {"memory_bw_gbs": _number(row, "memory_bw_gbs", place)}
    if memory:
        columns["package_area_mm2"] = area
    else:
        columns |= {
            "tpp": _number(row, "tpp", place),
            "die_area_mm2": area,
            "scaleup_bw_gbs": _number(row, "interconnect_gbs", place),
        }
        density = _number(row, "performance_density", place)
        if "planar" in row["chip"].casefold().replace("non-planar", ""):
            columns["applicable_die_area"] = 0.0
        elif density == density:  # a stated density is the row's own figure
            columns["performance_density"] = density
    chip = _chip(catalogue, row)
    return Items.from_columns(
        columns,
        count=1,
        ids=row.get("chip_id") or row["chip"],
        name=" | ".join(one for one in (row["chip"], chip.name if chip else "") if one),
        vendor=row["vendor"],
        designer=_designer(catalogue, row["vendor"], chip),
        kind="memory" if memory else "processor",
        datacenter=MARKETED.get(row["datacenter_marketed"]),
    )


def _chip(catalogue: Catalogue, row: Row) -> Chip | None:
    name = row.get("chip_id", "")
    return catalogue.get(Chip, name) if name and name in catalogue.ids(Chip) else None


def _designer(catalogue: Catalogue, vendor: str, chip: Chip | None) -> str:
    """The country of the designer: the chip's, else that of any chip of the same vendor; unstated otherwise."""
    if chip is not None:
        return chip.vendor_country
    same: Sequence[str] = [one.vendor_country for one in catalogue.every(Chip) if one.vendor == vendor]
    return same[0] if same else ""


def _transaction(row: Row) -> Transaction:
    def said(column: str) -> str | None:
        return row.get(column) or None

    return Transaction(
        to=row["to"],
        exported_from=said("exported_from"),
        headquarters=said("headquarters"),
        party=said("party"),
        activity=said("activity") or "export",  # type: ignore[arg-type]  # checked by the policy room
        end_use=said("end_use"),
        onward_to=said("onward_to"),
    )


def _number(row: Row, column: str, place: Place) -> float:
    """The number in a cell; NaN where it is empty.

    Raises:
        InputError: no number, or a negative one.
    """
    text = row[column].strip()
    if not text:
        return float("nan")
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0.0 <= value < float("inf"):
        raise InputError(
            "is not a quantity", place=Place(place.file, place.line, column), found=text, allowed="0 or more, or empty"
        )
    return value


def _day(row: Row, place: Place) -> dt.date:
    try:
        return day(row["date"])
    except InputError as complaint:
        raise complaint.at(Place(place.file, place.line, "date")) from None
