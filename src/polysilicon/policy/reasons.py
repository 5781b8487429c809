"""Why a verdict is what it is: each rule is heard again for one item, and what it read is written down."""

import datetime as dt
from collections.abc import Iterator, Sequence

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.facts.law import Rule
from polysilicon.facts.record import CONFIDENCES, USER, Confidence
from polysilicon.policy.conditions import COMPARISONS, Leaf, leaves
from polysilicon.policy.flips import flips as flips_of
from polysilicon.policy.gaps import missing
from polysilicon.policy.hearing import Hearing
from polysilicon.policy.items import Items
from polysilicon.policy.judge import UNKNOWN, Opinion, Verdicts, judge
from polysilicon.policy.law import PERMISSIONS, Clause, View
from polysilicon.policy.presumptions import presumed, printed
from polysilicon.policy.quantities import fields_of, parts_of
from polysilicon.policy.transaction import Transaction
from polysilicon.policy.verdict import Input, Reading, RuleFinding, Verdict, answer_of
from polysilicon.policy.vocabulary import AMOUNTS, DAYS, FLAGS, LABELS
from polysilicon.records.errors import InputError
from polysilicon.records.interval import Truth


def verdict(
    catalogue: Catalogue,
    chip: str | Chip | Items,
    transaction: Transaction,
    on: dt.date,
    view: View = "enforced",
    extra_rules: Sequence[Rule] = (),
    *,
    flips: bool = True,
) -> Verdict:
    """The explained verdict on one chip of the catalogue, or on a table of one; `flips` as in `explain`.

    Raises:
        UnknownName: no chip is called so; and as `judge`.
    """
    items = chip if isinstance(chip, Items) else Items.from_chips(catalogue, [chip])
    verdicts = judge(catalogue, items, transaction, on, view, extra_rules)
    return explain(verdicts, 0, flips=flips)


def explain(verdicts: Verdicts, index: int, *, flips: bool = True) -> Verdict:
    """Everything behind the verdict on one item; without `flips`, not what would change it, which costs most.

    Raises:
        InputError: no such item.
    """
    if not 0 <= index < len(verdicts):
        raise InputError("no such item", found=index, allowed=f"0 to {len(verdicts) - 1}")
    law = verdicts.law
    one = verdicts if len(verdicts) == 1 else _alone(verdicts, index)
    hearing = Hearing(law, one.items, one.transaction)
    head = one.opinions[int(one.heads[0])]
    findings = tuple(_findings(hearing, one))
    deciding = tuple(_deciding(hearing, head))
    consequence = str(one.consequence[0])
    return Verdict(
        item=one.items.ids[0] or one.items.name[0],
        transaction={name: value for name, value in vars(one.transaction).items() if value is not None},
        on=law.on.isoformat(),
        view=law.view,
        item_class=str(one.item_class[0]),
        consequence=consequence,
        words=_words(one, head, consequence),
        permission=PERMISSIONS[int(one.permission_code[0])],
        regime=head.regime.name,
        decided_by=tuple(clause.id for clause in deciding),
        citations=tuple(dict.fromkeys(clause.record.citation for clause in deciding)),
        confidence=_confidence(deciding, head, findings, one, hearing),
        undetermined=bool(one.undetermined[0]),
        could_be=tuple(_could_be(head)) if one.undetermined[0] else (),
        missing=missing(hearing, one) if one.undetermined[0] else (),
        assumed=one.assumed,
        known_until=one.known_until,
        duty_share=float(one.duty_share[0]),
        duties=tuple(_duties(hearing, one)),
        caps=tuple(_cap(clause) for clause in deciding if clause.record.then.cap is not None),
        conditions=tuple(text for clause in deciding for text in clause.record.conditions),
        remarks=tuple(f"{one.id}: {one.record.notes}" for one in deciding if one.record.notes),
        printed=tuple(printed(one)),
        presumed=tuple(presumed(one)),
        also={opinion.regime.id: _says(opinion) for opinion in one.opinions if _is_other(opinion, head)},
        inputs=tuple(_inputs(findings, one)),
        findings=findings,
        flips=tuple(flips_of(one, findings)) if flips else (),
        catalogue=one.catalogue.hash,
    )


def _words(one: Verdicts, head: Opinion, consequence: str) -> str:
    """What follows, in words; whose the permission is where another body of law sets it."""
    said = one.law.consequences[consequence].words
    if consequence == UNKNOWN and one.undetermined[0]:
        said = "what the rules need to know is not known"
    worst = int(one.permission_code[0])
    stricter = [opinion for opinion in one.opinions if int(opinion.permission_code[0]) == worst]
    if int(head.permission_code[0]) < worst and stricter:
        other = stricter[0]
        said += f"; stricter is {other.regime.name}: {other.consequences[int(other.consequence_code[0])]}"
    return said


