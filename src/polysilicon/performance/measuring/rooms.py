"""From timed kernels to the parameters that `estimate train` and `estimate serve` read.

The estimators of those rooms know a step in fewer terms than there are kinds of kernel. Their parameters are fitted
to whole jobs as the timed kernels predict them, one chip alone: what kernels of many sizes say of a few shares. What
the fit leaves, with the spread of the timings, is the interval.
"""

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polysilicon.facts import Catalogue
from polysilicon.facts.catalogue import load
from polysilicon.performance import serving_passes
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.efficiency import Efficiency, efficiency_of
from polysilicon.performance.layouts import Layouts
from polysilicon.performance.measuring.design import goals
from polysilicon.performance.measuring.learned import Learned
from polysilicon.performance.measuring.learning import NINETY
from polysilicon.performance.measuring.record import Rooms, Subject, written
from polysilicon.performance.measuring.truth import predicted_s
from polysilicon.performance.measuring.work import Job
from polysilicon.performance.recipe import Recipe
from polysilicon.performance.serving_candidates import Asked, Candidates, Layout
from polysilicon.performance.serving_estimate import ask
from polysilicon.performance.step import breakdown
from polysilicon.performance.training import job_of
from polysilicon.performance.values import BYTES_PER_ELEMENT
from polysilicon.records.errors import InputError
from polysilicon.workloads.counts import Shape
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.task import Serving, Training

# Where each fitted parameter starts, and how far its logarithm may well lie off.
TRAINING = {
    "gemm_16bit": 0.8,
    "core": 0.3,
    "product_traffic": 0.5,
    "stream_traffic": 0.5,
    "step_s": 1e-4,
    "launch_s": 1e-4,
}
SERVING = {
    "weight_bandwidth": 0.7,
    "cache_bandwidth": 0.5,
    "compute_bf16": 0.8,
    "attention_compute": 0.3,
    "layer_us": 100.0,
}
SPREAD = 1.5
# Runs on one's own chip are as tuned as they are, and its software is as old as it is.
AS_IS = {"pace": 1.0, "untuned_by_vendor": 1.0, "untuned_core": 1.0, "untuned_stream": 1.0, "youth": 0.0}
# Eager PyTorch has no scheduler of requests.
NO_ENGINE = ("host_us", "request_us", "first_us", "eager_us")
# Whatever engines the catalogue knows, each has a parameter of this name.
OF_ENGINES = "host_us_"
# Steps as the kernels predict them are themselves off by so much, however well the kernels are known.
OF_KERNELS = 0.08
SIXTEEN_BITS = ("bf16", "fp16")


def rooms(subject: Subject, learned: Learned) -> Subject:
    """The subject with the parameters of training, and of serving where 16 bits were timed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "measured.yaml"
        path.write_text(written(subject, learned), encoding="utf-8")
        catalogue = load(path)
    try:
        cluster = Cluster.from_catalogue(catalogue, subject.id, 1.0)
    except InputError:
        # A device that does not tell its memory has no capacity to plan with.
        return subject
    parameters = learned.parameters()
    jobs = goals(learned.dtype, learned.silicon, subject.memory_bytes)
    told = {one: predicted_s(one, learned.dtype, parameters, learned.silicon) for one in jobs}
    found = {"training": _training(catalogue, cluster, learned, told)}
    if learned.dtype in SIXTEEN_BITS:
        found["serving"] = _serving(catalogue, cluster, learned, told)
    return replace(subject, rooms=found)


def _model(job: Job) -> Transformer:
    """The reference transformer of a job, as the workloads room describes models."""
    return Transformer(
        name="reference",
        layers=int(job.layers),
        hidden=int(job.hidden),
        heads=int(job.heads),
        kv_heads=int(job.heads),
        head_dim=int(job.hidden // job.heads),
        ffn_hidden=int(job.ffn),
        vocab=int(job.vocab),
    )


def _training(catalogue: Catalogue, cluster: Cluster, learned: Learned, told: Mapping[Job, float]) -> Rooms:
    jobs = [one for one in told if one.mode == "training"]
    inherited = efficiency_of(catalogue, cluster.chip, "training")
    width = BYTES_PER_ELEMENT[learned.dtype]
    recipe = Recipe(weight_bytes=width, gradient_bytes=width, optimizer_bytes=width)

    def steps(fitted: Mapping[str, float]) -> NDArray[np.float64]:
        efficiency = Efficiency({**inherited.parameters, **AS_IS, **fitted}, 1.0, 1.0)
        seconds = []
        for one in jobs:
            layout = Layouts.one(precision=learned.dtype, micro_batch=one.batch)
            task = Training(sequence_length=int(one.sequence), global_batch=int(one.batch))
            job = job_of(catalogue, Shape.of(_model(one)), task, cluster, layout, recipe, efficiency)
            seconds.append(float(np.ravel(breakdown(job).step_s)[0]))
        return np.array(seconds)

    fitted, left = _fitted(TRAINING, steps, [told[one] for one in jobs])
    ratio = _ratio(left, learned.spread)
    return Rooms({**AS_IS, **fitted}, 1.0 / ratio, ratio, len(jobs))


def _serving(catalogue: Catalogue, cluster: Cluster, learned: Learned, told: Mapping[Job, float]) -> Rooms:
    decodes = [one for one in told if one.mode == "decode"]
    prompts = [one for one in told if one.mode == "prefill" and one.batch == 1.0]
    inherited = efficiency_of(catalogue, cluster.chip, "serving")
    engines = [name.removeprefix(OF_ENGINES) for name in inherited.parameters if name.startswith(OF_ENGINES)]
    quiet = {f"{name}_{engine}": 0.0 for name in NO_ENGINE for engine in engines}
    layout = Layout(precision=learned.dtype)

    def asked(job: Job, efficiency: Efficiency) -> Asked:
        task = Serving(input_tokens=int(job.sequence), output_tokens=1)
        one = ask(catalogue, _model(job), task, cluster, layout, job.batch, engines[0])
        return replace(one, efficiency=efficiency)

    def table(some: Sequence[Job], fitted: Mapping[str, float]) -> Candidates:
        efficiency = Efficiency({**inherited.parameters, **quiet, **fitted}, 1.0, 1.0)
        return Candidates.of([asked(one, efficiency) for one in some])

    def passes(fitted: Mapping[str, float]) -> NDArray[np.float64]:
        decoding, reading = table(decodes, fitted), table(prompts, fitted)
        work, overhead = serving_passes.prefill_parts_s(reading)
        one_token = serving_passes.decode_s(decoding, decoding.concurrency)
        return np.concatenate([np.ravel(one_token), np.ravel(work + overhead)])

    fitted, left = _fitted(SERVING, passes, [told[one] for one in (*decodes, *prompts)])
    ratio = _ratio(left, learned.spread)
    ends = {
        f"{one}_{end}_steady": value
        for one in ("tpot", "ttft", "tps")
        for end, value in (("low", 1.0 / ratio), ("high", ratio))
    }
    return Rooms({**quiet, **fitted, **ends}, 1.0 / ratio, ratio, len(decodes) + len(prompts))


def _fitted(
    start: Mapping[str, float],
    times: Callable[[Mapping[str, float]], NDArray[np.float64]],
    told: Sequence[float],
) -> tuple[dict[str, float], NDArray[np.float64]]:
    """The parameters whose times lie nearest to those told, and the logarithms by which they still differ.

    Source: Branch, Coleman, Li (SIAM Journal on Scientific Computing 21(1), 1999); `scipy.optimize.least_squares`.
    """
    from scipy.optimize import least_squares

    names, logs = list(start), np.log(told)

    def parameters(point: NDArray[np.float64]) -> dict[str, float]:
        return {name: start[name] * math.exp(one) for name, one in zip(names, point, strict=True)}

    def residuals(point: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([(np.log(times(parameters(point))) - logs) / OF_KERNELS, point / SPREAD])

    found = least_squares(residuals, np.zeros(len(names)), max_nfev=30)
    best = parameters(found.x)
    return best, np.log(times(best)) - logs


def _ratio(left: NDArray[np.float64], spread: float) -> float:
    """Upper end of the 90 % interval: what the fit leaves, the kernels' own error and the spread of the timings."""
    return math.exp(NINETY * float(np.sqrt(np.mean(left**2) + OF_KERNELS**2 + spread**2)))
