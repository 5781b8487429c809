"""The grammar of conditions: trees of `all, any, not` over leaves, each a subject and what is asked of it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from polysilicon.policy.vocabulary import AMOUNTS, FINDINGS, FLAGS, LABELS, PLACES, WORDS
from polysilicon.records.dates import day
from polysilicon.records.errors import InputError, Place, UnknownName
from polysilicon.records.names import nearest

BRANCHES = ("all", "any", "not", "unless_shown")
COMPARISONS = ("at_least", "above", "at_most", "below")
TESTS = (*COMPARISONS, "in", "named", "exactly", "given", "is")


@dataclass(frozen=True)
class Leaf:
    """One question: `subject` (a defined quantity, or a word of the item or transaction), `test`, `value`."""

    subject: str
    test: str
    value: Any


@dataclass(frozen=True)
class Branch:
    """`all` or `any` of its parts; `not` of its only part; `unless_shown`: presumed until its part certainly holds."""

    kind: Literal["all", "any", "not", "unless_shown"]
    parts: tuple["Node", ...]


Node = Leaf | Branch
ALWAYS = Branch("all", ())


def parse(tree: dict[str, Any], quantities: frozenset[str], place: Place | None = None) -> Node:
    """The condition that `tree` writes down; an empty tree always holds.

    Raises:
        UnknownName: a subject that is no defined quantity and no word of items or transactions.
        InputError: a test that does not exist or does not fit its subject.
    """
    if not tree:
        return ALWAYS
    try:
        return _node(tree, quantities)
    except InputError as complaint:
        raise complaint.at(place or Place()) from None


def leaves(node: Node) -> Iterator[Leaf]:
    """Every question of a condition, in the order it is written."""
    if isinstance(node, Leaf):
        yield node
    else:
        for part in node.parts:
            yield from leaves(part)


def _node(tree: Any, quantities: frozenset[str]) -> Node:
    if not isinstance(tree, dict) or not tree:
        raise InputError("a condition is a table such as {tpp: {at_least: 4800}}", found=tree)
    parts: list[Node] = []
    for name, inner in tree.items():
        if name in ("all", "any"):
            if not isinstance(inner, list) or not inner:
                raise InputError(f"{name!r} needs a list of conditions", found=inner)
            parts.append(Branch(name, tuple(_node(one, quantities) for one in inner)))
        elif name in ("not", "unless_shown"):
            parts.append(Branch(name, (_node(inner, quantities),)))
        else:
            parts.extend(_leaf(name, test, value, quantities) for test, value in _tests(name, inner).items())
    return parts[0] if len(parts) == 1 else Branch("all", tuple(parts))


def _tests(name: str, inner: Any) -> dict[str, Any]:
    if not isinstance(inner, dict) or not inner:
        raise InputError(f"{name!r} needs a test", found=inner, allowed=TESTS)
    return inner


def _leaf(subject: str, test: str, value: Any, quantities: frozenset[str]) -> Leaf:
    known = {*PLACES, *WORDS, *LABELS, *FINDINGS, *FLAGS, *AMOUNTS, *quantities}
    bare = subject.rsplit(".", 1)[-1]
    if bare not in known or (bare != subject and bare != "item_class"):
        raise UnknownName(
            f"no quantity or attribute is called {subject!r}", nearest=nearest(subject, known), allowed=sorted(known)
        )
    fitting = _fitting(bare, quantities)
    if test not in TESTS:
        raise UnknownName(f"unknown test {test!r} of {subject}", allowed=fitting, nearest=nearest(test, fitting))
    if test not in fitting:
        raise InputError(f"{subject} can't be asked {test!r}", allowed=fitting)
    if not _is_asked_well(test, value):
        raise InputError(f"{subject}: {test} needs {_needed(test)}", found=value)
    if test in COMPARISONS and isinstance(value, str):
        return Leaf(subject, test, float(day(value).toordinal()))
    return Leaf(subject, test, tuple(value) if isinstance(value, list) else value)


def _is_asked_well(test: str, value: Any) -> bool:
    if test in COMPARISONS:
        if isinstance(value, str):
            return _is_day(value)
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if test in ("given", "is"):
        return isinstance(value, bool)
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _needed(test: str) -> str:
    if test in COMPARISONS:
        return "a number, or a day written YYYY-MM-DD"
    return "true or false" if test in ("given", "is") else "a list of words"


def _is_day(text: str) -> bool:
    try:
        day(text)
    except InputError:
        return False
    return True


def _fitting(subject: str, quantities: frozenset[str]) -> tuple[str, ...]:
    if subject in quantities or subject in AMOUNTS:
        return COMPARISONS
    if subject in FLAGS:
        return ("is",)
    if subject in PLACES or subject in FINDINGS:
        return ("in",)
    return ("in", "named") if subject in LABELS else ("in", "named", "exactly", "given")
