"""The page of a validation: predicted against measured, the spread by source, the errors by group, and every row."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from polysilicon.report.figures import Chart, Series
from polysilicon.report.page import document
from polysilicon.report.scores import NO_TIME, SPLIT_NAMES, summary
from polysilicon.report.words import number
from polysilicon.validation.score import Score, by
from polysilicon.validation.statistics import slower

LEAST_POINTS = 5
UNIT_SUFFIXES = ("_per_s_per_chip", "_per_chip", "_pct", "_gib", "_min", "_ms", "_s")
# Quantities whose name says little without its unit.
TITLES = {
    "tokens_per_s_per_chip": "throughput in tokens",
    "samples_per_s": "throughput in samples",
    "model_tflops_per_chip": "model FLOP rate",
    "hw_tflops_per_chip": "hardware FLOP rate",
    "peak_mem_gib": "peak memory",
}
TOOK_PART, TOOK_NO_PART, MEDIAN = "took part in the fit", "took no part", "median of all"


def render(subject: str, scores: Sequence[Score], left: Sequence[Score] = (), also: Sequence[Score] = ()) -> str:
    """The page, in one file that needs no network; the arguments are those of `scores.summary`."""
    drawn, told = charts(scores), summary(scores, left, also)
    return document(
        "validation.html",
        drawn,
        subject=subject,
        told=told,
        splits=[(title, told[name]) for name, title in SPLIT_NAMES.items()],
        pictures=[name for name in drawn if name != "spread"],
        sources=len(drawn["spread"].categories) if "spread" in drawn else 0,
        rows=sorted(scores, key=lambda one: (one.vendor, one.chip, one.source, one.case_id, one.quantity)),
    )


def charts(scores: Sequence[Score]) -> dict[str, Chart]:
    """A picture of each quantity with enough figures, most figures first, and the spread by source."""
    predicted = [one for one in scores if one.status == "ok" and _positive(one)]
    vendors = list(by(predicted, "vendor"))
    drawn = [
        agreement(quantity, group, vendors)
        for quantity, group in by(predicted, "quantity").items()
        if len(group) >= LEAST_POINTS
    ]
    timed = [one for one in predicted if one.quantity not in NO_TIME]
    if timed:
        drawn.append(spread(timed))
    return {chart.id: chart for chart in drawn}


def _positive(one: Score) -> bool:
    figures = (one.predicted, one.measured)
    return all(isinstance(figure, int | float) and figure > 0.0 for figure in figures) and slower(one) is not None


def agreement(quantity: str, scores: Sequence[Score], vendors: Sequence[str]) -> Chart:
    """Predicted against measured figures of one quantity; a vendor has the colour of its place among `vendors`."""
    unit = scores[0].unit
    off = np.abs([one.error_pct or 0.0 for one in scores])
    says = f"{len(scores)} figures; half are within {number(float(np.median(off)), 2)} %."
    points = [
        {
            "x": one.measured,
            "y": one.predicted,
            "low": one.low or None,
            "high": one.high or None,
            "group": one.vendor,
            "name": f"{one.case_id}: {one.chip}",
            "error": _error(one),
            "note": _note(one),
        }
        for one in scores
    ]
    present = {one.vendor for one in scores}
    legend = [Series(vendor, ()) for vendor in vendors if vendor in present]
    return Chart(quantity, _title(quantity), says, "agreement", unit, vendors, legend, points, f"measured, {unit}")


def spread(scores: Sequence[Score]) -> Chart:
    """Predicted over measured time of every figure, a line for each source."""
    groups = by(scores, "source")
    ratios = {name: np.array([slower(one) for one in group], dtype=float) for name, group in groups.items()}
    lines = {name: f"{name or 'not stated'} ({len(group)})" for name, group in groups.items()}
    points: list[dict[str, Any]] = [
        {
            "x": ratio,
            "category": lines[name],
            "group": TOOK_PART if one.fitted else TOOK_NO_PART,
            "note": f"{one.case_id}: {one.chip}\n{one.quantity.replace('_', ' ')} {_error(one)}\n{_note(one)}",
        }
        for name, group in groups.items()
        for one, ratio in zip(group, ratios[name].tolist(), strict=True)
    ]
    for name, line in lines.items():
        middle = float(np.median(ratios[name]))
        points.append({"x": middle, "category": line, "group": MEDIAN, "note": f"{name}: median {number(middle, 3)}"})
    near = np.mean([abs(np.log2(ratio)) < 1.0 for group in ratios.values() for ratio in group])
    within = f"{number(100 * float(near), 3)} % lie between half and twice the measured time"
    says = f"A point a figure; {within}. What is off by more than a factor of 4 stands at the edge."
    legend = [Series(name, ()) for name in (TOOK_PART, TOOK_NO_PART, MEDIAN)]
    return Chart(
        "spread",
        "Predicted over measured time, by source",
        says,
        "spread",
        "ratio",
        list(lines.values()),
        legend,
        points,
        "predicted / measured time",
    )


def _title(quantity: str) -> str:
    if quantity in TITLES:
        return TITLES[quantity]
    suffix = next((one for one in UNIT_SUFFIXES if quantity.endswith(one)), "")
    words = quantity.removesuffix(suffix).replace("_", " ")
    return words.upper() if len(words) <= 4 else words


def _error(one: Score) -> str:
    return f"{one.error_pct:+.1f} %"


def _note(one: Score) -> str:
    beside = f"; {one.peer} {one.peer_error_pct:+.1f} %" if one.peer_error_pct is not None else ""
    return f"{one.source}, {TOOK_PART if one.fitted else TOOK_NO_PART}{beside}"
