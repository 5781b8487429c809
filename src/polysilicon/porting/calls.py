"""Who uses whom: for each function, class and value of a module, the names of the code base that it uses.

Names are told by the package they are imported from, so that `F.gelu` of torch is not taken for one's own. A class is
one name with all its methods: whoever makes one may call any of them.
"""

import ast
import sys
from collections.abc import Callable, Iterable, Iterator

import msgspec

from polysilicon.porting.patterns import Patterns
from polysilicon.porting.sighting import Function
from polysilicon.porting.syntax import bodies, dotted_name, first_line

ELSEWHERE = frozenset({*sys.stdlib_module_names, "torch"})
NATIVE, EXTENSION, TEST = "native", "extension", "test"
Bits = Callable[[ast.AST], int]
Named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def functions(tree: ast.Module, patterns: Patterns, bits: Bits) -> tuple[Function, ...]:
    """What a module defines at its top, with what each of it uses; each test apart.

    `bits` tells which targets a piece of code names.
    """
    statements, parts = list(_statements(tree.body)), list(ast.walk(tree))
    known = _known(parts, statements)
    found: list[Function] = []
    for one in statements:
        if isinstance(one, Named):
            tests = list(_tests(one))
            found += [_function(each, patterns, known, bits, is_test=bool(tests)) for each in tests or [one]]
        else:
            made = [Function(name, one.lineno, "", (), 0) for name in _assigned(one)]
            found += [_made(each, one, patterns, known) for each in made]
    return (*found, *_extensions(parts, patterns))


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements at the top of a module, those behind a condition or an attempt among them."""
    waiting = [*body]
    while waiting:
        one = waiting.pop()
        yield one
        if isinstance(one, ast.If | ast.Try | ast.With):
            waiting += [each for inner in bodies(one) for each in inner]


def _tests(node: Named) -> Iterator[Named]:
    """The tests of a statement: a function, or the methods of a class, by the names that pytest looks for."""
    if not isinstance(node, ast.ClassDef):
        yield from [node] if node.name.startswith("test") else []
    elif node.name.startswith("Test") or any("TestCase" in dotted_name(one) for one in node.bases):
        yield from (one for one in node.body if isinstance(one, Named) and one.name.startswith("test"))


def _assigned(node: ast.stmt) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [one.id for one in targets if isinstance(one, ast.Name)]


def _known(parts: Iterable[ast.AST], statements: Iterable[ast.stmt]) -> dict[str, str]:
    """What each name of a module stands for, in full; what is its own, or taken from beside it, begins with a dot."""
    known: dict[str, str] = {}
    for one in statements:
        for name in [one.name] if isinstance(one, Named) else _assigned(one):
            known[name] = f".{name}"
    for part in parts:
        if isinstance(part, ast.Import):
            for alias in part.names:
                root = alias.name.partition(".")[0]
                known[alias.asname or root] = alias.name if alias.asname else root
        elif isinstance(part, ast.ImportFrom):
            module = "" if part.level else part.module or ""
            known |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in part.names}
    return known


def _function(node: Named, patterns: Patterns, known: dict[str, str], bits: Bits, *, is_test: bool) -> Function:
    beside = bits(node)
    for one in node.decorator_list:
        beside |= bits(one)
    return _made(Function(node.name, first_line(node), TEST if is_test else "", (), beside), node, patterns, known)


def _made(made: Function, node: ast.stmt, patterns: Patterns, known: dict[str, str]) -> Function:
    """A definition with what it uses; native where it loads compiled code."""
    uses: dict[str, None] = {}
    kind = made.kind
    for part in ast.walk(node):
        if not isinstance(part, ast.Attribute | ast.Name):
            continue
        name, below = _chain(part)
        whole = known.get(name, "")
        kind = kind or (NATIVE if ".".join((whole, *below)) in patterns.loaders else "")
        root, _, own = whole.partition(".")
        if whole and root not in ELSEWHERE and name != made.name:
            uses.update(dict.fromkeys(f"{root}.{each}" for each in (own.rpartition(".")[2] or root, *below)))
    return msgspec.structs.replace(made, kind=kind, uses=tuple(uses))


def _chain(node: ast.Attribute | ast.Name) -> tuple[str, list[str]]:
    """The name that a dotted name begins with, and its other parts; no name where it begins with an expression."""
    parts: list[str] = []
    inner: ast.expr = node
    while isinstance(inner, ast.Attribute):
        parts.append(inner.attr)
        inner = inner.value
    return (inner.id if isinstance(inner, ast.Name) else ""), parts[::-1]


def _extensions(parts: Iterable[ast.AST], patterns: Patterns) -> Iterator[Function]:
    """Compiled modules that the file builds, by the name they are imported by."""
    for part in parts:
        if isinstance(part, ast.Call) and dotted_name(part).rpartition(".")[2] in patterns.builders:
            told = [*(one.value for one in part.keywords if one.arg == "name"), *part.args][:1]
            for one in told:
                if isinstance(one, ast.Constant) and isinstance(one.value, str):
                    # A text of Python may hold half a surrogate, which is no character and can't be written down.
                    name = one.value.encode("utf-8", "replace").decode()
                    yield Function(name, part.lineno, EXTENSION, (), 0)
