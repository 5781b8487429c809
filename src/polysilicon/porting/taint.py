"""Ties that travel: a helper whose value is CUDA-specific hands its tie to whoever calls it.

A short function, a constant or an attribute with a tie inside is a helper when its name says that it speaks of devices
(`get_current_device`, `DistributedType.MULTI_GPU`). Its definition is the cause. Its users, in whatever file, follow,
and cost almost nothing once it is mended.
"""

from collections.abc import Iterable, Mapping

import msgspec

from polysilicon.porting.inventory import is_test
from polysilicon.porting.patterns import Patterns
from polysilicon.porting.sighting import FileRead, Sighting


class Helper(msgspec.Struct, frozen=True):
    """A name that carries a tie: where it is defined, as what, by which rule, and how many places use it."""

    name: str
    path: str
    line: int
    kind: str
    because: str
    used: int = 0


def helpers(reads: Iterable[FileRead], patterns: Patterns) -> dict[str, Helper]:
    """The helpers of a code base by name; what tests define serves tests alone."""
    reads = list(reads)
    defined: dict[str, list[Helper]] = {}
    for read in reads:
        if read.definitions and not is_test(read.path):
            for one in read.definitions:
                helper = Helper(one.name, read.path, one.line, one.kind, one.because)
                defined.setdefault(one.name, []).append(helper)
    found = {name: ours[0] for name, ours in defined.items() if not _by_vendor(ours, patterns)}
    used = dict.fromkeys(found, 0)
    for read in reads:
        for use in read.uses:
            if use.name in used:
                used[use.name] += len(use.places)
    return {name: msgspec.structs.replace(one, used=used[name]) for name, one in found.items()}


def _by_vendor(defined: list[Helper], patterns: Patterns) -> bool:
    """Whether a name has an implementation for each vendor, in files of their own: its users are free already."""
    elsewhere = [patterns.elsewhere.search(one.path) is not None for one in defined]
    return any(elsewhere) and all(
        other or patterns.word(one.path.rpartition("/")[2]).rule for one, other in zip(defined, elsewhere, strict=True)
    )


def followed(read: FileRead, known: Mapping[str, Helper], rule: str) -> FileRead:
    """A file with the places that follow a helper among its sightings."""
    seen = [
        Sighting(rule, line, column, use.name)
        for use in read.uses
        if use.name in known
        for line, column in use.places
        if line != known[use.name].line or read.path != known[use.name].path
    ]
    return msgspec.structs.replace(read, sightings=(*read.sightings, *seen), uses=()) if seen else read
