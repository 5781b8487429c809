"""Fit the serving estimator's efficiency parameters to the measured cases that ship with the catalogue.

Run `python scripts/calibrate_serving.py` to repeat the fit: it reads `measurements/serving.csv`, splits it by whole
groups (model, chip, engine, kind of source) into rows to fit and rows never fitted, and writes
`measurements/serving_split.csv` and `efficiency/serving.yaml`. Deviations of a class, a family and a chip from the
fit over all are shrunk towards zero, so a chip with few rows stays near its family. Intervals are conformal: they
come from residuals of rows left out of the fit, fold by fold, by whole sources.
"""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import yaml
from scipy.optimize import least_squares

from polysilicon.facts import Catalogue, load
from polysilicon.facts.compiler import build
from polysilicon.facts.engines import ServingEngine
from polysilicon.facts.hardware import Chip
from polysilicon.facts.index import DATA
from polysilicon.facts.money import Assumption
from polysilicon.performance.efficiency import Efficiency
from polysilicon.performance.serving_candidates import ENGINES, OF_ENGINE, Asked, Candidates
from polysilicon.performance.serving_formats import COMPUTE_SHARE, Format, computed_in, format_of
from polysilicon.performance.serving_table import ERRORS_OF, Figures, evaluate
from polysilicon.records import files
from polysilicon.records.document import read_csv
from polysilicon.validation.conformal import conformal
from polysilicon.validation.serving_cases import Question, read
from polysilicon.validation.serving_figures import split_figures
from polysilicon.validation.serving_measures import measured

