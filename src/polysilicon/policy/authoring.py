"""Help for authors of rules: each rule of a user's file read in full and tried on the days on which it turns."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from polysilicon.facts import Catalogue, load
from polysilicon.facts.law import Regime, Rule
from polysilicon.policy.conditions import Node, leaves
from polysilicon.policy.law import View, in_force, law_of, starts
from polysilicon.records.dates import day
from polysilicon.records.errors import InputError, Place, UnknownName
from polysilicon.records.names import nearest
from polysilicon.records.table import Table

VIEWS: tuple[View, ...] = ("enforced", "text")


def tried(catalogue: Catalogue) -> Table:
    """The user's rules in a catalogue with their file laid over it: when each speaks, and the words it asks for.

    Reading a rule checks its words, places, quantities and consequence; here also the order of its dates, that its
    stage gives what it is for, and that its regime exists, on the first and last day on which it speaks.

    Raises:
        InputError: a rule that can't be right; or the file holds none.
    """
    rules = [one for one in catalogue.every(Rule) if one.theirs]
    if not rules:
        raise InputError("holds no rules", remedy="write them below `rules:`, one record each")
    asked = []
    for rule in rules:
        _check_dates(rule)
        _check_stage(rule)
        _check_ids(catalogue, rule)
        _check_lines(rule, rule.when)
        _check_lines(rule, rule.binds)
        asked.append(
            ", ".join(sorted({leaf.subject for node in _conditions(catalogue, rule) for leaf in leaves(node)}))
        )
    return Table(
        f"{len(rules)} rules read, each tried on its days",
        {
            "id": [one.id for one in rules],
            "regime": [one.regime for one in rules],
            "stage": [one.stage for one in rules],
            "gives": [one.then.item_class or one.then.consequence or "" for one in rules],
            "text_from": [starts(one, "text") for one in rules],
            "enforced_from": [starts(one, "enforced") for one in rules],
            "until": [one.until or "" for one in rules],
            "asks_for": asked,
        },
    )


def _conditions(catalogue: Catalogue, rule: Rule) -> Iterator[Node]:
    """The rule as the law of the days on which it turns reads it: any word nobody knows is refused there."""
    if rule.regime not in catalogue.ids(Regime):
        # The law's own reading says so with the nearest name.
        law_of(catalogue, day(rule.effective), "text")
    for view in VIEWS:
        days = [day(starts(rule, view))]
        days += [day(rule.until) - dt.timedelta(days=1)] if rule.until else []
        for on in days:
            if in_force(rule, on, view):
                clauses = law_of(catalogue, on, view).clauses[rule.regime]
                yield from (node for one in clauses if one.id == rule.id for node in (one.binds, one.when))


def _check_dates(rule: Rule) -> None:
    order = [
        (name, text)
        for name in ("released", "published", "effective", "compliance", "until")
        if (text := getattr(rule, name)) is not None
    ]
    for text in dict(order).values():
        day(text)
    if rule.until is not None and rule.until <= rule.effective:
        raise _fault(rule, "until", "it ends before it begins", rule.until, f"a day after {rule.effective}")
    if rule.compliance is not None and rule.compliance < rule.effective:
        raise _fault(
            rule, "compliance", "it is applied before it takes effect", rule.compliance, f"{rule.effective} or later"
        )


def _check_stage(rule: Rule) -> None:
    gives = rule.then
    if rule.stage == "classification" and gives.item_class is None:
        raise _fault(rule, "then", "a classification gives a class", None, "{item_class: ...}")
    if rule.stage == "notice" and gives.consequence is not None:
        raise _fault(rule, "then", "a notice decides nothing", gives.consequence, "no consequence, or another stage")
    if rule.stage not in ("classification", "notice", "requirement") and gives.consequence is None:
        raise _fault(rule, "then", f"a {rule.stage} gives a consequence", None, "{consequence: ...}")
    if rule.stage != "classification" and gives.item_class is not None:
        raise _fault(rule, "then", "only a classification gives a class", gives.item_class, "{consequence: ...}")


def _check_ids(catalogue: Catalogue, rule: Rule) -> None:
    """Rules that a rule names exist, and it does not take the place of one of ours without saying so."""
    known = catalogue.ids(Rule)
    for name in (*rule.supersedes, *_asked_for(rule.when)):
        if name not in known:
            place = Place(rule.theirs or None, None, f"rules.{rule.id}")
            raise UnknownName(f"no rule is called {name!r}", place=place, nearest=nearest(name, known))
    if rule.overridden or rule.id in load().ids(Rule):
        raise _fault(rule, "id", "is a rule of the catalogue", rule.id, "an id of your own, and supersedes: [...]")


def _asked_for(tree: Any) -> Iterator[str]:
    if isinstance(tree, list):
        for part in tree:
            yield from _asked_for(part)
    elif isinstance(tree, dict):
        for name, inner in tree.items():
            if name == "required_by" and isinstance(inner, dict):
                yield from inner.get("in", [])
            else:
                yield from _asked_for(inner)


def _check_lines(rule: Rule, tree: Any) -> None:
    """A figure can lie between the two ends of each pair of lines, and none is negative."""
    if isinstance(tree, list):
        for part in tree:
            _check_lines(rule, part)
    elif isinstance(tree, dict):
        for name, inner in tree.items():
            lines = inner if isinstance(inner, dict) else {}
            low = [value for test, value in lines.items() if test in ("at_least", "above")]
            high = [value for test, value in lines.items() if test in ("at_most", "below")]
            numbers = [one for one in (*low, *high) if isinstance(one, int | float)]
            if any(one < 0 for one in numbers):
                raise _fault(rule, name, "no quantity is negative", lines, "0 or more")
            if low and high and type(low[0]) is type(high[0]) and low[0] >= high[0]:
                raise _fault(rule, name, "nothing lies between these lines", lines, "the lower one first")
            _check_lines(rule, inner)


def _fault(rule: Rule, field: str, problem: str, found: object, allowed: str) -> InputError:
    place = Place(rule.theirs or None, None, f"rules.{rule.id}.{field}")
    return InputError(problem, place=place, found=found, allowed=allowed)
