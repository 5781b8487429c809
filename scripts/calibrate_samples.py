"""Fit the estimators of recommenders, diffusion models and encoders to measured training steps, and write records.

    python scripts/calibrate_samples.py     # fit, then write facts/data/efficiency/samples.yaml

Rows keep the fold that measurements/training_split.csv drew for them by whole groups; samples_split.csv records which
were fitted here. Few parameters, each pulled to a prior, and a pace for each class and chip; one interval a room, from
refits that never saw a source, or a chip, in turn, since whoever asks is a source that was never seen. A room whose
errors on rows never fitted, or on sources left out, miss the bar, or that has too few of either, is marked unvalidated,
and its figures say so.
"""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import yaml
from scipy.optimize import least_squares

from polysilicon.facts import load
from polysilicon.facts.compiler import build
from polysilicon.facts.hardware import Chip
from polysilicon.facts.index import DATA
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.efficiency import Efficiency
from polysilicon.performance.recommender_step import RecommenderJob, Tables, recommender_parts
from polysilicon.performance.sample_jobs import kind_of
from polysilicon.performance.sample_rates import sample_rates
from polysilicon.performance.sample_step import SampleJob, sample_parts
from polysilicon.performance.training import latencies_s
from polysilicon.performance.values import PRECISIONS
from polysilicon.records import files
from polysilicon.validation.conformal import conformal
from polysilicon.validation.sample_cases import SampleCase, by_samples, job_of, measured_step_s, prepare
from polysilicon.validation.training_table import read_cases
from polysilicon.workloads.work import Work

MEASUREMENTS = DATA / "measurements"
CASES, FOLDS = MEASUREMENTS / "training.csv", MEASUREMENTS / "training_split.csv"
LEFT_OUT = MEASUREMENTS / "samples_left_out.csv"
SPLIT, SOURCES = MEASUREMENTS / "samples_split.csv", MEASUREMENTS / "SOURCES.csv"
OUT = DATA / "efficiency" / "samples.yaml"


@dataclass(frozen=True)
class Parameter:
    """A share (between 0 and 1) or a positive size, its prior, and how far in logit or log it may stray."""

    name: str
    prior: float
    spread: float
    share: bool = True

    def inward(self) -> float:
        """The prior on the unbounded scale of the fit."""
        return float(np.log(self.prior / (1 - self.prior)) if self.share else np.log(self.prior))

    def outward(self, x: float) -> float:
        """Back from the scale of the fit."""
        return float(1 / (1 + np.exp(-x)) if self.share else np.exp(x))


# Priors: what the fit of transformers found for the same machinery, and a kernel's start as CUDA documents it.
COMMON = (
    Parameter("product", 0.60, 0.6),
    Parameter("stream", 0.70, 0.6),
    Parameter("narrow", 0.80, 0.6),
    Parameter("kernel_s", 5e-6, 0.7, share=False),
    Parameter("step_s", 2e-3, 1.0, share=False),
    Parameter("straggle", 0.01, 0.7, share=False),
    Parameter("data_overlap", 0.50, 0.8),
    Parameter("scaleup", 0.60, 0.6),
    Parameter("scaleout", 0.70, 0.6),
)
ATTENDING = (Parameter("core", 0.43, 0.6),)
LOOKING_UP = (Parameter("lookup", 0.50, 0.8), Parameter("exchange_overlap", 0.30, 0.8))
ROOMS = {"diffusion": COMMON + ATTENDING, "encoder": COMMON + ATTENDING, "recommender": COMMON + LOOKING_UP}
PACE_SPREAD = {"class": 0.25, "chip": 0.15}
PRIOR_WEIGHT, PACE_WEIGHT, ROBUST = 0.25, 0.25, 0.15
# The bars: median error, share of the rows inside the 90 % interval, and rows and groups below which neither tells.
MEDIAN_BAR, INSIDE_BAR, LEAST_ROWS, LEAST_SOURCES = 0.30, 0.80, 10, 2


@dataclass(frozen=True)
class Table:
    """Rows of one room as one table, with the chip and the source of each."""

    job: SampleJob | RecommenderJob
    cluster: Cluster
    precision: np.ndarray
    step_s: np.ndarray
    cases: list[str]
    chips: list[str]
    classes: list[str]
    sources: list[str]
    weights: np.ndarray

    def of(self, kept: np.ndarray, made: Sequence[SampleCase], catalogue) -> "Table":
        """The rows that `kept` marks."""
        return table([one for one, own in zip(made, kept, strict=True) if own], catalogue)


