"""Measured training steps against the estimator: one table call for all rows, one score a measured quantity."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from polysilicon.facts import Catalogue
from polysilicon.facts.architectures import ModelCard
from polysilicon.facts.hardware import Chip
from polysilicon.facts.index import DATA
from polysilicon.facts.money import Assumption
from polysilicon.performance.efficiency import Efficiency
from polysilicon.performance.least_work import least_work
from polysilicon.performance.memory import Memory, memory
from polysilicon.performance.step import breakdown
from polysilicon.performance.training import (
    bound_s,
    doubt_widening,
    memory_bound_bytes,
    possible_s,
    widened,
)
from polysilicon.performance.values import Values
from polysilicon.records.document import read_csv
from polysilicon.records.errors import PolysiliconError
from polysilicon.records.units import GIB, S_PER_MIN, TERA
from polysilicon.validation import samples
from polysilicon.validation.fit_record import fitted_sources
from polysilicon.validation.peers import beside
from polysilicon.validation.sample_cases import by_samples
from polysilicon.validation.score import NO_METRIC, Score, unpredicted
from polysilicon.validation.training_cases import Prepared, doubtful, jobs_of, prepare, variants
from polysilicon.validation.training_measures import model_flop_per_token
from polysilicon.validation.training_recipes import software
from polysilicon.validation.training_table import MEASURED, read_cases

CASES = DATA / "measurements" / "training.csv"
TIMED_STEPS = DATA / "measurements" / "training_calculon.csv"
SPLIT = DATA / "measurements" / "training_split.csv"
SAMPLES_SPLIT = DATA / "measurements" / "samples_split.csv"
UNITS = {
    "step_time_s": "s",
    "tokens_per_s_per_chip": "tokens/s/chip",
    "model_tflops_per_chip": "TFLOP/s",
    "hw_tflops_per_chip": "TFLOP/s",
    "mfu_pct": "%",
    "hfu_pct": "%",
    "time_to_train_min": "min",
    "peak_mem_gib": "GiB",
}

# The fitted interval that bounds each kind of peak.
INTERVAL = {"computed": "allocator", "allocated": "allocator", "reserved": "allocator", "process": "memory"}


@dataclass(frozen=True)
class Answer:
    """What the estimator says of one row; `memory_bytes` is what must fit, `peak_bytes` the peak its source prints."""

    step_s: float
    low_s: float
    high_s: float
    memory_bytes: float
    capacity_bytes: float
    peak_bytes: float
    peak_low: float
    peak_high: float
    peak_flop_per_s: float
    recomputed: float


def validate(catalogue: Catalogue, cases_path: Path | None = None) -> list[Score]:
    """Compare every row of a table of training measurements with the estimator.

    Each measured quantity of each row gives one score; a row that states none, or that can't be expressed, gives
    one with the reason.

    Raises:
        InputError: the file can't be read, or a cell is not a number; with file, line and column.
    """
    rows = read_cases(cases_path or CASES)
    made = [prepare(catalogue, case) for case in rows if not by_samples(catalogue, case)]
    answers = _answers(catalogue, [one for one in made if one.expressible])
    cases, duplicates, steps = _fitted()
    scores = []
    for one in made:
        seen = one.case.id in cases or one.case.word("dup_group") in duplicates
        seen = seen or _step(one.case.words) in steps
        scores += list(_scores(catalogue, one, answers.get(id(one)), seen))
    for case in (one for one in rows if by_samples(catalogue, one)):
        seen = case.id in cases or case.word("dup_group") in duplicates
        scores += samples.scores(catalogue, case, _blank(catalogue, Prepared(case), seen))
    return scores


def _answers(catalogue: Catalogue, made: list[Prepared]) -> dict[int, Answer]:
    """Every expressible row in one table call, by the identity of the row.

    A row that leaves choices open is evaluated once for each. Of those that may fit in memory its interval spans all,
    and its point is the fastest, which is what people run.
    """
    if not made:
        return {}
    spread = [variants(catalogue, one) for one in made]
    starts = np.cumsum([0, *(len(each) for each in spread)])[:-1]
    table = [one for each in spread for one in each]
    job, cluster, efficiency = jobs_of(catalogue, table)
    parts = breakdown(job)
    alone = np.array([one.one_layer for one in table])
    step = np.where(alone, parts.layers_s + parts.tensor_s + parts.context_s + parts.expert_s, parts.step_s)
    wider = widened(efficiency, job, doubtful(table), doubt_widening(catalogue))

    used = memory(job)
    least_bytes = memory_bound_bytes(used.memory_bytes, efficiency["memory_low_ratio"])
    left = _left_open(np.broadcast_to(least_bytes <= cluster.memory_bytes, len(table)), starts)

    def least(column: Values) -> NDArray[np.float64]:
        return np.minimum.reduceat(np.where(left, column, np.inf), starts)

    def most(column: Values) -> NDArray[np.float64]:
        return np.maximum.reduceat(np.where(left, column, -np.inf), starts)

    printed, low, high = _printed(table, used, efficiency)
    rows = np.column_stack(
        [
            least(step),
            least(possible_s(bound_s(step, efficiency.low_ratio, wider), *least_work(job, cluster))),
            most(bound_s(step, efficiency.high_ratio, wider)),
            np.sqrt(least(used.memory_bytes) * most(used.memory_bytes)),
            least(cluster.memory_bytes),
            np.sqrt(least(printed) * most(printed)),
            least(printed * low),
            most(printed * high),
        ]
    )
    return {
        id(one): Answer(*[*(float(value) for value in row), _peak(one), _recomputed(one)])
        for one, row in zip(made, rows, strict=True)
    }


def _left_open(fits: NDArray[np.bool_], starts: NDArray[np.int_]) -> NDArray[np.bool_]:
    """The choices of each row that may fit in memory; all of a row for which none does."""
    lengths = np.diff(np.append(starts, len(fits)))
    left: NDArray[np.bool_] = fits | ~np.repeat(np.maximum.reduceat(fits, starts), lengths)
    return left


def _printed(table: list[Prepared], used: Memory, efficiency: Efficiency) -> tuple[NDArray[np.float64], ...]:
    """The peak that each row's source prints, and the ratios of its 90 % interval."""
    peaks = [software(one.case).peak for one in table]
    known, rows = {name: np.broadcast_to(one, len(table)) for name, one in used.peaks().items()}, range(len(table))
    printed = np.array([known[peak][at] for at, peak in zip(rows, peaks, strict=True)])
    ends = [
        np.array(
            [np.ravel(efficiency[f"{INTERVAL[peak]}_{end}_ratio"])[at] for at, peak in zip(rows, peaks, strict=True)]
        )
        for end in ("low", "high")
    ]
    return printed, *ends


