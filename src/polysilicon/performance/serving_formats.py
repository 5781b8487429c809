"""What a weight format means for serving: bytes a weight, and the arithmetic that multiplies it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from polysilicon.performance.values import Values
from polysilicon.records.errors import InputError, Place, UnknownName
from polysilicon.records.names import nearest
from polysilicon.workloads.model import Transformer


@dataclass(frozen=True)
class Format:
    """Bytes of a weight every token meets and of an expert's, scales included, and the precision of each product.

    `cache_bytes` is what a checkpoint quantised so has a cached value take.
    """

    dense_bytes: float
    expert_bytes: float
    dense_compute: str
    expert_compute: str
    cache_bytes: float


# Scales: 8 bits for 16 weights (NVFP4), 8 bits for 32 (OCP MX), 16 bits for 32 (int4).
NVFP4_BYTES, MXFP4_BYTES, INT4_BYTES = 4.5 / 8, 4.25 / 8, 4.5 / 8
DENSE = {
    "bf16": Format(2.0, 2.0, "bf16", "bf16", 2.0),
    "fp16": Format(2.0, 2.0, "fp16", "fp16", 2.0),
    "fp8": Format(1.0, 1.0, "fp8", "fp8", 1.0),
    "int8": Format(1.0, 1.0, "int8", "int8", 2.0),
    "nvfp4": Format(NVFP4_BYTES, NVFP4_BYTES, "nvfp4", "nvfp4", 1.0),
    "mxfp4": Format(MXFP4_BYTES, MXFP4_BYTES, "mxfp4", "mxfp4", 1.0),
    "int4": Format(INT4_BYTES, INT4_BYTES, "bf16", "bf16", 2.0),
}
# In a mixture of experts, published four-bit checkpoints quantise the experts and leave attention wider.
EXPERTS = DENSE | {
    "nvfp4": Format(1.0, NVFP4_BYTES, "fp8", "nvfp4", 1.0),
    "mxfp4": Format(2.0, MXFP4_BYTES, "bf16", "mxfp4", 2.0),
    "mxfp4-fp8": Format(1.0, MXFP4_BYTES, "fp8", "mxfp4", 1.0),
    "int4": Format(2.0, INT4_BYTES, "bf16", "bf16", 2.0),
}
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


def format_of(precision: str, has_experts: bool) -> Format:
    """The format called `precision`; `fp4` stands for NVFP4.

    Raises:
        UnknownName: no format is called so.
    """
    name = "nvfp4" if precision == "fp4" else precision
    known = EXPERTS if has_experts else DENSE
    if name not in known:
        place, allowed = Place(field="precision"), sorted(known)
        near = nearest(precision, allowed, 1)
        raise UnknownName("unknown weight format", place=place, found=precision, allowed=allowed, nearest=near)
    return known[name]


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


def cached_in(form: Format, asked: str, as_weights: bool) -> str:
    """The precision of `CACHES` that keys and values are kept in: what is asked for, else what the engine does."""
    if asked != AUTO:
        return asked
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
