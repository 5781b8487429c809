"""Sizes of blocks and warps beside a literal 32 or 64 in Python: one warp of 32 lanes, or two."""

import ast
from collections.abc import Callable, Iterator

from polysilicon.porting.syntax import is_text, shallow

ONE_WARP = frozenset({32, 64})
Beside = ast.Call | ast.Compare | ast.Assign | ast.AnnAssign | ast.keyword | ast.arguments
IsBlock = Callable[[str], bool]


def beside(node: Beside, is_block: IsBlock) -> ast.Constant | None:
    """The literal of one or two warps that stands in `node` with a name that says the size of a block."""
    named: list[str] = []
    literal: ast.Constant | None = None
    for part in shallow(node):
        if isinstance(part, ast.Constant):
            if type(part.value) is int and part.value in ONE_WARP:
                literal = part
            elif isinstance(part.value, str):
                named.append(part.value)
        elif isinstance(part, ast.Name | ast.arg | ast.keyword):
            named.append(getattr(part, "id", None) or getattr(part, "arg", None) or "")
        elif isinstance(part, ast.Attribute):
            named.append(part.attr)
    return literal if any(map(is_block, named)) else None


def defaults(function: ast.FunctionDef | ast.AsyncFunctionDef, is_block: IsBlock) -> Iterator[tuple[ast.stmt, str]]:
    """Each default of a warp's size, with where it is settled: where the body begins, as the device is known there."""
    node = function.args
    named = [*node.posonlyargs, *node.args]
    paired = [*zip(named[len(named) - len(node.defaults) :], node.defaults, strict=True)]
    paired += [(one, value) for one, value in zip(node.kwonlyargs, node.kw_defaults, strict=True) if value]
    settled = function.body[1 if len(function.body) > 1 and is_text(function.body[0]) else 0]
    for one, value in paired:
        if is_block(one.arg) and isinstance(value, ast.Constant) and value.value in ONE_WARP:
            yield settled, f"{one.arg}={value.value}"
