"""Fit the training estimator to measured cases and write what was found as records.

    python scripts/calibrate.py            # fit, then write facts/data/efficiency/training.yaml
    python scripts/calibrate.py --report   # also print the errors of each source that a refit never saw

The split is drawn by whole groups and recorded in facts/data/measurements/training_split.csv: rows of one source,
model and chip, and all published duplicates, stay together, and some sources are held out entirely. Only rows
marked `fit` are fitted. The intervals come from refits without each source and family in turn, because whoever
asks is a source that was never seen; a source whose rows are all marked `test` counts as it is. Few parameters, pulled
towards a prior: those of all chips first, then of each class, family, silicon and chip, so that a chip without
measurements inherits from chips of the same silicon, or from its family.
"""

import argparse
import csv
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import yaml
from scipy.optimize import least_squares

from polysilicon.facts import Catalogue, load
from polysilicon.facts.compiler import build
from polysilicon.facts.hardware import Chip
from polysilicon.facts.index import DATA
from polysilicon.performance.attention import attention_s
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.curves import FORMATS, Silicon, attention_curve, attention_kind, product_curve
from polysilicon.performance.efficiency import Efficiency, efficiency_of
from polysilicon.performance.layer import TIMED_WIDTH
from polysilicon.performance.layouts import Layouts
from polysilicon.performance.matrix import product_s
from polysilicon.performance.rates import rates
from polysilicon.performance.recipe import Recipe
from polysilicon.performance.step import Job, breakdown
from polysilicon.performance.training import KINDS, doubt_widening, kind_of, latencies_s
from polysilicon.performance.values import Values
from polysilicon.records import files
from polysilicon.records.units import TERA
from polysilicon.validation.conformal import conformal
from polysilicon.validation.training_cases import Prepared, doubtful, hosts_of, prepare
from polysilicon.validation.training_measures import measured_step_s, usable
from polysilicon.validation.training_table import read_cases
from polysilicon.workloads.counts import Shape

CASES = DATA / "measurements" / "training.csv"
SPLIT = DATA / "measurements" / "training_split.csv"
LEFT_OUT = DATA / "measurements" / "training_left_out.csv"
SOURCES = DATA / "measurements" / "SOURCES.csv"
OUT = DATA / "efficiency" / "training.yaml"


@dataclass(frozen=True)
class Parameter:
    """A share (between 0 and 1) or a positive size, its prior, and how far in logit or log it may stray.

    `varies` are the levels at which groups of chips may differ from their parent. Where a `kernel` is named, the
    parameter is the share of that kernel's own rate on each chip, timed or inherited, which a training step reaches.
    """

    name: str
    prior: float
    spread: float
    share: bool = True
    varies: tuple[str, ...] = ()
    kernel: str = ""

    def inward(self, value: float) -> float:
        """The value on the unbounded scale of the fit."""
        return float(np.log(value / (1 - value)) if self.share else np.log(value))

    def outward(self, x: Values) -> Values:
        """Back from the scale of the fit."""
        return 1 / (1 + np.exp(-x)) if self.share else np.exp(x)


