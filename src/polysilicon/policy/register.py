"""The register of provisions: what is on record, what speaks on a day, and what changed between two days."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.facts.law import Definition, Event, Group, Jurisdiction, Proposal, Provision, Regime, Rule
from polysilicon.policy.items import Items
from polysilicon.policy.judge import Verdicts, judge
from polysilicon.policy.law import View, in_force, law_of, starts
from polysilicon.policy.reasons import explain
from polysilicon.policy.transaction import Transaction
from polysilicon.records.dates import day
from polysilicon.records.errors import InputError, UnknownName, Unsupported
from polysilicon.records.names import nearest
from polysilicon.records.table import Table

Standing = Literal["in force", "printed, not enforced", "not yet", "ended"]


def provisions(catalogue: Catalogue) -> list[Provision]:
    """Every rule and event, by id."""
    return sorted((*catalogue.every(Rule), *catalogue.every(Event)), key=lambda one: one.id)


def standing(one: Provision, on: dt.date, view: View) -> Standing:
    """Where a provision stands on a day in a view of the law."""
    today = on.isoformat()
    if one.until is not None and one.until <= today:
        return "ended"
    if starts(one, view) > today:
        return "not yet"
    unenforced = isinstance(one, Rule) and one.enforced_until is not None and one.enforced_until <= today
    return "printed, not enforced" if unenforced else "in force"


def register(catalogue: Catalogue, on: dt.date | None, view: View, *, regime: str = "", text: str = "") -> Table:
    """Every provision with its dates, or those that speak on a day; only a regime's, or those that mention `text`.

    Raises:
        InputError: no provision fits what was asked.
    """
    wanted = text.casefold()
    rows = [
        one
        for one in provisions(catalogue)
        if (on is None or in_force(one, on, view))
        and (not regime or one.regime == regime)
        and (not wanted or wanted in _words(one).casefold())
    ]
    if not rows:
        regimes = ", ".join(catalogue.ids(Regime))
        raise InputError("no provision fits", found=text or regime or str(on), remedy=f"regimes are {regimes}")
    columns: dict[str, list[Any]] = {
        "id": [one.id for one in rows],
        "stage": [one.stage for one in rows],
        "gives": [one.then.item_class or one.then.consequence or "" for one in rows],
        "from": [starts(one, view) for one in rows],
        "until": [one.until or "" for one in rows],
        "confidence": [one.confidence for one in rows],
        "regime": [one.regime for one in rows],
        "instrument": [_instrument(one) for one in rows],
        "citation": [one.citation for one in rows],
    }
    said = "on record" if on is None else f"in force on {on.isoformat()} ({view} view)"
    return Table(f"{len(rows)} of {len(provisions(catalogue))} provisions {said}", columns, notes=(catalogue.hash,))


def called(catalogue: Catalogue, name: str) -> Provision | Proposal:
    """The rule, event or proposal with this id.

    Raises:
        UnknownName: none has it.
    """
    every: list[Provision | Proposal] = [*provisions(catalogue), *catalogue.every(Proposal)]
    found = next((one for one in every if one.id == name), None)
    if found is None:
        ids = [one.id for one in every]
        remedy = "`polysilicon rules list` prints every id"
        raise UnknownName(f"no provision is called {name!r}", nearest=nearest(name, ids), remedy=remedy)
    return found


def proposals(catalogue: Catalogue) -> Table:
    """Bills and drafts: law that does not exist, which a question may suppose where its lines are known."""
    rows = sorted(catalogue.every(Proposal), key=lambda one: one.id)
    return Table(
        f"{len(rows)} bills and drafts, none in force",
        {
            "id": [one.id for one in rows],
            "name": [one.name for one in rows],
            "status": [one.status for one in rows],
            "seen": [one.seen for one in rows],
            "supposable": ["yes" if one.rules else "no" for one in rows],
        },
        notes=("`rules show ID` says what each would do, and by which lines.",),
    )


@dataclass(frozen=True)
class Move:
    """A chip whose answer differs between the two days: its class, or what follows for one act."""

    chip: str
    act: str
    before: str
    after: str


@dataclass(frozen=True)
class Changes:
    """What changed from one day to another, in one view of the law."""

    begins: dt.date
    ends: dt.date
    view: View
    began: tuple[Provision, ...]
    ended: tuple[Provision, ...]
    no_longer_enforced: tuple[Provision, ...]
    groups: tuple[str, ...]
    definitions: tuple[str, ...]
    classes: tuple[Move, ...]
    outcomes: tuple[Move, ...]
    unheard: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `--json` prints it."""
        return {
            "from": self.begins.isoformat(),
            "to": self.ends.isoformat(),
            "view": self.view,
            **{name: [_brief(one) for one in getattr(self, name)] for name in ("began", "ended", "no_longer_enforced")},
            "groups": self.groups,
            "definitions": self.definitions,
            "classes": [vars(one) for one in self.classes],
            "outcomes": [vars(one) for one in self.outcomes],
            "unheard": self.unheard,
        }


