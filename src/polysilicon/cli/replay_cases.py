"""`polysilicon replay --cases`: one replay for every row of a table. What a row leaves open, the options say."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polysilicon.cli.cases import Underspecified, answer_table, needed
from polysilicon.cli.replay import ask, read_named
from polysilicon.cli.replay_options import Arrivals, Served
from polysilicon.cli.serve import Replica
from polysilicon.performance.replays.summary import Spread
from polysilicon.performance.replays.trace import Trace
from polysilicon.performance.serving_candidates import ENGINES
from polysilicon.performance.values import Range
from polysilicon.records.errors import InputError, Place

if TYPE_CHECKING:
    from polysilicon.facts import Catalogue
    from polysilicon.performance.replays.summary import Replay

NEEDS = ("model",)
# The column that stands for an option, where it has another name.
COLUMNS = {
    "input_": "isl",
    "output": "osl",
    "chip": "chip_id",
    "precision": "weight_precision",
    "ttft_ms": "ttft_target_ms",
    "tpot_ms": "tpot_target_ms",
}
WHOLE = (
    *("requests", "input_", "output", "seed", "replicas", "max_batch", "queue_limit"),
    *("tp", "pp", "attn_dp", "ep", "draft_tokens"),
)
WORDS = ("routing", "chip", "precision", "kv_precision")
LATENCIES = tuple(f"{name}_{at}_ms" for name in ("ttft", "tpot", "e2e") for at in ("p50", "p99"))
WITH_ENDS = (*LATENCIES, "tokens_per_s_per_chip", "goodput_per_s")
ANSWERS = (
    *("case_id", "trace", "model", "chip_id", "kv_precision", "replicas", "lines", "skipped", "requests", "completed"),
    *("rejected", "unfinished", "not_arrived", "duration_s"),
    *(f"{name}{end}" for name in WITH_ENDS for end in ("", "_low", "_high")),
    *("busy_pct", "cache_pct", "prefix_pct", "energy_kwh", "status", "why"),
)


def table(
    known: "Catalogue",
    arrivals: Arrivals,
    replica: Replica,
    engine: str,
    served: Served,
    cases: Path,
    out: Path | None,
    *,
    as_json: bool,
) -> None:
    """Answer every row; traces are read once."""
    bad_lines = arrivals.bad_lines

    @lru_cache(maxsize=4)
    def read(path: Path) -> Trace:
        return read_named(path, bad_lines)

    def one(row: Mapping[str, str], place: Place) -> dict[str, Any]:
        needed(row, NEEDS)
        parts = [_said(part, row, place) for part in (arrivals, replica, served)]
        if not parts[1].chip:
            raise Underspecified("the row does not say chip_id")
        software = row.get("framework", "").strip() or engine
        if software not in ENGINES:
            raise InputError("unknown serving engine", place=Place(field="framework"), found=software, allowed=ENGINES)
        try:
            trace = read(cases.parent / row["trace"]) if row.get("trace") else None
        except InputError as cause:
            # The trace's own place is part of the complaint: it would else stand for the row's.
            raise InputError(str(cause), place=Place(place.file, place.line, "trace")) from cause
        made = ask(known, trace, parts[0], row["model"], parts[1], software, parts[2])
        return {"trace": row.get("trace", ""), **_told(made)}

    answer_table(cases, out, ANSWERS, one, needs=NEEDS, as_json=as_json)


def _said(options: Any, row: Mapping[str, str], place: Place) -> Any:
    """The options with what the row says of them."""
    said: dict[str, Any] = {}
    for name in vars(options):
        column = COLUMNS.get(name, name)
        text = row.get(column, "").strip()
        if text and name not in ("bad_lines", "no_prefix_cache"):
            said[name] = text if name in WORDS else _number(text, Place(place.file, place.line, column), name in WHOLE)
    return replace(options, **said)


def _number(text: str, place: Place, whole: bool) -> float:
    try:
        return int(text) if whole else float(text)
    except ValueError as cause:
        raise InputError("is no whole number" if whole else "is no number", place=place, found=text) from cause


def _told(made: "Replay") -> dict[str, Any]:
    """The answer's row."""
    counts, rates, use = made.counts, made.rates, made.use
    told: dict[str, Any] = {
        "model": made.model,
        "chip_id": made.chip,
        "kv_precision": made.layout.cache,
        "replicas": made.policies.replicas,
        "lines": counts.lines,
        "skipped": counts.skipped,
        "requests": counts.requests,
        "completed": counts.completed,
        "rejected": counts.rejected,
        "unfinished": counts.unfinished,
        "not_arrived": counts.not_arrived,
        "duration_s": rates.duration_s,
        "busy_pct": 100.0 * use.busy_share,
        "cache_pct": 100.0 * use.cache_share,
        "prefix_pct": 100.0 * use.prefix_share,
        "energy_kwh": made.energy.energy_kwh.value,
    }
    figures: dict[str, Range | None] = {
        "tokens_per_s_per_chip": rates.tokens_per_s_per_chip,
        "goodput_per_s": rates.goodput_per_s,
    }
    for name in ("ttft", "tpot", "e2e"):
        spread: Spread | None = getattr(made.latency, f"{name}_ms")
        for at in ("p50", "p99"):
            figures[f"{name}_{at}_ms"] = getattr(spread, at) if spread else None
    for name, figure in figures.items():
        if figure is not None:
            told |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
    return told
