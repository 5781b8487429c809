"""Fit what a chip holds beyond the memory that is counted, and write it as a record.

    python scripts/calibrate_memory.py     # fit, then write facts/data/efficiency/memory.yaml

Only rows of measurements/training.csv that state a measured peak and that measurements/training_split.csv marks `fit`
are fitted; the XX"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.optimize import least_squares

from polysilicon.facts import Catalogue, load
from polysilicon.facts.compiler import build
from polysilicon.facts.hardware import Chip
from polysilicon.facts.index import DATA
from polysilicon.performance.efficiency import Efficiency
from polysilicon.performance.memory import memory
from polysilicon.records import files
from polysilicon.records.units import GIB
from polysilicon.validation.conformal import conformal
from polysilicon.validation.fit_record import MEMORY_LEFT_OUT as LEFT_OUT
from polysilicon.validation.training_cases import Prepared, jobs_of, prepare
from polysilicon.validation.training_recipes import software
from polysilicon.validation.training_table import read_cases

CASES = DATA / "measurements" / "training.csv"
SPLIT = DATA / "measurements" / "training_split.csv"
OUT = DATA / "efficiency" / "memory.yaml"
PRIOR = {"fragment_share": 0.05, "runtime_bytes": 1.0 * GIB, "group_bytes": 1.0 * GIB}
# The rows that there are can hardly tell what the runtime holds from what each group of chips does: the prior does.
PULL, ROBUST = 0.4, 0.1
# The peaks whose errors make each interval, by the name of its parameters.
INTERVALS = {"allocator": ("allocated", "reserved"), "memory": ("process",)}

Floats = NDArray[np.float64]
Fitted = Mapping[str, float]


class Rows:
    """Rows that state a measured peak, as one table of jobs."""

    def __init__(self, catalogue: Catalogue, made: Sequence[Prepared]) -> None:
        self.peaks = np.array([software(one.case).peak for one in made])
        self.sources = np.array([one.case.word("source_key") for one in made])
        self.measured = np.array([(one.case.number("peak_mem_gib") or np.nan) * GIB for one in made])
        self.job = jobs_of(catalogue, list(made))[0]

    def log_error(self, held: Fitted) -> Floats:
        """Logarithm of predicted over measured peaks, each of its own kind."""
        used = memory(replace(self.job, efficiency=Efficiency(held, 0.0, 0.0)))
        table = np.stack([np.broadcast_to(one, len(self.peaks)) for one in used.peaks().values()])
        kinds = [list(used.peaks()).index(one) for one in self.peaks]
        return np.asarray(np.log(table[kinds, range(len(kinds))] / self.measured))


def fit(rows: Rows, chosen: NDArray[np.bool_]) -> Fitted:
    """Least squares on the log error of the chosen rows, robust to single ones, pulled to the prior."""
    start = np.log(list(PRIOR.values()))

    def held(x: Floats) -> Fitted:
        return {name: float(np.exp(value)) for name, value in zip(PRIOR, x, strict=True)}

    def residuals(x: Floats) -> Floats:
        return np.concatenate([rows.log_error(held(x))[chosen], PULL * (x - start)])

    return held(least_squares(residuals, start, loss="soft_l1", f_scale=ROBUST).x)


def intervals(rows: Rows, apart: Floats) -> dict[str, float]:
    """The ends of each interval, from the errors that the chosen rows have while their source is left out."""
    ends: dict[str, float] = {}
    for name, peaks in INTERVALS.items():
        own = np.isin(rows.peaks, peaks) & np.isfinite(apart)
        low, high = conformal(apart[own], rows.sources[own].tolist())
        ends |= {f"{name}_low_ratio": low, f"{name}_high_ratio": high}
    return ends


def left_out_lines(catalogue: Catalogue, made: Sequence[Prepared], rows: Rows, apart: Floats) -> list[str]:
    """The rows while their source is left out; the interval is that of the others, of like kind if any are."""
    lines = ["case_id,source,vendor,chip,peak,log_error,low_ratio,high_ratio"]
    for at, one in enumerate(made):
        if rows.peaks[at] == "computed":
            continue
        alike = next(kinds for kinds in INTERVALS.values() if rows.peaks[at] in kinds)
        others = (rows.sources != rows.sources[at]) & (rows.peaks != "computed")
        known = others & np.isin(rows.peaks, alike)
        known = known if known.any() else others
        low, high = conformal(apart[known], rows.sources[known].tolist())
        chip = catalogue.get(Chip, one.case.word("chip_id") or one.case.word("chip"))
        words = one.case.id, rows.sources[at], chip.vendor, one.case.word("chip_id"), rows.peaks[at]
        lines.append(",".join([*words, f"{apart[at]:.5g}", f"{low:.5g}", f"{high:.5g}"]))
    return lines


def told(name: str, rows: Rows, errors: Floats, chosen: NDArray[np.bool_]) -> None:
    """Print how far off the chosen rows are, each kind of peak by itself."""
    for peak in sorted(set(rows.peaks[chosen])):
        off = np.abs(np.expm1(errors[chosen & (rows.peaks == peak)]))
        print(
            f"{name:24s} {peak:10s} {len(off):4d} rows  median {np.median(off):6.1%}  p90 {np.quantile(off, 0.9):6.1%}"
        )


def main() -> None:
    """Fit, test, write."""
    catalogue = load()
    with SPLIT.open() as stream:
        folds = {row["case_id"]: row["fold"] for row in csv.DictReader(stream)}
    every = [prepare(catalogue, case) for case in read_cases(CASES) if case.number("peak_mem_gib")]
    known = [one for one in every if one.status == "ok" and one.expressible and one.case.word("quality") in ("A", "B")]
    rows = Rows(catalogue, known)
    fold = np.array([folds[one.case.id] for one in known])
    measured = rows.peaks != "computed"
    fitted = (fold == "fit") & measured
    held = fit(rows, fitted)
    errors, apart = rows.log_error(held), np.full(len(known), np.nan)
    for source in sorted(set(rows.sources)):
        own = rows.sources == source
        apart[own] = rows.log_error(fit(rows, fitted & ~own))[own]
    told("fitted", rows, errors, fitted)
    told("never fitted", rows, errors, (fold == "test") & measured)
    told("source left out", rows, apart, measured)
    told("computed by the source", rows, errors, ~measured)
    parameters = {**held, **intervals(rows, np.where(measured, apart, np.nan))}
    record = {
        "from": ["memory-fit"],
        "confidence": "measured",
        "room": "memory",
        "level": "all",
        "applies_to": "all",
        "cases": int(fitted.sum()),
        "parameters": {name: float(f"{value:.5g}") for name, value in parameters.items()},
    }
    header = "# Written by scripts/calibrate_memory.py; run it again instead of editing.\n"
    files.write(OUT, header + yaml.safe_dump({"memory-all": record}, sort_keys=False, width=110))
    files.write(LEFT_OUT, "\n".join(left_out_lines(catalogue, known, rows, apart)) + "\n")
    print(record["parameters"])
    print("catalogue", build())


if __name__ == "__main__":
    main()
