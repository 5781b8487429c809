"""Texts and methods that name a CUDA device: `"cuda:0"`, `.cuda()`, `backend="nccl"`."""

import ast
import re
from collections.abc import Iterator

from polysilicon.facts.porting_names import Grade
from polysilicon.porting.rewriting.asking import NO_TORCH, Reader
from polysilicon.porting.rewriting.names import DEVICE
from polysilicon.porting.rewriting.site import ACCELERATOR, AT_HAND, Edit, Lead, Recall, Site, Swap

_TEXT = re.compile(r"cuda(:\d+)?")
_LIKE = re.compile(r"cuda(:.*)?|nccl")
_KEYWORDS = frozenset({"device", "map_location", "device_type"})
_VARIABLES = frozenset({"device", "device_type", "dev", "device_name", "default_device"})
# Methods of a tensor whose keyword `device` is PyTorch's own.
_FACTORIES = re.compile(r"new_(zeros|ones|full|empty|tensor)|to")
_LOAD = "torch.load"
_WRITTEN = ("getattr", "torch.accelerator.current_accelerator()")


def devices(reader: Reader) -> Iterator[Site]:
    """Every device named in the code of a file; comments, docstrings and messages are no code."""
    seen: set[ast.expr] = set()
    for node in reader.context.nodes:
        if isinstance(node, ast.Call):
            yield from _call(reader, node, seen)
    for node in reader.context.nodes:
        yield from _comparison(reader, node, seen)
        if isinstance(node, ast.Attribute) and node.attr == "is_cuda" and isinstance(node.ctx, ast.Load):
            yield reader.site(node, "DEV-cuda", "M", "write `.device.type ==` and the device's type by hand")
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.keyword | ast.arguments | ast.NamedExpr):
            yield from _named(reader, node, seen)
    for node in reader.context.nodes:
        if isinstance(node, ast.Constant) and node not in seen and _plain(reader, node):
            yield reader.site(node, "DEV-text", "M", "a text that need not be a device")


def _plain(reader: Reader, node: ast.Constant) -> bool:
    """Whether a text looks like a device or a backend, and is neither a docstring nor a part of an f-string."""
    if not isinstance(node.value, str) or not _LIKE.fullmatch(node.value):
        return False
    parent = reader.context.parent(node)
    if isinstance(parent, ast.Call) and [ast.unparse(one) for one in (parent.func, *parent.args)][:2] == list(_WRITTEN):
        return False  # what a rewrite has put there
    return not isinstance(parent, ast.Expr | ast.JoinedStr)


def _call(reader: Reader, call: ast.Call, seen: set[ast.expr]) -> Iterator[Site]:
    """The devices among the arguments of a call."""
    path = reader.bindings.dotted(call.func)
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    name = reader.names.by_path.get(path)
    if name is not None and name.form == "backend":
        yield from _backend(reader, call, seen)
    foreign = not path.startswith("torch.")  # a method, or a function of another module
    if method == "cuda" and foreign:
        yield _cuda(reader, call)
    first = call.args[0] if call.args else None
    if first is not None and ((name is not None and name.form == "device") or (method == "to" and foreign)):
        yield from _texts(reader, first, name.rule if name else "DEV-device", "S", "", seen, kept=path == DEVICE)
    for keyword in call.keywords:
        if keyword.arg in _KEYWORDS:
            rule = name.rule if name is not None and name.keyword == keyword.arg else "DEV-device"
            own = not foreign or bool(_FACTORIES.fullmatch(method))
            why = "" if own else "the function called may know CUDA alone"
            yield from _texts(reader, keyword.value, rule, "S" if own else "R", why, seen)
    if path == _LOAD and name is not None and not _located(call):
        # Offered only: a user of CUDA would find the tensors elsewhere.
        edit = Recall(last=("map_location", '"cpu"'))
        why = "without map_location the file asks for the device it was written on; with it tensors arrive elsewhere"
        yield reader.site(call, name.rule, "R", why, edit, harmless=True)


def _located(call: ast.Call) -> bool:
    """Whether torch.load is told where to put what it reads."""
    return len(call.args) > 1 or any(one.arg in ("map_location", None) for one in call.keywords)


def _texts(
    reader: Reader, node: ast.expr, rule: str, grade: Grade, why: str, seen: set[ast.expr], *, kept: bool = False
) -> Iterator[Site]:
    """The device texts that an expression may come to, each rewritten in its place.

    `kept` says that the value is one that code may compare with a text later.
    """
    if isinstance(node, ast.IfExp):
        chosen = reader.context.asks(node.test)
        for leaf in (node.body, node.orelse):
            yield from _texts(reader, leaf, rule, grade, why, seen, kept=kept or chosen)
        return
    edit = _text_edit(reader, node)
    if edit is None:
        return
    seen.add(node)
    if isinstance(node, ast.BinOp):
        seen.add(node.left)
        node = node.left
    best, known = reader.names.grade(reader.names.by_path[DEVICE])
    doubt = why or reader.doubt(node) or ("" if reader.bindings.has_torch else NO_TORCH)
    if reader.context.in_text(node):
        doubt, edit = "stands in an f-string", None
    if best == "M":
        yield reader.site(node, rule, "M", known)
    elif grade == "S" and best == "S" and not doubt:
        yield reader.site(node, rule, "S", known, edit, compared=kept)
    else:
        yield reader.site(node, rule, "R", doubt or known, edit if reader.bindings.has_torch else None)