# Priors: shares of peak as kernel benchmarks of the vendors show them, overlaps as undecided; the data moves them.
PARAMETERS = (
    Parameter("gemm_16bit", 0.92, 0.2, share=False, kernel="bf16"),
    Parameter("gemm_fp8", 0.92, 0.2, share=False, kernel="fp8"),
    Parameter("gemm_mxfp8", 0.92, 0.2, share=False, kernel="fp8_block"),
    Parameter("gemm_fp4", 0.92, 0.2, share=False, kernel="nvfp4"),
    Parameter("gemm_int8", 0.60, 0.6),
    Parameter("core", 0.85, 0.4, share=False, varies=("class", "family"), kernel="attention"),
    Parameter("core_narrow", 1.0, 0.1, share=False, kernel="attention_narrow"),
    Parameter("core_width", 4.3, 0.7, share=False),
    Parameter("core_back", 1.2, 0.3, share=False),
    Parameter("scan_moves", 8.0, 0.5, share=False, varies=("class", "family")),
    Parameter("unaligned", 0.15, 0.8),
    Parameter("reuse", 1000.0, 0.7, share=False),
    Parameter("ridge", 2.0, 0.4, share=False),
    Parameter("fill", 128.0, 0.7, share=False),
    Parameter("untuned_by_vendor", 0.95, 0.5),
    Parameter("untuned_stream", 0.75, 0.6),
    Parameter("experts_narrow", 0.85, 0.6),
    Parameter("untuned_core", 0.75, 0.6, varies=("family",)),
    Parameter("product_traffic", 0.50, 0.4, varies=("class",)),
    Parameter("stream_traffic", 0.75, 0.6, varies=("class",)),
    Parameter("experts", 0.70, 0.8),
    Parameter("copy_s", 5e-9, 1.0, share=False),
    Parameter("launch_s", 4e-4, 0.7, share=False),
    Parameter("launch_moe_s", 1e-3, 0.7, share=False),
    Parameter("wait_moe_s", 5e-4, 1.0, share=False),
    Parameter("each_expert_s", 2e-5, 1.0, share=False),
    Parameter("graph_share", 0.50, 0.8),
    Parameter("youth", 0.20, 0.7, share=False),
    Parameter("experts_youth", 0.60, 0.7, share=False),
    Parameter("step_s", 0.02, 0.7, share=False),
    Parameter("straggle", 0.005, 0.7, share=False),
    Parameter("tensor_overlap", 0.30, 0.8),
    Parameter("context_overlap", 0.50, 0.8),
    Parameter("expert_overlap", 0.30, 0.8),
    Parameter("pipeline_overlap", 0.30, 0.8),
    Parameter("interleaved_overlap", 0.90, 0.8),
    Parameter("data_overlap", 0.50, 0.8),
    Parameter("shard_overlap", 0.70, 0.8),
    Parameter("scaleup", 0.70, 0.8),
    Parameter("bus", 0.80, 0.8),
    Parameter("scaleout", 0.70, 0.8),
)
GROUP_SPREAD = 0.4
# Operands at which kernels alone are compared: tokens, rows and columns; heads and their width.
LARGE, HEADS, HEAD = 8192.0, 32.0, TIMED_WIDTH
# Fitted rows from which a class or family has parameters of its own beside its pace.
GROUP_ROWS = 20
PACE_SPREAD = {"class": 0.15, "family": 0.08, "silicon": 0.06, "chip": 0.06}
NARROW_SPREAD = 0.08
PRIOR_WEIGHT = 0.25
PACE_WEIGHT = 0.10
ROBUST = 0.12
# Products run at most so close to the dense peak: large ones of the vendors' own benchmarks come near it.
MOST_OF_PEAK = 0.95
HELD_SOURCES_PCT, TEST_PCT = 8, 20
# Fitted rows from which silicon has an interval of its own, and a chip a pace that makes up for its peak.
ENOUGH = 5
LEVELS = ("class", "family", "silicon", "chip")
# Whose interval a record of each level states, and where it is from.
NOTES = {
    "class": "",
    "family": "Silicon of a measured family: interval from sources left out in turn, where no other has their silicon.",
    "silicon": "Interval from sources left out of the fit in turn.",
    "chip": "Interval of its silicon, else of its family.",
}


@dataclass(frozen=True)
class Table:
    """The measured rows as one table, with the chip of each.

    Exponents widen the interval of what waits for a host or rests on a doubtful figure that no pace makes up for
    (`unpaced`), and on chips that were not fitted that of what rests on any (`doubtful`).
    """

    job: Job
    cluster: Cluster
    step_s: np.ndarray
    chips: list[str]
    classes: list[str]
    families: list[str]
    silicons: list[str]
    sources: list[str]
    kinds: np.ndarray
    unpaced: np.ndarray
    doubtful: np.ndarray
    weights: np.ndarray
    kernels: Mapping[str, Mapping[str, float]]

    def spread(self, level: str, values: Mapping[str, float]) -> np.ndarray:
        """The value of each row's group at a level; nought for a group that has none."""
        names, rows = np.unique(self.named[level], return_inverse=True)
        return np.array([values.get(name, 0.0) for name in names.tolist()])[rows]

    def kernel(self, name: str) -> Values:
        """Share of the peak that a kernel reaches alone on each row's chip; 1 where none is named."""
        return np.array([self.kernels[chip][name] for chip in self.chips]) if name else 1.0

    @property
    def named(self) -> dict[str, list[str]]:
        """The name of each row's group at every level."""
        return {
            "all": ["all"] * len(self.chips),
            "class": self.classes,
            "family": self.families,
            "silicon": self.silicons,
            "chip": self.chips,
        }

    def groups(self) -> dict[str, list[str]]:
        """The name of each row's source and family."""
        return {"source": self.sources, "family": self.families}


