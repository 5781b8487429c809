"""How long a training step over samples takes, what memory it needs, and how sure we are: recommenders, image models
and encoders."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.efficiency import Fit
from polysilicon.performance.cluster import Cluster, Reading
from polysilicon.performance.efficiency import Efficiency
from polysilicon.performance.recommender_step import RecommenderJob, recommender_parts
from polysilicon.performance.sample_jobs import (
    SampleLayout,
    TableLayout,
    fits,
    job_for,
    kind_of,
    memory_of,
    nearest_that_fits,
)
from polysilicon.performance.sample_parts import samples_per_s
from polysilicon.performance.sample_rates import peak_flop_per_s
from polysilicon.performance.sample_step import SampleJob, sample_parts
from polysilicon.performance.training import (
    bound_s,
    doubt_widening,
    doubts_of,
    possible_s,
    timely_doubts,
    widening,
)
from polysilicon.performance.values import PRECISIONS, Range
from polysilicon.records.units import GIB
from polysilicon.workloads.samples import Sampled

# Forward, and twice that backward: Kaplan et al. (arXiv 2001.08361), section 2.1.
TRAINED_FLOP = 3.0
UNITS = {"diffusion": "samples", "encoder": "sequences", "recommender": "samples"}


@dataclass(frozen=True)
class SampleTraining:
    """One job. `step_s` carries its 90 % interval; `parts` sum to it, and the kinds of `memory` to its total.

    Where the job doesn't fit, `instead` is the nearest layout found in which it does. `unvalidated` says that the fit
    behind the figures missed its bar on measured cases, or had too few of them.
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
    instead: Mapping[str, Any] | None
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


def interval_s(
    catalogue: Catalogue, job: SampleJob | RecommenderJob, step_s: float, cluster: Cluster, precision: str
) -> tuple[float, float]:
    """The ends of the 90 % interval of a step; no chip is faster than its dense peak."""
    e, code = job.efficiency, float(PRECISIONS.index(precision))
    doubtful = float(bool(timely_doubts(cluster, code)))
    wider = widening(1.0, doubtful, doubt_widening(catalogue))
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
    parts = recommender_parts(job) if isinstance(job, RecommenderJob) else sample_parts(job)
    memory, enough = memory_of(job), fits(job, cluster)
    other = None if enough else nearest_that_fits(catalogue, model, int(job.global_batch), cluster, cut)
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
        fits=enough,
        instead=other.said() if other else None,
        unvalidated=unvalidated(catalogue, job.efficiency),
        doubts=doubts_of(cluster, float(PRECISIONS.index(precision))),
        fits_used=job.efficiency.records,
        catalogue_hash=catalogue.hash,
    )
