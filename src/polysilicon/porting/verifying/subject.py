"""What is verified: a module of the user's, or a built-in example, with inputs and where there is one a loss."""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
        InputError: PyTorch is missing, nothing is so called, or the function fails or returns something else.
    """
    torch = imported()
    function = _example(asked) if asked.startswith(BUILT_IN) else _function(asked)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            returned = function()
    except Exception as cause:
        told = f"{type(cause).__name__}: {cause}"
        raise InputError("fails when it is called without arguments", place=Place(asked), found=told) from cause
    return _checked(asked, returned, torch)


def imported() -> Any:
    """PyTorch and ONNX.

    Raises:
        InputError: one of them is not installed; says how to.
    """
    try:
        import onnx  # noqa: F401 - its absence is told here
        import onnxscript  # noqa: F401 - the same
        import torch
    except ImportError as cause:
        raise InputError(
            f"verifying runs through PyTorch and ONNX, and {cause.name} is missing", remedy=INSTALL
        ) from cause
    return torch


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
    try:
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
    except InputError:
        raise
    except Exception as cause:
        told = f"{type(cause).__name__}: {cause}"
        raise InputError("can't be imported", place=Place(where), found=told) from cause


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
    _same_format(place, module, torch)
    return Subject(asked, module.eval(), tuple(inputs), loss, wanted)


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