def table(made: list[Prepared], catalogue) -> Table:
    """Rows that have a measured time and can be expressed, as one table."""
    cluster = Cluster.stack([one.cluster for one in made])
    layouts = Layouts(**{name: np.array([one.layout[name] for one in made]) for name in made[0].layout})
    recipe = Recipe(**{name: np.array([one.recipe[name] for one in made]) for name in made[0].recipe})
    blank = Efficiency({}, 0.0, 0.0)
    job = Job(
        Shape.stack([one.model for one in made]),
        np.array([one.case.number("seq_len") for one in made]),
        np.array([one.case.number("global_batch") for one in made]),
        layouts,
        recipe,
        None,
        blank,
        cluster.node_size,
        host=hosts_of(catalogue, [one.cluster for one in made]),
    )
    chips = [one.cluster.chip for one in made]
    records = {chip: catalogue.get(Chip, chip) for chip in set(chips)}
    sources = [one.case.word("source_key") for one in made]
    groups = [one.case.word("dup_group") or one.case.id for one in made]
    per_source, per_group = Counter(sources), Counter(groups)
    exponent, (paced, other) = doubt_widening(catalogue), doubtful(made)
    weights = np.array([1 / np.sqrt(per_source[s] * per_group[g]) for s, g in zip(sources, groups, strict=True)])
    return Table(
        job,
        cluster,
        np.array([measured_step_s(one) for one in made]),
        chips,
        [records[chip].device_class for chip in chips],
        [records[chip].family or records[chip].id for chip in chips],
        [records[chip].silicon for chip in chips],
        sources,
        kind_of(job.shape.experts, layouts.precision, recipe.frozen, recipe.fused_attention).astype(int),
        exponent ** np.maximum(other, job.hosted),
        exponent ** np.maximum(other, paced),
        weights / weights.mean(),
        {chip: kernel_shares(catalogue, chip) for chip in set(chips)},
    )


@cache
def kernel_shares(catalogue: Catalogue, chip_id: str) -> dict[str, float]:
    """The share of its dense peak that each kernel reaches alone on a chip, for large operands.

    Products reach no more than what the record says they sustain. For attention in 8 bits it is the rate over that in
    16.
    """
    parameters, silicon = efficiency_of(catalogue, chip_id, "operators").parameters, Silicon.of(catalogue, chip_id)
    shares = {}
    for kind in ("bf16", "fp8", "fp8_block", "nvfp4"):
        precision, left, right = FORMATS[kind]
        taken_s = product_s(LARGE, LARGE, LARGE, 1.0, left, right, 2.0, product_curve(parameters, silicon, kind))
        sustained = catalogue.get(Chip, chip_id).sustained_tflops.get(kind, np.inf)
        rate = min(2.0 * LARGE**3 / taken_s, sustained * TERA)
        shares[kind] = float(rate / silicon.peak(precision))
    wide, narrow = (attention_curve(parameters, silicon, attention_kind(one, one, HEAD)) for one in ("bf16", "fp8"))
    taken_s = attention_s(1.0, LARGE, LARGE, HEADS, HEADS, HEAD, 2.0, 1.0, wide)
    shares["attention"] = float(2.0 * LARGE**2 * HEADS * HEAD / taken_s / silicon.peak("bf16"))
    shares["attention_narrow"] = float(taken_s / attention_s(1.0, LARGE, LARGE, HEADS, HEADS, HEAD, 2.0, 1.0, narrow))
    return shares


