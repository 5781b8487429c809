"""Which names the installed PyTorch has, read from its files: nothing is imported, so that it costs milliseconds."""

import ast
import functools
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

_VERSION = re.compile(r"""^__version__[^=\n]*=\s*["']([^"'\n]+)""", re.MULTILINE)


@dataclass(frozen=True)
class Installed:
    """A PyTorch on this machine: its version as it states it, and the folder it lies in."""

    version: str
    folder: Path

    @property
    def release(self) -> str:
        """Major and minor: `2.13`."""
        return ".".join(self.version.split(".")[:2])

    def has(self, path: str) -> bool:
        """Whether a module or a package binds the last part of a dotted name such as torch.amp.autocast."""
        *modules, name = path.split(".")[1:]
        place = self.folder.joinpath(*modules)
        return (
            name in _bound(place / "__init__.py")
            or (bool(modules) and name in _bound(place.with_suffix(".py")))
            or (not modules and name in _bound(self.folder / "_C" / "__init__.pyi"))
            or (place / name).is_dir()
            or (place / f"{name}.py").is_file()
        )


def find() -> Installed | None:
    """The PyTorch that Python would import here, if there is one."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    try:
        found = _VERSION.search((folder / "version.py").read_text(encoding="utf-8"))
    except OSError:
        return None
    return Installed(found[1], folder) if found else None


@functools.cache
def _bound(file: Path) -> frozenset[str]:
    """What a file binds at its top level, through star imports of its own package too."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError):
        return frozenset()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found.update(one.id for one in node.targets if isinstance(one, ast.Name))
        elif isinstance(node, ast.ImportFrom):
            found.update(alias.asname or alias.name for alias in node.names)
            if any(alias.name == "*" for alias in node.names) and node.module:
                found |= _bound(_sibling(file, node))
    return frozenset(found)


def _sibling(file: Path, node: ast.ImportFrom) -> Path:
    """The file of the same package that a star import reads."""
    parts = (node.module or "").split(".")
    package = file.parent
    if not node.level:  # `from torch.distributed.x import *` inside torch/distributed
        while package.name != parts[0] and package != package.parent:
            package = package.parent
        parts = parts[1:]
    return package.joinpath(*parts).with_suffix(".py")
