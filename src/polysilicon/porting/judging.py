"""From what was seen to what it means for a target: the verdict, why, on whose word, and whether it counts.

A finding **counts** when the target needs work there: its verdict is above `note`, and it is a cause. What merely
repeats a cause (the second use of a library in a file, the tenth test that asks for the same device) is counted with
it; a use of a helper, which is mended in place, is listed as following. A place that somebody suppressed stands for
itself alone.
"""

import functools
import operator
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import msgspec

from polysilicon.facts.porting import Finding as Verdict
from polysilicon.facts.porting import PortRule
from polysilicon.porting import imports
from polysilicon.porting.inventory import is_test
from polysilicon.porting.patterns import Patterns
from polysilicon.porting.sighting import FileRead, Sighting
from polysilicon.porting.support import Support
from polysilicon.porting.targets import Target

Role = Literal["cause", "follows"]
Fold = Literal["", "key", "folder", "file", "block"]
Place = tuple[str, str, int]
LOUD = frozenset({"check", "slow", "wrong", "change", "blocked"})
QUIET = frozenset({"runs", "note"})
# Libraries are tied at their import; these categories speak of libraries.
LIBRARIES = frozenset({"APX", "ATT", "QNT", "DAL", "SRV"})
# In a test, what follows from the device under test is one cause; what tells devices apart is one each.
APART = frozenset({"dev-ladder", "dev-compare", "wrp-block", "grd-word", "ent-import", "cux-ladder"})
LADDERS = frozenset({"dev-ladder", "cux-ladder", "cux-cmake-ladder"})
ENOUGH = 3
NEIGHBOURS = 2
NOWHERE = -1
KERNEL_TEST = "ci-kernel-test"
# What hangs on something else: a use of a helper, a test of a kernel.
FOLLOWS = frozenset({"dev-follows", KERNEL_TEST})
# What is told to people is mended with the function that tells it: judged after the rest of the file.
PROSE = frozenset({"dev-doc", "dev-text"})
BY_LINE = operator.attrgetter("line")
TRANSLATED = (".cu", ".cuh")


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A place that ties code to a vendor, for one target; what holds for every place of its rule stands with the rule.

    `role` is `cause` for what has to be worked on, and `follows` for what is mended with something else: a use of a
    helper, a text in a function that changes anyway, an import. `repeats` counts the places that this one stands for.
    `within` is the line of the function around it, 0 at the top; `size` the lines of a kernel. `suppressed` is the
    reason for which somebody said that nothing is to be done.
    """

    target: str
    rule: str
    verdict: Verdict
    path: str
    line: int
    column: int
    symbol: str
    role: Role
    why: str
    repeats: int = 0
    within: int = 0
    size: int = 1
    suppressed: str = ""

    @property
    def counts(self) -> bool:
        """Whether work is to be done here."""
        return self.role == "cause" and self.verdict in LOUD and not self.suppressed

    @property
    def listed(self) -> bool:
        """Whether the place is named to the reader: it counts, or follows a helper that does."""
        return self.verdict in LOUD and not self.suppressed


def judge(
    reads: Sequence[FileRead],
    rules: dict[str, PortRule],
    target: Target,
    patterns: Patterns,
    support: Support,
    *,
    notes: bool = False,
) -> list[Finding]:
    """Every finding for one target, file by file; `patterns` are those by which the files were read.

    What is only worth knowing is left out unless `notes` are wanted.
    """
    judging = Judging(rules, target, patterns, support, packages(read.path for read in reads), notes)
    found = [one for read in reads if read.sightings for one in judging.file(read)]
    repeats = judging.repeats
    repeated = {rule for _, rule, _ in repeats}
    return [
        msgspec.structs.replace(one, repeats=repeats[one.path, one.rule, one.line])
        if one.rule in repeated and (one.path, one.rule, one.line) in repeats
        else one
        for one in found
    ]


class Ruling(NamedTuple):
    """What a rule means for one target, and how its places are counted.

    `plain` is its verdict and why, none where that depends on the symbol. `silent` says that it has nothing to say
    whatever the symbol: most of what was seen, for most targets. `entry` is an import, wanted where enough is worked;
    `library` one that is no tie in its own source; `by_block` is counted once for neighbouring lines; `prose` is
    told to people.
    """

    role: Role
    plain: tuple[Verdict, str] | None
    silent: bool
    entry: bool
    library: bool
    by_block: bool
    prose: bool


class Judging:
    """One pass over a tree for one target. It remembers what was seen in files before: a key, a folder of tests."""

    def __init__(
        self,
        rules: dict[str, PortRule],
        target: Target,
        patterns: Patterns,
        support: Support,
        own: frozenset[str],
        notes: bool,
    ) -> None:
        self.rules = rules
        self.target = target
        self.bit = patterns.bits[target.record.id]
        self.elsewhere = patterns.elsewhere
        self.everyday = patterns.everyday
        self.import_rule = patterns.shapes["import-place"]
        self.own = own
        self.notes = notes
        self.ask = functools.cache(lambda name, symbol: support.verdict(rules[name], symbol, target))
        self.rulings = {name: self._ruling(rule, support) for name, rule in rules.items()}
        self.folds = {
            (tested, translated): {
                name: fold(rule, tested=tested, translated=translated) for name, rule in rules.items()
            }
            for tested in (False, True)
            for translated in (False, True)
        }
        self.heard = {name for name, ruling in self.rulings.items() if not ruling.silent}
        self.keys: dict[tuple[str, str], Place] = {}
        self.folded: dict[tuple[str, str, Verdict], Place] = {}
        self.repeats: Counter[Place] = Counter()

    def _ruling(self, rule: PortRule, support: Support) -> Ruling:
        plain = None if rule.table else support.verdict(rule, "", self.target)
        entry = rule.category == "ENT"
        return Ruling(
            role="follows" if entry or rule.id in FOLLOWS else "cause",
            plain=plain,
            silent=plain is not None and self._is_silent(rule.id, plain[0]),
            entry=entry,
            library=rule.category in LIBRARIES,
            by_block=rule.once == "block",
            prose=rule.id in PROSE,
        )

    def file(self, read: FileRead) -> list[Finding]:
        """The findings of one file, by line; what hangs on the rest of the file comes last."""
        live = self._live(read)
        if not live:
            return []
        found: list[Finding] = []
        # In files of another accelerator's own, what they tell apart is not ours to mend.
        passed = LADDERS if self.elsewhere.search(read.path) else frozenset[str]()
        folder = read.path.rpartition("/")[0] + "/" if is_test(read.path) else ""
        folds = self.folds[bool(folder), read.path.endswith(TRANSLATED)]
        rulings, repeats = self.rulings, self.repeats
        blocks = last_of_block([one for one in live if rulings[one.rule].by_block and not allowed(read, one)])
        seen: dict[tuple[str, Verdict], int] = {}
        places: set[tuple[str, int]] = set()
        worked, mended = 0, set[int]()
        for one in live:
            name, place = one.rule, (one.rule, one.line)
            role, plain, _, entry, library, _, prose = rulings[name]
            verdict, why = plain or self.ask(name, one.symbol)
            if verdict in QUIET and self._is_silent(name, verdict):
                continue
            if one.beside & self.bit or place in places or name in passed:
                continue
            if (entry and worked < ENOUGH) or (library and self._is_own(one)):
                continue
            places.add(place)
            said = allowed(read, one) if read.allowed else ""
            if prose and verdict == "note" and one.within in mended:
                role, verdict = "follows", "check"
            elif (over := folds[name]) and not said:
                here = (read.path, name, one.line)
                if over == "key":
                    first = self.keys.setdefault((name, one.symbol.casefold()), here)
                elif over == "folder":
                    first = self.folded.setdefault((folder, name, verdict), here)
                elif over == "file":
                    first = (read.path, name, seen.setdefault((name, verdict), one.line))
                else:
                    first = (read.path, name, blocks.get(place, one.line))
                if first != here:
                    repeats[first] += one.lines
                    continue
            if verdict not in LOUD and not self.notes:
                continue
            if verdict in LOUD and read.kind == "python" and not said:
                worked += role == "cause" or name == KERNEL_TEST
                if role == "cause":
                    mended.add(one.within or NOWHERE)
            if one.lines > 1:
                repeats[read.path, name, one.line] += one.lines - 1
            found.append(self._finding(read, one, verdict, role, why, said))
        return found

    def _live(self, read: FileRead) -> list[Sighting]:
        """What may say something here, by line; then what hangs on it: texts, and last the place of an import."""
        heard = self.heard
        live = [one for one in read.sightings if one.rule in heard]
        # In a file that speaks of devices nowhere else, a word of everyday language is one.
        if not live or (
            live[0].symbol.lower() in self.everyday
            and all(one.symbol.lower() in self.everyday for one in read.sightings)
        ):
            return []
        live.sort(key=BY_LINE)
        late = [one for one in live if one.rule in PROSE]
        if late:
            live = [*(one for one in live if one.rule not in PROSE), *late]
        if self.import_rule in heard and (after := imports.place(read, self.own)):
            live.append(Sighting(self.import_rule, after, 0, "import"))
        return live

    def _finding(
        self, read: FileRead, one: Sighting, verdict: Verdict, role: Role, why: str, suppressed: str
    ) -> Finding:
        return Finding(
            target=self.target.name,
            rule=one.rule,
            verdict=verdict,
            path=read.path,
            line=one.line,
            column=one.column,
            symbol=one.symbol,
            role=role,
            why=why,
            within=one.within,
            size=one.size,
            suppressed=suppressed,
        )

    def _is_silent(self, rule: str, verdict: Verdict) -> bool:
        """Whether nobody is to be told; prose may yet follow the function that it stands in."""
        return verdict == "runs" or (verdict == "note" and not self.notes and rule not in PROSE)

    def _is_own(self, one: Sighting) -> bool:
        """A library is no tie in its own source."""
        return one.symbol.partition(".")[0] in self.own


def fold(rule: PortRule, *, tested: bool, translated: bool) -> Fold:
    """Over what the places of a rule are one cause, if their verdict is one: a key wherever it stands, a folder of
    tests, a file, neighbouring lines; empty where each counts. `translated` files are those that a tool goes over.
    """
    if rule.id in FOLLOWS:
        return ""
    if rule.once == "key":
        return "key"
    if tested and rule.id not in APART:
        return "folder"
    if rule.once == "file" or (rule.fix == "tool" and translated):
        return "file"
    return rule.once or ""


def last_of_block(sightings: Iterable[Sighting]) -> dict[tuple[str, int], int]:
    """Of neighbouring lines of one rule, the last stands for the others: for each of those, its line."""
    last: dict[tuple[str, int], int] = {}
    places: dict[str, list[int]] = {}
    for one in sightings:
        places.setdefault(one.rule, []).append(one.line)
    for rule, lines in places.items():
        ordered = sorted(set(lines))
        for at in range(len(ordered) - 2, -1, -1):
            here, after = ordered[at], ordered[at + 1]
            if after - here <= NEIGHBOURS:
                last[rule, here] = last.get((rule, after), after)
    return last


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
        if line in (one.line, one.line - 1) and reason and means(rule, one.rule):
            return reason
    return ""


def means(said: str, rule: str) -> bool:
    """Whether a suppression speaks of a rule: by its name in full, or by its beginning with a star."""
    return said == rule or (said.endswith("*") and rule.startswith(said[:-1]))