def _text_edit(reader: Reader, node: ast.expr) -> Edit | None:
    """What stands in the place of a text that names a device: an expression of the same value where CUDA is."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and _TEXT.fullmatch(node.value):
        parent = reader.context.parent(node)
        at_hand = isinstance(parent, ast.IfExp) and node is parent.body and reader.context.asks(parent.test)
        # Where a test replaces is_available, it may say so without any accelerator.
        kind = AT_HAND if at_hand and "is_available" not in reader.around.patched else ACCELERATOR
        return Swap(kind if node.value == "cuda" else f'f"{{{kind}}}{node.value[4:]}"')
    if isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.Constant):
        return Lead() if str(node.values[0].value).startswith("cuda:") else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and isinstance(node.left, ast.Constant):
        return Swap(f'f"{{{ACCELERATOR}}}:"') if node.left.value == "cuda:" else None
    return None


def _backend(reader: Reader, call: ast.Call, seen: set[ast.expr]) -> Iterator[Site]:
    """The collective backend of a process group. What it is called from must be a module, to find the twin there."""
    name = reader.names.by_path[reader.bindings.dotted(call.func)]
    at = 0 if name.path.endswith("init_process_group") else 2  # new_group(ranks, timeout, backend)
    given = [*call.args[at : at + 1], *(one.value for one in call.keywords if one.arg == name.keyword)]
    for node in given:
        for leaf in (node.body, node.orelse) if isinstance(node, ast.IfExp) else (node,):
            if not isinstance(leaf, ast.Constant) or leaf.value != "nccl":
                continue
            seen.add(leaf)
            grade, why = reader.names.grade(name)
            doubt = reader.doubt(leaf) or ("" if reader.bindings.has_torch else NO_TORCH)
            if not isinstance(call.func, ast.Attribute) or grade == "M":
                yield reader.site(leaf, name.rule, "M", why if grade == "M" else "the module of the call is not named")
                continue
            module = ast.unparse(call.func.value)
            twin = f"{module}.{name.twin.rpartition('.')[2]}({ACCELERATOR})"
            edit = Swap(twin) if reader.bindings.has_torch else None
            yield reader.site(leaf, name.rule, "R" if doubt else grade, doubt or why, edit)


def _cuda(reader: Reader, call: ast.Call) -> Site:
    """`.cuda()`, which a class of the project may define for itself; it is offered, never done unasked."""
    keywords = {one.arg for one in call.keywords}
    plain = not call.args and keywords <= {"non_blocking"}
    why = "an object of the project's own may have a method cuda that callers rely on"
    if not plain or not reader.bindings.has_torch:
        return reader.site(call, "DEV-cuda", "M", why if plain else "its arguments say which device: by hand")
    value = reader.source.segment(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    return reader.site(call, "DEV-cuda", "R" if value or plain else "M", why, Recall(".to", first=ACCELERATOR))


def _comparison(reader: Reader, node: ast.AST, seen: set[ast.expr]) -> Iterator[Site]:
    """A comparison with a device's text, in any form: what follows may be for CUDA alone."""
    for side in _compared(node):
        if isinstance(side, ast.Constant) and isinstance(side.value, str) and _TEXT.fullmatch(side.value):
            seen.add(side)
            plain = side.value == "cuda" and isinstance(node, ast.Compare) and reader.context.parent(side) is node
            edit = (
                Swap(ACCELERATOR) if plain and reader.bindings.has_torch and not reader.context.in_text(side) else None
            )
            yield reader.site(side, "DEV-compared", "R", "what follows may be for CUDA alone", edit)


def _compared(node: ast.AST) -> list[ast.expr | None]:
    """What a node compares with: sides, members of a tuple, prefixes, patterns, keys of a table."""
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        return [
            *sides,
            *(part for side in sides if isinstance(side, ast.Tuple | ast.List | ast.Set) for part in side.elts),
        ]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("startswith", "find"):
        return list(node.args)
    if isinstance(node, ast.MatchValue):
        return [node.value]
    return list(node.keys) if isinstance(node, ast.Dict) else []


def _named(
    reader: Reader, node: ast.Assign | ast.AnnAssign | ast.keyword | ast.arguments | ast.NamedExpr, seen: set[ast.expr]
) -> Iterator[Site]:
    """Variables and parameters called a device. A choice by `is_available` is safe; a bare text is a user's."""
    pairs: list[tuple[str, ast.expr | None]] = []
    if isinstance(node, ast.arguments):
        positional = [*node.posonlyargs, *node.args]
        pairs += [(one.arg, value) for one, value in zip(positional[::-1], node.defaults[::-1], strict=False)]
        pairs += [(one.arg, value) for one, value in zip(node.kwonlyargs, node.kw_defaults, strict=True)]
    elif isinstance(node, ast.keyword):
        pairs.append(("device" if node.arg == "default" else node.arg or "", node.value))
    elif isinstance(node, ast.NamedExpr | ast.AnnAssign):
        pairs.append((_name(node.target), node.value))
    else:
        pairs += [(_name(target), node.value) for target in node.targets]
    for name, value in pairs:
        if value is None or value in seen:
            continue
        if isinstance(value, ast.IfExp) and reader.context.asks(value.test) and not _leaves(value) & seen:
            yield from _texts(reader, value, "DEV-device", "S", "", seen, kept=True)
        elif name.lower() in _VARIABLES and isinstance(value, ast.Constant):
            yield from _texts(reader, value, "DEV-device", "R", "a default that a user may read or override", seen)


def _leaves(node: ast.IfExp) -> set[ast.expr]:
    return {node.body, node.orelse}


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
