"""Rows whose unit is a sample: which model, cluster and layout they mean, or why that can't be said."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.facts.index import DATA
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.efficiency import Efficiency
from polysilicon.performance.recommender_step import RecommenderJob, recommender_parts
from polysilicon.performance.sample_jobs import SampleLayout, TableLayout, checked, recommender_job, sample_job
from polysilicon.performance.sample_step import SampleJob, sample_parts
from polysilicon.performance.sample_training import TRAINED_FLOP
from polysilicon.performance.values import Values
from polysilicon.records.document import read_csv
from polysilicon.records.errors import InputError, PolysiliconError
from polysilicon.records.units import TERA
from polysilicon.validation.score import Status
from polysilicon.validation.training_cases import cluster_of
from polysilicon.validation.training_table import Case
from polysilicon.validation.training_words import precision_of, recompute_of
from polysilicon.workloads.describe import card_of, describe
from polysilicon.workloads.model import Diffusion, Encoder, Recommender, Transformer
from polysilicon.workloads.samples import Sampled

KINDS = ("diffusion", "encoder", "dlrm", "recommender")
CONVERGENCE = DATA / "measurements" / "convergence.csv"
RATE = "samples_per_s"


@dataclass(frozen=True)
class SampleCase:
    """A row with what it means, or the reason why that can't be said."""

    case: Case
    status: Status = "ok"
    why: str = ""
    model: Sampled | None = None
    cluster: Cluster | None = None
    layout: SampleLayout | TableLayout | None = None

    @property
    def global_batch(self) -> float:
        """Samples of one step."""
        return self.case.number("global_batch") or 0.0


def by_samples(catalogue: Catalogue, case: Case) -> bool:
    """Whether a row's model works on samples instead of tokens, by its kind or, where it states none, by its name."""
    kind = case.word("kind").casefold()
    if kind:
        return kind in KINDS
    try:
        return card_of(catalogue, case.word("model")).kind != "transformer"
    except PolysiliconError:
        return False


def prepare(catalogue: Catalogue, case: Case) -> SampleCase:
    """What a row means. Never raises for what a row says."""
    made = SampleCase(case)
    try:
        model = _model(catalogue, case)
        lacking = [name for name in ("chips", "global_batch", "precision") if not case.word(name)]
        if lacking:
            return replace(made, status="underspecified", why=f"the row doesn't state {', '.join(lacking)}")
        cluster = _cluster(catalogue, case)
        layout = _layout(case, model)
        for precision in (layout.precision, "bf16"):
            cluster.peak(precision)
        if isinstance(layout, SampleLayout) and not isinstance(model, Recommender):
            layout = checked(model, int(made.global_batch), cluster, layout)
        elif made.global_batch < cluster.chips:
            raise InputError("its batch holds less than a sample a chip", found=case.word("global_batch"))
    except PolysiliconError as cause:
        return replace(made, status="unsupported", why=str(cause))
    found = replace(made, model=model, cluster=cluster, layout=layout)
    if contradiction := _contradiction(case, model):
        return replace(found, status="implausible", why=contradiction)
    return found


def job_of(catalogue: Catalogue, one: SampleCase, efficiency: Efficiency) -> SampleJob | RecommenderJob:
    """The job of an expressible row, with efficiencies of the caller's choice."""
    assert one.cluster is not None  # noqa: S101 - only asked for expressible rows
    if isinstance(one.model, Recommender) and isinstance(one.layout, TableLayout):
        return recommender_job(catalogue, one.model, one.global_batch, one.cluster, one.layout, efficiency)
    assert isinstance(one.layout, SampleLayout) and one.model and not isinstance(one.model, Recommender)  # noqa: S101, PT018
    return sample_job(catalogue, one.model, one.global_batch, one.cluster, one.layout, efficiency)


def step_s(job: SampleJob | RecommenderJob) -> Values:
    """The predicted time of a step."""
    return (recommender_parts(job) if isinstance(job, RecommenderJob) else sample_parts(job))["step_s"]


def measured_step_s(one: SampleCase, job: SampleJob | RecommenderJob) -> float:
    """The measured time of a step, from the row's time, its throughput or its FLOP rate; NaN where it states none."""
    case = one.case
    step, rate, tflops = (case.number("step_time_s"), stated_rate(case), case.number("model_tflops_per_chip"))
    if step or rate:
        return step or one.global_batch / (rate or 1.0)
    return float(tflops_per_chip(job, 1.0)) / tflops if tflops else float("nan")


