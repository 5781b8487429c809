"""How much of a workload one unit of a system does: the performance room, asked once a workload and system."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import System
from polysilicon.performance import Cluster, Reading, Space
from polysilicon.performance.diffusion import diffusion_serving
from polysilicon.performance.recommender import recommender_serving
from polysilicon.performance.sample_training import SampleTraining, estimate_samples
from polysilicon.performance.samples import SamplesEstimate
from polysilicon.performance.search import Found, search_training
from polysilicon.performance.serving import search_serving
from polysilicon.performance.serving_estimate import ServingEstimate
from polysilicon.planning.coefficients import (
    cautious_rate,
    request_rate,
    unit_throughput,
)
from polysilicon.records.errors import NothingFits, Unsupported
from polysilicon.scenario import Scenario, Serve, Train, Workload
from polysilicon.workloads.describe import describe
from polysilicon.workloads.model import Diffusion, Recommender, Transformer, UNet
from polysilicon.workloads.samples import Sampled
from polysilicon.workloads.task import Serving, Training

# The estimators state the ends of the interval that holds the truth in nine cases of ten.
INTERVAL = 0.9
# A replica may span servers, up to a small pod; a rack is used whole.
MOST_REPLICA_CHIPS = 32
GLOBAL_BATCH = 1024

Counted = TypeVar("Counted", SamplesEstimate, SampleTraining)


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
    doubts: tuple[Reading, ...] = ()


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
    model = describe(catalogue, load.model)
    if not isinstance(model, Transformer):
        counted: SamplesEstimate | SampleTraining
        if isinstance(load, Train):
            counted = trained_on_samples(catalogue, model, load, system)
        else:
            counted = served_samples(catalogue, model, load, system)
        each = counted.samples_per_s_per_chip
        bounds = (each.low, each.high)
        how = _together(counted, model)
        return _rate(scenario, each.value, bounds, chips, load, how, counted.doubts, unvalidated=counted.unvalidated)
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
    doubts: Sequence[Reading],
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
        doubts=tuple(dict.fromkeys(doubts)),
    )


def trained(catalogue: Catalogue, load: Train, system: System) -> Found:
    """The fastest layout of a workload's job on chips of a system."""
    model = transformer_of(catalogue, load)
    cluster = Cluster.from_catalogue(catalogue, system.id, load.job_chips)
    space = Space(precisions=load.precisions) if load.precisions else Space()
    return search_training(catalogue, model, training_of(load), cluster, space, most=1)


def training_of(load: Train) -> Training:
    """What one step of the job computes."""
    return Training(load.sequence_tokens, load.global_batch or GLOBAL_BATCH)


def served(catalogue: Catalogue, load: Serve, system: System, ttft_ms: float | None) -> ServingEstimate:
    """The deployment of a workload on a system that gives most within the latency targets."""
    model = transformer_of(catalogue, load)
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


def trained_on_samples(catalogue: Catalogue, model: Sampled, load: Train, system: System) -> SampleTraining:
    """What the chips of a workload's job do of a model that works on samples.

    Raises:
        NothingFits: they don't hold it.
    """
    cluster = Cluster.from_catalogue(catalogue, system.id, load.job_chips)
    batch = load.global_batch or load.job_chips * GLOBAL_BATCH
    return _fitting(estimate_samples(catalogue, model, int(batch), cluster), load.model)


def served_samples(catalogue: Catalogue, model: Sampled, load: Serve, system: System) -> SamplesEstimate:
    """What a chip serves of a model that works on samples, on as few chips as hold it.

    Raises:
        NothingFits: not even a small pod holds it.
        Unsupported: the model is of a kind that is not modelled.
    """
    chips = max(float(system.chips or 1.0), 1.0)
    while True:
        cluster = Cluster.from_catalogue(catalogue, system.id, chips)
        if isinstance(model, Recommender):
            found = recommender_serving(catalogue, model, cluster)
        elif isinstance(model, Diffusion | UNet):
            found = diffusion_serving(catalogue, model, cluster)
        else:
            raise Unsupported(f"{load.model}: models of this kind are not estimated yet")
        if found.fits or chips >= MOST_REPLICA_CHIPS:
            return _fitting(found, load.model)
        chips *= 2


def _together(counted: SamplesEstimate | SampleTraining, model: Sampled) -> str:
    if isinstance(model, Recommender):
        return f"{counted.chips:g} chips share the tables"
    return "each chip alone" if isinstance(counted, SamplesEstimate) else f"{counted.chips:g} chips together"


def _fitting(found: Counted, name: str) -> Counted:
    if not found.fits:
        raise NothingFits(f"{name} needs {found.memory_gib:.1f} GiB on each of {found.chips:g} x {found.chip}")
    return found


def serving_of(load: Serve, ttft_ms: float | None) -> Serving:
    """One request, and how fast it must be answered."""
    return Serving(int(load.input_tokens or 1), int(load.output_tokens or 1), ttft_ms=ttft_ms, tpot_ms=load.tpot_ms)


def transformer_of(catalogue: Catalogue, load: Workload) -> Transformer:
    """The model of a workload, if it is a transformer.

    Raises:
        Unsupported: it is of another kind.
    """
    model = describe(catalogue, load.model)
    if not isinstance(model, Transformer):
        raise Unsupported(f"{load.model}: only transformers are estimated so far")
    return model
