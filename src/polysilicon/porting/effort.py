"""How much work a port is: days with an interval, split by who does them, from the findings of a scan.

Lines first, days last. The causes of one rule in one file are one work item; its new lines are the base of its band
times the number of its places to a power below one, a kernel's own lines where it is written anew, a tenth of a line
for what follows a helper. Places that only have to be looked at are changed in a measured share of cases. Lines become
days by *days per line*, the user's own figure where one is given; a fixed part and a share for verification are added.
Every assumption is drawn once a draw from its three points, so that errors move together; nothing is capped.

Source: three-point (PERT) estimates summed by simulation, as in PMI, Practice Standard for Project Estimating, 2nd ed.,
2019; the bands are those that SYCLomatic's analysis mode reports (minutes, hours, rewrite).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from polysilicon.facts.catalogue import Catalogue
from polysilicon.facts.money import Assumption
from polysilicon.facts.porting import PortRule, PortTarget
from polysilicon.porting.judging import Finding
from polysilicon.porting.scanning import Scan

Floats = NDArray[np.float64]
DRAWS = 4_000
SEED = 20_261_128
PARTS = ("automatic", "reviewed", "manual", "blocked")
PART_OF_FIX = {"safe": "automatic", "tool": "automatic", "review": "reviewed", "manual": "manual"}
DAYS_PER_LINE = "port-days-per-line"
WORK_DAYS_A_WEEK = 5.0
# The largest of three points that PERT weighs; its variance follows from the same weights.
PERT_WEIGHT = 4.0


class Amount(msgspec.Struct, frozen=True):
    """The 10th, 50th and 90th percentile of what may come out."""

    p10: float
    p50: float
    p90: float


class Item(msgspec.Struct, frozen=True):
    """One rule in one file: how many places, and the new lines and days expected of it."""

    rule: str
    path: str
    part: str
    places: int
    lines: float
    days: float


class Effort(msgspec.Struct, frozen=True, kw_only=True):
    """The work of a port to one target: new lines and person-days, split, and the largest items.

    `parts` are expected days by who does them; the fixed part and verification are beside them. `blocked` names the
    rules for which no counterpart is known: their days are those of a replacement. `stack` is the catalogue's stack
    that a plan charges.
    """

    target: str
    stack: str | None
    days_per_line: float
    lines: Amount
    days: Amount
    person_months: Amount
    parts: dict[str, float]
    fixed_days: float
    verify_days: float
    blocked: tuple[str, ...]
    items: tuple[Item, ...]
    draws: int
    seed: int

    def weeks(self, team: int) -> Amount:
        """Calendar weeks for a team that shares the work without loss."""
        return Amount(*(one / WORK_DAYS_A_WEEK / team for one in (self.days.p10, self.days.p50, self.days.p90)))


@dataclass(frozen=True)
class Drawn:
    """Every assumption, drawn: an array a name. `expected` are their means."""

    table: Mapping[str, Floats]

    def __getitem__(self, name: str) -> Floats:
        return self.table[f"port-{name}"]


def effort(catalogue: Catalogue, scan: Scan, days_per_line: float | None = None, seed: int = SEED) -> list[Effort]:
    """The work of a port to each target of a scan.

    `days_per_line` [person-days] is the user's own figure, taken as it is; the catalogue's is a range.
    """
    rules = {one.id: one for one in catalogue.every(PortRule)}
    drawn = draw(catalogue, days_per_line, seed)
    rate = catalogue.get(Assumption, DAYS_PER_LINE).value if days_per_line is None else days_per_line
    return [
        _effort(catalogue, [one for one in scan.findings if one.target == name], rules, name, drawn, rate, seed)
        for name in scan.targets
    ]


def draw(catalogue: Catalogue, days_per_line: float | None, seed: int) -> Drawn:
    """The assumptions of a port, `DRAWS` times each."""
    random = np.random.default_rng(seed)
    names = [name for name in catalogue.ids(Assumption) if name.startswith("port-")]
    table: dict[str, Floats] = {}
    for name in names:
        record = catalogue.get(Assumption, name)
        low = record.value if record.low is None else record.low
        high = record.value if record.high is None else record.high
        shape = _log_pert if name == "port-lines-spread" else pert
        table[name] = shape(random, low, record.value, high)
    if days_per_line is not None:
        table[DAYS_PER_LINE] = np.full(DRAWS, days_per_line)
    return Drawn(table)


def pert(random: np.random.Generator, low: float, likely: float, high: float) -> Floats:
    """Draws between `low` and `high` around `likely`, (DRAWS,).

    Source: Malcolm et al., Application of a Technique for Research and Development Program Evaluation, Operations
    Research 7(5), 1959: a beta distribution with mean (low + 4 likely + high) / 6.
    """
    if high <= low:
        return np.full(DRAWS, likely)
    rise = 1.0 + PERT_WEIGHT * (likely - low) / (high - low)
    fall = 1.0 + PERT_WEIGHT * (high - likely) / (high - low)
    return low + (high - low) * random.beta(rise, fall, DRAWS)


def _log_pert(random: np.random.Generator, low: float, likely: float, high: float) -> Floats:
    """A ratio whose 10th and 90th percentile are measured, as a log-normal with that spread, (DRAWS,)."""
    sigma = (np.log(high) - np.log(low)) / (2 * Z_90)
    return np.asarray(likely * np.exp(sigma * random.standard_normal(DRAWS)))


Z_90 = 1.2815515655446004  # the normal deviate that 90 % lie below


def items(findings: Sequence[Finding], rules: Mapping[str, PortRule], drawn: Drawn) -> list[tuple[Item, Floats]]:
    """Work items with their new lines, (DRAWS,) each, the largest first."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for one in findings:
        if one.listed:
            groups.setdefault((one.rule, one.path, one.role), []).append(one)
    found: list[tuple[Item, Floats]] = []
    for (name, path, role), places in groups.items():
        rule = rules[name]
        lines = drawn["lines-follows"] * len(places) if role == "follows" else _lines(rule, places, drawn)
        part = "blocked" if any(one.verdict == "blocked" for one in places) else PART_OF_FIX[rule.fix]
        if part == "automatic":
            days = lines * drawn["share-automatic"] * drawn["days-per-line"]
        else:
            days = lines * drawn["days-per-line"]
        found.append((Item(name, path, part, len(places), float(lines.mean()), float(days.mean())), lines))
    return sorted(found, key=lambda one: (-one[0].days, one[0].rule, one[0].path))