def _alone(verdicts: Verdicts, index: int) -> Verdicts:
    law, item = verdicts.law, verdicts.items.take([index])
    return judge(verdicts.catalogue, item, verdicts.transaction, law.on, law.view, verdicts.extra_rules)


def weakest(confidences: Sequence[Confidence]) -> Confidence:
    """The least trusted of several confidences."""
    return max(confidences, key=CONFIDENCES.index)


def _confidence(
    deciding: Sequence[Clause], head: Opinion, findings: Sequence[RuleFinding], one: Verdicts, hearing: Hearing
) -> Confidence:
    """No better than the rules that decide, nor than the figures that they read.

    Where no rule was found to apply, every rule that binds had a say: its not applying rests on what it read.
    """
    rules = [clause.record.confidence for clause in deciding] or [head.regime.confidence]
    if not one.items.catalogued:
        return weakest(rules)
    ids = {clause.id for clause in deciding}
    heard = [finding for finding in findings if (finding.id in ids if ids else finding.binds != "no")]
    subjects = dict.fromkeys(
        reading.subject for finding in heard for reading in finding.readings if reading.test in COMPARISONS
    )
    record = one.catalogue.get(Chip, one.items.ids[0])
    fields = {field for subject in subjects for field in _counting(subject, hearing)} - one.items.said
    return weakest([*rules, *(record.origin(field).confidence or record.confidence for field in fields)])


def _counting(name: str, hearing: Hearing) -> Iterator[str]:
    """The known fields that a quantity's value rests on; of several rates, those that may be the greatest."""
    definition = hearing.law.definitions.get(name)
    if name in hearing.items.fields:
        if np.isfinite(hearing.items.fields[name].hi).all():
            yield name
    elif definition is not None:
        floor = float(np.ravel(hearing.value(name).lo)[0])
        for field, factor in definition.formula.get("greatest_published", {}).items():
            rate = hearing.items.fields.get(field)
            if rate is not None and np.all(np.isfinite(rate.hi) & (rate.hi * factor >= floor)):
                yield field
        field = definition.formula.get("field", "")
        if field in hearing.items.fields and np.isfinite(hearing.items.fields[field].hi).all():
            yield field
        for part in parts_of(definition):
            yield from _counting(part, hearing)


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
                binds=answer_of(binds),
                applies=answer_of(hearing.applies(clause)),
                gives=clause.item_class or clause.consequence,
                readings=tuple(_readings(clause, hearing)) if binds.possibly.any() else (),
                conditions=record.conditions,
                notes=record.notes,
            )


def _readings(clause: Clause, hearing: Hearing) -> Iterator[Reading]:
    for leaf in dict.fromkeys((*leaves(clause.binds), *leaves(clause.when))):
        truth = hearing.truth(leaf, clause.record.regime)
        if leaf.subject in DAYS:
            yield _dated(leaf, truth, hearing)
        elif leaf.subject in AMOUNTS:
            yield _said(leaf, truth, hearing)
        elif leaf.test in COMPARISONS:
            yield _measured(leaf, truth, hearing)
        else:
            yield Reading(
                subject=leaf.subject,
                test=leaf.test,
                limit=list(leaf.value) if isinstance(leaf.value, tuple) else leaf.value,
                word=_word(leaf, hearing, clause.record.regime),
                holds=answer_of(truth),
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
        holds=answer_of(truth),
        margin=margin,
        margin_pct=100.0 * margin / leaf.value if margin is not None and leaf.value else None,
    )


def _dated(leaf: Leaf, truth: Truth, hearing: Hearing) -> Reading:
    """A day against a day, both as the calendar writes them."""
    value = hearing.value(leaf.subject)
    first, last = float(np.ravel(value.lo)[0]), float(np.ravel(value.hi)[0])
    return Reading(
        subject=leaf.subject,
        test=leaf.test,
        limit=dt.date.fromordinal(int(leaf.value)).isoformat(),
        word=_span(first, last),
        holds=answer_of(truth),
    )


def _span(first: float, last: float) -> str:
    """The days between two ordinals, which may be open on either side."""
    [start, end] = [dt.date.fromordinal(int(one)).isoformat() if 0 < one < np.inf else "" for one in (first, last)]
    if start == end:
        return start or "not stated"
    return f"{start}..{end}" if end else f"not before {start}"


