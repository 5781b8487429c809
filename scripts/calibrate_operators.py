"""Fit the operator curves to timed kernels and write what was found as records.

    python scripts/calibrate_operators.py            # fit, then write facts/data/efficiency/operators.yaml
    python scripts/calibrate_operators.py --report   # also print the errors of each kind of kernel
    python scripts/calibrate_operators.py --only moe # fit some operators again, keep the records of the others

The split is drawn by whole groups and recorded in facts/data/measurements/operators/split.csv: a group is a shape (or
shapes that differ little) on every chip and in every format, so no near-duplicate of a tested row is fitted. Each kind
of kernel is fitted on its own: for all chips first, then for each family near that, then for each chip near its
family. The intervals come from the rows never fitted, from refits without each chip of a family, and from refits
without each family, for those who ask of a chip that was measured, whose sibling was, or of which nothing is known.
"""

import argparse
import zlib
from collections import Counter
from dataclasses import dataclass

import numpy as np
import yaml
from scipy.optimize import least_squares

from polysilicon.facts import load
from polysilicon.facts.compiler import build
from polysilicon.facts.hardware import Chip
from polysilicon.facts.index import DATA
from polysilicon.performance.curves import SURFACE, Silicon
from polysilicon.records import files
from polysilicon.performance.kernel_curves import kind_of, surface_names
from polysilicon.validation.operator_cases import Timed, columns, read
from polysilicon.validation.operator_times import predicted_s

TABLES = DATA / "measurements" / "operators"
SPLIT = TABLES / "split.csv"
OUT = DATA / "efficiency" / "operators.yaml"
FOLDS, TEST_FOLD = 5, 0


@dataclass(frozen=True)
class Parameter:
    """A positive size (or, if `linear`, any number), its prior, and how far it may stray for all and below."""

    name: str
    prior: float
    spread: float
    linear: bool = False

    @property
    def below(self) -> tuple[float, float, float]:
        """How far a family strays from all chips, a family of one chip does, and a chip from its family."""
        if self.linear:
            return self.spread, 1.5 * self.spread, self.spread
        narrowed = min(1.0, self.spread / 0.5)
        return 0.7 * narrowed, 0.85 * narrowed, 0.45 * narrowed


def surface(shape: str, spread: float = 0.06) -> tuple[Parameter, ...]:
    """The coefficients of the surface of an operator, level unless the data says otherwise."""
    return tuple(Parameter(name, 0.0, spread, linear=True) for name in surface_names(shape))


