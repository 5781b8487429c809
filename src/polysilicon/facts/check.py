"""What `polysilicon facts check` holds the catalogue to, beyond what the loader refuses."""

import csv
from collections.abc import Iterator
from pathlib import Path

from polysilicon.facts.catalogue import Catalogue
from polysilicon.facts.compiler import cited_by, content_hash
from polysilicon.facts.hardware import Chip, SoftwareStack, System
from polysilicon.facts.index import DATA, names_of
from polysilicon.facts.kinds import KINDS, Kind
from polysilicon.facts.money import EmbodiedFactor, Price
from polysilicon.facts.record import USER, Record, units
from polysilicon.facts.reliability import Reliability
from polysilicon.records.names import plain


def problems(catalogue: Catalogue, data: Path = DATA) -> list[str]:
    """Everything wrong with the catalogue; `data` is the folder it was compiled from. Empty is clean."""
    found = [] if _current(catalogue, data) else ["the index is older than data/: run `polysilicon facts build`"]
    for kind in KINDS.values():
        found += [
            f"{kind.name}: the field {field} has no unit" for field, unit in units(kind.record).items() if not unit
        ]
        found += [f"{kind.name} {complaint}" for complaint in _names(catalogue, kind)]
        for record in catalogue.every(kind.record):
            found += [f"{kind.name} {record.id}: {complaint}" for complaint in _record(catalogue, record)]
    return found + [f"source {key}: nobody cites it" for key in sorted(_uncited(catalogue, data))]


def warnings(catalogue: Catalogue) -> list[str]:
    """What looks odd and may yet be right."""
    return [
        f"{kind.name} {record.id}: available ({record.available}) before it was announced ({record.announced})"
        for kind in (KINDS["chip"], KINDS["system"])
        for record in catalogue.every(kind.record)
        if isinstance(record, Chip | System) and record.announced and record.available
        if record.available[:7] < record.announced[: len(record.available[:7])]
    ]


def _current(catalogue: Catalogue, data: Path) -> bool:
    """Whether the shipped index was compiled from `data`; a catalogue with a user's file has a hash of its own."""
    return USER in catalogue.sources() or catalogue.hash == content_hash(data)


def _names(catalogue: Catalogue, kind: Kind) -> Iterator[str]:
    """Two records must not answer to one name, whatever its case and punctuation."""
    owners = {plain(one): one for one in catalogue.ids(kind.record)}
    for record in catalogue.every(kind.record):
        for name in names_of(record):
            owner = owners.setdefault(plain(name), record.id)
            if owner != record.id:
                yield f"{record.id}: the name {name!r} is {owner}'s too"


def _record(catalogue: Catalogue, record: Record) -> Iterator[str]:
    if not record.sources:
        yield "cites no source"
    for key in sorted(cited_by(record) - catalogue.sources().keys()):
        yield f"cites {key!r}, which data/sources/ does not have"
    for field in sorted({*record.exceptions, *record.also} - set(record.__struct_fields__)):
        yield f"has provenance for {field!r}, a field it does not have"
    yield from _dangling(catalogue, record)


def _dangling(catalogue: Catalogue, record: Record) -> Iterator[str]:
    """References by id to records that are not there."""
    chips, systems = catalogue.ids(Chip), catalogue.ids(System)
    if isinstance(record, System | Reliability) and record.chip_id and record.chip_id not in chips:
        yield f"chip_id {record.chip_id!r} is no chip"
    if isinstance(record, Chip) and record.host_cpu and record.host_cpu not in chips:
        yield f"host_cpu {record.host_cpu!r} is no chip"
    if isinstance(record, Price | EmbodiedFactor) and record.concerns and record.concerns not in [*chips, *systems]:
        yield f"concerns {record.concerns!r}, which is neither chip nor system"
    if (
        isinstance(record, Chip)
        and record.software_stack
        and record.software_stack not in catalogue.names(SoftwareStack)
    ):
        yield f"software_stack {record.software_stack!r} is no stack"


def _uncited(catalogue: Catalogue, data: Path) -> set[str]:
    cited = {USER}
    for kind in KINDS.values():
        for record in catalogue.every(kind.record):
            cited |= cited_by(record)
    for path in sorted((data / "measurements").rglob("*.csv")):
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                cells = (row.get(column) or "" for column in ("from", "source", "source_key"))
                cited.update(one.strip() for cell in cells for one in cell.split(";"))
    return catalogue.sources().keys() - cited
