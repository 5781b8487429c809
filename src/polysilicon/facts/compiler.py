"""From the reviewed files in `data/` to the index that commands read: validate, pack, hash."""

import hashlib
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from polysilicon.facts.efficiency import Fit
from polysilicon.facts.index import DATA, INDEX, Index, names_of
from polysilicon.facts.kinds import KINDS, Kind
from polysilicon.facts.money import Assumption
from polysilicon.facts.porting import CHIP_COLUMNS, LINES, SHAPES, SYNTAX, PortRule, PortTarget
from polysilicon.facts.record import MEMORY, PROVENANCE_FIELDS, Origin, Record, Source, day_fields, units
from polysilicon.records import files
from polysilicon.records.dates import day
from polysilicon.records.document import Document, Key, convert, explain_mismatch, read_csv, read_yaml
from polysilicon.records.errors import InputError, Place
from polysilicon.records.names import nearest

# Assumptions about the work of a port: lines, days and shares.
OF_PORTING = "port-"


def build(data: Path = DATA, index: Path = INDEX) -> str:
    """Compile `data` into `index` and return its hash.

    Raises:
        InputError: a record breaks its schema, names an unknown source, or a name stands twice.
    """
    packed = compile_folder(data)
    files.write(index, msgspec.msgpack.encode(packed))
    return packed.hash


def compile_folder(data: Path) -> Index:
    """Every kind below `data`, validated and packed.

    Raises:
        InputError: as `build`.
    """
    sources = read_sources(data / "sources")
    kinds: dict[str, msgspec.Raw] = {}
    aliases: dict[str, dict[str, str]] = {}
    for kind in KINDS.values():
        records: dict[str, Record] = {}
        names: dict[str, str] = {}
        for record, place in read_kind(kind, data / kind.folder):
            if record.id in records:
                raise InputError(f"the id {record.id!r} stands twice", place=place)
            check_sources(record, sources, place)
            records[record.id] = record
            for name in names_of(record):
                if names.setdefault(name, record.id) != record.id:
                    raise InputError(f"the name {name!r} is {names[name]!r}'s too", place=place)
        packed = {name: msgspec.Raw(msgspec.msgpack.encode(record)) for name, record in records.items()}
        kinds[kind.name], aliases[kind.name] = msgspec.Raw(msgspec.msgpack.encode(packed)), names
    return Index(content_hash(data), msgspec.Raw(msgspec.msgpack.encode(sources)), kinds, aliases)


def content_hash(data: Path) -> str:
    """A digest of every reviewed file: two catalogues with one hash give the same answers."""
    digest = hashlib.sha256()
    reviewed = [one for kind in KINDS.values() for one in kind.files(data / kind.folder)]
    for path in sorted([*reviewed, *(data / "sources").glob("*.yaml")]):
        digest.update(path.relative_to(data).as_posix().encode() + b"\0")
        digest.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()[:16]


def read_sources(folder: Path) -> dict[str, Source]:
    """The publications by key; one file a subject, each key once among them all.

    Raises:
        InputError: a file breaks the schema, or a key stands in two files.
    """
    sources: dict[str, Source] = {}
    for path in sorted(folder.glob("*.yaml")):
        document = read_yaml(path)
        for key in document.data:
            if key in sources:
                raise InputError("is a source of another file too", place=document.place((key,)))
            sources[key] = msgspec.structs.replace(convert(document, Source, (key,)), key=key)
    return sources


def read_kind(kind: Kind, folder: Path) -> Iterator[tuple[Record, Place]]:
    """Every record of one kind with the place it stood."""
    for path in kind.files(folder):
        if path.suffix == ".csv":
            yield from _read_rows(kind, path)
        else:
            yield from read_records(kind, read_yaml(path))


def read_records(kind: Kind, document: Document, key: Key = ()) -> Iterator[tuple[Record, Place]]:
    """The records that stand under `key` of a YAML document, as `{id: {field: value}}`."""
    table = document.data
    for step in key:
        table = table[step]
    if not isinstance(table, dict):
        raise InputError("must be a table of records by id", place=document.place(key), found=table)
    for name, fields in table.items():
        place = document.place((*key, name))
        if not isinstance(fields, dict):
            raise InputError("must be a table of fields", place=place, found=fields)
        yield to_record(kind, {"id": name, **unfold(kind, fields)}, document, (*key, name)), place


def to_record(kind: Kind, plain: dict[str, Any], document: Document, key: Key) -> Record:
    """`plain`, which stood under `key` of `document`, as a record of its kind.

    Raises:
        InputError: it breaks the schema, with the line and what is allowed.
    """
    for field, stated in plain.get("exceptions", {}).items():
        try:
            msgspec.convert(stated, Origin)
        except msgspec.ValidationError as cause:
            raise explain_mismatch(document, Origin, (*key, field), str(cause), stated) from cause
    try:
        record = msgspec.convert(plain, kind.record)
    except msgspec.ValidationError as cause:
        raise explain_mismatch(document, kind.record, key, str(cause), plain) from cause
    _check_values(record, lambda *field: document.place((*key, *field)))
    return record


def unfold(kind: Kind, fields: dict[str, Any]) -> dict[str, Any]:
    """`tdp_w: {value: 700, confidence: unverified}` becomes a plain value and an exception of the record."""
    plain: dict[str, Any] = {}
    exceptions: dict[str, Any] = {}
    for name, value in fields.items():
        if name not in PROVENANCE_FIELDS and isinstance(value, dict) and "value" in value and name not in kind.nested:
            exceptions[name] = {inner: _listed(inner, what) for inner, what in value.items() if inner != "value"}
            plain[name] = value["value"]
        else:
            plain[name] = _listed(name, value)
    if exceptions:
        plain["exceptions"] = exceptions
    for variants in plain["also"].values() if isinstance(plain.get("also"), dict) else ():
        for variant in variants if isinstance(variants, list) else ():
            if isinstance(variant, dict) and isinstance(variant.get("from"), str):
                variant["from"] = [variant["from"]]
    return plain


