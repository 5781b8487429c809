"""`judge`: every item of a table against the law of a day, for one transaction."""

import datetime as dt
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polysilicon.facts import Catalogue
from polysilicon.facts.law import Regime, Rule
from polysilicon.policy.hearing import Finding, Hearing, Masks
from polysilicon.policy.items import Items
from polysilicon.policy.law import PERMISSIONS, Law, View, law_of
from polysilicon.policy.transaction import Transaction
from polysilicon.policy.vocabulary import ACTS_BY_KIND, FIELDS, FLAGS, GOODS, KINDS, STATED
from polysilicon.records.errors import InputError, UnknownName, Unsupported
from polysilicon.records.interval import Bools, Floats
from polysilicon.records.names import nearest

Codes = NDArray[np.int16]

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Opinion:
    """What one regime says of each item: codes into `classes`, `consequences` and `PERMISSIONS`."""

    regime: Regime
    classes: tuple[str, ...]
    class_code: Codes
    consequences: tuple[str, ...]
    consequence_code: Codes
    permission_code: Codes
    undetermined: Bools
    duty_share: Floats
    class_finding: Finding
    finding: Finding

    @property
    def speaks(self) -> bool:
        """Whether the regime has anything to say of any item: it classes one, or does not leave it free."""
        return not self.class_finding.within(frozenset({""})).certainly.all() or bool(self.permission_code.any())


@dataclass(frozen=True)
class Verdicts:
    """The verdict on each item, as arrays.

    `item_class` and `consequence` are those of the regime that heads the verdict; `permission` is the worst over
    every binding regime. `undetermined` marks where an input that the rules need is missing; `assumed` says that
    the day lies beyond the one up to which a law was read.
    """

    law: Law
    transaction: Transaction
    items: Items
    catalogue: Catalogue
    extra_rules: tuple[Rule, ...]
    opinions: tuple[Opinion, ...]
    heads: Codes

    def __len__(self) -> int:
        return len(self.items)

    @functools.cached_property
    def item_class(self) -> NDArray[np.str_]:
        """The class of each item, in words."""
        return self._gather([np.array(one.classes)[one.class_code] for one in self.opinions])

    @functools.cached_property
    def consequence(self) -> NDArray[np.str_]:
        """What follows for each item, in words."""
        return self._gather([np.array(one.consequences)[one.consequence_code] for one in self.opinions])

    @property
    def permission(self) -> NDArray[np.str_]:
        """What it means for a plan, one of `PERMISSIONS`."""
        return np.array(PERMISSIONS)[self.permission_code]

    @functools.cached_property
    def permission_code(self) -> Codes:
        """The worst permission over the binding regimes, and over guidance where it heads the verdict."""
        worst = np.zeros(len(self), np.int16)
        for at, one in enumerate(self.opinions):
            counts = one.regime.binding | (self.heads == at)
            worst = np.where(counts, np.maximum(worst, one.permission_code), worst)
        return worst

    @functools.cached_property
    def undetermined(self) -> Bools:
        """Where a figure that the rules need is missing."""
        return np.asarray(np.logical_or.reduce([one.undetermined for one in self.opinions]))

    @property
    def duty_share(self) -> Floats:
        """The share of the price that duties, and reported revenue shares, take."""
        return np.asarray(np.sum([one.duty_share for one in self.opinions], axis=0))

    @property
    def assumed(self) -> bool:
        """Whether the law of that day is carried forward from an earlier reading."""
        return self.law.on.isoformat() > self.known_until

    @property
    def known_until(self) -> str:
        """The day up to which the law was read by which the answer stands; a regime that is silent does not count."""
        speaking = [one for one in self.opinions if one.regime.item_class is not None or one.speaks]
        return min(self.law.jurisdictions[one.regime.jurisdiction].known_until for one in speaking or self.opinions)

    def _gather(self, words: list[NDArray[np.str_]]) -> NDArray[np.str_]:
        return words[0] if len(words) == 1 else np.choose(self.heads, words)


def judge(
    catalogue: Catalogue,
    items: Items,
    transaction: Transaction,
    on: dt.date,
    view: View = "enforced",
    extra_rules: Sequence[Rule] = (),
) -> Verdicts:
    """The verdict of the law of day `on` on every item of a table.

    `view` chooses between the law as printed (`text`) and as applied (`enforced`). `extra_rules` are what-if
    rules in the same form as ours; one may supersede ours by id.

    Raises:
        UnknownName: a region, activity, field, quantity or consequence that nobody knows.
        InputError: a condition that breaks the grammar.
        Unsupported: no regime hears such a transaction.

    Source: the records of facts/data/rules, each with its citation; three-valued logic after Kleene (1952).
    """
    law = law_of(catalogue, on, view, extra_rules)
    transaction.check(law.codes)
    _check_fields(items, law, transaction.activity)
    hearing = Hearing(law, items, transaction)
    _check_day(law, [regime for regime in law.regimes if hearing.hears(regime)])
    opinions = tuple(_opinion(hearing, regime) for regime in law.regimes if hearing.hears(regime))
    if not opinions:
        raise Unsupported(f"no body of law that was read hears an {transaction.activity} to {transaction.to!r}")
    return Verdicts(
        law=law,
        transaction=transaction,
        items=items,
        catalogue=catalogue,
        extra_rules=tuple(extra_rules),
        opinions=opinions,
        heads=_heads(opinions, len(items)),
    )


