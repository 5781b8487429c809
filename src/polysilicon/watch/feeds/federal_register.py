"""The Federal Register API (JSON): lists of documents, and single ones."""

from collections.abc import Iterator
from typing import Any

import msgspec

from polysilicon.watch.feeds.moments import calendar_day, moment
from polysilicon.watch.notice import Law, Notice, Paragraph, brief

FEED = "federal-register"


class _Agency(msgspec.Struct):
    name: str | None = None
    raw_name: str | None = None


class _Reference(msgspec.Struct):
    title: int | str | None = None
    part: int | str | None = None


class _Document(msgspec.Struct):
    document_number: str
    title: str = ""
    type: str = ""
    abstract: str | None = None
    action: str | None = None
    dates: str | None = None
    publication_date: str | None = None
    effective_on: str | None = None
    citation: str | None = None
    agencies: list[_Agency] = []
    cfr_references: list[_Reference] = []
    correction_of: str | None = None
    html_url: str | None = None
    excerpts: str | None = None


def is_document(data: Any) -> bool:
    """Whether decoded JSON is one document."""
    return isinstance(data, dict) and "document_number" in data


def is_list(data: Any) -> bool:
    """Whether decoded JSON is a page of documents. A page without any is one too."""
    if not isinstance(data, dict):
        return False
    results = data.get("results")
    if isinstance(results, list) and results:
        return is_document(results[0])
    return "count" in data and "description" in data and not results


def read(data: Any) -> Iterator[Notice]:
    """One document. An index page leaves fields out; what is not there is not made up.

    Raises:
        msgspec.ValidationError: it breaks the schema.
    """
    one = msgspec.convert(data, _Document, strict=False)
    published = calendar_day(one.publication_date)
    paragraphs = [("action", one.action), ("dates", one.dates), ("abstract", one.abstract), ("excerpt", one.excerpts)]
    yield Notice(
        kind="rule_document",
        feed=FEED,
        id=one.document_number,
        title=brief(one.title),
        summary=brief(one.abstract),
        publisher=", ".join(brief(each.name or each.raw_name) for each in one.agencies)[:300],
        published=published,
        modified=moment(published),
        references=tuple(link for link in (one.html_url,) if link),
        oddities=() if published else ("says no publication date",),
        law=Law(
            citation=brief(one.citation)[:80],
            document=one.document_number,
            action=brief(one.action or one.type)[:200],
            agencies=tuple(brief(each.name or each.raw_name) for each in one.agencies),
            parts=tuple(dict.fromkeys(f"{each.title} CFR {each.part}" for each in one.cfr_references if each.part)),
            effective=calendar_day(one.effective_on),
            corrects=brief(one.correction_of)[:200],
            paragraphs=tuple(Paragraph(mark=mark, text=brief(text)) for mark, text in paragraphs if text),
        ),
    )
