"""Validation results: how far off we are, by quantity, vendor, chip, source and kind, and on which rows."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from rich.console import Group, RenderableType

from polysilicon.facts import Catalogue
from polysilicon.records.table import Table
from polysilicon.report.terminal import pairs, table, text
from polysilicon.report.words import number
from polysilicon.validation.peers import peers
from polysilicon.validation.score import COLUMNS, Score, by
from polysilicon.validation.statistics import (
    GROUPS,
    Statistics,
    grouped,
    one_a_case,
    parts,
    slower,
    statistics,
    truth,
)

GROUPS_ON_SCREEN = ("quantity", "vendor", "kind")
ROWS_ON_SCREEN = 20
README_ROWS: dict[str, dict[str, str]] = {
    "training": {"step_time_s": "step time"},
    "serving": {"tpot_ms": "time per output token", "ttft_ms": "time to first token"},
    "operators": {},
    "policy": {},
}
RECORDED = Path(__file__).parent / "validation.json"
SPLIT_NAMES = {
    "all": "all",
    "fitted": "took part in the fit",
    "not_fitted": "took no part in the fit",
    "source_never_fitted": "no row of the source did",
}
# Which peak of memory a source prints, and the rows that it is told of.
PEAKS = {
    "allocated": "allocated by the allocator",
    "reserved": "reserved by the allocator",
    "process": "of the process",
    "computed": "computed by the source",
}
PEAK_PARTS = {"all": "", "not_fitted": ", never fitted", "left_out": ", each source left out"}
TITLES = {
    "median_error_pct": "median_error",
    "p90_error_pct": "p90_error",
    "inside_90_pct": "inside_interval",
    "width_over_error": "width_/ error",
    "interval_score_pct": "interval_score",
    "bias_pct": "bias",
    "agree_pct": "agree",
    "mean_error_pct": "mean_error",
    "median_width_pct": "width",
}
PLAIN = frozenset({"width_over_error"})
NO_TIME = frozenset({"peak_mem_gib", "joules_per_token"})
BARS, SPREAD_LOG2, SPREAD_BINS, SOURCES_ON_SCREEN = " ▁▂▃▄▅▆▇█", 1.0, 21, 16


def summary(scores: Sequence[Score], left: Sequence[Score] = (), also: Sequence[Score] = ()) -> dict[str, Any]:
    """Counts by status, statistics of the rows that were predicted, and the same by group and by part in the fit.

    `left` are the cases as fits without their source see them, times and peaks of memory; `also` are cases of other
    tables that a peer published figures for.
    """
    apart = parts(scores)
    times = [one for one in left if not one.peak]
    every: dict[str, Any] = {
        "rows": len(scores),
        "cases": len({score.case_id for score in scores}),
        "by_status": {status: len(group) for status, group in by(scores, "status").items()},
        "reasons": {why: len(group) for why, group in by([one for one in scores if one.status != "ok"], "why").items()},
        **{name: statistics(part) for name, part in apart.items()},
        "truth": _with_groups(truth(scores), ("vendor", "source")),
        "partly_specified": statistics(one_a_case(scores, "underspecified"), "underspecified"),
        "left_out": _with_groups(times, ("vendor", "chip", "source")),
        "peaks": _peaks(scores, left),
        "peers": peers([*scores, *also]),
        **{f"by_{field}": grouped(scores, field) for field in GROUPS},
    }
    every["split_by"] = {
        name: {f"by_{field}": grouped(part, field) for field in GROUPS} for name, part in apart.items() if name != "all"
    }
    told: dict[str, Any] = msgspec.to_builtins(every)
    return told


def _with_groups(scores: Sequence[Score], fields: Iterable[str]) -> dict[str, Any]:
    return {"all": statistics(scores), **{f"by_{field}": grouped(scores, field) for field in fields}}


def _peaks(scores: Sequence[Score], left: Sequence[Score]) -> dict[str, dict[str, Statistics]]:
    """Peaks of memory, each kind that sources print by itself; none where no row states one."""
    asked = {"all": scores, "not_fitted": [one for one in scores if not one.fitted], "left_out": left}
    kinds = sorted({one.peak for one in scores if one.peak and one.predicted is not None})
    return {
        kind: {name: statistics(one for one in part if one.peak == kind) for name, part in asked.items()}
        for kind in kinds
    }


def _peak_rows(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The statistics of each kind of peak and each part of its rows that there are, by a title."""
    named = {
        f"{PEAKS[kind]}{words}": told["peaks"][kind][part]
        for kind in PEAKS
        if kind in told["peaks"]
        for part, words in PEAK_PARTS.items()
    }
    return {title: row for title, row in named.items() if row["predicted"]}


