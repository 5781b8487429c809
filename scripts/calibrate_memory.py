"""Fit what a chip holds beyond the memory that is counted, and write it as a record.

    python scripts/calibrate_memory.py     # fit, then write facts/data/efficiency/memory.yaml

Only rows of measurements/training.csv that state a peak and that measurements/training_split.csv marks `fit` are
fitted; the others test.
"""

import csv
from dataclasses import replace

import numpy as np
import yaml
from scipy.optimize import least_squares

from polysilicon.facts import load
from polysilicon.facts.compiler import build
from polysilicon.facts.index import DATA
from polysilicon.performance.efficiency import Efficiency
from polysilicon.performance.memory import memory
from polysilicon.performance.step import Job
from polysilicon.records import files
from polysilicon.records.units import GIB
from polysilicon.validation.training_cases import Prepared, jobs_of, prepare, read_cases
from polysilicon.validation.training_measures import usable

CASES = DATA / "measurements" / "training.csv"
SPLIT = DATA / "measurements" / "training_split.csv"
OUT = DATA / "efficiency" / "memory.yaml"
PRIOR = {"reserve_share": 0.05, "reserve_bytes": 2.0 * GIB}
PULL, ROBUST = 0.2, 0.1


def log_error(job: Job, peaks: np.ndarray, held: dict[str, float]) -> np.ndarray:
    """Logarithm of predicted over measured peaks."""
    return np.log(memory(replace(job, efficiency=Efficiency(held, 0.0, 0.0))).memory_bytes / peaks)


def fit(job: Job, peaks: np.ndarray) -> dict[str, float]:
    """Least squares on the log error, robust to single rows, pulled to the prior."""
    start = np.log(list(PRIOR.values()))

    def held(x: np.ndarray) -> dict[str, float]:
        return {name: float(np.exp(value)) for name, value in zip(PRIOR, x, strict=True)}

    def residuals(x: np.ndarray) -> np.ndarray:
        return np.concatenate([log_error(job, peaks, held(x)), PULL * (x - start)])

    return held(least_squares(residuals, start, loss="soft_l1", f_scale=ROBUST).x)


def conformal(sources: list[str], errors: np.ndarray, share: float = 0.90) -> tuple[float, float]:
    """Ratios of measured over predicted that hold `share` of the rows; a source counts by the root of its rows."""
    rows = np.array([sources.count(one) for one in sources])
    order = np.argsort(-errors)
    weights = rows[order] ** -0.5
    below = (np.cumsum(weights) - 0.5 * weights) / weights.sum()
    low, high = np.interp([(1 - share) / 2, (1 + share) / 2], below, -errors[order])
    return float(np.exp(low)), float(np.exp(high))


def peaks_of(made: list[Prepared]) -> np.ndarray:
    """The measured peaks in bytes."""
    return np.array([(one.case.number("peak_mem_gib") or np.nan) * GIB for one in made])


def main() -> None:
    """Fit, test, write."""
    catalogue = load()
    with SPLIT.open() as stream:
        folds = {row["case_id"]: row["fold"] for row in csv.DictReader(stream)}
    every = [prepare(catalogue, case) for case in read_cases(CASES) if case.number("peak_mem_gib")]
    known = [one for one in every if usable(one)]
    parts = {fold: [one for one in known if folds.get(one.case.id) == fold] for fold in ("fit", "test")}
    jobs = {fold: (jobs_of(catalogue, made)[0], peaks_of(made)) for fold, made in parts.items()}
    held = fit(*jobs["fit"])
    errors = {fold: log_error(*job, held) for fold, job in jobs.items()}
    for fold, one in errors.items():
        off = np.abs(np.expm1(one))
        print(f"{fold:5s} {len(one):4d} rows  median {np.median(off):6.1%}  p90 {np.quantile(off, 0.9):6.1%}")
    sources = [one.case.word("source_key") for made in parts.values() for one in made]
    low, high = conformal(sources, np.concatenate(list(errors.values())))
    parameters = held | {"memory_low_ratio": low, "memory_high_ratio": high}
    record = {
        "from": ["memory-fit"],
        "confidence": "measured",
        "room": "memory",
        "level": "all",
        "applies_to": "all",
        "cases": len(parts["fit"]),
        "parameters": {name: float(f"{value:.5g}") for name, value in parameters.items()},
    }
    header = "# Written by scripts/calibrate_memory.py; run it again instead of editing.\n"
    files.write(OUT, header + yaml.safe_dump({"memory-all": record}, sort_keys=False, width=110))
    print("catalogue", build())


if __name__ == "__main__":
    main()
