"""Five small models that hold what ports usually get wrong, each with inputs and a loss.

A model is asked for as `example:NAME`. Sizes are small, since every operator is run on every runtime; layers are
written out as published code writes them, since a port is of that code: root-mean-square norms (Zhang, Sennrich 2019),
rotary positions in halves (Su et al. 2021), SwiGLU (Shazeer 2020), the recommender's bags and dot interaction
(Naumov et al. 2019), experts chosen by the largest gates (Shazeer et al. 2017), residual convolutions (He et al. 2016),
and adaptive layer norms over noisy patches (Peebles, Xie 2023).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


class RootMeanSquareNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) times a learned scale."""

    def __init__(self, width: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """The norm over the last axis."""
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.scale


class Attention(nn.Module):
    """Causal attention of several heads with rotary positions, the two halves of a head turned together."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.heads, self.each = heads, width // heads
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        angles = torch.outer(torch.arange(length), 10_000.0 ** (-torch.arange(0, self.each, 2) / self.each))
        self.register_buffer("cosine", torch.cat([angles.cos()] * 2, -1))
        self.register_buffer("sine", torch.cat([angles.sin()] * 2, -1))
        self.register_buffer("later", torch.ones(length, length, dtype=torch.bool).triu(1))

    def _turned(self, x: Tensor) -> Tensor:
        low, high = x[..., : self.each // 2], x[..., self.each // 2 :]
        return x * self.cosine + torch.cat([-high, low], -1) * self.sine

    def forward(self, x: Tensor) -> Tensor:
        """Attention from every position to itself and those before."""
        batch, length, width = x.shape
        shaped = self.queries_keys_values(x).view(batch, length, 3, self.heads, self.each)
        queries, keys, values = shaped.permute(2, 0, 3, 1, 4).unbind(0)
        scores = self._turned(queries) @ self._turned(keys).transpose(-1, -2) * self.each**-0.5
        weights = torch.softmax(scores.masked_fill(self.later, -1e9), -1)
        return self.output((weights @ values).transpose(1, 2).reshape(batch, length, width))


class GatedLayers(nn.Module):
    """SwiGLU: one product gates the other."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, inner, bias=False)
        self.rise = nn.Linear(width, inner, bias=False)
        self.fall = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """The gated layers of every position."""
        return self.fall(functional.silu(self.gate(x)) * self.rise(x))


class Experts(nn.Module):
    """Two of several experts a position, by the largest gates; every expert is computed and weighed."""

    def __init__(self, width: int, inner: int, experts: int) -> None:
        super().__init__()
        self.router = nn.Linear(width, experts, bias=False)
        self.rise = nn.Parameter(torch.randn(experts, width, inner) * width**-0.5)
        self.fall = nn.Parameter(torch.randn(experts, inner, width) * inner**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """The weighed sum of the two experts chosen at each position."""
        gates = torch.softmax(self.router(x), -1)
        kept, chosen = gates.topk(2, -1)
        shares = torch.zeros_like(gates).scatter(-1, chosen, kept / kept.sum(-1, keepdim=True))
        inner = functional.silu(torch.einsum("btw,ewi->ebti", x, self.rise))
        answers = torch.einsum("ebti,eiw->ebtw", inner, self.fall)
        return (answers * shares.permute(2, 0, 1)[..., None]).sum(0)


class Block(nn.Module):
    """Attention and a feed-forward part, each behind a norm and around a residual."""

    def __init__(self, width: int, heads: int, length: int, part: nn.Module) -> None:
        super().__init__()
        self.before_attention, self.before_part = RootMeanSquareNorm(width), RootMeanSquareNorm(width)
        self.attention = Attention(width, heads, length)
        self.part = part

    def forward(self, x: Tensor) -> Tensor:
        """One block."""
        x = x + self.attention(self.before_attention(x))
        return x + self.part(self.before_part(x))


class Transformer(nn.Module):
    """Blocks between an embedding and a head over the vocabulary."""

    def __init__(self, words: int, width: int, heads: int, length: int, parts: list[nn.Module]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.blocks = nn.ModuleList(Block(width, heads, length, part) for part in parts)
        self.last_norm = RootMeanSquareNorm(width)
        self.head = nn.Linear(width, words, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the next token at each position."""
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(self.last_norm(x))


class Recommender(nn.Module):
    """Bags of embeddings summed, their dot products beside a dense tower, one logit."""

    def __init__(self, tables: int, rows: int, width: int, dense: int) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(rows, width) for _ in range(tables))
        self.bottom = nn.Sequential(nn.Linear(dense, 32), nn.ReLU(), nn.Linear(32, width), nn.ReLU())
        pairs = torch.triu_indices(tables + 1, tables + 1, 1)
        self.register_buffer("pairs", pairs[0] * (tables + 1) + pairs[1])
        self.top = nn.Sequential(nn.Linear(width + pairs.shape[1], 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, dense: Tensor, bags: Tensor) -> Tensor:
        """One logit a sample; `bags` are (table, sample, place in the bag)."""
        low = self.bottom(dense)
        summed = [table(bags[at]).sum(1) for at, table in enumerate(self.tables)]
        vectors = torch.stack([low, *summed], 1)
        dots = (vectors @ vectors.transpose(1, 2)).flatten(1)
        return self.top(torch.cat([low, dots[:, self.pairs]], 1)).squeeze(-1)


class Residual(nn.Module):
    """Two convolutions with group norms around a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(nn.GroupNorm(4, channels) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """One residual step."""
        inner = self.second(functional.relu(self.norms[0](self.first(x))))
        return functional.relu(x + self.norms[1](inner))


class ConvolutionNet(nn.Module):
    """Residual convolutions with a strided and a depthwise one, a mean over places, a classifier."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, stride=2, padding=1)
        self.blocks = nn.Sequential(Residual(channels), Residual(channels))
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=2, dilation=2, groups=channels)
        self.head = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the classes."""
        x = self.blocks(functional.relu(self.stem(images)))
        return self.head(functional.gelu(self.depthwise(x)).mean((2, 3)))


class DiffusionBlock(nn.Module):
    """A block of a diffusion transformer: layer norms shifted and scaled by the noise level's embedding."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.width = heads, width
        self.condition = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 6 * width))
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False, eps=1e-6) for _ in range(2))
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.inner = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(approximate="tanh"), nn.Linear(2 * width, width)
        )
        self.register_buffer("frequencies", torch.exp(-torch.arange(width // 2) * (9.21 / (width // 2))))

    def forward(self, patches: Tensor, level: Tensor) -> Tensor:
        """The noise predicted of every patch; `level` is the noise level of each sample."""
        batch, count, _ = patches.shape
        angles = level[:, None] * self.frequencies
        condition = self.condition(torch.cat([angles.cos(), angles.sin()], -1))
        shift, scale, gate, shift2, scale2, gate2 = condition[:, None].chunk(6, -1)
        shaped = self.queries_keys_values(self.norms[0](patches) * (1 + scale) + shift)
        parts = shaped.view(batch, count, 3, self.heads, self.width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2])
        x = patches + gate * self.output(mixed.transpose(1, 2).reshape(batch, count, self.width))
        return x + gate2 * self.inner(self.norms[1](x) * (1 + scale2) + shift2)


Parts = tuple[nn.Module, tuple[Tensor, ...], Callable[[Tensor, Tensor], Tensor], Tensor]


def _next_token(logits: Tensor, wanted: Tensor) -> Tensor:
    return functional.cross_entropy(logits.flatten(0, 1), wanted.flatten())


def _language(parts: list[nn.Module], words: int, width: int, length: int) -> Parts:
    tokens = torch.randint(words, (2, length + 1))
    return Transformer(words, width, 4, length, parts), (tokens[:, :-1],), _next_token, tokens[:, 1:]


def transformer() -> Parts:
    """Two blocks in the style of LLaMA."""
    return _language([GatedLayers(64, 128) for _ in range(2)], 256, 64, 24)


def experts() -> Parts:
    """One block with four experts, two of them a token."""
    return _language([Experts(32, 64, 4)], 128, 32, 16)


def recommender() -> Parts:
    """Six tables in the style of DLRM."""
    inputs = torch.randn(16, 8), torch.randint(500, (6, 16, 4))
    return Recommender(6, 500, 16, 8), inputs, functional.binary_cross_entropy_with_logits, torch.rand(16).round()


def convolution() -> Parts:
    """A residual network over small images."""
    return ConvolutionNet(16, 10), (torch.randn(2, 3, 16, 16),), functional.cross_entropy, torch.randint(10, (2,))


def diffusion() -> Parts:
    """One block of a diffusion transformer that predicts noise."""
    patches, noise = torch.randn(2, 16, 32), torch.randn(2, 16, 32)
    return DiffusionBlock(32, 4), (patches + noise, torch.rand(2) * 10), functional.mse_loss, noise


EXAMPLES: dict[str, Callable[[], Parts]] = {
    "transformer": transformer,
    "recommender": recommender,
    "experts": experts,
    "convolution": convolution,
    "diffusion": diffusion,
}
