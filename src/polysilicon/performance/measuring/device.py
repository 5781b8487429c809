"""The seam to PyTorch: one accelerator or CPU, whatever its vendor. No other module imports torch."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polysilicon.records.errors import InputError, Place
from polysilicon.records.names import nearest

# What PyTorch calls each backend, the module that an out-of-tree backend needs, and the class of its chips.
DEVICES: dict[str, tuple[str, str]] = {
    "cpu": ("", "cpu"),
    "cuda": ("", "gpu"),
    "npu": ("torch_npu", "npu"),
    "musa": ("torch_musa", "gpu"),
    "mlu": ("torch_mlu", "npu"),
    "xpu": ("", "gpu"),
}
DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
INSTALL = (
    "install the build of PyTorch for your device (https://pytorch.org/get-started/locally/); for a CPU: pip install "
    "torch --index-url https://download.pytorch.org/whl/cpu"
)
CPU_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
CPU_NAMES = Path("/proc/cpuinfo")
SMALLEST = 8


@dataclass(frozen=True)
class Device:
    """One device as PyTorch sees it. `torch` is the imported module, `dtypes` the formats that it multiplies in.

    `units` are the threads of a CPU or the multiprocessors of a GPU, `cache_bytes` its last-level cache; each 0 where
    PyTorch doesn't say. `wide_updates` is whether the fused optimizer runs on it.
    """

    torch: Any
    name: str
    described: str
    units: float
    memory_bytes: float
    cache_bytes: float
    dtypes: tuple[str, ...]
    fused_update: bool

    @property
    def device_class(self) -> str:
        """The class of its chips in the catalogue."""
        return DEVICES[self.name][1]

    @property
    def asynchronous(self) -> bool:
        """Whether a call returns before its work is done."""
        return self.name != "cpu"

    def dtype(self, name: str) -> Any:
        """PyTorch's own object for a format."""
        return getattr(self.torch, DTYPES[name])

    def synchronise(self) -> None:
        """Wait for all work that was handed to the device."""
        if self.asynchronous:
            getattr(self.torch, self.name).synchronize()

    def label(self) -> dict[str, object]:
        """What a timing depends on beside the kernel: two runs with one label can be joined."""
        return {
            "device": self.name,
            "described": self.described,
            "units": self.units,
            "torch": str(self.torch.__version__),
        }


def open_device(name: str, threads: int | None = None) -> Device:
    """The device called `name`, with `threads` threads on a CPU (PyTorch's own choice where not given).

    Raises:
        InputError: no such kind of device, PyTorch is not installed, or it sees no such device here.
    """
    if name not in DEVICES:
        raise InputError(
            "is no kind of device",
            place=Place(field="--device"),
            found=name,
            allowed=list(DEVICES),
            nearest=nearest(name, DEVICES, 1),
        )
    if threads is not None and name != "cpu":
        raise InputError("changes nothing here", place=Place(field="--threads"), remedy="it needs --device cpu")
    most = os.cpu_count() or 1
    if threads is not None and not 1 <= threads <= most:
        raise InputError(
            "is no number of threads here", place=Place(field="--threads"), found=threads, allowed=f"1 to {most}"
        )
    torch = _imported(name)
    if threads is not None:
        torch.set_num_threads(threads)
    probe = {"cpu": _cpu, "cuda": _cuda}.get(name, _other)
    described, units, memory_bytes, cache_bytes = probe(torch, name)
    return Device(
        torch=torch,
        name=name,
        described=described,
        units=float(units),
        memory_bytes=float(memory_bytes),
        cache_bytes=float(cache_bytes),
        dtypes=tuple(one for one in DTYPES if _multiplies(torch, name, one)),
        fused_update=_updates_fused(torch, name),
    )


def chosen_dtype(device: Device, asked: str | None) -> str:
    """The format that is measured: what was asked for, else 32 bits on a CPU and 16 on an accelerator.

    Raises:
        InputError: the device doesn't multiply in it.
    """
    if asked is None:
        return "fp32" if device.name == "cpu" or "bf16" not in device.dtypes else "bf16"
    if asked not in device.dtypes:
        raise InputError(
            "is no format that this device multiplies in",
            place=Place(field="--dtype"),
            found=asked,
            allowed=device.dtypes,
            nearest=nearest(asked, device.dtypes, 1),
        )
    return asked


def _imported(name: str) -> Any:
    try:
        import torch
    except ImportError as cause:
        raise InputError("PyTorch is not installed, and measuring runs through it", remedy=INSTALL) from cause
    beside = DEVICES[name][0]
    if beside:
        import importlib

        try:
            importlib.import_module(beside)
        except ImportError as cause:
            raise InputError(
                f"the PyTorch plug-in {beside} of this device is not installed",
                place=Place(field="--device"),
                found=name,
                remedy=f"install {beside} as its vendor says",
            ) from cause
    backend = getattr(torch, name, None)
    if backend is None or not backend.is_available():
        seen = [one for one in DEVICES if getattr(torch, one, None) and getattr(torch, one).is_available()]
        raise InputError("PyTorch sees no such device here", place=Place(field="--device"), found=name, allowed=seen)
    return torch


def _cpu(torch: Any, _: str) -> tuple[str, float, float, float]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    return _cpu_name(), torch.get_num_threads(), memory, _cpu_cache_bytes()


def _cuda(torch: Any, name: str) -> tuple[str, float, float, float]:
    seen = torch.cuda.get_device_properties(0)
    return seen.name, seen.multi_processor_count, seen.total_memory, getattr(seen, "L2_cache_size", 0)


def _other(torch: Any, name: str) -> tuple[str, float, float, float]:
    backend = getattr(torch, name)
    seen = backend.get_device_properties(0)
    units = next(
        (
            getattr(seen, one)
            for one in ("multi_processor_count", "gpu_subslice_count", "cube_core_num")
            if getattr(seen, one, 0)
        ),
        0,
    )
    return str(getattr(seen, "name", name)), units, getattr(seen, "total_memory", 0), getattr(seen, "L2_cache_size", 0)


def _cpu_name() -> str:
    try:
        lines = CPU_NAMES.read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((one.partition(":")[2].strip() for one in lines if one.startswith("model name")), platform.machine())


def _cpu_cache_bytes() -> float:
    """The largest cache that the system tells of."""
    sizes = [0.0]
    units: Mapping[str, float] = {"K": 2.0**10, "M": 2.0**20}
    for path in CPU_CACHES.glob("index*/size"):
        try:
            told = path.read_text(encoding="ascii").strip()
        except OSError:
            continue
        if told[-1:] in units and told[:-1].isdigit():
            sizes.append(float(told[:-1]) * units[told[-1]])
    return max(sizes)


def _multiplies(torch: Any, name: str, dtype: str) -> bool:
    """Whether a product in the format runs at all; what a device supports is found by trying."""
    try:
        one = torch.ones(SMALLEST, SMALLEST, dtype=getattr(torch, DTYPES[dtype]), device=name)
        return float((one @ one).sum()) == SMALLEST**3
    except (RuntimeError, TypeError, NotImplementedError):
        return False


def _updates_fused(torch: Any, name: str) -> bool:
    try:
        weights: Sequence[Any] = [torch.nn.Parameter(torch.ones(SMALLEST, device=name))]
        weights[0].grad = torch.ones_like(weights[0])
        torch.optim.AdamW(weights, fused=True).step()
    except (RuntimeError, TypeError, NotImplementedError, ValueError):
        return False
    return True
