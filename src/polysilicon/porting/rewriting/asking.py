"""Names of PyTorch that ask for CUDA: calls that have a twin, and what has none."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from polysilicon.facts.porting_names import Grade, PortingName
from polysilicon.porting.rewriting.bindings import Bindings
from polysilicon.porting.rewriting.codemod import is_one_literal
from polysilicon.porting.rewriting.context import Context
from polysilicon.porting.rewriting.names import Names
from polysilicon.porting.rewriting.site import ACCELERATOR, Edit, Recall, Site, Swap
from polysilicon.porting.rewriting.source import Source, has_comment
from polysilicon.porting.rewriting.tree import Surroundings

# The parameters of torch.cuda.amp.autocast in order; those of its twin stand in another order, so they are named.
_AUTOCAST = ("enabled", "dtype", "cache_enabled")
# What these words lie below is torch's, whether or not the catalogue knows it.
_TIES = ("torch.cuda.", "torch.version.cuda", "torch.backends.cuda", "torch.backends.cudnn")
_AMP = "torch.cuda.amp."
NO_TORCH = "the module torch is not imported by its name"


@dataclass(frozen=True)
class Reader:
    """A file, with everything that is known of it."""

    source: Source
    bindings: Bindings
    context: Context
    names: Names
    around: Surroundings

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int, int, int]:
        """Where a node stands."""
        line, end = node.lineno, node.end_lineno or node.lineno
        column = self.source.column
        return line, column(line, node.col_offset), end, column(end, node.end_col_offset or 0)

    def site(self, node: ast.expr, rule: str, grade: Grade, why: str, edit: Edit | None = None, **more: bool) -> Site:
        """A site at a node, named by its text; left to a person where its edit would lose something."""
        lost = self._lost(node, edit)
        if lost:
            grade, why, edit = "M", lost, None
        found = self.source.segment(node) or " ".join(ast.unparse(node).split())
        return Site(self.span(node), rule, grade, found if len(found) <= 60 else f"{found[:59]}…", why, edit, **more)

    def _lost(self, node: ast.expr, edit: Edit | None) -> str:
        """What an edit can't carry over, in words; empty where it keeps all."""
        if isinstance(node, ast.Constant | ast.JoinedStr) and edit and not is_one_literal(self._text(node)):
            return "its text is written in several pieces"
        replaced = node if isinstance(edit, Swap) else None
        if isinstance(edit, Recall) and isinstance(node, ast.Call):
            # A method keeps what stands before its name; a keyword that becomes positional loses its equals sign.
            renamed = edit.function and not edit.function.startswith(".")
            unnamed = any(one.arg == edit.unnamed for one in node.keywords)
            replaced = node if unnamed else node.func if renamed else None
        if replaced is not None and has_comment(self._text(replaced)):
            return "a comment stands within what would be replaced"
        return ""

    def _text(self, node: ast.expr) -> str:
        return self.source.between(self.span(node))

    def doubt(self, node: ast.AST) -> str:
        """Why a rewrite at this node is not safe, whatever it is; empty where nothing speaks against it."""
        fence = self.context.fenced(node) or self.context.tells_vendors_apart(node)
        if fence:
            return fence
        if self.context.in_function(node) and (
            self.context.scripted or (self.around.scripted and self.context.in_function(node, "forward"))
        ):
            return "TorchScript may compile this, and it does not know the twin"
        return ""


def asking(reader: Reader) -> Iterator[Site]:
    """Every name of torch.cuda and its neighbours in the code of a file, outermost name first."""
    for node in reader.context.nodes:
        if not isinstance(node, ast.Name | ast.Attribute) or not isinstance(node.ctx, ast.Load):
            continue
        parent = reader.context.parent(node)
        if isinstance(parent, ast.Attribute):
            continue
        path = _tie(reader, node)
        if path:
            yield _asked(reader, node, path)


def _tie(reader: Reader, node: ast.Name | ast.Attribute) -> str:
    """The dotted name, where it is one of CUDA's; an attribute of a result (`get_device_name().lower`) is none."""
    path = reader.bindings.dotted(node)
    return path if path.startswith(_TIES) or path in _TIES else ""


