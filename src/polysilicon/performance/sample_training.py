"""How long a training step over samples takes, what memory it needs, and how sure we are: recommenders, image models
and encoders."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.efficiency import Fit
from polysilicon.facts.money import Assumption
from polysilicon.performance.cluster import Cluster, Reading
from polysilicon.performance.efficiency import Efficiency, efficiency_of
from polysilicon.performance.layouts import Layouts
from polysilicon.performance.recommender_step import (
    SHARDINGS,
    RecommenderJob,
    Tables,
    recommender_memory,
    recommender_parts,
)
from polysilicon.performance.sample_parts import samples_per_s
from polysilicon.performance.sample_rates import peak_flop_per_s, sample_rates
from polysilicon.performance.sample_step import SampleJob, sample_memory, sample_parts
from polysilicon.performance.serving_estimate import Range
from polysilicon.performance.training import (
    bound_s,
    doubt_widening,
    doubts_of,
    host_of,
    latencies_s,
    possible_s,
    timely_doubts,
    widening,
)
from polysilicon.performance.values import PRECISIONS
from polysilicon.records.errors import InputError
from polysilicon.records.units import GIB
from polysilicon.workloads.model import Diffusion, Encoder, Recommender, UNet
from polysilicon.workloads.samples import Sampled, sample_work

# Forward, and twice that backward: Kaplan et al. (arXiv 2001.08361), section 2.1.
TRAINED_FLOP = 3.0
RESERVE = "sample-reserve-gib"
UNITS = {"diffusion": "samples", "encoder": "sequences", "recommender": "samples"}


@dataclass(frozen=True)
class SampleLayout:
    """How a model of images or texts is cut.

    What is `None` follows: replicas from the chips, and the least ZeRO stage from 1 on, with the largest micro-batch,
    that fits in memory.
    """

    tp: int = 1
    cp: int = 1
    dp: int | None = None
    micro_batch: int | None = None
    zero_stage: int | None = None
    recompute: bool = False
    precision: str = "bf16"

    def said(self) -> dict[str, Any]:
        """The layout in words."""
        return vars(self) | {"recompute": "full" if self.recompute else "none"}


@dataclass(frozen=True)
class TableLayout:
    """How a recommender's tables are cut, and whether they lie in the memory of the hosts."""

    sharding: str = "column"
    in_host: bool = False
    precision: str = "bf16"

    def said(self) -> dict[str, Any]:
        """The layout in words."""
        return {"tables": self.sharding, "tables_in": "host" if self.in_host else "chip", "precision": self.precision}


@dataclass(frozen=True)
class SampleTraining:
    """One job. `step_s` carries its 90 % interval; `parts` sum to it, and the kinds of `memory` to its total.

    `unvalidated` says that the fit behind the figures missed its bar on measured cases, or had too few of them.
    """

    model: str
    kind: str
    chip: str
    chips: float
    global_batch: float
    layout: Mapping[str, Any]
    step_s: Range
    samples_per_s: Range
    parts: Mapping[str, float]
    memory: Mapping[str, float]
    capacity_bytes: float
    fits: bool
    unvalidated: bool
    doubts: tuple[Reading, ...]
    fits_used: tuple[str, ...]
    catalogue_hash: str

    @property
    def samples(self) -> str:
        """What a sample is called."""
        return UNITS[self.kind]

    @property
    def samples_per_s_per_chip(self) -> Range:
        """Throughput of one chip."""
        return Range(*(value / self.chips for value in asdict(self.samples_per_s).values()))

    @property
    def memory_gib(self) -> float:
        """Memory of the fullest chip."""
        return self.memory["memory_bytes"] / GIB

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        plain = {name: value for name, value in vars(self).items() if name not in ("doubts", "fits_used", "layout")}
        ranges = {name: asdict(getattr(self, name)) for name in ("step_s", "samples_per_s", "samples_per_s_per_chip")}
        return (
            plain
            | {"layout": dict(self.layout), "parts": dict(self.parts), "memory": dict(self.memory)}
            | ranges
            | {"memory_gib": self.memory_gib, "efficiency": list(self.fits_used)}
            | {"doubts": [str(one) for one in self.doubts]}
        )


def estimate_samples(
    catalogue: Catalogue,
    model: Sampled,
    global_batch: int,
    cluster: Cluster,
    layout: SampleLayout | TableLayout | None = None,
) -> SampleTraining:
    """Estimate one step of training; a layout of the wrong kind for the model counts as none.

    Raises:
        InputError: the layout can't be run (the message names the constraint), or the chip states no dense matrix
            peak for the precision that is asked for.
    """
    job, cut = job_for(catalogue, model, global_batch, cluster, layout)
    return _made(catalogue, model, job, cluster, cut)