def _listed(name: str, value: Any) -> Any:
    """One source may be written without brackets."""
    return [value] if name == "from" and isinstance(value, str) else value


def _read_rows(kind: Kind, path: Path) -> Iterator[tuple[Record, Place]]:
    """CSV rows: empty cells are absent; `from`, `aliases` and `unverified` are lists split at `;`.

    The column `unverified` names the columns of that row which rest on memory alone.
    """
    for line, row in read_csv(path):
        place = Place(str(path), line)
        cells: dict[str, Any] = {name: text for name, text in row.items() if text != ""}
        for name in ("from", "aliases"):
            cells[name] = _split(cells.pop(name, ""))
        doubted = _split(cells.pop("unverified", ""))
        for name in doubted:
            if name not in row:
                raise InputError(
                    f"{name!r} is no column of this file",
                    place=Place(place.file, line, "unverified"),
                    nearest=nearest(name, row, 1),
                )
        cells["exceptions"] = {one: {"confidence": "unverified"} for one in doubted}
        try:
            record = msgspec.convert(cells, kind.record, strict=False)
        except msgspec.ValidationError as cause:
            raise explain_mismatch(Document(str(path), cells, {(): line}), kind.record, (), str(cause)) from cause
        _check_values(record, lambda *field, at=line: Place(str(path), at, ".".join(field)))
        yield record, place


def _split(cell: str) -> list[str]:
    return [one.strip() for one in cell.split(";") if one.strip()]


def _check_values(record: Record, place: Callable[..., Place]) -> None:
    """What a type can't say: a date the calendar has, a number that is one, an expression that can be matched."""
    for field in day_fields(type(record)):
        text = getattr(record, field)
        if text is not None:
            try:
                day(f"{text}-01-01"[:10] if len(text) == 4 else f"{text}-01"[:10])
            except InputError as cause:
                raise InputError("not a date of the calendar", place=place(field), found=text) from cause
    for field in units(type(record)):
        value = getattr(record, field)
        if value is not None and not math.isfinite(value):
            raise InputError("must be a finite number", place=place(field), found=value)
        beside = record if field == "value" else record.exceptions.get(field)
        low, high = getattr(beside, "low", None), getattr(beside, "high", None)
        if value is not None and not (value if low is None else low) <= value <= (value if high is None else high):
            raise InputError(
                "lies outside its own range", place=place(field), found=f"{value:g}, low {low}, high {high}"
            )
    if isinstance(record, Fit):
        _check_fit(record, place)
    if isinstance(record, PortRule):
        _check_rule(record, place)
    for chip, column in record.chips.items() if isinstance(record, PortTarget) else ():
        if column not in CHIP_COLUMNS:
            raise _none_of(CHIP_COLUMNS, column, "no support table has that column", place("chips", chip))
    if isinstance(record, Assumption) and record.id.startswith(OF_PORTING):
        for field in ("value", "low", "high"):
            if (getattr(record, field) or 0) < 0:
                raise InputError("nothing of a port is negative", place=place(field), found=getattr(record, field))


def _check_fit(fit: Fit, place: Callable[..., Place]) -> None:
    """That every parameter is a number, and the interval has a lower and an upper end."""
    for name, value in fit.parameters.items():
        if not math.isfinite(value):
            raise InputError("must be a finite number", place=place("parameters", name), found=value)
    low, high = fit.low_ratio, fit.high_ratio
    if low is not None and high is not None and low > high:
        raise InputError("lies above high_ratio", place=place("low_ratio"), found=low, allowed=f"at most {high:g}")


def _check_rule(rule: PortRule, place: Callable[..., Place]) -> None:
    """That somebody reads every pattern of a rule, and can."""
    for field, known in (("python", SYNTAX), ("lines", LINES)):
        for name in getattr(rule, field):
            if name not in known:
                raise _none_of(known, name, "no reader has patterns of that kind", place(field, name))
    for shape in rule.python.get("shapes", ()):
        if shape not in SHAPES:
            raise _none_of(SHAPES, shape, "no reader knows that shape", place("python", "shapes"))
    if "company" in rule.python and "words" not in rule.python:
        raise InputError("is said of words, and the rule has none", place=place("python", "company"))
    for kind, texts in rule.lines.items():
        for text in texts:
            try:
                re.compile(text)
            except re.error as cause:
                raise InputError(
                    f"not a regular expression: {cause}", place=place("lines", kind), found=text
                ) from cause


def _none_of(known: Sequence[str], found: str, problem: str, place: Place) -> InputError:
    return InputError(problem, place=place, found=found, allowed=known, nearest=nearest(found, known, 1))


def check_sources(record: Record, sources: Mapping[str, Source], place: Place) -> None:
    """Every key a record cites stands in `data/sources/`, and it cites at least one.

    Raises:
        InputError: otherwise.
    """
    if not record.sources:
        raise InputError("cites no source", place=place, remedy="name a key of data/sources/ under `from`")
    for key in sorted(cited_by(record)):
        if key not in sources:
            raise InputError(
                f"cites {key!r}, which data/sources/ does not have", place=place, nearest=nearest(key, sources)
            )


def cited_by(record: Record) -> set[str]:
    """Every source that a record names, for itself, for one value, or for what others say instead."""
    cited = set(record.sources)
    for origin in record.exceptions.values():
        cited.update(origin.sources or ((MEMORY,) if origin.confidence == "unverified" else ()))
    for variants in record.also.values():
        for variant in variants:
            cited.update(variant.sources)
    return cited
