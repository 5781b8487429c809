"""The best split of a batch over unequal pools that each hold the whole model; gradients are reduced over a link."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from polysilicon.performance.collectives import all_reduce_s
from polysilicon.performance.job import Job, held_weights, holders
from polysilicon.performance.layouts import Layouts
from polysilicon.performance.memory import memory
from polysilicon.performance.pool_layouts import of_the_model
from polysilicon.performance.pools import Link, Seat, link_latency_s, share_of_link, with_overhead
from polysilicon.performance.sharding import across_s, slice_weights, wire_bytes
from polysilicon.performance.step import Breakdown, breakdown
from polysilicon.performance.values import Values
from polysilicon.records.recorder import formula

Floats = NDArray[np.float64]


@formula
def lengthened_s(with_link_s: Values, without_s: Values, every: Values) -> Values:
    """What a reduction over the link adds to the mean step: all that isn't hidden, once in so many steps.

    Source: Stich, Local SGD Converges Fast and Communicates Little (arXiv 1805.09767); Douillard et al., DiLoCo (arXiv
    2311.08105).
    """
    return (with_link_s - without_s) / every


def outside_s(job: Job, pools: int, link: Link) -> Values:
    """Time in which the chips of a pool reduce their gradients with those of the other pools, once.

    Each chip reduces the slice that it keeps, so that every gradient crosses the link once.
    """
    held, width, rates = holders(job), job.recipe.reduce_bytes, job.rates
    alone = replace(job, layouts=Layouts())
    latency = link_latency_s(rates.scaleout_latency_s, link.latency_s)

    def reduced_s(part: Values, shards: Values, whole: Values) -> Values:
        size = wire_bytes(slice_weights(part, shards), width)
        pace = share_of_link(rates.scaleout_bytes_per_s, link.bytes_per_s, size, wire_bytes(whole, width))
        return all_reduce_s(size, float(pools), 1.0, pace, pace, latency, latency)

    (plain, own), (all_plain, all_own) = held_weights(job, held), held_weights(alone, holders(alone))
    gradients = reduced_s(plain, held.shards, all_plain)
    if not job.mixed:
        return gradients
    return across_s(gradients, reduced_s(own, held.expert_shards, all_own))


def used_bytes(job: Job, pools: int) -> Values:
    """Memory of the fullest chip of a pool: that of a cluster of such pools, each a group that ZeRO splits states over.

    So a pool that has but one replica still has room for gradients on their way to the others.
    """
    cut = job.layouts
    shard = np.where(np.asarray(cut.zero_stage) > 0.0, np.asarray(cut.dp) * cut.cp, 0.0)
    many = replace(cut, dp=np.asarray(cut.dp) * pools, shard=shard)
    return memory(replace(job, layouts=many, global_batch=job.global_batch * pools)).memory_bytes


@dataclass(frozen=True)
class DataShare:
    """What one pool gets: a layout and sequences of every batch; `parts` is its own step without the link."""

    seat: Seat
    layouts: Layouts
    job: Job
    sequences: int
    parts: Breakdown
    link_s: float
    memory_bytes: float

    @property
    def ready_s(self) -> float:
        """When the pool is done but for the link."""
        return float(np.ravel(self.parts.step_s)[0])


@dataclass(frozen=True)
class Rounds:
    """Layouts that take the same number of sequences a round, by number of rounds (rows) and layout (columns).

    A share that a layout can't take, or that doesn't fit into memory with it, takes for ever.
    """

    layouts: Layouts
    together: int
    ready_s: Floats


@dataclass(frozen=True)
class DataSeat:
    """A pool, and how long each share of a batch takes it with each of its layouts, the link left out."""

    seat: Seat
    pools: int
    chips: float

    @cached_property
    def rounds(self) -> tuple[Rounds, ...]:
        """Every layout, grouped by the sequences of a round."""
        table = of_the_model(self.seat)
        together = np.asarray(table.dp) * table.micro_batch
        batch = self.seat.task.global_batch
        return tuple(self._rounds(table.take(together == one), int(one)) for one in np.unique(together) if one <= batch)

    def _rounds(self, layouts: Layouts, together: int) -> Rounds:
        counts = np.arange(1.0, self.seat.task.global_batch // together + 1.0)[:, np.newaxis]
        job = self.seat.job(layouts, counts * together)
        parts = with_overhead(job, breakdown(job), self.chips)
        fits = np.asarray(used_bytes(job, self.pools)) <= self.seat.pool.cluster.memory_bytes
        whole = (np.asarray(layouts.interleave) == 1.0) | (np.remainder(counts, layouts.pp) == 0.0)
        shape = (len(counts), len(layouts))
        return Rounds(layouts, together, np.where(np.broadcast_to(fits & whole, shape), parts.step_s, np.inf))


def exposed_s(job: Job, pools: int, chips: float, link: Link) -> Values:
    """What a reduction over the link lengthens the step of each layout: what its backward work doesn't hide."""
    without, beyond = (
        with_overhead(one, breakdown(one), chips).step_s
        for one in (job, replace(job, outside_s=outside_s(job, pools, link)))
    )
    return lengthened_s(beyond, without, link.every)


