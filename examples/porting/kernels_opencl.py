"""The kernels of kernels.cl on the first OpenCL device that PyOpenCL finds, such as PoCL on a CPU.

Each takes and gives tensors on the CPU. `device()` says what they ran on.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyopencl as cl
import torch
from torch import Tensor

LANES, TILE = 64, 16
SOURCE = Path(__file__).with_name("kernels.cl")


@cache
def _ready() -> tuple[Any, Any, Any]:
    found = [device for platform in cl.get_platforms() for device in platform.get_devices()]
    context = cl.Context(found[:1])
    # No fast-math option is given: those change numbers.
    return context, cl.CommandQueue(context), cl.Program(context, SOURCE.read_text()).build()


def device() -> str:
    """What the kernels run on."""
    context, _, _ = _ready()
    return f"{context.devices[0].platform.name}: {context.devices[0].name}"


def _run(name: str, shape: tuple[int, ...], groups: tuple[int, ...], size: tuple[int, ...], *given: Any) -> Tensor:
    """Run a kernel whose output comes after the tensors and before the plain numbers."""
    context, queue, program = _ready()
    flags = cl.mem_flags.READ_ONLY | cl.mem_flags.COPY_HOST_PTR
    fed = [cl.Buffer(context, flags, hostbuf=one.contiguous().numpy()) for one in given if isinstance(one, Tensor)]
    answer = np.empty(shape, np.float32)
    target = cl.Buffer(context, cl.mem_flags.WRITE_ONLY, answer.nbytes)
    numbers = [one for one in given if not isinstance(one, Tensor)]
    whole = tuple(count * each for count, each in zip(groups, size, strict=True))
    cl.Kernel(program, name)(queue, whole, size, *fed, target, *numbers)
    cl.enqueue_copy(queue, answer, target)
    return torch.from_numpy(answer)


def norm_rope(x: Tensor, scale: Tensor, cosine: Tensor, sine: Tensor, eps: float) -> Tensor:
    """The norm and rotation of (tokens, heads, width)."""
    tokens, heads, width = x.shape
    numbers = np.int32(heads), np.int32(width), np.float32(eps)
    return _run("norm_rope", tuple(x.shape), (tokens * heads,), (LANES,), x, scale, cosine, sine, *numbers)


def bag_sum(table: Tensor, indices: Tensor, offsets: Tensor) -> Tensor:
    """The sums of bags of rows; `offsets` has one more element than there are bags."""
    bags, width = len(offsets) - 1, table.shape[1]
    return _run("bag_sum", (bags, width), (bags,), (LANES,), table, indices, offsets, np.int32(width))


def quantised_matmul(x: Tensor, q: Tensor, scale: Tensor) -> Tensor:
    """The product with weights of 8 bits, one scale a row of weights."""
    rows, inner, columns = *x.shape, len(q)
    groups = -(-columns // TILE), -(-rows // TILE)
    numbers = np.int32(rows), np.int32(columns), np.int32(inner)
    return _run("quantised_matmul", (rows, columns), groups, (TILE, TILE), x, q, scale, *numbers)
