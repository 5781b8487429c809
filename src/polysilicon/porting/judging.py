"""From what was seen to what it means for a target: the verdict, why, on whose word, and whether it counts.

A finding **counts** when the target needs work there: its verdict is above `note`, and it is a cause. What merely
repeats a cause (the second use of a library in a file, the tenth test that asks for the same device, a call of a helper
that is mended in place) is kept and listed, but folded below it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from polysilicon.facts.porting import Band, Category, Finding as Verdict, Fix, PortRule
from polysilicon.porting.sighting import FileRead, Sighting
from polysilicon.porting.support import Support
from polysilicon.porting.targets import Target

Role = Literal["cause", "again", "follows"]
LOUD = frozenset({"check", "slow", "wrong", "change", "blocked"})
TESTS = re.compile(r"(^|/)(tests?|testing)/|(^|/)test_[^/]*$|_test\.py$|(^|/)conftest\.py$")
# Libraries are tied at their import; these categories speak of libraries.
LIBRARIES = frozenset({"APX", "ATT", "QNT", "DAL", "SRV"})
# In a test, what follows from the device under test is one cause; what tells devices apart is one each.
APART = frozenset({"dev-ladder", "dev-compare", "wrp-block", "grd-word", "ent-import", "cux-ladder"})
LADDERS = frozenset({"dev-ladder", "cux-ladder", "cux-cmake-ladder"})
# Files of another accelerator's own: what they tell apart is not ours to mend.
OTHERS = re.compile(r"(^|[/_])(npu|mlu|mps|xpu|musa|hpu|tpu|xla|ascend|rocm|hip)([/_.]|$)")
ENOUGH = 3
NEIGHBOURS = 2
# Judged after the rest of the file, on which they hang.
LAST = frozenset({"ent-import", "dev-doc", "dev-text"})
PROSE = frozenset({"dev-doc", "dev-text"})  # what is told to people is mended with the function that tells it
TRANSLATED = (".cu", ".cuh")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A place that ties code to a vendor, for one target.

    `role` is `cause` for what has to be worked on, `again` for a repetition of one, `follows` for a call that is
    mended with its helper; `because` is the line of the cause. `sources` are keys of the catalogue, `date` the age of
    what they say.
    """

    target: str
    rule: str
    category: Category
    verdict: Verdict
    path: str
    line: int
    column: int
    symbol: str
    role: Role
    what: str
    why: str
    fix: Fix
    band: Band
    advice: str
    sources: tuple[str, ...]
    date: str | None
    because: int = 0
    within: int = 0
    suppressed: str = ""

    @property
    def counts(self) -> bool:
        """Whether work is to be done here."""
        return self.role == "cause" and self.verdict in LOUD and not self.suppressed


def judge(
    reads: Sequence[FileRead], rules: dict[str, PortRule], target: Target, bit: int, support: Support
) -> list[Finding]:
    """Every finding for one target, file by file; `bit` is the target's in `Sighting.beside`."""
    own = packages(read.path for read in reads)
    keys: dict[str, int] = {}
    folded: dict[tuple[str, str], int] = {}
    found: list[Finding] = []
    for read in reads:
        found += _file(read, rules, target, bit, support, own, keys, folded)
    return found


def _file(
    read: FileRead,
    rules: dict[str, PortRule],
    target: Target,
    bit: int,
    support: Support,
    own: frozenset[str],
    keys: dict[str, int],
    folded: dict[tuple[str, str], int],
) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    lines: set[tuple[int, str]] = set()
    folder = read.path.rpartition("/")[0] if TESTS.search(read.path) else ""
    worked, mended = 0, set[int]()
    elsewhere = OTHERS.search(read.path) is not None
    blocks = last_of_block(read.sightings, rules)
    for one in sorted(read.sightings, key=lambda each: (each.rule in LAST, each.line)):
        rule = rules[one.rule]
        if one.beside & bit or (one.line, one.rule) in lines or _is_own(rule, one, own) or (elsewhere and one.rule in LADDERS):
            continue
        lines.add((one.line, one.rule))
        verdict, why = support.verdict(rule, one, target)
        if verdict == "runs" or (rule.category == "ENT" and worked < ENOUGH):
            continue
        if rule.once == "block" and (one.rule, one.line) in blocks:
            role, because = "again", blocks[one.rule, one.line]
        else:
            role, because = _role(rule, one, read.path, folder, seen, keys, folded)
        if one.rule in PROSE and verdict == "note" and one.within in mended:
            role, because, verdict = "follows", one.within, "check"
        seen.setdefault(one.rule, one.line)
        if role == "cause" and verdict in LOUD and read.kind == "python":
            worked += 1
            if one.within:
                mended.add(one.within)
        yield Finding(
            target=target.name,
            rule=one.rule,
            category=rule.category,
            verdict=verdict,
            path=read.path,
            line=one.line,
            column=one.column,
            symbol=one.symbol,
            role=role,
            what=rule.what,
            why=why,
            fix=rule.fix,
            band=rule.band,
            advice=rule.advice,
            sources=rule.sources,
            date=rule.date,
            because=because,
            within=one.within,
            suppressed=allowed(read, one),
        )


def _role(
    rule: PortRule,
    one: Sighting,
    path: str,
    folder: str,
    seen: dict[str, int],
    keys: dict[str, int],
    folded: dict[tuple[str, str], int],
) -> tuple[Role, int]:
    """Whether this place is a cause, or stands for one that was seen before."""
    if one.rule == "dev-follows":
        return "follows", 0
    if rule.once == "key":
        key = one.symbol.casefold()
        return ("again", keys[key]) if keys.setdefault(key, one.line) != one.line or key in folded else ("cause", 0)
    translated = rule.fix == "tool" and path.endswith(TRANSLATED)
    if rule.once == "file" or translated or (folder and one.rule not in APART):
        if one.rule in seen:
            return "again", seen[one.rule]
        if folder and one.rule not in APART and folded.setdefault((folder, one.rule), one.line) != one.line:
            return "again", folded[folder, one.rule]
    return "cause", 0


def last_of_block(sightings: Iterable[Sighting], rules: dict[str, PortRule]) -> dict[tuple[str, int], int]:
    """Of neighbouring lines of one rule, the last stands for the others: for each of those, its line."""
    last: dict[tuple[str, int], int] = {}
    places: dict[str, list[int]] = {}
    for one in sightings:
        if rules[one.rule].once == "block":
            places.setdefault(one.rule, []).append(one.line)
    for rule, lines in places.items():
        ordered = sorted(set(lines))
        for at in range(len(ordered) - 2, -1, -1):
            here, after = ordered[at], ordered[at + 1]
            if after - here <= NEIGHBOURS:
                last[rule, here] = last.get((rule, after), after)
    return last


def _is_own(rule: PortRule, one: Sighting, own: frozenset[str]) -> bool:
    """A library is no tie in its own source."""
    return rule.category in LIBRARIES and one.symbol.split(".")[0] in own


def packages(paths: Iterable[str]) -> frozenset[str]:
    """The names by which the code base imports itself: its first folders and its modules."""
    names: set[str] = set()
    for path in paths:
        if path.endswith(".py"):
            parts = path.split("/")
            names.update(parts[:3][: len(parts) - 1])
            names.add(parts[-1].partition(".")[0])
    return frozenset(names)


def allowed(read: FileRead, one: Sighting) -> str:
    """The reason for which somebody suppressed this finding, on its line or the line above; empty if nobody did."""
    for line, rule, reason in read.allowed:
        if line in (one.line, one.line - 1) and reason and (rule == "*" or one.rule.startswith(rule.rstrip("*"))):
            return reason
    return ""
