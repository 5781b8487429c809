"""What the readers of tables of timed operators have in common: a reading, why there is none, and numbers in cells."""

from collections.abc import Mapping
from math import isfinite
from typing import NamedTuple

from polysilicon.validation.score import Status

Row = Mapping[str, str]
MOST = 2.0**50  # bytes or elements; what is larger is no size of an operator

# How the tables call a format, and how we do.
FORMAT = {
    "bfloat16": "bf16",
    "float16": "bf16",
    "bf16": "bf16",
    "fp16": "bf16",
    "half": "bf16",
    "fp8": "fp8",
    "fp8_block": "fp8_block",
    "nvfp4": "nvfp4",
    "int8_wo": "int8_weights",
    "int4_wo": "int4_weights",
    "sq": "int8",
    "w4a16_mxfp4": "mxfp4_weights",
    "w4a8_mxfp4_mxfp8": "mxfp4_mxfp8",
}
BYTES = {"bf16": 2.0, "fp8": 1.0, "fp4": 0.5, "nvfp4": 0.5}


class Reading(NamedTuple):
    """One measured quantity of a row: its column, the operator and kind of kernel, sizes, and the group of its fold."""

    quantity: str
    operator: str
    kind: str
    sizes: dict[str, float]
    group: str


class Unread(Exception):
    """Why a row can't be predicted."""

    def __init__(self, status: Status, why: str) -> None:
        super().__init__(why)
        self.status: Status = status


def size(row: Row, name: str, least: float = 1.0) -> float:
    """The number in a cell.

    Raises:
        Unread: it is empty, no number, less than `least`, or no sane size.
    """
    text = row.get(name, "")
    try:
        value = float(text)
    except ValueError:
        found = f"no number: {text!r}" if text else "missing"
        raise Unread("underspecified", f"{name} is {found}") from None
    if not isfinite(value) or not least <= value <= MOST:
        raise Unread("implausible", f"{name} is no size: {text}")
    return value


def sizes_of(row: Row, **names: str) -> dict[str, float]:
    """The numbers in several cells, by our name for each column.

    Raises:
        Unread: as `size`.
    """
    return {ours: size(row, theirs) for ours, theirs in names.items()}


def form(row: Row, column: str, allowed: Mapping[str, object], what: str) -> str:
    """Our name of the format in a cell.

    Raises:
        Unread: it is empty, or there is no curve for it.
    """
    text = row.get(column, "")
    if not text:
        raise Unread("underspecified", f"{column} is missing")
    ours = FORMAT.get(text.lower(), "")
    if ours not in allowed:
        raise Unread("unsupported", f"no curve for {what} in {text}")
    return ours


def shape(sizes: Mapping[str, float], *names: str) -> str:
    """Those sizes as a word that names a group."""
    return " ".join(f"{sizes[name]:g}" for name in names)
