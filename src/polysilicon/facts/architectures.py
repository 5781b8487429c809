"""Models that people train and serve: their published configuration, as published."""

from typing import Any, Literal

import msgspec

from polysilicon.facts.record import Day, Record

WeightPrecision = Literal["bf16", "fp16", "fp8", "int8", "nvfp4", "mxfp4", "int4", "w4a8"]
ModelKind = Literal["transformer", "recommender", "diffusion", "encoder", "vision"]


class KeptWeights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The precision of what every token meets in a published checkpoint: into attention, out of it, and after it.

    The last is the feed-forward blocks of dense layers and the experts that all tokens share. `cache` is what the
    checkpoint states of cached keys and values.
    """

    attention: WeightPrecision
    attention_output: WeightPrecision
    feed_forward: WeightPrecision
    cache: Literal["", "fp8"] = ""


class ModelCard(Record, frozen=True, kw_only=True):
    """A model by name. `config` holds the keys of its Hugging Face `config.json` that shape the computation,
    or of the short description the workloads room documents for other kinds. `checkpoints` are published ones that keep
    some weights wider than the precision they are called by, which is that of their experts.
    """

    name: str
    kind: ModelKind
    developer: str
    released: Day | None = None
    config: dict[str, Any]
    checkpoints: dict[WeightPrecision, KeptWeights] = {}
