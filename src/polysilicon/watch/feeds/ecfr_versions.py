"""eCFR's list of versions (JSON): which section or supplement was amended on which day, without its text."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from polysilicon.watch.feeds.moments import calendar_day, moment
from polysilicon.watch.notice import Law, Notice, Paragraph, brief

FEED = "ecfr-versions"


class _Version(msgspec.Struct):
    identifier: str
    date: str
    title: str
    name: str = ""
    type: str = ""
    substantive: bool = True
    removed: bool = False


def is_list(data: Any) -> bool:
    """Whether decoded JSON is a list of versions."""
    return isinstance(data, dict) and isinstance(data.get("content_versions"), list)


def is_version(data: Any) -> bool:
    """Whether decoded JSON is one version."""
    return isinstance(data, dict) and "identifier" in data and "amendment_date" in data


def read(data: Any) -> Iterator[Notice]:
    """One version of one section. Editorial ones change nothing and are left out.

    Raises:
        msgspec.ValidationError: it breaks the schema.
    """
    one = msgspec.convert(data, _Version, strict=False)
    if not one.substantive:
        return
    day = calendar_day(one.date)
    supplement = re.match(r"Supplement No\.? (\d+) to Part (\d+)", one.identifier)
    place = f"{supplement[2]} Supp. {supplement[1]}" if supplement else one.identifier.strip()
    what = "removed" if one.removed else "amended"
    yield Notice(
        kind="rule_document",
        feed=FEED,
        id=f"{one.title} CFR {place} of {day or one.date}"[:200],
        title=brief(f"{one.title} CFR {place} {what}: {one.name}"),
        publisher="eCFR",
        published=day,
        modified=moment(day),
        oddities=() if day else ("says no date",),
        law=Law(
            document=place,
            action=f"text {what}",
            parts=(f"{one.title} CFR {place}",),
            effective=day,
            text_date=day,
            paragraphs=(Paragraph(mark=what, text=brief(one.name)),) if one.name else (),
        ),
    )
