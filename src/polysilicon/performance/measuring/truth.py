"""The truth at hand: a real transformer on this device over shapes that no micro-benchmark has, beside the prediction.

None of these sizes is a power of two, as all that are timed to learn are. Every shape is built and run twice, far
apart, and the least of all its runs counts, as a machine that others use as well has slow minutes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from polysilicon.performance.curves import Silicon
from polysilicon.performance.measuring.forms import Table, kernel_s
from polysilicon.performance.measuring.kernels import MODES, Kernel, Mode
from polysilicon.performance.measuring.reach import job_s
from polysilicon.performance.measuring.timing import Timing
from polysilicon.performance.measuring.work import Job, kernels_of
from polysilicon.performance.values import BYTES_PER_ELEMENT, Values
from polysilicon.records.table import Table as Shown

# Runs one job so often at most and times it.
Runner = Callable[[Job], Timing]

# Hidden, heads, feed-forward width, layers, vocabulary, batch, sequence; on faster devices all widths are doubled.
SHAPES = (
    (192, 3, 576, 3, 3000, 3, 96),
    (320, 5, 864, 4, 5000, 1, 160),
    (320, 10, 1280, 3, 7000, 2, 224),
    (384, 4, 1152, 3, 6000, 3, 96),
    (448, 7, 1216, 3, 5000, 1, 320),
    (448, 7, 1792, 2, 9000, 5, 48),
    (576, 6, 1536, 3, 10000, 1, 192),
    (576, 9, 2304, 2, 12000, 2, 176),
    (640, 10, 1728, 3, 9000, 1, 144),
    (704, 11, 1920, 2, 11000, 3, 80),
    (768, 8, 2304, 3, 13000, 1, 112),
    (960, 15, 2560, 2, 12000, 1, 240),
)
# A device is given wider models until the middle training step takes so long.
LEAST_STEP_S, MOST_DOUBLINGS = 0.02, 4
# An answer is written after a context so many times the prompt of the same shape.
CONTEXT = 3
ROUNDS = 2
# The bar: this median error, or so many times the median spread of repeated runs, whichever is larger.
BAR, BAR_SPREADS = 0.15, 2.0


@dataclass(frozen=True)
class Row:
    """One job: its predicted and measured time [s], and how far the median run lay above the least."""

    job: Job
    predicted_s: float
    measured_s: float
    spread: float
    trusted: bool

    @property
    def error(self) -> float:
        """Predicted over measured, less one."""
        return self.predicted_s / self.measured_s - 1.0


@dataclass(frozen=True)
class Checked:
    """Every job of a check with both times; `failed` counts those that could not run here."""

    chip: str
    dtype: str
    rows: tuple[Row, ...]
    failed: int = 0

    def of(self, mode: Mode) -> list[Row]:
        """The rows of one mode."""
        return [one for one in self.rows if one.job.mode == mode]

    def verdicts(self) -> list[dict[str, Any]]:
        """For each mode the median error and spread, and whether the bar is met."""
        verdicts = []
        for mode in MODES:
            rows = self.of(mode)
            if not rows:
                continue
            error = float(np.median([abs(one.error) for one in rows]))
            spread = float(np.median([one.spread for one in rows]))
            bar = max(BAR, BAR_SPREADS * spread)
            verdicts.append(
                {
                    "mode": mode,
                    "shapes": len(rows),
                    "median_error_pct": 100.0 * error,
                    "worst_error_pct": 100.0 * max(abs(one.error) for one in rows),
                    "median_bias_pct": 100.0 * float(np.median([one.error for one in rows])),
                    "median_spread_pct": 100.0 * spread,
                    "bar_pct": 100.0 * bar,
                    "met": error <= bar,
                }
            )
        return verdicts

    def to_table(self) -> Shown:
        """Every row."""
        jobs = [one.job for one in self.rows]
        columns: dict[str, list[Any]] = {
            "mode": [one.mode for one in jobs],
            **{name: [int(getattr(one, name)) for one in jobs] for name in ("hidden", "layers", "batch", "sequence")},
            "predicted_ms": [1e3 * one.predicted_s for one in self.rows],
            "measured_ms": [1e3 * one.measured_s for one in self.rows],
            "error_pct": [100.0 * one.error for one in self.rows],
            "spread_pct": [100.0 * one.spread for one in self.rows],
        }
        doubted = sum(not one.trusted for one in self.rows)
        told = (doubted, "timings that too few runs agree on"), (self.failed, "shapes that could not run here")
        notes = tuple(f"{count} {what}" for count, what in told if count)
        return Shown(f"{self.chip} in {self.dtype}: predicted and measured", columns, notes=notes)


def predicted_s(job: Job, dtype: str, parameters: Mapping[str, Values], silicon: Silicon) -> float:
    """Time of one run of a job: that of all its kernels, one after another, as steps reach them."""
    by_kind: dict[str, list[tuple[Kernel, int]]] = {}
    for kernel, count in kernels_of(job, BYTES_PER_ELEMENT[dtype]).items():
        by_kind.setdefault(kernel.kind, []).append((kernel, count))
    alone = sum(
        float(np.dot(kernel_s(Table.of([one for one, _ in every]), dtype, parameters, silicon), [n for _, n in every]))
        for every in by_kind.values()
    )
    return job_s(job, alone, dtype, parameters)


def jobs(dtype: str, parameters: Mapping[str, Values], silicon: Silicon) -> list[Job]:
    """Every shape in every mode, as wide as the device is fast."""
    for doublings in range(MOST_DOUBLINGS + 1):
        made = list(widened(2.0**doublings))
        steps = [predicted_s(one, dtype, parameters, silicon) for one in made if one.mode == "training"]
        if float(np.median(steps)) >= LEAST_STEP_S:
            break
    return made


def check(
    chip: str,
    dtype: str,
    parameters: Mapping[str, Values],
    silicon: Silicon,
    every: Sequence[Job],
    run: Runner,
    said: Callable[[str, float], None],
) -> Checked:
    """Run every job, and set its time beside the prediction."""
    found: dict[Job, list[Timing]] = {}
    for turn in range(ROUNDS):
        for at, job in enumerate(every):
            said(f"{job.mode}, hidden {job.hidden:g}", (turn + at / len(every)) / ROUNDS)
            found.setdefault(job, []).append(run(job))
    rows = []
    for job, every_turn in found.items():
        timings = [one for one in every_turn if one.repeats]
        if not timings:
            continue
        least = min(timings, key=lambda one: one.time_s)
        # The runs of all turns together: their median over their least.
        middle = float(np.median([one.time_s * (1.0 + one.spread) for one in timings]))
        rows.append(
            Row(
                job,
                predicted_s(job, dtype, parameters, silicon),
                least.time_s,
                middle / least.time_s - 1.0,
                any(one.trusted for one in timings),
            )
        )
    return Checked(chip, dtype, tuple(rows), len(found) - len(rows))


def widened(factor: float) -> Iterable[Job]:
    """Every shape in every mode, each width so many times that of `SHAPES`."""
    for mode in MODES:
        for hidden, heads, ffn, layers, vocab, batch, sequence in SHAPES:
            job = Job(mode, factor * hidden, factor * heads, factor * ffn, layers, factor * vocab, batch, sequence)
            yield replace(job, sequence=float(CONTEXT * sequence)) if mode == "decode" else job
