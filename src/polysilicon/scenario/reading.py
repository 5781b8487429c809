"""From a file to a checked `Opened` scenario: the schema first, then every name in it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from polysilicon.facts import Catalogue
from polysilicon.records.dates import Quarter, day
from polysilicon.records.document import Document, Key, convert, read_yaml
from polysilicon.records.errors import InputError
from polysilicon.records.names import nearest
from polysilicon.scenario.sense import check, resolved
from polysilicon.scenario.shape import (
    Entity,
    MemoryShock,
    PowerShock,
    RuleShock,
    Scenario,
    Serve,
    Site,
    Train,
    VendorShock,
)

# The tables of a scenario, and the shape of an entry: by its `kind` where there are several.
TABLES: dict[str, type[msgspec.Struct] | dict[str, type[msgspec.Struct]]] = {
    "entities": Entity,
    "sites": Site,
    "workloads": {"train": Train, "serve": Serve},
    "shocks": {"rule": RuleShock, "vendor_cutoff": VendorShock, "memory_price": MemoryShock, "power_cap": PowerShock},
}
# How an entity, a site and a workload may be called.
NAMED = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
# Fields that hold a quarter, and fields that may hold a table by quarter.
QUARTER = ("start", "finish", "opens", "until")
BY_QUARTER = ("power_cap_kw", "requests_per_s", "samples_per_s", "budget_musd_per_quarter", "units_per_quarter")
NEEDED = ("entities", "sites", "workloads")


@dataclass(frozen=True)
class Opened:
    """A scenario whose every name is known, and the catalogue with the user's own facts laid over it.

    `shocked` holds, for each shock that brings law, the catalogue with that law in it. `data` is what the file
    said, so that a plan can carry it.
    """

    scenario: Scenario
    catalogue: Catalogue
    shocked: Mapping[str, Catalogue]
    file: str
    data: dict[str, Any]


def read(path: Path, catalogue: Catalogue) -> Opened:
    """Read and check a scenario file. Names of systems, regions and models may be short or aliases.

    Raises:
        InputError: unreadable, broken, or a field that is missing, misspelt, out of range or names nothing known;
            the message says the line, what was found and what is allowed.
    """
    return from_document(read_yaml(path), catalogue)


def from_document(document: Document, catalogue: Catalogue) -> Opened:
    """As `read`, from a document in hand (a plan carries its own)."""
    if not isinstance(document.data, dict):
        raise InputError("must be a table of fields", place=document.place(), found=document.data)
    _check_quarters(document)
    _check_tables(document)
    if isinstance(document.data.get("as_of"), str):
        try:
            day(document.data["as_of"])
        except InputError as complaint:
            raise complaint.at(document.place(("as_of",))) from complaint
    scenario = convert(document, Scenario)
    if scenario.facts:
        catalogue = catalogue.overlaid(document, ("facts",))
    scenario = resolved(document, scenario, catalogue)
    check(document, scenario, catalogue)
    shocked = {
        name: catalogue.overlaid(document, ("shocks", name, "facts"))
        for name, shock in scenario.shocks.items()
        if isinstance(shock, RuleShock)
    }
    return Opened(scenario, catalogue, shocked, document.file, document.data)


def _check_tables(document: Document) -> None:
    """Each entry of each table on its own, as a complaint about the whole can't name the entry's line."""
    for name in NEEDED:
        if name in document.data and not document.data[name]:
            raise InputError(
                f"has no {name}", place=document.place((name,)), remedy=f"a plan needs at least one of {name}"
            )
    for name, shape in TABLES.items():
        table = document.data.get(name)
        if table is None:
            continue
        if not isinstance(table, dict):
            raise InputError("must be a table of entries by name", place=document.place((name,)), found=table)
        for entry in table:
            key: Key = (name, entry)
            if name != "shocks" and not NAMED.fullmatch(entry):
                raise InputError(
                    "is no name",
                    place=document.place(key),
                    found=entry,
                    allowed="up to 40 small letters, digits and hyphens, such as inner-mongolia",
                )
            convert(document, _shape(document, key, shape), key)


def _check_quarters(document: Document, key: Key = (), part: Any = None) -> None:
    """Every quarter that is written, and that none stands twice in one table under two spellings."""
    part = document.data if not key else part
    if isinstance(part, list):
        for at, inner in enumerate(part):
            _check_quarters(document, (*key, at), inner)
    elif isinstance(part, dict):
        by_quarter = bool(key) and key[-1] in BY_QUARTER
        seen: set[Quarter] = set()
        for name, inner in part.items():
            spot = (*key, name)
            if by_quarter:
                quarter = _quarter(document, spot, name)
                if quarter in seen:
                    raise InputError(f"{quarter} stands twice", place=document.place(spot), remedy="write it once")
                seen.add(quarter)
            elif name in QUARTER and isinstance(inner, str):
                _quarter(document, spot, inner)
            elif name != "facts":
                _check_quarters(document, spot, inner)


def _quarter(document: Document, key: Key, written: str) -> Quarter:
    try:
        return Quarter.parse(written)
    except InputError as complaint:
        raise complaint.at(document.place(key)) from complaint


def _shape(document: Document, key: Key, shape: Any) -> Any:
    entry = document.data[key[0]][key[1]]
    if not isinstance(entry, dict):
        raise InputError("must be a table of fields", place=document.place(key), found=entry)
    if not isinstance(shape, dict):
        return shape
    kind = entry.get("kind")
    if kind is None:
        raise InputError("missing field 'kind'", place=document.place(key), allowed=list(shape))
    if not isinstance(kind, str) or kind not in shape:
        raise InputError(
            "unknown kind",
            place=document.place((*key, "kind")),
            found=kind,
            allowed=list(shape),
            nearest=nearest(str(kind), shape, 1),
        )
    return shape[kind]
