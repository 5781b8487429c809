"""CVE List v5 records, with the container that CISA adds: the primary source for every vendor."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from polysilicon.watch.feeds.moments import calendar_day, moment
from polysilicon.watch.notice import Affected, Exploited, Notice, Remedy, Score, Span, brief
from polysilicon.watch.severity import scored
from polysilicon.watch.versions import NEWEST, NOTHING, exactly, fixed_in_sentence, from_prose, order, unread

FEED = "cve"


class _Change(msgspec.Struct):
    at: str
    status: str


class _Version(msgspec.Struct):
    version: str = ""
    status: str = ""
    lessThan: str | None = None  # noqa: N815 - the record's own name
    lessThanOrEqual: str | None = None  # noqa: N815
    versionType: str | None = None  # noqa: N815
    changes: list[_Change] = []


class _Affected(msgspec.Struct):
    vendor: str | None = None
    product: str | None = None
    packageName: str | None = None  # noqa: N815
    collectionURL: str | None = None  # noqa: N815
    defaultStatus: str = "unknown"  # noqa: N815
    platforms: list[str] = []
    versions: list[_Version] = []


class _Text(msgspec.Struct):
    value: str = ""
    lang: str = ""


class _Link(msgspec.Struct):
    url: str = ""


class _Metric(msgspec.Struct):
    cvssV4_0: dict[str, Any] | None = None  # noqa: N815
    cvssV3_1: dict[str, Any] | None = None  # noqa: N815
    cvssV3_0: dict[str, Any] | None = None  # noqa: N815
    cvssV2_0: dict[str, Any] | None = None  # noqa: N815
    other: dict[str, Any] | None = None
    scenarios: list[_Text] = []


class _Provider(msgspec.Struct, frozen=True):
    shortName: str = ""  # noqa: N815
    dateUpdated: str | None = None  # noqa: N815


class _Container(msgspec.Struct):
    title: str | None = None
    affected: list[_Affected] = []
    descriptions: list[_Text] = []
    metrics: list[_Metric] = []
    references: list[_Link] = []
    solutions: list[_Text] = []
    workarounds: list[_Text] = []
    rejectedReasons: list[_Text] = []  # noqa: N815
    datePublic: str | None = None  # noqa: N815
    providerMetadata: _Provider = _Provider()  # noqa: N815


class _Containers(msgspec.Struct):
    cna: _Container
    adp: list[_Container] = []


class _Metadata(msgspec.Struct):
    cveId: str  # noqa: N815
    state: str
    assignerShortName: str = ""  # noqa: N815
    datePublished: str | None = None  # noqa: N815
    dateUpdated: str | None = None  # noqa: N815
    dateRejected: str | None = None  # noqa: N815


class _Record(msgspec.Struct):
    cveMetadata: _Metadata  # noqa: N815
    containers: _Containers


def is_record(data: Any) -> bool:
    """Whether decoded JSON is one CVE record."""
    return isinstance(data, dict) and "cveMetadata" in data and "containers" in data


def read(data: Any) -> Iterator[Notice]:
    """One record as one notice. A rejected record withdraws the vulnerability, whatever else still quotes it.

    Raises:
        msgspec.ValidationError: it breaks the schema.
    """
    record = msgspec.convert(data, _Record, strict=False)
    about, cna = record.cveMetadata, record.containers.cna
    containers = [cna, *record.containers.adp]
    summary = brief(_english(cna.descriptions) or _english(cna.rejectedReasons))
    oddities: list[str] = []
    links = tuple(dict.fromkeys(link.url for one in containers for link in one.references if link.url))
    # A sentence does not say of which product it speaks: it is only believed where there is one.
    fixes = fixed_in_sentence(summary) if len(cna.affected) == 1 else ()
    affected = tuple(_affected(one, fixes, links, oddities) for one in cna.affected)
    affected += tuple(_affected(one, (), (), oddities) for extra in record.containers.adp for one in extra.affected)
    scores = tuple(one for container in containers for one in _scores(container))
    oddities += [f"{one.by} {one.note}" for one in scores if one.note]
    yield Notice(
        kind="vulnerability",
        feed=FEED,
        id=about.cveId,
        title=brief(cna.title) or summary[:160],
        summary=summary,
        publisher=about.assignerShortName or cna.providerMetadata.shortName,
        published=calendar_day(about.datePublished) or calendar_day(cna.datePublic),
        modified=moment(about.dateRejected if about.state == "REJECTED" else about.dateUpdated)
        or moment(about.dateUpdated),
        withdrawn=about.state == "REJECTED",
        affected=affected,
        scores=scores,
        exploited=_exploited(record.containers.adp),
        remedies=_remedies(cna),
        references=links[:20],
        oddities=tuple(dict.fromkeys(oddities)),
    )


def _english(texts: list[_Text]) -> str:
    return next((one.value for one in texts if one.lang.startswith("en")), texts[0].value if texts else "")


def _affected(one: _Affected, fixes: tuple[str, ...], links: tuple[str, ...], oddities: list[str]) -> Affected:
    product = "" if (one.product or "").casefold() in ("n/a", "") else one.product or ""
    if not product and not one.packageName:
        oddities.append("names no product: only its text says what is affected")
    versions = [span for each in one.versions if each.status == "affected" for span in _spans(each, oddities)]
    fixed = [span for each in one.versions if each.status == "unaffected" for span in _fixes(each)]
    fixed += [exactly(end) for each in one.versions for end in _ends(each)]
    fixed += [exactly(end) for end in fixes if end not in {span.low for span in fixed}]
    for span in versions:
        fixed += _contradicted(span, fixes, links, oddities)
    others = one.defaultStatus if one.defaultStatus in ("affected", "unaffected") else "unknown"
    planned = not any(re.search(r"no (?:fix|patch|update)", each.version, re.IGNORECASE) for each in one.versions)
    return Affected(
        vendor="" if (one.vendor or "").casefold() == "n/a" else brief(one.vendor)[:120],
        product=brief(product)[:200],
        package=_package(one),
        versions=tuple(versions),
        fixed=tuple(fixed),
        fix_planned=planned,
        others=others,  # type: ignore[arg-type]  # narrowed above
        platforms=tuple(brief(each)[:80] for each in one.platforms[:50]),
    )


def _package(one: _Affected) -> str:
    registry = one.collectionURL or ""
    ecosystem = "pypi" if "pypi" in registry else "npm" if "npmjs" in registry else ""
    return f"{ecosystem}/{one.packageName.casefold()}" if ecosystem and one.packageName else ""


def _scheme(one: _Version) -> str:
    kind = (one.versionType or "").casefold()
    return {"python": "pypi", "semver": "semver", "rpm": "rpm", "maven": "maven"}.get(kind, "")


def _spans(one: _Version, oddities: list[str]) -> tuple[Span, ...]:
    start = None if one.version.casefold().strip() in NOTHING else one.version
    end = one.lessThan if one.lessThan is not None else one.lessThanOrEqual
    scheme = _scheme(one)
    if end is None:
        ends = [change.at for change in one.changes if change.status == "unaffected"]
        if ends:
            return (Span(text=f"{one.version} to before {ends[0]}", scheme=scheme, low=start, high=ends[0]),)
        return from_prose(one.version, scheme) if scheme else from_prose(one.version)
    text = f"{one.version or '0'} to {'before ' if one.lessThan is not None else ''}{end}"
    if end.casefold().strip() in NEWEST:
        oddities.append(f"says up to {end!r}, which names no version")
        return (unread(text),)
    span = Span(text=text, scheme=scheme, low=start, high=end, high_included=one.lessThan is None)
    if order(end, end, scheme) is None or (start and order(start, end, scheme) is None):
        oddities.append(f"gives a range that can't be compared: {text}")
    return (span,)


def _ends(one: _Version) -> Iterator[str]:
    """The version in which an affected range ends, where the record states it: by convention the fix."""
    if one.status == "affected" and one.lessThan and one.lessThan.casefold() not in NEWEST:
        yield one.lessThan
    yield from (change.at for change in one.changes if one.status == "affected" and change.status == "unaffected")


def _fixes(one: _Version) -> tuple[Span, ...]:
    """A version listed as unaffected is a fix; of a range, where it begins unless that is the very start."""
    if one.version.casefold().strip() in NOTHING:
        return ()
    return from_prose(one.version, _scheme(one))


def _contradicted(span: Span, fixes: tuple[str, ...], links: tuple[str, ...], oddities: list[str]) -> Iterator[Span]:
    """A version that the list calls affected and the text, or a link to its release, calls fixed."""
    if not span.parsed or span.high is None or not span.high_included:
        return
    if any(order(span.high, one) == 0 for one in fixes):
        oddities.append(f"lists {span.high} as affected, and its text as fixed")
    elif any(re.search(rf"/releases?/tag/v?{re.escape(span.high)}$", link) for link in links):
        oddities.append(f"lists {span.high} as affected, and links to that release: it may be the fix")
        yield exactly(span.high, span.scheme)


def _scores(container: _Container) -> Iterator[Score]:
    by = container.providerMetadata.shortName
    for metric in container.metrics:
        scenario = "; ".join(one.value for one in metric.scenarios if one.value.casefold() != "general")
        for cvss in (metric.cvssV4_0, metric.cvssV3_1, metric.cvssV3_0, metric.cvssV2_0):
            if cvss is None:
                continue
            stated = cvss.get("baseScore")
            fields = {name: text for name, text in cvss.items() if isinstance(text, str)}
            found = scored(
                fields.get("vectorString", ""),
                stated=float(stated) if isinstance(stated, int | float) else None,
                by=by,
                scenario=brief(scenario)[:200],
                fields=fields,
            )
            if found:
                yield found


def _exploited(adp: list[_Container]) -> Exploited | None:
    """CISA's word: on its list of known exploited vulnerabilities, or exploitation judged active."""
    active: Exploited | None = None
    for container in adp:
        for metric in container.metrics:
            other = metric.other or {}
            content = other.get("content")
            if not isinstance(content, dict):
                continue
            if other.get("type") == "kev":
                since = content.get("dateAdded")
                return Exploited(by="CISA KEV", since=calendar_day(since if isinstance(since, str) else None))
            options = content.get("options")
            for option in options if isinstance(options, list) else ():
                if isinstance(option, dict) and option.get("Exploitation") == "active":
                    active = Exploited(by="CISA SSVC")
    return active


def _remedies(cna: _Container) -> tuple[Remedy, ...]:
    found = [("solution", one.value) for one in cna.solutions] + [("workaround", one.value) for one in cna.workarounds]
    return tuple(Remedy(category=category, text=brief(text)[:600]) for category, text in found if text.strip())[:8]
