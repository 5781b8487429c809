"""Every finished timing on disk before it counts: one line of JSON each, so that a killed run loses nothing."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from polysilicon.performance.measuring.kernels import KINDS, Kernel
from polysilicon.performance.measuring.timing import Timing
from polysilicon.records import files
from polysilicon.records.errors import InputError, Place

# So much of a strange line is shown.
MOST_SHOWN = 200


class _Line(msgspec.Struct):
    dtype: str
    kernel: Kernel
    timing: Timing


class Journal:
    """The timings of one device under one label, in the order they were taken; the latest of a kernel counts."""

    def __init__(
        self, path: Path | None, label: Mapping[str, object], *, resume: bool = False, anew: bool = False
    ) -> None:
        """Open or begin the journal at `path`, `anew` in place of an older one; without a path, keep timings in memory.

        Raises:
            InputError: it exists and is neither to be resumed nor to be replaced, is no journal, is of another device,
                software or day's setting, or can't be written or read.
        """
        self._path = path
        self._timings: dict[tuple[str, Kernel], Timing] = {}
        self.label: Mapping[str, object] = label
        if path is None:
            return
        if path.exists() and anew and not resume:
            self._replace(path, label)
        elif path.exists():
            if not resume:
                raise InputError(
                    "exists already",
                    place=Place(str(path)),
                    remedy="--resume goes on where it stopped; remove it or name another --journal to begin anew",
                )
            self._read(path, label)
        else:
            self._append({"label": dict(label)}, path)

    def __len__(self) -> int:
        return len(self._timings)

    def get(self, dtype: str, kernel: Kernel) -> Timing | None:
        """What the kernel took, where it was timed."""
        return self._timings.get((dtype, kernel))

    def timings(self) -> dict[tuple[str, Kernel], Timing]:
        """Every timing by format and kernel."""
        return dict(self._timings)

    def write(self, dtype: str, kernel: Kernel, timing: Timing) -> None:
        """Keep a timing.

        Raises:
            InputError: it can't be written.
        """
        if self._path is not None:
            line = {"dtype": dtype, "kernel": kernel.to_dict(), "timing": vars(timing)}
            self._append(line, self._path)
        self._timings[dtype, kernel] = timing

    def _replace(self, path: Path, label: Mapping[str, object]) -> None:
        """Begin anew where a journal is; what is none is nobody's to take away."""
        lines = _lines(path)
        if lines and not _labelled(lines[0]):
            raise InputError(
                "is no journal, and is not written over",
                place=Place(str(path), 1),
                found=lines[0].strip()[:MOST_SHOWN],
                remedy="name another --journal",
            )
        files.write(path, "")
        self._append({"label": dict(label)}, path)

    def _append(self, line: Mapping[str, Any], path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as cause:
            raise InputError(f"can't write {path}: {cause.strerror}", remedy="choose another --journal") from cause

    def _read(self, path: Path, label: Mapping[str, object]) -> None:
        lines = _lines(path)
        # A line that a kill cut short never counted.
        if lines and not lines[-1].endswith("\n"):
            torn = lines.pop()
            with path.open("r+b") as stream:
                stream.truncate(path.stat().st_size - len(torn.encode()))
        for number, text in enumerate(lines, start=1):
            place = Place(str(path), number)
            try:
                if number == 1:
                    self._check(json.loads(text)["label"], label, place)
                    continue
                line = msgspec.json.decode(text, type=_Line)
            except (ValueError, KeyError, TypeError) as cause:
                found = text.strip()[:MOST_SHOWN]
                raise InputError("is no line of a journal", place=place, found=found) from cause
            if line.kernel.kind not in KINDS:
                raise InputError("is a kind of kernel nobody times", place=place, found=line.kernel.kind)
            if line.timing.trusted and line.timing.time_s <= 0.0:
                raise InputError("is no time of a kernel", place=place, found=line.timing.time_s)
            self._timings[line.dtype, line.kernel] = line.timing
        if not lines:
            self._append({"label": dict(label)}, path)

    def _check(self, theirs: Mapping[str, object], ours: Mapping[str, object], place: Place) -> None:
        other = sorted(name for name in {*theirs, *ours} - {"day"} if theirs.get(name) != ours.get(name))
        if other:
            raise InputError(
                f"was timed under another {other[0]}",
                place=place,
                found=theirs.get(other[0]),
                allowed=str(ours.get(other[0])),
                remedy="name another --journal",
            )
        self.label = theirs


def _lines(path: Path) -> list[str]:
    try:
        return path.read_bytes().decode("utf-8", errors="replace").splitlines(keepends=True)
    except OSError as cause:
        raise InputError(f"can't read {path}: {cause.strerror}") from cause


def _labelled(first: str) -> bool:
    """Whether a file that begins with this line is a journal."""
    try:
        return isinstance(json.loads(first)["label"], dict)
    except (ValueError, KeyError, TypeError):
        return False