CASES, SPLIT, LEFT_OUT, OUT = (
    DATA / "measurements" / "serving.csv",
    DATA / "measurements" / "serving_split.csv",
    DATA / "measurements" / "serving_left_out.csv",
    DATA / "efficiency" / "serving.yaml",
)
# Sources with few rows are left out together, in so many folds.
SMALL_FOLDS = 4
# Engines whose prompts ride along with decoding; the others read them in passes of their own.
RIDES = tuple(one for one in ENGINES if not load().get(ServingEngine, one).prompts_first)
# Where the fit starts, how far (in logarithm) a parameter may stray from there, and whether it is a share of a peak.
PRIOR: dict[str, tuple[float, float]] = {
    "weight_bandwidth": (0.8, 0.08),
    "cache_bandwidth": (0.6, 0.5),
    "compute_bf16": (0.6, 0.25),
    "compute_fp8": (0.5, 0.3),
    "compute_fp4": (0.35, 0.4),
    "attention_compute": (0.4, 0.5),
    # As all-reduces of 16 MB and more within a scale-up domain are timed (`validate operators`): 0.48 to 0.85.
    "link": (0.62, 0.08),
    "layer_us": (30.0, 1.0),
    "expert_layer_us": (20.0, 1.0),
    "latent_layer_us": (15.0, 1.0),
    "linear_layer_us": (20.0, 1.0),
    "index_layer_us": (20.0, 1.0),
    # Measured by themselves, apart from any row.
    "stream_layer_us": (load().get(Assumption, "stream-layer-us").value, 0.1),
    "linear_moves": (5.0, 0.5),
    # Eleven kernels where a block has some eight; Triton's, as most of them are, take three times as long to launch.
    "linear_launches": (4.0, 0.7),
    "evenness": (0.8, 0.3),
    "hop_us": (1.0, 1.0),
    "scaleout_hop_us": (10.0, 1.0),
    "imbalance": (1.3, 0.2),
    "grouped": (0.8, 0.2),
    # The mean of how experts are timed alone, and its error: 190 to 620 by format and generation, 1,600 once.
    "half_width": (450.0, 0.3),
    "tile_rows": (64.0, 0.5),
    "scaleout_link": (0.7, 0.15),
    "workers_from": (16.0, 0.7),
    "readers_busy": (0.7, 0.15),
    "workers_growth": (0.4, 0.4),
    "together_split": (0.2, 1.0),
    "fade": (0.5, 0.7),
    "reserve_gib": (3.0, 0.15),
    **{f"host_us_{engine}": (1000.0, 1.0) for engine in ENGINES},
    **{f"request_us_{engine}": (10.0, 1.0) for engine in ENGINES},
    **{f"first_us_{engine}": (40000.0, 1.0) for engine in ENGINES},
    **{f"eager_us_{engine}": (100.0, 0.4) for engine in ENGINES},
    **{f"launch_{engine}": (1.0, 0.25) for engine in ENGINES},
    # As the kernels of `validate operators` are timed: those of TensorRT-LLM copy less often than those of vLLM.
    **{f"copy_{engine}": (2.5 if engine in ("trtllm", "mlperf") else 6.0, 0.3) for engine in ENGINES},
    **{f"interference_{engine}": (0.9, 0.3) for engine in RIDES},
    **{f"together_{engine}": (0.2, 1.0) for engine in ENGINES},
    **{f"separate_{engine}": (0.2, 0.7) for engine in RIDES},
}
SHARES = (
    *(f"together_{engine}" for engine in ENGINES),
    *(f"separate_{engine}" for engine in RIDES),
    "scaleout_link",
    "readers_busy",
    "together_split",
    "evenness",
    "weight_bandwidth",
    "cache_bandwidth",
    "compute_bf16",
    "compute_fp8",
    "compute_fp4",
    "attention_compute",
    "link",
    "grouped",
)
# No kernel table or memory test shows more than 0.95 of a peak.
CEILING = float(np.log(0.95))
# What may differ between classes, families and chips, and the parameters that move together.
AXES: dict[str, tuple[str, ...]] = {
    "bandwidth": ("weight_bandwidth", "cache_bandwidth"),
    "compute": ("compute_bf16", "compute_fp8", "compute_fp4", "attention_compute"),
    "overhead": (
        "layer_us",
        "expert_layer_us",
        "latent_layer_us",
        "linear_layer_us",
        "index_layer_us",
        "stream_layer_us",
        "hop_us",
    ),
}
SPREAD = {"class": 0.3, "family": 0.25, "chip": 0.15}
WEIGHT = {
    "tpot_ms": 1.0,
    "ttft_ms": 0.4,
    "output_tps_per_accel": 0.8,
    "total_tps_per_accel": 0.8,
    "input_tps_per_accel": 0.8,
}
QUANTITY = {
    "tpot_ms": "tpot",
    "ttft_ms": "ttft",
    "output_tps_per_accel": "tps",
    "total_tps_per_accel": "tps",
    "input_tps_per_accel": "tps",
}
# A burst tells more of the engine's queue than of the chip.
TRUST = {"steady": 1.0, "burst": 0.5, "batch": 1.0, "offline": 1.0, "prefill": 1.0, "disaggregated": 0.3}
# What rows scatter by, and from where on a row is so far off that it tells little; both logarithms.
SCATTER, FAR, PRIOR_WEIGHT = 0.15, 0.3, 0.8
# Of the slopes of the residuals, in the logarithm of a parameter.
STEP = 1e-5
COVERED, FEWEST, FEWEST_OF_FAMILY = 0.9, 20, 3


@dataclass
class Row:
    """A row that can be asked, with its group and what was measured."""

    case_id: str
    group: str
    chip: Chip
    question: Question
    measured: dict[str, float]
    source: str
    part: str = "fit"


def rows_of(catalogue: Catalogue) -> list[Row]:
    """Every row of the table that the estimator can answer."""
    rows = []
    for _, cells in read_csv(CASES):
        asked = read(catalogue, cells)
        if not isinstance(asked, Question):
            continue
        model, chip = asked.asked.model.name, catalogue.get(Chip, cells["chip_id"])
        group = "|".join((model, chip.id, asked.asked.engine.id, cells["evidence"], asked.asked.layout.precision))
        figures = measured(cells)
        known = {name: value for name in WEIGHT if isinstance(value := figures.get(name), float)}
        # Total and output throughput of one row are one measurement.
        if "output_tps_per_accel" in known:
            known.pop("total_tps_per_accel", None)
            known.pop("input_tps_per_accel", None)
        if known:
            rows.append(Row(cells["case_id"], group, chip, asked, known, cells["source"]))
    return rows


