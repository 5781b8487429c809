"""Every layout of a job on a number of chips: enumerated as columns, not one by one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from polysilicon.performance.layouts import RECOMPUTE, Layouts
from polysilicon.performance.values import PRECISIONS
from polysilicon.workloads.model import Transformer
from polysilicon.workloads.task import Training


@dataclass(frozen=True)
class Space:
    """What a search varies. Empty means: everything that divides.

    Selective recomputation is left out by default: with fused attention it is the same candidate as none.
    """

    precisions: Sequence[str] = ("bf16",)
    recompute: Sequence[str] = ("none", "full")
    zero_stages: Sequence[int] = (0, 1, 2, 3)
    tp: Sequence[int] = ()
    pp: Sequence[int] = ()
    cp: Sequence[int] = (1,)
    ep: Sequence[int] = ()
    micro_batch: Sequence[int] = ()
    interleave: Sequence[int] = ()


def divisors(number: int) -> list[int]:
    """Every divisor, ascending."""
    small = [one for one in range(1, int(number**0.5) + 1) if number % one == 0]
    return sorted({*small, *(number // one for one in small)})


def stages(layers: int) -> list[int]:
    """Pipeline depths: those that divide the layers, and powers of two, whose last stages are a layer shorter."""
    powers = {2**power for power in range(layers.bit_length()) if 2**power <= layers}
    return sorted({*divisors(layers), *powers})


def layouts(model: Transformer, task: Training, chips: int, domain: int, space: Space) -> Layouts:
    """Every layout that uses exactly `chips` chips and divides the model and the batch.

    Tensor parallelism stays inside the scale-up domain and divides the heads; pipeline stages hold whole layers;
    replicas divide the batch; expert parallelism divides the experts and the replicas; sequence parallelism goes
    with tensor parallelism.
    """
    cuts = np.array(list(_cuts(model, task, chips, domain, space)), dtype=float).reshape(-1, 7)
    free = np.array(
        [
            (RECOMPUTE.index(recompute), zero, PRECISIONS.index(precision))
            for recompute in space.recompute
            for zero in space.zero_stages
            for precision in space.precisions
        ],
        dtype=float,
    )
    rows = np.repeat(np.arange(len(cuts)), len(free))
    cut, choice = cuts[rows], np.tile(free, (len(cuts), 1))
    # Without replicas there is nothing to shard: the higher stages are the same candidate again. In a pipeline
    # gradients and weights stay whole, because every micro-batch in flight needs them.
    lowest = min(space.zero_stages)
    kept = (cut[:, 2] * cut[:, 3] > 1) | (choice[:, 1] == lowest)
    kept &= (cut[:, 1] == 1) | (choice[:, 1] <= max(lowest, 1))
    cut, choice = cut[kept], choice[kept]
    return Layouts(
        tp=cut[:, 0],
        pp=cut[:, 1],
        dp=cut[:, 2],
        cp=cut[:, 3],
        ep=cut[:, 4],
        micro_batch=cut[:, 5],
        interleave=cut[:, 6],
        recompute=choice[:, 0],
        zero_stage=choice[:, 1],
        sequence_parallel=np.where(cut[:, 0] > 1, 1.0, 0.0),
        precision=choice[:, 2],
    )


def _cuts(
    model: Transformer, task: Training, chips: int, domain: int, space: Space
) -> Iterator[tuple[int, int, int, int, int, int, int]]:
    """Every (tp, pp, dp, cp, ep, micro_batch, interleave) that divides."""
    batch, layers = task.global_batch, model.layers
    for tp in _chosen(divisors(chips), space.tp):
        if tp > domain or model.heads % tp:
            continue
        for pp in _chosen(stages(layers), space.pp):
            if chips // tp % pp:
                continue
            for cp in _chosen(divisors(chips // tp // pp), space.cp):
                dp = chips // tp // pp // cp
                if batch % dp or task.sequence_length % cp:
                    continue
                for ep in _experts(model, dp * cp, space):
                    for micro in _chosen(divisors(batch // dp), space.micro_batch):
                        for interleave in _interleaves(layers, pp, batch // dp // micro, space):
                            yield tp, pp, dp, cp, ep, micro, interleave


def _chosen(possible: Sequence[int], asked: Sequence[int]) -> list[int]:
    return [one for one in possible if not asked or one in asked]


def _experts(model: Transformer, replicas: int, space: Space) -> list[int]:
    if not model.experts:
        return [1]
    return [one for one in _chosen(divisors(replicas), space.ep) if model.experts % one == 0] or [1]


def _interleaves(layers: int, pp: int, batches: int, space: Space) -> list[int]:
    """Virtual stages: whole layers each, and the schedule needs micro-batches in whole rounds."""
    if pp == 1 or layers % pp:
        return [1]
    return [one for one in _chosen(divisors(layers // pp), space.interleave) if one == 1 or batches % pp == 0]
