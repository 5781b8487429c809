"""What a model computes, independent of any chip: the shapes that its parameters, FLOPs and bytes follow from."""

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
class LinearAttention:
    """Gated delta-rule attention: a state of fixed size a sequence in place of a cache that grows.

    Source: Yang et al., Gated Delta Networks (arXiv 2412.06464); shapes as in Qwen3-Next.
    """

    key_heads: int
    value_heads: int
    key_dim: int
    value_dim: int
    convolution: int


@dataclass(frozen=True)
class StateSpace:
    """A selective state space (Mamba-2): `heads` of `head_dim` values, each with `state` figures a value.

    The heads of one of the `groups` read their state through the same two projections. A prompt is read in chunks of
    `chunk` tokens.

    Source: Dao and Gu, Transformers are SSMs (arXiv 2405.21060), sections 6 and 8.
    """

    heads: int
    head_dim: int
    state: int
    groups: int
    convolution: int
    chunk: int


@dataclass(frozen=True)
class SparseIndex:
    """A small scorer that picks the `tokens` of the cache that full attention then reads.

    Source: DeepSeek-AI, DeepSeek-V3.2-Exp technical report (2025), DeepSeek sparse attention.
    """

    heads: int
    dim: int
    tokens: int


@dataclass(frozen=True)
class CompressedAttention:
    """Attention over a window of tokens and over entries that stand for several tokens each; an entry is key and value.

    Queries are compressed to `query_rank`; the outputs of `output_groups` groups of heads to `output_rank` each. Of an
    entry `rope_dim` values carry its position. In `sparse_layers` an entry stands for `sparse_ratio` tokens and the
    model's index picks which are read; in `heavy_layers` it stands for `heavy_ratio` and all are read. Layers beyond
    these read the window alone.

    Source: DeepSeek-AI, DeepSeek-V4 (arXiv 2606.19348), section 2.3, and its published inference code.
    """

    query_rank: int
    output_rank: int
    output_groups: int
    rope_dim: int
    sparse_ratio: int
    sparse_layers: int
    heavy_ratio: int
    heavy_layers: int


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint whose experts are in `precision` keeps the weights in that every token meets.

    `attention` are the projections that lead into attention, and the routers; `attention_output` those out of it;
    `feed_forward` the blocks of dense layers and the experts that all tokens share. The output head stays in 16 bits.
    `cache` is what it states of cached keys and values, empty where it states nothing.
    """

    precision: str
    attention: str
    attention_output: str
    feed_forward: str
    cache: str = ""


@dataclass(frozen=True)
class Transformer:
    """A decoder-only (or encoder) transformer. All counts are of one whole model.

    `experts` is 0 for a dense model; `dense_layers` counts the layers without experts in a
    mixture-of-experts model. `ffn_hidden` is the width of a dense feed-forward block, `expert_hidden` that of one
    expert; `shared_hidden` is the summed width of the always-active experts. `window` is the attention window in
    tokens of the `windowed_layers` that have one. `linear_layers` of the layers keep a state (`linear`) instead of
    attention. A layer is what mixes tokens and a feed-forward block after it; a hybrid has `lone_layers` of attention
    or state beside those, with no block of their own. Experts that work in `expert_latent` (0: in the model's width)
    get their tokens narrowed to it. `gated_output` says that queries carry an output gate of their own width; `index`
    narrows what every attention layer reads, or with `compressed` attention its sparse layers. Hyper-connections widen
    the residual stream to `streams`. `precision` is that in which the developer publishes the weights, `checkpoints`
    are narrower ones that were published and keep some weights wide; `named` is the format that the name of somebody
    else's checkpoint says, by which the model was asked for. `positions` is how many tokens the published file allows
    in a sequence, 0 where it is unknown.
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
    linear: LinearAttention | StateSpace | None = None
    linear_layers: int = 0
    lone_layers: int = 0
    expert_latent: int = 0
    index: SparseIndex | None = None
    compressed: CompressedAttention | None = None
    streams: int = 1
    gated_output: bool = False
    precision: str = "bf16"
    positions: int = 0
    checkpoints: tuple[Checkpoint, ...] = ()
    named: str = ""

    @property
    def softmax_layers(self) -> int:
        """Layers of attention proper."""
        return self.layers + self.lone_layers - self.linear_layers

    @property
    def asked_precision(self) -> str:
        """The format of the weights where nothing but the model's name says one."""
        return self.named or self.precision


@dataclass(frozen=True)
class Recommender:
    """A recommendation model: embedding tables, two multilayer perceptrons and a feature interaction.

    `rows` and `lookups` have one entry a table: its rows, and the rows one sample reads from it. The layer widths
    start after the input: `dense_features` enter the bottom, the interaction's output enters the top.
    `cross_layers` of rank `cross_rank` make it a DCN-v2; 0 means pairwise dot products.
    Source: Naumov et al., DLRM (arXiv 1906.00091); Wang et al., DCN V2 (arXiv 2008.13535).
    """

    name: str
    rows: tuple[int, ...]
    lookups: tuple[int, ...]
    embedding_dim: int
    dense_features: int
    bottom: tuple[int, ...]
    top: tuple[int, ...]
    cross_layers: int = 0
    cross_rank: int = 0


@dataclass(frozen=True)
class Diffusion:
    """A diffusion transformer (DiT) that turns noise into an image or video in `steps` denoising passes.

    `plain_layers` are DiT blocks over image tokens; `joint_layers` hold separate weights for image and text
    tokens that attend together (MMDiT); `parallel_layers` run attention and feed-forward side by side over both.
    Where `crossed`, text tokens enter the plain blocks through cross-attention instead. `image_tokens` is the number
    of latent patches of one image, `guidance_passes` is 2 with classifier-free guidance. `modulation` is the width
    that the time step's weights make of each block's hidden width, and 0 where the blocks share one projection.
    `frozen_parameters` are of encoders that run forward on every trained sample; 0 where latents come precomputed.
    Source: Peebles and Xie, DiT (arXiv 2212.09748); Esser et al., Stable Diffusion 3 (arXiv 2403.03206); Wan Team,
    Wan (arXiv 2503.20314).
    """

    name: str
    hidden: int
    heads: int
    ffn_hidden: int
    plain_layers: int
    joint_layers: int
    parallel_layers: int
    image_tokens: int
    text_tokens: int
    steps: int
    guidance_passes: int
    crossed: bool = False
    modulation: int = 6
    frozen_parameters: float = 0.0


@dataclass(frozen=True)
class UNet:
    """A convolutional denoiser with attention at some of its resolutions (U-Net of latent diffusion).

    `channels` has one entry a level; each level halves the side of the latent image, `side` at the first.
    `depths` is the number of transformer blocks after each residual block of a level, `residuals` how many of those a
    level has on the way down (one more on the way up). Cross-attention reads `text_tokens` of width `text_width`.
    Source: Rombach et al., Latent Diffusion Models (arXiv 2112.10752); Podell et al., SDXL (arXiv 2307.01952).
    """

    name: str
    channels: tuple[int, ...]
    depths: tuple[int, ...]
    residuals: int
    side: int
    latent_channels: int
    text_width: int
    text_tokens: int
    steps: int
    guidance_passes: int
    frozen_parameters: float = 0.0


@dataclass(frozen=True)
class Encoder:
    """A transformer that reads a whole text at once and is trained to fill in what was masked (BERT).

    `tokens` are what a sample costs on average; `padded_tokens` is the longest sample, to which a framework that
    doesn't leave padding out would fill each up. `predicted_share` of the tokens is masked.
    Source: Devlin et al., BERT (arXiv 1810.04805); Krell et al. (arXiv 2107.02027) for texts without padding.
    """

    name: str
    layers: int
    hidden: int
    ffn_hidden: int
    vocab: int
    tokens: int
    padded_tokens: int
    predicted_share: float


Workload = Transformer | Recommender | Diffusion | UNet | Encoder
