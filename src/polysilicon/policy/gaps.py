"""Which missing figures and facts leave a verdict open."""

from collections.abc import Iterator, Mapping

import numpy as np

from polysilicon.policy.conditions import COMPARISONS, Leaf, Node
from polysilicon.policy.hearing import Hearing
from polysilicon.policy.judge import Verdicts
from polysilicon.policy.verdict import answer_of
from polysilicon.policy.vocabulary import FINDINGS


def missing(hearing: Hearing, one: Verdicts) -> tuple[str, ...]:
    """The fields and facts whose absence leaves a rule open; not those that another answer makes idle."""
    missing: dict[str, None] = {}
    for opinion in one.opinions:
        for clause in hearing.law.clauses[opinion.regime.id]:
            if answer_of(hearing.applies(clause)) != "undetermined":
                continue
            regime = clause.record.regime
            for leaf in (*_open(clause.binds, hearing, regime), *_open(clause.when, hearing, regime)):
                if leaf.test in COMPARISONS:
                    missing |= dict.fromkeys(_gaps(leaf.subject, hearing))
                elif leaf.subject.rsplit(".")[-1] not in FINDINGS:
                    missing[leaf.subject] = None
    return tuple(missing)


def _open(node: Node, hearing: Hearing, regime: str) -> Iterator[Leaf]:
    """The questions on which an undetermined condition hangs."""
    if answer_of(hearing.truth(node, regime)) != "undetermined":
        return
    if isinstance(node, Leaf):
        yield node
    else:
        for part in node.parts:
            yield from _open(part, hearing, regime)


def _gaps(name: str, hearing: Hearing) -> list[str]:
    """What is not known exactly of all that a quantity rests on."""
    if np.all(hearing.value(name).known):
        return []
    definition = hearing.law.definitions.get(name)
    if definition is None or name in hearing.items.fields:
        return [name]
    formula = definition.formula
    if "field" in formula or "years_since" in formula:
        return [formula.get("field") or formula["years_since"]]
    if "greatest_published" in formula:
        return _doubtful(name, formula["greatest_published"], hearing)
    parts: list[str] = formula.get("ratio") or formula.get("sum") or []
    return [gap for part in parts for gap in _gaps(part, hearing)] or [name]


def _doubtful(name: str, factors: Mapping[str, float], hearing: Hearing) -> list[str]:
    """The published rates whose range reaches the greatest product; the quantity itself where none is published."""
    floor = float(np.ravel(hearing.value(name).lo)[0])
    open_rates = []
    for field, factor in factors.items():
        rate = hearing.value(field)
        reaches = np.isfinite(rate.hi) & (rate.hi * factor > floor) & (rate.lo < rate.hi)
        if reaches.any():
            open_rates.append(field)
    return open_rates or [name]