def split(rows: list[Row]) -> None:
    """Mark about a third of the groups as never fitted, by a digest of the group's name, so new rows move no others.

    A chip whose groups would all be set aside keeps the first of them for the fit.
    """
    by_chip: dict[str, set[str]] = {}
    for row in rows:
        by_chip.setdefault(row.chip.id, set()).add(row.group)
    kept = set()
    for groups in by_chip.values():
        digests = {hashlib.sha256(name.encode()).hexdigest(): name for name in groups}
        aside = [digests[digest] for digest in sorted(digests) if int(digest[:8], 16) % 3 == 0]
        kept |= set(aside if len(aside) < len(groups) else aside[1:])
    for row in rows:
        # Where latencies are kept, a fit would move the very load that it is asked about.
        row.part = "test" if row.group in kept or row.question.promise else "fit"


class Fitting:
    """Parameters as one vector: logarithms of the values over all, then deviations by axis, level and group."""

    def __init__(self, rows: list[Row]) -> None:
        self.names = list(PRIOR)
        self.levels = [
            (level, applies, axis)
            for level in SPREAD
            for applies in sorted({applies_to(row.chip, level) for row in rows})
            for axis in AXES
        ]
        self.start = np.array([np.log(PRIOR[name][0]) for name in self.names] + [0.0] * len(self.levels))
        self.scale = np.array([PRIOR[name][1] for name in self.names] + [SPREAD[level] for level, _, _ in self.levels])

    def value(self, vector: np.ndarray, name: str, chip: Chip, down_to: str) -> float:
        """One parameter of one chip, with the deviations down to a level."""
        total = vector[self.names.index(name)]
        reached = list(SPREAD)[: list(SPREAD).index(down_to) + 1]
        for at, (level, applies, axis) in enumerate(self.levels):
            if level in reached and name in AXES[axis] and applies_to(chip, level) == applies:
                total += vector[len(self.names) + at]
        return float(np.exp(min(total, CEILING) if name in SHARES else total))


def applies_to(chip: Chip, level: str) -> str:
    """The group of a chip on one level."""
    return {"class": chip.device_class, "family": chip.family, "chip": chip.id}[level]