def job_for(
    catalogue: Catalogue,
    model: Sampled,
    global_batch: int,
    cluster: Cluster,
    layout: SampleLayout | TableLayout | None = None,
) -> tuple[SampleJob | RecommenderJob, SampleLayout | TableLayout]:
    """Everything the formulas read, and the layout with what it left open decided.

    Raises:
        InputError: as `estimate_samples`.
    """
    efficiency = efficiency_for(catalogue, model, cluster)
    if isinstance(model, Recommender):
        tables = layout if isinstance(layout, TableLayout) else TableLayout()
        return recommender_job(catalogue, model, global_batch, cluster, tables, efficiency), tables
    cut = checked(model, global_batch, cluster, layout if isinstance(layout, SampleLayout) else SampleLayout())
    job = sample_job(catalogue, model, global_batch, cluster, cut, efficiency)
    return job, replace(cut, micro_batch=int(job.micro_batch), zero_stage=int(job.zero_stage))


def kind_of(model: Sampled) -> str:
    """The room of the fit that holds a model's efficiency."""
    if isinstance(model, Recommender):
        return "recommender"
    return "encoder" if isinstance(model, Encoder) else "diffusion"


def efficiency_for(catalogue: Catalogue, model: Sampled, cluster: Cluster) -> Efficiency:
    """The fitted parameters that a model reads on a cluster."""
    return efficiency_of(catalogue, cluster.chip, kind_of(model))


