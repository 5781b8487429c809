"""Models that people train and serve: their published configuration, as published."""

from typing import Any, Literal

from polysilicon.facts.record import Day, Record

ModelKind = Literal["transformer", "recommender", "diffusion", "encoder", "vision"]


class ModelCard(Record, frozen=True, kw_only=True):
    """A model by name. `config` holds the keys of its Hugging Face `config.json` that shape the computation,
    or of the short description the workloads room documents for other kinds.
    """

    name: str
    kind: ModelKind
    developer: str
    released: Day | None = None
    config: dict[str, Any]
