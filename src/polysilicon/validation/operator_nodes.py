"""What is known beside tables of collectives: which chips the nodes have that were timed, and which rows are copies."""

from functools import lru_cache
from typing import Literal, cast

from polysilicon.facts.index import DATA
from polysilicon.records.document import read_csv
from polysilicon.validation.operator_readings import Row, Unread

NODES = DATA / "measurements" / "operator_nodes.csv"


def as_timed(row: Row) -> Row:
    """The row with the chip that its node has, where its table lists another."""
    told = _told(row)
    return {**row, "chip_id": told["chip_id"]} if told else row


def refuse_copies(row: Row) -> None:
    """Nothing, if the row was timed.

    Raises:
        Unread: its source repeats there what it timed elsewhere.
    """
    told = _told(row)
    if told and told["status"]:
        raise Unread(cast("Literal['implausible']", told["status"]), told["why"])


def _told(row: Row) -> Row | None:
    """What is told of the node and collective of a row, which `as_timed` may have corrected already.

    It is told of the rows of the tables that ship, by the names of their cases: a user's node may be called so, too.
    """
    told = _nodes().get(_asked(row))
    if told is None or not row.get("case_id", "").startswith(told["cases"]):
        return None
    return told if row.get("chip_id") in (told["listed_as"], told["chip_id"]) else None


def _asked(row: Row) -> tuple[str, ...]:
    return tuple(row.get(name, "") for name in ("node", "library", "collective"))


@lru_cache(maxsize=1)
def _nodes() -> dict[tuple[str, ...], Row]:
    return {_asked(row): row for _, row in read_csv(NODES)}