def checked(model: Diffusion | UNet | Encoder, global_batch: int, cluster: Cluster, cut: SampleLayout) -> SampleLayout:
    """The layout with its replicas counted.

    Raises:
        InputError: the degrees don't divide the chips, the model can't be cut so, or the batch is too small.
    """
    degrees, whole = cut.tp * cut.cp, f"{cluster.chips:g} chips"
    if degrees > 1 and isinstance(model, UNet):
        raise InputError(f"{model.name}: a U-Net is not cut by tensors or context", found=degrees, allowed="tp 1, cp 1")
    if cluster.chips % degrees or (cut.dp or 1) * degrees > cluster.chips:
        raise InputError("tp x cp x dp does not divide the chips", found=degrees * (cut.dp or 1), allowed=whole)
    dp = cut.dp or int(cluster.chips // degrees)
    if dp * degrees != cluster.chips:
        raise InputError("tp x cp x dp leaves chips idle", found=dp * degrees, allowed=whole)
    if global_batch < dp * (cut.micro_batch or 1):
        raise InputError(
            "the global batch must hold a micro-batch for every replica",
            found=global_batch,
            allowed=f"at least {dp * (cut.micro_batch or 1)}",
        )
    return replace(cut, dp=dp)


def sample_job(
    catalogue: Catalogue,
    model: Diffusion | UNet | Encoder,
    global_batch: float,
    cluster: Cluster,
    cut: SampleLayout,
    efficiency: Efficiency,
) -> SampleJob:
    """Everything the formulas of an image or text model read, with what the layout leaves open decided.

    Raises:
        InputError: the chip states no dense matrix peak for the precision.
    """
    precision = _code(cluster, cut.precision)
    dp = float(cut.dp or cluster.chips)
    job = SampleJob(
        work=sample_work(model),
        global_batch=float(global_batch),
        tp=float(cut.tp),
        cp=float(cut.cp),
        dp=dp,
        micro_batch=1.0,
        zero_stage=1.0,
        recomputed=float(cut.recompute),
        rates=sample_rates(cluster, efficiency, precision, latencies_s(catalogue)),
        efficiency=efficiency,
        node_size=cluster.node_size,
        reserve_bytes=catalogue.get(Assumption, RESERVE).value * GIB,
    )
    stages = (1, 2, 3) if cut.zero_stage is None else (cut.zero_stage,)
    batches = halves(global_batch / dp) if cut.micro_batch is None else (cut.micro_batch,)
    tried = (replace(job, zero_stage=float(one), micro_batch=float(each)) for one in stages for each in batches)
    return next(
        (one for one in tried if _fits(one, cluster)),
        replace(job, zero_stage=float(stages[-1]), micro_batch=float(batches[-1])),
    )


def halves(share: float) -> tuple[int, ...]:
    """The whole share of a replica at once, then half of it, down to one sample."""
    sizes = [int(np.ceil(share))]
    while sizes[-1] > 1:
        sizes.append((sizes[-1] + 1) // 2)
    return tuple(sizes)


def _fits(job: SampleJob, cluster: Cluster) -> bool:
    return bool(np.all(sample_memory(job)["memory_bytes"] <= cluster.memory_bytes))


def recommender_job(
    catalogue: Catalogue,
    model: Recommender,
    global_batch: float,
    cluster: Cluster,
    cut: TableLayout,
    efficiency: Efficiency,
) -> RecommenderJob:
    """Everything the formulas of a recommender read.

    Raises:
        InputError: the tables can't be cut so, the batch is below one sample a chip, or the chip states no dense
            matrix peak for the precision.
    """
    if global_batch < cluster.chips:
        raise InputError("the global batch must hold at least one sample a chip", found=global_batch)
    if cut.sharding not in SHARDINGS:
        raise InputError("tables can't be cut so", found=cut.sharding, allowed=list(SHARDINGS))
    host = host_of(catalogue)
    return RecommenderJob(
        work=sample_work(model),
        tables=Tables.of(model, float(cluster.chips)),
        global_batch=float(global_batch),
        chips=cluster.chips,
        sharding=float(SHARDINGS.index(cut.sharding)),
        in_host=float(cut.in_host),
        table_element_bytes=catalogue.get(Assumption, "embedding-bytes-training").value,
        host_bytes_per_s=min(host.link_bytes_per_s, host.memory_bytes_per_s),
        rates=sample_rates(cluster, efficiency, _code(cluster, cut.precision), latencies_s(catalogue)),
        efficiency=efficiency,
        node_size=cluster.node_size,
        reserve_bytes=catalogue.get(Assumption, RESERVE).value * GIB,
    )


def _code(cluster: Cluster, precision: str) -> float:
    for one in (precision, "bf16"):
        cluster.peak(one)
    return float(PRECISIONS.index(precision))


def interval_s(
    catalogue: Catalogue, job: SampleJob | RecommenderJob, step_s: float, cluster: Cluster, precision: str
) -> tuple[float, float]:
    """The ends of the 90 % interval of a step; no chip is faster than its dense peak."""
    e, code = job.efficiency, float(PRECISIONS.index(precision))
    doubtful = float(bool(timely_doubts(cluster, code)))
    wider = widening(0.0, 1.0, doubtful, doubt_widening(catalogue))
    least = possible_s(
        bound_s(step_s, e.low_ratio, wider),
        TRAINED_FLOP * job.work.flop,
        job.global_batch,
        peak_flop_per_s(cluster, code),
        cluster.chips,
    )
    return float(np.minimum(least, step_s)), float(bound_s(step_s, e.high_ratio, wider))


def unvalidated(catalogue: Catalogue, efficiency: Efficiency) -> bool:
    """Whether a fit behind some figures missed its bar on measured cases, or had too few of them to tell."""
    return any(catalogue.get(Fit, name).unvalidated for name in efficiency.records)


def _made(
    catalogue: Catalogue,
    model: Sampled,
    job: SampleJob | RecommenderJob,
    cluster: Cluster,
    cut: SampleLayout | TableLayout,
) -> SampleTraining:
    if isinstance(job, RecommenderJob):
        parts, memory = recommender_parts(job), recommender_memory(job)
    else:
        parts, memory = sample_parts(job), sample_memory(job)
    step, batch, precision = float(parts["step_s"]), float(job.global_batch), cut.precision
    low, high = interval_s(catalogue, job, step, cluster, precision)
    return SampleTraining(
        model=model.name,
        kind=kind_of(model),
        chip=cluster.chip,
        chips=float(cluster.chips),
        global_batch=batch,
        layout=cut.said(),
        step_s=Range(step, low, high),
        samples_per_s=Range(*(float(samples_per_s(batch, one)) for one in (step, high, low))),
        parts={name: float(value) for name, value in parts.items()},
        memory={name: float(value) for name, value in memory.items()},
        capacity_bytes=float(cluster.memory_bytes),
        fits=float(memory["memory_bytes"]) <= float(cluster.memory_bytes),
        unvalidated=unvalidated(catalogue, job.efficiency),
        doubts=doubts_of(cluster, Layouts.one(precision=precision)),
        fits_used=job.efficiency.records,
        catalogue_hash=catalogue.hash,
    )
