"""The scan: what is in a tree, what was seen in each file, which helpers carry ties, and what that means per target."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import msgspec

from polysilicon.facts.catalogue import Catalogue
from polysilicon.facts.porting import PortRule, PortTarget
from polysilicon.porting import cache as caches
from polysilicon.porting import kernels, native
from polysilicon.porting.inventory import MOST_BYTES, MOST_NAMED, Inventory, inventory
from polysilicon.porting.judging import Finding, judge, means, packages
from polysilicon.porting.patterns import Patterns, compiled
from polysilicon.porting.pool import Advance, readers, uncollected
from polysilicon.porting.sighting import FileRead
from polysilicon.porting.support import Support
from polysilicon.porting.taint import Helper, followed, helpers
from polysilicon.porting.targets import targets
from polysilicon.records.errors import InputError, Place

FOLLOWS = "follows"


class Passed(msgspec.Struct, frozen=True):
    """Files that were passed over, or read with a doubt: why, how many, and some of them."""

    why: str
    files: int
    named: tuple[str, ...]


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """What ties a tree to one vendor, for each target.

    `lines` are those read by kind of file; `passed` and `doubted` count what was not read, or not parsed. `catalogue`
    names the very rules that were asked, `as_of` the day of the question; `kernels_by` says how C++ was read. `reread`
    is the number of files that a cache did not know.
    """

    root: str
    as_of: date | None
    catalogue: str
    targets: tuple[str, ...]
    files: int
    lines: dict[str, int]
    passed: tuple[Passed, ...]
    doubted: tuple[Passed, ...]
    helpers: tuple[Helper, ...]
    findings: tuple[Finding, ...]
    kernels_by: str = ""
    reread: int = 0

    @property
    def counted(self) -> list[Finding]:
        """The findings that ask for work."""
        return [one for one in self.findings if one.counts]


@dataclass(frozen=True)
class Options:
    """How a tree is read: what is left out, how large a file may be, over how many processes, where it is cached,
    and whether what is only worth knowing is listed."""

    leave_out: tuple[str, ...] = ()
    most_bytes: int = MOST_BYTES
    jobs: int | None = None
    cache: Path | None = None
    cached: bool = True
    notes: bool = False
    advance: Advance = field(default=lambda done, whole: None)


def scan(
    catalogue: Catalogue, root: Path, wanted: Sequence[str], as_of: date | None = None, options: Options | None = None
) -> Scan:
    """Every place below `root` that ties code to one vendor, for each of the targets `wanted`.

    Raises:
        InputError: no such folder or target, or a path that can't be read.
    """
    with uncollected():
        return _scan(catalogue, root, wanted, as_of, options or Options())


def _scan(catalogue: Catalogue, root: Path, wanted: Sequence[str], as_of: date | None, chosen: Options) -> Scan:
    asked = targets(catalogue, wanted)
    _reach(root)
    rules = {one.id: one for one in catalogue.every(PortRule)}
    support = Support()
    patterns = compiled(rules.values(), catalogue.every(PortTarget), support.telling, support.unmapped)
    found = inventory(root, chosen.leave_out, chosen.most_bytes)
    patterns = replace(patterns, compiled=any(one.path.endswith(native.SOURCES) for one in found.files))
    reads, reread = read_tree(catalogue.hash, patterns, found, chosen)
    passed = _passed(found, reads)
    if passed and not root.is_dir():
        raise InputError(f"is not read: {passed[0].why}", place=Place(field="PATH"), found=str(root))
    known = helpers(reads, patterns)
    reads = [followed(one, known, patterns.shapes[FOLLOWS]) for one in reads]
    if patterns.compiled:
        reads = native.with_tests(reads, patterns.shapes["kernel-test"], packages(one.path for one in found.files))
    return Scan(
        root=str(root),
        as_of=as_of,
        catalogue=catalogue.hash,
        targets=tuple(one.name for one in asked),
        files=sum(not one.skipped for one in reads),
        lines=_lines(reads),
        passed=passed,
        doubted=(*_told(reads, "doubt"), *_unknown(reads, rules)),
        helpers=tuple(known.values()),
        findings=tuple(
            each for one in asked for each in judge(reads, rules, one, patterns, support, notes=chosen.notes)
        ),
        kernels_by=kernels.reader(),
        reread=reread,
    )


def _reach(root: Path) -> None:
    """Refuse what isn't there, or is closed to us, before anything else is asked of it."""
    try:
        root.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError) as cause:
        raise InputError("no such file or folder", place=Place(field="PATH"), found=str(root)) from cause
    except OSError as refusal:
        raise InputError(f"can't be read: {refusal.strerror}", place=Place(field="PATH"), found=str(root)) from refusal


def read_tree(content: str, patterns: Patterns, found: Inventory, chosen: Options) -> tuple[list[FileRead], int]:
    """Every file as read, in order, and how many were read anew; `content` is the hash of the rules."""
    path = caches.place(found.root, f"{content}\0{patterns.compiled}", chosen.cache) if chosen.cached else None
    kept = caches.load(path)
    changed = {one.path: one for one in found.files if not kept.unchanged(one)}
    if changed:
        with readers(patterns, found.root, sum(one.bytes for one in changed.values()), chosen.jobs) as at_work:
            for read in at_work.read(list(changed.values()), chosen.advance):
                kept.keep(changed[read.path], read)
    if not kept.files.keys().isdisjoint(changed):
        caches.save(path, kept, found.root, (one.path for one in found.files))
    return [kept.reads[one.path] for one in found.files], len(changed)


def _lines(reads: Sequence[FileRead]) -> dict[str, int]:
    """Lines read of each kind of file."""
    counted: Counter[str] = Counter()
    for one in reads:
        counted[one.kind] += one.lines
    return dict(sorted(counted.items()))


def _passed(found: Inventory, reads: Sequence[FileRead]) -> tuple[Passed, ...]:
    listed = [Passed(why, count, tuple(found.named.get(why, ()))) for why, count in found.skipped.most_common()]
    return (*listed, *_told(reads, "skipped"))


def _unknown(reads: Sequence[FileRead], rules: Collection[str]) -> list[Passed]:
    """Suppressions that speak of no rule, by what they name: most often it is misspelt."""
    named: dict[str, dict[str, None]] = {}
    for read in reads:
        for _, said, _ in read.allowed:
            if not any(means(said, rule) for rule in rules):
                named.setdefault(said, {})[read.path] = None
    return [
        Passed(f"a suppression names no rule: {said}", len(paths), tuple(paths)[:MOST_NAMED])
        for said, paths in sorted(named.items())
    ]


def _told(reads: Sequence[FileRead], attribute: str) -> tuple[Passed, ...]:
    named: dict[str, list[str]] = {}
    for one in reads:
        why = getattr(one, attribute)
        if why:
            named.setdefault(why, []).append(one.path)
    return tuple(Passed(why, len(paths), tuple(paths[:MOST_NAMED])) for why, paths in sorted(named.items()))