class Fit:
    """The unknowns in one vector, and back: parameters, how groups of chips differ in them, and paces."""

    def __init__(self, one: Table) -> None:
        self.levels = {level: sorted(set(one.named[level])) for level in LEVELS}
        rows = {"class": Counter(one.classes), "family": Counter(one.families)}
        self.groups = [
            (p, level, name)
            for p in PARAMETERS
            for level in p.varies
            for name in self.levels[level]
            if rows[level][name] >= GROUP_ROWS
        ]
        paces = sum(len(names) for names in self.levels.values()) + len(self.levels["silicon"])
        self.start = np.array([p.inward(p.prior) for p in PARAMETERS] + [0.0] * (len(self.groups) + paces))
        self.x = self.start

    def pulls(self) -> np.ndarray:
        """How strongly each unknown is drawn to its prior."""
        pulls = [PRIOR_WEIGHT / p.spread for p in PARAMETERS] + [PRIOR_WEIGHT / GROUP_SPREAD] * len(self.groups)
        for level, names in self.levels.items():
            pulls += [PACE_WEIGHT / PACE_SPREAD[level]] * len(names)
        return np.array(pulls + [PACE_WEIGHT / NARROW_SPREAD] * len(self.levels["silicon"]))

    def split(self, x: np.ndarray) -> tuple[dict[tuple[str, str], dict[str, float]], dict[str, dict[str, float]]]:
        """For each level and group what it adds to a parameter on the scale of the fit; and log paces."""
        count = len(PARAMETERS)
        added: dict[tuple[str, str], dict[str, float]] = {
            ("all", "all"): {p.name: value for p, value in zip(PARAMETERS, x[:count], strict=True)}
        }
        for (p, level, name), value in zip(self.groups, x[count:], strict=False):
            added.setdefault((level, name), {})[p.name] = value
        paces, at = {}, count + len(self.groups)
        for level, names in (*self.levels.items(), ("narrow", self.levels["silicon"])):
            paces[level] = dict(zip(names, x[at : at + len(names)], strict=True))
            at += len(names)
        return added, paces

    def efficiency(self, x: np.ndarray, one: Table) -> Efficiency:
        """What every row of a table reads; a chip, silicon, family or class never seen counts as its parent."""
        added, paces = self.split(x)
        columns = {}
        for p in PARAMETERS:
            inward = np.full(len(one.chips), added["all", "all"][p.name])
            for level in p.varies:
                inward += one.spread(
                    level, {name: own.get(p.name, 0.0) for (at, name), own in added.items() if at == level}
                )
            columns[p.name] = p.outward(inward) * one.kernel(p.kernel)
        log_pace = sum(one.spread(level, paces[level]) for level in self.levels)
        narrow = one.spread("silicon", paces["narrow"])
        return Efficiency(columns | {"pace": np.exp(log_pace), "narrow_pace": np.exp(narrow)}, 0.0, 0.0)

    def log_error(self, x: np.ndarray, one: Table, latencies: tuple[float, float]) -> np.ndarray:
        """Logarithm of predicted over measured time."""
        efficiency = self.efficiency(x, one)
        job = one.job
        job = replace(
            job,
            efficiency=efficiency,
            rates=rates(one.cluster, efficiency, job.layouts, job.recipe, latencies),
        )
        return np.log(breakdown(job).step_s / one.step_s)

    def beyond_peak(self, x: np.ndarray, one: Table) -> np.ndarray:
        """How far the products of each row's chip would run beyond the peak's most; no chip may."""
        efficiency = self.efficiency(x, one)
        wide = np.log(efficiency["gemm_16bit"] * efficiency["pace"] / MOST_OF_PEAK)
        narrow = np.log(efficiency["gemm_fp8"] * efficiency["pace"] * efficiency["narrow_pace"] / MOST_OF_PEAK)
        return 2.0 * np.maximum(np.maximum(wide, narrow), 0.0)

    def run(self, one: Table, latencies: tuple[float, float], steps: int = 25) -> "Fit":
        """Least squares on the log error, robust to single rows, with every unknown pulled to its prior."""
        pulls, root = self.pulls(), np.sqrt(one.weights)

        def residuals(x: np.ndarray) -> np.ndarray:
            missed = root * self.log_error(x, one, latencies)
            return np.concatenate([missed, pulls * (x - self.start), self.beyond_peak(x, one)])

        self.x = least_squares(
            residuals, self.start, loss="soft_l1", f_scale=ROBUST, x_scale="jac", max_nfev=steps, ftol=1e-5, xtol=1e-5
        ).x
        return self


