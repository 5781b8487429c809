"""What a weight format means for serving: bytes a weight, and the arithmetic that multiplies it."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from polysilicon.performance.values import Values
from polysilicon.records.errors import InputError, Place, UnknownName
from polysilicon.records.names import nearest
from polysilicon.workloads.counts import dense_parts
from polysilicon.workloads.model import Checkpoint, Transformer
from polysilicon.workloads.quantised import FIELD


@dataclass(frozen=True)
class Format:
    """How the weights of a model are kept, and what a checkpoint quantised so has a cached value take.

    `dense` are the weights that every token meets, but for the output head: their share in each precision. `experts`
    is the precision of experts. `cache_stated` says that the checkpoint itself states that it is cached so.
    """

    dense: tuple[tuple[str, float], ...]
    experts: str
    cache_bytes: float
    cache_stated: bool

    @property
    def dense_bytes(self) -> float:
        """Bytes of a weight that every token meets, scales included, in the mean."""
        return sum(share * BYTES[precision] for precision, share in self.dense)

    @property
    def expert_bytes(self) -> float:
        """Bytes of a weight of an expert, scales included."""
        return BYTES[self.experts]

    @property
    def dense_products(self) -> tuple[tuple[str, float], ...]:
        """What multiplies the weights that every token meets, and the share of them that it does."""
        return tuple((MULTIPLIED.get(precision, precision), share) for precision, share in self.dense)

    @property
    def expert_product(self) -> str:
        """What multiplies the weights of an expert."""
        return MULTIPLIED.get(self.experts, self.experts)


# Bytes of a weight. Scales: 8 bits for 16 weights (NVFP4), 8 bits for 32 (OCP MX), 16 bits for 32 (int4).
BYTES = {
    "bf16": 2.0,
    "fp16": 2.0,
    "fp8": 1.0,
    "int8": 1.0,
    "nvfp4": 4.5 / 8,
    "mxfp4": 4.25 / 8,
    "int4": 4.5 / 8,
    "w4a8": 4.5 / 8,
}
# Integers of four bits are widened before they are multiplied: to 16 bits, or to eight where activations are narrowed.
MULTIPLIED = {"int4": "bf16", "w4a8": "int8"}
DENSE = {one: Checkpoint(one, one, one, one) for one in BYTES}
# What mixtures of experts keep wider than their experts, where the model's record says nothing of such a checkpoint.
# Sources: NVIDIA, Model Optimizer, its default NVFP4 recipe, which takes every projection but routers and the head;
# AMD, model cards of checkpoints that Quark made in MXFP4 (2025), which leave attention alone, and OpenAI, gpt-oss;
# DeepSeek-AI, DeepSeek-V4; Moonshot AI, Kimi-K2.5.
EXPERTS = DENSE | {
    "mxfp4": Checkpoint("mxfp4", "bf16", "bf16", "mxfp4"),
    "mxfp4-fp8": Checkpoint("mxfp4-fp8", "fp8", "fp8", "fp8"),
    "int4": Checkpoint("int4", "bf16", "bf16", "bf16"),
    "w4a8": Checkpoint("w4a8", "bf16", "bf16", "bf16"),
}
# Formats with a name of their own whose experts are in another.
OF_EXPERTS = {"mxfp4-fp8": "mxfp4"}
# Formats whose published checkpoints have keys and values cached in eight bits; those that the developer publishes in
# the model's own format say nothing of the cache, unless its checkpoint does. Source: TensorRT-LLM, model_config.py,
# which takes the cache of a checkpoint from what NVIDIA's Model Optimizer wrote, and from nothing else.
NARROW_CACHE = frozenset({"fp8", "nvfp4", "mxfp4", "mxfp4-fp8"})
# Values of a cached entry of compressed attention that share a scale of one byte; one more byte fills the last word.
# Source: SGLang, deepseek_v4_memory_pool.py, bytes of a token; vLLM, the layout `fp8_ds_mla` for DeepSeek-V4.
SCALED = 64.0
# Bytes of a cached value in each precision that a cache can be kept in; `auto` is what the engine does by itself.
CACHES = {"bf16": 2.0, "fp8": 1.0}
AUTO = "auto"
# What a chip without units for a precision computes in instead: the weights are widened on the way in.
WIDER = {
    "nvfp4": "bf16",
    "mxfp4": "bf16",
    "mxfp8": "fp8",
    "fp8": "bf16",
    "int8": "bf16",
    "int4": "bf16",
    "bf16": "fp16",
}
# The fitted share of peak that stands for each precision.
COMPUTE_SHARE = {
    "bf16": "compute_bf16",
    "fp16": "compute_bf16",
    "fp8": "compute_fp8",
    "mxfp8": "compute_fp8",
    "int8": "compute_fp8",
    "nvfp4": "compute_fp4",
    "mxfp4": "compute_fp4",
}


@functools.lru_cache(maxsize=1024)
def format_of(precision: str, model: Transformer) -> Format:
    """The format called `precision` of `model`: as its published checkpoint has it, or as such are usually made.

    `fp4` stands for NVFP4.

    Raises:
        UnknownName: no format is called so.
        InputError: it is the model's own, and its file states one that is not known here.
    """
    name = "nvfp4" if precision == "fp4" else precision
    known = EXPERTS if model.experts else DENSE
    if name not in known and name == model.precision:
        place, remedy = Place(model.name, None, FIELD), "say --precision"
        raise InputError(
            "states a weight format that is not read", place=place, found=name, allowed=sorted(known), remedy=remedy
        )
    if name not in known:
        place, allowed = Place(field="precision"), sorted(known)
        near = nearest(precision, allowed, 1)
        raise UnknownName("unknown weight format", place=place, found=precision, allowed=allowed, nearest=near)
    published = {one.precision: one for one in model.checkpoints}
    narrow = name in NARROW_CACHE and name != model.precision and not (name == "mxfp4" and model.experts)
    return Format(
        dense=_shares(model, published.get(name, known[name])),
        experts=OF_EXPERTS.get(name, name),
        cache_bytes=CACHES["fp8" if narrow else "bf16"],
        cache_stated=name in published and published[name].cache == "fp8",
    )


def _shares(model: Transformer, kept: Checkpoint) -> tuple[tuple[str, float], ...]:
    """The share of the weights that every token meets, but for the output head, in each precision of `kept`."""
    parts = dense_parts(model)
    whole = parts.attention + parts.attention_output + parts.feed_forward
    shares: dict[str, float] = {}
    for name, weights in parts._asdict().items():
        precision = getattr(kept, name)
        shares[precision] = shares.get(precision, 0.0) + weights / whole
    return tuple((one, share) for one, share in shares.items() if share > 0.0)


def check_cache(asked: str, field: str) -> None:
    """Keys and values can be kept so: in one of `CACHES`, or as the engine does by itself.

    Raises:
        UnknownName: they can't; names `field`.
    """
    if asked != AUTO and asked not in CACHES:
        place, allowed = Place(field=field), [AUTO, *CACHES]
        near = nearest(asked, allowed, 1)
        raise UnknownName("is no precision of a cache", place=place, found=asked, allowed=allowed, nearest=near)


def cached_value_bytes(model: Transformer, cache: str) -> float:
    """Bytes of a cached value in one of `CACHES`, on average over an entry of compressed attention.

    Of such an entry in eight bits the values that carry its position stay in 16, and the others have scales.

    Source: DeepSeek-AI, DeepSeek-V4 (arXiv 2606.19348), section 2.3.4.
    """
    if not model.compressed or cache != "fp8":
        return CACHES[cache]
    turned = float(model.compressed.rope_dim)
    plain = model.head_dim - turned
    return (plain * CACHES["fp8"] + turned * CACHES["bf16"] + plain / SCALED + 1.0) / model.head_dim


def cached_in(form: Format, asked: str, *, as_weights: bool, as_stated: bool) -> str:
    """The precision of `CACHES` that keys and values are kept in: what is asked for, else what the engine does."""
    if asked != AUTO:
        return asked
    if as_stated and form.cache_stated:
        return "fp8"
    return "fp8" if as_weights and form.cache_bytes < CACHES["bf16"] else "bf16"


def computed_in(precision: str, peaks: Mapping[str, Values]) -> str:
    """The precision a chip with these peaks computes in when asked for `precision`: the fastest that is wide enough.

    Some parts keep a token rate of a narrow format, which their libraries then don't use. `fp16` only stands in for a
    `bf16` that is not there.

    Raises:
        InputError: it has none of the wider ones either.
    """
    known: list[str] = []
    wanted: str | None = precision
    while wanted is not None and "bf16" not in known:
        known += [wanted] if wanted in peaks else []
        wanted = WIDER.get(wanted)
    if not known:
        raise InputError(f"no matrix peak known for {precision} or wider", allowed=sorted(peaks))
    return max(known, key=lambda one: float(np.max(peaks[one])))
