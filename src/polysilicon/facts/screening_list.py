"""The Consolidated Screening List as a file (JSON or CSV), read and told from a copy that was cut short."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from polysilicon.facts.catalogue import Catalogue
from polysilicon.facts.software import PartyList
from polysilicon.records.document import read_csv, read_text
from polysilicon.records.errors import InputError, Place
from polysilicon.records.names import nearest

MOST_BYTES = 256 * 2**20
WHOLE = "CSL"  # the mark of the record that says what a whole copy holds

Words = Annotated[list[str], msgspec.Meta(max_length=5000)]


class _Address(msgspec.Struct):
    country: str | None = None


class _Entry(msgspec.Struct):
    name: str
    source: str
    id: str | None = None
    entity_number: str | int | None = None
    type: str | None = None
    alt_names: Words | str | None = None
    addresses: list[_Address] | str | None = None
    federal_register_notice: str | None = None
    license_requirement: str | None = None
    license_policy: str | None = None
    start_date: str | None = None
    source_list_url: str | None = None


class _Raw(msgspec.Struct):
    results: list[msgspec.Raw]


@dataclass(frozen=True)
class ListedParty:
    """One entry: its name, the names it is also known by, and what its list asks for. `line` counts entries from 1."""

    id: str
    name: str
    also: tuple[str, ...]
    mark: str
    countries: tuple[str, ...]
    requirement: str
    policy: str
    citation: str
    since: str | None
    line: int

    @property
    def names(self) -> tuple[str, ...]:
        """Every name it is listed under."""
        return (self.name, *self.also)


@dataclass(frozen=True)
class PartyRegister:
    """A screening list in hand: its entries, the lists by mark, and what looks wrong with this copy."""

    file: str
    parties: tuple[ListedParty, ...]
    lists: Mapping[str, PartyList]
    doubts: tuple[str, ...]


def read(path: Path, catalogue: Catalogue, *, partial: bool = False) -> PartyRegister:
    """A screening list file. A copy that looks cut short is refused unless `partial` allows it; it then says so.

    Raises:
        InputError: unreadable, no list, an entry without a name or source, a source list that no record knows, too
            few entries, or a name that stands on every whole copy is missing.
    """
    if path.suffix == ".csv":
        return from_rows(read_csv(path, MOST_BYTES), str(path), catalogue, partial=partial)
    return from_json(read_text(path, MOST_BYTES).encode(), str(path), catalogue, partial=partial)


def from_json(blob: bytes, file: str, catalogue: Catalogue, *, partial: bool = False) -> PartyRegister:
    """As `read`, from the bytes of a JSON file."""
    try:
        rows = msgspec.json.decode(blob, type=_Raw).results
    except (msgspec.DecodeError, RecursionError) as cause:
        raise InputError(f"is no screening list: {cause}", place=Place(file), allowed="{results: [...]}") from cause
    entries = ((at, _entry(row, file, at)) for at, row in enumerate(rows, start=1))
    return _register(entries, file, catalogue, partial=partial)


def from_rows(
    rows: Iterator[tuple[int, Mapping[str, str]]], file: str, catalogue: Catalogue, *, partial: bool = False
) -> PartyRegister:
    """As `read`, from the rows of a CSV file; several names or addresses in a cell are parted by `;`."""
    entries = ((line, _from_row(row, file, line)) for line, row in rows)
    return _register(entries, file, catalogue, partial=partial)


def _entry(row: msgspec.Raw, file: str, at: int) -> _Entry:
    try:
        return msgspec.json.decode(row, type=_Entry)
    except (msgspec.DecodeError, RecursionError) as cause:
        raise InputError(str(cause), place=Place(file, None, f"results[{at - 1}]")) from cause


def _from_row(row: Mapping[str, str], file: str, line: int) -> _Entry:
    said: dict[str, Any] = {name: text for name, text in row.items() if text}
    said["id"] = said.get("_id") or said.get("id")
    try:
        return msgspec.convert(said, _Entry)
    except msgspec.ValidationError as cause:
        raise InputError(str(cause), place=Place(file, line)) from cause


def _register(
    entries: Iterator[tuple[int, _Entry]], file: str, catalogue: Catalogue, *, partial: bool
) -> PartyRegister:
    lists = {one.mark: one for one in catalogue.every(PartyList)}
    parties = tuple(_party(entry, lists, file, at) for at, entry in entries)
    doubts = tuple(_doubts(parties, lists))
    if doubts and not partial:
        raise InputError(
            f"looks cut short: {doubts[0]}",
            place=Place(file),
            remedy="fetch the whole list again, or say that a part of it is meant",
        )
    return PartyRegister(file, parties, lists, doubts)


def _party(entry: _Entry, lists: Mapping[str, PartyList], file: str, at: int) -> ListedParty:
    words = {word for said in re.findall(r"\(([^()]+)\)", entry.source) for word in re.findall(r"[A-Z]+", said)}
    mark = next((one for one in lists if one in words and one != WHOLE), None)
    if mark is None:
        known = [one.name for one in lists.values()]
        raise InputError(
            "names a source list that no record knows",
            place=Place(file, None, f"entry {at}: source"),
            found=entry.source,
            nearest=nearest(entry.source, known, 1),
            remedy="a list of its own must first be understood: add it to party_lists",
        )
    if not entry.name.strip():
        raise InputError("has no name", place=Place(file, None, f"entry {at}"))
    also = entry.alt_names if isinstance(entry.alt_names, list) else (entry.alt_names or "").split(";")
    return ListedParty(
        id=str(entry.id or entry.entity_number or f"{mark}:{entry.name}"),
        name=entry.name.strip(),
        also=tuple(one.strip() for one in also if one.strip()),
        mark=mark,
        countries=_countries(entry.addresses),
        requirement=entry.license_requirement or "",
        policy=entry.license_policy or "",
        citation=entry.federal_register_notice or "",
        since=entry.start_date,
        line=at,
    )


def _countries(addresses: list[_Address] | str | None) -> tuple[str, ...]:
    """ISO codes; of a CSV cell, the last two letters of each address."""
    if isinstance(addresses, str):
        found = [one.strip()[-2:] for one in addresses.split(";")]
        return tuple(dict.fromkeys(one for one in found if one.isalpha() and one.isupper()))
    return tuple(dict.fromkeys(one.country for one in addresses or () if one.country))


def _doubts(parties: tuple[ListedParty, ...], lists: Mapping[str, PartyList]) -> Iterator[str]:
    """What a whole copy has and this one lacks."""
    count = Counter(one.mark for one in parties)
    count[WHOLE] = len(parties)
    for mark, one in lists.items():
        if one.least_entries is not None and count[mark] < one.least_entries:
            yield f"{one.name}: {count[mark]:,} entries, and a whole copy has at least {one.least_entries:,.0f}"
    folded = "\n".join(name.casefold() for one in parties for name in one.names)
    for one in lists.values():
        for name in one.known_names:
            if name.casefold() not in folded:
                yield f"{one.name}: {name} is not on it, and stands on every whole copy"
