"""The micro-benchmarks: for each kernel a call that runs it once, on the pieces of the reference transformer.

Weights and cached keys are taken from a pool in turn, so that they are as cold as a model of the kernel's footprint
leaves them; activations stay where the call before left them, as in a model. Imported only once PyTorch was found.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn import functional

from polysilicon.performance.measuring import reference
from polysilicon.performance.measuring.device import Device
from polysilicon.performance.measuring.kernels import (
    ATTENTIONS,
    COLD_BYTES,
    DECODE,
    INPUT,
    PRODUCTS,
    STEPS,
    TRANSFERS,
    WEIGHT,
    Kernel,
)
from polysilicon.performance.measuring.reach import rehearsed
from polysilicon.performance.measuring.timing import NEVER, Clock, Timing, timed
from polysilicon.performance.measuring.work import Job

Call = Callable[[], object]
# A pool so large is colder than any last-level cache; on a small device it is a share of the memory.
POOL_BYTES, POOL_SHARE = 512 * 2**20, 0.125
BLOCK = 2**20
# More than seven runs of a job are taken while they disagree, for so long.
MOST_JOB_S = 1.5


class Bench:
    """Builds calls for one device and one format. Keeps one pool of cold operands."""

    def __init__(self, device: Device, dtype: str) -> None:
        self._device, self._dtype = device, dtype
        self._kind, self._place = device.dtype(dtype), device.name
        room = device.memory_bytes * POOL_SHARE if device.memory_bytes else POOL_BYTES
        self._most = int(min(POOL_BYTES, room)) // self._kind.itemsize
        self._pool: Any = None

    def call(self, kernel: Kernel) -> Call:
        """A call that runs the kernel once."""
        if kernel.kind in STEPS.values():
            return reference.prepared(self._device, self._dtype, rehearsed(kernel))
        if kernel.kind in PRODUCTS:
            return self._product(kernel)
        if kernel.kind in ATTENTIONS:
            return self._attention(kernel)
        if kernel.kind in TRANSFERS:
            return self._transfer(kernel)
        built: Call = getattr(self, f"_{kernel.kind.removesuffix('_back')}")(kernel)
        return built

    def _drawn(self, *sizes: float) -> Any:
        """Numbers of about nought, in the format of the bench."""
        return torch.rand([int(one) for one in sizes], dtype=self._kind, device=self._place) - 0.5

    def _cold(self, footprint_bytes: float, *sizes: float) -> Callable[[], Any]:
        """Each call gives the next view of such sizes into as much of the pool as the footprint says."""
        shape = [int(one) for one in sizes]
        each = math.prod(shape)
        if self._pool is None or each > self._pool.numel():
            block = self._drawn(BLOCK)
            self._pool = block.repeat(math.ceil(max(self._most, each) / BLOCK))
        reach = min(footprint_bytes / self._kind.itemsize, self._pool.numel())
        views = [self._pool[at * each : (at + 1) * each].view(shape) for at in range(max(int(reach // each), 1))]
        at = 0

        def following() -> Any:
            nonlocal at
            at = (at + 1) % len(views)
            return views[at]

        return following

    def _forward(self, kernel: Kernel, run: Callable[..., Any], *given: Any) -> Call:
        """The call of a stream, or of its derivative where the kernel is the backward one."""
        if not kernel.kind.endswith("_back"):

            def ahead() -> object:
                with torch.no_grad():
                    return run(*given)

            return ahead
        for one in given:
            one.requires_grad_()
        result = run(*given)
        gradient = torch.ones_like(result)

        def back() -> object:
            return torch.autograd.grad(result, given, gradient, retain_graph=True)

        return back

    def _product(self, kernel: Kernel) -> Call:
        rows, columns, inner = kernel.rows, kernel.columns, kernel.inner
        if kernel.kind == INPUT:
            gradient, cold = self._drawn(rows, inner), self._cold(COLD_BYTES, inner, columns)
            return lambda: gradient @ cold()
        if kernel.kind == WEIGHT:
            gradient, cold = self._drawn(inner, rows), self._cold(COLD_BYTES, inner, columns)
            return lambda: gradient.t() @ cold()
        read, cold = self._drawn(rows, inner), self._cold(kernel.footprint_bytes, columns, inner)

        def multiply() -> object:
            with torch.no_grad():
                return functional.linear(read, cold())

        return multiply

    def _attention(self, kernel: Kernel) -> Call:
        queries, keys, width, heads = kernel.rows, kernel.columns, kernel.inner, kernel.batch
        if kernel.kind == DECODE:
            asked, kept = self._drawn(1, heads, 1, width), self._cold(kernel.footprint_bytes, 2, 1, heads, keys, width)

            def decode() -> object:
                with torch.no_grad():
                    return reference.attended(asked, *kept())

            return decode
        # Heads lie beside each other in memory, as a projection leaves them.
        given = [self._drawn(1, tokens, heads, width).transpose(1, 2) for tokens in (queries, keys, keys)]
        return self._forward(kernel, reference.attended, *given)

    def _norm(self, kernel: Kernel) -> Call:
        norm = torch.nn.RMSNorm(int(kernel.columns)).to(self._place, self._kind)

        def run(read: Any, weight: Any) -> Any:
            return functional.rms_norm(read, norm.normalized_shape, weight, norm.eps)

        return self._forward(kernel, run, self._drawn(1, kernel.rows, kernel.columns), norm.weight.detach())

    def _rotary(self, kernel: Kernel) -> Call:
        batch, heads = int(kernel.batch), int(kernel.inner)
        tokens = int(kernel.rows) // batch
        turns = reference.angles(tokens, int(kernel.columns) // heads, self._kind, self._place)
        read = self._drawn(batch, tokens, kernel.columns)
        return self._forward(kernel, lambda values: reference.rotated(values, heads, *turns), read)

    def _merge(self, kernel: Kernel) -> Call:
        batch, heads = int(kernel.batch), int(kernel.inner)
        read = self._drawn(batch, heads, int(kernel.rows) // batch, kernel.columns // heads)
        return self._forward(kernel, reference.merged, read)

    def _cache(self, kernel: Kernel) -> Call:
        batch, heads = int(kernel.batch), int(kernel.inner)
        tokens, width = int(kernel.rows) // batch, int(kernel.columns) // heads
        new = self._drawn(batch, tokens, heads, width).transpose(1, 2)
        kept = torch.zeros(batch, heads, tokens + 1, width, dtype=self._kind, device=self._place)

        def write() -> object:
            kept[:, :, :tokens] = new
            return kept

        return write

    def _gate(self, kernel: Kernel) -> Call:
        return self._forward(kernel, reference.gated, *(self._drawn(1, kernel.rows, kernel.columns) for _ in range(2)))

    def _add(self, kernel: Kernel) -> Call:
        return self._forward(kernel, torch.add, *(self._drawn(1, kernel.rows, kernel.columns) for _ in range(2)))

    def _loss(self, kernel: Kernel) -> Call:
        said = torch.randint(int(kernel.columns), (int(kernel.rows),), device=self._place)
        logits = self._drawn(kernel.rows, kernel.columns)
        return self._forward(kernel, lambda values: functional.cross_entropy(values, said), logits)

    def _embed(self, kernel: Kernel) -> Call:
        back = kernel.kind.endswith("_back")
        # The backward kernel counts the whole table and the tokens' rows; how many tokens hardly matters.
        tokens = int(kernel.inner) if back else int(kernel.rows)
        entries = int(kernel.rows) - tokens if back else max(self._most // 4 // int(kernel.columns), 1)
        table = self._drawn(entries, kernel.columns)
        read = torch.randint(entries, (1, tokens), device=self._place)
        return self._forward(kernel, lambda weights: functional.embedding(read, weights), table)

    def _update(self, kernel: Kernel) -> Call:
        weights: Sequence[Any] = [
            torch.nn.Parameter(self._drawn(kernel.rows, kernel.columns)) for _ in range(int(kernel.batch))
        ]
        for one in weights:
            one.grad = torch.ones_like(one)
        update = reference.optimizer(self._device, weights)
        return lambda: update.step()

    def _transfer(self, kernel: Kernel) -> Call:
        there = self._drawn(kernel.rows, kernel.columns)
        here = there.cpu()
        return (lambda: there.cpu()) if kernel.kind == "to_host" else (lambda: here.to(self._place))


def timer(device: Device, clock: Clock) -> Callable[[str, Kernel, float], Timing]:
    """What times a kernel in a format, for about so many seconds; one that can't run takes no time and no trust."""
    benches: dict[str, Bench] = {}

    def take(dtype: str, kernel: Kernel, most_s: float) -> Timing:
        if dtype not in benches:
            # Two pools of cold operands at once would be too many for a small device.
            benches.clear()
            benches[dtype] = Bench(device, dtype)
        try:
            return timed(benches[dtype].call(kernel), device.synchronise, most_s, clock)
        except (RuntimeError, NotImplementedError):
            return NEVER

    return take


def runner(device: Device, dtype: str, clock: Clock) -> Callable[[Job], Timing]:
    """What runs a job of the reference transformer and times it; one that can't run takes no time and no trust."""

    def run(job: Job) -> Timing:
        try:
            return timed(reference.prepared(device, dtype, job), device.synchronise, MOST_JOB_S, clock)
        except (RuntimeError, NotImplementedError):
            return NEVER

    return run
