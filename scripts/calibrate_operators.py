"""Fit the operator curves to timed kernels and write what was found as records.

    python scripts/calibrate_operators.py            # fit, then write facts/data/efficiency/operators.yaml
    python scripts/calibrate_operators.py --report   # also print the errors of each kind of kernel
    python scripts/calibrate_operators.py --only moe # fit some operators again, keep the records of the others

The split is drawn by whole groups and recorded in facts/data/measurements/operators/split.csv: a group is a shape (or
shapes that differ little) on every chip and in every format, so no near-duplicate of a tested row is fitted. Each kind
of kernel is fitted on its own: for all chips first, then for each family near that, then for each chip near its
family. What the curves leave of a row is carried to like shapes (`kriging.py`). The intervals come from the rows never
fitted, from refits without each chip of a family, and from refits without each family, for those who ask of a chip that
was measured, whose sibling was, or of which nothing is known.
"""

import argparse
import zlib
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import yaml
from group_intervals import ENOUGH, conformal, of_groups
from kriging import Carrier
from scipy.optimize import least_squares

from polysilicon.facts import load
from polysilicon.facts.compiler import build
from polysilicon.facts.hardware import Chip
from polysilicon.facts.index import DATA
from polysilicon.performance.curves import SURFACE, Silicon
from polysilicon.performance.kernel_curves import kind_of, surface_names
from polysilicon.records import files
from polysilicon.records.document import read_csv
from polysilicon.validation.operator_cases import Timed, columns, read
from polysilicon.validation.operator_limits import impossible
from polysilicon.validation.operator_times import predicted_s

TABLES = DATA / "measurements" / "operators"
SPLIT = TABLES / "split.csv"
LEFT_OUT = DATA / "measurements" / "operators_left_out.csv"
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
        narrowed = min(1.0, self.spread / 0.5) * max(1.0, self.spread)
        return 0.7 * narrowed, 0.85 * narrowed, 0.45 * narrowed


def surface(shape: str, spread: float = 0.06) -> tuple[Parameter, ...]:
    """The coefficients of the surface of an operator, level unless the data says otherwise."""
    return tuple(Parameter(name, 0.0, spread, linear=True) for name in surface_names(shape))


DECODE = (
    Parameter("share", 0.20, 0.8),
    Parameter("memory", 0.70, 0.4),
    Parameter("cache_rate", 15.0, 0.7),
    Parameter("cache", 0.80, 0.5),
    Parameter("piece_s", 3e-6, 0.8),
    Parameter("key_s", 10e-9, 0.8),
    Parameter("splits", 15.0, 2.5),
    Parameter("join_s", 1e-6, 1.5),
    Parameter("wave", 0.30, 0.7),
    Parameter("single", 1.0, 0.5),
    Parameter("head_s", 1.2e-6, 0.5),
    Parameter("head_key_s", 10e-9, 0.5),
    Parameter("sharpness", 2.5, 0.4),
    Parameter("floor_s", 5e-6, 0.7),
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
    "mla_prefill": (*PREFILL, *surface("mla_prefill", 0.03)),
    "mla_prefill_block": (*PREFILL, *PROJECTIONS, *surface("mla_prefill", 0.03)),
    "mla_decode": (*DECODE, *surface("mla_decode", 0.03)),
    "mla_decode_block": (*DECODE, *PROJECTIONS, *surface("mla_decode", 0.03)),
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
        Parameter("kept", 0.005, 2.0),
        Parameter("copy", 1.0, 0.8),
        Parameter("expert_s", 1e-8, 1.0),
        Parameter("floor_s", 25e-6, 0.7),
        *surface("moe"),
    ),
    "collective": (
        Parameter("share", 0.75, 0.5),
        Parameter("quick", 0.30, 0.8),
        Parameter("quick_growth", 0.0, 0.6, linear=True),
        Parameter("full_growth", 0.0, 0.35, linear=True),
        Parameter("floor_s", 6e-6, 0.8),
        Parameter("hop_s", 1e-6, 0.8),
        Parameter("lag_s", 10e-6, 1.0),
        *surface("collective", 0.05),
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
        Parameter("row_rate", 10.0, 1.0),
        Parameter("floor_s", 2e-6, 0.7),
    ),
}
# Where each is launched by itself: the host's pace, and what it is times that where the chip is joined to its host.
LAUNCHED = (Parameter("launch_s", 20e-6, 0.8), Parameter("joined", 1.0, 0.7))
# Typical relative error of a row, for all chips at once and for one family or chip; beyond it errors count linearly.
NOISE_ALL, NOISE, NOISE_LATER = 0.25, 0.12, 0.08
# What training rests on was fitted first, and stays as it was.
FIRST = ("gemm", "attention")
NOTES = {
    "all": "Intervals from families left out of the fit in turn.",
    "family": "Intervals from chips of measured families left out of the fit in turn.",
    "chip": "Intervals from the rows never fitted.",
}
STRANGERS = ", also kernels timed on no other"


