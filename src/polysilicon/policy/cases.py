"""A row of a table of policy cases as items, transaction and day; columns as the validation tables name them."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.policy.items import Items, named
from polysilicon.policy.transaction import Transaction
from polysilicon.records.dates import day
from polysilicon.records.errors import InputError, Place
from polysilicon.records.interval import Interval

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
MARKETED = {"yes": True, "no": False}

Row = Mapping[str, str]


@dataclass(frozen=True)
class Case:
    """One question to the law: a part (a table of one), an act, a day."""

    items: Items
    transaction: Transaction
    on: dt.date


def check_columns(row: Row, place: Place) -> None:
    """Refuse a table that lacks a column a case needs.

    Raises:
        InputError: the first column that is missing.
    """
    missing = [one for one in COLUMNS if one not in row]
    if missing:
        head = Place(place.file, 1)
        raise InputError(f"lacks the column {missing[0]!r}", place=head, found=", ".join(row), allowed=COLUMNS)


def read_case(catalogue: Catalogue, row: Row, place: Place) -> Case:
    """A row with its own figures; `chip_id` only says which part is meant. Empty cells are unknown.

    Raises:
        InputError: a number that is none, or a day that does not exist.
    """
    return Case(_items(catalogue, row, place), Transaction.read(row), _day(row, place))


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
        datacenter=MARKETED.get(row["datacenter_marketed"].strip().casefold()),
    )


def _chip(catalogue: Catalogue, row: Row) -> Chip | None:
    name = row.get("chip_id", "")
    return catalogue.get(Chip, name) if name and name in catalogue.ids(Chip) else None


def _designer(catalogue: Catalogue, vendor: str, chip: Chip | None) -> str:
    """The country of the designer: the chip's, else that of any chip of a vendor so called; unstated otherwise."""
    if chip is not None:
        return chip.vendor_country
    same = (one.vendor_country for one in catalogue.every(Chip) if named(one.vendor, [vendor]))
    return next(same, "") if vendor else ""


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
