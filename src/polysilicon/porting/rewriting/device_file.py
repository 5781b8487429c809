"""`device.py`: one constant for a project that names its device in many places and has no module of its own for it."""

import ast
from collections.abc import Sequence
from pathlib import Path

from polysilicon.porting.rewriting.asking import Reader
from polysilicon.porting.rewriting.codemod import Naming
from polysilicon.porting.rewriting.site import ACCELERATOR, AT_HAND, Lead, Recall, Site, Swap

FILE = "device.py"
# From so many places in one file on, a name reads better than the question each time.
MANY = 3
TEXT = '''"""The device that this program runs on."""

import torch

# "cuda" where PyTorch was built for CUDA or for no accelerator at all, else the type of the accelerator that it was
# built for ("npu", "xpu", "musa", ...). To ask for it starts no device.
ACCELERATOR = getattr(torch.accelerator.current_accelerator(), "type", "cuda")
'''


def naming(
    reader: Reader, sites: Sequence[Site], root: Path, paths: frozenset[str], entries: frozenset[str]
) -> tuple[Naming, str]:
    """How a file names the accelerator, and the path of the helper that this needs; both empty where it asks in place.

    A helper is taken only where the project has no device.py, the file's own imports show how to import it, one of
    them stands above the first place, and the file looks through no list of its names.
    """
    places = [one.line for one in sites if _places(one)]
    if not places:
        return Naming(), ""
    if _imports_it(reader, min(places)):
        return Naming(helper=ACCELERATOR), ""
    if len(places) < MANY or reader.context.lists_names or not {ACCELERATOR, "*"}.isdisjoint(reader.bindings.taken):
        return Naming(), ""
    path, statement = _home(reader, paths, entries)
    behind = _import_above(reader.source.tree, min(places))
    if not path or not behind or _taken(root, path, paths):
        return Naming(), ""
    return Naming(statement, behind), path


def _taken(root: Path, path: str, paths: frozenset[str]) -> bool:
    """Whether the project has a device.py or a package of that name already, or its `__init__` speaks of a device.

    A module that is imported becomes an attribute of its package, which may have a variable of that name.
    """
    if any(one.rpartition("/")[2] == FILE or one.startswith(f"{path.removesuffix('.py')}/") for one in paths):
        return True
    try:
        return b"device" in (root / path).with_name("__init__.py").read_bytes()
    except OSError:
        return False


def _places(site: Site) -> bool:
    """Whether a site names the accelerator where there may be none."""
    edit = site.edit
    if isinstance(edit, Swap):
        return ACCELERATOR in edit.code.replace(AT_HAND, "")
    return isinstance(edit, Lead) or (isinstance(edit, Recall) and ACCELERATOR in (edit.first, edit.last[1]))


def _imports_it(reader: Reader, line: int) -> bool:
    """Whether a file that was rewritten before has the constant by name, at its top level and above `line`."""
    means = reader.bindings.means(ACCELERATOR) or ""
    top = [one for one in reader.bindings.statements[ACCELERATOR] if one in reader.source.tree.body]
    return means.removeprefix(".").endswith(f"device.{ACCELERATOR}") and any(_end(one) < line for one in top)


def _home(reader: Reader, paths: frozenset[str], entries: frozenset[str]) -> tuple[str, str]:
    """Where the helper would lie and how this file would import it, as it imports its own package already."""
    path = reader.source.path
    folders = path.split("/")[:-1]
    first = len(folders)
    while first and f"{'/'.join(folders[:first])}/__init__.py" in paths:
        first -= 1
    imports = [one for one in reader.context.nodes if isinstance(one, ast.ImportFrom)]
    if first == len(folders):
        # A script finds what lies beside it where it already imports such files by their bare names.
        beside = not folders and any(f"{one}.py" in paths for one in _imported(reader))
        return (FILE, f"from device import {ACCELERATOR}\n") if beside else ("", "")
    package = folders[first]
    home = "/".join([*folders[: first + 1], FILE])
    if any(one.level for one in imports) and path not in entries:
        return home, f"from {'.' * (len(folders) - first)}device import {ACCELERATOR}\n"
    if any(not one.level and (one.module or "").partition(".")[0] == package for one in imports):
        return home, f"from {package}.device import {ACCELERATOR}\n"
    return "", ""


def _imported(reader: Reader) -> list[str]:
    """The modules that a file imports by a bare name at its top level."""
    names = []
    for node in reader.source.tree.body:
        if isinstance(node, ast.Import):
            names += [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.append(node.module or "")
    return names


def _import_above(tree: ast.Module, line: int) -> int:
    """The line of the last import at the top of a file that ends above `line`; nought where it has none.

    Other statements between the imports run before those below them: the constant is there for each that needs it.
    """
    found = 0
    for nodes in _logical_lines(tree):
        if _end(nodes[-1]) >= line:
            break
        if any(isinstance(one, ast.Import | ast.ImportFrom) for one in nodes):
            found = nodes[0].lineno
        if not all(isinstance(one, ast.Import | ast.ImportFrom | ast.Expr | ast.Try | ast.If) for one in nodes):
            break
    return found


def _logical_lines(tree: ast.Module) -> list[list[ast.stmt]]:
    """The statements of a module, those that semicolons join together: nothing can be put between them."""
    lines: list[list[ast.stmt]] = []
    for node in tree.body:
        if lines and _end(lines[-1][-1]) == node.lineno:
            lines[-1].append(node)
        else:
            lines.append([node])
    return lines


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno
