"""Why a training step takes as long as it does: the tree of formulas and records behind one figure."""

from dataclasses import fields, replace
from typing import Any

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.efficiency import Fit
from polysilicon.performance.cluster import USUAL_UNIT, Cluster
from polysilicon.performance.domain import refuse_unmodelled
from polysilicon.performance.efficiency import Efficiency, efficiency_of
from polysilicon.performance.hosts import host_of, host_readings
from polysilicon.performance.job import Host
from polysilicon.performance.layouts import Layouts
from polysilicon.performance.rates import backward_rates, rates
from polysilicon.performance.recipe import Recipe, as_run
from polysilicon.performance.step import Job, breakdown
from polysilicon.performance.training import latencies_s
from polysilicon.performance.values import PEAK_FIELD, PRECISIONS
from polysilicon.records.errors import Unsupported
from polysilicon.records.recorder import Recorder, Step
from polysilicon.workloads.counts import Shape
from polysilicon.workloads.model import Transformer, Workload
from polysilicon.workloads.task import Training

# The field of a chip or system record behind each figure of a cluster.
FIELD = {
    "memory_bytes": "memory_gb",
    "memory_bytes_per_s": "memory_bw_gbs",
    "scaleup_bytes_per_s": "scaleup_bw_gbs",
    "scaleup_domain": "scaleup_domain",
    "scaleout_bytes_per_s": "scaleout_nic_gbps",
    "node_size": "chips",
    "sparse_gain": "sparse_gain",
}
# Figures that rest on the host's bus where no fabric joins its chips.
LINK_FIELDS = ("scaleup_bw_gbs", "scaleup_domain", "scaleout_nic_gbps")
SYSTEM_FIELD = {"scaleup_bw_gbs": "scaleup_bw_per_chip_gbs", "scaleout_nic_gbps": "scaleout_total_gbps"}


def explain_training(
    catalogue: Catalogue,
    model: Workload,
    task: Training,
    cluster: Cluster,
    layouts: Layouts,
    recipe: Recipe | None = None,
    at: int = 0,
) -> Step:
    """The explanation of one candidate's `step_s`: formulas with citations down to records and the user's inputs.

    Raises:
        Unsupported: the model is not a transformer, or one whose training is not modelled.
        InputError: the chip states no dense matrix peak for the precision.
    """
    if not isinstance(model, Transformer):
        raise Unsupported(f"{model.name} works on samples instead of tokens: ask for a step of samples")
    recorder = Recorder()
    job = known_job(recorder, catalogue, model, task, cluster, layouts, recipe, at)
    with recorder:
        step = breakdown(job).step_s
    return plain(recorder.tree(step))


def known_job(
    recorder: Recorder,
    catalogue: Catalogue,
    model: Transformer,
    task: Training,
    cluster: Cluster,
    layouts: Layouts,
    recipe: Recipe | None = None,
    at: int = 0,
) -> Job:
    """What the formulas of one candidate read, each figure announced to the recorder as what it is.

    Raises:
        Unsupported: the training of this model is not modelled.
        InputError: the chip states no dense matrix peak for the precision.
    """
    refuse_unmodelled(model)
    known = Known(recorder)
    chips = known_cluster(known, cluster)
    layout, recipe = known.struct(_one(layouts, at), "layout"), known.struct(recipe or Recipe(), "recipe")
    efficiency = known_efficiency(catalogue, known, efficiency_of(catalogue, cluster.chip, "training"))
    up, out = latencies_s(catalogue)
    latencies = (known.value(up, "scaleup-latency-us"), known.value(out, "scaleout-latency-us"))
    shape = known.struct(Shape.of(model), f"model {model.name}")
    sequence = known.value(task.sequence_length, "task: sequence length")
    batch = known.value(task.global_batch, "task: global batch")
    on_gpu, on_tpu = (
        known.value(cluster.device_class == one, f"{cluster.chip}: device class") for one in ("gpu", "tpu")
    )
    own = host_of(catalogue, cluster.chip)
    link, update = (str(one) for one in host_readings(catalogue, cluster.chip))
    host = Host(known.value(own.link_bytes_per_s, link), known.value(own.update_bytes_per_s, update))
    with recorder:
        recipe = as_run(recipe, layout, on_gpu, on_tpu)
        reached = rates(chips, efficiency, layout, recipe, latencies)
        width = known.value(reached.operand_bytes, f"bytes of an operand in {PRECISIONS[int(layout.precision)]}")
        reached = replace(reached, operand_bytes=width)
        back = backward_rates(chips, efficiency, layout, recipe, latencies)
        if back is not None:
            back = replace(back, operand_bytes=known.value(back.operand_bytes, "bytes of an operand, backward"))
        figures = shape, sequence, batch, layout, recipe, reached, efficiency, chips.node_size, chips.fabric, back
        return Job(*figures, host=host)