DECODE = (
    Parameter("share", 0.20, 0.8),
    Parameter("memory", 0.70, 0.4),
    Parameter("cache_rate", 15.0, 0.7),
    Parameter("cache", 0.80, 0.5),
    Parameter("reach", 3.0, 0.7),
    Parameter("block_s", 0.3e-6, 0.8),
    Parameter("sharpness", 2.5, 0.4),
    Parameter("sequence_s", 1e-9, 1.0),
    Parameter("floor_s", 8e-6, 0.7),
)
PREFILL = (
    Parameter("share", 0.50, 0.5),
    Parameter("wave", 0.40, 0.7),
    Parameter("small", 0.30, 0.7),
    Parameter("fill_s", 2e-6, 0.8),
    Parameter("keys", 1.0, 0.6),
    Parameter("cache_rate", 12.0, 0.7),
    Parameter("cache", 0.80, 0.5),
    Parameter("move", 0.50, 0.7),
    Parameter("fade", 0.05, 1.0),
    Parameter("floor_s", 15e-6, 0.7),
)
PROJECTIONS = (
    Parameter("project_share", 0.60, 0.5),
    Parameter("project_memory", 0.70, 0.4),
    Parameter("project_cache_rate", 20.0, 0.7),
    Parameter("project_cache", 0.80, 0.5),
    Parameter("row_bytes", 10.0, 0.8),
    Parameter("project_s", 40e-6, 0.7),
)
# Priors: what kernel benchmarks of the vendors and the CUTLASS documentation let one expect; the data moves them.
PARAMETERS = {
    "gemm": (
        Parameter("share", 0.80, 0.2),
        Parameter("wave", 0.60, 0.5),
        Parameter("feed", 0.02, 0.7),
        Parameter("fill_s", 0.6e-6, 0.5),
        Parameter("store", 1.0, 0.6),
        Parameter("join_s", 1.5e-6, 0.8),
        Parameter("cache_rate", 20.0, 0.6),
        Parameter("cache", 0.80, 0.5),
        Parameter("memory", 0.85, 0.2),
        Parameter("quantise", 1.0, 0.8),
        Parameter("fade", 0.10, 1.0),
        Parameter("floor_s", 3e-6, 0.7),
        Parameter("sharpness", 4.0, 0.4),
        *(Parameter(f"surface_{name}", 0.0, 0.03, linear=True) for name in SURFACE),
    ),
    "attention": (
        Parameter("share", 0.50, 0.5),
        Parameter("wave", 0.40, 0.7),
        Parameter("small", 0.30, 0.7),
        Parameter("fill_s", 2e-6, 0.8),
        Parameter("keys", 1.0, 0.6),
        Parameter("cache_rate", 12.0, 0.7),
        Parameter("cache", 0.80, 0.5),
        Parameter("move", 0.50, 0.7),
        Parameter("fade", 0.05, 1.0),
        Parameter("floor_s", 12e-6, 0.7),
    ),
    "decode": (*DECODE, *surface("decode")),
    "mla_prefill": (*PREFILL, *surface("mla_prefill")),
    "mla_prefill_block": (*PREFILL, *PROJECTIONS, *surface("mla_prefill")),
    "mla_decode": (*DECODE, *surface("mla_decode")),
    "mla_decode_block": (*DECODE, *PROJECTIONS, *surface("mla_decode")),
    "moe": (
        Parameter("share", 0.60, 0.4),
        Parameter("wave", 0.60, 0.5),
        Parameter("feed", 0.02, 0.7),
        Parameter("fill_s", 1e-6, 0.6),
        Parameter("cache_rate", 20.0, 0.6),
        Parameter("cache", 0.80, 0.5),
        Parameter("memory", 0.75, 0.4),
        Parameter("sharpness", 3.0, 0.4),
        Parameter("fade", 0.05, 1.0),
        Parameter("skew", 0.5, 0.7),
        Parameter("copy", 1.0, 0.8),
        Parameter("expert_s", 1e-8, 1.0),
        Parameter("floor_s", 25e-6, 0.7),
        *surface("moe"),
    ),
    "collective": (
        Parameter("share", 0.75, 0.5),
        Parameter("quick", 0.30, 0.8),
        Parameter("floor_s", 6e-6, 0.8),
        Parameter("hop_s", 1e-6, 0.8),
        Parameter("lag_s", 10e-6, 1.0),
        *surface("collective", 0.1),
    ),
    "exchange": (
        Parameter("share", 0.50, 0.7),
        Parameter("network", 0.70, 0.7),
        Parameter("token_s", 1e-8, 1.0),
        Parameter("floor_s", 30e-6, 0.8),
        Parameter("rank_s", 1e-6, 1.0),
        Parameter("domain_s", 5e-6, 1.0),
        Parameter("saturating", 16.0, 0.6),
        *surface("exchange", 0.1),
    ),
    "stream": (
        Parameter("memory", 0.75, 0.4),
        Parameter("cache_rate", 20.0, 0.7),
        Parameter("cache", 0.50, 0.6),
        Parameter("floor_s", 3e-6, 0.7),
    ),
}
# Typical relative error of a row, for all chips at once and for one family or chip; beyond it errors count linearly.
NOISE_ALL, NOISE = 0.25, 0.12
# Rows never fitted from which an interval of its own is drawn.
ENOUGH = 20