def parameters_of(operator: str, kinds: Iterable[str]) -> tuple[Parameter, ...]:
    """The parameters of one kind of kernel, or of variants that are fitted as one."""
    launched = operator == "collective" and any("eager" in kind for kind in kinds)
    return (*PARAMETERS[operator], *(LAUNCHED if launched else ()))


class Fitted:
    """Parameters found so far, by level and name: `levels[("family", "hopper")]["gemm.bf16.share"]`.

    `carrier` has what the curves leave of the rows of the fit, once it is learned.
    """

    carrier: Carrier | None = None

    def __init__(self, catalogue, cases: list[Timed], below: frozenset[str] | None = None) -> None:
        """Fit to `cases`; of families only those in `below`, without their chips, where it is given."""
        self.below, self.catalogue = below, catalogue
        self.silicon = {chip: Silicon.of(catalogue, chip) for chip in {one.chip for one in cases}}
        self.family = {chip: catalogue.get(Chip, chip).family or chip for chip in self.silicon}
        self.levels: dict[tuple[str, str], dict[str, float]] = {}
        kinds = sorted({(one.operator, one.kind) for one in cases}, key=lambda key: (key[0], len(key[1]), key[1]))
        for operator, base in sorted({(operator, kind.partition("@")[0]) for operator, kind in kinds} - set(kinds)):
            own = [one for one in cases if one.operator == operator and one.kind.partition("@")[0] == base]
            self._keep("all", "all", operator, base, self._pool(operator, own))
        for operator, kind in kinds:
            self._kind(operator, kind, [one for one in cases if (one.operator, one.kind) == (operator, kind)])

    def _carry(self, operator: str, kind: str, found: dict[str, float], timed: Iterable[str]) -> None:
        """What families do to the usual collective they do, as far as is known, to a variant not timed on them."""
        base = kind.partition("@")[0]
        usual = self.levels["all", "all"]
        if operator != "collective" or base == kind:
            return
        for family in [name for level, name in self.levels if level == "family" and name not in timed]:
            own = self.levels["family", family]
            if f"{operator}.{base}.floor_s" not in own:
                continue
            moved = dict(found)
            for one in parameters_of(operator, [base]):
                name = f"{operator}.{base}.{one.name}"
                more = own[name] - usual[name] if one.linear else own[name] / usual[name]
                moved[one.name] = found[one.name] + more if one.linear else found[one.name] * more
            self._keep("family", family, operator, kind, moved)

    def _pool(self, operator: str, cases: list[Timed]) -> dict[str, float]:
        """All variants of a kind that has no usual kernel, as one: what a variant that was never timed is taken for."""
        rows = Counter(one.kind for one in cases)
        weight = np.array([rows[one.kind] ** -0.5 for one in cases])
        parameters = parameters_of(operator, rows)
        start, spread = {p.name: p.prior for p in parameters}, {p.name: p.spread for p in parameters}
        return self._solve(operator, cases, start, spread, NOISE_ALL, weight / weight.max())

    def _kind(self, operator: str, kind: str, cases: list[Timed]) -> None:
        parameters = parameters_of(operator, [kind])
        start, spread = {p.name: p.prior for p in parameters}, {p.name: p.spread for p in parameters}
        usual = self.levels.get(("all", "all"), {})
        if f"{operator}.{kind.partition('@')[0]}.{parameters[0].name}" in usual and "@" in kind:
            start |= {p.name: usual.get(f"{operator}.{kind.partition('@')[0]}.{p.name}", p.prior) for p in parameters}
        per_family, per_chip = Counter(self.family[one.chip] for one in cases), Counter(one.chip for one in cases)
        weight = np.array([1 / per_family[self.family[one.chip]] for one in cases])
        found = self._solve(operator, cases, start, spread, NOISE_ALL, np.sqrt(weight / weight.max() + 0.3))
        self._keep("all", "all", operator, kind, found)
        noise = NOISE if operator in FIRST else NOISE_LATER
        self._carry(operator, kind, found, per_family)
        for family in per_family if self.below is None else self.below & set(per_family):
            own = [one for one in cases if self.family[one.chip] == family]
            chips = [chip for chip in per_chip if self.family[chip] == family]
            spread = {p.name: p.below[len(chips) == 1] for p in parameters}
            near = self._solve(operator, own, found, spread, noise, np.ones(len(own)))
            self._keep("family", family, operator, kind, near)
            if len(chips) == 1 or self.below is not None:
                continue
            spread = {p.name: p.below[2] for p in parameters}
            for chip in chips:
                theirs = [one for one in own if one.chip == chip]
                last = self._solve(operator, theirs, near, spread, noise, np.ones(len(theirs)))
                self._keep("chip", chip, operator, kind, last)

    def _keep(self, level: str, name: str, operator: str, kind: str, found: dict[str, float]) -> None:
        own = {f"{operator}.{kind}.{one}": float(f"{value:.4g}") for one, value in found.items()}
        self.levels.setdefault((level, name), {}).update(own)

    def _solve(self, operator, cases, start, spread, noise, weight) -> dict[str, float]:
        parameters = parameters_of(operator, {one.kind for one in cases})
        order, parts = [], []
        for kind in sorted({one.kind for one in cases}):
            own = [at for at, one in enumerate(cases) if one.kind == kind]
            theirs = [cases[at] for at in own]
            parts.append((kind, columns(theirs), Silicon.stack([self.silicon[one.chip] for one in theirs])))
            order += own
        measured = np.array([cases[at].measured_s for at in order])
        weight = weight[order]
        inward = np.array([start[p.name] if p.linear else np.log(start[p.name]) for p in parameters])
        loose = np.array([spread[p.name] for p in parameters])

        def outward(x: np.ndarray) -> dict[str, float]:
            return {p.name: v if p.linear else float(np.exp(v)) for p, v in zip(parameters, x, strict=True)}

        def off(x: np.ndarray) -> np.ndarray:
            found = outward(x)
            predicted = [
                predicted_s(operator, kind, sizes, {f"{operator}.{kind}.{one}": v for one, v in found.items()}, silicon)
                for kind, sizes, silicon in parts
            ]
            log_error = np.log(np.concatenate(predicted) / measured)
            return np.concatenate([weight * log_error / noise, (x - inward) / loose])

        return outward(least_squares(off, inward, loss="soft_l1", max_nfev=30 if self.below is None else 15).x)

    def log_ratio(self, cases: list[Timed], strangers: bool = True) -> np.ndarray:
        """Log of measured over predicted time; not a number where nothing tells, or for `strangers` that are not asked.

        A stranger is a variant of a kernel that was timed on no chip of the fit: another stands for it.
        """
        ratios = np.full(len(cases), np.nan)
        groups: dict[tuple[str, str, str], list[int]] = {}
        for at, one in enumerate(cases):
            groups.setdefault((one.operator, one.kind, one.chip), []).append(at)
        for (operator, kind, chip), rows in groups.items():
            own = dict(self.levels["all", "all"])
            family = self.family.get(chip, "")
            for key in (("family", family), ("chip", chip)):
                own |= self.levels.get(key, {})
            nearest = kind_of(own, operator, kind, family)
            if f"{operator}.{nearest}.floor_s" not in own or (nearest != kind and not strangers):
                continue
            theirs = [cases[at] for at in rows]
            silicon = self.silicon[chip]
            predicted = predicted_s(operator, nearest, columns(theirs), own, silicon)
            ratios[rows] = np.log(np.array([one.measured_s for one in theirs]) / predicted)
        return ratios if self.carrier is None else ratios - self.carrier.log_ratio(cases)

    def learn_residuals(self, cases: list[Timed]) -> None:
        """What the curves leave of `cases`, the rows of the fit."""
        units = {chip: float(one.units) for chip, one in self.silicon.items()}
        self.carrier = Carrier(cases, self.log_ratio(cases), units, self.family)