def draw_split(made: list[Prepared]) -> dict[str, str]:
    """`fit` or `test` for each case, by whole groups; the same every time."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for one in made:
        group = "|".join(one.case.word(name) for name in ("source_key", "model", "chip"))
        duplicate = one.case.word("dup_group")
        if duplicate:
            parent[root(group)] = root(duplicate)

    def percent(text: str) -> int:
        return int(hashlib.sha256(text.encode()).hexdigest(), 16) % 100

    groups: dict[str, list[Prepared]] = {}
    for one in made:
        group = root("|".join(one.case.word(name) for name in ("source_key", "model", "chip")))
        groups.setdefault(group, []).append(one)
    fold = {}
    for group, rows in groups.items():
        held = any(percent("source " + one.case.word("source_key")) < HELD_SOURCES_PCT for one in rows)
        fold[group] = "test" if held or percent(group) < TEST_PCT else "fit"
    # A chip all of whose groups fell to the test would be tested as a stranger only: its largest group is fitted.
    of_chip: dict[str, list[str]] = {}
    for group, rows in groups.items():
        if any(usable(one) for one in rows):
            of_chip.setdefault(rows[0].case.word("chip_id") or rows[0].case.word("chip"), []).append(group)
    for mine in of_chip.values():
        if all(fold[group] == "test" for group in mine):
            fold[max(mine, key=lambda group: (len(groups[group]), group))] = "fit"
    return {one.case.id: fold[group] for group, rows in groups.items() for one in rows}


def interval_of(groups: Mapping[str, np.ndarray]) -> tuple[float, float]:
    """The ends of the 90 % interval that the errors of these groups give."""
    names = [name for name, errors in groups.items() for _ in errors]
    return conformal(np.concatenate([errors for errors in groups.values() if len(errors)]), names)


def summary(name: str, errors: np.ndarray) -> str:
    """Median, bias and tail of a set of errors."""
    off = np.abs(np.expm1(errors))
    return (
        f"{name:28s} {len(errors):4d} rows  median {np.median(off):6.1%}  p90 {np.quantile(off, 0.9):6.1%}"
        f"  bias {np.median(errors):+.3f}"
    )


@dataclass(frozen=True)
class Unseen:
    """Errors on rows that a fit never saw: of which kind each is, what it rests on, and if its silicon was fitted."""

    errors: np.ndarray
    kinds: np.ndarray
    doubts: np.ndarray
    familiar: np.ndarray

    def of(self, kind: str) -> np.ndarray:
        """Errors on familiar silicon of one kind of jobs, those on doubtful figures brought to the width of others."""
        return (self.errors / self.doubts)[self.familiar & (self.kinds == KINDS.index(kind))]

    def exponents(self, wider: Mapping[str, float]) -> np.ndarray:
        """How much wider than that of a plain job the interval of each row is."""
        return self.doubts * np.array([wider[KINDS[kind]] for kind in self.kinds])

    def alike(self, wider: Mapping[str, float]) -> np.ndarray:
        """All errors, those of rows with wider intervals brought to the width of plain jobs."""
        return self.errors / self.exponents(wider)


def unseen(fit: Fit, rest: Table, theirs: Table, latencies: tuple[float, float]) -> Unseen:
    """How `fit`, made on `rest`, errs on rows it never saw."""
    chips, silicons = Counter(rest.chips), Counter(rest.silicons)
    paced = np.array([chips[chip] >= ENOUGH for chip in theirs.chips])
    familiar = np.array([silicons[silicon] >= ENOUGH for silicon in theirs.silicons])
    errors = fit.log_error(fit.x, theirs, latencies)
    doubts = np.maximum(theirs.unpaced, np.where(paced, 1.0, theirs.doubtful))
    return Unseen(errors, theirs.kinds, doubts, familiar)


def without(key: str, made: list[Prepared], names: list[str], catalogue, latencies) -> dict[str, Unseen]:
    """Errors on each group of rows when the fit never saw that group."""
    out = {}
    for name in sorted(set(names)):
        mine = np.array([one == name for one in names])
        if mine.all():
            continue
        rest = table([m for m, own in zip(made, mine, strict=True) if not own], catalogue)
        theirs = table([m for m, own in zip(made, mine, strict=True) if own], catalogue)
        out[name] = unseen(Fit(rest).run(rest, latencies, steps=10), rest, theirs, latencies)
    print(f"leave one {key} out: {summary('pooled', np.concatenate([one.errors for one in out.values()]))}")
    return out


def record(level: str, applies_to: str, parameters: dict[str, float], cases: int, interval, why: str) -> dict:
    """One record of the fit, ready for YAML."""
    body = {
        "from": ["training-fit"],
        "confidence": "measured" if cases else "estimate",
        "room": "training",
        "level": level,
        "applies_to": applies_to,
        "cases": cases,
        "parameters": {name: float(f"{value:.5g}") for name, value in parameters.items()},
    }
    if interval:
        body |= {"low_ratio": float(f"{interval[0]:.4g}"), "high_ratio": float(f"{interval[1]:.4g}")}
    return body | {"notes": why}


def main() -> None:
    """Fit, test, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", action="store_true", help="also refit without each source in turn")
    parser.add_argument("--redraw", action="store_true", help="draw the split again instead of reading it")
    asked = parser.parse_args()
    catalogue = load()
    latencies = latencies_s(catalogue)
    every = [prepare(catalogue, case) for case in read_cases(CASES)]
    folds = draw_split(every) if asked.redraw or not SPLIT.exists() else read_split(SPLIT)
    known = [one for one in every if usable(one)]
    fitted = [m for m in known if folds[m.case.id] == "fit"]
    tested = [m for m in known if folds[m.case.id] == "test"]
    one, other = table(fitted, catalogue), table(tested, catalogue)
    fit = Fit(one).run(one, latencies)
    inside, outside = fit.log_error(fit.x, one, latencies), fit.log_error(fit.x, other, latencies)
    print(summary("fitted", inside), summary("never fitted", outside), sep="\n")
    for source in sorted(set(other.sources)):
        print(summary("  test " + source, outside[np.array(other.sources) == source]))
    left = {key: without(key, fitted, names, catalogue, latencies) for key, names in one.groups().items()}
    for source in set(other.sources) - set(one.sources):
        theirs = table([m for m in tested if m.case.word("source_key") == source], catalogue)
        left["source"][source] = unseen(fit, one, theirs, latencies)
    if asked.report:
        for source, found in left["source"].items():
            print(summary("  without " + source, found.errors))
    write(fit, one, left)
    used = {m.case.id for m in fitted}
    lines = ["case_id,fold,fitted"] + [f"{case},{fold},{int(case in used)}" for case, fold in folds.items()]
    files.write(SPLIT, "\n".join(lines) + "\n")
    counts = [f"{key},training,{n}" for key, n in sorted(Counter(one.sources).items())]
    others = [line for line in SOURCES.read_text().splitlines()[1:] if ",training," not in line]
    files.write(SOURCES, "\n".join(["source_key,table,rows_fitted", *counts, *others]) + "\n")
    files.write(LEFT_OUT, "\n".join(left_out_lines(catalogue, [*fitted, *tested], left)) + "\n")
    print("catalogue", build())


