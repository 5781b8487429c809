"""Measured training steps of models whose unit is a sample against the estimator: one score a measured quantity."""

from collections.abc import Iterator

import numpy as np
from msgspec.structs import replace

from polysilicon.facts import Catalogue
from polysilicon.performance.sample_jobs import efficiency_for
from polysilicon.performance.sample_parts import samples_per_s
from polysilicon.performance.sample_training import interval_s, unvalidated
from polysilicon.performance.values import Values
from polysilicon.records.units import S_PER_MIN, TERA
from polysilicon.validation.sample_cases import (
    RATE,
    SampleCase,
    convergence,
    job_of,
    prepare,
    stated_rate,
    step_s,
    tflops_per_chip,
)
from polysilicon.validation.score import Score, unpredicted
from polysilicon.validation.training_table import MEASURED, Case

UNVALIDATED = "unvalidated: measured cases of this kind are too few, or too far off"
UNITS = {
    "step_time_s": "s",
    RATE: "samples/s",
    "model_tflops_per_chip": "TFLOP/s",
    "mfu_pct": "%",
    "time_to_train_min": "min",
}
# Point and both ends of the 90 % interval.
Ends = tuple[float, float, float]


def scores(catalogue: Catalogue, case: Case, blank: Score) -> Iterator[Score]:
    """One score a measured quantity of a row, filled in from `blank`; one with the reason where it states none."""
    one = prepare(catalogue, case)
    blank = replace(blank, status=one.status, why=one.why)
    stated = {name: value for name in MEASURED if (value := case.number(name)) is not None}
    if rate := stated_rate(case):
        stated[RATE] = rate
    if not stated:
        reason = unpredicted(blank.quantity)
        yield blank if one.why else replace(blank, status="unsupported", why=reason)
    answers = _answers(catalogue, one) if one.cluster is not None else {}
    doubt = UNVALIDATED if answers and _doubtful(catalogue, one) else ""
    for name, measured in stated.items():
        row = replace(blank, quantity=name, measured=measured, unit=UNITS.get(name, ""))
        if name in answers:
            value, low, high = answers[name]
            error = 100.0 * (value / measured - 1.0)
            yield replace(row, predicted=value, low=low, high=high, error_pct=error, why=row.why or doubt)
        elif row.why:
            yield row
        elif name == "time_to_train_min":
            why = "no reference run says how many samples reach the target with this batch"
            yield replace(row, status="underspecified", why=why)
        else:
            yield replace(row, status="unsupported", why=f"{name} is not predicted for models that work on samples")


def _ends(column: Values) -> Ends:
    value, low, high = (float(one) for one in np.ravel(column))
    return value, low, high


def _doubtful(catalogue: Catalogue, one: SampleCase) -> bool:
    assert one.model and one.cluster  # noqa: S101, PT018 - only asked for expressible rows
    return unvalidated(catalogue, efficiency_for(catalogue, one.model, one.cluster))


def _answers(catalogue: Catalogue, one: SampleCase) -> dict[str, Ends]:
    """Every quantity that follows from the step of a row; the errors of step and run length are independent."""
    assert one.model and one.cluster and one.layout  # noqa: S101, PT018 - only asked for expressible rows
    job = job_of(catalogue, one, efficiency_for(catalogue, one.model, one.cluster))
    step = float(step_s(job))
    low, high = interval_s(catalogue, job, step, one.cluster, one.layout.precision)
    ends = np.array([step, high, low])
    tflops = tflops_per_chip(job, ends)
    peak = one.case.number("peak_tflops_used") or float(one.cluster.peak("bf16")) / TERA
    rates = {
        RATE: samples_per_s(one.global_batch, ends),
        "model_tflops_per_chip": tflops,
        "mfu_pct": 100.0 * tflops / peak,
    }
    found: dict[str, Ends] = {"step_time_s": (step, low, high)}
    found |= {name: _ends(row) for name, row in rates.items()}
    if run := convergence(one.model.name, one.case.number("year") or np.inf, one.global_batch):
        minutes = step * run.samples / one.global_batch / S_PER_MIN
        below = np.hypot(np.log(step / low), np.log(run.samples / run.least))
        above = np.hypot(np.log(high / step), np.log(run.most / run.samples))
        found["time_to_train_min"] = (minutes, float(minutes * np.exp(-below)), float(minutes * np.exp(above)))
    return found
