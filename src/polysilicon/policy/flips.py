"""What another figure would change: twins of the item, each moved just across one line, judged together."""

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from polysilicon.policy.conditions import COMPARISONS
from polysilicon.policy.items import Items
from polysilicon.policy.judge import Verdicts, judge
from polysilicon.policy.verdict import Answer, Flip, RuleFinding
from polysilicon.policy.vocabulary import AMOUNTS


def flips(one: Verdicts, findings: Sequence[RuleFinding]) -> Iterator[Flip]:
    """Twins of the item with one quantity moved just across one line, judged together; those that differ."""
    lines = {
        (reading.subject, float(reading.limit), reading.test, reading.low, reading.holds)
        for finding in findings
        for reading in finding.readings
        if reading.test in COMPARISONS and reading.margin is not None and reading.subject not in AMOUNTS
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
