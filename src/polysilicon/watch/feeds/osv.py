"""OSV records (JSON, or YAML as the PyPA database keeps them): exact ranges for packages of registries."""

import functools
from collections.abc import Iterator
from typing import Any

import msgspec

from polysilicon.watch.feeds.moments import calendar_day, moment
from polysilicon.watch.notice import Affected, Notice, Score, Span, brief
from polysilicon.watch.severity import scored
from polysilicon.watch.versions import NOTHING, exactly, order

FEED = "osv"
MOST_LISTED = 2000


class _Package(msgspec.Struct):
    ecosystem: str
    name: str


class _Event(msgspec.Struct):
    introduced: str | None = None
    fixed: str | None = None
    last_affected: str | None = None
    limit: str | None = None


class _Range(msgspec.Struct):
    type: str
    events: list[_Event] = []


class _Severity(msgspec.Struct):
    type: str
    score: str


class _Affected(msgspec.Struct):
    package: _Package | None = None
    ranges: list[_Range] = []
    versions: list[str] = []
    severity: list[_Severity] = []


class _Link(msgspec.Struct):
    url: str = ""


class _Record(msgspec.Struct):
    id: str
    modified: str
    published: str | None = None
    withdrawn: str | None = None
    aliases: list[str] = []
    upstream: list[str] = []
    summary: str = ""
    details: str = ""
    severity: list[_Severity] = []
    affected: list[_Affected] = []
    references: list[_Link] = []


def is_record(data: Any) -> bool:
    """Whether decoded data is one record."""
    return isinstance(data, dict) and "id" in data and "modified" in data and ("affected" in data or "aliases" in data)


def read(data: Any) -> Iterator[Notice]:
    """One record.

    Raises:
        msgspec.ValidationError: it breaks the schema.
    """
    record = msgspec.convert(data, _Record, strict=False)
    every = [*record.severity, *(one for part in record.affected for one in part.severity)]
    scores: list[Score | None] = [scored(one.score, by=record.id) for one in every if one.type.startswith("CVSS_")]
    yield Notice(
        kind="vulnerability",
        feed=FEED,
        id=record.id,
        title=brief(record.summary) or brief(record.details)[:160],
        summary=brief(record.details),
        publisher="OSV",
        published=calendar_day(record.published),
        modified=moment(record.modified),
        withdrawn=record.withdrawn is not None,
        aliases=tuple(dict.fromkeys([*record.aliases, *record.upstream]))[:50],
        affected=tuple(_affected(one, one.package) for one in record.affected if one.package),
        scores=tuple(dict.fromkeys(one for one in scores if one)),
        references=tuple(dict.fromkeys(one.url for one in record.references if one.url))[:20],
    )


def _affected(one: _Affected, package: _Package) -> Affected:
    scheme = package.ecosystem.split(":")[0].casefold()
    spans = [span for each in one.ranges if each.type != "GIT" for span in _spans(each.events, scheme)]
    if not spans:
        spans = [exactly(version, scheme) for version in one.versions[:MOST_LISTED]]
    fixes = dict.fromkeys(
        event.fixed for each in one.ranges if each.type != "GIT" for event in each.events if event.fixed
    )
    return Affected(
        product=package.name,
        package=f"{scheme}/{package.name.casefold()}",
        versions=tuple(spans),
        fixed=tuple(exactly(fix, scheme) for fix in fixes),
    )


def _order(first: _Event, second: _Event, scheme: str) -> int:
    """The order of two events; those that can't be compared stay as they stand."""
    one, two = (
        "0" if event.introduced in NOTHING else event.introduced or event.fixed or event.last_affected or event.limit
        for event in (first, second)
    )
    return 0 if one is None or two is None else order(one, two, scheme) or 0


def _spans(events: list[_Event], scheme: str) -> Iterator[Span]:
    """Ranges from events in the order of their versions; one that is never closed goes on."""
    start: str | None = None
    is_open = False
    for event in sorted(events, key=functools.cmp_to_key(functools.partial(_order, scheme=scheme))):
        if event.introduced is not None:
            start, is_open = None if event.introduced in NOTHING else event.introduced, True
        end = event.fixed or event.last_affected or event.limit
        if end is not None and is_open:
            last = event.fixed is None and event.last_affected is not None
            text = f"{start or '0'} to {'' if last else 'before '}{end}"
            yield Span(text=text, scheme=scheme, low=start, high=end, high_included=last)
            is_open = False
    if is_open:
        yield Span(text=f"{start or '0'} and later", scheme=scheme, low=start)