def changes(catalogue: Catalogue, begins: dt.date, ends: dt.date, view: View, acts: Sequence[Transaction]) -> Changes:
    """What changed between two days: provisions, groups, definitions; each chip's class and its answer to each act.

    Raises:
        InputError: the days stand in the wrong order.
        UnknownName: an act names a place nobody knows.
    """
    if ends < begins:
        raise InputError("the second day lies before the first", found=ends.isoformat(), allowed=f"{begins} or later")
    for act in acts:
        act.check(law_of(catalogue, ends, view).codes)
    every = provisions(catalogue)
    before, after = ({one.id: standing(one, on, view) for one in every} for on in (begins, ends))
    spoke = {one.id: in_force(one, begins, view) for one in every}
    speaks = {one.id: in_force(one, ends, view) for one in every}
    classes, outcomes, unheard = _moves(catalogue, begins, ends, view, acts)
    return Changes(
        begins=begins,
        ends=ends,
        view=view,
        began=tuple(one for one in every if speaks[one.id] and not spoke[one.id]),
        ended=tuple(one for one in every if spoke[one.id] and not speaks[one.id]),
        no_longer_enforced=tuple(
            one
            for one in every
            if spoke[one.id]
            and speaks[one.id]
            and after[one.id] == "printed, not enforced"
            and before[one.id] == "in force"
        ),
        groups=tuple(_group_changes(catalogue, begins, ends)),
        definitions=tuple(_definition_changes(catalogue, begins, ends)),
        classes=classes,
        outcomes=outcomes,
        unheard=unheard,
    )


def _moves(
    catalogue: Catalogue, begins: dt.date, ends: dt.date, view: View, acts: Sequence[Transaction]
) -> tuple[tuple[Move, ...], tuple[Move, ...], tuple[str, ...]]:
    ids = catalogue.ids(Chip)
    items = Items.from_chips(catalogue, ids)
    classes: dict[tuple[str, str, str], Move] = {}
    outcomes: list[Move] = []
    unheard: list[str] = []
    for act in acts:
        name = spoken(act)
        try:
            earlier, later = (judge(catalogue, items, act, on, view) for on in (begins, ends))
        except (InputError, Unsupported) as silent:
            unheard.append(f"{name}: {silent}")
            continue
        for at in np.flatnonzero(earlier.item_class != later.item_class):
            said = (str(earlier.item_class[at]), str(later.item_class[at]))
            classes.setdefault((ids[at], *said), Move(ids[at], name, *said))
        outcomes.extend(
            Move(ids[at], name, str(earlier.consequence[at]), str(later.consequence[at]))
            for at in np.flatnonzero(earlier.consequence != later.consequence)
        )
    return tuple(sorted(classes.values(), key=lambda one: one.chip)), tuple(outcomes), tuple(unheard)


def spoken(act: Transaction) -> str:
    """An act in a few words: `export to CN from US`."""
    parts = [f"{act.activity} to {act.to}"]
    parts += [f"from {act.exported_from}"] if act.exported_from else []
    parts += [f"headquarters {act.headquarters}"] if act.headquarters else []
    parts += [f"party {act.party}"] if act.party else []
    return ", ".join(parts)


def _group_changes(catalogue: Catalogue, begins: dt.date, ends: dt.date) -> Iterator[str]:
    def members(on: dt.date) -> dict[str, frozenset[str]]:
        return {
            one.group: frozenset(one.members)
            for one in catalogue.every(Group)
            if one.effective <= on.isoformat() and (one.until is None or on.isoformat() < one.until)
        }

    before, after = members(begins), members(ends)
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, frozenset()), after.get(name, frozenset())
        gained, lost = ", ".join(sorted(new - old)), ", ".join(sorted(old - new))
        if name not in before:
            yield f"{name}: begins"
        elif gained or lost:
            yield f"{name}:" + (f" gains {gained}" if gained else "") + (f" loses {lost}" if lost else "")


