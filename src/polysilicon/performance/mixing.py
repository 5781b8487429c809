"""What mixing unequal pools in one training job gains or loses against each of them alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.efficiency import Fit
from polysilicon.performance.efficiency import efficiency_of
from polysilicon.performance.pool_data import DataSeat, best_data
from polysilicon.performance.pool_layers import LayerSeat
from polysilicon.performance.pool_pipelines import best_layers
from polysilicon.performance.pool_splits import SPLITS, By, Split, data_split, layer_split
from polysilicon.performance.pools import Link, Pool, Seat
from polysilicon.performance.search import search_training
from polysilicon.performance.training import TrainingEstimate
from polysilicon.records.errors import InputError, NothingFits, Unsupported
from polysilicon.workloads.model import Transformer, Workload
from polysilicon.workloads.task import Training

MOST_POOLS = 3
# Every share of a batch is looked at, and for more than a pair of pools every pair of shares.
MOST_SEQUENCES = {2: 65_536, 3: 8_192}
# Where the bandwidth is sought from which mixing pays [GB/s], how often the stretch is halved in logarithms, and how
# far below one that pays another split is asked for.
SOUGHT_GBS = (1e-3, 1e6)
HALVINGS = 24
CLOSER = 0.998


@dataclass(frozen=True)
class Alone:
    """The best layout of one pool that trains by itself; `why` it can't where there is none."""

    pool: Pool
    best: TrainingEstimate | None
    why: str = ""

    @property
    def step_s(self) -> float:
        """Time of its step; infinite where it can't."""
        return float(np.ravel(self.best.step_s)[0]) if self.best else np.inf

    def to_dict(self, task: Training) -> dict[str, Any]:
        """What `--json` prints."""
        named: dict[str, Any] = {"pool": self.pool.name, "chips": self.pool.chips}
        if self.best is None:
            return named | {"why": self.why}
        row = next(self.best.to_table().rows())
        return named | {"tokens_per_s": task.global_batch * task.sequence_length / self.step_s} | row


@dataclass(frozen=True)
class Mixing:
    """The best splits over all pools, fastest first; each pool alone; the best split over some of three pools or more.

    `break_even_gbs` is the bandwidth of the link from which mixing all pools beats the best of them alone: nought
    where any does, infinite where none does, `None` where none of them can train alone.
    """

    model: str
    task: Training
    link: Link
    pools: tuple[Pool, ...]
    splits: tuple[Split, ...]
    alone: tuple[Alone, ...]
    fewer: Split | None
    break_even_gbs: float | None
    notes: tuple[str, ...]
    catalogue_hash: str = ""

    @cached_property
    def best_alone(self) -> Alone:
        """The pool that is fastest by itself."""
        return min(self.alone, key=lambda one: one.step_s)

    @property
    def step_s(self) -> float:
        """Time of a step of the best that the pools can do, where any of them may stay idle."""
        mixed = [one.step_s for one in (*self.splits, *([self.fewer] if self.fewer else []))]
        return min([*mixed, self.best_alone.step_s])

    @property
    def gain(self) -> float | None:
        """How much more tokens a second all pools train than the best of them alone; below nought is a loss."""
        return self.best_alone.step_s / self.splits[0].step_s - 1.0 if self._compared else None

    @property
    def of_the_sum(self) -> float | None:
        """Tokens a second of all pools together over the sum of what each trains alone."""
        return 1.0 / self.splits[0].step_s / sum(1.0 / one.step_s for one in self.alone) if self._compared else None

    @property
    def _compared(self) -> bool:
        return bool(self.splits) and bool(np.isfinite(self.best_alone.step_s))

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        even = self.break_even_gbs
        return {
            "model": self.model,
            "catalogue": self.catalogue_hash,
            "task": {"sequence": self.task.sequence_length, "global_batch": self.task.global_batch},
            "link": {"gbs": self.link.gbs, "ms": self.link.ms, "every": self.link.every},
            "splits": [one.to_dict() for one in self.splits],
            "fewer_pools": self.fewer.to_dict() if self.fewer else None,
            "alone": [one.to_dict(self.task) for one in self.alone],
            "step_s": self.step_s,
            "gain_pct": None if self.gain is None else 100.0 * self.gain,
            "of_the_sum_pct": None if self.of_the_sum is None else 100.0 * self.of_the_sum,
            "break_even_gbs": even if even is not None and np.isfinite(even) else None,
            "pays_at_some_bandwidth": None if even is None else bool(np.isfinite(even)),
            "notes": list(self.notes),
        }


def estimate_pools(
    catalogue: Catalogue,
    model: Workload,
    task: Training,
    pools: Sequence[Pool],
    link: Link,
    by: Sequence[By] = SPLITS,
) -> Mixing:
    """The best way to train one model on several pools together, beside each of them alone.

    Raises:
        Unsupported: the model is not a transformer.
        InputError: fewer than two pools or more than `MOST_POOLS`, a batch that can't give each of them a sequence, or
            fixed degrees that leave no layout.
        NothingFits: the model fits neither on a pool alone nor on some of them together.
    """
    if not isinstance(model, Transformer):
        raise Unsupported(f"{model.name}: pools are mixed for transformers only so far")
    _check(task, pools, by)
    alone = tuple(_alone(catalogue, model, task, one) for one in pools)
    best_alone = min(one.step_s for one in alone)
    together = Together.of(catalogue, model, task, pools)
    splits = together.splits(link, by)
    some = [
        split
        for count in range(2, len(pools))
        for few in combinations(pools, count)
        for split in Together.of(catalogue, model, task, few).splits(link, by)
    ]
    if not (splits or some or np.isfinite(best_alone)):
        raise NothingFits(_nowhere(model, pools, alone))
    return Mixing(
        model.name,
        task,
        link,
        tuple(pools),
        splits,
        alone,
        min(some, key=lambda one: one.step_s, default=None),
        together.break_even_gbs(link, by, best_alone) if np.isfinite(best_alone) else None,
        _notes(catalogue, pools, link, splits),
        catalogue.hash,
    )


