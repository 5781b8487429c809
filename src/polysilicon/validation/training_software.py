"""What the software of a source keeps in memory, which peak it prints, and what its public settings add to its rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from polysilicon.facts.index import DATA
from polysilicon.performance.values import PRECISIONS
from polysilicon.records.document import read_csv

SOFTWARE = DATA / "measurements" / "training_software.csv"
# `computed` is a sum that the source worked out; `allocated` and `reserved` are the allocator's own figures, `process`
# what the driver shows. What must fit is the last, so a source that doesn't say is taken to mean it.
PEAKS = ("computed", "allocated", "reserved", "process")
RECIPE = (
    "gradient_bytes",
    "reduce_bytes",
    "optimizer_bytes",
    "logit_bytes",
    "kept_operands",
    "attention_adapters",
    "narrow_activations",
    "narrow_weights",
    "dropout",
    "kept_boundaries",
    "whole_tensors",
    "by_operator",
    "predicted_ahead",
    "sample_tokens",
    "feed_forward_again",
    "lean_recompute",
    "graphs",
    "whole_graphs",
    "sent_once",
    "fused_attention",
    "tuned_attention",
    "gather_bytes",
    "attention_precision",
    "tensor_hidden",
)
SETTINGS = ("recompute", "interleave", "micro_batch", "global_batch", "tp", "pp", "cp", "expert_tp", "zero_stage")


@dataclass(frozen=True)
class Software:
    """The peak that is printed, fields of the recipe by name, and whether sequence parallelism is on besides.

    `settings` are cells that a row leaves empty and the published settings of its benchmark fill in; those named in
    `instead` replace what the row states, where its source says otherwise. `disputed` says why a row's settings can't
    be those of its measurement, where its source contradicts them and has no others.
    """

    peak: str = "process"
    recipe: Mapping[str, float] = field(default_factory=dict)
    sequence_parallel: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    instead: tuple[str, ...] = ()
    disputed: str = ""


def software_of(source: str, words: str, precision: str) -> Software:
    """What the table says of a source whose row carries these words; later lines go before earlier ones."""
    folded = words.casefold()
    lines = [
        line
        for line in _table()
        if line["source_key"] == source and line["words"] in folded and line["precision"] in ("", precision)
    ]
    stated = {name: text for line in lines for name, text in line.items() if text}
    return Software(
        peak=stated.get("peak", "process"),
        recipe={name: _number(stated[name]) for name in RECIPE if name in stated},
        sequence_parallel=stated.get("sequence_parallel") == "1",
        settings={name: stated[name] for name in SETTINGS if name in stated},
        instead=tuple(stated.get("instead", "").split()),
        disputed=stated.get("disputed", ""),
    )


def _number(stated: str) -> float:
    """A cell as recipes count it: a precision by its position."""
    return float(PRECISIONS.index(stated) if stated in PRECISIONS else stated)


@lru_cache(maxsize=1)
def _table() -> tuple[Mapping[str, str], ...]:
    return tuple(row for _, row in read_csv(SOFTWARE))
