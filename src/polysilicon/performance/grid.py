"""Candidates as cuts times choices, so that a formula is evaluated only over what it depends on.

A grid has one axis for each choice (recomputation, sharding, schedule, ...) and, last, one for the cuts (degrees and
batches). Each column of its layouts is shaped to its own axis, and broadcasting does the rest: what a layer takes is
worked out once for all the ways to shard the optimizer, and only the last sums see every candidate. The cuts come
last because they are many: the inner loops of the arithmetic then run over long stretches of memory.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from polysilicon.performance.layouts import Layouts

Floats = NDArray[np.float64]
COLUMNS = tuple(one.name for one in fields(Layouts))


@dataclass(frozen=True)
class Grid:
    """Every cut with every choice. `cuts` are columns of one length; each of `choices` is the columns of one axis."""

    cuts: Mapping[str, Floats]
    choices: tuple[Mapping[str, Floats], ...]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """How long each axis is, that of the cuts last."""
        return (*(_length(one) for one in self.choices), _length(self.cuts))

    def __len__(self) -> int:
        return prod(self.shape)

    def layouts(self) -> Layouts:
        """The candidates as columns that broadcast against each other to the grid."""
        axes = (*self.choices, self.cuts)
        shaped = {
            name: column.reshape([-1 if other == at else 1 for other in range(len(axes))])
            for at, axis in enumerate(axes)
            for name, column in axis.items()
        }
        return Layouts(**shaped)

    def take(self, chosen: slice | NDArray[np.bool_]) -> "Grid":
        """The grid of some of the cuts."""
        return Grid({name: column[chosen] for name, column in self.cuts.items()}, self.choices)

    def rows(self, at: NDArray[np.intp]) -> Floats:
        """The candidates at these places of the flattened grid: one row each, columns as in `Layouts`."""
        places = np.unravel_index(at, self.shape)
        rows = np.empty((len(at), len(COLUMNS)))
        for number, name in enumerate(COLUMNS):
            rows[:, number] = getattr(Layouts, name)
        for axis, place in zip((*self.choices, self.cuts), places, strict=True):
            for name, column in axis.items():
                rows[:, COLUMNS.index(name)] = column[place]
        return rows

    def parts(self, most: int, least_cuts: int = 1) -> Iterator["Grid"]:
        """The grid in pieces of at most `most` candidates.

        Where all choices of `least_cuts` cuts are more than that, the longest axis of choices is divided first.
        """
        count = _length(self.cuts)
        each = len(self) // max(count, 1)
        longest = max(range(len(self.choices)), key=lambda axis: _length(self.choices[axis]), default=0)
        if each * min(least_cuts, count) > most and _length(self.choices[longest]) > 1:
            for at in range(_length(self.choices[longest])):
                one = {name: column[at : at + 1] for name, column in self.choices[longest].items()}
                yield from Grid(self.cuts, (*self.choices[:longest], one, *self.choices[longest + 1 :])).parts(
                    most, least_cuts
                )
            return
        for first in range(0, count, max(most // each, 1)):
            yield self.take(slice(first, first + max(most // each, 1)))


def table_of(rows: Floats) -> Layouts:
    """Rows of candidates as a table of layouts."""
    return Layouts(**{name: np.ascontiguousarray(rows[:, at]) for at, name in enumerate(COLUMNS)})


def _length(axis: Mapping[str, Floats]) -> int:
    return len(next(iter(axis.values())))
