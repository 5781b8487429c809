"""One hearing: every condition of the law of a day, read on arrays of items for one transaction."""

import functools
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polysilicon.facts.law import Regime
from polysilicon.policy.conditions import Branch, Leaf, Node
from polysilicon.policy.items import Items, Labels, called, named
from polysilicon.policy.law import Clause, Law
from polysilicon.policy.quantities import quantity
from polysilicon.policy.transaction import ANYWHERE, Transaction
from polysilicon.policy.vocabulary import AMOUNTS, FLAGS, LABELS, PLACES, WORDS
from polysilicon.records.interval import Interval, Truth

Masks = NDArray[np.uint64]
Places = NDArray[np.int16]

YES = Truth.of(True)
NO = Truth.of(False)


@dataclass(frozen=True)
class Finding:
    """Which outcomes are possible for each item (a bit each), and which clause speaks first for it (-1: none)."""

    outcomes: tuple[str, ...]
    possible: Masks
    by: Places

    def within(self, wanted: frozenset[str]) -> Truth:
        """Whether the outcome is one of `wanted`."""
        bits = np.uint64(sum(1 << at for at, outcome in enumerate(self.outcomes) if outcome in wanted))
        return Truth((self.possible & ~bits) == 0, (self.possible & bits) != 0)


def elect(votes: list[tuple[str, Truth]], default: str, count: int) -> Finding:
    """The outcome of the first vote that holds, item by item; all that may be where that is not certain."""
    outcomes = tuple(dict.fromkeys([*(outcome for outcome, _ in votes), default]))
    possible = np.zeros(count, np.uint64)
    by = np.full(count, -1, np.int16)
    undecided = np.ones(count, bool)
    for at, (outcome, truth) in enumerate(votes):
        if not truth.possibly.any():
            continue
        heard = undecided & truth.possibly
        possible |= np.where(heard, _bit(outcomes, outcome), np.uint64(0))
        by = np.where(heard & (by < 0), np.int16(at), by)
        undecided = undecided & ~truth.certainly
        if not undecided.any():
            return Finding(outcomes, possible, by)
    possible |= np.where(undecided, _bit(outcomes, default), np.uint64(0))
    return Finding(outcomes, possible, by)


def _bit(outcomes: tuple[str, ...], outcome: str) -> np.uint64:
    return np.uint64(1 << outcomes.index(outcome))


