"""What a change of the law means for a holding: judged again where it is written as a rule, else shown to a person."""

import datetime as dt
import re
from collections.abc import Sequence

from polysilicon.facts import Catalogue
from polysilicon.facts.law import Jurisdiction, Regime, Rule
from polysilicon.policy.verdict import RuleFinding
from polysilicon.records.dates import day
from polysilicon.records.document import parse_yaml
from polysilicon.watch.acts import Opinion, is_lawful, meets, opinions, places_in
from polysilicon.watch.alert import COUNSEL, NOT_LEGAL_ADVICE, Alert, Level, Status, alert_id, touched
from polysilicon.watch.feeds import ecfr_versions
from polysilicon.watch.holding import Holding
from polysilicon.watch.notice import Law, Notice, Paragraph

MOST_PARAGRAPHS = 6
ECCN = re.compile(r"\b\d[A-E]\d{3}\b")


def overlaid(catalogue: Catalogue, notice: Notice) -> Catalogue:
    """The catalogue with the rules of a notice in it.

    Raises:
        InputError: a record that no longer fits the catalogue.
    """
    return catalogue.overlaid(parse_yaml(notice.record, f"{notice.feed} {notice.id}"))


def rejudged(
    notice: Notice, holding: Holding, catalogue: Catalogue, changed: Catalogue, accepted: tuple[str, ...]
) -> Alert | None:
    """The alert where a rule written as ours changes what the law says of a holding.

    A planned purchase is judged on its day of delivery, what stands already on the first day of the rule.
    """
    law = notice.law or Law()
    first = day(law.effective) if law.effective else None
    on = holding.on or first
    if on is None or first is None or (holding.kind == "purchase" and on < first):
        return None
    pairs = _pairs(opinions(catalogue, holding, on), opinions(changed, holding, on))
    moved = [pair for pair in pairs if not _same(*pair)]
    if not moved:
        return None
    before, after = max(moved, key=lambda pair: pair[1].rank)
    status, level = _change(pairs, (before, after), holding, accepted)
    words = {"breaks": "would no longer be lawful", "eases": "would be easier", "changes": "would change"}
    return Alert(
        id=alert_id(notice.matter, holding.key, notice.record, after.verdict.consequence, on),
        level=level,
        status=status,
        matter=notice.matter,
        subject=holding.line,
        title=notice.title,
        touches=touched(holding),
        why=f"{holding.line} ({holding.title}) {words[status]} on {on}: {before.verdict.consequence} becomes "
        f"{after.verdict.consequence}, by {'; '.join(after.verdict.citations) or law.citation}",
        do=tuple(_steps(status, holding, after)),
        ask=COUNSEL,
        published=notice.published,
        before=before.judged,
        after=after.judged,
        feeds=(notice.feed,),
        legal=NOT_LEGAL_ADVICE,
    )


def _same(before: Opinion, after: Opinion) -> bool:
    one, two = before.verdict, after.verdict
    return (one.item_class, one.consequence, one.permission) == (two.item_class, two.consequence, two.permission)


def _pairs(before: Sequence[Opinion], after: Sequence[Opinion]) -> list[tuple[Opinion, Opinion]]:
    """The opinions on each act under both laws."""
    now = {one.judged.act: one for one in after}
    return [(one, now[one.judged.act]) for one in before if one.judged.act in now]


def _change(
    pairs: Sequence[tuple[Opinion, Opinion]],
    worst: tuple[Opinion, Opinion],
    holding: Holding,
    accepted: tuple[str, ...],
) -> tuple[Status, Level]:
    """Whether all acts together were lawful and no longer are; else whether the worst that moved is better now."""
    lawful = [all(is_lawful(pair[at].verdict.permission, accepted) for pair in pairs) for at in (0, 1)]
    if lawful == [True, False]:
        return "breaks", "urgent" if holding.kind == "purchase" else "act"
    if worst[1].rank < worst[0].rank:
        return "eases", "note"
    return "changes", "check"


def _steps(status: Status, holding: Holding, after: Opinion) -> list[str]:
    steps = []
    if status == "breaks" and holding.kind == "purchase":
        steps.append("hold the order; deliver before the rule applies, apply for a licence, or plan again without it")
    elif status == "breaks":
        steps.append("settle with counsel whether it may stay in use, be served and be moved")
    elif status == "eases":
        steps.append("options that were closed may be open: plan again")
    steps += [f"condition: {text}" for text in after.verdict.conditions[:4]]
    return steps or ["have counsel read it"]


