"""What is verified: a module of the user's, or a built-in example, with inputs and where there is one a loss."""

import importlib
import importlib.util
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polysilicon.records.errors import InputError, Place, UnknownName
from polysilicon.records.names import nearest

BUILT_IN = "example:"
SEED = 20_260_101
RETURNS = (
    "(module, inputs), (module, inputs, loss) with loss(output), or (module, inputs, loss, wanted) with "
    "loss(output, wanted)"
)
TENSORS = "tensors, one or several in tuples, lists or dictionaries"
INSTALL = (
    "install the build of PyTorch for your device first (for a CPU: pip install torch --index-url "
    "https://download.pytorch.org/whl/cpu), then pip install 'polysilicon[verify]'"
)


@dataclass(frozen=True)
class Subject:
    """A PyTorch module in evaluation mode, the tensors that it is given, and its loss where there is one.

    `wanted` is what a loss of two arguments compares the output with.
    """

    name: str
    module: Any
    inputs: tuple[Any, ...]
    loss: Callable[..., Any] | None = None
    wanted: Any = None


def find(asked: str) -> Subject:
    """The subject called `example:NAME`, `package.module:function` or `path/to/file.py:function`.

    Raises:
        InputError: PyTorch is missing, nothing is so called, the function fails or returns something else, or the
            module or its loss fails on what comes with it.
    """
    torch = imported()
    function = _example(asked) if asked.startswith(BUILT_IN) else _function(asked)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        with _complaining(asked, "fails when it is called without arguments"):
            returned = function()
        found = _checked(asked, returned, torch)
        _tried(found, torch)
    return found


def imported() -> Any:
    """PyTorch and ONNX.

    Raises:
        InputError: one of them is not installed, or can't be imported; says how to install it.
    """
    try:
        import onnx  # noqa: F401 - its absence is told here
        import onnxscript  # noqa: F401 - the same
        import torch
    except Exception as cause:  # a library that can't be loaded or a device's plug-in raises what it likes
        absent = cause.name if isinstance(cause, ModuleNotFoundError) else None
        wrong = f"{absent} is missing" if absent else f"one of them can't be imported: {first_line(cause)}"
        raise InputError(f"verifying runs through PyTorch and ONNX, and {wrong}", remedy=INSTALL) from cause
    return torch


def first_line(cause: BaseException) -> str:
    """An error's kind and the first line of what it says."""
    said = next(iter(str(cause).strip().splitlines()), "")
    return (f"{type(cause).__name__}: {said}" if said else type(cause).__name__)[:300]


@contextmanager
def _complaining(asked: str, problem: str) -> Iterator[None]:
    """Whatever the user's code raises is told as theirs, also where it leaves the program.

    Raises:
        InputError: the code raised something; says what, and the line of the user's file.
    """
    try:
        yield
    except InputError:
        raise
    except (Exception, SystemExit) as cause:
        raise InputError(f"{problem}: {first_line(cause)}{_line(cause)}", place=Place(asked)) from cause


def _line(cause: BaseException) -> str:
    """The innermost line outside PyTorch, Python's own library and this package, where there is one."""
    import torch

    others = (Path(torch.__file__).parent, sysconfig.get_path("stdlib"), Path(__file__).parents[2])
    for frame in reversed(traceback.extract_tb(cause.__traceback__)):
        file = Path(frame.filename)
        if file.is_absolute() and not any(file.is_relative_to(one) for one in others):
            return f", at {Place(frame.filename, frame.lineno)}"
    return ""


def _example(asked: str) -> Callable[[], Any]:
    from polysilicon.porting.verifying.examples import EXAMPLES

    name = asked.removeprefix(BUILT_IN)
    if name not in EXAMPLES:
        raise UnknownName(f"unknown example {name!r}", allowed=list(EXAMPLES), nearest=nearest(name, EXAMPLES, 1))
    return EXAMPLES[name]


def _function(asked: str) -> Callable[[], Any]:
    where, _, name = asked.rpartition(":")
    if not where or not name:
        allowed = "example:NAME, package.module:function or path/to/file.py:function"
        raise InputError("names no function", place=Place(field="MODEL"), found=asked, allowed=allowed)
    module = _module(where)
    found: Any = getattr(module, name, None)
    if not callable(found):
        public = [one for one in vars(module) if not one.startswith("_") and callable(getattr(module, one))]
        raise UnknownName(f"{where} has no function {name!r}", nearest=nearest(name, public))
    return found