def _definition_changes(catalogue: Catalogue, begins: dt.date, ends: dt.date) -> Iterator[str]:
    for one in catalogue.every(Definition):
        if begins.isoformat() < one.effective <= ends.isoformat():
            yield f"{one.quantity}: as {one.citation} defines it, from {one.effective}"


def _brief(one: Provision) -> dict[str, Any]:
    return {
        "id": one.id,
        "regime": one.regime,
        "stage": one.stage,
        "instrument": _instrument(one),
        "citation": one.citation,
        "effective": one.effective,
        "until": one.until,
        "confidence": one.confidence,
        "gives": one.then.item_class or one.then.consequence,
    }


def _instrument(one: Provision) -> str:
    return one.instrument if isinstance(one, Rule) else one.what if isinstance(one, Event) else ""


def _words(one: Provision) -> str:
    return " ".join((one.id, _instrument(one), one.citation, one.regime, one.stage, one.notes, str(one.when)))


@dataclass(frozen=True)
class Span:
    """A stretch of days over which the answer reads the same, from `begins` up to, not including, `ends`."""

    begins: dt.date
    ends: dt.date
    item_class: str
    consequence: str
    permission: str
    undetermined: bool
    assumed: bool
    decided_by: tuple[str, ...]
    turned_by: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `--json` prints it."""
        return {**vars(self), "begins": self.begins.isoformat(), "ends": self.ends.isoformat()}


def timeline(
    catalogue: Catalogue, items: Items, act: Transaction, begins: dt.date, ends: dt.date, view: View
) -> list[Span]:
    """The verdict on one thing and act over time; each span names what turned it.

    That is, of the provisions that decide it or decided the span before, those that began or ended on its first day.

    Days of which no law was read are left out.

    Raises:
        InputError: the days stand in the wrong order, or no law was read on any of them.
    """
    if ends <= begins:
        raise InputError("the last day lies before the first", found=ends.isoformat(), allowed=f"after {begins}")
    spans: list[Span] = []
    days = [one for one in turning_days(catalogue, view) if begins < one < ends]
    refused: InputError | None = None
    for first, last in zip([begins, *days], [*days, ends], strict=True):
        try:
            verdicts = judge(catalogue, items, act, first, view)
        except InputError as early:
            refused = early
            continue
        span = _span(catalogue, verdicts, first, last, spans[-1].decided_by if spans else ())
        if spans and _same(spans[-1], span) and spans[-1].ends == first:
            spans[-1] = Span(**{**vars(spans[-1]), "ends": last})
        else:
            spans.append(span)
    if not spans and refused is not None:
        raise refused
    return spans


def turning_days(catalogue: Catalogue, view: View) -> list[dt.date]:
    """Every day on which a provision, a group or a definition begins or ends, or the law is no longer known."""
    days = {text for one in provisions(catalogue) for text in (starts(one, view), one.until) if text}
    days |= {one.enforced_until for one in catalogue.every(Rule) if one.enforced_until and view == "enforced"}
    dated: list[Group | Definition] = [*catalogue.every(Group), *catalogue.every(Definition)]
    days |= {text for one in dated for text in (one.effective, one.until) if text}
    unread = {day(one.known_until) + dt.timedelta(days=1) for one in catalogue.every(Jurisdiction)}
    return sorted({day(text) for text in days} | unread)


def _span(
    catalogue: Catalogue, verdicts: Verdicts, first: dt.date, last: dt.date, decided_before: tuple[str, ...]
) -> Span:
    decided = explain(verdicts, 0, flips=False).decided_by
    concerned = {*decided, *decided_before}
    turned = [
        one.id
        for one in provisions(catalogue)
        if one.id in concerned and first.isoformat() in (starts(one, verdicts.law.view), one.until)
    ]
    return Span(
        begins=first,
        ends=last,
        item_class=str(verdicts.item_class[0]),
        consequence=str(verdicts.consequence[0]),
        permission=str(verdicts.permission[0]),
        undetermined=bool(verdicts.undetermined[0]),
        assumed=verdicts.assumed,
        decided_by=decided,
        turned_by=tuple(turned),
    )


def _same(one: Span, other: Span) -> bool:
    said = ("item_class", "consequence", "permission", "undetermined", "assumed")
    return all(getattr(one, name) == getattr(other, name) for name in said)