def shared(chosen: Sequence[tuple[Seat, Layouts, int]], link: Link) -> list[DataShare]:
    """What pools with one layout and a number of sequences each do together."""
    chips = float(sum(seat.pool.chips for seat, _, _ in chosen))
    shares = []
    for seat, layouts, sequences in chosen:
        job = seat.job(layouts, float(sequences))
        parts = with_overhead(job, breakdown(job), chips)
        link_s = float(np.ravel(exposed_s(job, len(chosen), chips, link))[0])
        used = float(np.ravel(used_bytes(job, len(chosen)))[0])
        shares.append(DataShare(seat, layouts, job, sequences, parts, link_s, used))
    return shares


@dataclass(frozen=True)
class _Row:
    """One layout of one pool, and what it adds on the link."""

    link_s: float
    place: int
    rounds: Rounds
    column: int

    @property
    def layouts(self) -> Layouts:
        """The layout as a table of one."""
        return self.rounds.layouts.take(np.array([self.column]))


def best_data(seats: Sequence[DataSeat], link: Link, within_s: float = np.inf) -> list[DataShare] | None:
    """Whole shares of the batch, and layouts, with which all pools together are done soonest; `None` where none fit.

    A step ends when the slowest pool is ready and the slowest reduction over the link is done. Exact: for each bound
    on the latter, from small to large, the least time in which any layout within it finishes each share is known,
    and every division of the batch is looked at. Only steps of less than `within_s` are looked for.
    """
    batch = seats[0].seat.task.global_batch
    rows = sorted(_rows(seats, link), key=lambda row: row.link_s)
    tables = [_Table.empty(batch) for _ in seats]
    floor = _least_s(seats, batch)
    best, found = within_s, None
    for number, row in enumerate(rows):
        if row.link_s + floor >= best:
            break
        if not tables[row.place].take(row.rounds.together, row.rounds.ready_s[:, row.column], number):
            continue
        time, shares = _divided([one.ready_s for one in tables], batch)
        if time + row.link_s < best:
            best = time + row.link_s
            found = [(rows[table.by[share]], share) for table, share in zip(tables, shares, strict=True)]
    if found is None:
        return None
    return shared([(seats[row.place].seat, row.layouts, share) for row, share in found], link)


def _rows(seats: Sequence[DataSeat], link: Link) -> Iterator[_Row]:
    """Every layout of every pool with which some share fits."""
    for place, seat in enumerate(seats):
        for rounds in seat.rounds:
            one_round = seat.seat.job(rounds.layouts, float(rounds.together))
            exposed = np.broadcast_to(exposed_s(one_round, len(seats), seat.chips, link), len(rounds.layouts))
            for column in np.flatnonzero(np.isfinite(rounds.ready_s).any(axis=0)):
                yield _Row(float(exposed[column]), place, rounds, int(column))


@dataclass(frozen=True)
class _Table:
    """The least time of each share by what was taken in so far, and by whom."""

    ready_s: Floats
    by: NDArray[np.intp]

    @classmethod
    def empty(cls, batch: int) -> "_Table":
        """No share of a batch can be done yet."""
        return cls(np.full(batch + 1, np.inf), np.zeros(batch + 1, dtype=np.intp))

    def take(self, together: int, times_s: Floats, number: int) -> bool:
        """Take in one layout; whether it makes any share faster."""
        shares = together * np.arange(1, len(times_s) + 1)
        faster = times_s < self.ready_s[shares]
        self.ready_s[shares[faster]] = times_s[faster]
        self.by[shares[faster]] = number
        return bool(faster.any())


def _least_s(seats: Sequence[DataSeat], batch: int) -> float:
    """Time in which the pools are ready when the link costs nothing."""
    tables = [_Table.empty(batch) for _ in seats]
    for table, seat in zip(tables, seats, strict=True):
        for group in seat.rounds:
            table.take(group.together, group.ready_s.min(axis=1), 0)
    return _divided([table.ready_s for table in tables], batch)[0]


def _divided(tables: Sequence[Floats], batch: int) -> tuple[float, list[int]]:
    """The division of the batch whose slowest share is fastest: its time, and the shares.

    Pools are taken in one after another: of each number of sequences the best division so far is kept.
    """
    reached = tables[0]
    kept: list[NDArray[np.intp]] = []
    for table in tables[1:-1]:
        joined, split = np.full(batch + 1, np.inf), np.zeros(batch + 1, dtype=np.intp)
        for share in np.flatnonzero(np.isfinite(table)):
            times = np.maximum(reached[: batch + 1 - share], table[share])
            better = times < joined[share:]
            joined[share:][better] = times[better]
            split[share:][better] = share
        reached, kept = joined, [*kept, split]
    last = np.maximum(reached, tables[-1][::-1])
    left = int(np.argmin(last))
    shares = [batch - left]
    for split in reversed(kept):
        shares.append(int(split[left]))
        left -= shares[-1]
    return float(np.min(last)), [left, *reversed(shares)]
