"""Why a training step over samples takes as long as it does: the tree of formulas and records behind the figure."""

from dataclasses import replace
from typing import Any

from polysilicon.facts import Catalogue
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.explain import Known, known_cluster, known_efficiency, plain
from polysilicon.performance.recommender_step import RecommenderJob, recommender_parts
from polysilicon.performance.sample_jobs import SampleLayout, TableLayout, job_for
from polysilicon.performance.sample_rates import sample_rates
from polysilicon.performance.sample_step import SampleJob, sample_parts
from polysilicon.performance.sample_training import unvalidated
from polysilicon.performance.training import latencies_s
from polysilicon.performance.values import PRECISIONS
from polysilicon.records.recorder import Recorder, Step
from polysilicon.workloads.samples import Sampled

# Figures of a job that are neither decided by the layout nor read from the chip, with where they come from.
TASK = "task: global batch"
ORIGINS = {"table_element_bytes": "embedding-bytes-training", "host_bytes_per_s": "host-link-gbs, host-memory-gbs"}


def explain_samples(
    catalogue: Catalogue,
    model: Sampled,
    global_batch: int,
    cluster: Cluster,
    layout: SampleLayout | TableLayout | None = None,
) -> Step:
    """The explanation of `step_s`: formulas with citations down to records and the user's inputs.

    Raises:
        InputError: as `estimate_samples`.
    """
    job, cut = job_for(catalogue, model, global_batch, cluster, layout)
    recorder = Recorder()
    known = Known(recorder)
    chips = known_cluster(known, cluster)
    efficiency = known_efficiency(catalogue, known, job.efficiency)
    up, out = latencies_s(catalogue)
    latencies = (known.value(up, "scaleup-latency-us"), known.value(out, "scaleout-latency-us"))
    announced = _announced(known, job, model.name)
    with recorder:
        rates = sample_rates(chips, efficiency, float(PRECISIONS.index(cut.precision)), latencies)
        width = known.value(rates.element_bytes, f"bytes of an activation beside products in {cut.precision}")
        told: dict[str, Any] = {
            "rates": replace(rates, element_bytes=width),
            "efficiency": efficiency,
            "node_size": chips.node_size,
        }
        if isinstance(announced, RecommenderJob):
            step = recommender_parts(replace(announced, **told))["step_s"]
        else:
            step = sample_parts(replace(announced, **told))["step_s"]
    tree = plain(recorder.tree(step))
    return replace(tree, confidence="unvalidated") if unvalidated(catalogue, job.efficiency) else tree


def _announced(known: Known, job: SampleJob | RecommenderJob, model: str) -> SampleJob | RecommenderJob:
    """The job with what the model, the task and the layout say announced."""
    names = [
        name for name in vars(job) if name not in ("work", "tables", "rates", "efficiency", "node_size", "global_batch")
    ]
    figures = {name: known.value(getattr(job, name), ORIGINS.get(name, f"layout: {name}")) for name in names}
    figures |= {"global_batch": known.value(job.global_batch, TASK), "work": known.struct(job.work, f"model {model}")}
    if isinstance(job, RecommenderJob):
        figures["tables"] = known.struct(job.tables, f"model {model}")
    return replace(job, **figures)