def start_of(room: str) -> Efficiency:
    """The priors; which layout fits in memory does not depend on them."""
    return Efficiency({p.name: p.prior for p in ROOMS[room]} | {"pace": 1.0}, 0.5, 2.0)


def table(made: Sequence[SampleCase], catalogue) -> Table:
    """Expressible rows of one room as one table."""
    jobs = [job_of(catalogue, one, start_of(kind_of(one.model))) for one in made]
    chips = [one.cluster.chip for one in made]
    sources = [one.case.word("source_key") for one in made]
    groups = Counter(zip(sources, chips, strict=True))
    weights = np.array([groups[one] ** -0.5 for one in zip(sources, chips, strict=True)])
    return Table(
        stacked(jobs),
        Cluster.stack([one.cluster for one in made]),
        np.array([float(PRECISIONS.index(one.layout.precision)) for one in made]),
        np.array([measured_step_s(one, job) for one, job in zip(made, jobs, strict=True)]),
        [one.case.id for one in made],
        chips,
        [catalogue.get(Chip, chip).device_class for chip in chips],
        sources,
        weights / weights.mean(),
    )


def stacked(jobs: Sequence[SampleJob | RecommenderJob]) -> SampleJob | RecommenderJob:
    """Jobs of one kind as a column of jobs; rates and efficiency are put in later."""

    def column(name: str) -> np.ndarray:
        return np.array([float(getattr(job, name)) for job in jobs])

    work = Work.stack([job.work for job in jobs])
    if isinstance(jobs[0], RecommenderJob):
        names = "global_batch", "chips", "sharding", "in_host", "table_element_bytes", "host_bytes_per_s", "node_size"
        tables = Tables.stack([job.tables for job in jobs])
        return replace(jobs[0], work=work, tables=tables, **{name: column(name) for name in names})
    names = "global_batch", "tp", "cp", "dp", "micro_batch", "zero_stage", "recomputed", "node_size"
    return replace(jobs[0], work=work, **{name: column(name) for name in names})


class Found:
    """The unknowns of one room in one vector, and back."""

    def __init__(self, room: str, one: Table, latencies: tuple[float, float]) -> None:
        self.room, self.parameters, self.latencies = room, ROOMS[room], latencies
        self.levels = {"class": sorted(set(one.classes)), "chip": sorted(set(one.chips))}
        paces = sum(len(names) for names in self.levels.values())
        self.start = np.array([p.inward() for p in self.parameters] + [0.0] * paces)
        self.x = self.start

    def values(self) -> dict[str, float]:
        """Parameters by name."""
        return {p.name: p.outward(x) for p, x in zip(self.parameters, self.x, strict=False)}

    def paces(self, x: np.ndarray) -> dict[str, dict[str, float]]:
        """Log paces by level and name."""
        found, at = {}, len(self.parameters)
        for level, names in self.levels.items():
            found[level] = dict(zip(names, x[at : at + len(names)], strict=True))
            at += len(names)
        return found

    def log_error(self, x: np.ndarray, one: Table) -> np.ndarray:
        """Logarithm of predicted over measured time."""
        paces = self.paces(x)
        log_pace = np.array(
            [
                paces["class"].get(c, 0.0) + paces["chip"].get(n, 0.0)
                for c, n in zip(one.classes, one.chips, strict=True)
            ]
        )
        parameters = {p.name: p.outward(value) for p, value in zip(self.parameters, x, strict=False)}
        efficiency = Efficiency(parameters | {"pace": np.exp(log_pace)}, 0.0, 0.0)
        rates = sample_rates(one.cluster, efficiency, one.precision, self.latencies)
        job = replace(one.job, efficiency=efficiency, rates=rates)
        parts = recommender_parts(job) if isinstance(job, RecommenderJob) else sample_parts(job)
        return np.log(parts["step_s"] / one.step_s)

    def run(self, one: Table) -> "Found":
        """Least squares on the log error, robust to single rows, with every unknown pulled to its prior."""
        pulls = [PRIOR_WEIGHT / p.spread for p in self.parameters]
        for level, names in self.levels.items():
            pulls += [PACE_WEIGHT / PACE_SPREAD[level]] * len(names)

        def residuals(x: np.ndarray) -> np.ndarray:
            return np.concatenate([np.sqrt(one.weights) * self.log_error(x, one), np.array(pulls) * (x - self.start)])

        self.x = least_squares(residuals, self.start, loss="soft_l1", f_scale=ROBUST, max_nfev=40).x
        return self


