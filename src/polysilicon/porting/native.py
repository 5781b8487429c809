"""Tests of compiled code: which of a code base's tests run a kernel that a build for another target may lack.

A function is native if it loads a compiled library, is a kernel in Triton, or belongs to an extension that the code
base compiles; and so is, in whatever file, what uses a native one. A test that uses one asks the target's own build
for an answer: whether it is kept, skipped or held to another tolerance is decided for each target. The kernel is the
cause; its tests follow.
"""

from collections.abc import Collection, Sequence

import msgspec

from polysilicon.porting.calls import EXTENSION, NATIVE, TEST
from polysilicon.porting.inventory import is_test
from polysilicon.porting.sighting import FileRead, Function, Sighting

SOURCES = (".cu", ".hip")


def with_tests(reads: Sequence[FileRead], rule: str, own: Collection[str]) -> list[FileRead]:
    """The files, with those tests among their sightings that use native code; `own` are the code base's own names."""
    functions = [one for read in reads for one in read.functions]
    own = {*own, *(one.name.partition(".")[0] for one in functions if one.kind == EXTENSION)}
    native = _native(functions, own)
    return [_judged(read, native, rule, own) if is_test(read.path) else read for read in reads]


def _native(functions: Sequence[Function], own: Collection[str]) -> frozenset[str]:
    """The names of what is native, and of what reaches it."""
    users: dict[str, list[str]] = {}
    for one in functions:
        if one.kind != TEST:
            for use in one.uses:
                if _is_own(use, own):
                    users.setdefault(use.partition(".")[2], []).append(one.name)
    waiting = [one.name.rpartition(".")[2] for one in functions if one.kind in (NATIVE, EXTENSION)]
    reached = set(waiting)
    while waiting:
        for name in users.get(waiting.pop(), ()):
            if name not in reached:
                reached.add(name)
                waiting.append(name)
    return frozenset(reached)


def _is_own(use: str, own: Collection[str]) -> bool:
    root = use.partition(".")[0]
    return not root or root in own


def _judged(read: FileRead, native: frozenset[str], rule: str, own: Collection[str]) -> FileRead:
    seen = []
    for one in read.functions:
        used = [use.partition(".")[2] for use in one.uses if _is_own(use, own)] if one.kind == TEST else []
        first = next((name for name in used if name in native), None)
        if first is not None:
            seen.append(Sighting(rule, one.line, 0, first, one.beside))
    return msgspec.structs.replace(read, sightings=(*read.sightings, *seen)) if seen else read
