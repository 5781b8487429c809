"""Rules that somebody wrote as our catalogue writes them (YAML): law that a program can judge by."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from polysilicon.facts import Catalogue
from polysilicon.policy.law import law_of
from polysilicon.records.document import Document
from polysilicon.records.errors import InputError
from polysilicon.watch.feeds.moments import calendar_day
from polysilicon.watch.notice import Law, Notice, brief

FEED = "rules"


def is_record(data: Any) -> bool:
    """Whether a document holds rules of the catalogue's kind."""
    return isinstance(data, dict) and isinstance(data.get("rules"), dict)


def read(document: Document, text: str, catalogue: Catalogue) -> Iterator[Notice]:
    """The rules of one document as one notice, since they may rest on each other.

    Raises:
        InputError: a record that breaks the schema, or a condition that can't be judged by.
    """
    overlaid = catalogue.overlaid(document)
    rules = document.data["rules"]
    days = sorted(filter(None, (calendar_day(str(one.get("effective", ""))) for one in rules.values())))
    if not days:
        raise InputError("says no day from which a rule holds", place=document.place(("rules",)))
    for day in dict.fromkeys(days):
        law_of(overlaid, dt.date.fromisoformat(day), "enforced")  # reads every condition, and complains with its place
    first = next(iter(rules.values()))
    published = calendar_day(str(first.get("published", ""))) or calendar_day(str(first.get("released", "")))
    cited = [brief(str(one.get("citation", "")))[:200] for one in rules.values()]
    yield Notice(
        kind="rule_record",
        feed=FEED,
        id=", ".join(sorted(rules))[:300],
        title=brief(str(first.get("instrument", "")) or ", ".join(sorted(rules)))[:300],
        summary=brief(str(first.get("notes", ""))),
        publisher=brief(str(first.get("regime", "")))[:80],
        published=published or days[0],
        law=Law(citation="; ".join(dict.fromkeys(cited)), effective=days[0]),
        record=text,
    )
