"""The tree behind a unit's rate: the estimator's own tree, under the plan's caution and the count of chips."""

from dataclasses import replace
from typing import Any

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import System
from polysilicon.facts.money import Assumption
from polysilicon.performance import Cluster
from polysilicon.performance.explain import explain_training
from polysilicon.performance.explain_samples import explain_samples
from polysilicon.performance.samples import samples_per_s_per_chip
from polysilicon.performance.serving import explain_serving
from polysilicon.planning.coefficients import cautious_rate, request_rate, step_rate, unit_throughput
from polysilicon.planning.throughput import (
    INTERVAL,
    MOST_REPLICA_CHIPS,
    served,
    served_samples,
    serving_of,
    trained,
    trained_on_samples,
    training_of,
    transformer_of,
)
from polysilicon.records.recorder import Recorder, Step
from polysilicon.scenario import Scenario, Serve, Train, Workload
from polysilicon.workloads.describe import describe
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.samples import Sampled


def rate_tree(catalogue: Catalogue, scenario: Scenario, load: Workload, system: System, ttft_ms: float | None) -> Step:
    """How the rate of one unit of `system` on a workload comes about; the root is the plan's coefficient."""
    recorder = Recorder()
    chips = recorder.known(np.float64(system.chips or 0.0), f"{system.id}.chips")
    model = describe(catalogue, load.model)
    if not isinstance(model, Transformer):
        if isinstance(load, Train):
            return _trained_on_samples(recorder, catalogue, scenario, model, load, system, chips)
        return _sampled(recorder, catalogue, scenario, model, load, system, chips)
    if isinstance(load, Train):
        return _trained(recorder, catalogue, scenario, load, system, chips)
    return _served(recorder, catalogue, scenario, load, system, chips, ttft_ms)


def _sampled(
    recorder: Recorder,
    catalogue: Catalogue,
    scenario: Scenario,
    model: Sampled,
    load: Serve,
    system: System,
    chips: Any,
) -> Step:
    counted = served_samples(catalogue, model, load, system)
    share = catalogue.get(Assumption, counted.share)
    reached = recorder.known(
        np.float64(share.value), f"{share.id}.value [{', '.join(share.sources)}]", share.confidence
    )
    bound = recorder.known(
        np.float64(counted.bound_s), f"roofline of {load.model} on {counted.chips:g} x {counted.chip}"
    )
    span = counted.samples_per_s_per_chip
    with recorder:
        each = samples_per_s_per_chip(bound, reached)
        careful = cautious_rate(each, span.low, span.high, INTERVAL, scenario.confidence)
        whole = unit_throughput(careful, chips)
    return recorder.tree(whole)


def _trained_on_samples(
    recorder: Recorder,
    catalogue: Catalogue,
    scenario: Scenario,
    model: Sampled,
    load: Train,
    system: System,
    chips: Any,
) -> Step:
    made = trained_on_samples(catalogue, model, load, system)
    cluster = Cluster.from_catalogue(catalogue, system.id, load.job_chips)
    tree = explain_samples(catalogue, model, int(made.global_batch), cluster)
    step_s, span = np.float64(made.step_s.value), made.samples_per_s_per_chip
    with recorder:
        each = step_rate(made.global_batch, step_s, made.chips)
        careful = cautious_rate(each, span.low, span.high, INTERVAL, scenario.confidence)
        whole = unit_throughput(careful, chips)
    return _grafted(recorder.tree(whole), "step_s", tree)


def _trained(
    recorder: Recorder, catalogue: Catalogue, scenario: Scenario, load: Train, system: System, chips: Any
) -> Step:
    found = trained(catalogue, load, system)
    best, task = found.best, training_of(load)
    tree = explain_training(catalogue, transformer_of(catalogue, load), task, best.cluster, best.layouts)
    step_s, low_s, high_s = (np.float64(np.ravel(one)[0]) for one in (best.step_s, best.low_s, best.high_s))
    with recorder:
        each = step_rate(task.sequence_length * task.global_batch, step_s, found.chips)
        careful = cautious_rate(each, each * step_s / high_s, each * step_s / low_s, INTERVAL, scenario.confidence)
        whole = unit_throughput(careful, chips)
    return _grafted(recorder.tree(whole), "step_s", tree)


def _served(
    recorder: Recorder,
    catalogue: Catalogue,
    scenario: Scenario,
    load: Serve,
    system: System,
    chips: Any,
    ttft_ms: float | None,
) -> Step:
    one = served(catalogue, load, system, ttft_ms)
    tree = explain_serving(
        catalogue,
        transformer_of(catalogue, load),
        serving_of(load, ttft_ms),
        Cluster.from_catalogue(catalogue, system.id, max(float(chips), MOST_REPLICA_CHIPS)),
        one.layout,
        concurrency=one.concurrency,
        figure="tokens_per_s_per_chip",
    )
    each = one.tokens_per_s_per_chip
    tokens = recorder.known(np.float64(load.output_tokens or 1), f"scenario workloads: {load.model}, output_tokens")
    with recorder:
        point = request_rate(np.float64(each.value), tokens)
        careful = cautious_rate(point, each.low / tokens, each.high / tokens, INTERVAL, scenario.confidence)
        whole = unit_throughput(careful, chips)
    return _grafted(recorder.tree(whole), "tokens_per_s_per_chip", tree)


def _grafted(step: Step, name: str, tree: Step) -> Step:
    """`step` with the inputs called `name` replaced by the tree that explains them."""
    return replace(step, inputs=[tree if one.name == name else _grafted(one, name, tree) for one in step.inputs])
