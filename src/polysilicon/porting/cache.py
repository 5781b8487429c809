"""What was read before: a file that has not changed since is not read again.

One packed file a tree, in the user's cache folder, named after the tree, the rules, our version and its own layout. A
file counts as unchanged when its size and its time of change are. A cache that can't be read or written is not missed.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from polysilicon import __version__
from polysilicon.porting import kernels
from polysilicon.porting.inventory import Found
from polysilicon.porting.sighting import FileRead
from polysilicon.records import files
from polysilicon.records.errors import InputError

# What is kept of a file, and what a reader sees in it: a new number says that neither is what it was.
LAYOUT = 3


class Kept(msgspec.Struct, array_like=True):
    """A file as it was read, still packed, with what told that it had not changed."""

    bytes: int
    changed_ns: int
    packed: msgspec.Raw


@dataclass
class Cache:
    """Files by path, as they lie on the disk and as they were read: what has not changed is never packed again."""

    files: dict[str, Kept] = field(default_factory=dict)
    reads: dict[str, FileRead] = field(default_factory=dict)

    def unchanged(self, one: Found) -> bool:
        """Whether what is kept of a file still holds."""
        kept = self.files.get(one.path)
        return kept is not None and (kept.bytes, kept.changed_ns) == (one.bytes, one.changed_ns)

    def keep(self, one: Found, read: FileRead) -> None:
        """What a file holds now."""
        self.files[one.path] = Kept(one.bytes, one.changed_ns, msgspec.Raw(msgspec.msgpack.encode(read)))
        self.reads[one.path] = read


def place(root: Path, content: str, folder: Path | None = None) -> Path:
    """Where the cache of a tree lies; `content` is the hash of the catalogue whose rules read it."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "polysilicon" / "port"
    how = f"{content}\0{__version__}\0{LAYOUT}\0{kernels.reader()}"
    digest = hashlib.sha256(f"{root.resolve()}\0{how}".encode()).hexdigest()[:24]
    return (folder or default) / f"{digest}.msgpack"


def load(path: Path | None) -> Cache:
    """The cache at `path`; an empty one where there is none, or none that can be read."""
    try:
        kept = msgspec.msgpack.decode(path.read_bytes(), type=dict[str, Kept]) if path else {}
        unpack = msgspec.msgpack.Decoder(FileRead).decode
        return Cache(kept, {name: unpack(one.packed) for name, one in kept.items()})
    except (OSError, msgspec.DecodeError):
        return Cache()


def save(path: Path | None, cache: Cache, known: Iterable[str]) -> None:
    """Keep what was read of the files in `known`; nothing is said where that can't be done."""
    if path is None:
        return
    try:
        files.write(path, msgspec.msgpack.encode({name: cache.files[name] for name in known}))
    except InputError:
        return
