"""The kernels of kernels.cu in Triton. TRITON_INTERPRET=1 runs them on a CPU; without it they need a GPU.

Each takes tensors on one device and gives a tensor. Blocks are padded to a power of two and masked.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor


@triton.jit
def _norm_rope(x, scale, cosine, sine, y, heads, eps, HALF: tl.constexpr, PADDED: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, PADDED)
    kept = at < HALF
    low = tl.load(x + row * 2 * HALF + at, mask=kept, other=0.0)
    high = tl.load(x + row * 2 * HALF + HALF + at, mask=kept, other=0.0)
    inverse = 1.0 / tl.sqrt((tl.sum(low * low, 0) + tl.sum(high * high, 0)) / (2 * HALF) + eps)
    low = low * inverse * tl.load(scale + at, mask=kept, other=0.0)
    high = high * inverse * tl.load(scale + HALF + at, mask=kept, other=0.0)
    turn = row // heads * HALF + at
    across = tl.load(cosine + turn, mask=kept, other=0.0)
    along = tl.load(sine + turn, mask=kept, other=0.0)
    tl.store(y + row * 2 * HALF + at, low * across - high * along, mask=kept)
    tl.store(y + row * 2 * HALF + HALF + at, high * across + low * along, mask=kept)


@triton.jit
def _bag_sum(table, indices, offsets, pooled, WIDTH: tl.constexpr, PADDED: tl.constexpr):
    bag = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, PADDED)
    kept = at < WIDTH
    start, end = tl.load(offsets + bag), tl.load(offsets + bag + 1)
    total = tl.zeros((PADDED,), tl.float32)
    for place in range(start, end):
        total += tl.load(table + tl.load(indices + place) * WIDTH + at, mask=kept, other=0.0)
    tl.store(pooled + bag * WIDTH + at, total, mask=kept)


@triton.jit
def _quantised_matmul(x, q, scale, y, rows, columns, inner, TILE: tl.constexpr):
    m = tl.program_id(1).to(tl.int64) * TILE + tl.arange(0, TILE)
    n = tl.program_id(0).to(tl.int64) * TILE + tl.arange(0, TILE)
    total = tl.zeros((TILE, TILE), tl.float32)
    for start in range(0, inner, TILE):
        k = start + tl.arange(0, TILE)
        left = tl.load(x + m[:, None] * inner + k, mask=(m[:, None] < rows) & (k < inner), other=0.0)
        right = tl.load(q + n[:, None] * inner + k, mask=(n[:, None] < columns) & (k < inner), other=0)
        # ieee: without it the products of a GPU may be rounded to TF32.
        total += tl.dot(left, tl.trans(right.to(tl.float32)), input_precision="ieee")
    given = total * tl.load(scale + n, mask=n < columns, other=0.0)
    tl.store(y + m[:, None] * columns + n, given, mask=(m[:, None] < rows) & (n < columns))


def norm_rope(x: Tensor, scale: Tensor, cosine: Tensor, sine: Tensor, eps: float) -> Tensor:
    """The norm and rotation of (tokens, heads, width)."""
    tokens, heads, width = x.shape
    y = torch.empty_like(x)
    padded = triton.next_power_of_2(width // 2)
    _norm_rope[(tokens * heads,)](x, scale, cosine, sine, y, heads, eps, HALF=width // 2, PADDED=padded)
    return y


def bag_sum(table: Tensor, indices: Tensor, offsets: Tensor) -> Tensor:
    """The sums of bags of rows; `offsets` has one more element than there are bags."""
    bags, width = len(offsets) - 1, table.shape[1]
    pooled = torch.empty(bags, width, device=table.device)
    _bag_sum[(bags,)](table, indices, offsets, pooled, WIDTH=width, PADDED=triton.next_power_of_2(width))
    return pooled


def quantised_matmul(x: Tensor, q: Tensor, scale: Tensor) -> Tensor:
    """The product with weights of 8 bits, one scale a row of weights."""
    rows, inner = x.shape
    y = torch.empty(rows, len(q), device=x.device)
    grid = triton.cdiv(len(q), 16), triton.cdiv(rows, 16)
    _quantised_matmul[grid](x, q, scale, y, rows, len(q), inner, TILE=16)
    return y
