"""The chosen sites of one file, changed through libcst: everything else keeps its bytes."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from polysilicon.porting.rewriting.site import ACCELERATOR, AT_HAND, Lead, Move, Plugin, Recall, Site, Span, Swap
from polysilicon.porting.rewriting.source import Source, Unreadable

_AT_HAND = "torch.accelerator.current_accelerator().type"
_COMMA = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
_PLUGIN = """import importlib.util
if importlib.util.find_spec("{0}"):
    import {0}  # noqa: F401 - registers its device with PyTorch
"""


@dataclass(frozen=True)
class Naming:
    """How a file names the accelerator's type: `helper` is the import it needs, placed behind the statement on line
    `behind` (nought where it is there already); where both are empty the question stands in each place."""

    helper: str = ""
    behind: int = 0

    def accelerator(self, quote: str = '"') -> str:
        """The expression, with texts in that quote."""
        if self.helper:
            return ACCELERATOR
        return f"getattr(torch.accelerator.current_accelerator(), {quote}type{quote}, {quote}cuda{quote})"

    def spelt(self, code: str) -> str:
        """The code of an edit with its placeholders filled in."""
        inside = code.startswith('f"')
        mark = "\0"  # the placeholder is the name of the helper's constant, too
        code = code.replace(AT_HAND, mark).replace(ACCELERATOR, self.accelerator("'" if inside else '"'))
        return code.replace(mark, _AT_HAND)


def apply(source: Source, sites: Sequence[Site], naming: Naming) -> bytes:
    """The bytes of the file with those sites changed.

    Raises:
        Unreadable: libcst does not give the file back byte for byte, or sees another tree than Python.
    """
    try:
        module = cst.parse_module(source.raw)
    except (cst.ParserSyntaxError, RecursionError, UnicodeError) as cause:
        raise Unreadable("libcst can't parse it") from cause
    if module.bytes != source.raw:
        raise Unreadable("libcst does not give it back byte for byte (form feeds, lone carriage returns)")
    wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
    change = _Change(sites, naming)
    changed = wrapper.visit(change)
    if change.waiting:
        raise Unreadable("libcst sees other places than Python in it")
    return changed.bytes


def is_one_literal(text: str) -> bool:
    """Whether libcst sees one text in an expression: Python joins those that stand side by side."""
    try:
        seen = cst.parse_expression(f"({text})")
    except cst.ParserSyntaxError:
        return False
    return isinstance(seen, cst.SimpleString | cst.FormattedString)


class _Change(cst.CSTTransformer):
    """One walk over the tree, which changes each site where it stands."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, sites: Sequence[Site], naming: Naming) -> None:
        super().__init__()
        self.waiting: dict[Span, Site] = {one.span: one for one in sites}
        self._naming = naming
        self._lines = sorted({line for one in sites for line in range(one.span[0], one.span[2] + 1)})

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Statements without a site are passed over."""
        if not isinstance(node, cst.BaseCompoundStatement | cst.SimpleStatementLine):
            return True
        place = self._range(node)
        decorators = node.decorators if isinstance(node, cst.FunctionDef | cst.ClassDef) else ()
        first = self._range(decorators[0]).start.line if decorators else place.start.line
        at = bisect_left(self._lines, first)
        return at < len(self._lines) and self._lines[at] <= place.end.line

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:  # noqa: N802
        """Calls are given another function or other arguments."""
        site = self._at(original_node, Recall)
        if site is None or not isinstance(site.edit, Recall):
            return self._swapped(original_node, updated_node)
        return self._recalled(updated_node, site.edit)

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:  # noqa: N802
        """A name may become another expression."""
        return self._swapped(original_node, updated_node)

    def leave_Attribute(  # noqa: N802
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        """So may a dotted name."""
        return self._swapped(original_node, updated_node)

    def leave_SimpleString(  # noqa: N802
        self, original_node: cst.SimpleString, updated_node: cst.SimpleString
    ) -> cst.BaseExpression:
        """So may a text."""
        return self._swapped(original_node, updated_node)

    def leave_FormattedString(  # noqa: N802
        self, original_node: cst.FormattedString, updated_node: cst.FormattedString
    ) -> cst.BaseExpression:
        """An f-string that begins with `cuda:` keeps its rest."""
        head = updated_node.parts[0] if updated_node.parts else None
        if not isinstance(head, cst.FormattedStringText) or self._at(original_node, Lead) is None:
            return updated_node
        quote = "'" if '"' in updated_node.start else '"'
        device = cst.FormattedStringExpression(cst.parse_expression(self._naming.accelerator(quote)))
        rest = head.with_changes(value=head.value.removeprefix("cuda"))
        return updated_node.with_changes(parts=[device, rest, *updated_node.parts[1:]])

    def leave_ImportFrom(  # noqa: N802
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom:
        """Names are imported from the module of their twins."""
        site = self._at(original_node, Move)
        if site is None or not isinstance(site.edit, Move):
            return updated_node
        module = cst.parse_expression(site.edit.module)
        return updated_node.with_changes(module=module)

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:  # noqa: N802
        """New imports stand behind the import that they need."""
        body = list(updated_node.body)
        lines = [self._range(one).start.line for one in original_node.body]
        wanted = [
            (one.line, _PLUGIN.format(one.edit.module)) for one in self.waiting.values() if isinstance(one.edit, Plugin)
        ]
        if self._naming.behind:
            wanted.append((self._naming.behind, self._naming.helper))
        for line, text in sorted(wanted, reverse=True):
            at = bisect_right(lines, line)  # the statement may begin above, where semicolons join several
            body[at:at] = cst.parse_module(text, config=original_node.config_for_parsing).body
        self.waiting = {span: one for span, one in self.waiting.items() if not isinstance(one.edit, Plugin)}
        return updated_node.with_changes(body=body)

    def _range(self, node: cst.CSTNode) -> CodeRange:
        return self.get_metadata(PositionProvider, node)

    def _at(self, node: cst.CSTNode, kind: type) -> Site | None:
        """The site at a node, taken off the list."""
        place = self._range(node)
        span = (place.start.line, place.start.column, place.end.line, place.end.column)
        site = self.waiting.get(span)
        if site is None or not isinstance(site.edit, kind):
            return None
        return self.waiting.pop(span)

    def _swapped(self, original: cst.BaseExpression, updated: cst.BaseExpression) -> cst.BaseExpression:
        site = self._at(original, Swap)
        if site is None or not isinstance(site.edit, Swap):
            return updated
        new = cst.parse_expression(self._naming.spelt(site.edit.code))
        return new.with_changes(lpar=updated.lpar, rpar=updated.rpar) if updated.lpar else new

    def _recalled(self, call: cst.Call, edit: Recall) -> cst.Call:
        arguments = list(call.args)
        for at, name in enumerate(edit.naming):
            arguments[at] = _named(arguments[at], name)
        arguments = [_unnamed(one) if one.keyword and one.keyword.value == edit.unnamed else one for one in arguments]
        if edit.first:
            value = cst.parse_expression(self._naming.spelt(edit.first))
            arguments.insert(0, cst.Arg(value, comma=_COMMA if arguments else cst.MaybeSentinel.DEFAULT))
        if edit.last[0]:
            if arguments and isinstance(arguments[-1].comma, cst.MaybeSentinel):
                arguments[-1] = arguments[-1].with_changes(comma=_COMMA)
            arguments.append(_named(cst.Arg(cst.parse_expression(self._naming.spelt(edit.last[1]))), edit.last[0]))
        function = call.func
        if edit.function.startswith(".") and isinstance(function, cst.Attribute):
            function = function.with_changes(attr=cst.Name(edit.function[1:]))
        elif edit.function:
            function = cst.parse_expression(edit.function)
        return call.with_changes(func=function, args=arguments)


def _named(argument: cst.Arg, name: str) -> cst.Arg:
    tight = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    return argument.with_changes(keyword=cst.Name(name), equal=tight)


def _unnamed(argument: cst.Arg) -> cst.Arg:
    return argument.with_changes(keyword=None, equal=cst.MaybeSentinel.DEFAULT)
