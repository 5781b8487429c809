"""What a transformer needs, counted from its shape: weights, floating-point operations, cached values.

`Shape` holds the sizes that formulas take as plain numbers, or as columns for many models at once. Norm gains and
biases are left out: together they are below one weight in a thousand of any model here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polysilicon.records.recorder import formula
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.recurrence import recurrence

Values = float | NDArray[np.float64]


@formula
def grouped_attention_weights(hidden: Values, heads: Values, kv_heads: Values, head_dim: Values) -> Values:
    """Weights of one attention block's projections: queries, shared keys and values, output.

    Source: Vaswani et al. (arXiv 1706.03762); Ainslie et al., GQA (arXiv 2305.13245).
    """
    return hidden * head_dim * (2.0 * heads + 2.0 * kv_heads)


@formula
def latent_attention_weights(
    hidden: Values,
    heads: Values,
    query_rank: Values,
    cache_rank: Values,
    rope_dim: Values,
    nope_dim: Values,
    value_dim: Values,
) -> Values:
    """Weights of one multi-head latent attention block: compressed queries, compressed cache, output.

    Source: DeepSeek-AI, DeepSeek-V2 (arXiv 2405.04434), section 2.1.
    """
    query_width = heads * (nope_dim + rope_dim)
    queries = np.where(query_rank > 0.0, query_rank * (hidden + query_width), hidden * query_width)
    cache = hidden * (cache_rank + rope_dim) + cache_rank * heads * (nope_dim + value_dim)
    return queries + cache + heads * value_dim * hidden


@formula
def compressed_attention_weights(
    hidden: Values, heads: Values, head_dim: Values, query_rank: Values, output_rank: Values, output_groups: Values
) -> Values:
    """Weights of one compressed attention block that are cut by heads: from compressed queries, and to the output.

    Each group of heads has an output of its own rank, and all of these together lead back to the model's width.

    Source: DeepSeek-AI, DeepSeek-V4 (arXiv 2606.19348), section 2.3, and its published inference code.
    """
    return query_rank * heads * head_dim + output_rank * (heads * head_dim + output_groups * hidden)


@formula
def compressor_weights(hidden: Values, width: Values, overlap: Values) -> Values:
    """Weights that make entries of `width` values out of tokens: what enters, and how much of each token does.

    Entries that overlap, `overlap` of them at each token, are made by as many times the weights.

    Source: DeepSeek-AI, DeepSeek-V4 (arXiv 2606.19348), section 2.3, and its published inference code.
    """
    return 2.0 * hidden * width * overlap


@formula
def hyper_connection_weights(hidden: Values, streams: Values) -> Values:
    """Weights of one layer that mix its residual streams, before and after attention and the feed-forward block.

    What enters and leaves a block and how streams mix, of all streams together: `streams` * (2 + `streams`) figures.

    Source: Zhu et al., Hyper-Connections (arXiv 2409.19606); DeepSeek-AI, DeepSeek-V4 (arXiv 2606.19348), section 2.
    """
    return np.where(streams > 1.0, 2.0 * (2.0 + streams) * streams * streams * hidden, 0.0)


@formula
def feed_forward_weights(hidden: Values, width: Values, matrices: Values) -> Values:
    """Weights of a feed-forward block: two matrices, or three where the activation is gated.

    Source: Shazeer, GLU Variants Improve Transformer (arXiv 2002.05202).
    """
    return matrices * hidden * width


@formula
def attended_tokens(
    sequence: Values, window: Values, windowed_share: Values, causal: Values, exploited: Values = 1.0
) -> Values:
    """How many tokens a query reads on average over a whole sequence and over all layers.

    A causal mask halves the work of a full layer; a window bounds it. `exploited` is 0 where the kernel
    computes the masked half anyway.

    Source: Dao et al., FlashAttention (arXiv 2205.14135); Beltagy et al., Longformer (arXiv 2004.05150).
    """
    halved = causal * exploited
    whole = sequence * (1.0 - 0.5 * halved)
    span = np.minimum(np.where(window > 0.0, window, sequence), sequence)
    banded = span * (1.0 - 0.5 * halved * span / sequence)
    return windowed_share * banded + (1.0 - windowed_share) * whole


@formula
def attention_core_flop_per_token(
    attended_tokens: Values, score_width: Values, value_width: Values, layers: Values, scan_flop: Values
) -> Values:
    """Forward operations of scores, of the weighted sum of values and of scans, for one token through all layers.

    Source: Korthikanti et al. (arXiv 2205.05198), appendix A; Hoffmann et al. (arXiv 2203.15556), appendix F; for
    scans Dao and Gu (arXiv 2405.21060), section 6.
    """
    return (2.0 * attended_tokens * (score_width + value_width) + scan_flop) * layers


@formula
def matrix_flop_per_token(active_weights: Values) -> Values:
    """Forward operations of all matrix products for one token: two for each weight it meets.

    Source: Kaplan et al., Scaling Laws (arXiv 2001.08361), section 2.1.
    """
    return 2.0 * active_weights


@formula
def training_flop_per_token(
    matrix_flop_per_token: Values, attention_core_flop_per_token: Values, frozen: Values
) -> Values:
    """Model operations of one trained token: the backward pass costs twice the forward.

    Weights that stay fixed (`frozen` is 1) need no gradients of their own; those of the adapters beside them are few
    and do not count.

    Source: Kaplan et al. (arXiv 2001.08361), section 2.1; Narayanan et al. (arXiv 2104.04473), appendix; Hu et al.,
    LoRA (arXiv 2106.09685), section 4.2.
    """
    return (3.0 - frozen) * matrix_flop_per_token + 3.0 * attention_core_flop_per_token


@dataclass(frozen=True)
class CompressedWeights:
    """Weights of all layers' compressed attention: what tensor parallelism cuts, and what every rank of it holds whole.

    Of the `whole` ones, those that make entries and weigh an index's heads are `wide`: kept in 16 bits.

    Source: DeepSeek-AI, DeepSeek-V4, published inference code, and how vLLM and SGLang spread its weights.
    """

    cut: float
    whole: float
    wide: float

    @classmethod
    def of(cls, model: Transformer) -> "CompressedWeights":
        """The weights of `model`; none where its attention is another."""
        own, index = model.compressed, model.index
        if own is None:
            return cls(0.0, 0.0, 0.0)
        h, dim, layers = float(model.hidden), float(model.head_dim), float(model.layers)
        cut = compressed_attention_weights(
            h, float(model.heads), dim, float(own.query_rank), float(own.output_rank), float(own.output_groups)
        )
        wide = own.heavy_layers * compressor_weights(h, dim, 1.0) + own.sparse_layers * compressor_weights(h, dim, 2.0)
        narrow = layers * h * (own.query_rank + dim)
        if index:
            wide += own.sparse_layers * (compressor_weights(h, float(index.dim), 2.0) + h * index.heads)
            narrow += float(own.sparse_layers * own.query_rank * index.heads * index.dim)
        return cls(float(layers * cut), float(narrow + wide), float(wide))


@dataclass(frozen=True)
class Shape:
    """The sizes of a model that formulas take; each a number, or a column with one entry a model.

    Weights are of one layer and of the whole model width (unsharded); those of attention hold those of
    hyper-connections too. `query_width`, `score_width` and
    `value_width` are summed over heads; `kv_width` is what one token adds to the cache of one layer,
    `latent_width` the compressed queries and cache of latent attention together (0 without).
    Of a layer there are `softmax_share` blocks of attention, fewer than one in a hybrid, whose other blocks keep a
    state: `scan_values` and `scan_flop` are what their scans move and compute for a token, `state_streamed_width` and
    `state_kept_width` what kernels beside move and what is kept of it. `blocks` counts those and feed-forward blocks.

    `dense_weights` is of a dense layer's feed-forward block, `expert_weights` of one expert, whose tokens are sent to
    it `sent_width` wide, `shared_weights` of the experts every token meets, `router_weights` of the router and of what
    narrows tokens for the experts and widens their results. `matrices` is 3 with a gated activation, else 2.
    """

    layers: Values
    dense_layers: Values
    blocks: Values
    hidden: Values
    heads: Values
    kv_heads: Values
    attention_weights: Values
    query_width: Values
    score_width: Values
    value_width: Values
    kv_width: Values
    latent_width: Values
    softmax_share: Values
    scan_values: Values
    scan_flop: Values
    state_streamed_width: Values
    state_kept_width: Values
    ffn_hidden: Values
    dense_weights: Values
    expert_hidden: Values
    expert_weights: Values
    sent_width: Values
    shared_weights: Values
    router_weights: Values
    experts: Values
    experts_per_token: Values
    matrices: Values
    vocab: Values
    embeddings: Values
    window: Values
    windowed_share: Values
    causal: Values

    @classmethod
    def of(cls, model: Transformer) -> "Shape":
        """The sizes of one model as numbers."""
        matrices = 3.0 if model.gated else 2.0
        h, heads, kv_heads, dim = (float(one) for one in (model.hidden, model.heads, model.kv_heads, model.head_dim))
        latent = model.latent
        if latent:
            query, value = heads * (latent.nope_dim + latent.rope_dim), heads * latent.value_dim
            cached = float(latent.cache_rank + latent.rope_dim)
            sizes = latent.query_rank, latent.cache_rank, latent.rope_dim, latent.nope_dim, latent.value_dim
            weights = latent_attention_weights(h, heads, *(float(one) for one in sizes))
        elif model.compressed:
            query, value, cached = heads * dim, heads * dim, dim
            own = CompressedWeights.of(model)
            weights = (own.cut + own.whole) / model.layers
        else:
            query, value, cached = heads * dim, heads * dim, 2.0 * kv_heads * dim
            weights = grouped_attention_weights(h, heads, kv_heads, dim)
        weights = weights + (h * query if model.gated_output else 0.0)
        weights = weights + float(hyper_connection_weights(h, float(model.streams)))
        softmax_share, state_share = model.softmax_layers / model.layers, model.linear_layers / model.layers
        state, narrowed = recurrence(model), float(model.expert_latent)
        sent = narrowed or h
        return cls(
            layers=float(model.layers),
            dense_layers=float(model.dense_layers if model.experts else model.layers),
            hidden=h,
            heads=heads,
            kv_heads=kv_heads,
            blocks=2.0 + model.lone_layers / model.layers,
            attention_weights=softmax_share * weights + state_share * state.weights,
            query_width=query,
            score_width=query * softmax_share,
            value_width=value * softmax_share,
            kv_width=cached * softmax_share,
            latent_width=float(latent.query_rank + latent.cache_rank) if latent else 0.0,
            softmax_share=softmax_share,
            scan_values=state_share * state.scan_values,
            scan_flop=state_share * state.scan_flop,
            state_streamed_width=state_share * state.streamed_width,
            state_kept_width=state_share * state.kept_width,
            ffn_hidden=float(model.ffn_hidden),
            dense_weights=feed_forward_weights(h, float(model.ffn_hidden), matrices),
            expert_hidden=float(model.expert_hidden),
            expert_weights=feed_forward_weights(sent, float(model.expert_hidden), matrices),
            sent_width=sent,
            shared_weights=feed_forward_weights(h, float(model.shared_hidden), matrices),
            router_weights=h * (model.experts + 2.0 * narrowed),
            experts=float(model.experts),
            experts_per_token=float(model.experts_per_token),
            matrices=matrices,
            vocab=float(model.vocab),
            embeddings=1.0 if model.tied_embeddings else 2.0,
            window=float(model.window),
            windowed_share=model.windowed_layers / model.layers,
            causal=1.0 if model.causal else 0.0,
        )

    @classmethod
    def stack(cls, models: Sequence[Transformer]) -> "Shape":
        """The sizes of many models as columns."""
        shapes = [cls.of(model) for model in models]
        return cls(**{one.name: np.array([getattr(shape, one.name) for shape in shapes]) for one in fields(cls)})

    @property
    def moe_layers(self) -> Values:
        """Layers with experts."""
        return self.layers - self.dense_layers

    @property
    def weights(self) -> Values:
        """All weights of the model, embeddings included."""
        experts = self.experts * self.expert_weights + self.shared_weights + self.router_weights
        return (
            self.layers * self.attention_weights
            + self.dense_layers * self.dense_weights
            + self.moe_layers * experts
            + self.embeddings * self.vocab * self.hidden
        )

    @property
    def active_weights(self) -> Values:
        """Weights that one token is multiplied with: chosen experts, output head; not the input look-up."""
        experts = self.experts_per_token * self.expert_weights + self.shared_weights + self.router_weights
        return (
            self.layers * self.attention_weights
            + self.dense_layers * self.dense_weights
            + self.moe_layers * experts
            + self.vocab * self.hidden
        )

    def core_flop_per_token(self, sequence: Values, exploited: Values = 1.0) -> Values:
        """Forward operations of attention proper for one token; `exploited` 0 counts the masked half too."""
        attended = attended_tokens(sequence, self.window, self.windowed_share, self.causal, exploited)
        return attention_core_flop_per_token(attended, self.score_width, self.value_width, self.layers, self.scan_flop)

    def training_flop_per_token(self, sequence: Values, exploited: Values = 1.0, frozen: Values = 0.0) -> Values:
        """Model operations of one trained token; `frozen` is 1 where the weights stay fixed."""
        return training_flop_per_token(
            matrix_flop_per_token(self.active_weights), self.core_flop_per_token(sequence, exploited), frozen
        )


class DenseParts(NamedTuple):
    """Weights of a whole model that every token meets, but for the output head."""

    attention: float
    attention_output: float
    feed_forward: float


def dense_parts(model: Transformer) -> DenseParts:
    """The weights of `model` that every token meets: into attention and of the routers, out of attention, after it."""
    shape, out = Shape.of(model), _output_weights(model)
    before = shape.layers * shape.attention_weights - out + shape.moe_layers * shape.router_weights
    after = shape.dense_layers * shape.dense_weights + shape.moe_layers * shape.shared_weights
    return DenseParts(float(before), out, float(after))


def _output_weights(model: Transformer) -> float:
    """Weights of all projections out of attention."""
    own, softmax_layers = model.compressed, float(model.softmax_layers)
    width = float(model.heads * (model.latent.value_dim if model.latent else model.head_dim))
    if own:
        return softmax_layers * own.output_rank * (width + own.output_groups * model.hidden)
    return softmax_layers * width * model.hidden + model.linear_layers * recurrence(model).output_weights


def parameters(model: Transformer) -> float:
    """All weights of `model`."""
    return float(Shape.of(model).weights)


def active_parameters(model: Transformer) -> float:
    """Weights of `model` that one token is multiplied with."""
    return float(Shape.of(model).active_weights)
