"""The sizes of a model that serving needs beyond its weights: what a token leaves behind, and what reading it takes."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from polysilicon.performance.values import Values
from polysilicon.workloads.counts import Shape
from polysilicon.workloads.model import Transformer

STATE_BYTES = 4.0  # the state of linear attention is kept in single precision


@dataclass(frozen=True)
class Served:
    """Sizes of a model, each a number or a column with one entry a model.

    `cache_values` is what one token adds to the cache of the whole model; `cache_shards` is over how many chips
    a layer's cache can be spread at most. `state_bytes` is what linear attention keeps of one sequence.
    `decode_width` is the inner width of attention for a token that is decoded: with a latent cache, scores and
    sums are taken against the compressed vector, for every head. `index_tokens` is 0 where attention reads all.
    `special_layers` have linear attention or an index, and so more small kernels.
    """

    shape: Shape
    dense_weights: Values
    expert_weights: Values
    cache_values: Values
    cache_shards: Values
    state_bytes: Values
    decode_width: Values
    index_tokens: Values
    index_values: Values
    latent_layers: Values
    special_layers: Values

    @classmethod
    def of(cls, model: Transformer) -> "Served":
        """The sizes of one model."""
        shape, latent, linear = Shape.of(model), model.latent, model.linear
        softmax_layers = float(model.layers - model.linear_layers)
        decode = float(model.heads * (2 * latent.cache_rank + latent.rope_dim)) if latent else 2.0 * shape.query_width
        state = linear.value_heads * linear.key_dim * linear.value_dim * STATE_BYTES if linear else 0.0
        return cls(
            shape=shape,
            dense_weights=shape.layers * shape.attention_weights
            + shape.dense_layers * shape.dense_weights
            + shape.moe_layers * (shape.shared_weights + shape.router_weights)
            + shape.vocab * shape.hidden,
            expert_weights=shape.moe_layers * shape.experts * shape.expert_weights,
            cache_values=shape.layers * shape.kv_width,
            cache_shards=1.0 if latent else shape.kv_heads,
            state_bytes=model.linear_layers * state,
            decode_width=softmax_layers * decode,
            index_tokens=float(model.index.tokens) if model.index else 0.0,
            index_values=float(model.index.dim) * softmax_layers if model.index else 0.0,
            latent_layers=softmax_layers if latent else 0.0,
            special_layers=float(model.linear_layers) + (softmax_layers if model.index else 0.0),
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