class Fitted:
    """Parameters found so far, by level and name: `levels[("family", "hopper")]["gemm.bf16.share"]`."""

    def __init__(self, catalogue, cases: list[Timed]) -> None:
        self.silicon = {chip: Silicon.of(catalogue, chip) for chip in {one.chip for one in cases}}
        self.family = {chip: catalogue.get(Chip, chip).family or chip for chip in self.silicon}
        self.levels: dict[tuple[str, str], dict[str, float]] = {}
        kinds = sorted({(one.operator, one.kind) for one in cases}, key=lambda key: (key[0], len(key[1]), key[1]))
        for operator, base in sorted({(operator, kind.partition("@")[0]) for operator, kind in kinds} - set(kinds)):
            self._pooled(operator, base, [one for one in cases if one.operator == operator and one.kind.partition("@")[0] == base])
        for operator, kind in kinds:
            self._kind(operator, kind, [one for one in cases if (one.operator, one.kind) == (operator, kind)])

    def _pooled(self, operator: str, kind: str, cases: list[Timed]) -> None:
        """All variants of a kind that has no usual kernel, as one: what a variant that was never timed is taken for."""
        parameters = PARAMETERS[operator]
        start, spread = {p.name: p.prior for p in parameters}, {p.name: p.spread for p in parameters}
        rows = Counter(one.kind for one in cases)
        weight = np.array([rows[one.kind] ** -0.5 for one in cases])
        found = self._solve(operator, kind, cases, start, spread, NOISE_ALL, weight / weight.max())
        self._keep("all", "all", operator, kind, found)

    def _kind(self, operator: str, kind: str, cases: list[Timed]) -> None:
        parameters = PARAMETERS[operator]
        start, spread = {p.name: p.prior for p in parameters}, {p.name: p.spread for p in parameters}
        usual = self.levels.get(("all", "all"), {})
        if f"{operator}.{kind.partition('@')[0]}.{parameters[0].name}" in usual and "@" in kind:
            start = {p.name: usual[f"{operator}.{kind.partition('@')[0]}.{p.name}"] for p in parameters}
        per_family, per_chip = Counter(self.family[one.chip] for one in cases), Counter(one.chip for one in cases)
        weight = np.array([1 / per_family[self.family[one.chip]] for one in cases])
        found = self._solve(operator, kind, cases, start, spread, NOISE_ALL, np.sqrt(weight / weight.max() + 0.3))
        self._keep("all", "all", operator, kind, found)
        for family in per_family:
            own = [one for one in cases if self.family[one.chip] == family]
            chips = [chip for chip in per_chip if self.family[chip] == family]
            spread = {p.name: p.below[len(chips) == 1] for p in parameters}
            near = self._solve(operator, kind, own, found, spread, NOISE, np.ones(len(own)))
            self._keep("family", family, operator, kind, near)
            if len(chips) == 1:
                continue
            spread = {p.name: p.below[2] for p in parameters}
            for chip in chips:
                theirs = [one for one in own if one.chip == chip]
                last = self._solve(operator, kind, theirs, near, spread, NOISE, np.ones(len(theirs)))
                self._keep("chip", chip, operator, kind, last)

    def _keep(self, level: str, name: str, operator: str, kind: str, found: dict[str, float]) -> None:
        own = {f"{operator}.{kind}.{one}": float(f"{value:.4g}") for one, value in found.items()}
        self.levels.setdefault((level, name), {}).update(own)

    def _solve(self, operator, kind, cases, start, spread, noise, weight) -> dict[str, float]:
        parameters = PARAMETERS[operator]
        silicon = Silicon.stack([self.silicon[one.chip] for one in cases])
        sizes, measured = columns(cases), np.array([one.measured_s for one in cases])
        inward = np.array([start[p.name] if p.linear else np.log(start[p.name]) for p in parameters])
        loose = np.array([spread[p.name] for p in parameters])

        def outward(x: np.ndarray) -> dict[str, float]:
            return {p.name: v if p.linear else float(np.exp(v)) for p, v in zip(parameters, x, strict=True)}

        def off(x: np.ndarray) -> np.ndarray:
            named = {f"{operator}.{kind}.{name}": value for name, value in outward(x).items()}
            log_error = np.log(predicted_s(operator, kind, sizes, named, silicon) / measured)
            return np.concatenate([weight * log_error / noise, (x - inward) / loose])

        return outward(least_squares(off, inward, loss="soft_l1", max_nfev=30).x)

    def log_ratio(self, cases: list[Timed], hide: bool = False) -> np.ndarray:
        """Log of measured over predicted time; with `hide`, as if the chips of the cases had never been measured."""
        ratios = np.full(len(cases), np.nan)
        groups: dict[tuple[str, str, str], list[int]] = {}
        for at, one in enumerate(cases):
            groups.setdefault((one.operator, one.kind, one.chip), []).append(at)
        for (operator, kind, chip), rows in groups.items():
            own = dict(self.levels["all", "all"])
            family = self.family.get(chip, "")
            for key in (("family", family), ("chip", chip)):
                own |= {} if hide and key[0] == "chip" else self.levels.get(key, {})
            nearest = kind_of(own, operator, kind)
            if f"{operator}.{nearest}.floor_s" not in own:
                continue
            theirs = [cases[at] for at in rows]
            silicon = self.silicon[chip]
            predicted = predicted_s(operator, nearest, columns(theirs), own, silicon)
            ratios[rows] = np.log(np.array([one.measured_s for one in theirs]) / predicted)
        return ratios


