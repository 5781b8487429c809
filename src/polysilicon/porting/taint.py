"""Ties that travel: a helper whose value is CUDA-specific hands its tie to whoever calls it.

A short function, a constant or an attribute with a tie inside is a helper when its name says that it speaks of devices
(`get_current_device`, `DistributedType.MULTI_GPU`). Its definition is the cause. Its callers, in whatever file, follow:
they are found by name in a second pass over the files that contain one, and cost almost nothing once it is mended. A
short helper that calls a helper is one too.
"""

import ast
import re
import warnings
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from polysilicon.porting.patterns import IDENTIFIER, PARTS
from polysilicon.porting.python_code import lines_with
from polysilicon.porting.sighting import Definition, FileRead, Sighting

TESTS = re.compile(r"(^|/)(tests?|testing)/|(^|/)test_[^/]*$")


@dataclass(frozen=True)
class Helper:
    """A name that carries a tie, and where it is defined."""

    name: str
    path: str
    line: int
    kind: str
    because: str


def helpers(reads: Iterable[FileRead], words: Collection[str]) -> dict[str, Helper]:
    """The helpers of a code base by name; `words` are the parts of names that speak of devices."""
    found: dict[str, Helper] = {}
    for read in reads:
        if TESTS.search(read.path):
            continue
        for one in read.definitions:
            if carries(one, words):
                found.setdefault(one.name, Helper(one.name, read.path, one.line, one.kind, one.because))
    return found


def carries(one: Definition, words: Collection[str]) -> bool:
    """Whether a name says that it speaks of devices, in at least two parts: `device` alone is anybody's variable."""
    parts = [part.lower() for part in PARTS.findall(one.name)]
    return len(parts) > 1 and not one.name.startswith("__") and any(part in words for part in parts)


def follows(raw: bytes, known: Mapping[str, Helper], path: str, rule: str) -> list[Sighting]:
    """The calls, reads and imports of helpers in a file; none where the file can't be parsed."""
    named = [one for one in {each.decode("ascii", "ignore") for each in IDENTIFIER.findall(raw)} if one in known]
    if not named:
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(raw)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    lines = set(lines_with(raw, named))
    wanted = set(named)
    seen: dict[tuple[int, str], Sighting] = {}
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt) and lines.isdisjoint(range(node.lineno, (node.end_lineno or node.lineno) + 1)):
            continue
        name, line, column = _used(node)
        if name in wanted and not (known[name].path == path and known[name].line == line):
            seen.setdefault((line, name), Sighting(rule, line, column, name))
        waiting.extend(ast.iter_child_nodes(node))
    return sorted(seen.values(), key=lambda one: (one.line, one.column))


def _used(node: ast.AST) -> tuple[str, int, int]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return node.id, node.lineno, node.col_offset
    if isinstance(node, ast.Attribute):
        return node.attr, node.end_lineno or node.lineno, node.col_offset
    if isinstance(node, ast.alias):
        return node.name.rpartition(".")[2], node.lineno, node.col_offset
    return "", 0, 0
