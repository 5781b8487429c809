"""`search train` and `search serve` asked for every row of a table: the best answer of each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polysilicon.cli.cases import answer_table, needed
from polysilicon.cli.options import asked_by
from polysilicon.cli.serve import Cache, Demand, Engine
from polysilicon.cli.serve_cases import COLUMN_OF, cache_of, engine_of, number, whole
from polysilicon.cli.train import Job
from polysilicon.records.errors import Place

if TYPE_CHECKING:
    from polysilicon.facts import Catalogue
    from polysilicon.performance.space import Space

LAYOUT = ("tp", "pp", "dp", "cp", "ep", "micro_batch", "interleave", "recompute", "zero_stage", "sequence_parallel")
TRAIN_NEEDS = ("model", "chip_id", "chips", "global_batch", "seq_len")
TRAIN_ANSWERS = (
    *("case_id", "model", "chip_id", "chips", *LAYOUT, "precision", "step_s", "low_s", "high_s"),
    *("tokens_per_s_per_chip", "mfu_pct", "memory_gib", "memory_high_gib", "outside", "status", "why"),
)
SERVE_NEEDS = ("model", "chip_id", "num_accelerators", "isl", "osl")
SERVE_ANSWERS = (
    *("case_id", "model", "chip_id", "chips", "tp", "pp", "attn_dp", "ep", "precision", "kv_precision", "concurrency"),
    *("ttft_ms", "tpot_ms", "tokens_per_s_per_chip", "tokens_per_s_per_user", "memory_gib", "status", "why"),
)


def trainings(known: "Catalogue", space: "Space", cases: Path, out: Path | None, *, as_json: bool) -> None:
    """The fastest layout of each row; the columns are those of `validate training`."""
    from polysilicon.performance.search import search_training

    def ask(row: Mapping[str, str], place: Place) -> dict[str, Any]:
        needed(row, TRAIN_NEEDS)
        chips, batch, sequence = (whole(row, name, place) for name in TRAIN_NEEDS[2:])
        question = Job(row["chip_id"], chips, batch, sequence).question(known, row["model"])
        found = search_training(*question, space, most=1)
        best = next(found.best.to_table().rows())
        best["outside"] = "; ".join(best["outside"])
        return {"model": row["model"], "chip_id": row["chip_id"], "chips": found.chips, **_of(TRAIN_ANSWERS, best)}

    answer_table(cases, out, TRAIN_ANSWERS, ask, needs=TRAIN_NEEDS, as_json=as_json)


def servings(
    known: "Catalogue",
    engine: Engine,
    precision: list[str] | None,
    kv_precision: Cache,
    cases: Path,
    out: Path | None,
    *,
    as_json: bool,
) -> None:
    """The best deployment of each row; `framework`, `weight_precision` and `kv_precision` come before the options.

    Targets are the optional columns `ttft_target_ms` and `tpot_target_ms`: `ttft_ms` there is a measurement.
    """
    from polysilicon.performance.cluster import Cluster
    from polysilicon.performance.serving import search_serving
    from polysilicon.workloads import transformer

    def ask(row: Mapping[str, str], place: Place) -> dict[str, Any]:
        needed(row, SERVE_NEEDS)
        chips, prompt, told = (whole(row, name, place) for name in SERVE_NEEDS[2:])
        ttft_ms, tpot_ms = (number(row, f"{name}_target_ms", place) for name in ("ttft", "tpot"))
        own = row.get("weight_precision", "").strip()
        software, formats = engine_of(known, row, engine), [own] if own else precision
        model = transformer(known, row["model"])
        with asked_by(COLUMN_OF if own else COLUMN_OF | {"precision": "--precision"}):
            task = Demand(prompt, told, ttft_ms, tpot_ms).task()
            cluster = Cluster.from_catalogue(known, row["chip_id"], chips)
            found = search_serving(
                known,
                model,
                task,
                [cluster],
                precisions=formats,
                engine=software,
                cache=cache_of(row, kv_precision),
                top=1,
            )
        return {"model": row["model"], "chip_id": row["chip_id"], **_of(SERVE_ANSWERS, next(found.top.rows()))}

    answer_table(cases, out, SERVE_ANSWERS, ask, needs=SERVE_NEEDS, as_json=as_json)


def _of(names: Sequence[str], row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in names if name in row}
