"""A chip's link to its host, and what that host does for it: what its record states, or what is assumed of any."""

from typing import Literal

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.facts.money import Assumption
from polysilicon.performance.cluster import Reading
from polysilicon.performance.job import Host
from polysilicon.records.errors import InputError
from polysilicon.records.units import GIGA

Side = Literal["value", "low", "high"]
LINK, REACHED = "host-link-gbs", "host-link-share"
MEMORY, UPDATE = "host-memory-gbs", "host-update-gbs"


def host_of(catalogue: Catalogue, chip: str) -> Host:
    """Host link of one chip, what is reached of it, and how fast its host updates states, which no record says."""
    return Host(link_gbs(catalogue, chip) * GIGA, ranged(catalogue, UPDATE) * GIGA)


def link_gbs(catalogue: Catalogue, chip: str, end: Side = "value") -> float:
    """What copies between a chip and its host reach [GB/s]: of the link that its record states, or of any chip's."""
    stated, assumed = catalogue.get(Chip, chip).host_link_gbs, ranged(catalogue, link_assumption(catalogue, chip), end)
    return assumed if stated is None else stated * assumed


def link_assumption(catalogue: Catalogue, chip: str) -> str:
    """The assumption that the link of a chip rests on: the share that is reached of it, where its record states it."""
    return LINK if catalogue.get(Chip, chip).host_link_gbs is None else REACHED


def host_readings(catalogue: Catalogue, chip: str) -> tuple[Reading, Reading]:
    """Where the link to a chip's host and that host's pace are read: its record, or what is assumed of any."""
    link, update_gbs = (
        Reading("value", one.id, one.value, str(one.confidence), one.sources)
        for one in (catalogue.get(Assumption, name) for name in (LINK, UPDATE))
    )
    record = catalogue.get(Chip, chip)
    if record.host_link_gbs is None:
        return link, update_gbs
    origin = record.origin("host_link_gbs")
    stated = Reading("host_link_gbs", chip, record.host_link_gbs, str(origin.confidence), origin.sources)
    return stated, update_gbs


def ranged(catalogue: Catalogue, name: str, end: Side = "value") -> float:
    """The value of an assumption, or the `low` or `high` end of its range.

    Raises:
        InputError: it states no range.
    """
    value: float | None = getattr(catalogue.get(Assumption, name), end)
    if value is None:
        raise InputError(f"the assumption {name} states no range")
    return value
