"""What the finished parts of a sweep found, on disk: a sweep that was killed goes on where it stopped."""

import json
import os
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

# Named arrays: they pickle small, and are read back without running anything.
Found: TypeAlias = Mapping[str, NDArray[Any]]

NAME = "sweep.json"
PART = "part"  # of which part a file is, in the file itself


class OtherSweep(ValueError):
    """The folder holds the parts of another sweep."""


class Ledger:
    """A folder with one file for each finished part. A file is whole or absent: it is written aside and renamed."""

    def __init__(self, folder: Path, question: str, parts: int) -> None:
        """Open the folder, or begin it. `question` is a fingerprint of all that decides what a part finds.

        Raises:
            OtherSweep: it holds something else than this sweep.
            OSError: it can't be written.
        """
        self._folder = folder
        mine = {"question": question, "parts": parts}
        label = folder / NAME
        if label.exists():
            if _label(label) != mine:
                raise OtherSweep(f"{folder} holds the parts of another sweep")
            return
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise OtherSweep(f"{folder} holds something else than a sweep")
        _write(label, json.dumps(mine).encode())

    def __len__(self) -> int:
        return sum(1 for _ in self._folder.glob("*.npz"))

    def read(self, number: int) -> Found | None:
        """What part `number` found; nothing where it is not done, or its file can't be read or holds something else."""
        try:
            with np.load(BytesIO(self._path(number).read_bytes()), allow_pickle=False) as kept:
                if PART not in kept.files or kept[PART].tolist() != number:
                    return None
                return {name: kept[name] for name in kept.files if name != PART}
        except (OSError, ValueError, BadZipFile, EOFError):
            return None

    def write(self, number: int, found: Found) -> None:
        """Keep what part `number` found.

        Raises:
            OSError: it can't be written.
        """
        packed = BytesIO()
        np.savez(packed, allow_pickle=False, **{**found, PART: np.array(number)})
        _write(self._path(number), packed.getvalue())

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.npz"


def _label(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None


def _write(path: Path, content: bytes) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
