"""What the catalogue says, as tables: a kind's records in short, and one record value by value with its origin."""

from typing import Any

import msgspec

from polysilicon.facts.catalogue import Catalogue
from polysilicon.facts.hardware import Chip, System
from polysilicon.facts.kinds import KINDS, Kind
from polysilicon.facts.places import Region
from polysilicon.facts.porting import PortRule, PortTarget
from polysilicon.facts.record import PROVENANCE_FIELDS, Origin, Record, units
from polysilicon.records.errors import AmbiguousName, UnknownName
from polysilicon.records.names import nearest, plain
from polysilicon.records.table import Table

# What a list shows of a kind; the others show their first fields.
_COLUMNS: dict[type[Record], tuple[str, ...]] = {
    Chip: ("name", "vendor_country", "status", "bf16_tflops", "memory_gb", "memory_bw_gbs", "tdp_w"),
    System: ("name", "vendor_country", "status", "chip_id", "chips", "power_kw"),
    PortRule: ("what", "fix", "band"),
    PortTarget: ("name", "targets", "stack", "device", "plugin"),
    Region: ("name", "country", "carbon_intensity_g_per_kwh", "electricity_usd_per_kwh", "typical_pue"),
}
_FIRST_FIELDS = 5


def list_kinds(catalogue: Catalogue) -> Table:
    """How many records each kind has, and how many rest on a user's file."""
    every = {kind.name: catalogue.every(kind.record) for kind in KINDS.values()}
    return Table(
        "The catalogue",
        {
            "kind": list(every),
            "records": [len(records) for records in every.values()],
            "yours": [sum(bool(one.theirs) for one in records) for records in every.values()],
        },
        notes=(f"catalogue {catalogue.hash}",),
    )


def list_records(catalogue: Catalogue, kind: str, text: str = "") -> Table:
    """The records of a kind (`chip` or `chips`), those only that have `text` in an id, a name or a value.

    Raises:
        UnknownName: there is no such kind.
    """
    found = kind_called(kind)
    records = [one for one in catalogue.every(found.record) if not text or _mentions(one, text)]
    fields = _COLUMNS.get(found.record) or _own_fields(found)[:_FIRST_FIELDS]
    columns: dict[str, list[Any]] = {"id": [one.id for one in records]}
    for field in fields:
        columns[field] = [_shown(getattr(one, field)) for one in records]
    columns["confidence"] = [one.confidence for one in records]
    if any(one.theirs for one in records):
        columns["yours"] = ["yours" if one.theirs else "" for one in records]
    return Table(f"{len(records)} of {len(catalogue.ids(found.record))} in {found.folder}", columns, _units(found))


def show(catalogue: Catalogue, name: str, kind: str | None = None) -> Table:
    """Every value of the record called `name`, with unit, confidence, sources, date and what others say instead.

    Sources are numbered; the table's notes spell out each number. What no source said is in the notes too: values
    that are unknown, and those that are the kind's default.

    Raises:
        UnknownName: no record is called so.
        AmbiguousName: several are, or records of several kinds.
    """
    record, found = _find(catalogue, name, kind)
    unknown = [field for field in _own_fields(found) if _is_empty(getattr(record, field))]
    unsaid = [field for field in _own_fields(found) if field not in unknown and _is_default(record, field)]
    fields = [field for field in _own_fields(found) if field not in (*unknown, *unsaid)]
    origins = [record.origin(field) for field in fields]
    numbers = _numbered(record, origins)
    own_unit = str(getattr(record, "unit", "") or "")
    columns: dict[str, list[Any]] = {
        "field": fields,
        "value": [_shown(getattr(record, field)) for field in fields],
        "unit": [own_unit if _has_own_unit(found, field) else units(found.record).get(field, "") for field in fields],
        "confidence": [origin.confidence for origin in origins],
        "sources": [_ranged([numbers[key] for key in origin.sources]) for origin in origins],
        "date": [origin.date or "" for origin in origins],
        "others": [_others(record, field, origin, numbers) for field, origin in zip(fields, origins, strict=True)],
    }
    if record.theirs:
        columns["yours"] = ["yours" if record.is_theirs(field) else "" for field in fields]
    remarks = {
        "also called": ", ".join(record.aliases),
        "yours": record.theirs,
        "in no source read": ", ".join(unknown),
        "the kind's default": ", ".join(f"{field} {_plainly(getattr(record, field))}" for field in unsaid),
        "notes": record.notes,
    }
    notes = [f"{what}: {text}" for what, text in remarks.items() if text]
    return Table(f"{found.name} {record.id}", columns, notes=(*notes, *_citations(catalogue, numbers)))


