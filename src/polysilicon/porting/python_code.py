"""Python: one walk over the syntax tree, pruned to statements that hold a name of interest.

Names are resolved through the imports of the file, so that `from torch import cuda as tc; tc.Stream()` is seen as
`torch.cuda.Stream`. A ladder of branches (`if is_npu: ... elif is_cuda: ...`) tells its branches which targets it
deals with; a branch that leaves tells what follows it.
"""

import ast
import re
import warnings
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from polysilicon.porting import block_sizes
from polysilicon.porting.calls import functions
from polysilicon.porting.imports import imported
from polysilicon.porting.patterns import IDENTIFIER, Patterns
from polysilicon.porting.sighting import Definition, Function, Imported, Sighting
from polysilicon.porting.syntax import (
    CHILDREN,
    bodies,
    dotted_name,
    first_line,
    headers,
    in_characters,
    last_place,
    leaves,
    lines_of,
    lines_with,
    name_of,
    parts_below,
    shallow,
    span,
)

LONGEST_HELPER = 30
LONGEST_SYMBOL = 80
AGNOSTIC = ("torch.accelerator", "torch.get_device_module")
BUILD_FILES = ("setup.py", "build.py", "conftest_build.py")
TO_INTEGER = re.compile(rb"\.to\(\s*\d")
SKIPS = frozenset({"skipif", "skipIf", "skipUnless"})


