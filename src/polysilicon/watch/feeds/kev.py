"""CISA's catalogue of known exploited vulnerabilities (JSON)."""

from collections.abc import Iterator
from typing import Any

import msgspec

from polysilicon.watch.feeds.moments import calendar_day, moment
from polysilicon.watch.notice import Affected, Exploited, Notice, Remedy, brief

FEED = "kev"


class _Entry(msgspec.Struct):
    cveID: str  # noqa: N815 - the feed's own name
    vendorProject: str  # noqa: N815
    product: str
    vulnerabilityName: str = ""  # noqa: N815
    dateAdded: str = ""  # noqa: N815
    shortDescription: str = ""  # noqa: N815
    requiredAction: str = ""  # noqa: N815
    dueDate: str | None = None  # noqa: N815


def is_catalogue(data: Any) -> bool:
    """Whether decoded JSON is the catalogue."""
    return isinstance(data, dict) and "catalogVersion" in data and isinstance(data.get("vulnerabilities"), list)


def is_entry(data: Any) -> bool:
    """Whether decoded JSON is one entry of it."""
    return isinstance(data, dict) and "cveID" in data and "vendorProject" in data


def read(data: Any) -> Iterator[Notice]:
    """One entry.

    Raises:
        msgspec.ValidationError: it breaks the schema.
    """
    entry = msgspec.convert(data, _Entry, strict=False)
    yield Notice(
        kind="exploitation",
        feed=FEED,
        id=entry.cveID,
        title=brief(entry.vulnerabilityName),
        summary=brief(entry.shortDescription),
        publisher="CISA",
        published=calendar_day(entry.dateAdded),
        modified=moment(entry.dateAdded),
        affected=(Affected(vendor=brief(entry.vendorProject), product=brief(entry.product), others="unknown"),),
        exploited=Exploited(
            by="CISA KEV",
            since=calendar_day(entry.dateAdded),
            due=calendar_day(entry.dueDate),
            action=brief(entry.requiredAction)[:600],
        ),
        remedies=(Remedy(category="required action", text=brief(entry.requiredAction)[:600]),),
    )
