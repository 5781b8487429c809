"""One verdict in full: rules looked at, figures read, margins, what would flip it, how far to trust it."""

from typing import Any, Literal

import msgspec
import numpy as np

from polysilicon.facts.law import Permission
from polysilicon.facts.record import Confidence
from polysilicon.records.interval import Truth

Answer = Literal["yes", "no", "undetermined"]

NOTICE = "This is a reading of published rules by a program, not legal advice."


def answer_of(truth: Truth) -> Answer:
    """Three-valued truth in a word."""
    if np.all(truth.certainly):
        return "yes"
    return "undetermined" if np.any(truth.possibly) else "no"


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One question that a rule asked: the figure (or word) it read, the line, and how far from it.

    `margin` is the figure less the limit, `margin_pct` the same as a share of the limit; both are missing where
    the figure is not known exactly.
    """

    subject: str
    test: str
    limit: Any
    low: float | None = None
    high: float | None = None
    word: str | None = None
    unit: str = ""
    holds: Answer
    margin: float | None = None
    margin_pct: float | None = None


class RuleFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One rule or event that was looked at: whether it binds and applies, and what it read."""

    id: str
    regime: str
    stage: str
    instrument: str
    citation: str
    confidence: Confidence
    effective: str
    until: str | None
    enforced: bool
    binds: Answer
    applies: Answer
    gives: str | None
    readings: tuple[Reading, ...]
    conditions: tuple[str, ...] = ()
    notes: str = ""


class Flip(msgspec.Struct, frozen=True, kw_only=True):
    """What another figure would change: `quantity` moved just across a line, all else equal."""

    quantity: str
    to: float
    just: Literal["at", "above", "below"]
    change: float | None
    change_pct: float | None
    item_class: str
    consequence: str


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """A field of the item that a rule's quantity rests on: a number, or a day written YYYY-MM-DD."""

    field: str
    low: float | str | None
    high: float | str | None
    confidence: str = ""
    sources: tuple[str, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of the law of one day on one item and one transaction."""

    item: str
    transaction: dict[str, str]
    on: str
    view: str
    item_class: str
    consequence: str
    words: str
    permission: Permission
    regime: str
    decided_by: tuple[str, ...]
    citations: tuple[str, ...]
    confidence: Confidence
    undetermined: bool
    could_be: tuple[str, ...]
    missing: tuple[str, ...]
    assumed: bool
    known_until: str
    duty_share: float
    duties: tuple[str, ...]
    caps: tuple[str, ...]
    conditions: tuple[str, ...]
    remarks: tuple[str, ...]
    printed: tuple[str, ...]
    presumed: tuple[str, ...]
    also: dict[str, str]
    inputs: tuple[Input, ...]
    findings: tuple[RuleFinding, ...]
    flips: tuple[Flip, ...]
    catalogue: str
    notice: str = NOTICE

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `--json` prints it."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain
