"""What is in a tree: the files a reader exists for, and why each other was passed over.

Links are not followed, so a loop of links ends at once; a file that vanishes between listing and reading is counted.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

MOST_BYTES = 4_000_000
SKIPPED_FOLDERS = {
    ".git": "version control",
    ".hg": "version control",
    ".svn": "version control",
    "__pycache__": "caches",
    ".mypy_cache": "caches",
    ".pytest_cache": "caches",
    ".ruff_cache": "caches",
    ".tox": "environments",
    ".nox": "environments",
    ".venv": "environments",
    "venv": "environments",
    "node_modules": "somebody else's code",
    "third_party": "somebody else's code",
    "third-party": "somebody else's code",
    "3rdparty": "somebody else's code",
}
KIND_OF_SUFFIX = {
    ".py": "python",
    ".pyi": "python",
    ".pyx": "python",
    ".ipynb": "notebook",
    **dict.fromkeys((".cu", ".cuh", ".cpp", ".cc", ".cxx", ".c", ".h", ".hpp", ".hxx", ".hip", ".inl", ".inc"), "kernel"),
    ".cmake": "cmake",
    ".mk": "cmake",
    ".sh": "shell",
    ".bash": "shell",
    ".slurm": "shell",
    ".sbatch": "shell",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".tpl": "yaml",
    ".toml": "requirements",
    ".dockerfile": "docker",
}
KIND_OF_NAME = (
    ("CMakeLists.txt", "cmake"),
    ("Makefile*", "cmake"),
    ("GNUmakefile", "cmake"),
    ("Dockerfile*", "docker"),
    ("*.Dockerfile", "docker"),
    ("Containerfile*", "docker"),
    ("requirements*.txt", "requirements"),
    ("*requirements*.txt", "requirements"),
    ("constraints*.txt", "requirements"),
    ("*requirements*.in", "requirements"),
    ("setup.cfg", "requirements"),
    ("environment*.y*ml", "requirements"),
    ("conda*.y*ml", "requirements"),
    ("meta.y*ml", "requirements"),
    ("Pipfile", "requirements"),
    ("Jenkinsfile*", "ci"),
    (".gitlab-ci*.y*ml", "ci"),
    ("azure-pipelines*.y*ml", "ci"),
    ("tox.ini", "ci"),
)
CI_FOLDERS = re.compile(r"(^|/)(\.github/workflows|\.github/actions|\.circleci|\.buildkite|\.gitlab|\.jenkins|\.ci)/")


@dataclass(frozen=True)
class Found:
    """A file to read: its path below the root, its kind, and what tells that it has not changed."""

    path: str
    kind: str
    bytes: int
    changed_ns: int


@dataclass
class Inventory:
    """The files to read, in order, and how many were passed over by reason; a few are named."""

    root: Path
    files: list[Found] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    named: dict[str, list[str]] = field(default_factory=dict)

    def skip(self, reason: str, path: str) -> None:
        """Count a file that is not read."""
        self.skipped[reason] += 1
        names = self.named.setdefault(reason, [])
        if len(names) < MOST_NAMED:
            names.append(path)


MOST_NAMED = 20


def inventory(root: Path, leave_out: Sequence[str] = (), most_bytes: int = MOST_BYTES) -> Inventory:
    """Everything below `root`; a single file is a tree of one. `leave_out` are patterns of paths not wanted."""
    found = Inventory(root if root.is_dir() else root.parent)
    for folder, name in _entries(root, found):
        path = os.path.relpath(os.path.join(folder, name), found.root).replace(os.sep, "/")
        kind = kind_of(path)
        if any(fnmatch(path, one) or fnmatch(path, f"{one.rstrip('/')}/*") for one in leave_out):
            found.skip("left out by --exclude", path)
        elif kind is None:
            found.skipped["no reader for this kind of file"] += 1
        else:
            _add(found, path, kind, most_bytes)
    found.files.sort(key=lambda one: one.path)
    return found


def _entries(root: Path, found: Inventory) -> Iterator[tuple[str, str]]:
    if not root.is_dir():
        yield str(root.parent), root.name
        return
    for folder, folders, names in os.walk(root, onerror=lambda error: found.skip("folder can't be read", str(error))):
        for one in [one for one in folders if one in SKIPPED_FOLDERS]:
            found.skip(f"folder of {SKIPPED_FOLDERS[one]}", os.path.join(folder, one))
            folders.remove(one)
        folders.sort()
        for name in names:
            yield folder, name


def _add(found: Inventory, path: str, kind: str, most_bytes: int) -> None:
    whole = found.root / path
    try:
        if whole.is_symlink():
            found.skip("a link", path)
            return
        known = whole.stat()
    except (OSError, ValueError):
        found.skip("vanished", path)
        return
    if not _is_regular(known.st_mode):
        found.skip("no regular file", path)
    elif known.st_size > most_bytes:
        found.skip(f"larger than {most_bytes / 1e6:g} MB", path)
    else:
        found.files.append(Found(path, kind, known.st_size, known.st_mtime_ns))


def _is_regular(mode: int) -> bool:
    return (mode & 0o170000) == 0o100000


def kind_of(path: str) -> str | None:
    """The kind of reader a path calls for."""
    name = path.rpartition("/")[2]
    suffix = os.path.splitext(name)[1].lower()
    if suffix in (".yml", ".yaml", ".sh", ".bash") and CI_FOLDERS.search(path):
        return "ci"
    for pattern, kind in KIND_OF_NAME:
        if fnmatch(name, pattern):
            return kind
    return KIND_OF_SUFFIX.get(suffix)
