"""How long a training step takes, what memory it needs, and how sure we are: for one layout or a table of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.money import Assumption
from polysilicon.performance import domain
from polysilicon.performance.cluster import Cluster, Reading
from polysilicon.performance.efficiency import Efficiency, efficiency_of
from polysilicon.performance.feasible import check
from polysilicon.performance.hosts import host_of, host_readings
from polysilicon.performance.layouts import Layouts
from polysilicon.performance.least_work import least_work
from polysilicon.performance.memory import Memory, memory
from polysilicon.performance.pipeline import model_flop_per_s_per_chip, tokens_per_s_per_chip
from polysilicon.performance.rates import backward_rates, rates
from polysilicon.performance.recipe import Recipe, as_run
from polysilicon.performance.step import Breakdown, Job, breakdown
from polysilicon.performance.values import PEAK_FIELD, PRECISIONS, Values
from polysilicon.records.errors import Unsupported
from polysilicon.records.recorder import formula
from polysilicon.records.table import Table
from polysilicon.records.units import GIB, MICRO
from polysilicon.workloads.counts import Shape
from polysilicon.workloads.model import Transformer, Workload
from polysilicon.workloads.task import Training

# Kinds of jobs with intervals of their own: dense and fused, attention that is not fused, adapters, products in formats
# whose blocks have a scale each, experts.
KINDS = ("plain", "unfused", "adapters", "block_scaled", "experts")
BLOCK_SCALED = ("mxfp8", "nvfp4", "mxfp4")
# Figures that decide the time of every step: the interval of a fitted chip was learned with what is wrong about them.
PACED = {PEAK_FIELD["bf16"], PEAK_FIELD["fp16"], "memory_bw_gbs"}


@formula
def bound_s(step_s: Values, ratio: Values, widening: Values) -> Values:
    """One end of the 90 % interval of a step: the point, times a ratio that measured cases stayed within.

    Source: Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World (2005), split conformal prediction;
    ratios from refits to measurements/training.csv without each source, chip or family in turn.
    """
    return step_s * ratio**widening


@formula
def possible_s(
    bound_s: Values, flop_per_token: Values, tokens: Values, peak_flop_per_s: Values, chips: Values
) -> Values:
    """A lower end that no chip can beat: at least what the model's operations take at the dense peak.

    Source: Williams, Waterman, Patterson, Roofline (CACM 52(4), 2009).
    """
    return np.maximum(bound_s, flop_per_token * tokens / (peak_flop_per_s * chips))


@formula
def memory_bound_bytes(memory_bytes: Values, ratio: Values) -> Values:
    """One end of the 90 % interval of the memory of the fullest chip.

    Source: as `bound_s`; ratios from the rows of measurements/training.csv that state a peak.
    """
    return memory_bytes * ratio


@formula
def utilisation_pct(model_flop_per_s: Values, peak_flop_per_s: Values) -> Values:
    """Model FLOP/s utilisation: what the model needs over the dense matrix peak.

    Source: Chowdhery et al., PaLM (arXiv 2204.02311), appendix B.
    """
    return 100.0 * model_flop_per_s / peak_flop_per_s


@dataclass(frozen=True)
class TrainingEstimate:
    """One entry a candidate. `low_s` and `high_s` bound the 90 % interval of `step_s`.

    `mfu_pct` counts causal attention, and no gradients of weights that stay fixed, over the dense peak of the products'
    precision. `fits` is whether the fullest chip's memory suffices at the point; `memory_low_bytes` and
    `memory_high_bytes` are the ends of its 90 % interval. `doubts` are the figures read from low-confidence records.
    `recipe` and `task` are what was asked for, and `outside` says for each candidate why it lies outside what was ever
    validated.
    """

    model: str
    cluster: Cluster
    layouts: Layouts
    step_s: Any
    low_s: Any
    high_s: Any
    tokens_per_s_per_chip: Any
    mfu_pct: Any
    parts: Breakdown
    memory: Memory
    memory_low_bytes: Any
    memory_high_bytes: Any
    fits: Any
    doubts: tuple[Reading, ...]
    fits_used: tuple[str, ...]
    catalogue_hash: str = ""
    recipe: Recipe = field(default_factory=Recipe)
    outside: tuple[tuple[str, ...], ...] = ()
    task: Training | None = None

    def __len__(self) -> int:
        return int(np.size(self.step_s))

    def to_table(self, most: int | None = None) -> Table:
        """The candidates as rows: degrees, time with its interval, throughput, utilisation, memory."""
        count = len(self) if most is None else min(most, len(self))
        rows = [self.layouts.row(at) for at in range(count)]
        columns: dict[str, Any] = {name: [row[name] for row in rows] for name in (rows[0] if rows else {})}
        for name, values in (
            ("step_s", self.step_s),
            ("low_s", self.low_s),
            ("high_s", self.high_s),
            ("tokens_per_s_per_chip", self.tokens_per_s_per_chip),
            ("mfu_pct", self.mfu_pct),
            ("memory_gib", np.asarray(self.memory.memory_bytes) / GIB),
            ("fits", self.fits),
            ("memory_low_gib", np.asarray(self.memory_low_bytes) / GIB),
            ("memory_high_gib", np.asarray(self.memory_high_bytes) / GIB),
        ):
            columns[name] = np.ravel(np.broadcast_to(values, len(self)))[:count]
        columns["outside"] = [list(reasons) for reasons in self.outside[:count]] or [[]] * count
        notes = tuple(f"low confidence: {one}" for one in self.doubts)
        return Table(f"training {self.model} on {self.cluster.chip}", columns, notes=notes)

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        width = len(self)

        def listed(columns: Mapping[str, Any]) -> dict[str, list[float]]:
            return {name: [float(one) for one in np.ravel(np.broadcast_to(v, width))] for name, v in columns.items()}

        return self.to_table().to_dict() | {
            "model": self.model,
            "global_batch": self.task and self.task.global_batch,
            "sequence_length": self.task and self.task.sequence_length,
            "chip": self.cluster.chip,
            "catalogue": self.catalogue_hash,
            "recipe": self.recipe.chosen(),
            "parts": listed(self.parts.columns()),
            "memory": listed(self.memory.columns()),
            "peaks": listed(self.memory.peaks()),
            "host_bytes": listed({"host_bytes": self.memory.host_bytes})["host_bytes"],
            "efficiency": list(self.fits_used),
            "doubts": [str(one) for one in self.doubts],
        }


def estimate_training(
    catalogue: Catalogue,
    model: Workload,
    task: Training,
    cluster: Cluster,
    layouts: Layouts,
    recipe: Recipe | None = None,
) -> TrainingEstimate:
    """Estimate one step of training for every layout of the table.

    Raises:
        Unsupported: the model is not a transformer, or one whose training is not modelled.
        InputError: a layout can't be run (the message names the constraint and the nearest layout that works), or
            the chip states no dense matrix peak for a precision that is asked for.
    """
    if not isinstance(model, Transformer):
        raise Unsupported(f"{model.name} works on samples instead of tokens: ask for a step of samples")
    check(model, task, cluster, layouts)
    efficiency, recipe = efficiency_of(catalogue, cluster.chip, "training"), recipe or Recipe()
    job = job_of(catalogue, Shape.of(model), task, cluster, layouts, recipe, efficiency)
    wider = widening_of(efficiency, job, cluster, doubt_widening(catalogue))
    made = evaluate(job, cluster, efficiency, model.name, catalogue.hash, wider)
    simplified = domain.simplified(model, task.sequence_length)
    asked = domain.Asked(job.shape, job.sequence, layouts, recipe, simplified)
    beyond = domain.outside(catalogue, cluster.chip, asked, made.mfu_pct)
    hosted = host_readings(catalogue, cluster.chip) if job.offloads else ()
    doubts = made.doubts + tuple(one for one in hosted if one.doubtful)
    return replace(made, recipe=recipe, outside=beyond, task=task, doubts=doubts)


def job_of(
    catalogue: Catalogue,
    shape: Shape,
    task: Training,
    cluster: Cluster,
    layouts: Layouts,
    recipe: Recipe,
    efficiency: Efficiency,
) -> Job:
    """Everything the formulas read, gathered."""
    recipe = as_run(recipe, layouts, *(float(cluster.device_class == one) for one in ("gpu", "tpu")))
    return Job(
        shape,
        float(task.sequence_length),
        float(task.global_batch),
        layouts,
        recipe,
        rates(cluster, efficiency, layouts, recipe, latencies_s(catalogue)),
        efficiency,
        cluster.node_size,
        cluster.fabric,
        backward_rates(cluster, efficiency, layouts, recipe, latencies_s(catalogue)),
        host=host_of(catalogue, cluster.chip),
    )


def latencies_s(catalogue: Catalogue) -> tuple[float, float]:
    """Latency of a step of a collective inside a scale-up domain and between domains."""
    return (
        catalogue.get(Assumption, "scaleup-latency-us").value * MICRO,
        catalogue.get(Assumption, "scaleout-latency-us").value * MICRO,
    )


def doubt_widening(catalogue: Catalogue) -> float:
    """How much wider an interval is that rests on a doubtful peak."""
    return catalogue.get(Assumption, "doubtful-peak-widening").value


def evaluate(
    job: Job, cluster: Cluster, efficiency: Efficiency, model: str, catalogue_hash: str, wider: Values
) -> TrainingEstimate:
    """Time, interval, utilisation and memory of every candidate of a job; `wider` is the exponent of its interval."""
    parts, used = breakdown(job), memory(job)
    chips = job.layouts.chips
    peak = peak_flop_per_s(cluster, job.layouts)
    flop = job.shape.training_flop_per_token(job.reach, frozen=job.recipe.frozen)
    useful = model_flop_per_s_per_chip(parts.step_s, flop, job.global_batch, job.sequence, chips)
    return TrainingEstimate(
        model=model,
        cluster=cluster,
        layouts=job.layouts,
        step_s=parts.step_s,
        low_s=possible_s(bound_s(parts.step_s, efficiency.low_ratio, wider), *least_work(job, cluster)),
        high_s=bound_s(parts.step_s, efficiency.high_ratio, wider),
        tokens_per_s_per_chip=tokens_per_s_per_chip(parts.step_s, job.global_batch, job.sequence, chips),
        mfu_pct=utilisation_pct(useful, peak),
        parts=parts,
        memory=used,
        memory_low_bytes=memory_bound_bytes(used.memory_bytes, efficiency["memory_low_ratio"]),
        memory_high_bytes=memory_bound_bytes(used.memory_bytes, efficiency["memory_high_ratio"]),
        fits=np.asarray(used.memory_bytes) <= cluster.memory_bytes,
        doubts=doubts_of(cluster, *precisions_of(job)),
        fits_used=efficiency.records,
        catalogue_hash=catalogue_hash,
    )


def peak_flop_per_s(cluster: Cluster, layouts: Layouts) -> Values:
    """Dense matrix peak of the precision of each candidate."""
    codes = np.asarray(layouts.precision).astype(int)
    table = np.array(
        [np.broadcast_to(cluster.peak_flop_per_s.get(one, np.nan), codes.shape) for one in PRECISIONS], dtype=float
    )
    chosen: Values = np.take_along_axis(table, codes[np.newaxis], axis=0)[0] if codes.ndim else table[int(codes)]
    return chosen


@formula
def kind_of(experts: Values, precision: Values, frozen: Values, fused: Values) -> Values:
    """Position in `KINDS` of a job: the last of them that applies.

    Source: as `kind_widening`.
    """
    applies = {
        "experts": np.asarray(experts) > 0.0,
        "block_scaled": np.isin(precision, [PRECISIONS.index(one) for one in BLOCK_SCALED]),
        "adapters": np.asarray(frozen) > 0.0,
        "unfused": np.asarray(fused) <= 0.0,
    }
    return np.select(list(applies.values()), [float(KINDS.index(one)) for one in applies], 0.0)


@formula
def kind_widening(
    kind: Values,
    unfused_widening: Values,
    adapters_widening: Values,
    block_scaled_widening: Values,
    experts_widening: Values,
) -> Values:
    """Exponent that widens the interval of a plain job for each other kind of jobs.

    Source: spread of the errors on sources left out of the fit to measurements/training.csv, by kind of job.
    """
    widenings = (1.0, unfused_widening, adapters_widening, block_scaled_widening, experts_widening)
    chosen: Values = np.choose(np.asarray(kind).astype(int), [np.asarray(one) for one in widenings])
    return chosen


@formula
def untold(paced: Values, other: Values, peak_doubt: Values) -> Values:
    """Whether a doubtful figure adds to the interval.

    One that decides every step, as the peak in 16 bits, does not on a chip whose own steps were fitted: its interval
    was learned with what is wrong about it, and a pace makes up for a wrong peak.

    Source: as `kind_widening`.
    """
    return np.maximum(other, paced * peak_doubt)


@formula
def widening(kind_widening: Values, doubtful: Values, doubt_widening: Values) -> Values:
    """Exponent that widens an interval: by the kind of job, and where a peak rests on a doubtful record.

    Source: as `kind_widening`; for doubtful peaks an assumption.
    """
    return kind_widening * np.where(np.asarray(doubtful) > 0.0, doubt_widening, 1.0)


def precisions_of(job: Job) -> tuple[Values, Values, Values]:
    """The precisions of a job's products, forward and backward, and of its attention; below nought where unsaid."""
    return job.layouts.precision, job.recipe.backward_precision, job.recipe.attention_precision


