"""The compiled index: what ships beside the code, each kind and each record still packed until it is asked for."""

import functools
from collections.abc import Mapping
from pathlib import Path

import msgspec

from polysilicon.facts.kinds import KINDS
from polysilicon.facts.record import Record, Source

DATA = Path(__file__).parent / "data"
INDEX = Path(__file__).parent / "index.msgpack"


class Index(msgspec.Struct, frozen=True):
    """The layout of `index.msgpack`: tables by kind, then by id, each a packed blob of its own."""

    hash: str
    sources: msgspec.Raw
    kinds: dict[str, msgspec.Raw]
    aliases: dict[str, dict[str, str]]


class Packed:
    """An index with its tables and records unpacked on first use."""

    def __init__(self, blob: bytes) -> None:
        self.index = msgspec.msgpack.decode(blob, type=Index)
        self._tables: dict[str, dict[str, msgspec.Raw]] = {}
        self._records: dict[tuple[str, str], Record] = {}

    @functools.cached_property
    def sources(self) -> dict[str, Source]:
        """Every publication by key."""
        return msgspec.msgpack.decode(self.index.sources, type=dict[str, Source])

    def table(self, kind: str) -> Mapping[str, msgspec.Raw]:
        """The packed records of a kind by id."""
        if kind not in self._tables:
            raw = self.index.kinds.get(kind)
            self._tables[kind] = {} if raw is None else msgspec.msgpack.decode(raw, type=dict[str, msgspec.Raw])
        return self._tables[kind]

    def record(self, kind: str, name: str) -> Record | None:
        """The record with that id."""
        found = self._records.get((kind, name))
        if found is None and name in self.table(kind):
            found = msgspec.msgpack.decode(self.table(kind)[name], type=KINDS[kind].record)
            self._records[kind, name] = found
        return found


def names_of(record: Record) -> tuple[str, ...]:
    """What a record is called besides its id: its aliases, and its name where its kind has one."""
    name = getattr(record, "name", None)
    return (*record.aliases, name) if name else record.aliases
