"""Rows of a table of training measurements as they stand: their words and their numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from polysilicon.records.document import read_csv
from polysilicon.records.errors import InputError, Place
from polysilicon.validation.timed_steps import in_our_words

WHOLE = [
    "params_b",
    "active_params_b",
    "layers",
    "hidden",
    "ffn_hidden",
    "moe_ffn_hidden",
    "heads",
    "kv_heads",
    "head_dim",
    "vocab",
    "n_experts",
    "topk",
    "shared_experts",
    "seq_len",
    "chips",
    "node_size",
    "scaleup_domain",
    "tp",
    "pp",
    "dp",
    "ep",
    "cp",
    "interleave",
    "micro_batch",
    "global_batch",
    "zero_stage",
    "year",
]
MEASURED = [
    "step_time_s",
    "tokens_per_s_per_chip",
    "model_tflops_per_chip",
    "hw_tflops_per_chip",
    "mfu_pct",
    "hfu_pct",
    "time_to_train_min",
    "peak_mem_gib",
]
FLAGS = ("gated_mlp", "tied_embeddings", "seq_parallel")
OTHER = ("value", "peak_tflops_used")
# Columns that are read as words.
WORDS = (
    *("case_id", "row_id", "dup_group", "source_key", "source_ref", "source_title", "quality", "fully_specified"),
    *("model", "kind", "task", "phase", "chip", "chip_id", "interconnect", "precision", "recompute", "other_tricks"),
    *("metric", "unit", "flops_convention", "check", "peak", "other_estimator", "other_estimate", "calculon_seconds"),
)


@dataclass(frozen=True)
class Case:
    """One row: its words, its numbers, and where it stood."""

    line: int
    words: Mapping[str, str]
    numbers: Mapping[str, float]

    @property
    def id(self) -> str:
        """The row's own id, or the line it stands on."""
        return self.words.get("case_id") or self.words.get("row_id") or f"line {self.line}"

    def word(self, name: str) -> str:
        """A cell's text; empty where the column or the cell is."""
        return self.words.get(name, "")

    def number(self, name: str) -> float | None:
        """A cell's number; `None` where the column or the cell is empty."""
        return self.numbers.get(name)


def read_cases(path: Path) -> list[Case]:
    """Every row of a table of training measurements.

    Raises:
        InputError: a file that is no such table, or a cell that is not a number; with file, line and column.
    """
    cases = []
    for line, stated in read_csv(path):
        row = in_our_words(stated)
        if "model" not in row:
            raise InputError("has no column `model`", place=Place(str(path), 1), allowed="the columns of training.csv")
        numbers = {}
        for name in (*WHOLE, *MEASURED, *FLAGS, *OTHER):
            text = row.get(name, "").strip()
            if text:
                numbers[name] = _number(text, name, Place(str(path), line, name))
        cases.append(Case(line, {name: text.strip() for name, text in row.items()}, numbers))
    if not cases:
        raise InputError("holds no rows", place=Place(str(path)))
    return cases


def _number(text: str, name: str, place: Place) -> float:
    try:
        value = float(text)
    except ValueError as cause:
        raise InputError("not a number", place=place, found=text, allowed="a number, or an empty cell") from cause
    least = (
        0.0 if name in (*FLAGS, *OTHER, "zero_stage", "moe_ffn_hidden", "shared_experts", "n_experts", "topk") else 1e-9
    )
    if not least <= value < 1e18:
        raise InputError("not a sane quantity", place=place, found=text, allowed="a number above 0, below 1e18")
    return value