def without(catalogue, cases: list[Timed], names: dict[str, str]) -> dict[str, dict[str, np.ndarray]]:
    """Log ratios by operator of each group of chips when it is left out; `names` maps a chip to its group."""
    found = {}
    for name in sorted(set(names.values())):
        rest = [one for one in cases if names.get(one.chip) != name]
        theirs = [one for one in cases if names.get(one.chip) == name]
        fit = Fitted(catalogue, rest)
        for chip in {one.chip for one in theirs}:
            fit.silicon[chip] = Silicon.of(catalogue, chip)
            fit.family[chip] = catalogue.get(Chip, chip).family or chip
        found[name] = {
            operator: fit.log_ratio([one for one in theirs if one.operator == operator]) for operator in PARAMETERS
        }
    return found


def conformal(log_ratios: np.ndarray) -> tuple[float, float]:
    """Ratios of measured over predicted time that hold 90 of 100 new rows, by the ranks of those seen."""
    seen = np.sort(log_ratios[np.isfinite(log_ratios)])
    outside = int(np.floor(0.05 * (len(seen) + 1)))
    low, high = (seen[outside - 1], seen[-outside]) if outside else (seen[0] - 0.1, seen[-1] + 0.1)
    return float(np.exp(min(low, 0.0))), float(np.exp(max(high, 0.0)))


def pct(log_ratios: np.ndarray) -> np.ndarray:
    """Absolute error of the predictions [% of the measured time]."""
    return 100 * np.abs(np.exp(-log_ratios[np.isfinite(log_ratios)]) - 1)


def line(name: str, log_ratios: np.ndarray) -> str:
    """One line of a report."""
    off = pct(log_ratios)
    if not len(off):
        return f"{name:44s} none"
    bias = 100 * (np.exp(-np.nanmedian(log_ratios)) - 1)
    return (
        f"{name:44s} {len(off):5d} rows, mean {off.mean():5.1f} %, median {np.median(off):5.1f} %, "
        f"p90 {np.quantile(off, 0.9):5.1f} %, median bias {bias:+.1f} %"
    )


def fold(one: Timed) -> int:
    """The fold of a case, by its group alone."""
    return zlib.crc32(one.group.encode()) % FOLDS


