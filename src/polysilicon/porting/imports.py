"""Where one more import goes: after those of the code base itself."""

import ast
import sys
from collections.abc import Collection, Sequence

from polysilicon.porting.sighting import FileRead, Imported

# An import of any kind: it says no more than where the imports end.
ANY = "*"


def imported(body: Sequence[ast.stmt]) -> tuple[Imported, ...]:
    """The imports at the top of a module, by the first part of the name they are taken from; none of Python's own."""
    last: dict[str, int] = {}
    for one in body:
        if not isinstance(one, ast.Import | ast.ImportFrom):
            continue
        last[ANY] = one.end_lineno or one.lineno
        if isinstance(one, ast.ImportFrom):
            root = "" if one.level else (one.module or "").partition(".")[0]
            if root not in sys.stdlib_module_names:
                last[root] = last[ANY]
    return tuple(Imported(root, line) for root, line in last.items())


def place(read: FileRead, own: Collection[str]) -> int:
    """The line after which one more import of the code base would go, 0 in a file that imports nothing.

    `own` are the names by which the code base imports itself; a library of it goes before what lies beside the file.
    """
    ours = [one for one in read.imports if not one.root or one.root in own]
    here = read.path.partition("/")[0]
    library = [one for one in ours if one.root and one.root != here]
    return max((one.last for one in library or ours or read.imports), default=0)
