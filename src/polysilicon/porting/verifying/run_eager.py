"""PyTorch, operator by operator: on the CPU in 64 and 32 bits, and on each device that this build finds."""

import importlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from polysilicon.porting.verifying.case import Case
from polysilicon.porting.verifying.export import arrays, tensor
from polysilicon.porting.verifying.graph import Array, Graph, Values
from polysilicon.porting.verifying.runtimes import EAGER, Placed, Runtime

FORMATS = {"fp64": torch.float64, "fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
NAMES = {kind: name for name, kind in FORMATS.items()}
# Devices beside the CPU, and the module that an out-of-tree one needs.
DEVICES = {"cuda": "", "xpu": "", "mps": "", "npu": "torch_npu", "musa": "torch_musa", "mlu": "torch_mlu"}


class Watched(TorchDispatchMode):
    """Every operator that is dispatched, with the devices of what it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Placed] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = func(*args, **(kwargs or {}))
        for one in torch.utils._pytree.tree_leaves(given):
            if isinstance(one, torch.Tensor):
                kind = NAMES.get(one.dtype, str(one.dtype))
                place = Placed(f"{func}.{len(self.seen)}", str(func), one.device.type, kind, one.is_floating_point())
                self.seen.append(place)
        return given


@dataclass(frozen=True)
class Eagerly:
    """A module as its user runs it, on a device, in a format."""

    case: Case
    device: str
    dtype: str

    @cached_property
    def _function(self) -> Callable[..., Any]:
        return self.case.eager(self.device, FORMATS[self.dtype])

    def _given(self, feeds: Values) -> list[Any]:
        return [tensor(feeds[one], self.device, FORMATS[self.dtype]) for one in self.case.feeds]

    def run(self, feeds: Values) -> dict[str, Array]:
        """Every output by name."""
        return dict(zip(self.case.graph.outputs, arrays(self._function(*self._given(feeds))), strict=True))

    def placement(self, feeds: Values) -> Sequence[Placed]:
        """Every operator that was dispatched; one that warned of a fallback ran on the CPU, whatever it gave back."""
        given, function, watched = self._given(feeds), self._function, Watched()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            with watched:
                function(*given)
        fallen = [str(one.message) for one in said if "fall back" in str(one.message) or "fallback" in str(one.message)]
        return [*watched.seen, *(Placed(one[:120], "fallback", "cpu") for one in fallen)]


def prepared(device: str, dtype: str, case: Case, _: Graph) -> Eagerly:
    """The case's module ready for a device."""
    return Eagerly(case, device, dtype)


def runtimes() -> list[Runtime]:
    """The CPU in 64 and 32 bits, and each device that is there."""
    return [runtime("cpu", "fp64"), runtime("cpu", "fp32"), *(runtime(one, "fp32") for one in DEVICES if there(one))]


def narrow(dtype: str) -> list[Runtime]:
    """The CPU, and each device that is there, in a format of 16 bits."""
    return [runtime(one, dtype) for one in ("cpu", *DEVICES) if one == "cpu" or there(one)]


def elsewhere(dtype: str) -> list[Runtime]:
    """The devices that this machine doesn't have, in 32 bits and in the format asked for."""
    formats = dict.fromkeys(("fp32", dtype))
    return [runtime(one, kind) for one in DEVICES if not there(one) for kind in formats]


def runtime(device: str, dtype: str) -> Runtime:
    """Eager PyTorch on a device in a format."""
    return Runtime(
        f"pytorch-{dtype}" if device == "cpu" else f"pytorch-{device}-{dtype}",
        device,
        partial(prepared, device, dtype),
        lambda: "" if device == "cpu" or there(device) else f"PyTorch finds no {device} here",
        partial(pinned, dtype),
        lambda: str(torch.__version__),
        EAGER,
        dtype,
        consensus=device == "cpu",
    )


def there(device: str) -> bool:
    """Whether PyTorch finds such a device."""
    if DEVICES.get(device):
        try:
            importlib.import_module(DEVICES[device])
        except Exception:  # noqa: BLE001 - a plug-in whose driver is not there raises what it likes
            return False
    backend = getattr(torch, device, None)
    return bool(backend is not None and hasattr(backend, "is_available") and backend.is_available())


def pinned(dtype: str) -> Mapping[str, str]:
    """The flags that change numbers, set to what changes them least, and told."""
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    return {
        "float32 products": torch.get_float32_matmul_precision(),
        "TF32": "off",
        "reduced-precision sums": "off",
        "weights and inputs": dtype,
    }
