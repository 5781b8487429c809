"""Every place of a file that names CUDA, graded, with what would stand there instead."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import replace

from polysilicon.porting.rewriting.asking import NO_TORCH, Reader, asking
from polysilicon.porting.rewriting.bindings import Bindings
from polysilicon.porting.rewriting.closure import closed
from polysilicon.porting.rewriting.context import Context
from polysilicon.porting.rewriting.devices import devices
from polysilicon.porting.rewriting.names import Names
from polysilicon.porting.rewriting.site import Move, Site
from polysilicon.porting.rewriting.source import Source
from polysilicon.porting.rewriting.tree import Surroundings

_AMP, _TWINS = "torch.cuda.amp", "torch.amp"


def find(source: Source, names: Names, around: Surroundings) -> tuple[list[Site], Reader]:
    """The sites of a file in the order of its lines, and what was learnt of the file on the way."""
    bindings = Bindings(source)
    reader = Reader(source, bindings, Context(source, bindings, names.vendors), names, around)
    found = [*asking(reader), *devices(reader)]
    found = _imported(reader, found)
    return sorted(closed(reader, found), key=lambda one: one.span), reader


def _imported(reader: Reader, found: list[Site]) -> list[Site]:
    """Calls of a bare name are rewritten together with its import, or not at all."""
    by_span = {one.span: at for at, one in enumerate(found)}
    for statement in _statements(reader):
        uses = [site for alias in statement.names for site in _uses(reader, alias.asname or alias.name, by_span)]
        lost = _kept_back(reader, statement, [found[at] if at is not None else None for at in uses])
        grade = "R" if any(at is not None and found[at].grade != "S" for at in uses) else "S"
        for at in uses:
            if at is None:
                continue
            if lost:
                found[at] = replace(found[at], grade="M" if found[at].grade == "M" else "R", why=lost, edit=None)
            elif found[at].grade == "S" and grade == "R":
                found[at] = replace(found[at], grade="R", why="another use of the imported name is not safe")
        if not lost:
            text = f"from {_AMP} import"
            why = "its names are read from the module that serves every device"
            found.append(Site(reader.span(statement), "AMP", "S" if grade == "S" else "R", text, why, Move(_TWINS)))
    return found


def _statements(reader: Reader) -> Iterator[ast.ImportFrom]:
    for node in reader.context.nodes:
        if isinstance(node, ast.ImportFrom) and node.module == _AMP and not node.level:
            yield node


def _uses(reader: Reader, name: str, by_span: dict[tuple[int, int, int, int], int]) -> Iterable[int | None]:
    """For every use of an imported name, the index of its site; nothing where it has none."""
    for node in reader.context.nodes:
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load):
            parent = reader.context.parent(node)
            place = parent if isinstance(parent, ast.Call) and parent.func is node else node
            yield by_span.get(reader.span(place))


def _kept_back(reader: Reader, statement: ast.ImportFrom, uses: list[Site | None]) -> str:
    """Why an import can't move; empty where it can."""
    known = [reader.names.by_path.get(f"{_AMP}.{alias.name}") for alias in statement.names]
    if any(one is None or reader.names.grade(one)[0] == "M" for one in known):
        return "it is imported with names that have no twin in this release"
    if reader.doubt(statement):
        return "its import " + reader.doubt(statement)
    if any(reader.bindings.means(alias.asname or alias.name) is None for alias in statement.names):
        return "the imported name is bound in several ways"
    if any(one is None or one.edit is None for one in uses):
        return "the imported name is also used in ways that have no twin"
    if not uses or not reader.bindings.has_torch:
        return NO_TORCH if uses else "it is imported for others"
    return ""
