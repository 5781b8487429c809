"""How much of a workload one unit of a system does: the performance room, asked once a workload and system."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import System
from polysilicon.performance import Cluster, Space
from polysilicon.performance.search import Found, search_training
from polysilicon.performance.serving import explain_serving, search_serving
from polysilicon.performance.serving_estimate import ServingEstimate
from polysilicon.planning.coefficients import (
    cautious_rate,
    request_rate,
    step_rate,
    unit_throughput,
)
from polysilicon.records.errors import Unsupported
from polysilicon.records.recorder import Recorder, Step
from polysilicon.scenario import Scenario, Serve, Train, Workload
from polysilicon.workloads.describe import describe
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.task import Serving, Training

# The estimators state the ends of the interval that holds the truth in nine cases of ten.
INTERVAL = 0.9
# A replica may span servers, up to a small pod; a rack is used whole.
MOST_REPLICA_CHIPS = 32
GLOBAL_BATCH = 1024


@dataclass(frozen=True)
class Rate:
    """The rate of one unit in the workload's unit: `value` is what the plan counts on, `point` the estimate.

    `how` is the layout in words; `doubts` are the low-confidence values it rests on.
    """

    value: float
    point: float
    low: float
    high: float
    unit: str
    how: str
    unvalidated: bool
    doubts: tuple[str, ...] = ()


def unit_of(load: Workload) -> str:
    """In what a workload's demand is counted."""
    if isinstance(load, Train):
        return "tokens/s" if load.runs[0].tokens_bn is not None else "samples/s"
    return "requests/s" if load.requests_per_s is not None else "samples/s"


def rate(catalogue: Catalogue, scenario: Scenario, load: Workload, system: System, ttft_ms: float | None) -> Rate:
    """The best rate of one unit of `system` on a workload, at the scenario's confidence.

    `ttft_ms` is what is left for the first token after the network.

    Raises:
        NothingFits: no layout fits in memory or meets the targets.
        InputError: a figure of the chip that the formulas need is unknown.
        Unsupported: the model is of a kind that is not modelled.
    """
    chips = float(system.chips or 0.0)
    if isinstance(load, Train):
        found = trained(catalogue, load, system)
        best = found.best
        point = float(np.ravel(best.tokens_per_s_per_chip)[0])
        step, low, high = (float(np.ravel(one)[0]) for one in (best.step_s, best.low_s, best.high_s))
        row = best.layouts.row(0)
        how = ", ".join(f"{name} {row[name]}" for name in ("precision", "tp", "pp", "dp", "ep") if name in row)
        bounds = (point * step / high, point * step / low)
        return _rate(scenario, point, bounds, chips, load, f"{found.chips} chips: {how}", best.doubts)
    one = served(catalogue, load, system, ttft_ms)
    each = one.tokens_per_s_per_chip
    tokens = float(load.output_tokens or 1)
    bounds = (each.low / tokens, each.high / tokens)
    layout = one.layout
    how = f"{layout.precision}, tp {layout.tp}, pp {layout.pp}, attention dp {layout.attn_dp}, ep {layout.ep}"
    return _rate(scenario, float(request_rate(each.value, tokens)), bounds, chips, load, how, one.doubts)


def _rate(
    scenario: Scenario,
    per_chip: float,
    bounds: tuple[float, float],
    chips: float,
    load: Workload,
    how: str,
    doubts: Sequence[Any],
    *,
    unvalidated: bool = False,
) -> Rate:
    careful = cautious_rate(per_chip, *bounds, INTERVAL, scenario.confidence)
    return Rate(
        value=float(unit_throughput(careful, chips)),
        point=per_chip * chips,
        low=bounds[0] * chips,
        high=bounds[1] * chips,
        unit=unit_of(load),
        how=how,
        unvalidated=unvalidated,
        doubts=tuple(dict.fromkeys(str(one) for one in doubts)),
    )