def _module(where: str) -> Any:
    with _complaining(where, "can't be imported"):
        if not where.endswith(".py"):
            with _importable(Path.cwd()):
                return importlib.import_module(where)
        path = Path(where)
        if not path.is_file():
            raise InputError("is no file", place=Place(where))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None  # noqa: PT018, S101 - so for every .py file
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(path.stem, module)
        with _importable(path.resolve().parent):
            spec.loader.exec_module(module)
        return module


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """The folder's modules can be imported, as they could where Python is started in it."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _checked(asked: str, returned: Any, torch: Any) -> Subject:
    """The subject that a function returned.

    Raises:
        InputError: it is no module with tensors.
    """
    place = Place(asked)
    if not isinstance(returned, tuple) or not 2 <= len(returned) <= 4:
        raise InputError("returns something else", place=place, found=type(returned).__name__, allowed=RETURNS)
    module, inputs, loss, wanted = (*returned, None, None)[:4]
    if isinstance(inputs, torch.Tensor):
        inputs = (inputs,)
    if not isinstance(module, torch.nn.Module):
        raise InputError("returns no PyTorch module first", place=place, found=type(module).__name__, allowed=RETURNS)
    if not isinstance(inputs, tuple | list) or not all(isinstance(one, torch.Tensor) for one in inputs):
        raise InputError("returns inputs that are not all tensors", place=place, allowed=RETURNS)
    if loss is not None and not callable(loss):
        raise InputError("returns a loss that is no function", place=place, allowed=RETURNS)
    if loss is not None and wanted is not None and not isinstance(wanted, torch.Tensor):
        raise InputError("wants what is no tensor", place=place, found=type(wanted).__name__, allowed=RETURNS)
    for one in (*inputs, *([] if loss is None or wanted is None else [wanted])):
        _dense(place, one)
    _same_format(place, module, torch)
    return Subject(asked, module.eval(), tuple(inputs), loss, wanted)


def _dense(place: Place, value: Any) -> None:
    """Every runtime is fed from NumPy, which holds dense tensors of its own formats only.

    Raises:
        InputError: it can't hold this one.
    """
    try:
        value.detach().cpu().numpy()
    except (TypeError, RuntimeError) as cause:
        found = f"{value.layout} of {value.dtype}"
        raise InputError(
            "returns a tensor that NumPy can't hold", place=place, found=found, allowed="dense tensors, such as float32"
        ) from cause


def _tried(subject: Subject, torch: Any) -> None:
    """The module and its loss run once as the user runs them, so that an exporter isn't blamed for what is theirs.

    Raises:
        InputError: one of them fails, the output is no tensors or of no elements, or the loss is not one number.
    """
    place = Place(subject.name)
    shapes = ", ".join(str(list(one.shape)) for one in subject.inputs)
    with _complaining(subject.name, f"the module fails on its own inputs, of shape {shapes}"):
        output = _unchanged(subject.module)(*(one.clone() for one in subject.inputs))
    given = [one for one in torch.utils._pytree.tree_leaves(output) if one is not None]
    other = [type(one).__name__ for one in given if not isinstance(one, torch.Tensor)]
    if other:
        raise InputError("the module gives more than tensors", place=place, found=other, allowed=TENSORS)
    if not any(one.numel() for one in given):
        raise InputError(
            f"the module gives nothing to compare on its own inputs, of shape {shapes}", place=place,
            found=[list(one.shape) for one in given], allowed=f"{TENSORS}, of at least one element",
        )  # fmt: skip
    if subject.loss is None:
        return
    with _complaining(subject.name, "the loss fails on the module's output"):
        lost = subject.loss(output) if subject.wanted is None else subject.loss(output, subject.wanted)
    if not isinstance(lost, torch.Tensor) or lost.ndim or not lost.is_floating_point():
        told = f"{lost.dtype} of shape {list(lost.shape)}" if isinstance(lost, torch.Tensor) else type(lost).__name__
        allowed = "a tensor of one real number and no dimensions, as loss.mean() gives"
        raise InputError("the loss gives something else", place=place, found=told, allowed=allowed)


def _unchanged(module: Any) -> Any:
    """A twin to run, as a run may leave caches behind; the module itself where it can't be copied."""
    try:
        return deepcopy(module)
    except Exception:  # noqa: BLE001 - whatever a module raises, it can't be copied
        return module


def _same_format(place: Place, module: Any, torch: Any) -> None:
    """Weights are of 32 bits: that is where a port's numbers are compared; narrower ones are asked for by --dtype.

    Raises:
        InputError: some are not.
    """
    other = {str(one.dtype) for one in module.parameters() if one.is_floating_point() and one.dtype != torch.float32}
    if other:
        raise InputError(
            "has weights that are not torch.float32", place=place, found=sorted(other),
            remedy="return the module in float32; --dtype compares it in a narrower format",
        )  # fmt: skip
