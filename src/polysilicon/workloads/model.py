"""What a model computes, independent of any chip: parameters, FLOPs and bytes as formulas of its shape."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LatentAttention:
    """Multi-head latent attention (MLA): the cache holds one compressed vector a token instead of heads.

    `query_rank` is 0 where queries are not compressed.
    Source: DeepSeek-AI, DeepSeek-V2 (arXiv 2405.04434), section 2.1.
    """

    query_rank: int
    cache_rank: int
    rope_dim: int
    nope_dim: int
    value_dim: int


@dataclass(frozen=True)
class Transformer:
    """A decoder-only (or encoder) transformer. All counts are of one whole model.

    `experts` is 0 for a dense model; `dense_layers` counts the leading layers without experts in a
    mixture-of-experts model. `ffn_hidden` is the width of a dense feed-forward block, `expert_hidden` that of one
    expert; `shared_hidden` is the summed width of the always-active experts. `window` is the attention window in
    tokens of the `windowed_layers` that have one.
    """

    name: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn_hidden: int
    vocab: int
    gated: bool = True
    tied_embeddings: bool = False
    causal: bool = True
    experts: int = 0
    experts_per_token: int = 0
    expert_hidden: int = 0
    shared_hidden: int = 0
    dense_layers: int = 0
    latent: LatentAttention | None = None
    window: int = 0
    windowed_layers: int = 0
