"""The law of one day in one view: provisions in force, ordered by stage; definitions; groups of places."""

import datetime as dt
import functools
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Literal, TypeVar, get_args

from polysilicon.facts import Catalogue
from polysilicon.facts.law import (
    Consequence,
    Definition,
    Event,
    Group,
    Jurisdiction,
    Permission,
    Provision,
    Regime,
    Rule,
    Stage,
)
from polysilicon.facts.record import Record
from polysilicon.policy.conditions import Node, leaves, parse
from polysilicon.policy.quantities import check_formula, parts_of
from polysilicon.policy.vocabulary import PLACES
from polysilicon.records.errors import InputError, Place, UnknownName
from polysilicon.records.names import nearest

View = Literal["enforced", "text"]
VIEWS: tuple[str, ...] = get_args(View)

ISO = "ISO 3166-1"

Named = TypeVar("Named", bound=Record)

# The last stage that speaks decides, so the ballot is read from the end: what no exception cures comes first.
PRECEDENCE: tuple[Stage, ...] = (
    "prohibition",
    "exception",
    "event",
    "review",
    "requirement",
    "duty",
    "guidance",
)

# From the best for a plan to the worst; among regimes the worst counts.
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)


@dataclass(frozen=True)
class Clause:
    """A provision with its conditions read, as it speaks on that day in that view."""

    record: Provision
    binds: Node
    when: Node
    item_class: str | None
    consequence: str | None
    permission: Permission | None
    enforced: bool

    @property
    def id(self) -> str:
        """The id of the record."""
        return self.record.id


@dataclass(frozen=True)
class Law:
    """Everything that one judgement needs of the law."""

    on: dt.date
    view: View
    regimes: tuple[Regime, ...]
    hears: Mapping[str, Node]
    clauses: Mapping[str, tuple[Clause, ...]]
    definitions: Mapping[str, Definition]
    groups: Mapping[str, Group]
    group_names: frozenset[str]
    consequences: Mapping[str, Consequence]
    jurisdictions: Mapping[str, Jurisdiction]

    def stage(self, regime: str, stage: Stage) -> list[Clause]:
        """The clauses of one stage, first to speak first."""
        return [one for one in self.clauses.get(regime, ()) if one.record.stage == stage]

    def ballot(self, regime: str) -> list[Clause]:
        """Every clause that gives a consequence, the one that overrides all others first."""
        return [clause for stage in PRECEDENCE for clause in self.stage(regime, stage)]

    def places(self, names: Sequence[str]) -> frozenset[str]:
        """The codes that a list of codes and groups stands for on this day; a group of other days is empty."""
        found: set[str] = set()
        for name in names:
            group = self.groups.get(name)
            if group is not None:
                found |= self.places(group.members) - self.places(group.without)
            elif name not in self.group_names:
                found.add(name)
        return frozenset(found)

    @functools.cached_property
    def codes(self) -> frozenset[str]:
        """Every place there is."""
        return frozenset(self.groups[ISO].members)


def in_force(record: Provision, on: dt.date, view: View = "enforced") -> bool:
    """Whether a provision speaks on that day.

    The enforced view starts on the compliance date, the text view on the effective date; a rule that is no longer
    enforced stays in the enforced view only if it says what is left of it.
    """
    day = on.isoformat()
    lapsed = isinstance(record, Rule) and record.enforced_until is not None and record.enforced_until <= day
    if lapsed and view == "enforced" and record.then.unenforced is None:
        return False
    return starts(record, view) <= day and (record.until is None or day < record.until)


def starts(record: Provision, view: View) -> str:
    """The day a provision begins to speak in a view of the law: its effect in the text, else its compliance date."""
    compliance = record.compliance if isinstance(record, Rule) and view == "enforced" else None
    return compliance or record.effective


def rules_in_force(
    catalogue: Catalogue, on: dt.date, view: View = "enforced", extra_rules: Sequence[Rule] = ()
) -> list[Rule]:
    """The rules that speak on that day, by id; a rule that another one in force supersedes is left out."""
    rules = [one for one in (*catalogue.every(Rule), *extra_rules) if in_force(one, on, view)]
    replaced = {name for rule in rules for name in rule.supersedes}
    return [one for one in rules if one.id not in replaced]


def law_of(catalogue: Catalogue, on: dt.date, view: View, extra_rules: Sequence[Rule] = ()) -> Law:
    """The law of that day, with the rules of a what-if laid over it.

    Raises:
        UnknownName: a view, a place, a quantity, a regime or a consequence that nobody knows.
        InputError: a condition that breaks the grammar.
    """
    if view not in VIEWS:
        raise UnknownName(f"unknown view {view!r}", allowed=VIEWS, nearest=nearest(view, VIEWS))
    return _law(catalogue, on, view, tuple(extra_rules)) if extra_rules else _shipped(catalogue, on, view)


@functools.lru_cache(maxsize=128)
def _shipped(catalogue: Catalogue, on: dt.date, view: View) -> Law:
    return _law(catalogue, on, view, ())


