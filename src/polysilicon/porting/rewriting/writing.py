"""A rewrite put in place: first the patch that takes it back, then each file beside itself and renamed."""

import stat
from pathlib import Path

from polysilicon.porting.rewriting.rewrite import Rewritten
from polysilicon.records import files
from polysilicon.records.errors import InputError, Place


def write(rewritten: Rewritten, undo: Path) -> None:
    """Write every changed file and each new device.py. Modes are kept; a file that has changed since stops it all.

    Raises:
        InputError: the undo patch is there already, or a file is no longer what was read.
    """
    if undo.exists():
        remedy = "apply or remove it first, or name another with --undo"
        raise InputError("the undo patch of another run is there", place=Place(str(undo)), remedy=remedy)
    root = rewritten.task.root
    for path, before, _ in rewritten.changes():
        if _now(root / path) != before:
            raise InputError("has changed since it was read; nothing was written", place=Place(str(root / path)))
    files.write(undo, rewritten.undo())
    for path, _, after in rewritten.changes():
        target = root / path
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
        files.write(target, after or b"")
        if mode is not None:
            target.chmod(mode)


def _now(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None
