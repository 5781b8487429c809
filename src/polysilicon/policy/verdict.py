"""One verdict, explained: rules looked at, figures read, margins, what would flip it, how far to trust it."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.facts.law import Permission, Rule
from polysilicon.facts.record import CONFIDENCES, Confidence
from polysilicon.policy.conditions import COMPARISONS, Leaf, leaves
from polysilicon.policy.hearing import Hearing
from polysilicon.policy.items import Items
from polysilicon.policy.judge import Opinion, Verdicts, judge
from polysilicon.policy.law import Clause, View
from polysilicon.policy.quantities import fields_of
from polysilicon.policy.transaction import Transaction
from polysilicon.records.errors import InputError
from polysilicon.records.interval import Truth

Answer = Literal["yes", "no", "undetermined"]

NOTICE = "This is a reading of published rules by a program, not legal advice."


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One question that a rule asked: the figure (or word) it read, the line, and how far from it.

    `margin` is the figure less the limit, `margin_pct` the same as a share of the limit; both are missing where
    the figure is not known exactly.
    """

    subject: str
    test: str
    limit: Any
    low: float | None = None
    high: float | None = None
    word: str | None = None
    unit: str = ""
    holds: Answer
    margin: float | None = None
    margin_pct: float | None = None


class RuleFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One rule or event that was looked at: whether it binds and applies, and what it read."""

    id: str
    regime: str
    stage: str
    instrument: str
    citation: str
    confidence: Confidence
    effective: str
    until: str | None
    enforced: bool
    binds: Answer
    applies: Answer
    gives: str | None
    readings: tuple[Reading, ...]
    conditions: tuple[str, ...] = ()
    notes: str = ""


class Flip(msgspec.Struct, frozen=True, kw_only=True):
    """What another figure would change: `quantity` moved just across a line, all else equal."""

    quantity: str
    to: float
    just: Literal["at", "above", "below"]
    change: float | None
    change_pct: float | None
    item_class: str
    consequence: str


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """A field of the item that a rule's quantity rests on."""

    field: str
    low: float | None
    high: float | None
    confidence: str = ""
    sources: tuple[str, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of the law of one day on one item and one transaction."""

    item: str
    transaction: dict[str, str]
    on: str
    view: str
    item_class: str
    consequence: str
    words: str
    permission: Permission
    regime: str
    decided_by: tuple[str, ...]
    citations: tuple[str, ...]
    confidence: Confidence
    undetermined: bool
    could_be: tuple[str, ...]
    missing: tuple[str, ...]
    assumed: bool
    known_until: str
    duty_share: float
    conditions: tuple[str, ...]
    presumed: tuple[str, ...]
    also: dict[str, str]
    inputs: tuple[Input, ...]
    findings: tuple[RuleFinding, ...]
    flips: tuple[Flip, ...]
    catalogue: str
    notice: str = NOTICE

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `--json` prints it."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


def verdict(
    catalogue: Catalogue,
    chip: str | Chip,
    transaction: Transaction,
    on: dt.date,
    view: View = "enforced",
    extra_rules: Sequence[Rule] = (),
) -> Verdict:
    """The explained verdict on one chip of the catalogue.

    Raises:
        UnknownName: no chip is called so; and as `judge`.
    """
    return explain(judge(catalogue, Items.from_chips(catalogue, [chip]), transaction, on, view, extra_rules), 0)


def explain(verdicts: Verdicts, index: int) -> Verdict:
    """Everything behind the verdict on one item.

    Raises:
        InputError: no such item.
    """
    if not 0 <= index < len(verdicts):
        raise InputError("no such item", found=index, allowed=f"0 to {len(verdicts) - 1}")
    law = verdicts.law
    one = judge(
        verdicts.catalogue,
        verdicts.items.take([index]),
        verdicts.transaction,
        law.on,
        law.view,
        verdicts.extra_rules,
    )
    hearing = Hearing(law, one.items, one.transaction)
    head = one.opinions[int(one.heads[0])]
    findings = tuple(_findings(hearing, one))
    deciding = tuple(_deciding(hearing, head))
    known_until = min(law.jurisdictions[opinion.regime.jurisdiction].known_until for opinion in one.opinions)
    consequence = str(one.consequence[0])
    return Verdict(
        item=one.items.ids[0] or one.items.name[0],
        transaction={name: value for name, value in vars(one.transaction).items() if value is not None},
        on=law.on.isoformat(),
        view=law.view,
        item_class=str(one.item_class[0]),
        consequence=consequence,
        words=law.consequences[consequence].words,
        permission=one.permission[0],
        regime=head.regime.name,
        decided_by=tuple(clause.id for clause in deciding),
        citations=tuple(dict.fromkeys(clause.record.citation for clause in deciding)),
        confidence=weakest([clause.record.confidence for clause in deciding] or [head.regime.confidence]),
        undetermined=bool(one.undetermined[0]),
        could_be=tuple(_could_be(head)) if one.undetermined[0] else (),
        missing=_missing(findings, hearing) if one.undetermined[0] else (),
        assumed=one.assumed,
        known_until=known_until,
        duty_share=float(one.duty_share[0]),
        conditions=tuple(text for clause in deciding for text in clause.record.conditions),
        presumed=tuple(_presumed(one)),
        also={opinion.regime.id: _says(opinion) for opinion in one.opinions if opinion is not head},
        inputs=tuple(_inputs(findings, one)),
        findings=findings,
        flips=tuple(_flips(one, findings)),
        catalogue=one.catalogue.hash,
    )


def weakest(confidences: Sequence[Confidence]) -> Confidence:
    """The least trusted of several confidences."""
    return max(confidences, key=CONFIDENCES.index)


def _answer(truth: Truth) -> Answer:
    if np.all(truth.certainly):
        return "yes"
    return "undetermined" if np.any(truth.possibly) else "no"


def _findings(hearing: Hearing, one: Verdicts) -> Iterator[RuleFinding]:
    for opinion in one.opinions:
        for clause in hearing.law.clauses[opinion.regime.id]:
            record = clause.record
            binds = hearing.truth(clause.binds, record.regime)
            yield RuleFinding(
                id=clause.id,
                regime=record.regime,
                stage=record.stage,
                instrument=str(getattr(record, "instrument", "") or getattr(record, "what", "")),
                citation=record.citation,
                confidence=record.confidence,
                effective=record.effective,
                until=record.until,
                enforced=clause.enforced,
                binds=_answer(binds),
                applies=_answer(hearing.applies(clause)),
                gives=clause.item_class or clause.consequence,
                readings=tuple(_readings(clause, hearing)) if binds.possibly.any() else (),
                conditions=record.conditions,
                notes=record.notes,
            )


def _readings(clause: Clause, hearing: Hearing) -> Iterator[Reading]:
    for leaf in dict.fromkeys((*leaves(clause.binds), *leaves(clause.when))):
        truth = hearing.truth(leaf, clause.record.regime)
        if leaf.test in COMPARISONS:
            yield _measured(leaf, truth, hearing)
        else:
            yield Reading(
                subject=leaf.subject,
                test=leaf.test,
                limit=list(leaf.value) if isinstance(leaf.value, tuple) else leaf.value,
                word=_word(leaf, hearing, clause.record.regime),
                holds=_answer(truth),
            )


def _measured(leaf: Leaf, truth: Truth, hearing: Hearing) -> Reading:
    value = hearing.value(leaf.subject)
    low, high = float(np.ravel(value.lo)[0]), float(np.ravel(value.hi)[0])
    margin = low - leaf.value if low == high else None
    definition = hearing.law.definitions.get(leaf.subject)
    return Reading(
        subject=leaf.subject,
        test=leaf.test,
        limit=leaf.value,
        low=low if np.isfinite(low) else None,
        high=high if np.isfinite(high) else None,
        word="undefined" if np.isnan(low) else None,
        unit=definition.unit if definition else "",
        holds=_answer(truth),
        margin=margin,
        margin_pct=100.0 * margin / leaf.value if margin is not None and leaf.value else None,
    )


def _word(leaf: Leaf, hearing: Hearing, regime: str) -> str | None:
    subject, items = leaf.subject, hearing.items
    if subject in ("vendor", "designer", "kind", "name"):
        return getattr(items, subject)[0] or "not stated"
    if subject == "datacenter":
        return _answer(items.datacenter)
    if subject.rsplit(".", 1)[-1] == "item_class":
        finding = hearing.classes(subject.rsplit(".", 1)[0] if "." in subject else regime)
        return " or ".join(_options(finding.outcomes, int(finding.possible[0])))
    if subject == "required_by":
        return None
    return hearing.transaction.place(subject)


def _options(outcomes: Sequence[str], mask: int) -> list[str]:
    return [outcome for at, outcome in enumerate(outcomes) if mask >> at & 1]


def _deciding(hearing: Hearing, head: Opinion) -> Iterator[Clause]:
    """The clauses that the verdict rests on: the class, the requirement it needs, and what spoke last."""
    law, regime = hearing.law, head.regime.id
    at_class, at_consequence = int(head.class_finding.by[0]), int(head.finding.by[0])
    if at_class >= 0:
        yield law.stage(regime, "classification")[at_class]
    if at_consequence >= 0:
        spoke = law.ballot(regime)[at_consequence]
        if spoke.record.stage not in ("requirement", "prohibition"):
            yield from (one for one in law.stage(regime, "requirement") if hearing.applies(one).certainly.all())
        yield spoke


def _could_be(head: Opinion) -> Iterator[str]:
    yield from (f"class {one}" for one in _options(head.class_finding.outcomes, int(head.class_finding.possible[0])))
    options = _options(head.finding.outcomes, int(head.finding.possible[0]))
    yield from dict.fromkeys(one.split("\t")[0] for one in options)


def _missing(findings: Sequence[RuleFinding], hearing: Hearing) -> tuple[str, ...]:
    """The fields and facts whose absence leaves a rule open."""
    missing: dict[str, None] = {}
    for finding in findings:
        if finding.applies != "undetermined":
            continue
        for reading in finding.readings:
            if reading.holds == "undetermined" and reading.test in COMPARISONS:
                fields = fields_of(reading.subject, hearing.law.definitions)
                missing |= dict.fromkeys(_unknown(reading.subject, fields, hearing))
            elif reading.holds == "undetermined" and reading.subject.rsplit(".")[-1] not in (
                "item_class",
                "required_by",
            ):
                missing[reading.subject] = None
    return tuple(missing)


def _unknown(subject: str, fields: Sequence[str], hearing: Hearing) -> list[str]:
    if len(fields) > 2:
        return [subject]
    gaps = [one for one in fields if not np.all(hearing.value(one).known) and one in hearing.items.fields]
    return gaps or [one for one in fields if one not in hearing.items.fields] or [subject]


def _presumed(one: Verdicts) -> Iterator[str]:
    """What was taken for granted because the question did not say it."""
    if one.transaction.headquarters is None:
        yield f"the party and its ultimate parent have their headquarters in {one.transaction.to}"
    if one.transaction.party is None:
        yield "no party to the transaction is named in a rule or on a list"
    if not one.items.designer[0]:
        yield "the designer is headquartered outside Macau and Country Group D:5"
    if one.assumed:
        yield "the law is carried forward from the last day up to which it was read"


def _says(opinion: Opinion) -> str:
    return f"{opinion.classes[int(opinion.class_code[0])]}: {opinion.consequences[int(opinion.consequence_code[0])]}"


def _inputs(findings: Sequence[RuleFinding], one: Verdicts) -> Iterator[Input]:
    asked = {
        reading.subject: None for finding in findings for reading in finding.readings if reading.test in COMPARISONS
    }
    fields = dict.fromkeys(field for subject in asked for field in (subject, *fields_of(subject, one.law.definitions)))
    record = one.catalogue.get(Chip, one.items.ids[0]) if one.items.catalogued else None
    for field in fields:
        column = one.items.fields.get(field)
        if column is None or (
            not np.isfinite(np.ravel(column.hi)[0]) and len(fields) > 2 and field.endswith(("flops", "tops"))
        ):
            continue
        low, high = float(np.ravel(column.lo)[0]), float(np.ravel(column.hi)[0])
        origin = record.origin(field) if record is not None and np.isfinite(high) else None
        yield Input(
            field=field,
            low=low if np.isfinite(high) else None,
            high=high if np.isfinite(high) else None,
            confidence=(origin.confidence or "") if origin else "" if np.isfinite(high) else "unknown",
            sources=origin.sources if origin else (),
        )


def _flips(one: Verdicts, findings: Sequence[RuleFinding]) -> Iterator[Flip]:
    """Twins of the item with one quantity moved just across one line, judged together; those that differ."""
    lines = {
        (reading.subject, float(reading.limit), reading.test, reading.low, reading.holds)
        for finding in findings
        for reading in finding.readings
        if reading.test in COMPARISONS and reading.margin is not None
    }
    before = (str(one.item_class[0]), str(one.consequence[0]))
    seen: set[tuple[str, float, str]] = set()
    for subject, limit, test, value, holds in sorted(
        lines, key=lambda line: (line[0], abs((line[3] or 0.0) - line[1]))
    ):
        to, just = _across(limit, test, holds)
        if (subject, limit, just) in seen:
            continue
        seen.add((subject, limit, just))
        twin = judge(
            one.catalogue, _moved(one.items, subject, to), one.transaction, one.law.on, one.law.view, one.extra_rules
        )
        after = (str(twin.item_class[0]), str(twin.consequence[0]))
        if after != before:
            change = limit - (value or 0.0)
            yield Flip(
                quantity=subject,
                to=limit,
                just=just,
                change=change,
                change_pct=100.0 * change / value if value else None,
                item_class=after[0],
                consequence=after[1],
            )


def _across(limit: float, test: str, holds: Answer) -> tuple[float, Literal["at", "above", "below"]]:
    """The value that turns the answer over, next to the limit."""
    over = (test in ("at_least", "above")) != (holds == "yes")
    if over:
        return (limit, "at") if test in ("at_least", "below") else (float(np.nextafter(limit, np.inf)), "above")
    return (float(np.nextafter(limit, -np.inf)), "below") if test in ("at_least", "below") else (limit, "at")


def _moved(items: Items, subject: str, to: float) -> Items:
    """The item with one quantity moved; its density follows its performance unless it is the one that moves."""
    twin = items.having(subject, [to])
    if subject == "tpp" and "performance_density" in twin.fields:
        fields = {name: column for name, column in twin.fields.items() if name != "performance_density"}
        return Items(**{**vars(twin), "fields": fields})
    return twin