def plain(step: Step) -> Step:
    """The tree with every value as a plain number."""
    value = step.value
    if isinstance(value, np.ndarray | np.generic):
        value = value.item() if np.size(value) == 1 else np.asarray(value).tolist()
    return replace(
        step, value=value, inputs=[plain(one) for one in step.inputs], within=[plain(one) for one in step.within]
    )


class Known:
    """Announces inputs, each as an object of its own, so that equal numbers keep their own origins."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def value(self, number: Any, origin: str, confidence: str = "") -> Any:
        """A number with where it came from."""
        own = np.float64(number)
        return self.recorder.known(own, origin, confidence)

    def struct(self, one: Any, origin: str) -> Any:
        """A struct of numbers, each announced under its own name."""
        return type(one)(**{f.name: self.value(getattr(one, f.name), f"{origin}: {f.name}") for f in fields(one)})


def _one(layouts: Layouts, at: int) -> Layouts:
    """One candidate of the table, as numbers."""
    width = len(layouts)
    return Layouts(**{f.name: float(np.broadcast_to(getattr(layouts, f.name), width)[at]) for f in fields(Layouts)})


def known_cluster(known: Known, cluster: Cluster) -> Cluster:
    """The cluster with every figure announced as what it was read from."""
    readings = {one.field: one for one in cluster.readings}

    def announced(value: Any, name: str) -> Any:
        bus = readings.get("value") if name in LINK_FIELDS else None
        found = readings.get(name) or readings.get(SYSTEM_FIELD.get(name, "")) or bus
        return known.value(value, str(found), found.confidence) if found else known.value(value, f"cluster: {name}")

    peaks = {
        one: announced(cluster.peak_flop_per_s[one], PEAK_FIELD[one])
        for one in PRECISIONS
        if one in cluster.peak_flop_per_s
    }
    figures = {name: announced(getattr(cluster, name), field) for name, field in FIELD.items()}
    shape = {one.name: announced(getattr(cluster.fabric, one.name), one.name) for one in fields(cluster.fabric)}
    said = f"{cluster.chip}: matrix rate for each compute unit, or the assumption {USUAL_UNIT}"
    figures["unit_flop_per_s"] = known.value(cluster.unit_flop_per_s, said)
    return replace(cluster, peak_flop_per_s=peaks, fabric=replace(cluster.fabric, **shape), **figures)


def known_efficiency(catalogue: Catalogue, known: Known, efficiency: Efficiency) -> Efficiency:
    """Each fitted parameter with the record of the most specific level that states it."""
    origin: dict[str, Fit] = {}
    for name in efficiency.records:
        one = catalogue.get(Fit, name)
        origin |= dict.fromkeys(one.parameters, one)
    return replace(
        efficiency,
        parameters={
            name: known.value(value, f"{origin[name].id}: {name}", str(origin[name].confidence))
            for name, value in efficiency.parameters.items()
        },
    )