def without(catalogue, cases: list[Timed], names: dict[str, str]) -> dict[str, dict[str, np.ndarray]]:
    """Log ratios by operator of each group of chips when it is left out; `names` maps a chip to its group."""
    asked = sorted(set(names.values()))
    with ProcessPoolExecutor() as workers:
        found = workers.map(one_without, *zip(*((catalogue, cases, names, name) for name in asked), strict=True))
        return dict(zip(asked, found, strict=True))


def one_without(catalogue, cases: list[Timed], names: dict[str, str], name: str) -> dict[str, np.ndarray]:
    """Log ratios by operator of the chips of one group when it is left out of the fit."""
    rest = [one for one in cases if names.get(one.chip) != name]
    theirs = [one for one in cases if names.get(one.chip) == name]
    families = {chip: catalogue.get(Chip, chip).family or chip for chip in {one.chip for one in theirs}}
    fit = Fitted(catalogue, rest, frozenset(families.values()))
    fit.family |= families
    fit.silicon |= {chip: Silicon.of(catalogue, chip) for chip in families}
    return {
        operator + how: fit.log_ratio([one for one in theirs if one.operator == operator], how == STRANGERS)
        for operator in PARAMETERS
        for how in ("", STRANGERS)
    }


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
    silicon = {chip: Silicon.of(catalogue, chip) for chip in {one.chip for one in every if isinstance(one, Timed)}}
    timed = [one for one in every if isinstance(one, Timed) and not impossible(one, silicon[one.chip])]
    cases = [one for one in timed if one.operator in only]
    fitted = [one for one in cases if fold(one) != TEST_FOLD]
    tested = [one for one in cases if fold(one) == TEST_FOLD]
    fit = Fitted(catalogue, fitted)
    fit.learn_residuals(fitted)
    for operator in only:
        report(operator, fit, fitted, tested, asked.report)
    if asked.no_refits:
        return
    chips = {one.chip: one.chip for one in fitted}
    families = {chip: fit.family[chip] for chip in chips}
    siblings = {chip for chip in chips if Counter(families.values())[families[chip]] > 1}
    near = without(catalogue, fitted, {chip: chip for chip in siblings})
    far = without(catalogue, fitted, families)
    for operator in only:
        for told, left in (("chip", near), ("family", far)):
            for name, ratios in left.items():
                for how in ("", STRANGERS):
                    print(line(f"{operator}{how}, without the {told} {name}", ratios[operator + how]))
    write(fit, timed, tested, near, far, only)
    fit.carrier.write()
    alone = {chip: far[family] for chip, family in families.items() if Counter(families.values())[family] == 1}
    record_left_out(catalogue, near | alone, far, only)
    folds = {one.id: "test" if fold(one) == TEST_FOLD else "fit" for one in timed}
    lines = ["case_id,fold"] + [f"{name},{part}" for name, part in folds.items()]
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


