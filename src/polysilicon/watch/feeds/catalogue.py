"""The catalogue's own advisories as notices, so that a fleet can be watched without any network."""

import re
from collections.abc import Iterator

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Advisory
from polysilicon.watch.feeds.moments import calendar_day
from polysilicon.watch.notice import Affected, Exploited, Notice, Score, Span, brief
from polysilicon.watch.severity import scored
from polysilicon.watch.versions import exactly, from_prose, in_sentence

FEED = "catalogue"


def read(catalogue: Catalogue) -> Iterator[Notice]:
    """Every advisory of the catalogue."""
    for one in catalogue.every(Advisory):
        named = one.id.upper()
        scores = tuple(_scores(one))
        cited = [catalogue.source(key).url for key in one.sources]
        yield Notice(
            kind="vulnerability" if named.startswith("CVE-") else "vendor_notice",
            feed=FEED,
            id=named if named.startswith("CVE-") else one.id,
            title=brief(one.title),
            summary=brief(one.title),
            publisher=one.vendor,
            published=calendar_day(one.published),
            affected=tuple(_affected(one)),
            scores=scores,
            exploited=Exploited(by=brief(one.exploited)) if _is_exploited(one.exploited) else None,
            references=tuple(dict.fromkeys(link for link in cited if link)),
            oddities=(brief(one.notes),) if one.notes else (),
        )


def _is_exploited(words: str | None) -> bool:
    return bool(words) and not re.match(r"no\b|none\b|unknown\b|not\b", (words or "").strip(), re.IGNORECASE)


def _scores(one: Advisory) -> Iterator[Score]:
    found = scored(one.cvss_vector or "", stated=one.cvss_score, by=one.cvss_source or "")
    if found:
        yield found


def _affected(one: Advisory) -> Iterator[Affected]:
    """A product each. Its versions stand in a column of their own, or behind the product's name (`vLLM < 0.7.0`)."""
    products = [part.strip() for part in one.product.split(";") if part.strip()]
    stated = _ranges(one.affected_versions or "")
    fixed = tuple(exactly(version) for version in _numbers(one.fixed_versions or ""))
    planned = not re.search(r"no (?:fix|patch)", one.fixed_versions or "", re.IGNORECASE)
    for product in products:
        name, _, behind = re.sub(r"\s*([<>]=?)", r"\t\1", product, count=1).partition("\t")
        spans = stated or _ranges(re.sub(r"\s*\(.*?\)", "", behind))
        alone = len(products) == 1
        yield Affected(
            vendor=one.vendor,
            product=name.strip(),
            versions=spans if alone else tuple(Span(text=span.text, parsed=False) for span in spans),
            fixed=fixed if alone and not behind else (),
            fix_planned=planned,
            others="unknown",
        )


def _ranges(text: str) -> tuple[Span, ...]:
    parts = [part.strip() for part in text.split(";") if part.strip()]
    return tuple(span for part in parts for span in (in_sentence(part) or from_prose(part)))


def _numbers(text: str) -> Iterator[str]:
    for part in re.split(r"[;,]| and ", text):
        spans = from_prose(re.sub(r"^>= ?", "", part.strip()))
        yield from (span.low for span in spans if span.parsed and span.low is not None and "(" not in part)
