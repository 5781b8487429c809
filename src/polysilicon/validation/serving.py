"""Measured serving cases against the serving estimator."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.facts.index import DATA
from polysilicon.performance.serving_table import WAYS, Figures, bound
from polysilicon.records.document import read_csv
from polysilicon.records.errors import InputError, Place
from polysilicon.validation.peers import estimates, joined
from polysilicon.validation.score import Score
from polysilicon.validation.serving_cases import Question, Refusal, Row, chip_name, read
from polysilicon.validation.serving_figures import figures
from polysilicon.validation.serving_measures import UNITS, measured

CASES = DATA / "measurements" / "serving.csv"
SPLIT = DATA / "measurements" / "serving_split.csv"
PEERS = DATA / "measurements" / "serving_peers.csv"
# Columns of the table against the estimator's figure, and how the figure's interval is named.
FIGURE = {
    "ttft_ms": ("ttft_ms", "ttft"),
    "tpot_ms": ("tpot_ms", "tpot"),
    "output_tps_per_accel": ("tokens_per_s_per_chip", "tps"),
    "input_tps_per_accel": ("tokens_per_s_per_chip", "tps"),
    "total_tps_per_accel": ("tokens_per_s_per_chip", "tps"),
}


def validate(catalogue: Catalogue, cases_path: Path | None = None) -> list[Score]:
    """One score for each case and measured quantity of a table; our own, beside a peer's estimates, if none is given.

    A case that can't be asked, or has no measured quantity, has one row with its reason for each.

    Raises:
        InputError: the file can't be read, lacks the columns `case_id`, `model` and `chip_id`, or has an id twice.
    """
    path = cases_path or CASES
    lines = [(line, {name: text.strip() for name, text in row.items()}) for line, row in read_csv(path)]
    rows = [row for _, row in lines]
    _require_columns(rows, path)
    _require_one_of_each(lines, path)
    fitted = _fitted()
    read_rows = [(row, read(catalogue, row)) for row in rows]
    scores: dict[int, list[Score]] = {}
    for at, (row, asked) in enumerate(read_rows):
        if isinstance(asked, Refusal):
            scores[at] = _refused(catalogue, row, asked)
    for way in WAYS:
        chosen = [at for at, (_, asked) in enumerate(read_rows) if isinstance(asked, Question) and asked.way == way]
        if chosen:
            questions = [asked for at in chosen if isinstance(asked := read_rows[at][1], Question)]
            found = figures(questions)
            for at, number in enumerate(chosen):
                scores[number] = _scored(catalogue, rows[number], questions[at], found, at, fitted)
    told = [score for at in range(len(rows)) for score in scores[at]]
    return joined(told, estimates(PEERS)) if cases_path is None else told


def _require_columns(rows: Sequence[Row], path: Path) -> None:
    missing = {"case_id", "model", "chip_id"} - set(rows[0] if rows else ())
    if missing:
        raise InputError(
            f"lacks the column {sorted(missing)[0]!r}",
            place=Place(str(path), 1),
            remedy="columns are named as in our own table, facts/data/measurements/serving.csv",
        )


def _require_one_of_each(lines: Iterable[tuple[int, Row]], path: Path) -> None:
    """Two rows of one id would count as one case."""
    first: dict[str, int] = {}
    for line, row in lines:
        name = row["case_id"]
        if name and first.setdefault(name, line) != line:
            place, remedy = Place(str(path), line, "case_id"), f"line {first[name]} has it first; give each row its own"
            raise InputError("stands twice", place=place, found=name, remedy=remedy)


def _fitted() -> frozenset[tuple[str, str]]:
    """Case ids that took part in the fit, and the fingerprint of what they measured."""
    parts = {row["case_id"]: row["part"] for _, row in read_csv(SPLIT)}
    ours = [row for _, row in read_csv(CASES) if parts.get(row["case_id"]) == "fit"]
    return frozenset(mark for row in ours for mark in _marks(row))


def _marks(row: Row) -> Iterable[tuple[str, str]]:
    """A row is a duplicate of another when it has its id, or the same chip, model, load and measured values."""
    yield "id", row.get("case_id", "")
    values = [row.get(name, "") for name in ("ttft_ms", "tpot_ms", "output_tps_per_accel", "total_tps_per_accel")]
    if any(values):
        yield "values", "|".join([row.get("chip_id", ""), row.get("concurrency", ""), *values])


def _template(catalogue: Catalogue, row: Row) -> Score:
    try:
        vendor = catalogue.get(Chip, chip_name(row)).vendor
    except InputError:
        vendor = ""
    return Score(
        case_id=row["case_id"],
        quantity="",
        vendor=vendor,
        chip=chip_name(row),
        source=row.get("evidence") or row.get("source", ""),
        kind=row.get("mode", ""),
    )


def _refused(catalogue: Catalogue, row: Row, refusal: Refusal) -> list[Score]:
    own = _template(catalogue, row)
    found: dict[str, float | str | None] = {**measured(row)} or {"": None}
    return [
        _with(own, quantity=name, measured=value, unit=UNITS.get(name, ""), status=refusal.status, why=refusal.why)
        for name, value in found.items()
    ]


def _scored(
    catalogue: Catalogue, row: Row, question: Question, figures: Figures, at: int, fitted: frozenset[tuple[str, str]]
) -> list[Score]:
    own = _with(_template(catalogue, row), fitted=any(mark in fitted for mark in _marks(row)))
    asked = question.asked
    found = measured(row)
    if not found:
        return [_with(own, status="underspecified", why="no measured quantity")]
    scores = []
    for name, value in found.items():
        own_unit = _with(own, quantity=name, measured=value, unit=UNITS[name])
        if isinstance(value, str):
            scores.append(_with(own_unit, status="underspecified", why=f"{name} is no number above zero: {value!r}"))
        elif name not in FIGURE:
            scores.append(_with(own_unit, status="unsupported", why="energy per token is not estimated here yet"))
        elif not figures.fits[at]:
            where = f"{asked.layout.precision} on {asked.layout.chips} x {asked.cluster.chip}"
            why = f"the weights and one sequence do not fit: {where}"
            scores.append(_with(own_unit, status="implausible", why=why))
        else:
            figure, short = FIGURE[name]
            predicted = float(getattr(figures, figure)[at]) * _basis(name, question)
            low, high = bound(asked.efficiency, short, question.way)
            scores.append(
                _with(
                    own_unit,
                    predicted=predicted,
                    low=predicted * low,
                    high=predicted * high,
                    error_pct=100.0 * (predicted / value - 1.0),
                )
            )
    return scores


def _basis(quantity: str, question: Question) -> float:
    """Tokens of the basis a throughput is counted in for each token of the estimator's own."""
    if question.way == "prefill":
        return 1.0
    ratio = question.asked.input_tokens / question.asked.output_tokens
    return {"input_tps_per_accel": ratio, "total_tps_per_accel": 1.0 + ratio}.get(quantity, 1.0)


def _with(score: Score, **changes: Any) -> Score:
    return msgspec.structs.replace(score, **changes)
