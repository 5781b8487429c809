"""How far off many scores are, and how honest their intervals are."""

import re
from collections.abc import Iterable, Sequence
from math import exp
from typing import Any

import msgspec
import numpy as np

from polysilicon.validation.score import Score, Status, by

OUTSIDE = 0.10  # what a 90 % interval leaves outside
GROUPS = ("quantity", "vendor", "chip", "source", "kind")
GOOD = ("A", "B")
TIMED = (
    "step_time_s",
    "tokens_per_s_per_chip",
    "samples_per_s",
    "model_tflops_per_chip",
    "hw_tflops_per_chip",
    "mfu_pct",
    "hfu_pct",
    "time_to_train_min",
)
_RATE = re.compile(r"_per_s|tps|tflops|[mh]fu_")


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """Errors over the rows that were predicted; `None` where there is nothing to count.

    The errors are those of the absolute error [% of the measured value]. `bias_pct` is the median signed error of
    the *time*: positive where we are too slow, whether the row states a time or a rate. `inside_90_pct` is how
    often the 90 % interval held the measured value, `median_width_pct` its full width [% of the prediction],
    `width_over_error` that width over the median error, and `interval_score_pct` the mean interval score [% of the
    measured value]: the width, plus twenty times the distance of each value that lies outside; lower is better.
    `agree_pct` is the share that agrees where the quantity is a word.
    Source: Gneiting and Raftery, Strictly Proper Scoring Rules, JASA 102 (2007), section 6.2.
    """

    predicted: int
    cases: int
    median_error_pct: float | None = None
    p90_error_pct: float | None = None
    mean_error_pct: float | None = None
    bias_pct: float | None = None
    agree_pct: float | None = None
    inside_90_pct: float | None = None
    median_width_pct: float | None = None
    width_over_error: float | None = None
    interval_score_pct: float | None = None


def statistics(scores: Iterable[Score], status: Status = "ok") -> Statistics:
    """The statistics of those scores of one status that carry a prediction."""
    predicted = [one for one in scores if one.status == status and one.predicted is not None]
    words = [one for one in predicted if isinstance(one.measured, str)]
    figures = [one for one in predicted if one.error_pct is not None and not isinstance(one.measured, str)]
    off = np.abs([one.error_pct or 0.0 for one in figures])
    return Statistics(
        predicted=len(predicted),
        cases=len({one.case_id for one in predicted}),
        median_error_pct=float(np.median(off)) if len(off) else None,
        p90_error_pct=float(np.quantile(off, 0.9)) if len(off) else None,
        mean_error_pct=float(np.mean(off)) if len(off) else None,
        bias_pct=_bias_pct(figures),
        agree_pct=100 * sum(one.predicted == one.measured for one in words) / len(words) if words else None,
        **_intervals(figures, float(np.median(off)) if len(off) else 0.0),
    )


def slower(score: Score) -> float | None:
    """Predicted over measured time, whether the score is of a time or of a rate; `None` where nothing was predicted."""
    if score.error_pct is None or score.error_pct <= -100.0 or isinstance(score.measured, str):
        return None
    ratio = 1.0 + score.error_pct / 100.0
    return 1.0 / ratio if _RATE.search(score.quantity) else ratio


def _bias_pct(figures: Sequence[Score]) -> float | None:
    ratios = [ratio for one in figures if (ratio := slower(one)) is not None]
    return 100.0 * (exp(float(np.median(np.log(ratios)))) - 1.0) if ratios else None


def _intervals(figures: Sequence[Score], median_error_pct: float) -> dict[str, Any]:
    bounded = np.array(
        [
            (one.low, one.high, float(one.measured), float(one.predicted))
            for one in figures
            if one.low is not None
            and one.high is not None
            and isinstance(one.measured, int | float)
            and isinstance(one.predicted, int | float)
            and one.measured > 0.0
            and one.predicted > 0.0
        ]
    )
    if not len(bounded):
        return {}
    low, high, measured, predicted = bounded.T
    width_pct = float(np.median(100.0 * (high - low) / predicted))
    return {
        "inside_90_pct": float(np.mean(100.0 * ((low <= measured) & (measured <= high)))),
        "median_width_pct": width_pct,
        "width_over_error": width_pct / median_error_pct if median_error_pct else None,
        "interval_score_pct": float(np.mean(100.0 * interval_score(low, high, measured) / measured)),
    }


def interval_score(low: np.ndarray, high: np.ndarray, measured: np.ndarray, outside: float = OUTSIDE) -> np.ndarray:
    """Width of an interval plus 2/`outside` times how far the measured value lies beyond it, in the figure's unit.

    An honest and narrow interval has the lowest score that there is; `outside` is the share it means to leave out.
    Source: Gneiting and Raftery, Strictly Proper Scoring Rules, JASA 102 (2007), equation 43.
    """
    beyond = np.maximum(low - measured, 0.0) + np.maximum(measured - high, 0.0)
    return np.asarray((high - low) + 2.0 / outside * beyond)


def parts(scores: Sequence[Score]) -> dict[str, list[Score]]:
    """All rows, those that took part in the fit, those that did not, and those whose whole source never did."""
    fitted_sources = {one.source for one in scores if one.fitted or one.source_fitted}
    return {
        "all": list(scores),
        "fitted": [one for one in scores if one.fitted],
        "not_fitted": [one for one in scores if not one.fitted],
        "source_never_fitted": [one for one in scores if one.source not in fitted_sources],
    }


def one_a_case(scores: Iterable[Score], status: Status = "ok") -> list[Score]:
    """One time figure of each case that was predicted: a step and the rates that follow from it count once."""
    first: dict[str, Score] = {}
    for one in scores:
        if one.status != status or one.error_pct is None or one.quantity not in TIMED:
            continue
        kept = first.setdefault(one.case_id, one)
        if TIMED.index(one.quantity) < TIMED.index(kept.quantity):
            first[one.case_id] = one
    return list(first.values())


def truth(scores: Sequence[Score]) -> list[Score]:
    """One time figure of each fully specified case of quality A or B whose source took part in no fit."""
    return [
        one for one in one_a_case(parts(scores)["source_never_fitted"]) if one.fully_specified and one.quality in GOOD
    ]


def grouped(scores: Iterable[Score], field: str) -> dict[str, Statistics]:
    """The statistics of each group of scores that share a field, the largest group first."""
    return {name: statistics(group) for name, group in by(scores, field).items()}
