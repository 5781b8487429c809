"""A plain transformer in eager PyTorch: what `measure --check` runs, and whose pieces the micro-benchmarks time.

Root-mean-square norms, rotary positions, causal attention by PyTorch's own kernel, a gated feed-forward block, an
untied head, AdamW. Nothing is compiled, fused by hand or captured in a graph. Imported only once PyTorch was found.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from polysilicon.performance.measuring.device import Device
from polysilicon.performance.measuring.work import Job

ROTARY_BASE = 10_000.0
SPARE_TOKENS = 64
LEARNING_RATE = 1e-5
SEED = 20_261_128
Cache = Sequence[tuple[Any, Any]]


def rotated(values: Any, heads: int, cosine: Any, sine: Any) -> Any:
    """`values` (batch, tokens, width) cut into heads (batch, heads, tokens, width of a head) and turned."""
    batch, tokens, width = values.shape
    split = values.view(batch, tokens, heads, width // heads).transpose(1, 2)
    first, second = split.chunk(2, -1)
    return split * cosine + torch.cat((-second, first), -1) * sine


def merged(values: Any) -> Any:
    """Heads (batch, heads, tokens, width of a head) put side by side again."""
    batch, heads, tokens, width = values.shape
    return values.transpose(1, 2).reshape(batch, tokens, heads * width)


def gated(gate: Any, up: Any) -> Any:
    """The activation of the feed-forward block."""
    return functional.silu(gate) * up


def attended(queries: Any, keys: Any, values: Any) -> Any:
    """Causal attention; one new token sees every key."""
    return functional.scaled_dot_product_attention(queries, keys, values, is_causal=queries.shape[2] > 1)


def angles(tokens: int, width: int, dtype: Any, device: str) -> tuple[Any, Any]:
    """Cosine and sine of the rotary positions, (tokens, width)."""
    turns = ROTARY_BASE ** (-torch.arange(0, width, 2) / width)
    turned = torch.arange(tokens)[:, None] * torch.cat((turns, turns))[None]
    return turned.cos().to(device, dtype), turned.sin().to(device, dtype)


class Block(nn.Module):
    """One layer."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        width, inner = int(job.hidden), int(job.ffn)
        self.heads = int(job.heads)
        self.norm_attention, self.norm_feed_forward = nn.RMSNorm(width), nn.RMSNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.gate, self.up = (nn.Linear(width, inner, bias=False) for _ in range(2))
        self.down = nn.Linear(inner, width, bias=False)

    def forward(self, stream: Any, cosine: Any, sine: Any, cache: tuple[Any, Any] | None, past: int) -> Any:
        """The layer's output for `stream` (batch, tokens, hidden), with `past` tokens in the cache before it."""
        batch, tokens, width = stream.shape
        seen = self.norm_attention(stream)
        queries = rotated(self.query(seen), self.heads, cosine, sine)
        keys = rotated(self.key(seen), self.heads, cosine, sine)
        values = self.value(seen).view(batch, tokens, self.heads, width // self.heads).transpose(1, 2)
        if cache is not None:
            for kept, new in zip(cache, (keys, values), strict=True):
                kept[:, :, past : past + tokens] = new
            keys, values = (kept[:, :, : past + tokens] for kept in cache)
        stream = stream + self.out(merged(attended(queries, keys, values)))
        seen = self.norm_feed_forward(stream)
        return stream + self.down(gated(self.gate(seen), self.up(seen)))


class Reference(nn.Module):
    """The whole model of a job."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.embedding = nn.Embedding(int(job.vocab), int(job.hidden))
        self.blocks = nn.ModuleList(Block(job) for _ in range(int(job.layers)))
        self.norm = nn.RMSNorm(int(job.hidden))
        self.head = nn.Linear(int(job.hidden), int(job.vocab), bias=False)
        self.width = int(job.hidden // job.heads)

    def forward(self, tokens: Any, turns: tuple[Any, Any], cache: Cache | None = None, past: int = 0) -> Any:
        """Logits of every token; with a cache, of the last token only."""
        stream = self.embedding(tokens)
        cosine, sine = (one[past : past + tokens.shape[1]] for one in turns)
        for at, block in enumerate(self.blocks):
            stream = block(stream, cosine, sine, None if cache is None else cache[at], past)
        return self.head(self.norm(stream if cache is None else stream[:, -1:]))


def optimizer(device: Device, weights: Any) -> Any:
    """AdamW as PyTorch has it for the device: fused where it is."""
    return torch.optim.AdamW(weights, lr=LEARNING_RATE, fused=device.fused_update or None)


def prepared(device: Device, dtype: str, job: Job) -> Callable[[], object]:
    """A call that runs the job once: a training step, the reading of prompts, or one token after a context."""
    torch.manual_seed(SEED)
    kind, place = device.dtype(dtype), device.name
    model = Reference(job).to(place, kind)
    batch, sequence = int(job.batch), int(job.sequence)
    turns = angles(sequence + SPARE_TOKENS, model.width, kind, place)
    if job.mode == "training":
        read, said = (torch.randint(int(job.vocab), (batch, sequence), device=place) for _ in range(2))
        return _step(model, optimizer(device, model.parameters()), read, said, turns)
    room = batch, int(job.heads), sequence + SPARE_TOKENS, model.width
    cache = [tuple(torch.zeros(room, dtype=kind, device=place) for _ in range(2)) for _ in model.blocks]
    tokens = torch.randint(int(job.vocab), (batch, sequence if job.mode == "prefill" else 1), device=place)
    past = 0 if job.mode == "prefill" else sequence

    def read_on() -> object:
        with torch.no_grad():
            return model(tokens, turns, cache, past)

    return read_on


def _step(model: Reference, update: Any, read: Any, said: Any, turns: tuple[Any, Any]) -> Callable[[], object]:
    def step() -> object:
        update.zero_grad(set_to_none=True)
        logits = model(read, turns)
        loss = functional.cross_entropy(logits.view(-1, logits.shape[-1]), said.view(-1))
        loss.backward()
        update.step()
        return loss

    return step