def public(catalogue: Catalogue) -> dict[str, Any]:
    """The summary of every public case, by subject, without the reasons and the longest groups."""
    from polysilicon.validation import operators, policy, serving, training
    from polysilicon.validation.fit_record import MEMORY_LEFT_OUT, SERVING_LEFT_OUT, read_left_out

    left = [*read_left_out(), *read_left_out(MEMORY_LEFT_OUT)]
    timed = training.validate(catalogue, training.TIMED_STEPS)
    found = {
        "training": summary(training.validate(catalogue), left, timed),
        "serving": summary(serving.validate(catalogue), read_left_out(SERVING_LEFT_OUT)),
        "operators": summary(operators.validate(catalogue)),
        "policy": summary(policy.validate(catalogue)),
    }
    left_out = ("reasons", "by_source", "by_chip", "split_by")
    return {subject: _without(told, left_out) for subject, told in found.items()}


def _without(told: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {
        name: _without(inner, names) if isinstance(inner, dict) else inner
        for name, inner in told.items()
        if name not in names
    }


def recorded() -> dict[str, Any]:
    """What `public` found when the estimators last changed; a test holds the record to it."""
    told: dict[str, Any] = msgspec.json.decode(RECORDED.read_bytes())
    return told


def markdown(told: dict[str, Any]) -> str:
    """The validation tables of the README: how far off we are, and other estimators on the rows both predict."""
    lines = [
        "| | figures | median error | 90th percentile | inside the 90 % interval |",
        "|---|---|---|---|---|",
    ]
    for subject, quantities in README_ROWS.items():
        every = told[subject]
        if every["all"]["median_error_pct"] is None:
            agree = f"{number(every['all']['agree_pct'], 3)} % agree"
            lines.append(f"| {subject}: {every['cases']} worked cases | {every['all']['predicted']} | {agree} | | |")
            continue
        named = [(f"{subject}: {number(every['cases'])} public cases", every["all"])]
        named += [("— never fitted", every["not_fitted"])]
        named += [("— source never fitted, fully specified, quality A or B; one a case", every["truth"]["all"])]
        one = "; one a case" if subject == "training" else ""
        named += [(f"— each source left out of the fit in turn{one}", every["left_out"]["all"])]
        named += [(f"— {name}", every["by_quantity"].get(one)) for one, name in quantities.items()]
        named += [(f"— peak memory {title}", row) for title, row in _peak_rows(every).items()]
        named += [(f"— {vendor}", row) for vendor, row in every["by_vendor"].items()]
        lines += [_markdown_row(name, row) for name, row in named if row and row["median_error_pct"] is not None]
    compared = [one for every in told.values() for one in every["peers"]]
    if compared:
        titles = ("beside", "rows", "we fitted", "our median error", "theirs", "our mean error", "theirs")
        lines += ["", f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    errors = ("our_median_error_pct", "peer_median_error_pct", "our_mean_error_pct", "peer_mean_error_pct")
    lines += [
        f"| {_peer_name(one)} | {one['rows']} | {one['fitted']} | "
        + " | ".join(f"{number(one[name], 2)} %" for name in errors)
        + " |"
        for one in compared
    ]
    return "\n".join(lines)


def _peer_name(one: Mapping[str, Any]) -> str:
    """The peer, the quantity where it has several, and whether only rows that we never fitted count."""
    words = {quantity: name for named in README_ROWS.values() for quantity, name in named.items()}
    quantity = words.get(one["quantity"], one["quantity"].replace("_", " "))
    return ", ".join(part for part in (one["peer"], quantity, "never fitted" if one["never_fitted"] else "") if part)


def _markdown_row(name: str, row: dict[str, Any]) -> str:
    said = (row[field] for field in ("median_error_pct", "p90_error_pct", "inside_90_pct"))
    return f"| {name} | {number(row['predicted'])} | " + " | ".join(f"{number(one, 2)} %" for one in said) + " |"


def render(
    scores: Sequence[Score],
    rows: int | None = ROWS_ON_SCREEN,
    field: str | None = None,
    left: Sequence[Score] = (),
    also: Sequence[Score] = (),
) -> RenderableType:
    """The summary, by one group where `field` names it, then the rows that are furthest off (`None`: every row)."""
    told = summary(scores, left, also)
    shown: list[RenderableType | None] = [
        _table("Errors", "rows", {title: told[name] for name, title in SPLIT_NAMES.items()}),
        *(_table(title, "cases", groups) for title, groups in _checks(told)),
    ]
    broad = (field,) if field else [one for one in GROUPS_ON_SCREEN if len(told[f"by_{one}"]) > 1]
    shown += [_table(f"Errors by {one}", one, told[f"by_{one}"]) for one in broad]
    if field:
        strangers = told["split_by"]["source_never_fitted"][f"by_{field}"]
        shown.append(_table(f"Errors by {field}, sources never fitted", field, strangers))
        apart = told["left_out"].get(f"by_{field}", {})
        shown.append(_table(f"Errors by {field}, each source left out of the fit in turn", field, apart))
    if told["peers"]:
        shown.append(peers_table(told["peers"]))
    shown.append(spread(scores, field or "source"))
    if told["reasons"]:
        reasons = list(told["reasons"].items())
        why = Table("Rows not predicted", {"why": [one for one, _ in reasons], "rows": [count for _, count in reasons]})
        shown.append(table(why, first=10))
    if rows != 0:
        shown.append(table(rows_table(scores), first=rows))
    counts = Group(
        text(f"{told['cases']} cases, {told['rows']} rows", "bold"), pairs([("by status", told["by_status"])])
    )
    return Group(counts, *(line for part in shown if part is not None for line in ("", part)))


def _checks(told: dict[str, Any]) -> list[tuple[str, dict[str, dict[str, Any]]]]:
    """The tables that count one time figure a case."""
    found = [
        ("Fully specified cases of quality A or B, source never fitted", told["truth"]),
        ("Each source left out of the fit in turn", told["left_out"]),
    ]
    named = [(title, {"all": one["all"], **one.get("by_vendor", {})}) for title, one in found]
    named.append(("Partly specified cases", {"all": told["partly_specified"]}))
    shown = [(title, groups) for title, groups in named if groups["all"]["predicted"]]
    peaks = _peak_rows(told)
    return [*shown, ("Peak memory, by what the source prints", peaks)] if peaks else shown


def rows_table(scores: Sequence[Score]) -> Table:
    """The rows as a screen holds them, furthest off first; `--out` has every column of every row."""
    furthest = sorted(scores, key=lambda one: -abs(one.error_pct) if one.error_pct is not None else 1.0)
    columns: dict[str, list[Any]] = {
        "case": [one.case_id for one in furthest],
        "quantity": [one.quantity.replace("_", " ") for one in furthest],
        "predicted": [one.predicted for one in furthest],
        "low": [one.low for one in furthest],
        "high": [one.high for one in furthest],
        "measured": [one.measured for one in furthest],
        "error": [_percent(one.error_pct) for one in furthest],
        "peer_error": [_percent(one.peer_error_pct) for one in furthest],
        "fitted": [one.fitted for one in furthest],
        "status": [one.status for one in furthest],
        "chip": [one.chip for one in furthest],
        "source": [one.source for one in furthest],
    }
    known = {name: column for name, column in columns.items() if any(one is not None for one in column)}
    return Table("Rows, furthest off first", known)


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{number(value, 3)} %"


def peers_table(compared: Sequence[dict[str, Any]]) -> RenderableType:
    """Other estimators beside us on the rows that both predict."""
    columns = {
        "estimator": [_peer_name(one) for one in compared],
        "rows": [one["rows"] for one in compared],
        "of which we fitted": [one["fitted"] for one in compared],
        "our_median": [one["our_median_error_pct"] for one in compared],
        "their_median": [one["peer_median_error_pct"] for one in compared],
        "our_mean": [one["our_mean_error_pct"] for one in compared],
        "their_mean": [one["peer_mean_error_pct"] for one in compared],
        "our_worst": [one["our_worst_error_pct"] for one in compared],
        "their_worst": [one["peer_worst_error_pct"] for one in compared],
    }
    percent = {name: "%" for name in columns if name.startswith(("our", "their"))}
    return table(Table("Other estimators on the rows that both predict", columns, units=percent))


def spread(scores: Sequence[Score], field: str = "source", first: int = SOURCES_ON_SCREEN) -> RenderableType | None:
    """How predicted over measured time spreads, group by group: from half (left) to twice (right) the measured time."""
    predicted = [one for one in scores if one.status == "ok" and one.quantity not in NO_TIME and slower(one)]
    if not predicted:
        return None
    groups = by(predicted, field)
    shown = dict(list(groups.items())[:first])
    columns: dict[str, Sequence[Any]] = {
        field: [name or "not stated" for name in shown],
        "figures": [len(group) for group in shown.values()],
        "½ … 1 … 2": [_strip([slower(one) or 1.0 for one in group]) for group in shown.values()],
    }
    more = (f"and {len(groups) - len(shown)} more; --chart draws all",) if len(groups) > len(shown) else ()
    return table(Table("Predicted over measured time, from half to twice", columns, notes=more))


def _strip(ratios: Sequence[float]) -> str:
    """A histogram of ratios as a line of blocks, the middle one at agreement; what lies beyond counts at the ends."""
    within = np.clip(np.log2(ratios), -SPREAD_LOG2, SPREAD_LOG2)
    counts, _ = np.histogram(within, bins=SPREAD_BINS, range=(-SPREAD_LOG2, SPREAD_LOG2))
    heights = np.ceil(counts / counts.max() * (len(BARS) - 1)).astype(int)
    return "".join(BARS[height] for height in heights).replace(" ", "·")


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.3g}")


def _table(title: str, field: str, groups: dict[str, dict[str, Any]]) -> RenderableType | None:
    named = {name: told for name, told in groups.items() if told["predicted"]}
    if not named:
        return None
    words = {name: name.replace("_", " ") if field == "quantity" else name or "not stated" for name in named}
    columns: dict[str, list[Any]] = {field: list(words.values())}
    columns["predicted"] = [told["predicted"] for told in named.values()]
    for column, heading in TITLES.items():
        if any(told[column] is not None for told in named.values()):
            columns[heading] = [_short(told[column]) for told in named.values()]
    percent = {TITLES[one]: "%" for one in TITLES if one not in PLAIN}
    return table(Table(title, columns, units=percent))


__all__ = ["COLUMNS", "Statistics", "markdown", "public", "recorded", "render", "rows_table", "summary"]
