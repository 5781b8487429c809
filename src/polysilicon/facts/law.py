"""The law as dated data: rules, the quantities they name, the sets of places they bind, and what happened.

A provision (rule or event) belongs to a *regime*: one law-giver's body of law on one kind of act, such as US
export control or the Chinese import side. Within a regime the stages follow each other: the item's class, the
licence requirement, the review policy, exceptions; beside them prohibitions that no exception cures, duties,
guidance that is not law, events (what was granted or reported), and notices (what stands on record and decides
nothing by itself). A proposal is law that does not exist: only a what-if makes it speak.
"""

from typing import Annotated, Any, Literal

import msgspec

from polysilicon.facts.record import Count, Day, Ratio, Record

Stage = Literal[
    "classification", "requirement", "review", "exception", "prohibition", "duty", "guidance", "event", "notice"
]
Permission = Literal[
    "free",
    "exception",
    "licence_likely",
    "licence_case_by_case",
    "undetermined",
    "licence_denied",
    "blocked",
]
Exact = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class Cap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A limit of volume: so many `units` of a thing, or at most a `share` of another volume; `of` says which."""

    of: str
    units: Count | None = None
    share: Ratio | None = None


class Then(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What follows where a condition holds.

    A classification gives `item_class`; any other stage a `consequence`, or nothing where a requirement leaves
    it to the review policy. `unenforced` stands in its place once the provision is no longer enforced.
    `permission` overrides what the consequence usually means for a plan; `duty_share` is a share of the price;
    `cap` limits how much.
    """

    item_class: str | None = None
    consequence: str | None = None
    unenforced: str | None = None
    permission: Permission | None = None
    duty_share: Ratio | None = None
    cap: Cap | None = None


class Provision(Record, frozen=True, kw_only=True):
    """A dated condition and what follows from it, in force from `effective` up to, not including, `until`.

    `binds` is a tree over the transaction (who, where to, what for), `when` a tree over the item: `all`, `any`,
    `not` over leaves such as `{tpp: {at_least: 1600, below: 4800}}`, `{to: {in: [D:5, MO]}}`,
    `{name: {named: [H20]}}`. Within a stage the lower `rank` speaks first.
    """

    regime: str
    stage: Stage
    citation: str
    effective: Exact
    until: Exact | None = None
    still_valid_on: Day | None = None
    rank: Annotated[int, msgspec.Meta(ge=0)] = 50
    binds: dict[str, Any] = {}
    when: dict[str, Any] = {}
    then: Then = Then()
    conditions: tuple[str, ...] = ()


class Rule(Provision, frozen=True, kw_only=True):
    """One dated provision of law or guidance.

    `compliance` is the day from which it is applied where that is later than `effective`: the enforced view
    starts there, the text view at `effective`. From `enforced_until` on it is printed but not enforced.
    `supersedes` names rules that it replaces while it is in force: how a what-if rule changes the law.
    """

    instrument: str
    released: Exact | None = None
    published: Exact | None = None
    compliance: Exact | None = None
    enforced_until: Exact | None = None
    supersedes: tuple[str, ...] = ()


class Event(Provision, frozen=True, kw_only=True):
    """Something that was granted, reported or announced. It can change what to expect, never what the text says."""

    happened: Day
    what: str


class Proposal(Record, frozen=True, kw_only=True):
    """A bill or draft that is not in force: where it stood when last seen, and what it would do.

    `rules` are what-if rules, without dates of their own, where its lines are known; they speak from the day that
    a question supposes.
    """

    name: str
    jurisdiction: str
    status: str
    seen: Day
    words: str
    citation: str
    rules: tuple[dict[str, Any], ...] = ()


class Definition(Record, frozen=True, kw_only=True):
    """A quantity that rules name (`tpp`, `performance_density`), as a dated formula over an item's fields.

    The formula is one of `{field: name}`, `{sum: [..]}`, `{ratio: [over, under]}`, `{years_since: day}`, or
    `{greatest_published: {field: factor}}`, the largest of the products whose field is published.
    """

    quantity: str
    unit: str
    effective: Exact
    until: Exact | None = None
    citation: str
    formula: dict[str, Any]


class Group(Record, frozen=True, kw_only=True):
    """A dated set of places, such as Country Group D:5: ISO 3166-1 alpha-2 codes, or names of other groups."""

    group: str
    effective: Exact
    until: Exact | None = None
    citation: str
    members: tuple[str, ...]
    without: tuple[str, ...] = ()


class Regime(Record, frozen=True, kw_only=True):
    """One law-giver's body of law on one kind of act.

    `hears` is a tree over the transaction. Where several regimes hear one, the first by `rank` that classes the
    item heads the verdict. `item_class` and `consequence` are what holds where no provision speaks (no
    `item_class`: the regime then has nothing to say); `unreviewed` is a requirement without a known review
    policy. `binding` is false for guidance that no official text carries. `known_from` is the day from which its
    law was read, where that is later than its jurisdiction's.
    """

    jurisdiction: str
    name: str
    rank: Annotated[int, msgspec.Meta(ge=0)]
    hears: dict[str, Any]
    item_class: str | None = None
    consequence: str
    unreviewed: str | None = None
    binding: bool = True
    known_from: Exact | None = None


class Consequence(Record, frozen=True, kw_only=True):
    """A token that verdicts use: in words, and what it means for a plan."""

    words: str
    permission: Permission
    requires_licence: bool = False


class Jurisdiction(Record, frozen=True, kw_only=True):
    """A law-giver, and the last day up to which its law was read. Later days carry the law forward, `assumed`."""

    name: str
    known_from: Exact
    known_until: Exact
