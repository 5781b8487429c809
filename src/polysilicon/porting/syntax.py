"""Shapes of a syntax tree: where a node begins and ends, which blocks it holds, what stands just below it."""

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence

from polysilicon.porting.patterns import IDENTIFIER

LONGEST_NAME = 80
MANY = 200


def lines_with(source: bytes, identifiers: Sequence[str]) -> list[int]:
    """The lines, from 1, on which one of `identifiers` stands, in order.

    A few are searched for one by one, which is quickest; of many, that would take as long as the square of the file.
    """
    if len(identifiers) > MANY:
        wanted = frozenset(one.encode() for one in identifiers)
        # After a backslash an identifier seems to begin with the letter of the escape.
        places = [
            one.start() for one in IDENTIFIER.finditer(source) if one.group() in wanted or one.group()[1:] in wanted
        ]
        return lines_of(source, places)
    places = []
    for name in (one.encode() for one in identifiers):
        at = source.find(name)
        while at >= 0:
            places.append(at)
            at = source.find(name, at + len(name))
    places.sort()
    return lines_of(source, places)


def lines_of(source: bytes, places: Iterable[int]) -> list[int]:
    """The lines, from 1, of places in order, each line once."""
    found: list[int] = []
    line, last = 1, 0
    for place in places:
        line += source.count(b"\n", last, place)
        last = place
        if not found or found[-1] != line:
            found.append(line)
    return found


def first_line(node: ast.stmt) -> int:
    """The line on which a statement begins, its decorators included."""
    decorators = getattr(node, "decorator_list", None)
    return int(decorators[0].lineno) if decorators else node.lineno


def span(node: ast.AST) -> tuple[int, int]:
    """First and last line; what has no place of its own spans what it holds."""
    if isinstance(node, ast.expr | ast.stmt | ast.arg | ast.keyword | ast.alias | ast.pattern):
        return node.lineno, node.end_lineno or node.lineno
    spans = [span(one) for one in ast.iter_child_nodes(node)]
    return (min(one for one, _ in spans), max(one for _, one in spans)) if spans else (0, 0)


def last_place(node: ast.Attribute | ast.Name) -> tuple[int, int]:
    """Line and column of a dotted name; of one that goes on over lines, those of its last part, which is changed."""
    if isinstance(node, ast.Name) or node.end_lineno in (node.lineno, None):
        return node.lineno, node.col_offset
    return node.end_lineno, max(0, (node.end_col_offset or 0) - len(node.attr.encode()))


def bodies(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The blocks of a compound statement."""
    for field in ("body", "orelse", "finalbody"):
        block = getattr(node, field, None)
        if isinstance(block, list) and block:
            yield block
    for one in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield one.body


def headers(node: ast.stmt) -> Iterator[ast.AST]:
    """What stands before the blocks of a compound statement: of an attempt, the types of what it catches."""
    for one in ast.iter_child_nodes(node):
        if isinstance(one, ast.expr | ast.withitem):
            yield one
        elif isinstance(one, ast.ExceptHandler) and one.type is not None:
            yield one.type


def is_text(node: ast.stmt) -> bool:
    """Whether a statement is a text that stands alone, as a docstring does."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def leaves(body: Sequence[ast.stmt]) -> bool:
    """Whether a block ends by going elsewhere."""
    return bool(body) and isinstance(body[-1], ast.Return | ast.Raise | ast.Continue | ast.Break)


def dotted_name(node: ast.AST) -> str:
    """`a.b.c` of a name, an attribute or a call of one; what stands before it left out."""
    parts: list[str] = []
    while isinstance(node, ast.Call):
        node = node.func
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))


def parts_below(root: ast.AST) -> Iterator[str]:
    """Names, attributes and one-word strings below `root`."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield node.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < LONGEST_NAME:
            yield node.value
        waiting.extend(ast.iter_child_nodes(node))


def shallow(node: ast.AST) -> Iterator[ast.AST]:
    """The operands of a call, a comparison or an assignment, through lists and keywords but not through calls."""
    waiting = list(ast.iter_child_nodes(node))
    while waiting:
        one = waiting.pop()
        yield one
        if isinstance(one, ast.List | ast.Tuple | ast.Set | ast.keyword | ast.UnaryOp):
            waiting.extend(ast.iter_child_nodes(one))


def in_characters(source: bytes) -> Callable[[int, int], int]:
    """The column of a place in characters, of its line (from 1) and its column in bytes of UTF-8."""
    rows = source.split(b"\n")

    def column(line: int, counted: int) -> int:
        # What a file says of its coding may make lines where its bytes have none.
        before = rows[line - 1][:counted] if line <= len(rows) else b""
        return counted if before.isascii() else len(before.decode("utf-8", "replace"))

    return column


def name_of(node: ast.AST) -> str:
    """The name that a node is; empty where it is something else."""
    return node.id if isinstance(node, ast.Name) else ""


_NO_CHILDREN = frozenset(
    {
        "ctx",
        "op",
        "ops",
        "kind",
        "type_comment",
        "id",
        "attr",
        "arg",
        "conversion",
        "level",
        "name",
        "simple",
        "is_async",
    }
)
# The fields of each kind of node that hold nodes worth a walk.
CHILDREN = {
    kind: tuple(
        field for field in kind._fields if field not in _NO_CHILDREN or (kind is ast.keyword and field == "value")
    )
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}