@dataclass
class Hearing:
    """Reads conditions for `items` and `transaction` under `law`; each answer is kept."""

    law: Law
    items: Items
    transaction: Transaction
    _applies: dict[str, Truth] = field(default_factory=dict)
    _answers: dict[Leaf, Truth] = field(default_factory=dict)
    _quantities: dict[str, Interval] = field(default_factory=dict)
    _classes: dict[str, Finding] = field(default_factory=dict)

    def hears(self, regime: Regime) -> bool:
        """Whether a regime has anything to say on this transaction."""
        return bool(self.truth(self.law.hears[regime.id], regime.id).certainly)

    def classes(self, regime: str) -> Finding:
        """The possible classes of each item under a regime; an empty word where the regime is silent."""
        if regime not in self._classes:
            default = next(one for one in self.law.regimes if one.id == regime).item_class or ""
            clauses = self.law.stage(regime, "classification")
            votes = [(clause.item_class or "", self.applies(clause)) for clause in clauses]
            self._classes[regime] = elect(votes, default, len(self.items))
        return self._classes[regime]

    def consequences(self, regime: Regime) -> Finding:
        """The possible outcomes of each item under a regime: consequence and permission, joined by a tab.

        Where an item's class is open, each class it may have is heard on its own: its outcomes are those that
        one of these hearings allows, which is narrower than reading each condition alone.
        """
        finding, classes = self._votes(regime), self.classes(regime.id)
        rows = np.flatnonzero(classes.possible & (classes.possible - np.uint64(1)))
        if rows.size == 0:
            return finding
        possible = np.zeros(rows.size, np.uint64)
        for outcome in classes.outcomes:
            may_be = classes.within(frozenset({outcome})).possibly[rows]
            if may_be.any():
                possible |= np.where(
                    may_be, self._assuming(rows, regime.id, outcome)._votes(regime).possible, np.uint64(0)
                )
        finding.possible[rows] = possible
        return finding

    def _assuming(self, rows: NDArray[np.intp], regime: str, outcome: str) -> "Hearing":
        """The same hearing of some items only, with their class taken as given."""
        twin = Hearing(self.law, self.items.take(rows), self.transaction)
        outcomes = self.classes(regime).outcomes
        settled = np.full(rows.size, _bit(outcomes, outcome))
        twin._classes[regime] = Finding(outcomes, settled, np.full(rows.size, -1, np.int16))
        return twin

    def _votes(self, regime: Regime) -> Finding:
        votes = []
        for clause in self.law.ballot(regime.id):
            consequence = clause.consequence or regime.unreviewed or regime.consequence
            votes.append((self.outcome(consequence, clause), self.applies(clause)))
        return elect(votes, self.outcome(regime.consequence), len(self.items))

    def outcome(self, consequence: str, clause: Clause | None = None) -> str:
        """A consequence with what it means for a plan."""
        permission = clause.permission if clause else None
        return f"{consequence}\t{permission or self.law.consequences[consequence].permission}"

    def applies(self, clause: Clause) -> Truth:
        """Whether a clause binds the transaction and holds for each item."""
        if clause.id not in self._applies:
            bound = self.truth(clause.binds, clause.record.regime)
            if bound.possibly.any():
                bound = bound & self.truth(clause.when, clause.record.regime)
            self._applies[clause.id] = bound
        return self._applies[clause.id]

    def truth(self, node: Node, regime: str) -> Truth:
        """A condition, element by element."""
        if isinstance(node, Leaf):
            if node not in self._answers or node.subject in ("item_class", "required_by"):
                self._answers[node] = self._answer(node, regime)
            return self._answers[node]
        return self._branch(node, regime)

    def value(self, name: str) -> Interval:
        """A defined quantity of every item."""
        if name not in self._quantities:
            self._quantities[name] = quantity(name, self.items, self.law.definitions, self.law.on)
        return self._quantities[name]

    def _branch(self, node: Branch, regime: str) -> Truth:
        if node.kind == "not":
            return ~self.truth(node.parts[0], regime)
        if node.kind == "unless_shown":
            return Truth.of(~self.truth(node.parts[0], regime).certainly)
        every = node.kind == "all"
        found = YES if every else NO
        for part in node.parts:
            truth = self.truth(part, regime)
            found = found & truth if every else found | truth
            if not found.possibly.any() if every else found.certainly.all():
                break
        return found

    def _answer(self, leaf: Leaf, regime: str) -> Truth:
        subject, test = leaf.subject, leaf.test
        if subject in PLACES:
            return self._place(subject, self.law.places(leaf.value))
        if subject in WORDS:
            return self._word(getattr(self.transaction, subject), test, leaf.value)
        if subject in LABELS:
            return self._label(subject, test, leaf.value)
        if subject in FLAGS:
            return self.items.flag(subject) if leaf.value else ~self.items.flag(subject)
        if subject in AMOUNTS:
            said: float | None = getattr(self.transaction, subject)
            return NO if said is None else Truth.of(getattr(Interval.exactly(said), test)(leaf.value).certainly)
        if subject.rsplit(".", 1)[-1] == "item_class":
            whose = subject.rsplit(".", 1)[0] if "." in subject else regime
            return self.classes(whose).within(frozenset(leaf.value))
        if subject == "required_by":
            return functools.reduce(Truth.__or__, self._requirements(leaf.value, regime), NO)
        truth: Truth = getattr(self.value(subject), test)(leaf.value)
        return truth

    def _requirements(self, names: tuple[str, ...], regime: str) -> list[Truth]:
        """The requirements named; one that a what-if rule supersedes is answered by its successor."""
        return [
            self.applies(clause)
            for clause in self.law.clauses.get(regime, ())
            if clause.id in names or not set(getattr(clause.record, "supersedes", ())).isdisjoint(names)
        ]

    def _place(self, subject: str, codes: frozenset[str]) -> Truth:
        code = self.transaction.place(subject)
        if code is None:
            # An origin that is not said may be any; no onward destination means that there is none.
            return Truth.unknown() if subject == "exported_from" else NO
        if code == ANYWHERE:
            # What leaves a country may go to any other.
            open_to = self.law.codes - {self.transaction.exported_from}
            return Truth(np.asarray(open_to <= codes), np.asarray(bool(open_to & codes)))
        return Truth.of(code in codes)

    def _word(self, word: str | None, test: str, wanted: object) -> Truth:
        if test == "given":
            return Truth.of(bool(word) is wanted)
        if not word or not isinstance(wanted, tuple):
            return NO
        if test == "exactly":
            # A right is not given to a name that only contains one that has it, nor certainly refused to it.
            return Truth(np.asarray(called(word, wanted)), np.asarray(named(word, wanted)))
        return Truth.of(word in wanted if test == "in" else named(word, wanted))

    def _label(self, subject: str, test: str, wanted: tuple[str, ...]) -> Truth:
        labels: Labels = getattr(self.items, subject)
        if test == "named":
            return labels.where([named(word, wanted) for word in labels.values])
        allowed = self.law.places(wanted) if subject == "designer" else frozenset(wanted)
        folded = {one.casefold() for one in allowed}
        return labels.where([word.casefold() in folded for word in labels.values])