def _lines(rule: PortRule, places: Sequence[Finding], drawn: Drawn) -> Floats:
    """New lines of the causes of one rule in one file, (DRAWS,)."""
    repeats = sum(one.repeats for one in places)
    # What is replaced as a whole is replaced once: its further uses in the file follow.
    count, more = (len(places), repeats) if rule.band == "rewrite" else (len(places) + repeats, 0)
    written = sum(one.size for one in places if one.size > 1 and one.verdict == "blocked")
    base = drawn[f"lines-{rule.band}"]
    if written:
        return np.asarray(written * drawn["lines-per-kernel-line"])
    asked = np.where(all(one.verdict == "check" for one in places), drawn["share-touched"], 1.0)
    return np.asarray(base * float(count) ** drawn["size-exponent"] * asked + more * drawn["lines-follows"])


def _effort(
    catalogue: Catalogue,
    findings: Sequence[Finding],
    rules: Mapping[str, PortRule],
    name: str,
    drawn: Drawn,
    rate_likely: float,
    seed: int,
) -> Effort:
    record = catalogue.get(PortTarget, name.partition("@")[0].partition(":")[0])
    worked = items(findings, rules, drawn)
    spread, rate = drawn["lines-spread"], drawn["days-per-line"]
    parts = {part: np.zeros(DRAWS) for part in PARTS}
    lines = np.zeros(DRAWS)
    for item, each in worked:
        lines += each * spread
        left = drawn["share-automatic"] if item.part == "automatic" else 1.0
        parts[item.part] = parts[item.part] + each * spread * rate * left
    code = sum(parts.values(), np.zeros(DRAWS))
    fixed, verify = drawn[f"fixed-{record.targets}-days"], code * drawn["share-verify"]
    days = code + fixed + verify
    return Effort(
        target=name,
        stack=record.stack,
        days_per_line=rate_likely,
        lines=_percentiles(lines),
        days=_percentiles(days),
        person_months=_percentiles(days / drawn["days-per-month"]),
        parts={part: float(drawn_days.mean()) for part, drawn_days in parts.items()},
        fixed_days=float(fixed.mean()),
        verify_days=float(np.mean(verify)),
        blocked=tuple(sorted({item.rule for item, _ in worked if item.part == "blocked"})),
        items=tuple(item for item, _ in worked),
        draws=DRAWS,
        seed=seed,
    )


def _percentiles(values: Floats) -> Amount:
    low, middle, high = np.percentile(values, (10, 50, 90))
    return Amount(float(low), float(middle), float(high))


def charge(efforts: Sequence[Effort]) -> dict[str, Any]:
    """What a plan reads as the charge of porting to each stack: a table of facts to lay over the catalogue.

    Several targets of one stack (chips of it) are one charge, the largest. A target that no stack of the catalogue
    answers for charges nothing.
    """
    by_stack: dict[str, Effort] = {}
    for one in efforts:
        if one.stack and (one.stack not in by_stack or one.person_months.p50 > by_stack[one.stack].person_months.p50):
            by_stack[one.stack] = one
    return {
        "stacks": {
            stack: {
                "porting_effort_person_months": {
                    "value": round(one.person_months.p50, 2),
                    "low": round(one.person_months.p10, 2),
                    "high": round(one.person_months.p90, 2),
                    "confidence": "estimate",
                    "note": f"port scan for {one.target}: {one.draws} draws, seed {one.seed}",
                }
            }
            for stack, one in by_stack.items()
        }
    }
