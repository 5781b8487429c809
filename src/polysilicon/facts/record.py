"""What every fact carries: where it was read, how far it can be trusted, and what others say instead."""

import functools
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from polysilicon.records.units import unit_of

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

MEMORY = "from-memory"  # the source of a value that is marked unverified in place and names no source of its own
USER = "user"  # the source of a value that stands in the user's own file and names none

Quantity = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[float, msgspec.Meta(ge=0, extra={"unit": "count"})]
Ratio = Annotated[float, msgspec.Meta(ge=0, extra={"unit": "ratio"})]
Degrees = Annotated[float, msgspec.Meta(ge=-180, le=180, extra={"unit": "degrees"})]
Celsius = Annotated[float, msgspec.Meta(ge=-90, le=70)]
DAY_PATTERN = r"^\d{4}(-\d{2}(-\d{2})?)?$"
Day = Annotated[str, msgspec.Meta(pattern=DAY_PATTERN)]


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One publication; it lives once in `data/sources/`, under its key. `read` is the day it was read."""

    key: str = ""
    title: str
    publisher: str
    url: str | None
    read: Day | None
    published: Day | None = None
    licence: str | None = None


class Origin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where one value came from, if not from where its whole record did. Empty means: as the record."""

    sources: tuple[str, ...] = msgspec.field(default=(), name="from")
    confidence: Confidence | None = None
    date: Day | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""


class Variant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What another source says of the same field."""

    value: Any
    sources: tuple[str, ...] = msgspec.field(name="from")
    note: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A fact with its provenance. Fields of the subclasses are plain values, so that hot code reads floats.

    `theirs` is the user's file that this record comes from, empty for ours. Where the user only overrides some
    fields of a record of ours, `overridden` names them.
    """

    # Fields that say on what basis or in which year another was read: they share that one's origin.
    BESIDE: ClassVar[dict[str, str]] = {}

    id: str
    sources: tuple[str, ...] = msgspec.field(name="from")
    confidence: Confidence
    date: Day | None = None
    aliases: tuple[str, ...] = ()
    also: dict[str, tuple[Variant, ...]] = {}
    notes: str = ""
    exceptions: dict[str, Origin] = {}
    theirs: str = ""
    overridden: tuple[str, ...] = ()

    def origin(self, field: str) -> Origin:
        """Sources, confidence and date of one field, the record's own where the field has none.

        A value marked unverified in place rests on memory unless it names a source: it does not borrow the
        record's.
        """
        own = self.exceptions.get(field) or self.exceptions.get(self.BESIDE.get(field, "")) or Origin()
        inherited = (MEMORY,) if own.confidence == "unverified" else self.sources
        return Origin(
            sources=own.sources or inherited,
            confidence=own.confidence or self.confidence,
            date=own.date or self.date,
            low=own.low,
            high=own.high,
            note=own.note,
        )

    def cites(self) -> frozenset[str]:
        """The keys of every source that the record, one of its values or another's version of it, names."""
        own = {key for one in self.exceptions.values() for key in one.sources}
        others = {key for versions in self.also.values() for one in versions for key in one.sources}
        return frozenset({*self.sources, *own, *others})

    def is_theirs(self, field: str) -> bool:
        """Whether the value of `field` is the user's own."""
        return bool(self.theirs) and (not self.overridden or field in self.overridden)


PROVENANCE_FIELDS = frozenset(Record.__struct_fields__)


@functools.cache
def units(record: type[Record]) -> dict[str, str]:
    """The unit of every numeric field of a kind: stated by its type, else by the suffix of its name.

    An empty text is a field without a unit, which `facts check` refuses.
    """
    found: dict[str, str] = {}
    info = msgspec.inspect.type_info(record)
    assert isinstance(info, msgspec.inspect.StructType)  # noqa: S101 - narrows the type of a struct's description
    for field in info.fields:
        kinds = field.type.types if isinstance(field.type, msgspec.inspect.UnionType) else (field.type,)
        stated = [one for one in kinds if isinstance(one, msgspec.inspect.Metadata)]
        bare = [one.type if isinstance(one, msgspec.inspect.Metadata) else one for one in kinds]
        if any(isinstance(one, msgspec.inspect.FloatType) for one in bare):
            extra = next((one.extra for one in stated if one.extra), {}) or {}
            found[field.name] = str(extra.get("unit", "")) or unit_of(field.name)
    return found


@functools.cache
def day_fields(record: type[Record]) -> tuple[str, ...]:
    """The fields of a kind that hold dates."""
    info = msgspec.inspect.type_info(record)
    assert isinstance(info, msgspec.inspect.StructType)  # noqa: S101 - narrows the type of a struct's description
    return tuple(
        field.name
        for field in info.fields
        for one in (field.type.types if isinstance(field.type, msgspec.inspect.UnionType) else (field.type,))
        if isinstance(one, msgspec.inspect.StrType) and (one.pattern or "").startswith(r"^\d{4}")
    )
