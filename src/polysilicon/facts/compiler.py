"""From the reviewed files in `data/` to the index that commands read: validate, pack, hash."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from polysilicon.facts.kinds import KINDS, Kind
from polysilicon.facts.record import PROVENANCE_FIELDS, Record, Source
from polysilicon.records import files
from polysilicon.records.document import Document, convert, explain_mismatch, read_csv, read_yaml
from polysilicon.records.errors import InputError, Place

DATA = Path(__file__).parent / "data"
INDEX = Path(__file__).parent / "index.msgpack"


class Index(msgspec.Struct, frozen=True):
    """What `index.msgpack` holds: every record still packed, so that a command unpacks only what it needs."""

    hash: str
    sources: dict[str, Source]
    kinds: dict[str, dict[str, msgspec.Raw]]
    aliases: dict[str, dict[str, str]]


def build(data: Path = DATA, index: Path = INDEX) -> str:
    """Compile `data` into `index` and return its hash.

    Raises:
        InputError: a record breaks its schema, names an unknown source, or an id stands twice.
    """
    packed = compile_folder(data)
    files.write(index, msgspec.msgpack.encode(packed))
    return packed.hash


def compile_folder(data: Path) -> Index:
    """Every kind below `data`, validated and packed."""
    sources = read_sources(data / "sources")
    kinds: dict[str, dict[str, msgspec.Raw]] = {}
    aliases: dict[str, dict[str, str]] = {}
    for kind in KINDS.values():
        packed: dict[str, msgspec.Raw] = {}
        names: dict[str, str] = {}
        for record, place in read_kind(kind, data / kind.folder):
            if record.id in packed:
                raise InputError(f"the id {record.id!r} stands twice", place=place)
            check_sources(record, sources, place)
            packed[record.id] = msgspec.Raw(msgspec.msgpack.encode(record))
            names |= dict.fromkeys(record.aliases, record.id)
        kinds[kind.name], aliases[kind.name] = packed, names
    return Index(content_hash(data), sources, kinds, aliases)


def content_hash(data: Path) -> str:
    """A digest of every reviewed file: two catalogues with one hash give the same answers."""
    digest = hashlib.sha256()
    reviewed = [one for kind in KINDS.values() for one in kind.files(data / kind.folder)]
    for path in sorted([*reviewed, *(data / "sources").glob("*.yaml")]):
        digest.update(path.relative_to(data).as_posix().encode() + b"\0")
        digest.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()[:16]


def read_sources(folder: Path) -> dict[str, Source]:
    """The publications by key; one file a subject, each key once among them all."""
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


def read_records(kind: Kind, document: Document, key: tuple[str | int, ...] = ()) -> Iterator[tuple[Record, Place]]:
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
        plain = {"id": name, **unfold(kind, fields)}
        try:
            yield msgspec.convert(plain, kind.record), place
        except msgspec.ValidationError as cause:
            raise explain_mismatch(document, kind.record, (*key, name), str(cause)) from cause


def unfold(kind: Kind, fields: dict[str, Any]) -> dict[str, Any]:
    """`tdp_w: {value: 700, confidence: unverified}` becomes a plain value and an exception of the record."""
    plain: dict[str, Any] = {}
    exceptions: dict[str, Any] = {}
    for name, value in fields.items():
        if name not in PROVENANCE_FIELDS and isinstance(value, dict) and "value" in value and name not in kind.nested:
            exceptions[name] = {inner: what for inner, what in value.items() if inner != "value"}
            plain[name] = value["value"]
        else:
            plain[name] = value
    if exceptions:
        plain["exceptions"] = exceptions
    return plain


def _read_rows(kind: Kind, path: Path) -> Iterator[tuple[Record, Place]]:
    """CSV rows: empty cells are absent; `from` and `unverified` are lists split at `;`.

    The column `unverified` names the columns of that row which rest on memory alone.
    """
    for line, row in read_csv(path):
        cells: dict[str, Any] = {name: text for name, text in row.items() if text != ""}
        cells["from"] = [one.strip() for one in cells.get("from", "").split(";") if one.strip()]
        doubted = [one.strip() for one in cells.pop("unverified", "").split(";") if one.strip()]
        cells["exceptions"] = {one: {"confidence": "unverified"} for one in doubted}
        try:
            yield msgspec.convert(cells, kind.record, strict=False), Place(str(path), line)
        except msgspec.ValidationError as cause:
            lines = Document(str(path), cells, {(): line})
            raise explain_mismatch(lines, kind.record, (), str(cause)) from cause


def check_sources(record: Record, sources: dict[str, Source], place: Place) -> None:
    """Every key a record cites stands in `data/sources/`, and it cites at least one.

    Raises:
        InputError: otherwise.
    """
    if not record.sources:
        raise InputError("cites no source", place=place, remedy="name a key of data/sources/ under `from`")
    cited = [*record.sources]
    for origin in record.exceptions.values():
        cited += origin.sources
    for variants in record.also.values():
        for variant in variants:
            cited += [variant.sources] if isinstance(variant.sources, str) else variant.sources
    for key in cited:
        if key not in sources:
            raise InputError(f"cites {key!r}, which data/sources/ does not have", place=place)