def _check_day(law: Law, heard: Sequence[Regime]) -> None:
    known = [law.jurisdictions[regime.jurisdiction] for regime in heard]
    first = min(
        (regime.known_from or law.jurisdictions[regime.jurisdiction].known_from for regime in heard), default=""
    )
    if law.on.isoformat() < first:
        names = " or ".join(sorted({one.name for one in known}))
        raise InputError(
            f"no law ({names}) was read for so early a day", found=law.on.isoformat(), allowed=f"{first} and later"
        )


def _check_fields(items: Items, law: Law, activity: str) -> None:
    known = {*FIELDS, *STATED, *law.definitions}
    for field in items.fields:
        if field not in known:
            raise UnknownName(f"items have no field {field!r}", nearest=nearest(field, known), allowed=sorted(known))
    for flag in items.flags:
        if flag not in FLAGS:
            raise UnknownName(f"items have no flag {flag!r}", nearest=nearest(flag, FLAGS), allowed=sorted(FLAGS))
    for kind in items.kind.values:
        if kind not in KINDS:
            raise UnknownName(f"unknown kind of thing {kind!r}", nearest=nearest(kind, KINDS), allowed=KINDS)
        acts = ACTS_BY_KIND.get(kind, GOODS)
        if activity not in acts:
            raise InputError(f"activity: nobody does that to a {kind}", found=activity, allowed=acts)


def _opinion(hearing: Hearing, regime: Regime) -> Opinion:
    law, count = hearing.law, len(hearing.items)
    class_finding, finding = hearing.classes(regime.id), hearing.consequences(regime)
    classes = (*class_finding.outcomes, UNKNOWN)
    class_code = _resolve(class_finding.possible, lambda options: options[0] if len(options) == 1 else len(classes) - 1)
    pairs = [tuple(outcome.split("\t")) for outcome in finding.outcomes]
    consequences = tuple(dict.fromkeys([*(word for word, _ in pairs), *law.consequences]))
    consequence_code = _resolve(
        finding.possible, lambda options: _only([consequences.index(pairs[at][0]) for at in options])
    )
    worst = PERMISSIONS.index("undetermined")
    permission_code = _resolve(
        finding.possible,
        lambda options: _only([PERMISSIONS.index(pairs[at][1]) for at in options], worst),
    )
    undetermined = (consequence_code < 0) | (class_code == len(classes) - 1)
    undetermined |= consequence_code == consequences.index(UNKNOWN)
    consequence_code = _settle(hearing, regime, finding, consequences, consequence_code)
    shares = [one.record.then.duty_share or 0.0 for one in law.ballot(regime.id)] + [0.0]
    return Opinion(
        regime=regime,
        classes=classes,
        class_code=class_code,
        consequences=consequences,
        consequence_code=consequence_code,
        permission_code=permission_code,
        undetermined=undetermined,
        duty_share=np.array(shares)[finding.by] if len(shares) > 1 else np.zeros(count),
        class_finding=class_finding,
        finding=finding,
    )


def _settle(hearing: Hearing, regime: Regime, finding: Finding, consequences: tuple[str, ...], code: Codes) -> Codes:
    """What to say where several outcomes are possible.

    If each of them asks for a licence, and the first requirement that certainly binds speaks for itself (a
    letter), it settles the matter: it stays true whatever the missing figure turns out to be.
    """
    open_cases = code < 0
    if not open_cases.any():
        return code
    law = hearing.law
    licensed = frozenset(one for one in finding.outcomes if law.consequences[one.split("\t")[0]].requires_licence)
    settled = open_cases & finding.within(licensed).certainly
    found = np.where(open_cases, np.int16(consequences.index(UNKNOWN)), code)
    for clause in law.stage(regime.id, "requirement"):
        certain = settled & hearing.applies(clause).certainly
        if clause.consequence is not None:
            found = np.where(certain, np.int16(consequences.index(clause.consequence)), found)
        settled = settled & ~certain
    return found.astype(np.int16)


def _only(options: list[int], otherwise: int = -1) -> int:
    return options[0] if len(set(options)) == 1 else otherwise


def _resolve(masks: Masks, choose: Callable[[list[int]], int]) -> Codes:
    """A code for each mask of possible outcomes; few masks differ, so each is looked at once."""
    codes = np.zeros(masks.size, np.int16)
    for mask, chosen in distinct(masks):
        codes[chosen] = choose([at for at in range(64) if mask >> at & 1])
    return codes


def distinct(masks: Masks) -> Iterator[tuple[int, Any]]:
    """Each different mask with where it stands. Faster than sorting, as there are few."""
    if masks.size and bool((masks == masks[0]).all()):
        yield int(masks[0]), slice(None)
        return
    left = np.ones(masks.size, bool)
    while left.any():
        mask = masks[int(np.argmax(left))]
        same = masks == mask
        left &= ~same
        yield int(mask), same


def _heads(opinions: Sequence[Opinion], count: int) -> Codes:
    """Which opinion heads each verdict: the first regime that classes the item."""
    heads = np.full(count, -1, np.int16)
    for at, one in enumerate(opinions):
        speaks = ~one.class_finding.within(frozenset({""})).possibly
        heads = np.where((heads < 0) & speaks, np.int16(at), heads)
    return np.where(heads < 0, np.int16(len(opinions) - 1), heads)