def read_split(path: Path) -> dict[str, str]:
    """The recorded fold of each case."""
    with path.open() as stream:
        return {row["case_id"]: row["fold"] for row in csv.DictReader(stream)}


def left_out_lines(catalogue, made: list[Prepared], left: dict[str, dict[str, Unseen]]) -> list[str]:
    """Each case as a fit without its source sees it, with the interval that the other sources give."""
    lines = ["case_id,source,vendor,chip,log_error,low_ratio,high_ratio"]
    for source, found in sorted(left["source"].items()):
        rest = {name: theirs for name, theirs in left["source"].items() if name != source}
        near, wider = near_interval(rest)
        stranger = stranger_interval(rest, wider)
        rows = [one for one in made if one.case.word("source_key") == source][: len(found.errors)]
        for row, error, exponent, familiar in zip(
            rows, found.errors, found.exponents(wider), found.familiar, strict=True
        ):
            low, high = (bound**exponent for bound in (near if familiar else stranger))
            vendor = catalogue.get(Chip, row.cluster.chip).vendor
            lines.append(f"{row.case.id},{source},{vendor},{row.cluster.chip},{error:.5f},{low:.4f},{high:.4f}")
    return lines


def near_interval(left: dict[str, Unseen]) -> tuple[tuple[float, float], dict[str, float]]:
    """The interval of a plain job on familiar silicon, and the exponent that widens it for each kind of jobs."""
    by_kind = {kind: interval_of({name: found.of(kind) for name, found in left.items()}) for kind in KINDS}
    near = by_kind["plain"]
    wider = {kind: max(np.log(high / low) / np.log(near[1] / near[0]), 1.0) for kind, (low, high) in by_kind.items()}
    return near, wider