def kind_called(name: str) -> Kind:
    """The kind with that name or folder.

    Raises:
        UnknownName: there is none.
    """
    called = {kind.name: kind for kind in KINDS.values()} | {kind.folder: kind for kind in KINDS.values()}
    if name not in called:
        raise UnknownName(f"unknown kind of fact {name!r}", allowed=sorted(KINDS), nearest=nearest(name, called, 1))
    return called[name]


def _find(catalogue: Catalogue, name: str, kind: str | None) -> tuple[Record, Kind]:
    if kind is not None:
        found = kind_called(kind)
        return catalogue.get(found.record, name), found
    hits = [(catalogue.get(one.record, name), one) for one in KINDS.values() if _answers(catalogue, one, name)]
    for found in (KINDS["chip"], KINDS["system"], KINDS["region"], KINDS["model"]) if not hits else ():
        try:
            hits.append((catalogue.get(found.record, name), found))
        except UnknownName:
            continue
    if len(hits) == 1:
        return hits[0]
    if hits:
        names = [f"{found.name} {record.id}" for record, found in hits]
        raise AmbiguousName(f"{name!r} is a record of several kinds", allowed=names, remedy="say which with --kind")
    every = [one for found in KINDS.values() for one in (*catalogue.ids(found.record), *catalogue.names(found.record))]
    raise UnknownName(f"unknown record {name!r}", nearest=nearest(name, every))


def _answers(catalogue: Catalogue, kind: Kind, name: str) -> bool:
    """Whether a record of that kind has this very id or name, whatever its case and punctuation."""
    return plain(name) in {plain(one) for one in (*catalogue.ids(kind.record), *catalogue.names(kind.record))}


def _own_fields(kind: Kind) -> list[str]:
    return [field for field in kind.record.__struct_fields__ if field not in PROVENANCE_FIELDS]


def _is_empty(value: Any) -> bool:
    """Whether a value says nothing: unknown, or a part with every one of its own fields unknown."""
    if isinstance(value, msgspec.Struct):
        return all(_is_empty(getattr(value, field)) for field in value.__struct_fields__)
    return value in (None, "", "unknown", (), {})


def _is_default(record: Record, field: str) -> bool:
    """Whether a value is what every record of the kind has until a source says otherwise: no source said it."""
    default = next(one.default for one in msgspec.structs.fields(record) if one.name == field)
    return default is not msgspec.NODEFAULT and getattr(record, field) == default


def _units(kind: Kind) -> dict[str, str]:
    return {
        field: unit for field, unit in units(kind.record).items() if unit not in ("ratio", "count", "the row's own")
    }


def _has_own_unit(kind: Kind, field: str) -> bool:
    return units(kind.record).get(field) == "the row's own"


def _mentions(record: Record, text: str) -> bool:
    wanted = plain(text)
    own = (getattr(record, field) for field in record.__struct_fields__ if field not in PROVENANCE_FIELDS)
    words = (record.id, *record.aliases, *(one for one in own if isinstance(one, str)))
    return any(wanted in plain(one) for one in words)


def _shown(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value


def _plainly(value: Any) -> str:
    """`0` for 0.0 and `no` for False, in running text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _others(record: Record, field: str, origin: Origin, numbers: dict[str, int]) -> str:
    """The range that the source gives, the values of others, and the remark on this one."""
    said = [f"{origin.low} to {origin.high}"] if origin.low is not None or origin.high is not None else []
    for one in record.also.get(field, ()):
        remark = f", {one.note}" if one.note else ""
        said.append(f"{one.value} {_ranged([numbers[key] for key in one.sources])}{remark}")
    return "; ".join([*said, origin.note] if origin.note else said)


def _numbered(record: Record, origins: list[Origin]) -> dict[str, int]:
    """Each source of the record's values and of their alternatives, numbered as they first come."""
    cited = [key for origin in origins for key in origin.sources]
    cited += [key for several in record.also.values() for one in several for key in one.sources]
    return {key: at for at, key in enumerate(dict.fromkeys(cited), start=1)}


def _ranged(numbers: list[int]) -> str:
    """`[1, 2, 3, 7]` as `[1-3, 7]`."""
    runs: list[list[int]] = []
    for one in sorted(numbers):
        if runs and one == runs[-1][-1] + 1:
            runs[-1].append(one)
        else:
            runs.append([one])
    return f"[{', '.join(str(run[0]) if len(run) == 1 else f'{run[0]}-{run[-1]}' for run in runs)}]"


def _citations(catalogue: Catalogue, numbers: dict[str, int]) -> list[str]:
    """A line for every numbered publication: key, title, publisher, address, day read."""
    lines = []
    for key, number in numbers.items():
        source = catalogue.source(key)
        parts = (source.title, source.publisher, source.url, f"read {source.read}" if source.read else None)
        lines.append(f"[{number}] {key}: {', '.join(part for part in parts if part)}")
    return lines
