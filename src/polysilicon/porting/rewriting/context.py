"""Under which conditions a line of a file runs, as far as that can be read off it."""

import ast
import re
from collections.abc import Iterator, Sequence

from polysilicon.porting.patterns import PARTS
from polysilicon.porting.rewriting.bindings import Bindings
from polysilicon.porting.rewriting.source import Source

_ASKED = frozenset({"torch.cuda.is_available", "torch.accelerator.is_available"})
_VERSION = re.compile(
    r"__version__|torch\.version\b|hasattr\(\s*torch|TORCH_\w*(VERSION|GE|LE|LT|GT)|torch_version|is_torch_\w+"
)
_SCRIPTED = re.compile(r"\bjit\.(script|export|ignore|unused)\b|\bScriptModule\b")
_LISTED = re.compile(r"(?<![\w.])(globals\(|locals\(|vars\(\)|dir\(\)|exec\(|eval\()")
_OF_CUDA = re.compile(r"cuda|nccl", re.IGNORECASE)
_COMPILED = re.compile(r"\btorch\.compile\b|\b_?dynamo\b")

_SCOPES = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


class Context:
    """The parents of every node, and what the text around a node says of it.

    `vendors` are the words by which code tells accelerators apart.
    """

    def __init__(self, source: Source, bindings: Bindings, vendors: frozenset[str]) -> None:
        self._bindings = bindings
        self._vendors = vendors
        self.nodes = bindings.nodes
        self._parents = {child: node for node in self.nodes for child in ast.iter_child_nodes(node)}
        self._tests: dict[ast.AST, str] = {}
        self._text = source.raw.decode(source.encoding, errors="replace")
        self.scripted = bool(_SCRIPTED.search(self._text))
        self.lists_names = bool(_LISTED.search(self._text))
        self.compiled = bool(_COMPILED.search(self._text))
        self._asking: dict[str, ast.AST] = {}
        self._asking = self._names_that_ask()

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node that a node stands in."""
        return self._parents.get(node)

    def within(self, node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
        """Each node around a node with the child that leads to it, innermost first."""
        child = node
        while (parent := self._parents.get(child)) is not None:
            yield parent, child
            child = parent

    def guarded(self, node: ast.AST) -> bool:
        """Whether the node only runs where there is an accelerator, as below `if torch.cuda.is_available()`."""
        return any(self._guards(parent, child) for parent, child in self.within(node))

    def _guards(self, parent: ast.AST, child: ast.AST) -> bool:
        """Whether a node lets one of its parts run only where there is an accelerator."""
        if isinstance(parent, ast.If | ast.IfExp | ast.While):
            body = parent.body if isinstance(parent.body, list) else [parent.body]
            other = parent.orelse if isinstance(parent.orelse, list) else [parent.orelse]
            if child in body and self.asks(parent.test):
                return True
            if child in other and not isinstance(parent, ast.While) and self._denies(parent.test):
                return True
        if isinstance(parent, ast.BoolOp) and isinstance(parent.op, ast.And) and child in parent.values:
            return any(map(self.asks, parent.values[: parent.values.index(child)]))
        block = getattr(parent, "body", None)
        return isinstance(block, list) and child in block and any(map(self._leaves, block[: block.index(child)]))

    def _leaves(self, before: ast.stmt) -> bool:
        """Whether a statement leaves the block where there is no accelerator: `if not is_available(): return`."""
        leaving = ast.Return | ast.Raise | ast.Continue | ast.Break
        return isinstance(before, ast.If) and self._denies(before.test) and isinstance(before.body[-1], leaving)

    def asks(self, test: ast.expr) -> bool:
        """Whether a condition can hold only where there is an accelerator."""
        if isinstance(test, ast.Call):
            return not test.args and not test.keywords and self._bindings.dotted(test.func) in _ASKED
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            return any(map(self.asks, test.values))
        if not isinstance(test, ast.Name) or test.id not in self._asking:
            return False
        return self._asking[test.id] in self._scopes(test)

    def _denies(self, test: ast.expr) -> bool:
        """Whether the condition fails only where there is an accelerator."""
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
            return any(map(self._denies, test.values))
        return isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) and self.asks(test.operand)

    def fenced(self, node: ast.AST) -> str:
        """The version guard that the node stands in, in words; empty where it stands in none."""
        for parent, child in self.within(node):
            if isinstance(parent, ast.If | ast.IfExp) and _VERSION.search(self._test(parent)):
                return "stands in a version guard"
            if isinstance(parent, ast.Try) and child in parent.body and any(map(_catches_absence, parent.handlers)):
                return "stands in a try that answers another version"
            if isinstance(parent, ast.JoinedStr) and parent.lineno != parent.end_lineno:
                return "stands in a text of several lines"
        return ""

    def in_text(self, node: ast.AST) -> bool:
        """Whether the node stands in an f-string, where a new text may need quotes that Python 3.11 does not take."""
        return any(isinstance(parent, ast.JoinedStr) for parent, _ in self.within(node))

    def tells_vendors_apart(self, node: ast.AST) -> str:
        """Whether the node stands in an `if` and `elif` over vendors, in words; empty where it does not."""
        for parent, _ in self.within(node):
            if isinstance(parent, ast.If) and any(map(self._names_a_vendor, self._chain(parent))):
                return "belongs to a chain that tells vendors apart"
        return ""

    def means_cuda(self, node: ast.AST) -> str:
        """Why a question about CUDA means CUDA and nothing else, in words; empty where nothing says so."""
        for parent, _ in self.within(node):
            if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef) and _OF_CUDA.search(parent.name):
                return f"{parent.name} says by its name that it means CUDA"
            if isinstance(parent, ast.keyword) and not self._of_torch(parent):
                return "is handed to code that may know CUDA alone"
        return ""

    def _names_a_vendor(self, node: ast.If) -> bool:
        """Whether a condition has a vendor's word as a part of some name or text: `is_npu`, but not `input`."""
        return not self._vendors.isdisjoint(part.lower() for part in PARTS.findall(self._test(node)))

    def _chain(self, node: ast.If) -> Iterator[ast.If]:
        """Every `if` and `elif` of the chain that one of them belongs to."""
        while isinstance(above := self._parents.get(node), ast.If) and above.orelse == [node]:
            node = above
        yield node
        while len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
            node = node.orelse[0]
            yield node

    def _of_torch(self, keyword: ast.keyword) -> bool:
        call = self._parents.get(keyword)
        return isinstance(call, ast.Call) and self._bindings.dotted(call.func).startswith("torch.")

    def _test(self, node: ast.If | ast.IfExp) -> str:
        """The text of a condition."""
        if node not in self._tests:
            self._tests[node] = ast.unparse(node.test)
        return self._tests[node]

    def in_function(self, node: ast.AST, name: str = "") -> bool:
        """Whether the node stands in a function, or in one of that name."""
        functions = (
            parent for parent, _ in self.within(node) if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef)
        )
        return any(not name or one.name == name for one in functions)

    def imports_under_a_guard(self) -> ast.AST | None:
        """An import that only runs where there is an accelerator: some library of a vendor, most likely."""
        for node in self.nodes:
            if isinstance(node, ast.Import | ast.ImportFrom) and self.guarded(node):
                return node
        return None

    def _names_that_ask(self) -> dict[str, ast.AST]:
        """Names that are bound once in the file, to a condition that asks for an accelerator, and in which scope."""
        times = self._bindings.times
        found: dict[str, ast.AST] = {}
        for node in self.nodes:
            if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not self.asks(node.value):
                continue
            target, scope = node.targets[0], self._scopes(node)[0]
            anew = isinstance(scope, ast.Module) and times["*"]  # a star import may bind any name of a module
            if isinstance(target, ast.Name) and times[target.id] == 1 and not anew:
                found[target.id] = scope
        return found

    def _scopes(self, node: ast.AST) -> Sequence[ast.AST]:
        """The scopes whose names a node sees, innermost first; a function does not see those of a class around it."""
        scopes = [
            parent
            for parent, child in self.within(node)
            if isinstance(parent, _SCOPES) and isinstance(child, ast.stmt)  # no default, no decorator
        ]
        return scopes[:1] + [one for one in scopes[1:] if not isinstance(one, ast.ClassDef)]


def _catches_absence(handler: ast.ExceptHandler) -> bool:
    """Whether a handler answers a name or module that is not there."""
    if handler.type is None:
        return True
    caught = ast.unparse(handler.type)
    return any(
        word in caught for word in ("ImportError", "ModuleNotFound", "AttributeError", "TypeError")
    ) or caught in (
        "Exception",
        "BaseException",
    )
