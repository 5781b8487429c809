"""Time of multi-head latent attention (MLA) on one chip: the kernel over a prompt or one token, and the whole block.

Over a prompt, keys and values are expanded from the latent, so that the kernel is that of `attention` with wide heads
for keys and narrower ones for values. One new token attends in the latent itself: one key-value head that all query
heads share. The whole block adds the projections down to the latents, up to the heads, and out.
"""

from typing import NamedTuple

from polysilicon.performance.attention import AttentionCurve, attention_s
from polysilicon.performance.decode import DecodeCurve, read_s
from polysilicon.performance.operators import cached_s, held, overlapped_s, smooth_ratio
from polysilicon.performance.values import Values
from polysilicon.records.errors import InputError
from polysilicon.records.recorder import formula
from polysilicon.workloads.model import Transformer


class Latent(NamedTuple):
    """The widths of one latent attention: of the model, of both latents, and of a head's parts."""

    hidden: Values
    query: Values
    kept: Values
    rotary: Values
    plain: Values
    value: Values

    @classmethod
    def of(cls, model: Transformer) -> "Latent":
        """The widths of a model.

        Raises:
            InputError: its attention is not latent.
        """
        own = model.latent
        if own is None:
            raise InputError(f"{model.name} has no latent attention")
        return cls(model.hidden, own.query_rank or 0, own.cache_rank, own.rope_dim, own.nope_dim, own.value_dim)

    @property
    def head_dim(self) -> Values:
        """The mean width of a head's keys and values, as the arithmetic of a prompt sees it."""
        return (self.plain + self.rotary + self.value) / 2.0


class ProjectionCurve(NamedTuple):
    """The projections of one latent attention block as a whole: rates of arithmetic and of weights, and what is fixed.

    `width_bytes`: bytes an element of the weights.
    """

    flop_per_s: Values
    memory_bytes_per_s: Values
    cache_bytes_per_s: Values
    cache_bytes: Values
    width_bytes: Values
    row_bytes: Values
    sharpness: Values
    floor_s: Values


@formula
def latent_prefill_s(
    batch: Values,
    queries: Values,
    keys: Values,
    heads: Values,
    kv_bytes: Values,
    latent: Latent,
    curve: AttentionCurve,
    surface: tuple[Values, ...],
) -> Values:
    """Time of the attention kernel over a prompt: `queries` new tokens a sequence, over `keys` tokens in all.

    Source: DeepSeek-AI, DeepSeek-V2 (arXiv 2405.04434), section 2.1; parameters from the fit of
    measurements/operators/.
    """
    own_s = attention_s(batch, queries, keys, heads, heads, latent.head_dim, kv_bytes, 1.0, curve)
    axes = held(batch * queries, 9.0, 8.0), held(keys, 8.0, 8.0), held(heads, 3.5, 3.5)
    return own_s * smooth_ratio(axes, surface)


@formula
def latent_decode_s(
    batch: Values, keys: Values, heads: Values, kv_bytes: Values, latent: Latent, curve: DecodeCurve
) -> Values:
    """Time of the attention kernel of one new token for each of `batch` sequences, in the latent.

    Source: DeepSeek-AI, DeepSeek-V2 (arXiv 2405.04434), section 2.1.2, absorbed projections; FlashMLA (2025);
    parameters from the fit of measurements/operators/.
    """
    width = latent.kept + latent.rotary
    reading_s = read_s(batch, keys, heads, 1.0, kv_bytes * width, 2.0 * (width + latent.kept), width, curve)
    axes = held(batch, 5.0, 5.0), held(keys, 9.0, 8.0), held(heads, 3.5, 3.5)
    return (curve.floor_s + reading_s) * smooth_ratio(axes, curve.surface)


@formula
def projections_s(rows: Values, heads: Values, latent: Latent, curve: ProjectionCurve) -> Values:
    """Time of the projections of `rows` tokens: to the latents, from them to `heads` heads, and out.

    Source: DeepSeek-AI, DeepSeek-V2 (arXiv 2405.04434), section 2.1; Williams et al., Roofline (CACM 52(4), 2009).
    """
    down = latent.hidden * (latent.query + latent.kept + latent.rotary)
    to_heads = latent.query * (latent.plain + latent.rotary) + latent.kept * (latent.plain + latent.value)
    weights = down + heads * (to_heads + latent.value * latent.hidden)
    row_bytes = curve.row_bytes * (latent.hidden + heads * (latent.plain + latent.rotary + latent.value))
    moved_bytes = weights * curve.width_bytes + rows * row_bytes
    moved_s = cached_s(moved_bytes, curve.cache_bytes, curve.cache_bytes_per_s, curve.memory_bytes_per_s)
    return curve.floor_s + overlapped_s(2.0 * rows * weights / curve.flop_per_s, moved_s, curve.sharpness)