@dataclass(frozen=True)
class Unseen:
    """Errors on rows that a fit never saw: which rows, of which source, and what group was left out."""

    errors: np.ndarray
    cases: list[str]
    sources: list[str]
    groups: list[str]

    def __add__(self, other: "Unseen") -> "Unseen":
        """Both, one after the other."""
        return Unseen(
            np.concatenate([self.errors, other.errors]),
            self.cases + other.cases,
            self.sources + other.sources,
            self.groups + other.groups,
        )

    def but(self, source: str) -> tuple[float, float]:
        """The interval that all sources but one give."""
        kept = np.array([own != source for own in self.sources])
        groups = [group for group, own in zip(self.groups, kept, strict=True) if own]
        return conformal(self.errors[kept], groups, asked=1)

    def held(self, rows: "Unseen") -> np.ndarray:
        """Which rows lie inside the interval that the other sources give."""
        intervals = {source: self.but(source) for source in set(rows.sources)}
        bounds = np.array([intervals[source] for source in rows.sources])
        ratios = np.exp(-rows.errors)
        return np.asarray((bounds[:, 0] <= ratios) & (ratios <= bounds[:, 1]))


def summary(name: str, errors: np.ndarray) -> str:
    """Median, bias and tail of a set of errors."""
    off = np.abs(np.expm1(errors))
    return (
        f"  {name:44s} {len(errors):3d} rows  median {np.median(off):6.1%}  p90 {np.quantile(off, 0.9):7.1%}"
        f"  bias {np.median(errors):+.3f}"
    )


def left_out(
    room: str, made: Sequence[SampleCase], fitted: np.ndarray, names: Sequence[str], catalogue, only_fitted: bool
) -> Unseen:
    """Errors on each group's rows when the fit never saw the group; `only_fitted` leaves the test's rows aside."""
    found = Unseen(np.zeros(0), [], [], [])
    for name in sorted({name for name, own in zip(names, fitted, strict=True) if own or not only_fitted}):
        mine = np.array([own == name for own in names])
        rest, theirs = fitted & ~mine, fitted & mine if only_fitted else mine
        if not rest.any():
            continue
        known, own = (
            table([m for m, kept in zip(made, rows, strict=True) if kept], catalogue) for rows in (rest, theirs)
        )
        fit = Found(room, known, latencies_s(catalogue)).run(known)
        errors = fit.log_error(fit.x, own)
        print(summary("without " + name, errors))
        found += Unseen(errors, own.cases, own.sources, [name] * len(errors))
    return found


def record(room: str, level: str, applies_to: str, parameters: dict[str, float], cases: int) -> dict:
    """One record of the fit, ready for YAML."""
    return {
        "from": ["samples-fit"],
        "confidence": "measured" if cases else "estimate",
        "room": room,
        "level": level,
        "applies_to": applies_to,
        "cases": cases,
        "parameters": {name: float(f"{value:.5g}") for name, value in parameters.items()},
    }


def calibrate(
    room: str, made: Sequence[SampleCase], folds: dict[str, str], catalogue
) -> tuple[dict, list[str], Unseen, Unseen]:
    """The records of one room, the cases that were fitted, and the errors on every group and source left out."""
    print(room)
    every = table(made, catalogue)
    fitted = np.array([folds[one.case.id] == "fit" for one in made])
    one, other = every.of(fitted, made, catalogue), every.of(~fitted, made, catalogue)
    fit = Found(room, one, latencies_s(catalogue)).run(one)
    unseen = fit.log_error(fit.x, other)
    print(summary("fitted", fit.log_error(fit.x, one)), summary("never fitted", unseen), sep="\n")
    for name in sorted(set(zip(other.sources, other.chips, strict=True))):
        mine = np.array([own == name for own in zip(other.sources, other.chips, strict=True)])
        print(summary("test " + " ".join(name), unseen[mine]))
    by_source = left_out(room, made, fitted, every.sources, catalogue, only_fitted=False)
    every_left = by_source + left_out(room, made, fitted, every.chips, catalogue, only_fitted=True)
    interval = conformal(every_left.errors, every_left.groups, asked=1)
    sources = len(set(by_source.groups))
    never = Unseen(unseen, other.cases, other.sources, other.chips)
    shown = {"rows never fitted": never} | ({"sources left out": by_source} if sources else {})
    tried = {
        name: (float(np.median(np.abs(np.expm1(u.errors)))), float(every_left.held(u).mean()))
        for name, u in shown.items()
        if len(set(every_left.sources)) > 1
    }
    enough = len(unseen) >= LEAST_ROWS and sources >= LEAST_SOURCES
    reached = all(median <= MEDIAN_BAR and held >= INSIDE_BAR for median, held in tried.values())
    said = "; ".join(
        f"{name}: median error {m:.0%}, {held:.0%} inside the interval of the other sources"
        for name, (m, held) in tried.items()
    )
    print(f"  interval {interval[0]:.3f} to {interval[1]:.3f}; {said}; sources {sources}")
    whole = record(room, "all", "all", fit.values() | {"pace": 1.0}, len(one.cases))
    whole |= bounded(interval)
    whole |= {"unvalidated": not (enough and reached)}
    whole["notes"] = f"{len(unseen)} rows never fitted, {sources or 1} sources. {said}".strip()
    records, paces = {f"{room}-all": whole}, fit.paces(fit.x)
    for name, log in paces["class"].items():
        rows = one.classes.count(name)
        records[f"{room}-class-{name}"] = record(room, "class", name, {"pace": np.exp(log)}, rows)
    for name, log in paces["chip"].items():
        pace = np.exp(log + paces["class"][catalogue.get(Chip, name).device_class])
        records[f"{room}-{name}"] = record(room, "chip", name, {"pace": pace}, one.chips.count(name))
    return records, one.cases, every_left, by_source


