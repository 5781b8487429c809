"""The catalogue as commands see it: typed records by name, each value with its origin."""

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from polysilicon.facts.compiler import INDEX, Index, check_sources, names_of, to_record, unfold
from polysilicon.facts.kinds import KINDS, Kind
from polysilicon.facts.record import PROVENANCE_FIELDS, USER, Record, Source
from polysilicon.records.document import Document, Key, convert, read_yaml
from polysilicon.records.errors import InputError, UnknownName
from polysilicon.records.names import nearest, resolve

Fact = TypeVar("Fact", bound=Record)

_KIND_OF: dict[type[Record], Kind] = {kind.record: kind for kind in KINDS.values()}


class Catalogue:
    """Records by kind and id, unpacked on first use. `hash` names this very content, the user's file included."""

    def __init__(self, shipped: "_Shipped", theirs: dict[str, dict[str, Record]], own: dict[str, Source], content: str):
        self._shipped = shipped
        self._theirs = theirs
        self._own_sources = own
        self._ids: dict[str, list[str]] = {}
        self.hash = content

    def get(self, record: type[Fact], name: str) -> Fact:
        """The record of that kind meant by `name` (id, name, alias or unique short name).

        Raises:
            UnknownName: nothing is called so.
            AmbiguousName: several are.
        """
        kind = _KIND_OF[record].name
        found = self._record(kind, name)
        if found is None:
            found = self._record(kind, resolve(name, self.ids(record), self.names(record), kind))
        assert isinstance(found, record)  # noqa: S101 - narrows the type; the index was packed from this schema
        return found

    def ids(self, record: type[Record]) -> list[str]:
        """Every id of a kind, sorted."""
        kind = _KIND_OF[record].name
        if kind not in self._ids:
            self._ids[kind] = sorted(self._shipped.packed(kind).keys() | self._theirs.get(kind, {}).keys())
        return self._ids[kind]

    def names(self, record: type[Record]) -> dict[str, str]:
        """Every other name of a kind's records, with the id it means."""
        kind = _KIND_OF[record].name
        own = {name: one.id for one in self._theirs.get(kind, {}).values() for name in names_of(one)}
        return self._shipped.index.aliases.get(kind, {}) | own

    def every(self, record: type[Fact]) -> list[Fact]:
        """Every record of a kind, by id."""
        return [self.get(record, one) for one in self.ids(record)]

    def source(self, key: str) -> Source:
        """The publication behind a key."""
        return self._own_sources[key] if key in self._own_sources else self._shipped.sources[key]

    def sources(self) -> dict[str, Source]:
        """Every publication by key."""
        return self._shipped.sources | self._own_sources

    def overlaid(self, document: Document, key: Key = ()) -> "Catalogue":
        """This catalogue with the user's records laid over it.

        The document has one table a kind, `{chips: {id: {field: value}}}`, and may have a table `sources`. A
        record whose id the catalogue knows overrides only the fields it names; a new id must be whole. Each is
        marked as theirs; what names no source is the user's own.

        Raises:
            InputError: an unknown kind, or a record that breaks its schema.
        """
        tables = document.data
        for step in key:
            tables = tables[step]
        if not isinstance(tables, dict):
            raise InputError("must be tables of records by kind", place=document.place(key), found=tables)
        own = self._own_sources | {USER: Source(key=USER, title=document.file, publisher="you", url=None, read=None)}
        for name in _rows(document, (*key, "sources"), tables.get("sources", {})):
            own[name] = msgspec.structs.replace(convert(document, Source, (*key, "sources", name)), key=name)
        by_folder = {kind.folder: kind for kind in KINDS.values()}
        theirs = {kind: dict(records) for kind, records in self._theirs.items()}
        for folder, table in tables.items():
            if folder == "sources":
                continue
            if folder not in by_folder:
                raise UnknownName(
                    f"unknown kind of fact {folder!r}",
                    place=document.place((*key, folder)),
                    allowed=[*sorted(by_folder), "sources"],
                    nearest=nearest(folder, by_folder, 1),
                )
            kind = by_folder[folder]
            for name, fields in _rows(document, (*key, folder), table).items():
                record = self._laid_over(kind, name, fields, document, (*key, folder, name))
                check_sources(record, self._shipped.sources | own, document.place((*key, folder, name)))
                theirs.setdefault(kind.name, {})[name] = record
        digest = hashlib.sha256(self.hash.encode() + msgspec.json.encode(tables, order="sorted"))
        return Catalogue(self._shipped, theirs, own, digest.hexdigest()[:16])

    def _laid_over(self, kind: Kind, name: str, fields: dict[str, Any], document: Document, key: Key) -> Record:
        """The user's record: whole where the id is new, else ours with the fields they name."""
        said = unfold(kind, {field: value for field, value in fields.items() if field not in ("theirs", "overridden")})
        origin = {"from": said.pop("from", [USER]), "confidence": said.pop("confidence", "estimate")}
        ours = self._record(kind.name, name)
        if ours is None:
            return to_record(kind, {"id": name, **origin, **said, "theirs": document.file}, document, key)
        overridden = [field for field in said if field not in PROVENANCE_FIELDS]
        plain = msgspec.to_builtins(ours)
        exceptions = plain.get("exceptions", {}) | {one: origin for one in overridden}
        for field, stated in said.pop("exceptions", {}).items():
            exceptions[field] = origin | stated
        kept = {
            "exceptions": exceptions,
            "aliases": [*plain.get("aliases", ()), *said.pop("aliases", ())],
            "theirs": document.file,
            "overridden": [*plain.get("overridden", ()), *overridden],
        }
        if ours.theirs and not ours.overridden:
            kept["overridden"] = []
        return to_record(kind, {**plain, **said, **kept}, document, key)

    def _record(self, kind: str, name: str) -> Record | None:
        return self._theirs.get(kind, {}).get(name) or self._shipped.record(kind, name)


