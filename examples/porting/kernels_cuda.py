"""kernels.cu itself: on a GPU through PyTorch's run-time compiler, or on a CPU with threads for threads."""

import ctypes
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

LANES, TILE = 64, 16
HERE = Path(__file__).parent


@cache
def _library() -> ctypes.CDLL:
    """kernels.cu compiled for this CPU."""
    target = Path(tempfile.mkdtemp()) / "kernels.so"
    flags = ["-O2", "-std=c++20", "-shared", "-fPIC", "-pthread", "-ffp-contract=off", "-Wno-unknown-pragmas"]
    subprocess.run(["g++", *flags, str(HERE / "threads.cpp"), "-o", str(target)], check=True)
    return ctypes.CDLL(str(target))


@cache
def _kernel(name: str) -> Any:
    """One kernel compiled for this GPU."""
    return torch.cuda._compile_kernel((HERE / "kernels.cu").read_text(), name)


def _run(
    name: str, y: Tensor, groups: tuple[int, int], size: tuple[int, int], given: list[Any], on_cpu: list[Any]
) -> Tensor:
    """Run a kernel; `on_cpu` are the plain numbers that the CPU's function takes beside, of its grid."""
    if y.device.type == "cuda":
        _kernel(name)((*groups, 1), (*size, 1), tuple(given))
        return y
    kept = [one.contiguous() if isinstance(one, Tensor) else one for one in given]
    tensors = [ctypes.c_void_p(one.data_ptr()) for one in kept if isinstance(one, Tensor)]
    numbers = [
        ctypes.c_float(one) if isinstance(one, float) else ctypes.c_int(one)
        for one in kept
        if not isinstance(one, Tensor)
    ]
    getattr(_library(), f"run_{name}")(*tensors, *map(ctypes.c_int, on_cpu), *numbers)
    return y


def norm_rope(x: Tensor, scale: Tensor, cosine: Tensor, sine: Tensor, eps: float) -> Tensor:
    """The norm and rotation of (tokens, heads, width)."""
    tokens, heads, width = x.shape
    y = torch.empty_like(x)
    given = [x, scale, cosine, sine, y, heads, width, eps]
    return _run("norm_rope", y, (tokens * heads, 1), (LANES, 1), given, [tokens * heads])


def bag_sum(table: Tensor, indices: Tensor, offsets: Tensor) -> Tensor:
    """The sums of bags of rows; `offsets` has one more element than there are bags."""
    bags, width = len(offsets) - 1, table.shape[1]
    pooled = torch.empty(bags, width, device=table.device)
    return _run("bag_sum", pooled, (bags, 1), (LANES, 1), [table, indices, offsets, pooled, width], [bags])


def quantised_matmul(x: Tensor, q: Tensor, scale: Tensor) -> Tensor:
    """The product with weights of 8 bits, one scale a row of weights."""
    rows, inner = x.shape
    y = torch.empty(rows, len(q), device=x.device)
    groups = -(-len(q) // TILE), -(-rows // TILE)
    return _run("quantised_matmul", y, groups, (TILE, TILE), [x, q, scale, y, rows, len(q), inner], [])