def _said(leaf: Leaf, truth: Truth, hearing: Hearing) -> Reading:
    """An amount of the act against a line."""
    amount: float | None = getattr(hearing.transaction, leaf.subject)
    margin = None if amount is None else amount - leaf.value
    return Reading(
        subject=leaf.subject,
        test=leaf.test,
        limit=leaf.value,
        low=amount,
        high=amount,
        word="not said" if amount is None else None,
        unit=AMOUNTS[leaf.subject][0],
        holds=answer_of(truth),
        margin=margin,
        margin_pct=100.0 * margin / leaf.value if margin is not None and leaf.value else None,
    )


def _word(leaf: Leaf, hearing: Hearing, regime: str) -> str | None:
    subject, items = leaf.subject, hearing.items
    if subject in LABELS:
        return getattr(items, subject)[0] or "not stated"
    if subject in FLAGS:
        return answer_of(items.flag(subject))
    if subject.rsplit(".", 1)[-1] == "item_class":
        finding = hearing.classes(subject.rsplit(".", 1)[0] if "." in subject else regime)
        return " or ".join(_options(finding.outcomes, int(finding.possible[0])))
    if subject == "required_by":
        return None
    return hearing.transaction.place(subject)


def _options(outcomes: Sequence[str], mask: int) -> list[str]:
    return [outcome for at, outcome in enumerate(outcomes) if mask >> at & 1]


def _deciding(hearing: Hearing, head: Opinion) -> Iterator[Clause]:
    """The clauses that the verdict rests on: the class, the requirements, and what spoke last.

    Where the consequence is open, every clause that may yet speak.
    """
    law, regime = hearing.law, head.regime.id
    at_class, at_consequence = int(head.class_finding.by[0]), int(head.finding.by[0])
    if at_class >= 0 and head.classes[int(head.class_code[0])] != UNKNOWN:
        yield law.stage(regime, "classification")[at_class]
    if head.consequences[int(head.consequence_code[0])] == UNKNOWN:
        yield from (one for one in law.ballot(regime) if hearing.applies(one).possibly.any())
    elif at_consequence >= 0:
        spoke = law.ballot(regime)[at_consequence]
        if spoke.record.stage != "prohibition":
            certain = (one for one in law.stage(regime, "requirement") if hearing.applies(one).certainly.all())
            yield from (one for one in certain if one is not spoke)
        yield spoke


def _duties(hearing: Hearing, one: Verdicts) -> Iterator[str]:
    """What each regime asks to be done or paid, unless an exception of its own speaks before."""
    law = hearing.law
    for opinion in one.opinions:
        by = int(opinion.finding.by[0])
        if by >= 0 and law.ballot(opinion.regime.id)[by].record.stage in ("exception", "prohibition"):
            continue
        for clause in law.stage(opinion.regime.id, "duty"):
            holds = answer_of(hearing.applies(clause))
            if holds != "no" and clause.consequence is not None:
                open_ = "" if holds == "yes" else " (undetermined)"
                yield f"{law.consequences[clause.consequence].words} ({clause.id}){open_}"


def _cap(clause: Clause) -> str:
    """A limit of volume in words, by the record that sets it."""
    cap = clause.record.then.cap
    if cap is None:
        return ""
    amount = f"{cap.units:,.0f} units" if cap.units is not None else f"{100.0 * (cap.share or 0.0):g} %"
    return f"at most {amount} of {cap.of} ({clause.id})"


def _could_be(head: Opinion) -> Iterator[str]:
    yield from (f"class {one}" for one in _options(head.class_finding.outcomes, int(head.class_finding.possible[0])))
    options = _options(head.finding.outcomes, int(head.finding.possible[0]))
    yield from dict.fromkeys(one.split("\t")[0] for one in options)


def _is_other(opinion: Opinion, head: Opinion) -> bool:
    """Whether another regime than the one that heads the verdict has something to say."""
    speaks = bool(opinion.classes[int(opinion.class_code[0])]) or int(opinion.permission_code[0]) > 0
    return opinion is not head and speaks


def _says(opinion: Opinion) -> str:
    consequence = opinion.consequences[int(opinion.consequence_code[0])]
    item_class = opinion.classes[int(opinion.class_code[0])]
    return f"{item_class}: {consequence}" if item_class else consequence


def _printed(field: str, value: float) -> float | str:
    """A number as it is, an ordinal as the calendar writes its day."""
    return dt.date.fromordinal(int(value)).isoformat() if field in DAYS else value


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
        theirs = field in one.items.said
        # Of a day the first bound alone says something: not sold before.
        known = bool(np.isfinite(high)) or (field in DAYS and low > 0.0)
        origin = record.origin(field) if record is not None and known and not theirs else None
        yield Input(
            field=field,
            low=_printed(field, low) if known else None,
            high=_printed(field, high) if np.isfinite(high) else None,
            confidence=(origin.confidence or "") if origin else "" if known else "unknown",
            sources=(USER,) if theirs else origin.sources if origin else (),
        )