def stranger_interval(left: dict[str, Unseen], wider: Mapping[str, float]) -> tuple[float, float]:
    """The interval of a plain job on silicon that the fit did not see, as it did not see the source of the job."""
    return interval_of({name: found.alike(wider)[~found.familiar] for name, found in left.items()})


Added = dict[tuple[str, str], dict[str, float]]


def whole(added: Added, kernels: Mapping[str, float], *groups: tuple[str, str]) -> dict[str, float]:
    """The parameters that a group of chips has, given the groups it lies in, where they differ from its parents'.

    `kernels` are the shares of the peak that the kernels of its chips reach alone; all parameters without any group.
    """
    last = added.get(groups[-1], {}) if groups else added["all", "all"]
    values = {}
    for p in PARAMETERS:
        inward = added["all", "all"][p.name] + sum(added.get(one, {}).get(p.name, 0.0) for one in groups)
        if p.name in last or p.kernel:
            values[p.name] = float(p.outward(inward)) * (kernels[p.kernel] if p.kernel else 1.0)
    return values


def mean_kernels(one: Table, level: str, name: str) -> dict[str, float]:
    """Kernel shares of a group of chips: the geometric mean of those that were fitted."""
    chips = sorted({chip for chip, group in zip(one.chips, one.named[level], strict=True) if group == name})
    return {
        kernel: float(np.exp(np.mean([np.log(one.kernels[chip][kernel]) for chip in chips])))
        for kernel in one.kernels[chips[0]]
    }


def lineage(one: Table, level: str, name: str) -> tuple[tuple[str, str], ...]:
    """The groups that a group of chips lies in, from its class down to itself."""
    row = one.named[level].index(name)
    return tuple((above, one.named[above][row]) for above in LEVELS[: LEVELS.index(level) + 1])


def write(fit: Fit, one: Table, left: dict[str, dict[str, Unseen]]) -> None:
    """The records of every level, each with the interval of what it is used for."""
    added, paces = fit.split(fit.x)
    near, wider = near_interval(left["source"])
    far = interval_of({name: found.alike(wider) for name, found in left["family"].items()})
    intervals = {"family": stranger_interval(left["source"], wider), "silicon": near}
    records = {
        "training-all": record(
            "all",
            "all",
            whole(added, mean_kernels(one, "all", "all"))
            | {"pace": 1.0, "narrow_pace": 1.0, "peak_doubt": 1.0}
            | {f"{kind}_widening": wider[kind] for kind in KINDS[1:]},
            len(one.step_s),
            far,
            "A chip whose family was never measured: interval from families left out of the fit in turn.",
        )
    }
    for level in LEVELS:
        cases = Counter(one.named[level])
        for name in paces[level]:
            groups = lineage(one, level, name)
            own = whole(added, mean_kernels(one, level, name), *groups)
            own["pace"] = np.exp(sum(paces[above][group] for above, group in groups))
            known = level == "family" or cases[name] >= ENOUGH
            own |= {"narrow_pace": np.exp(paces["narrow"][name])} if level == "silicon" else {}
            own |= {"peak_doubt": 0.0} if level == "chip" and known else {}
            id_ = f"training-{name}" if level == "chip" else f"training-{level}-{name}"
            interval = intervals.get(level) if known else None
            why = NOTES[level] if known or level not in intervals else "Too few rows for an interval of its own."
            records[id_] = record(level, name, own, cases[name], interval, why)
    header = "# Written by scripts/calibrate.py; run it again instead of editing.\n"
    files.write(OUT, header + yaml.safe_dump(records, sort_keys=False, width=110))


if __name__ == "__main__":
    main()