class _Shipped:
    """The index that ships, each kind's table and each record unpacked on first use."""

    def __init__(self, blob: bytes) -> None:
        self.index = msgspec.msgpack.decode(blob, type=Index)
        self._tables: dict[str, dict[str, msgspec.Raw]] = {}
        self._records: dict[tuple[str, str], Record] = {}

    @functools.cached_property
    def sources(self) -> dict[str, Source]:
        return msgspec.msgpack.decode(self.index.sources, type=dict[str, Source])

    def packed(self, kind: str) -> Mapping[str, msgspec.Raw]:
        if kind not in self._tables:
            raw = self.index.kinds.get(kind)
            self._tables[kind] = {} if raw is None else msgspec.msgpack.decode(raw, type=dict[str, msgspec.Raw])
        return self._tables[kind]

    def record(self, kind: str, name: str) -> Record | None:
        found = self._records.get((kind, name))
        if found is None and name in self.packed(kind):
            found = msgspec.msgpack.decode(self.packed(kind)[name], type=KINDS[kind].record)
            self._records[kind, name] = found
        return found


def load(facts: Path | None = None) -> Catalogue:
    """The catalogue, with the user's file laid over it where one is given.

    Raises:
        InputError: the user's file can't be read or breaks the schema.
    """
    catalogue = _load_shipped()
    return catalogue.overlaid(read_yaml(facts)) if facts else catalogue


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


@functools.cache
def _load_shipped() -> Catalogue:
    shipped = _Shipped(INDEX.read_bytes())
    return Catalogue(shipped, {}, {}, shipped.index.hash)


def _rows(document: Document, key: Key, table: Any) -> dict[str, dict[str, Any]]:
    """A table of tables, or a complaint on the line where it is not one."""
    if not isinstance(table, dict):
        raise InputError("must be a table of records by id", place=document.place(key), found=table)
    for name, fields in table.items():
        if not isinstance(fields, dict):
            raise InputError("must be a table of fields", place=document.place((*key, name)), found=fields)
    return table


__all__ = ["Catalogue", "load", "require"]
