"""A rewrite put in place: first the patch that takes it back, then each file beside itself and renamed."""

import os
import stat
import tempfile
from pathlib import Path

from polysilicon.porting.rewriting.rewrite import Rewritten
from polysilicon.records import files
from polysilicon.records.errors import InputError, Place


def write(rewritten: Rewritten, undo: Path) -> None:
    """Write every changed file and each new device.py. Modes are kept; a file that has changed since stops it all.

    Where nothing changes nothing is written: an empty undo patch would only stand in the way of the next run.

    Raises:
        InputError: the undo patch is there already, a file is no longer what was read, or one can't be written.
    """
    changes = rewritten.changes()
    if not changes:
        return
    if undo.exists():
        remedy = "apply or remove it first, or name another with --undo"
        raise InputError("the undo patch of another run is there", place=Place(str(undo)), remedy=remedy)
    root = rewritten.task.root
    for path, before, _ in changes:
        if _now(root / path) != before:
            raise InputError("has changed since it was read; nothing was written", place=Place(str(root / path)))
    for folder in sorted({(root / path).parent for path, *_ in changes}):
        _try(folder)
    files.write(undo, rewritten.undo())
    done: list[str] = []
    for path, _, after in changes:
        try:
            _put(root / path, after or b"")
        except InputError as cause:
            problem = f"{cause.problem}; changed before it: {', '.join(done) or 'nothing'}"
            remedy = f"git apply --include=FILE {undo} takes back a file that was changed"
            raise InputError(problem, remedy=remedy) from cause
        done.append(path)


def _try(folder: Path) -> None:
    """Whether files can be put into a folder, found out by doing so: modes say little to root, and on some disks.

    Raises:
        InputError: they can't.
    """
    try:
        handle, beside = tempfile.mkstemp(dir=folder, prefix=".polysilicon.")
        os.close(handle)
        Path(beside).unlink()
    except OSError as cause:
        problem = f"can't be written: {cause.strerror}; nothing was changed"
        raise InputError(
            problem, place=Place(str(folder)), remedy="make it writable, or rewrite another path"
        ) from cause


def _put(target: Path, content: bytes) -> None:
    try:
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
        files.write(target, content)
        if mode is not None:
            target.chmod(mode)
    except OSError as cause:
        raise InputError(f"can't write {target}: {cause.strerror}") from cause


def _now(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None
