"""Where a vendor's module has to be imported before PyTorch knows its device."""

import ast
from collections.abc import Iterator, Sequence

from polysilicon.porting.rewriting.asking import Reader
from polysilicon.porting.rewriting.site import Plugin, Site


def plugins(reader: Reader, modules: Sequence[str]) -> list[Site]:
    """One import for each module that an entry point lacks, behind its import of torch."""
    return list(_plugins(reader, modules))


def _plugins(reader: Reader, modules: Sequence[str]) -> Iterator[Site]:
    place = next((one for one in reader.source.tree.body if _imports_torch(one)), None)
    if place is None or not reader.bindings.has_torch or reader.context.lists_names:
        return
    line, _, end, last = reader.span(place)
    for at, module in enumerate(modules):
        if module not in reader.bindings.taken:
            why = "imported only where it is installed"
            # Columns that no node has, so that several modules may follow one import.
            span = (line, last + 1 + at, end, last + 1 + at)
            yield Site(span, "ENT-plugin", "S", "import torch", why, Plugin(module), harmless=True)


def _imports_torch(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import) and any(one.name.partition(".")[0] == "torch" for one in node.names)
