"""Targets as a user writes them: a stack, `stack@chip`, or `stack@chip:torch-2.11.0`."""

from collections.abc import Iterable
from dataclasses import dataclass

from polysilicon.facts.catalogue import Catalogue
from polysilicon.facts.porting import PortTarget
from polysilicon.records.errors import InputError, Place, UnknownName
from polysilicon.records.names import nearest


@dataclass(frozen=True)
class Target:
    """A stack, one of its chips where said, and the version of PyTorch asked about (the newest known if not said).

    `column` is the chip's in the support tables; empty asks for all chips at once.
    """

    name: str
    record: PortTarget
    chip: str = ""
    column: str = ""
    version: str = ""


def targets(catalogue: Catalogue, wanted: Iterable[str], place: Place | None = None) -> list[Target]:
    """The targets that `wanted` names, each `stack`, `stack@chip` or `stack@chip:torch-VERSION`, in that order.

    Raises:
        InputError: no such stack, chip or version; names the nearest.
    """
    found: dict[str, Target] = {}
    for text in wanted:
        one = _target(catalogue, text.strip(), place or Place(field="--target"))
        found.setdefault(one.name, one)
    return list(found.values())


def _target(catalogue: Catalogue, text: str, place: Place) -> Target:
    stem, _, version = text.partition(":")
    stack, at, chip = stem.partition("@")
    try:
        record = catalogue.get(PortTarget, stack)
    except UnknownName as unknown:
        known = catalogue.ids(PortTarget)
        near = nearest(stack, [*known, *catalogue.names(PortTarget)])
        raise UnknownName(f"unknown target {stack!r}", place=place, allowed=known, nearest=near) from unknown
    except InputError as complaint:
        raise complaint.at(place) from complaint
    if at and chip not in record.chips:
        raise InputError(
            f"{record.id} has no chip of that name",
            place=place,
            found=chip,
            allowed=sorted(record.chips) or f"{record.id} alone: its facts don't differ by chip",
            nearest=nearest(chip, record.chips),
        )
    number = version.removeprefix("torch-").removeprefix("torch")
    if number and number not in record.versions:
        raise InputError(
            "no facts for that version of PyTorch",
            place=place,
            found=version,
            allowed=[f"torch-{one}" for one in record.versions]
            or f"{record.id} alone: its facts don't differ by version",
        )
    name = record.id + (f"@{chip}" if chip else "") + (f":torch-{number}" if number else "")
    newest = record.versions[-1] if record.versions else ""
    return Target(name, record, chip, record.chips.get(chip, ""), number or newest)
