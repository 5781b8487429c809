"""The best layout of a job on at most so many chips: every layout evaluated, memory first, nothing guessed."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from polysilicon.facts import Catalogue
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.efficiency import Efficiency, efficiency_of
from polysilicon.performance.layouts import Layouts
from polysilicon.performance.memory import memory
from polysilicon.performance.recipe import Recipe
from polysilicon.performance.space import Space, divisors, layouts, stages
from polysilicon.performance.step import breakdown
from polysilicon.performance.training import TrainingEstimate, estimate_training, job_of
from polysilicon.records.errors import InputError, NothingFits, Unsupported
from polysilicon.records.units import GIB
from polysilicon.sweep import run
from polysilicon.workloads.counts import Shape
from polysilicon.workloads.model import Diffusion, Recommender, Transformer
from polysilicon.workloads.task import Training


@dataclass(frozen=True)
class Found:
    """What a search found: the best layouts first, and how many were looked at."""

    best: TrainingEstimate
    chips: int
    enumerated: int
    feasible: int

    def to_dict(self) -> dict[str, object]:
        """What `--json` prints."""
        counts = {"chips": self.chips, "enumerated": self.enumerated, "feasible": self.feasible}
        return counts | self.best.to_dict()


@dataclass(frozen=True)
class _Part:
    """What one chunk found: its fastest fitting layouts, and the one that came nearest to fitting."""

    fastest: Layouts
    step_s: NDArray[np.float64]
    feasible: int
    least: Layouts
    least_bytes: float


def search_training(
    catalogue: Catalogue,
    model: Transformer | Recommender | Diffusion,
    task: Training,
    cluster: Cluster,
    space: Space | None = None,
    recipe: Recipe | None = None,
    *,
    most: int = 10,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Found:
    """The `most` fastest layouts on at most `cluster.chips` chips.

    Every number of chips that the batch, the heads and the layers can share evenly is tried, not only the whole
    budget: so a larger budget never gives a slower step.

    Raises:
        Unsupported: the model is not a transformer.
        NothingFits: no layout fits in memory; the message names the nearest miss.
        InputError: the chip states no dense matrix peak for a precision, or the budget is below one chip.
    """
    if not isinstance(model, Transformer):
        raise Unsupported(f"{model.name}: training layouts are searched for transformers only so far")
    budget = int(np.max(cluster.chips))
    if budget < 1:
        raise InputError("a search needs at least one chip", found=cluster.chips)
    space, recipe = space or Space(), recipe or Recipe()
    domain = int(np.max(cluster.scaleup_domain))
    tables = [layouts(model, task, chips, domain, space) for chips in sizes(model, task, budget, space)]
    table = concatenate([one for one in tables if len(one) and np.size(one.tp)])
    if not np.size(table.tp):
        raise NothingFits(_no_cut(model, task, budget))
    efficiency = efficiency_of(catalogue, cluster.chip, "training")
    evaluate = partial(_evaluate, catalogue, Shape.of(model), task, cluster, recipe, efficiency, table, most)
    parts = list(run(evaluate, len(table), executor=executor, progress=progress))
    feasible = sum(part.feasible for part in parts)
    if not feasible:
        raise NothingFits(_nearest_miss(model, cluster, min(parts, key=lambda part: part.least_bytes)))
    fastest = concatenate([part.fastest for part in parts if part.feasible])
    order = np.argsort(np.concatenate([part.step_s for part in parts if part.feasible]), kind="stable")[:most]
    best = estimate_training(catalogue, model, task, cluster, fastest.take(order), recipe)
    return Found(best, int(np.ravel(best.layouts.chips)[0]), len(table), feasible)


def sizes(model: Transformer, task: Training, budget: int, space: Space) -> list[int]:
    """Numbers of chips up to the budget that some layout can use in full, the budget's own divisors or not.

    A number counts when it is a product of divisors of the batch, the heads, the layers and the context degrees.
    """
    found = {1}
    for group in (divisors(model.heads), stages(model.layers), list(space.cp), divisors(task.global_batch)):
        found = {one * degree for one in found for degree in group if one * degree <= budget}
    return sorted(found)


def concatenate(tables: list[Layouts]) -> Layouts:
    """Tables of layouts one after another."""
    if not tables:
        return Layouts(tp=np.zeros(0))
    names = list(Layouts.__dataclass_fields__)
    return Layouts(
        **{name: np.concatenate([np.broadcast_to(getattr(one, name), len(one)) for one in tables]) for name in names}
    )


def _evaluate(
    catalogue: Catalogue,
    shape: Shape,
    task: Training,
    cluster: Cluster,
    recipe: Recipe,
    efficiency: Efficiency,
    table: Layouts,
    most: int,
    part: range,
) -> _Part:
    """Memory first; time only of what fits."""
    mine = table.take(np.arange(part.start, part.stop))
    used = np.asarray(memory(job_of(catalogue, shape, task, cluster, mine, recipe, efficiency)).memory_bytes)
    fits = np.flatnonzero(used <= cluster.memory_bytes)
    least = int(np.argmin(used))
    near = mine.take(np.array([least]))
    if not len(fits):
        return _Part(near, np.zeros(0), 0, near, float(used[least]))
    fitting = mine.take(fits)
    step_s = np.asarray(breakdown(job_of(catalogue, shape, task, cluster, fitting, recipe, efficiency)).step_s)
    order = np.argsort(step_s, kind="stable")[:most]
    return _Part(fitting.take(order), step_s[order], len(fits), near, float(used[least]))


def _no_cut(model: Transformer, task: Training, budget: int) -> str:
    return (
        f"no layout of {model.name} divides: {model.heads} heads, {model.layers} layers and a batch of "
        f"{task.global_batch} sequences share no split over at most {budget} chips; choose a batch with more divisors"
    )


def _nearest_miss(model: Transformer, cluster: Cluster, part: _Part) -> str:
    row = part.least.row(0)
    cut = ", ".join(
        f"{name} {row[name]}" for name in ("tp", "pp", "dp", "ep", "micro_batch", "recompute", "zero_stage")
    )
    return (
        f"{model.name} fits on no layout of at most {np.max(cluster.chips):g} {cluster.chip}: the nearest needs "
        f"{part.least_bytes / GIB:.1f} GiB of {float(np.max(cluster.memory_bytes)) / GIB:.1f} GiB a chip ({cut}); "
        "use more chips, a chip with more memory, or a smaller batch"
    )
