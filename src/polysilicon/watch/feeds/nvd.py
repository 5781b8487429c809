"""NVD CVE API 2.0 (JSON): above all for the CPE names of chips' firmware."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from polysilicon.watch.feeds.moments import calendar_day, moment
from polysilicon.watch.notice import Affected, Exploited, Notice, Score, Span, brief
from polysilicon.watch.severity import scored
from polysilicon.watch.versions import exactly, unread

FEED = "nvd"


class _Text(msgspec.Struct):
    lang: str = ""
    value: str = ""


class _Link(msgspec.Struct):
    url: str = ""


class _Metric(msgspec.Struct):
    source: str = ""
    cvssData: dict[str, Any] = {}  # noqa: N815 - the feed's own name


class _Match(msgspec.Struct):
    criteria: str
    vulnerable: bool = True
    versionStartIncluding: str | None = None  # noqa: N815
    versionStartExcluding: str | None = None  # noqa: N815
    versionEndIncluding: str | None = None  # noqa: N815
    versionEndExcluding: str | None = None  # noqa: N815


class _Node(msgspec.Struct):
    cpeMatch: list[_Match] = []  # noqa: N815


class _Configuration(msgspec.Struct):
    nodes: list[_Node] = []


class _Cve(msgspec.Struct):
    id: str
    vulnStatus: str = ""  # noqa: N815
    published: str | None = None
    lastModified: str | None = None  # noqa: N815
    sourceIdentifier: str = ""  # noqa: N815
    descriptions: list[_Text] = []
    metrics: dict[str, list[_Metric]] = {}
    configurations: list[_Configuration] = []
    references: list[_Link] = []
    cisaExploitAdd: str | None = None  # noqa: N815
    cisaActionDue: str | None = None  # noqa: N815
    cisaRequiredAction: str | None = None  # noqa: N815


def is_response(data: Any) -> bool:
    """Whether decoded JSON is an answer of the API, or a file of a mirror (`cve_items`)."""
    if not isinstance(data, dict):
        return False
    return data.get("format") == "NVD_CVE" or isinstance(data.get("cve_items"), list)


def is_item(data: Any) -> bool:
    """Whether decoded JSON is one vulnerability of it, with or without its wrapper."""
    inner = data.get("cve") if isinstance(data, dict) and isinstance(data.get("cve"), dict) else data
    return isinstance(inner, dict) and "id" in inner and "vulnStatus" in inner


def read(data: Any) -> Iterator[Notice]:
    """One vulnerability.

    Raises:
        msgspec.ValidationError: it breaks the schema.
    """
    inner = data["cve"] if isinstance(data.get("cve"), dict) else data
    cve = msgspec.convert(inner, _Cve, strict=False)
    summary = brief(next((one.value for one in cve.descriptions if one.lang == "en"), ""))
    scores = tuple(_scores(cve))
    exploited = None
    if cve.cisaExploitAdd:
        exploited = Exploited(
            by="CISA KEV (by NVD)",
            since=calendar_day(cve.cisaExploitAdd),
            due=calendar_day(cve.cisaActionDue),
            action=brief(cve.cisaRequiredAction)[:600],
        )
    yield Notice(
        kind="vulnerability",
        feed=FEED,
        id=cve.id,
        title=summary[:160],
        summary=summary,
        publisher=cve.sourceIdentifier,
        published=calendar_day(cve.published),
        modified=moment(cve.lastModified),
        withdrawn=cve.vulnStatus == "Rejected",
        affected=tuple(_affected(cve)),
        scores=scores,
        exploited=exploited,
        references=tuple(dict.fromkeys(one.url for one in cve.references if one.url))[:20],
        oddities=tuple(dict.fromkeys(f"{one.by} {one.note}" for one in scores if one.note)),
    )


def _scores(cve: _Cve) -> Iterator[Score]:
    for metrics in cve.metrics.values():
        for metric in metrics:
            fields = {name: text for name, text in metric.cvssData.items() if isinstance(text, str)}
            stated = metric.cvssData.get("baseScore")
            number = float(stated) if isinstance(stated, int | float) else None
            found = scored(fields.get("vectorString", ""), stated=number, by=metric.source, fields=fields)
            if found:
                yield found


def _affected(cve: _Cve) -> Iterator[Affected]:
    """Each vulnerable product once, with every range. What only says on which hardware it runs is left out."""
    spans: dict[tuple[str, str], list[Span]] = {}
    for configuration in cve.configurations:
        for node in configuration.nodes:
            for match in node.cpeMatch:
                parts = re.split(r"(?<!\\):", match.criteria)
                if match.vulnerable and len(parts) >= 6:
                    spans.setdefault((_words(parts[3]), _words(parts[4])), []).append(_span(match, parts[5]))
    for (vendor, product), ranges in spans.items():
        yield Affected(vendor=vendor, product=product, versions=tuple(dict.fromkeys(ranges)))


def _words(part: str) -> str:
    return re.sub(r"\\(.)", r"\1", part).replace("_", " ")[:200]


def _span(match: _Match, version: str) -> Span:
    low = match.versionStartIncluding or match.versionStartExcluding
    high = match.versionEndIncluding or match.versionEndExcluding
    if low or high:
        return Span(
            text=f"{low or '0'} to {'before ' if match.versionEndExcluding else ''}{high or 'any'}",
            low=low,
            low_included=match.versionStartExcluding is None,
            high=high,
            high_included=match.versionEndIncluding is not None,
        )
    return unread("any version") if version in ("*", "-") else exactly(_words(version))
