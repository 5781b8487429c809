"""The job that a user's layout means: what it leaves open is decided, and what can't be run is refused."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.money import Assumption
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.efficiency import Efficiency, efficiency_of
from polysilicon.performance.hosts import MEMORY, link_gbs, ranged
from polysilicon.performance.recommender_step import SHARDINGS, RecommenderJob, Tables, recommender_memory
from polysilicon.performance.sample_rates import sample_rates
from polysilicon.performance.sample_step import SampleJob, sample_memory
from polysilicon.performance.training import latencies_s
from polysilicon.performance.values import PRECISIONS, Values
from polysilicon.records.errors import InputError
from polysilicon.records.units import GIB, GIGA
from polysilicon.workloads.model import Diffusion, Encoder, Recommender, UNet
from polysilicon.workloads.samples import Sampled, sample_work

RESERVE = "sample-reserve-gib"


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


def memory_of(job: SampleJob | RecommenderJob) -> dict[str, Values]:
    """Bytes of the fullest chip by kind, with their sum."""
    return recommender_memory(job) if isinstance(job, RecommenderJob) else sample_memory(job)


def nearest_that_fits(
    catalogue: Catalogue, model: Sampled, global_batch: int, cluster: Cluster, cut: SampleLayout | TableLayout
) -> SampleLayout | TableLayout | None:
    """The first change of a layout with which the job fits in memory, the least far-reaching first; `None` for none."""
    for tried in _changed(model, cut):
        try:
            job, decided = job_for(catalogue, model, global_batch, cluster, tried)
        except InputError:
            continue
        if fits(job, cluster):
            return decided
    return None


def _changed(model: Sampled, cut: SampleLayout | TableLayout) -> Iterator[SampleLayout | TableLayout]:
    if isinstance(cut, TableLayout):
        yield from (replace(cut, sharding=one) for one in ("column", "row") if one != cut.sharding)
        yield replace(cut, in_host=True)
        return
    free = replace(cut, micro_batch=None, zero_stage=None)
    yield free
    yield replace(free, recompute=True)
    if not isinstance(model, UNet):
        yield from (replace(free, recompute=True, cp=cut.cp * more, dp=None) for more in (2, 4, 8))


def fits(job: SampleJob | RecommenderJob, cluster: Cluster) -> bool:
    """Whether the fullest chip's memory suffices."""
    return bool(np.all(memory_of(job)["memory_bytes"] <= cluster.memory_bytes))


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
        (one for one in tried if fits(one, cluster)),
        replace(job, zero_stage=float(stages[-1]), micro_batch=float(batches[-1])),
    )


def halves(share: float) -> tuple[int, ...]:
    """The whole share of a replica at once, then half of it, down to one sample."""
    sizes = [int(np.ceil(share))]
    while sizes[-1] > 1:
        sizes.append((sizes[-1] + 1) // 2)
    return tuple(sizes)


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
    return RecommenderJob(
        work=sample_work(model),
        tables=Tables.of(model, float(cluster.chips)),
        global_batch=float(global_batch),
        chips=cluster.chips,
        sharding=float(SHARDINGS.index(cut.sharding)),
        in_host=float(cut.in_host),
        table_element_bytes=catalogue.get(Assumption, "embedding-bytes-training").value,
        host_bytes_per_s=min(link_gbs(catalogue, cluster.chip), ranged(catalogue, MEMORY)) * GIGA,
        rates=sample_rates(cluster, efficiency, _code(cluster, cut.precision), latencies_s(catalogue)),
        efficiency=efficiency,
        node_size=cluster.node_size,
        reserve_bytes=catalogue.get(Assumption, RESERVE).value * GIB,
    )


def _code(cluster: Cluster, precision: str) -> float:
    for one in (precision, "bf16"):
        cluster.peak(one)
    return float(PRECISIONS.index(precision))