def _peak(one: Prepared) -> float:
    """The peak that the row's source divides by, else that of the catalogue."""
    stated = one.case.number("peak_tflops_used")
    if stated:
        return stated * TERA
    assert one.cluster is not None  # noqa: S101 - only asked for expressible rows
    return float(one.cluster.peak("bf16"))


def _recomputed(one: Prepared) -> float:
    """Hardware over model operations: a fully recomputed layer runs its forward pass once more, of two where frozen."""
    passes = 3.0 - one.recipe["frozen"]
    return 1.0 + (one.layout["recomputed_share"] / passes if one.layout["recompute"] == 2.0 else 0.0)


def _scores(catalogue: Catalogue, one: Prepared, answer: Answer | None, fitted: bool) -> Iterator[Score]:
    """One score a measured quantity of a row; one with the reason where it states none."""
    case, blank = one.case, _blank(catalogue, one, fitted)
    stated = {name: value for name in MEASURED if (value := case.number(name)) is not None}
    for name, measured in stated.items():
        peak = software(case).peak if name == "peak_mem_gib" and answer else ""
        row = beside(replace(blank, quantity=name, measured=measured, unit=UNITS[name], peak=peak), case.words)
        found = _predicted(catalogue, name, one, answer) if answer else None
        if found is not None:
            value, low, high = found
            error = 100.0 * (value / measured - 1.0) if measured else None
            yield replace(row, predicted=value, low=low, high=high, error_pct=error)
        elif answer is not None and name == "time_to_train_min":
            why = "the row doesn't state how many samples reach the target"
            yield replace(row, status="underspecified", why=why)
        else:
            yield row
    if case.word("metric") == "oom" and answer is not None:
        said = "oom" if answer.memory_bytes > answer.capacity_bytes else "fits"
        yield replace(blank, quantity="oom", predicted=said, measured="oom")
    elif not stated:
        reason = unpredicted(blank.quantity)
        yield blank if one.why else replace(blank, status="unsupported", why=reason)


