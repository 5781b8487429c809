"""What was read before: a file that has not changed since is not read again.

One packed file a tree, in the user's cache folder, named after the tree, the rules, our version and its own layout. A
file counts as unchanged when its size and its time of change are. A cache that can't be read or written is not missed.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from polysilicon import __version__
from polysilicon.porting import kernels
from polysilicon.porting.inventory import Found
from polysilicon.porting.sighting import FileRead
from polysilicon.records import files
from polysilicon.records.errors import InputError

# What is kept of a file, and what a reader sees in it: a new number says that neither is what it was.
LAYOUT = 2


class Kept(msgspec.Struct, array_like=True):
    """A file as it was read, with what told that it had not changed."""

    bytes: int
    changed_ns: int
    read: FileRead


class Cache(msgspec.Struct):
    """Files by path."""

    files: dict[str, Kept] = {}

    def unchanged(self, one: Found) -> bool:
        """Whether what is kept of a file still holds."""
        kept = self.files.get(one.path)
        return kept is not None and (kept.bytes, kept.changed_ns) == (one.bytes, one.changed_ns)


def place(root: Path, content: str, folder: Path | None = None) -> Path:
    """Where the cache of a tree lies; `content` is the hash of the catalogue whose rules read it."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "polysilicon" / "port"
    how = f"{content}\0{__version__}\0{LAYOUT}\0{kernels.reader()}"
    digest = hashlib.sha256(f"{root.resolve()}\0{how}".encode()).hexdigest()[:24]
    return (folder or default) / f"{digest}.msgpack"


def load(path: Path | None) -> Cache:
    """The cache at `path`; an empty one where there is none, or none that can be read."""
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=Cache) if path else Cache()
    except (OSError, msgspec.DecodeError):
        return Cache()


def save(path: Path | None, cache: Cache, known: Iterable[str]) -> None:
    """Keep what was read of the files in `known`; nothing is said where that can't be done."""
    if path is None:
        return
    present = set(known)
    cache.files = {name: kept for name, kept in cache.files.items() if name in present}
    try:
        files.write(path, msgspec.msgpack.encode(cache))
    except InputError:
        return
