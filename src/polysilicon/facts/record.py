"""What every fact carries: where it was read, how far it can be trusted, and what others say instead."""

from typing import Annotated, Any, Literal

import msgspec

Confidence = Literal["datasheet", "official", "measured", "analyst", "press", "estimate", "unverified"]

# From most to least trusted. `user` is not in the list: a user's own value is shown as theirs, not graded.
CONFIDENCES: tuple[Confidence, ...] = (
    "datasheet",
    "official",
    "measured",
    "analyst",
    "press",
    "estimate",
    "unverified",
)
LOW_CONFIDENCE = frozenset({"press", "estimate", "unverified"})

Quantity = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[float, msgspec.Meta(ge=0, extra={"unit": "count"})]
Ratio = Annotated[float, msgspec.Meta(ge=0, extra={"unit": "ratio"})]
Degrees = Annotated[float, msgspec.Meta(ge=-180, le=180, extra={"unit": "degrees"})]
Celsius = Annotated[float, msgspec.Meta(ge=-90, le=70)]
Day = Annotated[str, msgspec.Meta(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")]


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One publication; it lives once in `data/sources/`, under its key."""

    key: str = ""
    title: str
    publisher: str
    url: str | None
    read: Day
    published: Day | None = None
    licence: str | None = None


class Origin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one value came from, if not from where its whole record did. Empty means: as the record."""

    sources: tuple[str, ...] = msgspec.field(default=(), name="from")
    confidence: Confidence | None = None
    date: Day | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""


class Variant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What another source says of the same field."""

    value: Any
    sources: tuple[str, ...] | str = msgspec.field(name="from")
    note: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fact with its provenance. Fields of the subclasses are plain values, so that hot code reads floats."""

    id: str
    sources: tuple[str, ...] = msgspec.field(name="from")
    confidence: Confidence
    date: Day | None = None
    aliases: tuple[str, ...] = ()
    also: dict[str, tuple[Variant, ...]] = {}
    notes: str = ""
    exceptions: dict[str, Origin] = {}
    theirs: str = ""  # the user's file this record (or its overridden fields) came from; empty for ours

    def origin(self, field: str) -> Origin:
        """Sources, confidence and date of one field, the record's own where the field has none."""
        own = self.exceptions.get(field, Origin())
        return Origin(
            sources=own.sources or self.sources,
            confidence=own.confidence or self.confidence,
            date=own.date or self.date,
            low=own.low,
            high=own.high,
            note=own.note,
        )


PROVENANCE_FIELDS = frozenset(Record.__struct_fields__)