def main() -> None:
    """Fit, report and write."""
    parser = argparse.ArgumentParser(description="Fit the operator curves to timed kernels.")
    parser.add_argument("--report", action="store_true", help="also print the errors of each kind of kernel")
    parser.add_argument("--only", help="the operators to fit, with commas between; the records of others are kept")
    parser.add_argument("--no-refits", action="store_true", help="skip the refits without chips; write nothing")
    asked = parser.parse_args()
    catalogue = load()
    only = tuple(asked.only.split(",")) if asked.only else tuple(PARAMETERS)
    every = [one for path in sorted(TABLES.glob("*.csv")) if path != SPLIT for one in read(catalogue, path)]
    timed = [one for one in every if isinstance(one, Timed)]
    cases = [one for one in timed if one.operator in only]
    fitted = [one for one in cases if fold(one) != TEST_FOLD]
    tested = [one for one in cases if fold(one) == TEST_FOLD]
    fit = Fitted(catalogue, fitted)
    for operator in only:
        report(operator, fit, fitted, tested, asked.report)
    if asked.no_refits:
        return
    chips = {one.chip: one.chip for one in fitted}
    families = {chip: fit.family[chip] for chip in chips}
    siblings = {chip for chip in chips if Counter(families.values())[families[chip]] > 1}
    near = without(catalogue, fitted, {chip: chip for chip in siblings})
    far = without(catalogue, fitted, families)
    for operator in PARAMETERS:
        for told, left in (("chip", near), ("family", far)):
            for name, ratios in left.items():
                print(line(f"{operator}, without the {told} {name}", ratios[operator]))
    write(fit, fitted, tested, near, far)
    lines = ["case_id,fold"] + [f"{one.id},{'test' if fold(one) == TEST_FOLD else 'fit'}" for one in cases]
    files.write(SPLIT, "\n".join(lines) + "\n")
    print("catalogue", build())


def report(operator: str, fit: Fitted, fitted: list[Timed], tested: list[Timed], every_kind: bool) -> None:
    """Errors of one operator on the rows fitted and on those never fitted."""
    for name, cases in (("fitted", fitted), ("never fitted", tested)):
        own = [one for one in cases if one.operator == operator]
        print(line(f"{operator}, {name}", fit.log_ratio(own)))
        if name == "never fitted":
            for field in ("chip", "kind") if every_kind else ("chip",):
                for value in sorted({getattr(one, field) for one in own}):
                    print(line(f"  {value}", fit.log_ratio([one for one in own if getattr(one, field) == value])))


def write(fit: Fitted, fitted: list[Timed], tested: list[Timed], near: dict, far: dict) -> None:
    """The records of every level, each with the intervals of those who read it as their nearest."""
    seen = {one.chip for one in fitted}
    left = {"family": (near, "chip"), "all": (far, "family")}
    cases_of = {"all": Counter({"all": len(fitted)}), "chip": Counter(one.chip for one in fitted)}
    cases_of["family"] = Counter(fit.family[one.chip] for one in fitted)
    intervals: dict[tuple[str, str], dict[str, float]] = {("all", "all"): {}} | {("chip", chip): {} for chip in seen}
    intervals |= {("family", fit.family[chip]): {} for chip in seen}
    for operator in PARAMETERS:
        own = [one for one in tested if one.operator == operator]
        every = fit.log_ratio(own)
        pooled = {level: np.concatenate([r[operator] for r in found.values()]) for level, (found, _) in left.items()}
        for level, name in intervals:
            ratios = pooled.get(level, every)
            if level == "chip":
                theirs = every[[one.chip == name for one in own]]
                ratios = theirs if len(theirs) >= ENOUGH else every
            low, high = conformal(ratios)
            named = {f"{operator}.low_ratio": float(f"{low:.4g}"), f"{operator}.high_ratio": float(f"{high:.4g}")}
            intervals[level, name] |= named
    notes = {
        "all": "Intervals from families left out of the fit in turn.",
        "family": "Intervals from chips of measured families left out of the fit in turn.",
        "chip": "Intervals from the rows never fitted.",
    }
    records = {}
    for (level, name), interval in sorted(
        intervals.items(), key=lambda item: ("all", "family", "chip").index(item[0][0])
    ):
        records["operators-all" if level == "all" else f"operators-{level}-{name}"] = {
            "from": ["operators-fit", "aiconfigurator-operators"],
            "confidence": "measured",
            "room": "operators",
            "level": level,
            "applies_to": name,
            "cases": cases_of[level][name],
            "parameters": fit.levels.get((level, name), {}) | interval,
            "notes": notes[level],
        }
    header = "# Written by scripts/calibrate_operators.py; run it again instead of editing.\n"
    files.write(OUT, header + yaml.safe_dump(records, sort_keys=False, width=110))


if __name__ == "__main__":
    main()