def tflops_per_chip(job: SampleJob | RecommenderJob, step: Values) -> Values:
    """Model operations a second and chip, in units of 10^12: forward, and twice that backward."""
    chips = job.chips if isinstance(job, RecommenderJob) else job.tp * job.cp * job.dp
    return TRAINED_FLOP * job.work.flop * job.global_batch / (step * chips) / TERA


def stated_rate(case: Case) -> float | None:
    """Samples a second of the whole job, where that is what the row measured."""
    return case.number("value") if case.word("metric") == RATE else None


def _model(catalogue: Catalogue, case: Case) -> Sampled:
    model = describe(catalogue, case.word("model"))
    if isinstance(model, Transformer):
        raise InputError(f"{model.name} works on tokens, not on samples", found=case.word("kind"))
    tokens = case.number("seq_len")
    if isinstance(model, Diffusion) and tokens:
        return replace(model, image_tokens=int(tokens) - (0 if model.crossed else model.text_tokens))
    return model


def _contradiction(case: Case, model: Sampled) -> str:
    """How a row's own words exclude one another; empty where they don't."""
    tokens = case.number("seq_len")
    if isinstance(model, Encoder) and tokens and tokens not in (model.tokens, model.padded_tokens):
        return f"{model.name} takes samples of {model.padded_tokens} tokens, the row says {tokens:g}"
    check = case.word("check")
    if case.word("quality") == "D" or check.startswith(("DISAGREE", "EXCEEDS")):
        return f"the source's figures contradict each other ({check or 'quality D'})"
    return ""


def _cluster(catalogue: Catalogue, case: Case) -> Cluster:
    """The row's cluster; where a node holds more chips than the usual fabric of theirs joins, it joins the node."""
    chip = catalogue.get(Chip, case.word("chip_id") or case.word("chip"))
    node, usual = case.number("node_size"), chip.scaleup_domain or 1.0
    domain = case.number("scaleup_domain") or (node if node and node > usual > 1.0 else None)
    return cluster_of(catalogue, chip.id, case.number("chips") or 1.0, domain, node, None)


def _layout(case: Case, model: Sampled) -> SampleLayout | TableLayout:
    precision = precision_of(case.word("precision"))
    if isinstance(model, Recommender):
        return TableLayout(precision=precision)
    if (case.number("pp") or 1.0) > 1.0:
        raise InputError("pipeline stages are not modelled for models that work on samples", found=case.word("pp"))
    stated = {name: case.number(name) for name in ("tp", "cp", "dp", "micro_batch", "zero_stage")}
    degrees = {name: int(value) for name, value in stated.items() if value is not None and value == int(value)}
    recompute = recompute_of(case.word("recompute")) == "full"
    chips, batch = case.number("chips") or 1.0, case.number("global_batch") or 1.0
    if batch * degrees.get("tp", 1) < chips and not {"cp", "dp"} & degrees.keys():
        # Fewer samples than chips: several chips share the tokens of one, sharded as its weights are.
        degrees |= {"cp": int(chips // (batch * degrees.get("tp", 1))), "zero_stage": degrees.get("zero_stage", 3)}
    return SampleLayout(precision=precision, recompute=recompute, **degrees)


@dataclass(frozen=True)
class Convergence:
    """Samples that take a benchmark's model to its target: mean of the reference runs, the fewest and the most."""

    samples: float
    least: float
    most: float


def convergence(model: str, year: float, global_batch: float) -> Convergence | None:
    """Of the last round of reference runs that a year could know, between its batches; `None` beyond the largest.

    A batch below the smallest takes that one's samples, and one between two a linear mean, as the benchmark's own
    checker has it.

    Source: MLCommons, mlperf_logging/rcp_checker/rcp_checker.py.
    """
    rounds = _rounds().get(model, {})
    known = [name for name, since in rounds if since <= year] or [name for name, _ in rounds][:1]
    if not known:
        return None
    rows = next(rows for (name, _), rows in rounds.items() if name == known[-1])
    batches = rows[0]
    if global_batch > batches[-1]:
        return None
    return Convergence(*(float(np.interp(global_batch, batches, column)) for column in rows[1:]))


@lru_cache(maxsize=1)
def _rounds() -> Mapping[str, Mapping[tuple[str, float], np.ndarray]]:
    found: dict[str, dict[tuple[str, float], list[list[float]]]] = {}
    for _, row in read_csv(CONVERGENCE):
        key = (row["round"], float(row["since"]))
        figures = [float(row[name]) for name in ("global_batch", "samples", "least", "most")]
        found.setdefault(row["model"], {}).setdefault(key, []).append(figures)
    return {name: {key: np.array(rows).T for key, rows in rounds.items()} for name, rounds in found.items()}
