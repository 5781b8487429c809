"""Many files over all cores: each process reads its share with look-ups of its own, and answers in packed form."""

import gc
import hashlib
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from polysilicon.porting.inventory import Found
from polysilicon.porting.patterns import Patterns
from polysilicon.porting.reading import read_file
from polysilicon.porting.sighting import FileRead

# Below this much source, starting processes costs more than they save.
WORTH_PROCESSES_BYTES = 4_000_000
SHARE_BYTES = 400_000
Answer = TypeVar("Answer")
Advance = Callable[[int, int], None]
_patterns: dict[str, Patterns] = {}


class Readers:
    """Reads files, here or over processes, whichever is quicker."""

    def __init__(self, patterns: Patterns, root: Path, pool: Executor | None) -> None:
        self.patterns = patterns
        self.root = root
        self._pool = pool

    def read(self, files: Sequence[Found], advance: Advance) -> list[FileRead]:
        """Every file as read, in no particular order."""
        if self._pool is None:
            return _here(files, lambda one: read_file(self.patterns, self.root, one), advance)
        packed = pickle.dumps(self.patterns)
        key = hashlib.sha256(packed).hexdigest()
        shares = [self._pool.submit(_read_share, key, packed, str(self.root), share) for share in shared(files)]
        return _gathered(shares, msgspec.msgpack.Decoder(list[FileRead]), advance)


@contextmanager
def readers(patterns: Patterns, root: Path, bytes_to_read: int, jobs: int | None = None) -> Iterator[Readers]:
    """Readers for that much source; `jobs` processes, or as many as there are cores."""
    count = 1 if bytes_to_read < WORTH_PROCESSES_BYTES else jobs or cores()
    if count == 1:
        yield Readers(patterns, root, None)
        return
    from polysilicon.sweep.workers import workers  # it brings numpy, which a rescan can do without

    with workers(count) as pool:
        yield Readers(patterns, root, pool)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shared(files: Sequence[Found]) -> Iterator[list[Found]]:
    """Files in shares of about the same size, the largest files first."""
    share: list[Found] = []
    size = 0
    for one in sorted(files, key=lambda each: -each.bytes):
        share.append(one)
        size += one.bytes + 1_000
        if size > SHARE_BYTES:
            yield share
            share, size = [], 0
    if share:
        yield share


def _here(files: Sequence[Found], read: Callable[[Found], FileRead], advance: Advance) -> list[FileRead]:
    kept: list[FileRead] = []
    for one in files:
        kept.append(read(one))
        advance(len(kept), len(files))
    return kept


def _gathered(
    shares: "Sequence[Future[bytes]]", decoder: "msgspec.msgpack.Decoder[list[Answer]]", advance: Advance
) -> "list[Answer]":
    kept: list[Answer] = []
    for done, share in enumerate(as_completed(shares), start=1):
        kept += decoder.decode(share.result())
        advance(done, len(shares))
    return kept


@contextmanager
def uncollected() -> Iterator[None]:
    """No search for cycles: trees and findings hold none, and looking for some costs a third of the time of a scan."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _read_share(key: str, packed: bytes, root: str, share: list[Found]) -> bytes:
    """A share as read, packed; a worker unpacks the look-ups once."""
    if key not in _patterns:
        _patterns[key] = pickle.loads(packed)  # noqa: S301 - packed by our own parent
    with uncollected():
        return msgspec.msgpack.encode([read_file(_patterns[key], Path(root), one) for one in share])