def write(fit: Fitted, timed: list[Timed], tested: list[Timed], near: dict, far: dict, only: tuple[str, ...]) -> None:
    """The records of every level, each with the intervals of those who read it as their nearest.

    What they hold of operators that were not fitted now stays.
    """
    every = [one for one in timed if fold(one) != TEST_FOLD]
    family = {chip: fit.catalogue.get(Chip, chip).family or chip for chip in {one.chip for one in every}}
    cases_of = {("all", "all"): len(every)}
    cases_of |= {("chip", name): count for name, count in Counter(one.chip for one in every).items()}
    cases_of |= {("family", name): count for name, count in Counter(family[one.chip] for one in every).items()}
    kept = yaml.safe_load(OUT.read_text(encoding="utf-8")) if OUT.exists() else {}
    records = {}
    for level, name in sorted(cases_of, key=lambda key: (("all", "family", "chip").index(key[0]), key[1])):
        record = "operators-all" if level == "all" else f"operators-{level}-{name}"
        seen = {one.operator for one in every if name in (level, one.chip, family[one.chip])}
        own = fit.levels.get((level, name), {}) | (fit.carrier.lengths() if level == "all" else {})
        for operator in sorted(seen & set(only)):
            own |= interval(fit, operator, level, name, [one for one in tested if one.operator == operator], near, far)
        before = kept.get(record, {}).get("parameters", {})
        rest = {key: value for key, value in before.items() if key.partition(".")[0] not in only}
        # What was never timed there inherits its interval as it does its curve.
        rest = {key: value for key, value in rest.items() if key.partition(".")[0] in seen}
        records[record] = {
            "from": ["operators-fit", "aiconfigurator-operators", "vidur-operators"],
            "confidence": "measured",
            "room": "operators",
            "level": level,
            "applies_to": name,
            "cases": cases_of[level, name],
            "parameters": rest | own,
            "notes": NOTES[level],
        }
    header = "# Written by scripts/calibrate_operators.py; run it again instead of editing.\n"
    files.write(OUT, header + yaml.dump(records, Dumper=yaml.CSafeDumper, sort_keys=False, width=110))