def bounded(interval: tuple[float, float]) -> dict[str, float]:
    """The ends of an interval as a record holds them."""
    return {"low_ratio": float(f"{interval[0]:.4g}"), "high_ratio": float(f"{interval[1]:.4g}")}


def main() -> None:
    """Fit, test, write."""
    catalogue = load()
    with FOLDS.open() as stream:
        folds = {row["case_id"]: row["fold"] for row in csv.DictReader(stream)}
    every = [prepare(catalogue, case) for case in read_cases(CASES) if by_samples(catalogue, case)]
    made = [one for one in every if one.status == "ok" and one.case.word("quality") in ("A", "B")]
    timed = [one for one in made if measured_step_s(one, job_of(catalogue, one, start_of(kind_of(one.model)))) > 0]
    records, fitted = {}, []
    found = {room: calibrate(room, [m for m in timed if kind_of(m.model) == room], folds, catalogue) for room in ROOMS}
    for own, cases, _, _ in found.values():
        records |= own
        fitted += cases
    # One source can't tell how far sources differ: such a room takes the interval of all rooms together.
    together = sum((left for _, _, left, _ in found.values()), Unseen(np.zeros(0), [], [], []))
    for room, (_, _, _, by_source) in found.items():
        if len(set(by_source.groups)) < LEAST_SOURCES:
            records[f"{room}-all"] |= bounded(conformal(together.errors, together.groups, asked=1))
    header = "# Written by scripts/calibrate_samples.py; run it again instead of editing.\n"
    files.write(OUT, header + yaml.safe_dump(records, sort_keys=False, width=110))
    lines = [f"{one.case.id},{folds[one.case.id]},{int(one.case.id in fitted)}" for one in every]
    files.write(SPLIT, "\n".join(["case_id,fold,fitted", *lines]) + "\n")
    lines = [
        line for _, _, left, by_source in found.values() for line in left_out_lines(left, by_source, timed, catalogue)
    ]
    files.write(LEFT_OUT, "\n".join(["case_id,source,vendor,chip,log_error,low_ratio,high_ratio", *lines]) + "\n")
    write_sources([one for one in timed if one.case.id in fitted])
    print("catalogue", build())


def left_out_lines(left: Unseen, by_source: Unseen, made: Sequence[SampleCase], catalogue) -> list[str]:
    """Each case as a fit without its source sees it, with the interval that the other sources give."""
    chips = {one.case.id: catalogue.get(Chip, one.cluster.chip) for one in made}
    lines = []
    for case, source, error in zip(by_source.cases, by_source.sources, by_source.errors, strict=True):
        low, high = left.but(source)
        lines.append(f"{case},{source},{chips[case].vendor},{chips[case].id},{error:.5f},{low:.4f},{high:.4f}")
    return lines


def write_sources(fitted: Sequence[SampleCase]) -> None:
    """The sources that took part here, beside those of other fits."""
    with SOURCES.open() as stream:
        others = [line.strip() for line in stream if line.strip() and ",samples," not in line]
    counts = sorted(Counter(one.case.word("source_key") for one in fitted).items())
    files.write(SOURCES, "\n".join([*others, *(f"{key},samples,{count}" for key, count in counts)]) + "\n")


if __name__ == "__main__":
    main()
