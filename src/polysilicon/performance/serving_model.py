"""The sizes of a model that serving needs beyond its weights: what a token leaves behind, and what reading it takes."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from polysilicon.performance.layer import activation_width
from polysilicon.performance.values import Values
from polysilicon.workloads.counts import CompressedWeights, Shape, dense_parts, hyper_connection_weights
from polysilicon.workloads.model import CompressedAttention, SparseIndex, Transformer
from polysilicon.workloads.recurrence import recurrence

STATE_BYTES = 4.0  # the state of linear attention or a state space is kept in single precision
# Heads that kernels of compressed attention work on at least, on a chip with fewer too.
# Source: FlashMLA (2026) as vLLM and SGLang call it: they pad a rank's heads to 64 or 128.
COMPRESSED_HEADS = 64.0
# Bytes of the scale of an index key, whose values are kept in eight bits.
# Source: SGLang, deepseek_v4_memory_pool.py, bytes of a token of the indexer; vLLM, the indexer's cache of V3.2.
SCALE_BYTES = 4.0


@dataclass(frozen=True)
class Served:
    """Sizes of a model, each a number or a column with one entry a model.

    `cache_values` is what one token adds to the cache of the whole model; `cache_shards` is over how many chips
    a layer's cache can be spread at most. `state_bytes` is what linear attention and state spaces keep of one sequence.
    `decode_width` is the inner width of attention for a token that is decoded: with a latent cache, scores and
    sums are taken against the compressed vector, for every head. `index_tokens` is 0 where attention reads all;
    `index_width` is the inner width of an index over all its heads and layers, `index_values` the bytes it reads, both
    for each token of the context, however many of them share a key.

    Of the layers a `windowed_share` of the shape reads a window; an `index_share` the entries that an index picks, each
    of `index_ratio` tokens; a `whole_share` all entries, each of `whole_ratio` tokens. Layers of compressed attention
    read a window and entries too. `dense_weights` are those that tensor parallelism cuts; `replicated_weights` each
    rank holds whole, of which the `wide_weights` in 16 and the `stream_weights` in 32 bits. `compressor_bytes` are kept
    of each sequence for the tokens that no entry holds yet. `least_heads` are what a chip's attention works on however
    few it has, `streams` the residual streams of `stream_layers` that mix more than one.

    `linear_flop` and `linear_values` are what linear attention takes beside its weights to read one token of a prompt:
    operations, and values that enter or leave it. Latent, linear and indexed attention have small kernels of their
    own, each in so many layers. What `attention_output` and `feed_forward_output` weights make of every token is summed
    over the chips of tensor parallelism.

    What memory-bound kernels take of a token, summed over layers: norms and residuals a `normed_width` (none where
    streams mix, which counts them), rotary embeddings a `turned_width`, activations outside of chosen experts an
    `active_width`.
    """

    shape: Shape
    dense_weights: Values
    attention_output: Values
    feed_forward_output: Values
    normed_width: Values
    turned_width: Values
    active_width: Values
    replicated_weights: Values
    wide_weights: Values
    stream_weights: Values
    expert_weights: Values
    expert_hidden: Values
    cache_values: Values
    cache_shards: Values
    state_bytes: Values
    compressor_bytes: Values
    least_heads: Values
    decode_width: Values
    index_tokens: Values
    index_values: Values
    index_width: Values
    index_share: Values
    index_ratio: Values
    whole_share: Values
    whole_ratio: Values
    streams: Values
    stream_layers: Values
    linear_flop: Values
    linear_values: Values
    latent_layers: Values
    linear_layers: Values
    index_layers: Values

    @classmethod
    def of(cls, model: Transformer) -> "Served":
        """The sizes of one model."""
        shape, latent, state, parts = Shape.of(model), model.latent, recurrence(model), dense_parts(model)
        softmax_layers = float(model.softmax_layers)
        compressed, whole = model.compressed, _whole(model, shape)
        decode = float(model.heads * (2 * latent.cache_rank + latent.rope_dim)) if latent else 2.0 * shape.query_width
        return cls(
            shape=shape,
            dense_weights=shape.layers * shape.attention_weights
            + shape.dense_layers * shape.dense_weights
            + shape.moe_layers * (shape.shared_weights + shape.router_weights)
            + shape.vocab * shape.hidden
            - whole["replicated_weights"],
            attention_output=parts.attention_output,
            feed_forward_output=parts.feed_forward / shape.matrices,
            normed_width=shape.hidden * (shape.layers if model.streams == 1 else 0.0),
            turned_width=shape.query_width * softmax_layers + shape.kv_width * shape.layers,
            active_width=activation_width(shape.matrices, shape.ffn_hidden) * shape.dense_layers
            + shape.shared_weights / shape.hidden * shape.moe_layers,
            expert_weights=shape.moe_layers * shape.experts * shape.expert_weights,
            expert_hidden=float(model.expert_hidden),
            cache_values=shape.layers * shape.kv_width,
            cache_shards=1.0 if latent else shape.kv_heads,
            state_bytes=model.linear_layers * state.state_values * STATE_BYTES,
            compressor_bytes=_compressor_bytes(compressed, model.index, model.head_dim) if compressed else 0.0,
            least_heads=COMPRESSED_HEADS if compressed else 1.0,
            decode_width=softmax_layers * decode,
            streams=float(model.streams),
            stream_layers=shape.layers if model.streams > 1 else 0.0,
            linear_flop=model.linear_layers * state.scan_flop,
            linear_values=model.linear_layers * state.scan_values,
            latent_layers=softmax_layers if latent or compressed else 0.0,
            linear_layers=float(model.linear_layers),
            **whole,
            **_read(model),
        )

    @classmethod
    def stack(cls, models: Sequence[Transformer]) -> "Served":
        """The sizes of many models as columns."""
        distinct = {model: at for at, model in enumerate(dict.fromkeys(models))}
        each, index = [cls.of(model) for model in distinct], np.array([distinct[model] for model in models])
        columns = {
            one.name: np.array([getattr(sizes, one.name) for sizes in each], float)[index]
            for one in fields(cls)
            if one.name != "shape"
        }
        shape = Shape.stack(list(distinct))
        widened = {one.name: np.asarray(getattr(shape, one.name), float)[index] for one in fields(shape)}
        return cls(shape=Shape(**widened), **columns)


def _whole(model: Transformer, shape: Shape) -> dict[str, Values]:
    """The weights that every tensor-parallel rank holds whole; with compressed attention the routers are among them."""
    held = CompressedWeights.of(model)
    streams = shape.layers * hyper_connection_weights(shape.hidden, float(model.streams))
    routers = shape.moe_layers * shape.router_weights if model.compressed else 0.0
    return {
        "replicated_weights": held.whole + routers + streams,
        "wide_weights": held.wide + routers,
        "stream_weights": streams,
    }


def _read(model: Transformer) -> dict[str, Values]:
    """What layers read of a cache beyond a window: what an index picks, or all; and the index itself."""
    own, index = model.compressed, model.index
    # Without compression, layers read a window or the tokens themselves.
    every = 1.0 - model.windowed_layers / model.layers
    picking = float(own.sparse_layers) if own else float(model.softmax_layers)
    ratio = float(own.sparse_ratio) if own else 1.0
    return {
        "index_tokens": float(index.tokens) if index else 0.0,
        "index_values": (index.dim + SCALE_BYTES) * picking / ratio if index else 0.0,
        "index_width": float(index.heads * index.dim) * picking / ratio if index else 0.0,
        "index_layers": picking if index else 0.0,
        "index_share": own.sparse_layers / model.layers if own else every if index else 0.0,
        "index_ratio": ratio,
        "whole_share": own.heavy_layers / model.layers if own else 0.0 if index else every,
        "whole_ratio": float(own.heavy_ratio) if own else 1.0,
    }


def _compressor_bytes(own: CompressedAttention, index: SparseIndex | None, dim: int) -> float:
    """Bytes of one sequence that wait to become entries: of each token a vector and its weight, in single precision.

    Sparse entries overlap, so that twice as many tokens wait, each for two entries; so do those of the index.

    Source: DeepSeek-AI, DeepSeek-V4, published inference code, the state of its compressor.
    """
    sparse = own.sparse_layers * 2 * own.sparse_ratio * 2 * (dim + (index.dim if index else 0))
    return STATE_BYTES * 2.0 * (sparse + own.heavy_layers * own.heavy_ratio * dim)
