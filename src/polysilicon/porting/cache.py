"""What was read before: a file that has not changed since is not read again.

One packed file a tree, in the user's cache folder, named after the tree, the rules, our version and its own layout. A
file counts as unchanged when its size and its time of change are. A cache that can't be read or written is not missed,
and one that is damaged is none: a sum over all of it stands first.
"""

import hashlib
import os
import zlib
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
LAYOUT = 5
# What a system refused once it may grant the next time, and neither size nor time of change tells that it would.
REFUSED = ("vanished", "can't be read")
SUM_BYTES = 4


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
        """What a file holds now; that it can't be read is an answer for today alone."""
        self.reads[one.path] = read
        if read.skipped.startswith(REFUSED):
            self.files.pop(one.path, None)
        else:
            self.files[one.path] = Kept(one.bytes, one.changed_ns, msgspec.Raw(msgspec.msgpack.encode(read)))


def place(root: Path, content: str, folder: Path | None = None) -> Path:
    """Where the cache of a tree lies; `content` is the hash of the catalogue whose rules read it."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "polysilicon" / "port"
    how = f"{content}\0{__version__}\0{LAYOUT}\0{kernels.reader()}"
    digest = hashlib.sha256(f"{root.resolve()}\0{how}".encode()).hexdigest()[:24]
    return (folder or default) / f"{digest}.msgpack"


def load(path: Path | None) -> Cache:
    """The cache at `path`; an empty one where there is none, or none that can be read."""
    try:
        whole = memoryview(path.read_bytes()) if path else memoryview(b"")
        if int.from_bytes(whole[:SUM_BYTES], "big") != zlib.crc32(whole[SUM_BYTES:]) or len(whole) <= SUM_BYTES:
            return Cache()
        kept = msgspec.msgpack.decode(whole[SUM_BYTES:], type=dict[str, Kept])
        unpack = msgspec.msgpack.Decoder(FileRead).decode
        return Cache(kept, {name: unpack(one.packed) for name, one in kept.items()})
    except (OSError, ValueError, RecursionError):
        return Cache()


def save(path: Path | None, cache: Cache, root: Path, found: Iterable[str]) -> None:
    """Keep what was read of the files `found` below `root`; nothing is said where that can't be done.

    What other scans of this root read is kept too (theirs may have left out less) while such a file exists.
    """
    if path is None:
        return
    there = set(found)
    kept = {name: one for name, one in cache.files.items() if name in there or os.path.lexists(root / name)}
    packed = msgspec.msgpack.encode(kept)
    try:
        files.write(path, zlib.crc32(packed).to_bytes(SUM_BYTES, "big") + packed)
    except InputError:
        return
