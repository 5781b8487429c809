"""What is in a tree: the files a reader exists for, and why each other was passed over.

Links are not followed, so a loop of links ends at once, unless one is named as the tree itself; a file that vanishes
between listing and reading is counted.
"""

import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from pathlib import Path

import msgspec

from polysilicon.records.errors import InputError, Place

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
    ".pyw": "python",
    ".pyi": "python",
    ".pyx": "python",
    ".ipynb": "notebook",
    **dict.fromkeys(
        (".cu", ".cuh", ".cpp", ".cc", ".cxx", ".c", ".h", ".hpp", ".hxx", ".hip", ".inl", ".inc"), "kernel"
    ),
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
    ("[Mm]akefile*", "cmake"),
    ("GNUmakefile", "cmake"),
    ("[Dd]ockerfile*", "docker"),
    ("[Cc]ontainerfile*", "docker"),
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
NAMED = re.compile(
    "|".join(
        f"(?P<{kind}>{'|'.join(translate(pattern) for pattern, of in KIND_OF_NAME if of == kind)})"
        for kind in dict.fromkeys(of for _, of in KIND_OF_NAME)
    )
)
TESTS = re.compile(r"(^|/)(tests?|testing)/|(^|/)test_[^/]*$|_test\.py$|(^|/)conftest\.py$")
CI_FOLDERS = re.compile(r"(^|/)(\.github/workflows|\.github/actions|\.circleci|\.buildkite|\.gitlab|\.jenkins|\.ci)/")


class Found(msgspec.Struct, frozen=True, gc=False):
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
    """Everything below `root`; a single file is a tree of one. `leave_out` are patterns of paths not wanted.

    Raises:
        InputError: `root` is a folder that can't be listed.
    """
    found = Inventory(root if root.is_dir() else root.parent)
    unwanted = _unwanted(leave_out) if leave_out else None
    for path, entry in _entries(root, found):
        kind = kind_of(path)
        if not _is_text(path):
            found.skip("name is no UTF-8", path.encode("utf-8", "backslashreplace").decode())
        elif kind is None and isinstance(entry, os.DirEntry) and entry.is_symlink():
            found.skip("a link", path)
        elif kind is None:
            found.skipped["no reader for this kind of file"] += 1
        elif unwanted is not None and unwanted.match(path):
            found.skip("left out by --exclude", path)
        else:
            _add(found, path, kind, entry, most_bytes)
    found.files.sort(key=lambda one: one.path)
    return found


def _is_text(path: str) -> bool:
    if path.isascii():
        return True
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unwanted(leave_out: Sequence[str]) -> re.Pattern[str]:
    """Paths that one of these patterns fits, or that lie below one that does; `./` begins no path of ours."""
    leave_out = [text.removeprefix("./") for text in leave_out]
    wanted = [one for text in leave_out for one in (text, f"{text.rstrip('/')}/*")]
    # Patterns that begin alike are looked for together: a path is then gone through once, not once for each.
    anywhere = "|".join(translate(one[1:]) for one in wanted if one.startswith("*"))
    fixed = [translate(one) for one in wanted if not one.startswith("*")]
    return re.compile("|".join([*fixed, *([f"(?s:.*)(?:{anywhere})"] if anywhere else [])]))


def _entries(root: Path, found: Inventory) -> Iterator[tuple[str, "os.DirEntry[str] | Path"]]:
    """Files below `root` with their paths below it, folder by folder; links to folders are not entered."""
    if not root.is_dir():
        yield root.name, root
        return
    waiting = [("", str(root))]
    while waiting:
        below, folder = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as refusal:
            if not below:
                raise InputError(
                    f"can't be read: {refusal.strerror}", place=Place(field="PATH"), found=str(root)
                ) from refusal
            found.skip(
                "folder can't be read" if os.path.lexists(folder) else "vanished", f"{below}: {refusal.strerror}"
            )
            continue
        for one in entries:
            if not one.is_dir(follow_symlinks=False):
                yield below + one.name, one
            elif one.name in SKIPPED_FOLDERS:
                found.skip(f"folder of {SKIPPED_FOLDERS[one.name]}", below + one.name)
            else:
                waiting.append((f"{below}{one.name}/", one.path))


def _add(found: Inventory, path: str, kind: str, entry: "os.DirEntry[str] | Path", most_bytes: int) -> None:
    try:
        known = entry.stat(follow_symlinks=isinstance(entry, Path))
    except (OSError, ValueError):
        found.skip("vanished", path)
        return
    if not stat.S_ISREG(known.st_mode):
        found.skip("a link" if stat.S_ISLNK(known.st_mode) else "no regular file", path)
    elif known.st_size > most_bytes:
        found.skip(f"larger than {most_bytes / 1e6:g} MB", path)
    else:
        found.files.append(Found(path, kind, known.st_size, known.st_mtime_ns))


def is_test(path: str) -> bool:
    """Whether a file is of the tests of a code base, by its path."""
    return "test" in path and TESTS.search(path) is not None


def kind_of(path: str) -> str | None:
    """The kind of reader a path calls for."""
    name = path[path.rfind("/") + 1 :]
    suffix = name[name.rfind(".") :].lower() if "." in name else ""
    kind = KIND_OF_SUFFIX.get(suffix)
    if kind in ("python", "kernel", "notebook"):
        return kind
    if kind in ("yaml", "shell") and CI_FOLDERS.search(path):
        return "ci"
    named = NAMED.match(name)
    return named.lastgroup if named else kind
