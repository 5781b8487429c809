"""What to change of a layout that does not fit into memory: the nearest one that does, on as many chips."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from polysilicon.facts import Catalogue
from polysilicon.performance.cluster import Cluster
from polysilicon.performance.constraints import Limits, first_broken
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.performance.layouts import Layouts, settled
from polysilicon.performance.memory import memory
from polysilicon.performance.recipe import Recipe
from polysilicon.performance.space import divisors, stages
from polysilicon.performance.training import job_of
from polysilicon.workloads.counts import Shape
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.task import Training

# A degree is as far off as the factor it changes by; another way to keep or share out states is a step each.
DEGREES = ("tp", "pp", "dp", "cp", "ep", "micro_batch", "interleave")
STEPS = ("recompute", "recomputed_share", "zero_stage", "sequence_parallel", "shard")
MOST_CONTEXT = 8


def nearest_fit(
    catalogue: Catalogue, model: Transformer, task: Training, cluster: Cluster, asked: Layouts, recipe: Recipe
) -> Layouts | None:
    """The layout nearest to that of a table of one which fits into memory on as many chips; `None` if none does.

    Near means that few degrees change by small factors and few states are kept or split in another way. Offload stays
    as it is asked: whether a host has room is not known here.
    """
    near = settled(_around(Limits.of(model, task, cluster), asked))
    alone = (near.zero_stage == 3.0) & (np.asarray(recipe.frozen) <= 0.0) & (np.asarray(recipe.shard_bytes) <= 0.0)
    # Where ZeRO leaves the master copy alone, there is no working copy to keep on the host.
    near = replace(near, offload_weights=np.where(alone, 0.0, near.offload_weights))
    efficiency = efficiency_of(catalogue, cluster.chip, "training")
    job = job_of(catalogue, Shape.of(model), task, cluster, near, recipe, efficiency)
    fits = np.broadcast_to(memory(job).memory_bytes <= cluster.memory_bytes, len(near))
    if not np.any(fits):
        return None
    fitting = near.take(fits)
    return fitting.take(np.array([int(np.argmin(_distance(asked, fitting)))]))


def _around(limits: Limits, asked: Layouts) -> Layouts:
    """The layouts that can be run on as many chips, with every other choice as it is asked."""
    one = {name: float(np.ravel(getattr(asked, name))[0]) for name in (*DEGREES, *STEPS)}
    chips = int(np.ravel(asked.chips)[0])
    experts = divisors(limits.experts) if limits.experts else [1]
    choices: dict[str, Iterable[float]] = {
        "tp": divisors(limits.heads),
        "pp": stages(limits.layers),
        "cp": [one["cp"] * 2**twice for twice in range(4) if one["cp"] * 2**twice <= max(MOST_CONTEXT, one["cp"])],
        "ep": experts,
        "micro_batch": divisors(int(one["micro_batch"])),
        "interleave": sorted({1.0, one["interleave"]}),
        "recompute": [code for code in (0.0, 1.0, 2.0) if code >= one["recompute"]],
        "recomputed_share": sorted({one["recomputed_share"], 1.0}),
        "zero_stage": [stage for stage in (0.0, 1.0, 2.0, 3.0) if stage >= one["zero_stage"]],
        "sequence_parallel": sorted({1.0, one["sequence_parallel"]}),
        "shard": sorted({0.0, one["shard"]}),
    }
    grid = np.array(list(product(*choices.values())), dtype=float).T
    columns = dict(zip(choices, grid, strict=True))
    cut = columns["tp"] * columns["pp"] * columns["cp"]
    columns["dp"] = chips / cut
    whole = (chips % cut == 0) & ((columns["sequence_parallel"] == 0) | (columns["tp"] > 1))
    kept = {name: column[whole] for name, column in columns.items()}
    rest = {name: getattr(asked, name) for name in asked.row(0) if name not in kept}
    table = Layouts(**kept, **rest)
    return table.take(first_broken(limits, table) < 0)


def _distance(asked: Layouts, others: Layouts) -> NDArray[np.float64]:
    """How far candidates are from what is asked."""
    factors = sum(np.abs(np.log2(getattr(others, name) / getattr(asked, name))) for name in DEGREES)
    changed = sum(np.abs(getattr(others, name) != getattr(asked, name)).astype(float) for name in STEPS)
    far: NDArray[np.float64] = np.asarray(factors + changed)
    return far
