"""The law as dated data: rules, the quantities they name, the sets of places they bind, and what happened."""

from typing import Any, Literal

from polysilicon.facts.record import Day, Record

Stage = Literal["classification", "requirement", "review", "exception", "duty"]


class Rule(Record, frozen=True, kw_only=True):
    """One dated provision: who and where it binds, a condition tree, a consequence.

    In force from `effective` (included) to `until` (not included). `when` is a tree of `all, any, not` over
    leaves `{<quantity or attribute>: {at_least | above | at_most | below | in: ...}}`; `then` is the consequence.
    """

    jurisdiction: str
    stage: Stage
    instrument: str
    citation: str
    released: Day | None = None
    published: Day | None = None
    effective: Day
    compliance: Day | None = None
    until: Day | None = None
    still_valid_on: Day | None = None
    enforced: bool = True
    binds: dict[str, Any] = {}
    when: dict[str, Any] = {}
    then: dict[str, Any]


class Definition(Record, frozen=True, kw_only=True):
    """A quantity that rules name (`tpp`, `performance_density`), as a dated formula over chip fields."""

    quantity: str
    unit: str
    effective: Day
    until: Day | None = None
    citation: str
    formula: dict[str, Any]


class Group(Record, frozen=True, kw_only=True):
    """A dated set of places, such as Country Group D:5. Members are ISO 3166-1 alpha-2 codes."""

    group: str
    effective: Day
    until: Day | None = None
    citation: str
    members: tuple[str, ...]


class Event(Record, frozen=True, kw_only=True):
    """Something that was granted, reported or announced: an event, not a rule."""

    jurisdiction: str
    happened: Day
    what: str
    concerns: tuple[str, ...] = ()


class Jurisdiction(Record, frozen=True, kw_only=True):
    """A law-giver, and the last day up to which its law was read. Later days carry the law forward, `assumed`."""

    name: str
    known_until: Day
