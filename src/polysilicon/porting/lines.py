"""What is matched line by line: build files, images, deployments, requirements, scripts, workflows, and C++.

A line is matched against the expressions of its kind of file. Comments don't count. In C++ the ladder of `#if`
branches says which targets a line is written for already.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from polysilicon.porting.kernels import code_of
from polysilicon.porting.patterns import PARTS, Patterns
from polysilicon.porting.sighting import Sighting

LONGEST_LINE = 2_000
READ_IN_PART = f"a line longer than {LONGEST_LINE:,} characters, read in part"
TANGLED = "too tangled for the grammar, read by lines"
HASH_COMMENT = re.compile(r"(?:(?<=\s)|^)#(?!SBATCH).*$")
CONDITIONAL = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif|else|endif)\b(.*)$")
CUDA_NAMES = re.compile(r"\bcu[A-Za-z]\w+")
IDENTIFIERS = re.compile(r"[A-Za-z_]\w+")


def read_lines(patterns: Patterns, kind: str, text: str) -> tuple[list[Sighting], str]:
    """The sightings of a file of that kind, and what is doubtful about them.

    Of a line that is longer than any that people write, the beginning is matched: expressions may take long over more.
    """
    if kind != "kernel":
        rows = [HASH_COMMENT.sub("", row[: LONGEST_LINE + 1]) for row in text.split("\n")]
        rows, whole = _cut(rows)
        found = _matched(patterns, patterns.expressions(kind), rows, [0] * len(rows), {})
        return list(found), "" if whole else READ_IN_PART
    code, kernels, by_grammar = code_of(text)
    rows, whole = _cut(code.split("\n"))
    doubt = TANGLED if not by_grammar else "" if whole else READ_IN_PART
    guards = _guards(patterns, rows)
    matched = _matched(patterns, patterns.expressions(kind), rows, guards, kernels)
    return [*matched, *_ladder(patterns, rows, guards), *_unmapped(patterns, rows, guards)], doubt


def _cut(rows: list[str]) -> tuple[list[str], bool]:
    """Lines of no more than the length that is matched, and whether none was longer; comments are blank by now."""
    if all(len(row) <= LONGEST_LINE for row in rows):
        return rows, True
    return [row[:LONGEST_LINE] for row in rows], all(len(row.rstrip()) <= LONGEST_LINE for row in rows)


def _matched(
    patterns: Patterns,
    rules: Sequence[tuple[re.Pattern[str], str]],
    rows: list[str],
    guards: list[int],
    kernels: Mapping[int, int],
) -> Iterator[Sighting]:
    for number, row in enumerate(rows, start=1):
        if not row:
            continue
        named = None
        for expression, rule in rules:
            found = expression.search(row)
            if found:
                if named is None:
                    named = guards[number - 1] | _targets(patterns, row)
                size = kernels.get(number - 1, 1) if "__global__" in found.group() else 1
                yield Sighting(rule, number, found.start(), found.group().strip()[:80], named, 0, size)


def _ladder(patterns: Patterns, rows: list[str], guards: list[int]) -> Iterator[Sighting]:
    """Lines of C++ that name another accelerator than CUDA; of neighbouring lines, the last stands for all."""
    rule, last = patterns.shapes["kernel-ladder"], None
    for number, row in enumerate(rows, start=1):
        named = _targets(patterns, row) if row else 0
        if not named:
            continue
        if last is not None and number - last.line > 2:
            yield last
        last = Sighting(rule, number, len(row) - len(row.lstrip()), row.strip()[:80], named | guards[number - 1])
    if last is not None:
        yield last


def _unmapped(patterns: Patterns, rows: list[str], guards: list[int]) -> Iterator[Sighting]:
    """Names of CUDA that a translator has no counterpart for."""
    for number, row in enumerate(rows, start=1):
        if "cu" in row:
            for name in CUDA_NAMES.findall(row):
                if name in patterns.unmapped:
                    yield Sighting(patterns.shapes["unmapped"], number, row.find(name), name, guards[number - 1])


def _targets(patterns: Patterns, row: str) -> int:
    bits = 0
    for one in IDENTIFIERS.findall(row):
        for part in PARTS.findall(one):
            bits |= patterns.ladder.get(part.lower(), 0)
    return bits


def _guards(patterns: Patterns, rows: list[str]) -> list[int]:
    """For each line, the targets that the conditionals around it name, on any of their branches."""
    open_: list[tuple[int, int]] = []
    spans: dict[int, tuple[int, int]] = {}
    for at, row in enumerate(rows):
        found = CONDITIONAL.match(row) if "#" in row else None
        if found is None:
            continue
        word, rest = found.groups()
        if word in ("if", "ifdef", "ifndef"):
            open_.append((at, _targets(patterns, rest)))
        elif open_ and word == "elif":
            open_[-1] = (open_[-1][0], open_[-1][1] | _targets(patterns, rest))
        elif open_ and word == "endif":
            start, bits = open_.pop()
            if bits:
                spans[start] = (at, bits)
    if not spans:
        return [0] * len(rows)
    guards: list[int] = []
    around: list[tuple[int, int]] = [(len(rows), 0)]
    for at in range(len(rows)):
        if at in spans:
            end, bits = spans[at]
            around.append((end, bits | around[-1][1]))
        guards.append(around[-1][1])
        if at == around[-1][0]:
            around.pop()
    return guards