def with_siblings(catalogue, left: dict, operator: str) -> dict[str, np.ndarray]:
    """Of chips left out, the log ratios of those of whose family another chip was timed in the operator."""
    own = {chip: ratios[operator][np.isfinite(ratios[operator])] for chip, ratios in left.items()}
    families = Counter(catalogue.get(Chip, chip).family for chip, ratios in own.items() if len(ratios))
    return {chip: ratios for chip, ratios in own.items() if families[catalogue.get(Chip, chip).family] > 1}


def record_left_out(catalogue, left: dict, far: dict, only: tuple[str, ...]) -> None:
    """How far each chip's rows are off when it is left out, and how many lie in the interval of the others left out.

    Chips whose family was timed besides are told from those of which no sibling was: the interval of these is that of
    all other families, left out likewise.
    """
    kept = [row for _, row in read_csv(LEFT_OUT)] if LEFT_OUT.exists() else []
    rows = [row for row in kept if row["operator"] not in only]
    for operator in only:
        near = with_siblings(catalogue, left, operator)
        every = {chip: ratios[operator][np.isfinite(ratios[operator])] for chip, ratios in left.items()}
        for chip, ratios in every.items():
            family = catalogue.get(Chip, chip).family or chip
            beside = [one for name, one in near.items() if name != chip]
            others = beside if chip in near else [one[operator] for name, one in far.items() if name != family]
            if not len(ratios) or sum(np.isfinite(one).sum() for one in others) < ENOUGH:
                continue
            low, high = np.log(of_groups(others))
            figures = pct(ratios).mean(), np.median(pct(ratios)), 100 * ((low <= ratios) & (ratios <= high)).mean()
            level = "family" if chip in near else "all"
            named = {"operator": operator, "chip": chip, "read_from": level, "rows": str(len(ratios))}
            names = ("mean_error_pct", "median_error_pct", "inside_pct")
            rows.append(named | {name: f"{figure:.1f}" for name, figure in zip(names, figures, strict=True)})
    rows.sort(key=lambda row: (list(PARAMETERS).index(row["operator"]), row["chip"]))
    files.write(LEFT_OUT, "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)]) + "\n")


def interval(
    fit: Fitted, operator: str, level: str, name: str, tested: list[Timed], near: dict, far: dict
) -> dict[str, float]:
    """The interval of those who read a level as their nearest.

    A chip's comes from its own rows never fitted if it has enough; a family's from chips of families left out of the
    fit in turn, all chips' from families left out.
    Where too few rows tell, it is wide by convention. Variants of a kernel that were timed nowhere (`strange`) read
    their interval at the level of all chips.
    """
    if level == "chip":
        every = fit.log_ratio(tested)
        theirs = every[[one.chip == name for one in tested]]
        return named(operator, conformal(theirs if np.isfinite(theirs).sum() >= ENOUGH else every))
    if level == "family":
        return named(operator, of_groups([*with_siblings(fit.catalogue, near, operator).values()]))
    usual, strange = (of_groups([one[operator + how] for one in far.values()]) for how in ("", STRANGERS))
    # A kernel that stands for another is no better known than for itself.
    strange = min(usual[0], strange[0]), max(usual[1], strange[1])
    return named(operator, usual) | named(f"{operator}.strange", strange)


def named(prefix: str, ends: tuple[float, float]) -> dict[str, float]:
    """The ends of an interval by name."""
    low, high = ends
    return {f"{prefix}.low_ratio": float(f"{low:.4g}"), f"{prefix}.high_ratio": float(f"{high:.4g}")}


if __name__ == "__main__":
    main()