def _check(task: Training, pools: Sequence[Pool], by: Sequence[By]) -> None:
    """Whether so many pools can share such a batch, and every share of it be tried.

    Raises:
        InputError: they can't.
    """
    if not 1 < len(pools) <= MOST_POOLS:
        raise InputError(
            "mixing needs several pools",
            found=len(pools),
            allowed=f"2 to {MOST_POOLS}",
            remedy="`polysilicon search train` finds the best layout of one",
        )
    if "data" in by and task.global_batch < len(pools):
        raise InputError(
            f"a batch can't give each of {len(pools)} pools a sequence",
            found=task.global_batch,
            allowed=f"{len(pools)} sequences or more",
            remedy="or split by layers alone",
        )
    if task.global_batch > MOST_SEQUENCES[len(pools)]:
        raise InputError(
            f"every share of a batch is tried, and this one has too many for {len(pools)} pools",
            found=task.global_batch,
            allowed=f"at most {MOST_SEQUENCES[len(pools)]:,} sequences",
        )


@dataclass(frozen=True)
class Together:
    """Pools that train together, with what was worked out of them that no link changes."""

    data: tuple[DataSeat, ...]
    layers: tuple[LayerSeat, ...]

    @classmethod
    def of(cls, catalogue: Catalogue, model: Transformer, task: Training, pools: Sequence[Pool]) -> "Together":
        """The pools at a task."""
        seats = [Seat.of(catalogue, model, task, one) for one in pools]
        chips = float(sum(one.chips for one in pools))
        return cls(tuple(DataSeat(one, len(seats), chips) for one in seats), tuple(LayerSeat(one) for one in seats))

    def splits(self, link: Link, by: Sequence[By], within_s: float = np.inf) -> tuple[Split, ...]:
        """The best split of each kind that fits and takes less than `within_s`, fastest first."""
        found = []
        if "data" in by and (shares := best_data(self.data, link, within_s)):
            found.append(data_split(shares))
        if "layers" in by and (stretches := best_layers(self.layers, link, within_s)):
            found.append(layer_split(stretches))
        return tuple(sorted((one for one in found if one.step_s < within_s), key=lambda one: one.step_s))

    def break_even_gbs(self, link: Link, by: Sequence[By], alone_s: float) -> float:
        """The bandwidth from which a step of all pools takes less than `alone_s`.

        The best split at some bandwidth pays down to one of its own; whether another pays below is asked there, until
        none does.
        """
        low, even = SOUGHT_GBS[0], SOUGHT_GBS[1]
        while found := self.splits(replace(link, gbs=even), by, alone_s):
            even = _own_break_even_gbs(found[0], link, alone_s, (low, even)) * CLOSER
            if even <= low:
                return 0.0
        return even / CLOSER if even < SOUGHT_GBS[1] else np.inf


def _own_break_even_gbs(split: Split, link: Link, alone_s: float, between: tuple[float, float]) -> float:
    """The bandwidth down to which one split takes less than `alone_s`, with the layouts and shares that it has."""
    low, high = between
    for _ in range(HALVINGS):
        middle = float(np.sqrt(low * high))
        pays = split.again(replace(link, gbs=middle)).step_s < alone_s
        low, high = (low, middle) if pays else (middle, high)
    return high


def _alone(catalogue: Catalogue, model: Transformer, task: Training, pool: Pool) -> Alone:
    try:
        return Alone(pool, search_training(catalogue, model, task, pool.cluster, pool.space, most=1).best)
    except (InputError, NothingFits) as refusal:
        return Alone(pool, None, str(refusal))


def _nowhere(model: Transformer, pools: Sequence[Pool], alone: Sequence[Alone]) -> str:
    named = " and ".join(str(one) for one in pools)
    return f"{model.name} fits neither on {named} together nor on one of them; alone: {alone[0].why}"


def _notes(catalogue: Catalogue, pools: Sequence[Pool], link: Link, splits: Sequence[Split]) -> tuple[str, ...]:
    notes = ["no measured case trains one job on unequal pools: the intervals are those of each pool alone, combined"]
    for one in pools:
        fits = efficiency_of(catalogue, one.cluster.chip, "training").records
        if all(catalogue.get(Fit, fit).level == "all" for fit in fits):
            chip, kind = one.cluster.chip, one.cluster.device_class
            why = f"no training on a {kind} is measured, so it is given the shares of its peaks that others reach"
            notes.append(f"{chip}: unvalidated: {why}")
    if link.every > 1 and any(one.by == "data" for one in splits):
        notes.append(
            f"gradients are reduced every {link.every} steps (local SGD): another algorithm, whose loss after as many "
            "steps is another; its outer optimizer's memory is not counted"
        )
    return tuple(notes)