def trained(catalogue: Catalogue, load: Train, system: System) -> Found:
    """The fastest layout of a workload's job on chips of a system."""
    model = _transformer(catalogue, load)
    cluster = Cluster.from_catalogue(catalogue, system.id, load.job_chips)
    space = Space(precisions=load.precisions) if load.precisions else Space()
    return search_training(catalogue, model, training_of(load), cluster, space, most=1)


def training_of(load: Train) -> Training:
    """What one step of the job computes."""
    return Training(load.sequence_tokens, load.global_batch or GLOBAL_BATCH)


def served(catalogue: Catalogue, load: Serve, system: System, ttft_ms: float | None) -> ServingEstimate:
    """The deployment of a workload on a system that gives most within the latency targets."""
    model = _transformer(catalogue, load)
    chips = float(system.chips or 1.0)
    most = max(int(chips), MOST_REPLICA_CHIPS)
    cluster = Cluster.from_catalogue(catalogue, system.id, most)
    asked = serving_of(load, ttft_ms)
    return search_serving(
        catalogue,
        model,
        asked,
        [cluster],
        most_chips=min(most, 4 * MOST_REPLICA_CHIPS),
        precisions=load.precisions or None,
    ).best


def serving_of(load: Serve, ttft_ms: float | None) -> Serving:
    """One request, and how fast it must be answered."""
    return Serving(int(load.input_tokens or 1), int(load.output_tokens or 1), ttft_ms=ttft_ms, tpot_ms=load.tpot_ms)


def _transformer(catalogue: Catalogue, load: Workload) -> Transformer:
    model = describe(catalogue, load.model)
    if not isinstance(model, Transformer):
        raise Unsupported(f"{load.model}: only transformers are estimated so far")
    return model


def explained_rate(
    catalogue: Catalogue, scenario: Scenario, load: Workload, system: System, ttft_ms: float | None
) -> Step:
    """The tree behind a unit's rate: the estimator's own tree under the caution and the count of chips."""
    chips = np.float64(system.chips or 0.0)
    recorder = Recorder()
    recorder.known(chips, f"{system.id}.chips")
    if isinstance(load, Train):
        from polysilicon.performance.explain import explain_training

        found = trained(catalogue, load, system)
        task, model = training_of(load), _transformer(catalogue, load)
        best = found.best
        leaf = explain_training(catalogue, model, task, best.cluster, best.layouts)
        step_s, low, high = (np.float64(np.ravel(one)[0]) for one in (best.step_s, best.low_s, best.high_s))
        with recorder:
            each = step_rate(task.sequence_length * task.global_batch, step_s, found.chips)
            careful = cautious_rate(each, each * step_s / high, each * step_s / low, INTERVAL, scenario.confidence)
            whole = unit_throughput(careful, chips)
        return _with(recorder.tree(whole), "step_s", leaf)
    one = served(catalogue, load, system, ttft_ms)
    leaf = explain_serving(
        catalogue,
        _transformer(catalogue, load),
        serving_of(load, ttft_ms),
        Cluster.from_catalogue(catalogue, system.id, max(float(chips), MOST_REPLICA_CHIPS)),
        one.layout,
        concurrency=one.concurrency,
        figure="tokens_per_s_per_chip",
    )
    each, tokens = one.tokens_per_s_per_chip, np.float64(load.output_tokens or 1)
    recorder.known(tokens, f"scenario workloads: {load.model}, output_tokens")
    with recorder:
        point = request_rate(np.float64(each.value), tokens)
        careful = cautious_rate(point, each.low / tokens, each.high / tokens, INTERVAL, scenario.confidence)
        whole = unit_throughput(careful, chips)
    return _with(recorder.tree(whole), "tokens_per_s_per_chip", leaf)


def _with(step: Step, name: str, tree: Step) -> Step:
    """`step` with the input called `name` replaced by the tree that explains it."""
    return replace(step, inputs=[tree if one.name == name else _with(one, name, tree) for one in step.inputs])