def _law(catalogue: Catalogue, on: dt.date, view: View, extra: tuple[Rule, ...]) -> Law:
    regimes = {one.id: one for one in catalogue.every(Regime)}
    definitions = {one.quantity: one for one in catalogue.every(Definition) if _holds(one.effective, one.until, on)}
    groups = {one.group: one for one in catalogue.every(Group) if _holds(one.effective, one.until, on)}
    groups |= {one.group: one for one in catalogue.every(Group) if one.group == ISO}
    _check_groups(groups)
    for definition in definitions.values():
        check_formula(definition)
    _refuse_circle("definitions", definitions, parts_of)
    events = [one for one in catalogue.every(Event) if in_force(one, on, view)]
    law = Law(
        on=on,
        view=view,
        regimes=tuple(sorted(regimes.values(), key=lambda one: (one.rank, one.id))),
        hears={one.id: parse(one.hears, frozenset(definitions)) for one in regimes.values()},
        clauses={},
        definitions=definitions,
        groups=groups,
        group_names=frozenset(one.group for one in catalogue.every(Group)),
        consequences={one.id: one for one in catalogue.every(Consequence)},
        jurisdictions={one.id: one for one in catalogue.every(Jurisdiction)},
    )
    for regime in law.regimes:
        _check_regime(regime, law)
    theirs = {one.id for one in extra}
    read: dict[str, list[Clause]] = {one: [] for one in regimes}
    for record in (*rules_in_force(catalogue, on, view, extra), *events):
        _known(record, "regime", record.regime, regimes)
        read[record.regime].append(_clause(record, law))
    # A what-if rule speaks before ours of the same rank.
    order = {
        regime: sorted(some, key=lambda one: (one.record.rank, one.id not in theirs, one.id))
        for regime, some in read.items()
    }
    return replace(law, clauses={regime: tuple(some) for regime, some in order.items()})


def _holds(effective: str, until: str | None, on: dt.date) -> bool:
    return effective <= on.isoformat() and (until is None or on.isoformat() < until)


def _clause(record: Provision, law: Law) -> Clause:
    quantities = frozenset(law.definitions)
    place = Place(record.theirs or None, None, f"rules.{record.id}")
    enforced = not (
        law.view == "enforced"
        and isinstance(record, Rule)
        and record.enforced_until is not None
        and record.enforced_until <= law.on.isoformat()
    )
    clause = Clause(
        record=record,
        binds=parse(record.binds, quantities, place),
        when=parse(record.when, quantities, place),
        item_class=record.then.item_class,
        consequence=record.then.consequence if enforced else record.then.unenforced,
        permission=record.then.permission,
        enforced=enforced,
    )
    if clause.consequence is not None:
        _known(record, "consequence", clause.consequence, law.consequences)
    for node in (clause.binds, clause.when):
        _check_leaves(record, node, law)
    return clause


def _check_leaves(record: Record, node: Node, law: Law, folder: str = "rules") -> None:
    for leaf in leaves(node):
        if leaf.subject in PLACES or leaf.subject == "designer":
            for name in leaf.value:
                _known(record, "place or group", name, law.group_names | law.codes, folder)
        elif "." in leaf.subject:
            regimes = {one.id for one in law.regimes}
            _known(record, "regime", leaf.subject.rsplit(".", 1)[0], regimes, folder)


def _check_regime(regime: Regime, law: Law) -> None:
    _known(regime, "jurisdiction", regime.jurisdiction, law.jurisdictions, "regimes")
    for word in (regime.consequence, regime.unreviewed):
        if word is not None:
            _known(regime, "consequence", word, law.consequences, "regimes")
    _check_leaves(regime, law.hears[regime.id], law, "regimes")


def _check_groups(groups: Mapping[str, Group]) -> None:
    known = groups.keys() | set(groups[ISO].members)
    for one in groups.values():
        for name in (*one.members, *one.without):
            _known(one, "place or group", name, known, "groups")
    _refuse_circle("groups", groups, lambda one: (*one.members, *one.without))


def _refuse_circle(folder: str, records: Mapping[str, Named], parts: Callable[[Named], Sequence[str]]) -> None:
    """Nothing may be made of itself, by whatever detour."""
    sound: set[str] = set()

    def follow(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            place = Place(records[name].theirs or None, None, f"{folder}.{records[name].id}")
            raise InputError(f"is made of itself: {' <- '.join((*above, name))}", place=place)
        if name in records and name not in sound:
            for part in parts(records[name]):
                follow(part, (*above, name))
            sound.add(name)

    for name in records:
        follow(name, ())


def _known(record: Record, what: str, name: str, known: Mapping[str, object] | Set[str], folder: str = "rules") -> None:
    if name not in known:
        place = Place(record.theirs or None, None, f"{folder}.{record.id}")
        raise UnknownName(f"unknown {what} {name!r}", place=place, nearest=nearest(name, list(known)))
