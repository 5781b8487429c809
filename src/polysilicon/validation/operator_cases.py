"""Tables of timed operators, row by row: which operator it is, on which chip, with which sizes; or why we can't say."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.performance.kernel_kinds import collective_runs_as, runs_as
from polysilicon.performance.latent import Latent
from polysilicon.records.document import read_csv
from polysilicon.records.errors import InputError, Place
from polysilicon.records.units import KILO, MS_PER_S
from polysilicon.validation.operator_messages import beyond
from polysilicon.validation.operator_nodes import as_timed
from polysilicon.validation.operator_readings import Row, Unread
from polysilicon.validation.operator_rows import Reader, readers
from polysilicon.validation.score import Status
from polysilicon.workloads import transformer

# The model whose latent attention the tables time.
LATENT_MODEL = "deepseek-v3"
SOURCE = ("backend", "backend_version", "library", "library_version")
# Columns that are measured but that no operator model predicts.
NOT_PREDICTED = {"mean_power_w": ("W", "the power of a single kernel is not estimated here")}


@dataclass(frozen=True)
class Timed:
    """One timed operator: its `kind` names the fitted parameters, `group` what it must share a fold with."""

    id: str
    quantity: str
    operator: str
    kind: str
    chip: str
    sizes: dict[str, float]
    measured_s: float
    group: str
    source: str


@dataclass(frozen=True)
class Refused:
    """A measured quantity of a row that can't be predicted, and why."""

    id: str
    quantity: str
    operator: str
    chip: str
    measured: float | None
    unit: str
    status: Status
    why: str
    source: str


def read(catalogue: Catalogue, path: Path) -> list[Timed | Refused]:
    """Every measured quantity of every row of a table.

    Raises:
        InputError: the file can't be read, or its columns are those of no table of operators.
    """
    rows = [{name: text.strip() for name, text in row.items()} for _, row in read_csv(path)]
    if not rows:
        raise InputError("has no rows", place=Place(str(path), 1))
    columns = set(rows[0])
    known = readers(Latent.of(transformer(catalogue, LATENT_MODEL)))
    if not {"case_id", "chip_id"} <= columns or not any(needed <= columns for needed, _ in known):
        raise InputError(
            "is no table of timed operators",
            place=Place(str(path), 1),
            found=", ".join(sorted(columns)[:6]),
            remedy="columns are named as in our own tables, facts/data/measurements/operators/",
        )
    found = [one for row in rows for one in _row(as_timed(row), known)]
    chips = {name: _chip(catalogue, name) for name in {one.chip for one in found}}
    return [_on_chip(one, chips[one.chip]) for one in found]


def _chip(catalogue: Catalogue, chip_id: str) -> Chip | None:
    """The chip's record; that there is none is told where its figures are asked for."""
    try:
        return catalogue.get(Chip, chip_id)
    except InputError:
        return None


def _on_chip(one: Timed | Refused, chip: Chip | None) -> Timed | Refused:
    """The same as the kernel that runs there, or refused where it is a message among ranks that nothing timed joins."""
    if isinstance(one, Refused) or chip is None:
        return one
    one = replace(one, kind=runs_as(chip.family or chip.id, one.operator, one.kind))
    if one.operator not in ("collective", "exchange"):
        return one
    if one.operator == "collective":
        one = replace(one, kind=collective_runs_as(chip.scaleup_domain, one.kind, one.sizes["ranks"]))
    why = beyond(chip, one.kind, one.sizes)
    if not why:
        return one
    measured_ms = one.measured_s * MS_PER_S
    return Refused(one.id, one.quantity, one.operator, one.chip, measured_ms, "ms", "unsupported", why, one.source)


def _row(row: Row, known: Iterable[tuple[frozenset[str], Reader]]) -> list[Timed | Refused]:
    source = _source(row)
    filled = {name for name, text in row.items() if text}
    found: list[Timed | Refused] = []
    for name, (unit, why) in NOT_PREDICTED.items():
        if row.get(name):
            value = _number(row[name])
            found.append(Refused(row["case_id"], name, "", row["chip_id"], value, unit, "unsupported", why, source))

    def refused(status: Status, why: str) -> list[Timed | Refused]:
        times = [name for name in row if name.endswith("_ms") and row[name] and not name.endswith(("_min", "_max"))]
        return [
            *(
                Refused(row["case_id"], name, "", row["chip_id"], _number(row.get(name, "")), "ms", status, why, source)
                for name in times or ["latency_ms"]
            ),
            *found,
        ]

    # A row that lacks a cell is still a row of the table whose columns it has.
    reader = next((one for needed, one in known if needed <= filled), None)
    reader = reader or next((one for needed, one in known if needed <= set(row)), None)
    if reader is None:
        return refused("underspecified", "too few cells are filled to tell which operator it is")
    try:
        readings = reader(row)
    except Unread as missing:
        return refused(missing.status, str(missing))
    if not row["chip_id"]:
        return refused("unsupported", "the row names no chip of the catalogue")
    for one in readings:
        measured = _number(row.get(one.quantity, ""))
        if measured is None or not measured > 0.0:
            why = "no measured time" if measured is None else f"no time: {measured:g} ms"
            status: Status = "underspecified" if measured is None else "implausible"
            found.append(
                Refused(row["case_id"], one.quantity, one.operator, row["chip_id"], measured, "ms", status, why, source)
            )
            continue
        found.append(
            Timed(
                row["case_id"],
                one.quantity,
                one.operator,
                one.kind,
                row["chip_id"],
                one.sizes,
                measured / KILO,
                one.group,
                source,
            )
        )
    return found or refused("underspecified", "no measured time")


def _source(row: Row) -> str:
    told = " ".join(text for name in SOURCE if (text := row.get(name, "")))
    return told or row.get("mode", "") or row.get("node", "") or row.get("kernel_source", "")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def columns(cases: Iterable[Timed]) -> dict[str, NDArray[np.float64]]:
    """The sizes of cases of one operator as columns."""
    rows: list[Mapping[str, float]] = [one.sizes for one in cases]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}
