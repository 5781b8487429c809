"""The catalogue as commands see it: typed records by name, each value with its origin."""

import functools
import hashlib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from polysilicon.facts.compiler import INDEX, Index, check_sources, read_records
from polysilicon.facts.kinds import KINDS, Kind
from polysilicon.facts.record import PROVENANCE_FIELDS, Record, Source
from polysilicon.records.document import Document, read_yaml
from polysilicon.records.errors import InputError, UnknownName
from polysilicon.records.names import nearest, resolve

Fact = TypeVar("Fact", bound=Record)

_KIND_OF: dict[type[Record], Kind] = {kind.record: kind for kind in KINDS.values()}


class Catalogue:
    """Records by kind and id, unpacked on first use. `hash` names this very content, the user's file included."""

    def __init__(self, index: Index, theirs: dict[str, dict[str, Record]], content: str) -> None:
        self._index = index
        self._theirs = theirs
        self._unpacked: dict[tuple[str, str], Record] = {}
        self.hash = content

    def get(self, record: type[Fact], name: str) -> Fact:
        """The record of that kind meant by `name` (id, alias or unique short name).

        Raises:
            UnknownName: nothing is called so.
            AmbiguousName: several are.
        """
        kind = _KIND_OF[record]
        return self._record(record, kind.name, resolve(name, self.ids(record), self._aliases(kind.name), kind.name))

    def ids(self, record: type[Record]) -> list[str]:
        """Every id of a kind, sorted."""
        kind = _KIND_OF[record].name
        return sorted(self._index.kinds.get(kind, {}).keys() | self._theirs.get(kind, {}).keys())

    def every(self, record: type[Fact]) -> list[Fact]:
        """Every record of a kind, by id."""
        return [self._record(record, _KIND_OF[record].name, one) for one in self.ids(record)]

    def source(self, key: str) -> Source:
        """The publication behind a key."""
        return self._index.sources[key]

    def sources(self) -> dict[str, Source]:
        """Every publication by key."""
        return dict(self._index.sources)

    def overlaid(self, document: Document, key: tuple[str | int, ...] = ()) -> "Catalogue":
        """This catalogue with the user's records laid over it.

        The document has one table a kind, `{chips: {id: {field: value}}}`. A record whose id the catalogue
        knows overrides only the fields it names; a new id must be whole. Each is marked as theirs.

        Raises:
            InputError: an unknown kind, or a record that breaks its schema.
        """
        tables = document.data
        for step in key:
            tables = tables[step]
        if not isinstance(tables, dict):
            raise InputError("must be tables of records by kind", place=document.place(key), found=tables)
        by_folder = {kind.folder: kind for kind in KINDS.values()}
        theirs = {kind: dict(records) for kind, records in self._theirs.items()}
        for folder in tables:
            if folder not in by_folder:
                raise UnknownName(
                    f"unknown kind of fact {folder!r}",
                    place=document.place((*key, folder)),
                    allowed=sorted(by_folder),
                    nearest=nearest(folder, by_folder, 1),
                )
            kind = by_folder[folder]
            merged = self._merged(document, (*key, folder), kind)
            for record, place in read_records(kind, merged, (*key, folder)):
                check_sources(record, self._index.sources | _USER_SOURCE, place)
                theirs.setdefault(kind.name, {})[record.id] = record
        digest = hashlib.sha256(self.hash.encode() + msgspec.json.encode(tables, order="sorted"))
        return Catalogue(self._index, theirs, digest.hexdigest()[:16])

    def _merged(self, document: Document, key: tuple[str | int, ...], kind: Kind) -> Document:
        """The user's table with the fields of known records filled in from ours."""
        table = functools.reduce(lambda part, step: part[step], key, document.data)
        whole: dict[str, Any] = {}
        for name, fields in table.items() if isinstance(table, dict) else ():
            if not isinstance(fields, dict):
                raise InputError("must be a table of fields", place=document.place((*key, name)), found=fields)
            ours: dict[str, Any] = {}
            if name in self.ids(kind.record):
                ours = msgspec.to_builtins(self._record(kind.record, kind.name, name))
                ours = {field: value for field, value in ours.items() if value is not None and field != "id"}
            own = {field for field in fields if field not in PROVENANCE_FIELDS}
            stated = {"from": fields.get("from", ["user"]), "confidence": fields.get("confidence", "estimate")}
            kept = {field: origin for field, origin in ours.get("exceptions", {}).items() if field not in own}
            said = {field: {**stated, "note": "the user's own value"} for field in own} if ours else {}
            whole[name] = {**stated, **ours, **fields, "theirs": document.file}
            if kept or said:
                whole[name]["exceptions"] = kept | said
            if ours:
                whole[name]["from"], whole[name]["confidence"] = ours["from"], ours["confidence"]
        nest: Any = whole
        for step in reversed(key):
            nest = {step: nest}
        return Document(document.file, nest, document.lines)

    def _record(self, record: type[Fact], kind: str, name: str) -> Fact:
        cached = self._theirs.get(kind, {}).get(name) or self._unpacked.get((kind, name))
        if cached is None:
            cached = msgspec.msgpack.decode(self._index.kinds[kind][name], type=record)
            self._unpacked[kind, name] = cached
        assert isinstance(cached, record)  # noqa: S101 - narrows the type; the index was packed from this schema
        return cached

    def _aliases(self, kind: str) -> dict[str, str]:
        own = {alias: one.id for one in self._theirs.get(kind, {}).values() for alias in one.aliases}
        return self._index.aliases.get(kind, {}) | own


_USER_SOURCE = {"user": Source(key="user", title="the user's own figure", publisher="the user", url=None, read="0000")}


def load(facts: Path | None = None) -> Catalogue:
    """The catalogue, with the user's file laid over it where one is given.

    Raises:
        InputError: the user's file can't be read or breaks the schema.
    """
    catalogue = _shipped()
    return catalogue.overlaid(read_yaml(facts)) if facts else catalogue


@functools.cache
def _shipped() -> Catalogue:
    index = msgspec.msgpack.decode(INDEX.read_bytes(), type=Index)
    return Catalogue(index, {}, index.hash)


def require(record: Record, field: str) -> float:
    """A number that a formula can't do without.

    Raises:
        InputError: no source gives it; the message says how the user can.
    """
    value = getattr(record, field)
    if value is None:
        kind = _KIND_OF[type(record)]
        raise InputError(
            f"{record.id}: {field} is unknown in every source read",
            remedy=f"give it yourself in a --facts file: {kind.folder}: {{{record.id}: {{{field}: ...}}}}",
        )
    return float(value)


__all__ = ["Catalogue", "load", "require"]
