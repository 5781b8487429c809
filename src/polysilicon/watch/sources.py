"""Where feeds come from: a file, a folder of files, an address, or the catalogue itself."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from polysilicon.records.errors import InputError, PolysiliconError
from polysilicon.watch.feeds.reading import Limits
from polysilicon.watch.network import Line, is_address
from polysilicon.watch.state import Source, State

CATALOGUE = "catalogue"
SUFFIXES = frozenset({".json", ".yaml", ".yml", ".xml", ".gz", ".zip"})


@dataclass(frozen=True)
class Arrived:
    """One document: its name, its content, and what to keep of its source once it is read whole.

    A document that is what it was when it was last read whole has no content.
    """

    name: str
    content: bytes | None
    source: Source


def check(feeds: tuple[str, ...]) -> None:
    """Every source exists, as far as that can be seen without asking it.

    Raises:
        InputError: none is given, or a path that is not there.
    """
    if not feeds:
        raise InputError("no feed is given", remedy="name a file, a folder or an address with --feeds, or `catalogue`")
    for feed in feeds:
        if feed != CATALOGUE and not is_address(feed) and not Path(feed).exists():
            raise InputError(f"there is no file or folder {feed}", remedy="an address starts with https://")


def arrivals(feed: str, state: State, limits: Limits, faults: list[str]) -> Iterator[Arrived]:
    """Every document of one source; what can't be had is a fault, and the others come all the same."""
    if is_address(feed):
        yield from _fetched(feed, state, limits, faults)
        return
    path = Path(feed)
    for file in _files(path) if path.is_dir() else (path,):
        try:
            yield _opened(file, state, limits)
        except (OSError, InputError) as cause:
            faults.append(f"{file}: can't be read: {cause.strerror}" if isinstance(cause, OSError) else str(cause))


def _files(folder: Path) -> Iterator[Path]:
    """The files of a folder and its folders that may be feeds, in a fixed order. Links to folders are not followed."""
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = Path(place, name)
            if path.suffix.casefold() in SUFFIXES and not name.startswith(".") and path.is_file():
                yield path


def _opened(file: Path, state: State, limits: Limits) -> Arrived:
    with file.open("rb") as stream:
        content = stream.read(limits.most_bytes + 1)
    if len(content) > limits.most_bytes:
        raise InputError(
            f"{file}: is larger than {limits.most_bytes // 2**20} MiB",
            remedy="split it, or allow more with --most-mib",
        )
    digest = _digest(content, limits)
    same = state.source(str(file)).digest == digest
    return Arrived(str(file), None if same else content, Source(digest=digest))


def _fetched(address: str, state: State, limits: Limits, faults: list[str]) -> Iterator[Arrived]:
    known = state.source(address)
    try:
        with Line() as line:
            found = line.fetch(address, limits.most_bytes, known.etag, known.modified)
    except PolysiliconError as cause:
        faults.append(str(cause))
        return
    if found is None:
        yield Arrived(address, None, known)
        return
    digest = _digest(found.content, limits)
    content = None if digest == known.digest else found.content
    yield Arrived(address, content, Source(found.etag, found.modified, digest))


def _digest(content: bytes, limits: Limits) -> str:
    """Names the content and what may be read of it: with other limits, the same file may say more."""
    return hashlib.sha256(content + str(limits.partial_lists).encode()).hexdigest()[:32]