class PythonReader:
    """Reads one file. `sightings`, `definitions` and `uses` (name, line, column) fill as the tree is walked."""

    def __init__(self, patterns: Patterns, path: str) -> None:
        self.patterns = patterns
        self.is_build = path.rpartition("/")[2] in BUILD_FILES
        self.sightings: list[Sighting] = []
        self.definitions: list[Definition] = []
        self.uses: dict[str, dict[int, int]] = {}
        self.imports: tuple[Imported, ...] = ()
        self.functions: tuple[Function, ...] = ()
        self.aliases: dict[str, str] = {}
        self._candidates: list[int] = []
        self._lines: frozenset[int] = frozenset()
        self._named_targets: list[int] = []
        self._blocks = False
        self._owners: list[str] = []
        self._within = 0
        self._beside = 0
        # Names and strings that were seen as part of something larger: a place is seen once.
        self._told: set[ast.AST] = set()

    def read(self, source: bytes) -> bool:
        """Fill `sightings`; whether anything stood there that was worth parsing.

        Raises:
            SyntaxError, ValueError, RecursionError, MemoryError: the parser's, on what is no Python of today.
        """
        identifiers = {one.decode("ascii", "ignore") for one in set(IDENTIFIER.findall(source))}
        words = {one: self.patterns.word(one) for one in identifiers}
        hot = [one for one, word in words.items() if word.hot]
        numbered = lines_of(source, (found.start() for found in TO_INTEGER.finditer(source)))
        if not hot and not numbered and not self.patterns.compiled:
            return False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        self._candidates = lines_with(source, ["import"])
        self._learn_imports(tree.body)
        self._candidates = sorted({*lines_with(source, hot), *numbered})
        self._blocks = any(words[one].is_block for one in hot)
        renamed = [one for one, dotted in self.aliases.items() if one not in hot and self._rule_of(dotted)]
        if renamed:
            self._candidates = sorted({*self._candidates, *lines_with(source, renamed)})
        self._lines = frozenset(self._candidates)
        self._named_targets = lines_with(source, [one for one in hot if words[one].bits])
        self._body(tree.body)
        if self.sightings or self.patterns.compiled:
            self.imports = imported(tree.body)
            self._entry(tree.body)
        if self.patterns.compiled:
            self.functions = functions(tree, self.patterns, self._targets)
        if not source.isascii():
            self._count_characters(source)
        return True

    def _count_characters(self, source: bytes) -> None:
        """Columns in characters: the parser's count bytes, which differ behind what is no ASCII."""
        column = in_characters(source)
        self.sightings = [msgspec.structs.replace(one, column=column(one.line, one.column)) for one in self.sightings]
        for places in self.uses.values():
            places.update({line: column(line, counted) for line, counted in places.items()})

    def _entry(self, body: Sequence[ast.stmt]) -> None:
        """Where a script begins."""
        for one in body:
            if isinstance(one, ast.If) and "__name__" in map(name_of, ast.walk(one.test)):
                self._see(self.patterns.shapes["entry"], one.lineno, 0, "__main__")

    def _touched(self, first: int, last: int) -> bool:
        at = bisect_left(self._candidates, first)
        return at < len(self._candidates) and self._candidates[at] <= last

    def _learn_imports(self, body: Sequence[ast.stmt]) -> None:
        """Imports anywhere on candidate lines: only a name of interest needs to be known by its alias."""
        for statement in body:
            if not self._touched(first_line(statement), statement.end_lineno or statement.lineno):
                continue
            if isinstance(statement, ast.Import):
                for one in statement.names:
                    root = one.name.partition(".")[0]
                    self.aliases[one.asname or root] = one.name if one.asname else root
            elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
                for one in statement.names:
                    self.aliases[one.asname or one.name] = f"{statement.module}.{one.name}"
            else:
                for inner in bodies(statement):
                    self._learn_imports(inner)

    def _body(self, body: Sequence[ast.stmt]) -> None:
        beside = self._beside
        for statement in body:
            if self._touched(first_line(statement), statement.end_lineno or statement.lineno):
                self._statement(statement)
                if isinstance(statement, ast.If) and leaves(statement.body):
                    self._beside |= self._targets(statement.test)
        self._beside = beside

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self._definition(node)
        elif isinstance(node, ast.If):
            self._branch(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node)
        elif isinstance(node, ast.Match):
            self._match(node)
        else:
            blocks = list(bodies(node))
            seen = len(self.sightings)
            self._expressions(headers(node) if blocks else [node])
            for inner in blocks:
                self._body(inner)
            if isinstance(node, ast.Assign | ast.AnnAssign):
                self._block_size(node)
            elif isinstance(node, ast.For):
                self._block_size(ast.Compare(node.target, [ast.In()], [node.iter]))
            if isinstance(node, ast.Assign | ast.AnnAssign) and len(self.sightings) > seen:
                self._value(node, self.sightings[seen])

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        """A function, method or class; a short function with a tie inside is one that its callers may inherit."""
        self._expressions(node.decorator_list)
        self._named(node.name, node.lineno, node.col_offset)
        if isinstance(node, ast.ClassDef):
            self._expressions([*node.bases, *node.keywords])
        else:
            self._expressions([node.args, *([node.returns] if node.returns else [])])
            self._defaults(node)
            if any(dotted_name(one).endswith(".jit") or dotted_name(one) == "jit" for one in node.decorator_list):
                self._triton(node)
        outer = self._within
        if not isinstance(node, ast.ClassDef):
            self._within = node.lineno
        seen = len(self.sightings)
        self._owners.append(node.name)
        self._body(node.body)
        self._owners.pop()
        self._within = outer
        short = (node.end_lineno or node.lineno) - node.lineno <= LONGEST_HELPER
        carries = short and not isinstance(node, ast.ClassDef) and self.patterns.word(node.name).travels
        if carries and len(self.sightings) > seen:
            because = self.sightings[seen].rule
            self.definitions.append(Definition(node.name, ".".join(self._owners), node.lineno, "function", because))

    def _value(self, node: ast.Assign | ast.AnnAssign, first: Sighting) -> None:
        """A constant or an attribute whose value is tied."""
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for one in targets:
            name = one.id if isinstance(one, ast.Name) else one.attr if isinstance(one, ast.Attribute) else ""
            at_top = not self._within or isinstance(one, ast.Attribute)
            if name and at_top and self.patterns.word(name).travels:
                owner = ".".join(self._owners)
                self.definitions.append(Definition(name, owner, node.lineno, "value", first.rule))

    def _branch(self, node: ast.If) -> None:
        """A ladder: what its tests name is dealt with on every rung."""
        outer = self._beside
        rung: ast.If | None = node
        chain = []
        while rung is not None:
            chain.append(rung)
            self._beside |= self._targets(rung.test)
            rung = rung.orelse[0] if len(rung.orelse) == 1 and isinstance(rung.orelse[0], ast.If) else None
        for one in chain:
            self._expressions([one.test])
            self._body(one.body)
        self._body(chain[-1].orelse)
        self._beside = outer

    def _match(self, node: ast.Match) -> None:
        """A ladder of cases: what their patterns and guards name is dealt with in every case."""
        outer = self._beside
        tests = [one for case in node.cases for one in (case.pattern, case.guard) if one is not None]
        for one in tests:
            self._beside |= self._targets(one)
        self._expressions([node.subject, *tests])
        for case in node.cases:
            self._body(case.body)
        self._beside = outer

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        outer = self._beside
        self._beside |= self._targets(node)
        module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        relative = isinstance(node, ast.ImportFrom) and node.level > 0
        for one in node.names:
            dotted = one.name if isinstance(node, ast.Import) else f"{module}.{one.name}"
            rule = "" if relative else self._rule_of(dotted)
            line, column = one.lineno, one.col_offset
            self._use([one.name], line, column)
            if rule:
                self._see(rule, line, column, dotted)
            else:
                self._named(one.name.rpartition(".")[2], line, column)
        self._beside = outer

    def _expressions(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            if not self._touched(*span(node)):
                continue
            outer, first = self._beside, len(self.sightings)
            self._beside |= self._targets(node)
            self._walk(node)
            self._beside = outer
            self._one_ladder(first)

    def _walk(self, root: ast.AST) -> None:
        """Every expression below `root`, without recursion: expressions may be nested deeper than the stack."""
        docstring = root.value if isinstance(root, ast.Expr) and isinstance(root.value, ast.Constant) else None
        lines = self._lines
        waiting: list[ast.AST] = [root]
        while waiting:
            node = waiting.pop()
            kind = node.__class__
            if kind is ast.Attribute or kind is ast.Name:
                inner = self._chain(node)  # type: ignore[arg-type]
                if inner is not None:
                    waiting.append(inner)
                continue
            if kind is ast.Constant:
                if node.value.__class__ is str:  # type: ignore[attr-defined]
                    self._string(node, is_prose=node is docstring)  # type: ignore[arg-type]
                continue
            seen = _SEEN.get(kind)
            if seen is not None:
                seen(self, node)
            for field in CHILDREN.get(kind, ()):
                value = getattr(node, field)
                for child in value if value.__class__ is list else (value,):
                    # What lies on one line, and not on one of interest, holds nothing; all else is looked into.
                    first = getattr(child, "lineno", 0)
                    if first not in lines and first and first == child.end_lineno:
                        continue
                    if child is not None and child.__class__ is not str:
                        waiting.append(child)

    def _seen_call(self, node: ast.Call) -> None:
        self._call(node)
        self._block_size(node)

    def _seen_compare(self, node: ast.Compare) -> None:
        self._block_size(node)
        self._compare(node)

    def _seen_argument(self, node: ast.arg) -> None:
        self._named(node.arg, node.lineno, node.col_offset)

    def _one_ladder(self, first: int) -> None:
        """A statement that names several other devices is one ladder: its last rung stands for it."""
        rule = self.patterns.shapes["ladder"]
        rungs = [one for one in self.sightings[first:] if one.rule == rule]
        if len(rungs) > 1:
            last = max(rungs, key=lambda one: (one.line, one.column))
            kept = [one for one in self.sightings[first:] if one.rule != rule]
            self.sightings[first:] = [*kept, last]

    def _chain(self, node: ast.Attribute | ast.Name) -> ast.AST | None:
        """A dotted name, outermost first; returns the expression it starts from where that is no name."""
        parts: list[str] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            parts.append(self.aliases.get(inner.id, inner.id))
            rest = None
        else:
            parts.append("")
            rest = inner
        dotted = ".".join(reversed(parts))
        line, column = last_place(node)
        self._use(parts, line, column)
        if node in self._told:
            return rest
        # A variable may be called as a library is: only what was imported is one.
        known = isinstance(inner, ast.Name) and (inner.id in self.aliases or inner.id == "torch")
        rule = self._rule_of(dotted) if known else ""
        if rule:
            self._see(rule, node.lineno, node.col_offset, dotted)
            return rest
        for at, part in enumerate(parts):
            named = self.patterns.attributes.get(part, "") if at < len(parts) - 1 else ""
            if named:
                self._see(named, line, column, dotted.lstrip("."))
                return rest
        for part in parts[:-1] if rest is not None else parts:
            if self._named(part, line, column):
                break
        return rest

    def _use(self, parts: Iterable[str], line: int, column: int) -> None:
        """Note the names by which a tie may travel."""
        word = self.patterns.word
        for part in parts:
            name = part.rpartition(".")[2]
            if word(name).travels:
                self.uses.setdefault(name, {}).setdefault(line, column)

    def _rule_of(self, dotted: str) -> str:
        """The rule of the longest known name that `dotted` starts with."""
        names = self.patterns.names
        while dotted:
            if dotted in names:
                return names[dotted]
            dotted = dotted.rpartition(".")[0]
        return ""

    def _named(self, name: str, line: int, column: int) -> bool:
        """A name that says something in one of its parts."""
        last = name.rpartition(".")[2]
        rule = self.patterns.word(last).rule
        if not rule:
            return False
        if self.is_build and rule == self.patterns.words.get("cuda"):
            rule = self.patterns.shapes["build-word"]
        self._see(rule, line, column, last)
        return True

    def _string(self, node: ast.Constant, *, is_prose: bool) -> None:
        value = node.value
        if not isinstance(value, str) or not value or node in self._told:
            return
        patterns = self.patterns
        short = not is_prose and len(value) < 200
        rule = patterns.strings.get(value, "") if short else ""
        if not rule and short and patterns.pieces is not None and patterns.pieces.search(value):
            rule = next((named for start, named in patterns.prefixes if value.startswith(start)), "")
            rule = rule or next((named for piece, named in patterns.fragments if piece in value), "")
        if rule:
            self._see(rule, node.lineno, node.col_offset, value)
            return
        if is_prose:
            self._prose(node, value, patterns.docs)
        elif " " not in value and short and value.replace("-", "_").replace(".", "_").isidentifier():
            self._named(value, node.lineno, node.col_offset)
        else:
            self._prose(node, value, patterns.texts)

    def _prose(self, node: ast.Constant, value: str, texts: Mapping[str, str]) -> None:
        """Text that names CUDA in words, line by line."""
        lowered = value.lower()
        for word, rule in texts.items():
            if word in lowered:
                told = self.patterns.shapes["build-word"] if self.is_build and texts is self.patterns.texts else rule
                # A line may end in the text alone, by an escape: it stands on a line of the source all the same.
                last = node.end_lineno or node.lineno
                for number, text in enumerate(lowered.split("\n"), start=node.lineno):
                    if word in text:
                        line, indented = min(number, last), len(text) - len(text.lstrip())
                        column = node.col_offset if line == node.lineno else indented
                        self._see(told, line, column, text.strip())
                return

    def _call(self, node: ast.Call) -> None:
        function = node.func
        if not isinstance(function, ast.Attribute):
            return
        line, column = last_place(function)
        rule = self.patterns.methods.get(function.attr, "")
        if rule and not (isinstance(function.value, ast.Name) and function.value.id in self.aliases):
            self._see(rule, line, column, f".{function.attr}()")
            if self.patterns.word(function.attr).rule:
                self._told.add(function)
        if function.attr == "to" and len(node.args) == 1 and isinstance(node.args[0], ast.Constant):
            if type(node.args[0].value) is int:
                self._see(self.patterns.shapes["to-integer"], line, column, f".to({node.args[0].value})")
        elif function.attr == "load" and dotted_name(function) == "torch.load":
            if len(node.args) < 2 and not any(one.arg in ("map_location", None) for one in node.keywords):
                self._see(self.patterns.shapes["load-without-map"], line, column, "torch.load")
        elif function.attr in SKIPS and any(self.patterns.word(part).rule for part in parts_below(node)):
            self._see(self.patterns.shapes["test-skip"], line, column, function.attr)

    def _keyword(self, node: ast.keyword) -> None:
        if node.arg is None:
            return
        name = node.arg
        rule = self.patterns.keywords.get(name, "")
        off = isinstance(node.value, ast.Constant) and node.value.value in (False, None)
        if rule and not off:
            self._see(rule, node.lineno, node.col_offset, f"{name}=")
        else:
            self._named(name, node.lineno, node.col_offset)

    def _compare(self, node: ast.Compare) -> None:
        """`device.type == "cuda"`, or `in ("cuda", ...)`."""
        for one in shallow(node):
            if isinstance(one, ast.Constant) and isinstance(one.value, str) and one.value.partition(":")[0] == "cuda":
                self._see(self.patterns.shapes["compare"], one.lineno, one.col_offset, one.value)
                self._told.add(one)
                return

    def _defaults(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for settled, told in block_sizes.defaults(function, self._is_block):
            self._see(self.patterns.shapes["block-size"], settled.lineno, settled.col_offset, told)

    def _block_size(self, node: block_sizes.Beside) -> None:
        literal = block_sizes.beside(node, self._is_block) if self._blocks else None
        if literal is not None:
            self._see(self.patterns.shapes["block-size"], literal.lineno, literal.col_offset, str(literal.value))

    def _is_block(self, name: str) -> bool:
        return self.patterns.word(name).is_block

    def _triton(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if any(dotted_name(one).split(".")[0] in ("triton", "jit") for one in node.decorator_list):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            self._see(self.patterns.shapes["triton-kernel"], node.lineno, node.col_offset, node.name, size)

    def _targets(self, root: ast.AST) -> int:
        """The bits of the targets that the names and strings below `root` deal with."""
        first, last = span(root)
        at = bisect_left(self._named_targets, first)
        if at == len(self._named_targets) or self._named_targets[at] > last:
            return 0
        bits = 0
        for part in parts_below(root):
            bits |= self.patterns.word(part).bits
        return bits

    def _see(self, rule: str, line: int, column: int, symbol: str, size: int = 1) -> None:
        if rule:
            shown = symbol if len(symbol) <= LONGEST_SYMBOL else symbol[: LONGEST_SYMBOL - 1] + "…"
            if not shown.isascii() or not shown.isprintable():
                shown = " ".join(shown.encode("utf-8", "backslashreplace").decode().split())
            self.sightings.append(Sighting(rule, line, column, shown, self._beside, self._within, size))


_SEEN: dict[type[ast.AST], Callable[[PythonReader, Any], None]] = {
    ast.Call: PythonReader._seen_call,
    ast.Compare: PythonReader._seen_compare,
    ast.keyword: PythonReader._keyword,
    ast.arg: PythonReader._seen_argument,
}