def _asked(reader: Reader, node: ast.Name | ast.Attribute, path: str) -> Site:
    """The site of one name: rewritten where it is called or decorates and its twin is known."""
    name = reader.names.of(path)
    if name is None or name.path != path or name.form == "none":
        rule, why = (name.rule, name.notes) if name else ("DEV-other", "no device-agnostic name is known for it")
        return reader.site(node, rule, "M", why, harmless=rule in ("FLG", "DEV-seed"))
    grade, why = reader.names.grade(name)
    if grade == "M":
        return reader.site(node, name.rule, "M", why)
    parent = reader.context.parent(node)
    call = parent if isinstance(parent, ast.Call) and parent.func is node else None
    if name.form == "decorator":
        return _decorator(reader, node, call, name, grade, why)
    if call is None:
        return reader.site(node, name.rule, "M", "is passed on or named, not called")
    return _call(reader, call, name, grade, why)


def _call(reader: Reader, call: ast.Call, name: PortingName, grade: Grade, why: str) -> Site:
    """A call of a name that has a twin."""
    edit = _recall(call, name)
    if edit is None:
        return reader.site(call, name.rule, "M", f"its arguments do not fit {name.twin}")
    if not reader.bindings.has_torch:
        return reader.site(call, name.rule, "R", NO_TORCH)
    if isinstance(call.func, ast.Name) and name.path.startswith(_AMP):
        edit = replace(edit, function="")  # its import moves instead: see `finding`
    doubt = reader.doubt(call) or _against(reader, call, name)
    if grade == "S" and doubt:
        grade, why = "R", doubt
    return reader.site(call, name.rule, grade, why, edit, closed=name.holds == "closed")


def _against(reader: Reader, call: ast.Call, name: PortingName) -> str:
    """What speaks against this name's twin here; empty where nothing does."""
    last = name.path.rpartition(".")[2]
    if last in reader.around.patched:
        return f"a test or a patch replaces {name.path}"
    meant = reader.context.means_cuda(call) if name.holds == "closed" else ""
    if meant:
        return meant
    if name.holds == "guarded" and not reader.context.guarded(call):
        return f"not below `if torch.cuda.is_available()`: {name.notes}"
    if not name.traced and reader.context.compiled and reader.context.in_function(call):
        return "torch.compile, used in this file, does not trace the twin"
    if name.form == "autocast" and reader.around.tuned:
        return "defaults of autocast are set in this tree, and the twin heeds them"
    if name.path.startswith(_AMP) and last in reader.around.told:
        return f"other modules import {last} from each other, or test for it"
    return ""


def _recall(call: ast.Call, name: PortingName) -> Recall | None:
    """How the call is written with the twin; nothing where its arguments do not allow it."""
    keywords = [one.arg for one in call.keywords]
    if None in keywords or any(isinstance(one, ast.Starred) for one in call.args):
        return None
    if name.form == "autocast":
        return Recall(name.twin, ACCELERATOR, naming=_AUTOCAST[: len(call.args)]) if len(call.args) <= 3 else None
    if name.form == "scaler":
        return Recall(name.twin, ACCELERATOR)
    allowed = {name.keyword} - {""}
    if set(keywords) - allowed or len(call.args) + len(keywords) > (1 if allowed else 0):
        return None
    return Recall(name.twin, unnamed=name.keyword)


def _decorator(
    reader: Reader, node: ast.Name | ast.Attribute, call: ast.Call | None, name: PortingName, grade: Grade, why: str
) -> Site:
    """custom_fwd and custom_bwd, which take the device as a keyword: with or without parentheses."""
    place: ast.expr = call or node
    parent = reader.context.parent(node)
    decorates = isinstance(parent, ast.FunctionDef) and node in parent.decorator_list
    if call is None and not decorates:
        return reader.site(node, name.rule, "M", "is passed on or named, not called")
    bare = isinstance(node, ast.Name)
    if not bare and not reader.bindings.has_torch:
        return reader.site(place, name.rule, "R", NO_TORCH)
    doubt = reader.doubt(place) or _against(reader, call or ast.Call(node, [], []), name)
    if grade == "S" and doubt:
        grade, why = "R", doubt
    function = ast.unparse(node) if bare else name.twin
    if call is None:
        return reader.site(place, name.rule, grade, why, Swap(f"{function}(device_type={ACCELERATOR})"))
    return reader.site(
        place, name.rule, grade, why, Recall("" if bare else function, last=("device_type", ACCELERATOR))
    )