class Batch:
    """The rows of one way of asking as a table whose efficiency columns can be exchanged."""

    def __init__(self, rows: list[Row], fitting: Fitting) -> None:
        self.rows, self.fitting = rows, fitting
        self.trust = TRUST[rows[0].question.way]
        neutral = Efficiency(dict.fromkeys(PRIOR, 1.0), np.nan, np.nan)
        self.questions = [row.question for row in rows]
        self.share = np.array([row.question.share for row in rows])
        asked = [replace(one.asked, efficiency=neutral) for one in self.questions]
        others = [replace(one.prefill or one.asked, efficiency=neutral) for one in self.questions]
        self.table, self.prefill = Candidates.of(asked), Candidates.of(others)
        self.measured = {name: np.array([row.measured.get(name, np.nan) for row in rows]) for name in WEIGHT}
        self.design = np.zeros((len(fitting.names), len(rows), len(fitting.levels)))
        for at, (level, applies, axis) in enumerate(fitting.levels):
            member = np.array([applies_to(row.chip, level) == applies for row in rows], float)
            for name in AXES[axis]:
                self.design[fitting.names.index(name), :, at] = member
        forms = [format_of(one.layout.precision, one.model) for one in asked]
        self.dense = _time_by_share(asked, forms)
        self.expert = [
            COMPUTE_SHARE[computed_in(form.expert_product, one.cluster.peak_flop_per_s)]
            for one, form in zip(asked, forms, strict=True)
        ]
        self.engines = [one.fitted_as for one in asked]

    def figures(self, vectors: np.ndarray) -> Figures:
        """Every row's figures under the parameters in `vectors`: a vector, or many of them as rows of a matrix."""
        size = len(self.fitting.names)
        logs = vectors[..., :size, None] + np.einsum("prl,...l->...pr", self.design, vectors[..., size:])
        share: dict[str, Any] = {
            name: np.exp(np.minimum(logs[..., at, :], CEILING) if name in SHARES else logs[..., at, :])
            for at, name in enumerate(self.fitting.names)
        }
        # What is fitted for some engines only is 1 for the others.
        whole = np.ones((*vectors.shape[:-1], len(self.rows)))
        pick = lambda names: np.stack([share.get(name, whole)[..., at] for at, name in enumerate(names)], axis=-1)  # noqa: E731

        def reaching(table: Candidates) -> Candidates:
            return replace(
                table,
                share=share,
                dense_flop_per_s=table.dense_flop_per_s / sum(part / share[name] for name, part in self.dense.items()),
                expert_flop_per_s=table.expert_flop_per_s * pick(self.expert) * share["grouped"],
                attention_flop_per_s=table.attention_flop_per_s * share["attention_compute"],
                engine={name: pick([f"{name}_{one}" for one in self.engines]) for name in OF_ENGINE},
            )

        way = self.questions[0].way
        if way == "disaggregated":
            return split_figures(self.questions, reaching(self.prefill), reaching(self.table))
        found = evaluate(reaching(self.table), way)
        return replace(found, tokens_per_s_per_chip=found.tokens_per_s_per_chip * self.share)

    def ratios(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        """Logarithm of measured over predicted, NaN where nothing was measured."""
        figures = self.figures(vector)
        whole = 1.0 + self.table.input_tokens / self.table.output_tokens
        predicted = {
            "tpot_ms": figures.tpot_ms,
            "ttft_ms": figures.ttft_ms,
            "output_tps_per_accel": figures.tokens_per_s_per_chip,
            "total_tps_per_accel": figures.tokens_per_s_per_chip * whole,
            "input_tps_per_accel": figures.tokens_per_s_per_chip,
        }
        fits = np.where(figures.fits, 1.0, np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            return {name: np.log(self.measured[name] / predicted[name]) * fits for name in WEIGHT}


def _time_by_share(asked: list[Asked], forms: list[Format]) -> dict[str, np.ndarray]:
    """What part of the time of dense products at their peaks each fitted share stands for, row by row."""
    taken = {name: np.zeros(len(asked)) for name in dict.fromkeys(COMPUTE_SHARE.values())}
    for at, (one, form) in enumerate(zip(asked, forms, strict=True)):
        for precision, part in form.dense_products:
            computed = computed_in(precision, one.cluster.peak_flop_per_s)
            taken[COMPUTE_SHARE[computed]][at] += part / float(one.cluster.peak_flop_per_s[computed])
    whole = sum(taken.values())
    return {name: part / whole for name, part in taken.items()}


def batches(rows: list[Row], fitting: Fitting) -> list[Batch]:
    """The rows by way of asking."""
    ways = sorted({row.question.way for row in rows})
    return [Batch([row for row in rows if row.question.way == way], fitting) for way in ways]


def softened(ratio: np.ndarray) -> np.ndarray:
    """Residuals whose square grows with the logarithm beyond `FAR`: a row far off tells of its source, not of the chip.

    Source: Barron, A General and Adaptive Robust Loss Function (arXiv 1701.03077), the Cauchy loss.
    """
    return np.sign(ratio) * FAR / SCATTER * np.sqrt(np.log1p((ratio / FAR) ** 2))


def fit(rows: list[Row], fitting: Fitting) -> np.ndarray:
    """The parameters that fit `rows` best, held near their prior."""
    many = batches(rows, fitting)

    def residuals(vectors: np.ndarray) -> np.ndarray:
        parts = [PRIOR_WEIGHT * (vectors - fitting.start) / fitting.scale]
        for batch in many:
            for name, ratio in batch.ratios(vectors).items():
                seen = np.isfinite(batch.measured[name])
                # A row that stops fitting in memory under some parameters says nothing there.
                parts.append(WEIGHT[name] * batch.trust * softened(np.nan_to_num(ratio[..., seen])))
        return np.concatenate(parts, axis=-1)

    def slopes(vector: np.ndarray) -> np.ndarray:
        moved = residuals(vector + STEP * np.eye(len(vector)))
        return ((moved - residuals(vector)) / STEP).T

    found = least_squares(residuals, fitting.start, slopes, method="trf", max_nfev=20, x_scale=fitting.scale)
    return np.asarray(found.x)


Errors = dict[tuple[str, str], list[float]]


def left_out(rows: list[Row], fitting: Fitting, folds: list[set[str]], key: Callable[[Row], str]) -> list["Unseen"]:
    """Errors of rows that a fit without their fold has to predict; `key` names what a fold is made of.

    Rows that keep a promise are predicted, and fitted by none.
    """
    found: list[Unseen] = []
    for away in folds:
        vector = fit([row for row in rows if key(row) not in away and not row.question.promise], fitting)
        found += errors_of([row for row in rows if key(row) in away], fitting, vector)
    return found


def by_source(rows: list[Row]) -> list[set[str]]:
    """Folds of whole sources: each with many rows by itself, the small ones shared out."""
    count = Counter(row.source for row in rows)
    large = sorted(name for name, number in count.items() if number >= FEWEST)
    small = sorted(set(count) - set(large), key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    return [{name} for name in large] + [set(small[at::SMALL_FOLDS]) for at in range(SMALL_FOLDS) if small[at:]]


@dataclass(frozen=True)
class Unseen:
    """One figure of a row as a fit that never saw it has it: `ratio` is the logarithm of measured over predicted."""

    row: Row
    quantity: str
    way: str
    ratio: float


def errors_of(rows: list[Row], fitting: Fitting, vector: np.ndarray) -> list[Unseen]:
    """Every measured figure of `rows` under `vector`."""
    return [
        Unseen(row, QUANTITY[name], ERRORS_OF.get(row.question.way, row.question.way), float(one))
        for batch in batches(rows, fitting)
        for name, ratio in batch.ratios(vector).items()
        for row, one in zip(batch.rows, ratio, strict=True)
        if np.isfinite(one)
    ]


def of_chips(found: list[Unseen]) -> dict[str, Errors]:
    """Errors by chip, quantity and way of asking."""
    errors: dict[str, Errors] = {}
    for one in found:
        errors.setdefault(one.row.chip.id, {}).setdefault((one.quantity, one.way), []).append(one.ratio)
    return errors


def left_out_table(found: list[Unseen], strange: dict[str, dict[str, float]]) -> str:
    """Each figure as a fit without its source has it, with the interval that the errors of other sources give.

    Those of its own vendor's chips speak for it where there are enough: what one vendor's engine is off by says little
    of another's. Where other sources hardly measured its family it takes the interval of a family nobody measured: the
    widest of the others in `strange`, or what its vendor's few errors are, in either direction, where that is wider.
    """
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("case_id", "source", "vendor", "chip", "quantity", "way", "log_error", "low_ratio", "high_ratio"))
    for one in found:
        others = [
            other
            for other in found
            if (other.quantity, other.way) == (one.quantity, one.way) and other.row.source != one.row.source
        ]
        own = [other for other in others if other.row.chip.vendor == one.row.chip.vendor]
        near = own if len(own) >= FEWEST else others
        kin = sum(
            other.row.chip.family == one.row.chip.family and other.row.source != one.row.source for other in found
        )
        ends: tuple[Any, ...] = ("", "")
        if kin < FEWEST:
            vendor = [
                other.ratio
                for other in found
                if (other.quantity, other.row.chip.vendor) == (one.quantity, one.row.chip.vendor)
                and other.row.source != one.row.source
            ]
            widest = envelope([bounds for family, bounds in strange.items() if family != one.row.chip.family])
            widest = either_way(widest, {one.quantity: vendor})
            ends = tuple(widest.get(f"{one.quantity}_{end}_{one.way}", "") for end in ("low", "high"))
        elif len(near) >= FEWEST:
            ends = tuple(round(end, 4) for end in bounds_of(near))
        chip = one.row.chip
        named = (one.row.case_id, one.row.source, chip.vendor, chip.id, one.quantity, one.way)
        writer.writerow((*named, round(-one.ratio, 5), *ends))
    return table.getvalue()


def intervals(many: list[Errors], least: int) -> dict[str, float]:
    """Conformal bounds of measured over predicted, for each quantity and way with enough errors.

    A way that was measured too seldom takes the errors of its quantity in all ways.
    """
    pooled: Errors = {}
    whole: dict[str, list[float]] = {}
    for errors in many:
        for key, values in errors.items():
            pooled.setdefault(key, []).extend(values)
            whole.setdefault(key[0], []).extend(values)
    bounds = {}
    for (quantity, way), own in sorted(pooled.items()):
        values = whole[quantity] if len(own) < least else own
        if len(values) >= least:
            ordered = np.sort(values)
            # The smallest rank that covers with n + 1 exchangeable rows: Vovk, Gammerman, Shafer (2005), section 2.
            beyond = max(int(np.floor((len(ordered) + 1) * (1.0 - COVERED) / 2.0)), 1)
            # Where all errors lie on one side the interval still holds the figure itself.
            bounds[f"{quantity}_low_{way}"] = float(np.exp(min(ordered[beyond - 1], 0.0)))
            bounds[f"{quantity}_high_{way}"] = float(np.exp(max(ordered[-beyond], 0.0)))
    if "tpot_low_steady" in bounds and len(pooled.get(("tps", "steady"), [])) < FEWEST:
        # With a constant number in flight, throughput is as far off as the time per token is, the other way round.
        bounds["tps_low_steady"] = 1.0 / bounds["tpot_high_steady"]
        bounds["tps_high_steady"] = 1.0 / bounds["tpot_low_steady"]
    return bounds


def bounds_of_vendor(found: list[Unseen], vendor: str) -> dict[str, float]:
    """Bounds of what measured chips of a vendor are off by; of all vendors, where its own were measured too seldom.

    Single chips and families say less: their errors come from a few sources each, and a new source errs as any other.
    """
    bounds: dict[str, float] = {}
    for quantity, way in sorted({(one.quantity, one.way) for one in found}):
        alike = [one for one in found if (one.quantity, one.way) == (quantity, way)]
        own = [one for one in alike if one.row.chip.vendor == vendor]
        near = own if len(own) >= FEWEST else alike
        if len(near) >= FEWEST:
            low, high = bounds_of(near)
            bounds |= {f"{quantity}_low_{way}": low, f"{quantity}_high_{way}": high}
    return bounds


def bounds_of(errors: list[Unseen]) -> tuple[float, float]:
    """What these errors hold nine in ten within, the figure itself always.

    Where a single source made them all, a fit without it tells how far off such a source may be, but not which way: the
    fit that ships has seen it.
    """
    low, high = conformal(np.array([-one.ratio for one in errors]), [one.row.source for one in errors])
    if len({one.row.source for one in errors}) == 1:
        far = max(1.0 / low, high)
        return 1.0 / far, far
    return min(low, 1.0), max(high, 1.0)


def envelope(many: list[dict[str, float]]) -> dict[str, float]:
    """The widest of several bounds: a family nobody measured may be like any of those that were."""
    widest: dict[str, float] = {}
    for bounds in many:
        for name, value in bounds.items():
            pick = min if "_low_" in name else max
            widest[name] = pick(widest.get(name, value), value)
    return widest


def records(rows: list[Row], fitting: Fitting, vector: np.ndarray) -> dict[str, Any]:
    """The fit as catalogue records: over all, by class, by family, by chip."""
    fitted = [row for row in rows if row.part == "fit"]
    train = fitted + [row for row in rows if row.question.promise]
    # A chip nobody measured is predicted from other families; one that was, from what other sources say of it.
    strange = of_chips(left_out(train, fitting, by_family(train), lambda row: row.chip.family))
    usual = left_out(train, fitting, by_source(train), lambda row: row.source)
    chips = {row.chip.id: row.chip for row in train}
    known = {
        name: float(np.exp(min(value, CEILING) if name in SHARES else value))
        for name, value in zip(fitting.names, vector, strict=False)
    }
    families = list(bounds_of_families(strange, chips).values())
    written = {"serving-all": record("all", "all", known | envelope(families), len(fitted))}
    for level in SPREAD:
        for applies in sorted({applies_to(chip, level) for chip in chips.values()}):
            members = [chip for chip in chips.values() if applies_to(chip, level) == applies]
            own = {name: fitting.value(vector, name, members[0], level) for axis in AXES.values() for name in axis}
            if level == "class":
                own |= unusual([strange[chip.id] for chip in members if chip.id in strange], families)
            elif sum(applies_to(one.row.chip, level) == applies for one in usual) >= FEWEST:
                own |= bounds_of_vendor(usual, members[0].vendor)
            cases = sum(applies_to(row.chip, level) == applies for row in fitted)
            written[f"serving-{level}-{applies}"] = record(level, applies, own, cases)
    return written


def by_family(rows: list[Row]) -> list[set[str]]:
    """Folds of whole families of chips."""
    return [{family} for family in sorted({row.chip.family for row in rows})]


def bounds_of_families(strange: dict[str, Errors], chips: dict[str, Chip]) -> dict[str, dict[str, float]]:
    """What the errors of each family give, as a fit without it made them."""
    return {
        family: intervals(
            [strange[one] for one, chip in chips.items() if chip.family == family and one in strange], FEWEST_OF_FAMILY
        )
        for family in sorted({chip.family for chip in chips.values()})
    }


def unusual(many: list[Errors], families: list[dict[str, float]]) -> dict[str, float]:
    """Bounds of a class that was never measured with a constant number in flight: as wide as its other errors."""
    if any(("tpot", "steady") in errors for errors in many):
        return {}
    seen: dict[str, list[float]] = {}
    for errors in many:
        for (quantity, _), values in errors.items():
            seen.setdefault(quantity, []).extend(values)
    return either_way(envelope(families), seen)


def either_way(bounds: dict[str, float], seen: dict[str, list[float]]) -> dict[str, float]:
    """Bounds as wide as the few errors seen of each quantity are large: few sources don't tell the direction."""
    widened = dict(bounds)
    for name, value in bounds.items():
        quantity, end, _ = name.split("_")
        far = float(np.exp(max(np.abs(seen.get(quantity, [])), default=0.0)))
        widened[name] = min(value, 1.0 / far) if end == "low" else max(value, far)
    return widened


def record(level: str, applies: str, parameters: dict[str, float], cases: int) -> dict[str, Any]:
    """One record of kind `efficiency`."""
    rounded = {name: float(f"{value:.4g}") for name, value in parameters.items()}
    bounds = {
        bound: rounded[f"tpot_{bound[:-6]}_steady"]
        for bound in ("low_ratio", "high_ratio")
        if f"tpot_{bound[:-6]}_steady" in rounded
    }
    return {
        "from": ["serving-fit"],
        "confidence": "estimate",
        "room": "serving",
        "level": level,
        "applies_to": applies,
        "cases": cases,
        **bounds,
        "parameters": rounded,
    }


def main() -> None:
    """Split, fit, measure, write."""
    catalogue = load()
    rows = rows_of(catalogue)
    split(rows)
    fitting = Fitting(rows)
    vector = fit([row for row in rows if row.part == "fit"], fitting)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["case_id", "group", "part"])
    writer.writerows(sorted((row.case_id, row.group, row.part) for row in rows))
    files.write(SPLIT, table.getvalue())
    found = records(rows, fitting, vector)
    strange = of_chips(left_out(rows, fitting, by_family(rows), lambda row: row.chip.family))
    apart = left_out(rows, fitting, by_source(rows), lambda row: row.source)
    files.write(LEFT_OUT, left_out_table(apart, bounds_of_families(strange, {row.chip.id: row.chip for row in rows})))
    files.write(OUT, yaml.safe_dump(found, sort_keys=False, width=120, default_flow_style=None))
    report(rows, fitting, vector)
    build()


def report(rows: list[Row], fitting: Fitting, vector: np.ndarray) -> None:
    """Print the median error of each quantity, over the rows fitted and those never fitted."""
    for part in ("fit", "test"):
        errors = of_chips(errors_of([row for row in rows if row.part == part], fitting, vector))
        for chip, of_chip in sorted(errors.items()):
            for (quantity, way), values in sorted(of_chip.items()):
                middle = 100.0 * np.median(np.abs(np.exp(-np.array(values)) - 1.0))
                print(
                    f"{part:4s} {chip:28s} {quantity:4s} {way:8s} {len(values):4d} rows, median error {middle:6.1f} %"
                )


if __name__ == "__main__":
    main()