def read_by_a_person(notice: Notice, before: Notice | None, holding: Holding, catalogue: Catalogue) -> Alert | None:
    """The alert where a document or a section's text bears on rules that bear on a holding.

    `before` is the text as it stood; where there is none, the section concerns only if it was amended after the last
    day up to which its law was read.
    """
    law = notice.law or Law()
    if notice.kind == "rule_text" and before is not None and _texts(before) == _texts(notice):
        return None
    found = _concerned(law, notice, holding, catalogue)
    if not found:
        return None
    is_text = notice.kind == "rule_text" or notice.feed == ecfr_versions.FEED
    if is_text and before is None and not _beyond(law, found, catalogue):
        return None
    known = [one.id for one in catalogue.every(Rule) if law.citation and law.citation in (one.citation, one.instrument)]
    known += [one.id for one in catalogue.every(Rule) if _cites(one, law.citation) and one.id not in known]
    paragraphs = _paragraphs(notice, before, found)
    return Alert(
        id=alert_id(notice.matter, holding.key, _what_is_new(notice, paragraphs)),
        level="note" if known else "check",
        status="known" if known else "read",
        matter=notice.matter,
        subject=holding.line,
        title=notice.title,
        touches=touched(holding),
        why=_reason(law, found, known),
        do=_reading(law, known),
        ask=COUNSEL,
        published=notice.published,
        moment=notice.modified,
        paragraphs=tuple(paragraphs),
        doubts=notice.oddities,
        references=notice.references,
        feeds=(notice.feed,),
        legal=NOT_LEGAL_ADVICE,
    )


def _what_is_new(notice: Notice, paragraphs: Sequence[Paragraph]) -> object:
    """A document is one matter, in however many fields a feed gives it; a text is another with every change."""
    return [one.text for one in paragraphs] if notice.kind == "rule_text" else "document"


def _texts(notice: Notice) -> list[str]:
    return [one.text for one in (notice.law or Law()).paragraphs]


def _cites(rule: Rule, citation: str) -> bool:
    """Whether a rule rests on that page of a gazette: `91 FR 1684` stands in it as a whole."""
    return (
        bool(citation)
        and re.search(rf"(?<!\d){re.escape(citation)}(?!\d)", f"{rule.citation} {rule.instrument}") is not None
    )


def _concerned(law: Law, notice: Notice, holding: Holding, catalogue: Catalogue) -> list[RuleFinding]:
    """The rules that bear on a holding and rest on what the document changes.

    Where a document names no part of a code, its words decide: an ECCN that such a rule cites.
    """
    on = law.effective or law.text_date or notice.published
    if on is None:
        return []
    said = opinions(catalogue, holding, max(dt.date.fromisoformat(on), holding.on or dt.date.min))
    every = {one.id: one for act in said for one in act.verdict.findings if one.binds != "no"}
    bearing = list(every.values())
    if law.parts:
        return [
            one
            for one in bearing
            if any(
                meets(place, cited) for place in law.parts for cited in places_in(f"{one.citation}; {one.instrument}")
            )
        ]
    named = set(ECCN.findall(f"{notice.title} {notice.summary}"))
    return [one for one in bearing if named & set(ECCN.findall(f"{one.citation} {one.instrument}"))]


def _beyond(law: Law, found: Sequence[RuleFinding], catalogue: Catalogue) -> bool:
    """Whether the text is younger than our reading of the law of those rules."""
    regimes = {catalogue.get(Rule, one.id).regime for one in found if one.id in catalogue.ids(Rule)}
    known = [catalogue.get(Jurisdiction, catalogue.get(Regime, one).jurisdiction).known_until for one in regimes]
    return bool(law.text_date) and any(law.text_date > until for until in known if law.text_date)


def _paragraphs(notice: Notice, before: Notice | None, found: Sequence[RuleFinding]) -> list[Paragraph]:
    """The paragraphs concerned: those that changed; of a new text, those that the rules cite, else the first."""
    law = notice.law or Law()
    if before is not None:
        old = set(_texts(before))
        changed = [one for one in law.paragraphs if one.text not in old]
        gone = [Paragraph(mark="taken out", text=text) for text in _texts(before) if text not in set(_texts(notice))]
        return [*changed, *gone][:MOST_PARAGRAPHS]
    if notice.kind == "rule_text":
        cited = {mark for one in found for mark in re.findall(r"\((\w+)\)", one.citation)}
        own = [one for one in law.paragraphs if set(re.findall(r"\((\w+)\)", one.mark)) & cited]
        return (own or list(law.paragraphs))[:MOST_PARAGRAPHS]
    return list(law.paragraphs)[:MOST_PARAGRAPHS]


def _reason(law: Law, found: Sequence[RuleFinding], known: Sequence[str]) -> str:
    rules = ", ".join(dict.fromkeys(one.id for one in found[:6]))
    where = ", ".join(law.parts[:6]) or "a classification that it names"
    read = f"; the catalogue has it already ({', '.join(known[:6])})" if known else "; it is in no rule we have"
    return f"{law.action or 'a text'} on {where}, on which rules rest that bear on this: {rules}{read}"


def _reading(law: Law, known: Sequence[str]) -> tuple[str, ...]:
    when = f", in force from {law.effective}" if law.effective else ""
    if known:
        return ("nothing new: these rules are judged by already",)
    return (
        f"have a person read the paragraphs{when}",
        "write it as a rule in the feed folder, and every holding is judged again by it",
    )
