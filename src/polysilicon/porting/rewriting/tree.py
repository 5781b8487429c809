"""The files of a tree, and what has to be known of all of them before one may be changed."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from polysilicon.porting.rewriting.source import Unreadable, load

_LEFT_ALONE = frozenset(
    {".git", ".hg", ".svn", "__pycache__", ".venv", "venv", "node_modules", ".tox", "site-packages"}
)
_NAMES_CUDA = re.compile(rb"cuda|nccl|\btorch\.load\b")
_ENTRY = re.compile(rb"^if __name__ ==", re.MULTILINE)
# A test that puts its own function in the place of one of torch.cuda expects the code to call that one.
_PATCHED = (
    re.compile(rb"torch\.cuda\.(\w+)[\"']"),
    re.compile(rb"(?:setattr|object)\(\s*torch\.cuda\s*,\s*[\"'](\w+)[\"']"),
    re.compile(rb"torch\.cuda\.(\w+)\s*=[^=]"),
)
_SCRIPTED = re.compile(rb"\bjit\.script\b|\bScriptModule\b")
_AUTOCAST = re.compile(rb"set_autocast_(gpu_)?dtype|set_autocast_cache_enabled|\bcache_enabled\b")
_PASSED_ON = re.compile(rb"from\s+(?!torch\b)[\w.]+\s+import\s+(\([^)]*\)|[^\n]*)")
_TESTED = re.compile(rb"isinstance\([^\n]*|issubclass\([^\n]*")
_AMP = re.compile(rb"\b(autocast|GradScaler|custom_fwd|custom_bwd)\b")
_WANTS = re.compile(r"""(?:^|["'\s])torch\s*(?:\[[^\]]*\])?\s*(?:>=|==|~=)\s*(\d+\.\d+)""", re.MULTILINE)
_STATES = ("requirements*.txt", "requirements/*.txt", "pyproject.toml", "setup.py", "setup.cfg", "environment.y*ml")
KERNELS = frozenset({".cu", ".cuh", ".cpp", ".cc", ".cxx", ".h", ".hpp"})


@dataclass(frozen=True)
class Surroundings:
    """What one file can't say of itself.

    `patched` names of torch.cuda are replaced by some test; `told` are the names of automatic mixed precision that
    other modules import from each other or test for; `scripted` and `tuned` say that TorchScript is used and that
    somebody sets the defaults of autocast.
    """

    patched: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()
    scripted: bool = False
    tuned: bool = False


@dataclass(frozen=True)
class Tree:
    """A tree of Python files: those that may name CUDA, those that are entry points, what was skipped and why.

    `read` counts the Python files that were read, `kernels` the C, C++ and CUDA files, which no rewrite touches.
    """

    root: Path
    candidates: tuple[str, ...]
    entries: frozenset[str]
    paths: frozenset[str]
    read: int
    skipped: dict[str, int]
    kernels: int
    surroundings: Surroundings
    wants: tuple[str, str] | None


def survey(root: Path) -> Tree:
    """Walk `root`, a folder or one file, reading each Python file once."""
    skipped: Counter[str] = Counter()
    folder, paths = (root, sorted(_files(root, skipped))) if root.is_dir() else (root.parent, [root.name])
    candidates, entries = [], set()
    patched: set[str] = set()
    told: set[str] = set()
    scripted = tuned = False
    read = 0
    for path in paths:
        if path.endswith(".ipynb"):
            skipped["notebook"] += 1
        if not path.endswith((".py", ".pyw")):
            continue
        try:
            raw = load(folder, path)
        except Unreadable as reason:
            skipped[str(reason)] += 1
            continue
        read += 1
        if _NAMES_CUDA.search(raw):
            candidates.append(path)
            patched.update(name.decode() for one in _PATCHED for name in one.findall(raw))
        if _ENTRY.search(raw):
            entries.add(path)
        texts = [*_PASSED_ON.findall(raw), *_TESTED.findall(raw)] if _AMP.search(raw) else []
        told.update(name.decode() for text in texts for name in _AMP.findall(text))
        scripted = scripted or bool(_SCRIPTED.search(raw))
        tuned = tuned or bool(_AUTOCAST.search(raw))
    return Tree(
        folder,
        tuple(candidates),
        frozenset(entries),
        frozenset(paths),
        read,
        dict(skipped),
        sum(Path(path).suffix in KERNELS for path in paths),
        Surroundings(frozenset(patched), frozenset(told), scripted, tuned),
        _wanted(folder),
    )


def _files(root: Path, skipped: Counter[str]) -> Iterator[str]:
    """Every file below a folder, links included but not followed; folders that can't be read are counted."""
    waiting = [""]
    while waiting:  # no recursion: folders may be nested as deeply as a path is long
        below = waiting.pop()
        try:
            with os.scandir(root / below) as found:
                entries = list(found)
        except OSError:
            skipped["folder that is not readable"] += 1
            continue
        for one in entries:
            if one.is_dir(follow_symlinks=False):
                waiting += [f"{below}{one.name}/"] if one.name not in _LEFT_ALONE else []
            elif not os.path.isdir(one):
                yield f"{below}{one.name}"


def _wanted(root: Path) -> tuple[str, str] | None:
    """The oldest PyTorch that the tree says it runs with, and the file that says so."""
    found: list[tuple[tuple[int, ...], str, str]] = []
    for pattern in _STATES:
        for file in root.glob(pattern):
            try:
                text = file.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            name = file.relative_to(root).as_posix()
            found += [(tuple(map(int, one.split("."))), one, name) for one in _WANTS.findall(text)]
    return min(found)[1:] if found else None
