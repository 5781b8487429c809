"""Validation results: how far off we are, by quantity, vendor, chip, source and kind, and on which rows."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Group, RenderableType

from polysilicon.facts import Catalogue
from polysilicon.records.table import Table
from polysilicon.report.terminal import pairs, table, text
from polysilicon.report.words import number
from polysilicon.validation.score import COLUMNS, Score, by

GROUPS = ("quantity", "vendor", "chip", "source", "kind")
GROUPS_ON_SCREEN = ("quantity", "vendor", "kind")
ROWS_ON_SCREEN = 20
README_ROWS: dict[str, dict[str, str]] = {
    "training": {"step_time_s": "step time", "peak_mem_gib": "peak memory"},
    "serving": {"tpot_ms": "time per output token", "ttft_ms": "time to first token"},
    "policy": {},
}
RECORDED = Path(__file__).parent / "validation.json"


def summary(scores: Sequence[Score]) -> dict[str, Any]:
    """Counts by status, errors over the rows that were predicted, and the same by group."""
    return {
        "rows": len(scores),
        "cases": len({score.case_id for score in scores}),
        "by_status": {status: len(group) for status, group in by(scores, "status").items()},
        "reasons": {why: len(group) for why, group in by([one for one in scores if one.status != "ok"], "why").items()},
        "all": errors(scores),
        "fitted": errors([one for one in scores if one.fitted]),
        "not_fitted": errors([one for one in scores if not one.fitted]),
        **{f"by_{field}": {name: errors(group) for name, group in by(scores, field).items()} for field in GROUPS},
    }


def public(catalogue: Catalogue) -> dict[str, Any]:
    """The summary of every public case, by subject, without the reasons and the longest groups."""
    from polysilicon.validation import policy, serving, training

    found = {"training": training.validate, "serving": serving.validate, "policy": policy.validate}
    left_out = ("reasons", "by_source", "by_chip")
    return {
        subject: {name: told for name, told in summary(validate(catalogue)).items() if name not in left_out}
        for subject, validate in found.items()
    }


def recorded() -> dict[str, Any]:
    """What `public` found when the estimators last changed; a test holds the record to it."""
    told: dict[str, Any] = msgspec.json.decode(RECORDED.read_bytes())
    return told


def markdown(told: dict[str, Any]) -> str:
    """The validation table of the README."""
    lines = [
        "| | figures predicted | median error | never fitted: median error | never fitted: inside the 90 % interval |",
        "|---|---|---|---|---|",
    ]
    for subject, quantities in README_ROWS.items():
        every = told[subject]
        if every["all"]["median_error_pct"] is None:
            agree = f"{number(every['all']['agree_pct'], 3)} % of the expected answers agree"
            lines.append(f"| {subject}: {every['cases']} worked cases | {every['all']['predicted']} | {agree} | | |")
            continue
        name = f"{subject}: {number(every['cases'])} public cases"
        lines.append(_markdown_row(name, every["all"], every["not_fitted"]))
        lines += [_markdown_row(f"— {name}", every["by_quantity"][one], None) for one, name in quantities.items()]
        vendors = [(vendor, row) for vendor, row in every["by_vendor"].items() if row["predicted"]]
        lines += [_markdown_row(f"— {vendor}", row, None) for vendor, row in vendors]
    return "\n".join(lines)


def _markdown_row(name: str, every: dict[str, Any], unseen: dict[str, Any] | None) -> str:
    off = f"{number(every['median_error_pct'], 2)} %"
    last = (
        " | | |"
        if unseen is None
        else (f" | {number(unseen['median_error_pct'], 2)} % | {number(unseen['inside_90_pct'], 2)} % |")
    )
    return f"| {name} | {number(every['predicted'])} | {off}{last}"


def errors(scores: Sequence[Score]) -> dict[str, Any]:
    """Rows predicted, median and mean of the absolute error [%], and how often the 90 % interval held the truth.

    Where the quantity is a word (an item class), `agree_pct` is the share of rows that agree.
    """
    predicted = [one for one in scores if one.status == "ok"]
    words = [one for one in predicted if isinstance(one.measured, str)]
    off = [abs(one.error_pct) for one in predicted if one.error_pct is not None and not isinstance(one.measured, str)]
    bounded = [
        (one.low, float(one.measured), one.high)
        for one in predicted
        if one.low is not None and one.high is not None and isinstance(one.measured, int | float)
    ]
    return {
        "predicted": len(predicted),
        "median_error_pct": statistics.median(off) if off else None,
        "mean_error_pct": statistics.fmean(off) if off else None,
        "agree_pct": 100 * sum(one.predicted == one.measured for one in words) / len(words) if words else None,
        "inside_90_pct": 100 * sum(low <= real <= high for low, real, high in bounded) / len(bounded)
        if bounded
        else None,
    }


def render(scores: Sequence[Score], rows: int = ROWS_ON_SCREEN) -> RenderableType:
    """The summary, then the rows that are furthest off."""
    told = summary(scores)
    parts: list[RenderableType] = [
        text(f"{told['cases']} cases, {told['rows']} rows", "bold"),
        pairs([("by status", told["by_status"])]),
        "",
        _errors_table(
            {name: told[name] for name in ("all", "fitted", "not_fitted") if told[name]["predicted"]}, "rows"
        ),
    ]
    for field in GROUPS_ON_SCREEN:
        if len(told[f"by_{field}"]) > 1:
            parts += ["", _errors_table(told[f"by_{field}"], field)]
    if told["reasons"]:
        reasons = list(told["reasons"].items())
        why = Table("Rows not predicted", {"why": [one for one, _ in reasons], "rows": [count for _, count in reasons]})
        parts += ["", table(why, first=10)]
    parts += ["", table(rows_table(scores), first=rows)]
    return Group(*parts)


def rows_table(scores: Sequence[Score]) -> Table:
    """The rows as a screen holds them, furthest off first; `--out` has every column of every row."""
    furthest = sorted(scores, key=lambda one: -abs(one.error_pct) if one.error_pct is not None else 1.0)
    return Table(
        "Rows, furthest off first",
        {
            "case": [one.case_id for one in furthest],
            "quantity": [one.quantity.replace("_", " ") for one in furthest],
            "predicted": [one.predicted for one in furthest],
            "measured": [one.measured for one in furthest],
            "error": [None if one.error_pct is None else f"{number(one.error_pct, 3)} %" for one in furthest],
            "fitted": [one.fitted for one in furthest],
            "status": [one.status for one in furthest],
        },
    )


def _errors_table(groups: dict[str, dict[str, Any]], field: str) -> RenderableType:
    named = {name: told for name, told in groups.items() if told["predicted"]}
    columns: dict[str, list[Any]] = {field: [name.replace("_", " ") for name in named]}
    columns["predicted"] = [told["predicted"] for told in named.values()]
    for column, title in (
        ("median_error_pct", "median_abs_error"),
        ("mean_error_pct", "mean_abs_error"),
        ("agree_pct", "agree"),
        ("inside_90_pct", "inside_90_%_interval"),
    ):
        if any(told[column] is not None for told in named.values()):
            columns[title] = [told[column] for told in named.values()]
    percent = dict.fromkeys(set(columns) - {field, "predicted"}, "%")
    return table(Table(f"Errors by {field}" if field != "rows" else "Errors", columns, units=percent))


__all__ = ["COLUMNS", "errors", "render", "rows_table", "summary"]
