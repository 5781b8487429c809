"""The fastest pipeline over unequal pools: how many layers each takes, and with which layout."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from polysilicon.performance.pool_layers import Kind, LayerSeat, LayerShare, Stretch, stretched
from polysilicon.performance.pools import Link

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
# Of so many pools both orders are tried.
PAIR = 2
Chain = list[tuple[tuple[Kind, int], int]]
# Number of layers, three times, column, own layers, parent.
Way = tuple[int, float, float, float, int, int, int]


def best_layers(seats: Sequence[LayerSeat], link: Link, within_s: float = np.inf) -> list[LayerShare] | None:
    """The stretches with which a step is fastest, in the order of the pipeline; `None` where none fit.

    Exact: every number of layers of every pool is tried with every combination of layouts whose rounds agree; two
    pools in either order, more in the order given. Only steps of less than `within_s` before overhead are looked for.
    """
    if len(seats) > seats[0].seat.model.layers:
        return None
    orders = permutations(seats) if len(seats) == PAIR else [tuple(seats)]
    best, found = within_s, None
    for order in orders:
        for together in sorted({kind[0] for kind in order[0].layouts}):
            tails = list(_tails(order[1:], together, link, best))
            for first in [kind for kind in order[0].layouts if kind[0] == together]:
                for tail in tails:
                    time, chain = _closed(order[0], first, tail, link)
                    if time < best:
                        best, found = time, (order, chain)
    if found is None:
        return None
    order, chain = found
    chosen = [
        (pool.seat, pool.layouts[kind].take(np.array([column])), layers)
        for pool, ((kind, column), layers) in zip(order, chain, strict=True)
    ]
    return stretched(chosen, link)


@dataclass(frozen=True)
class _Tail:
    """Ways to do the last layers of the model, by their number (rows): what they take, and who does them.

    Each row holds the ways that no other equals or beats in all three times; it is filled up with ways that take for
    ever. `column` and `layers` are of the pool in front, `parent` says which way of `rest` follows it.
    """

    kind: Kind
    depth: int
    paced_s: Floats
    through_s: Floats
    after_s: Floats
    column: Indices
    layers: Indices
    parent: Indices
    rest: "_Tail | None" = None

    def chain(self, layers: int, at: int) -> Chain:
        """The pools of one way from the front on: kind, column and layers of each."""
        own = int(self.layers[layers, at])
        first = ((self.kind, int(self.column[layers, at])), own)
        if self.rest is None:
            return [first]
        return [first, *self.rest.chain(layers - own, int(self.parent[layers, at]))]


def _closed(pool: LayerSeat, kind: Kind, tail: _Tail, link: Link) -> tuple[float, Chain]:
    """The fastest way to share out the layers between a pool in front and what follows it, and its time."""
    ahead = [one[:, :, np.newaxis] for one in pool.stretch(kind, "first", tail.depth, link).times]
    behind = [one[::-1][:, np.newaxis, :] for one in (tail.paced_s, tail.through_s, tail.after_s)]
    time = np.maximum(ahead[0], behind[0]) + ahead[1] + behind[1] + np.maximum(ahead[2], behind[2])
    own, column, way = (int(one) for one in np.unravel_index(np.argmin(time), time.shape))
    chain = [((kind, column), own), *tail.chain(pool.seat.model.layers - own, way)]
    return float(time[own, column, way]), chain


def _tails(pools: Sequence[LayerSeat], together: int, link: Link, within_s: float) -> Iterator[_Tail]:
    """Every way in which the pools at the end of a pipeline do any number of the last layers within a time."""
    for kind in [one for one in pools[0].layouts if one[0] == together]:
        if len(pools) == 1:
            tails = [_last(pools[0].stretch(kind, "last", 0, link), kind, within_s)]
        else:
            tails = [
                _joined(pools[0].stretch(kind, "middle", rest.depth, link), kind, rest, within_s)
                for rest in _tails(pools[1:], together, link, within_s)
            ]
        yield from (one for one in tails if np.isfinite(one.paced_s).any())


def _last(made: Stretch, kind: Kind, within_s: float) -> _Tail:
    """The last pool alone: of its layouts those that none equals or beats, for each number of layers."""
    times = made.times
    likely = times[0] + times[1] + times[2] < within_s
    rows: list[Way] = []
    for layers in np.flatnonzero(likely.any(axis=1)).tolist():
        columns = np.flatnonzero(likely[layers])
        kept = columns[_unbeaten(*(one[layers, columns] for one in times))].tolist()
        rows += [(layers, *(float(one[layers, at]) for one in times), at, layers, 0) for at in kept]
    return _packed(kind, kind[1], len(likely), rows)


def _joined(made: Stretch, kind: Kind, rest: _Tail, within_s: float) -> _Tail:
    """A pool put in front of the ways of those behind it."""
    ahead = made.times
    rows: list[Way] = []
    for layers in range(2, len(made.paced_s)):
        front = [one[1:layers][:, :, np.newaxis] for one in ahead]
        behind = [one[layers - 1 : 0 : -1][:, np.newaxis, :] for one in (rest.paced_s, rest.through_s, rest.after_s)]
        paced, after = np.maximum(front[0], behind[0]), np.maximum(front[2], behind[2])
        through = front[1] + behind[1]
        likely = np.flatnonzero(paced + through + after < within_s)
        times = [np.ravel(one)[likely] for one in (paced, through, after)]
        kept = _unbeaten(*times)
        own, columns, parents = np.unravel_index(likely[kept], paced.shape)
        places = zip(*(one[kept] for one in times), columns, own + 1, parents, strict=True)
        rows += [(layers, *place) for place in places]
    return _packed(kind, kind[1] + rest.depth, len(made.paced_s), rows, rest)


def _unbeaten(paced: Floats, through: Floats, after: Floats) -> Indices:
    """Places of those that no other equals or beats in all three, where they end at all."""
    left = np.flatnonzero(np.isfinite(paced))
    left = left[np.lexsort((after[left], through[left], paced[left]))]
    kept = []
    while len(left):
        one = left[0]
        kept.append(one)
        left = left[(through[left] < through[one]) | (after[left] < after[one])]
    return np.array(kept, dtype=np.intp)


def _packed(kind: Kind, depth: int, rows: int, ways: Sequence[Way], rest: _Tail | None = None) -> _Tail:
    """Ways in arrays with one row a number of layers."""
    counts = [0] * rows
    places = []
    for way in ways:
        places.append(counts[way[0]])
        counts[way[0]] += 1
    shape = (rows, max(*counts, 1))
    paced, through, after = (np.full(shape, np.inf) for _ in range(3))
    column, layers, parent = (np.zeros(shape, dtype=np.intp) for _ in range(3))
    if ways:
        where = np.array([way[0] for way in ways]), np.array(places)
        for at, one in enumerate((paced, through, after, column, layers, parent)):
            one[where] = [way[1 + at] for way in ways]
    return _Tail(kind, depth, paced, through, after, column, layers, parent, rest)
