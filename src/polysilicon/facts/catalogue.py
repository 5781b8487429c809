"""The catalogue as commands see it: typed records by name, each value with its origin."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from polysilicon.facts.index import INDEX, Packed, names_of
from polysilicon.facts.kinds import KINDS, Kind
from polysilicon.facts.record import Record, Source
from polysilicon.records.errors import InputError
from polysilicon.records.names import resolve

if TYPE_CHECKING:  # reading YAML costs more than everything a command without a file of its own needs
    from polysilicon.records.document import Document, Key

Fact = TypeVar("Fact", bound=Record)

_KIND_OF: dict[type[Record], Kind] = {kind.record: kind for kind in KINDS.values()}


class Catalogue:
    """Records by kind and id, unpacked on first use. `hash` names this very content, the user's file included."""

    def __init__(self, shipped: Packed, theirs: dict[str, dict[str, Record]], own: dict[str, Source], content: str):
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
            self._ids[kind] = sorted(self._shipped.table(kind).keys() | self._theirs.get(kind, {}).keys())
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

    def overlaid(self, document: "Document", key: "Key" = ()) -> "Catalogue":
        """This catalogue with the user's records laid over it.

        The document has one table a kind, `{chips: {id: {field: value}}}`, and may have a table `sources`. A
        record whose id the catalogue knows overrides only the fields it names; a new id must be whole. Each is
        marked as theirs; what names no source is the user's own.

        Raises:
            InputError: an unknown kind, or a record that breaks its schema.
        """
        import hashlib

        import msgspec

        from polysilicon.facts.overlay import read_theirs

        records, sources = read_theirs(document, key, self._record, self.ids, self.sources())
        theirs = {kind: self._theirs.get(kind, {}) | records.get(kind, {}) for kind in KINDS}
        said = functools.reduce(lambda part, step: part[step], key, document.data)
        digest = hashlib.sha256(self.hash.encode() + msgspec.json.encode(said, order="sorted"))
        return Catalogue(self._shipped, theirs, self._own_sources | sources, digest.hexdigest()[:16])

    def _record(self, kind: str, name: str) -> Record | None:
        return self._theirs.get(kind, {}).get(name) or self._shipped.record(kind, name)


def load(facts: Path | None = None) -> Catalogue:
    """The catalogue, with the user's file laid over it where one is given.

    Raises:
        InputError: the user's file can't be read or breaks the schema.
    """
    catalogue = _load_shipped()
    if facts is None:
        return catalogue
    from polysilicon.records.document import read_yaml

    return catalogue.overlaid(read_yaml(facts))


def stated(record: Record, field: str) -> Any:
    """A value that nothing can be worked out without.

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
    return value


def require(record: Record, field: str) -> float:
    """A number that a formula can't do without.

    Raises:
        InputError: no source gives it; the message says how the user can.
    """
    return float(stated(record, field))


@functools.cache
def _load_shipped() -> Catalogue:
    shipped = Packed(INDEX.read_bytes())
    return Catalogue(shipped, {}, {}, shipped.index.hash)


__all__ = ["Catalogue", "load", "require", "stated"]