def doubts_of(cluster: Cluster, *precisions: Values) -> tuple[Reading, ...]:
    """The low-confidence figures that candidates read: peaks of precisions that are not theirs don't matter to them."""
    idle = set(PEAK_FIELD.values()) - _peaks_read(precisions)
    return tuple(one for one in cluster.doubts if one.field not in idle)


def timely_doubts(cluster: Cluster, *precisions: Values) -> tuple[Reading, ...]:
    """The low-confidence figures that decide the time of a layer: peaks that are read, memory bandwidth."""
    timely = {*_peaks_read(precisions), "memory_bw_gbs"}
    return tuple(one for one in cluster.doubts if one.field in timely)


def doubt_of(cluster: Cluster, *precisions: Values) -> tuple[float, float]:
    """Whether low-confidence figures decide the time: some that decide every step (`PACED`), or others."""
    found = {one.field for one in timely_doubts(cluster, *precisions)}
    return float(bool(found & PACED)), float(bool(found - PACED))


def _peaks_read(precisions: Sequence[Values]) -> set[str]:
    codes = np.unique(np.concatenate([np.ravel(one) for one in precisions])).astype(int)
    return {PEAK_FIELD["bf16"], *(PEAK_FIELD[PRECISIONS[code]] for code in codes if code >= 0)}


def widening_of(efficiency: Efficiency, job: Job, cluster: Cluster, doubt: float) -> Values:
    """How much wider than that of a dense model on a well-known chip the interval is."""
    forward, *others = precisions_of(job)
    # Each candidate rests on the peak of its own products, and all on those of the recipe.
    resting = np.array([doubt_of(cluster, float(code), *others) for code in range(len(PRECISIONS))])
    paced, other = resting[np.asarray(forward).astype(int)].T
    return widened(efficiency, job, (paced, other), doubt)


def widened(efficiency: Efficiency, job: Job, doubts: tuple[Values, Values], doubt: float) -> Values:
    """The exponent of each candidate's interval, given whether its figures are doubtful, as `doubt_of` tells them."""
    recipe, unsure = job.recipe, untold(*doubts, efficiency["peak_doubt"])
    if job.offloads:
        # What lies on a host waits for a link that no record of a part states.
        unsure = np.maximum(unsure, job.hosted)
    kind = kind_of(job.shape.experts, job.layouts.precision, recipe.frozen, recipe.fused_attention)
    wider = kind_widening(kind, *(efficiency[f"{one}_widening"] for one in KINDS[1:]))
    return widening(wider, unsure, doubt)