def _blank(catalogue: Catalogue, one: Prepared, fitted: bool) -> Score:
    """What a row's scores have in common."""
    case = one.case
    return Score(
        case_id=case.id,
        quantity=case.word("metric") or NO_METRIC,
        measured=case.number("value"),
        unit=case.word("unit"),
        fitted=fitted,
        status=one.status,
        why=one.why,
        chip=case.word("chip_id") or case.word("chip"),
        vendor=_vendor_of(catalogue, case.word("chip_id") or case.word("chip")),
        source=case.word("source_key"),
        kind=case.word("kind"),
        quality=case.word("quality"),
        fully_specified=case.word("fully_specified") == "1" if "fully_specified" in case.words else not one.missing,
        source_fitted=case.word("source_key") in fitted_sources(),
    )


def _whole_run(catalogue: Catalogue, one: Prepared, answer: Answer) -> tuple[float, float, float] | None:
    """Minutes to the target of a benchmark whose number of samples is known: steps times their time."""
    case = one.case
    batch = case.number("global_batch")
    if "MLPerf" not in case.word("source_title") or not batch:
        return None
    try:
        model = catalogue.get(ModelCard, case.word("model"))
        samples = catalogue.get(Assumption, f"mlperf-samples-{model.id}")
    except PolysiliconError:
        return None
    minutes = samples.value / batch / S_PER_MIN
    low, high = (bound / samples.value if bound else 1.0 for bound in (samples.low, samples.high))
    return answer.step_s * minutes, answer.low_s * minutes * low, answer.high_s * minutes * high


def _predicted(catalogue: Catalogue, name: str, one: Prepared, answer: Answer) -> tuple[float, float, float] | None:
    """Point and 90 % interval of one quantity; rates fall as time rises, so their ends swap."""
    case = one.case
    if name == "step_time_s":
        return answer.step_s, answer.low_s, answer.high_s
    if name == "peak_mem_gib":
        return answer.peak_bytes / GIB, answer.peak_low / GIB, answer.peak_high / GIB
    if name == "time_to_train_min":
        return _whole_run(catalogue, one, answer)
    per_step = (case.number("global_batch") or 0.0) * (case.number("seq_len") or 0.0) / (case.number("chips") or 1.0)
    if name == "tokens_per_s_per_chip":
        return per_step / answer.step_s, per_step / answer.high_s, per_step / answer.low_s
    scale = per_step * model_flop_per_token(one)
    if name in ("hw_tflops_per_chip", "hfu_pct"):
        scale *= answer.recomputed
    scale *= 100.0 / answer.peak_flop_per_s if name.endswith("_pct") else 1.0 / TERA
    return scale / answer.step_s, scale / answer.high_s, scale / answer.low_s


@lru_cache(maxsize=512)
def _vendor_of(catalogue: Catalogue, chip: str) -> str:
    try:
        return catalogue.get(Chip, chip).vendor
    except PolysiliconError:
        return chip.split(" ")[0] if chip else "not stated"


def _step(words: Mapping[str, str]) -> tuple[str, str, str] | None:
    """What makes one measured step the same in two tables: chips, layers and the time itself."""
    known = tuple(words.get(name, "") for name in ("chips", "layers", "step_time_s"))
    return (known[0], known[1], known[2]) if all(known) else None


@lru_cache(maxsize=1)
def _fitted() -> tuple[frozenset[str], frozenset[str], frozenset[tuple[str, str, str] | None]]:
    """Our cases that took part in the fit, the groups of duplicates of which one did, and the steps measured there."""
    split = [row for path in (SPLIT, SAMPLES_SPLIT) for _, row in read_csv(path)]
    cases = frozenset(row["case_id"] for row in split if row["fitted"] == "1")
    rows = [row for _, row in read_csv(CASES) if row["case_id"] in cases]
    groups, steps = {row["dup_group"] for row in rows}, {_step(row) for row in rows}
    return cases, frozenset(groups - {""}), frozenset(steps - {None})
