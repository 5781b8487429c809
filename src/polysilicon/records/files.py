"""Writing without loss: the new text is written beside its target and renamed over it in one step."""

import os
import tempfile
from pathlib import Path

from polysilicon.records.errors import InputError


def write(path: Path, content: str | bytes) -> None:
    """Put `content` at `path`; an interrupted run, or a full disk, leaves the old file whole.

    Raises:
        InputError: the folder can't be made, or the file written.
    """
    blob = content.encode() if isinstance(content, str) else content
    try:
        if path.exists() and not path.is_file():
            _write_through(path, blob)
        else:
            _replace(path.resolve(), blob)  # a link keeps pointing; what it points to is replaced
    except OSError as cause:
        raise InputError(f"can't write {path}: {cause.strerror}", remedy="choose another place") from cause


def _replace(path: Path, blob: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(blob)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes files private; a report is meant to be read by colleagues.
        umask = os.umask(0)
        os.umask(umask)
        Path(beside).chmod(0o666 & ~umask)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def _write_through(path: Path, blob: bytes) -> None:
    """A device or a pipe has no old content to lose, and renaming over it would take it away from everybody."""
    with path.open("wb") as stream:
        stream.write(blob)
