"""Candidates worth keeping, as they come: the leading ones, and those that nothing beats in time, memory and energy.

Both are exact, hold no more than they must, and do not depend on the order in which candidates arrive: among equal
figures the content of the candidate decides.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from polysilicon.performance.grid import COLUMNS, Floats
from polysilicon.performance.values import Values

Indices = NDArray[np.intp]
Criterion = Literal["time", "cost", "energy"]
# Cells of the coarse map of a front along memory and along energy.
CELLS = 64


@dataclass(frozen=True)
class Leaders:
    """Candidates with their figures: one row each in `rows` (columns as in `Layouts`) and in `figures`.

    The figures are the time of a step [s], the memory of the fullest chip [byte] and the energy of a step [J].
    """

    rows: Floats
    figures: Floats

    @classmethod
    def none(cls) -> "Leaders":
        """Nobody yet."""
        return cls(np.zeros((0, len(COLUMNS))), np.zeros((0, 3)))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def step_s(self) -> Floats:
        """Time of a step of each."""
        return self.figures[:, 0]

    @property
    def chips(self) -> Floats:
        """Chips that each uses."""
        chips: Floats = np.prod(self.rows[:, [COLUMNS.index(name) for name in ("tp", "pp", "dp", "cp")]], axis=1)
        return chips

    def take(self, chosen: Indices) -> "Leaders":
        """Some of them, in the order given."""
        return Leaders(self.rows[chosen], self.figures[chosen])

    def arrays(self, name: str) -> dict[str, Floats]:
        """As named arrays, for a file."""
        return {f"{name}_rows": self.rows, f"{name}_figures": self.figures}

    @classmethod
    def read(cls, name: str, arrays: Mapping[str, Floats]) -> "Leaders":
        """As `arrays` gave them."""
        return cls(arrays[f"{name}_rows"], arrays[f"{name}_figures"])


def together(many: Sequence[Leaders]) -> Leaders:
    """One after another."""
    return Leaders(np.concatenate([one.rows for one in many]), np.concatenate([one.figures for one in many]))


def score(by: Criterion, step_s: Values, chips: Values, energy_j: Values) -> Values:
    """What a search makes least: the time of a step, the chip-seconds of it (what rent counts), or its energy."""
    return {"time": step_s, "cost": step_s * chips, "energy": energy_j}[by]


def leading(found: Leaders, most: int, by: Criterion = "time") -> Leaders:
    """The `most` that lead: by the score, then time, fewer chips, less memory, and the candidate's own content."""
    least = score(by, found.step_s, found.chips, found.figures[:, 2])
    keys = (*found.rows.T[::-1], *found.figures.T[:0:-1], found.chips, found.step_s, least)
    return found.take(np.lexsort(keys)[:most])


def front(found: Leaders) -> Leaders:
    """Those that no other equals or beats in time, memory and energy at once, fastest first.

    Source: Kung, Luccio, Preparata, On Finding the Maxima of a Set of Vectors (JACM 22(4), 1975): one dimension is
    swept, the others form a staircase.
    """
    order = np.lexsort((*found.rows.T[::-1], *found.figures.T[::-1]))
    memories: list[float] = []
    energies: dict[float, float] = {}
    kept = []
    for at, (memory, energy) in zip(order.tolist(), found.figures[order, 1:].tolist(), strict=True):
        below = bisect_right(memories, memory) - 1
        if below >= 0 and energies[memories[below]] <= energy:
            continue
        kept.append(at)
        first = bisect_left(memories, memory)
        last = first
        while last < len(memories) and energies[memories[last]] >= energy:
            del energies[memories[last]]
            last += 1
        del memories[first:last]
        insort(memories, memory)
        energies[memory] = energy
    return found.take(np.array(kept, dtype=np.intp))


class Map:
    """A coarse map of a front: in each cell of memory and energy, the time below which nothing there is beaten yet."""

    def __init__(self, found: Leaders) -> None:
        self._low = found.figures[:, 1:].min(axis=0)
        width = found.figures[:, 1:].max(axis=0) - self._low
        self._scale = (CELLS - 3) / np.where(width > 0.0, width, 1.0)
        cells = np.full((CELLS, CELLS), np.inf)
        # A front member speaks for the cells after its own: there everything needs at least as much of both.
        at = (self._cell(0, found.figures[:, 1]) + 1, self._cell(1, found.figures[:, 2]) + 1)
        np.minimum.at(cells, at, found.step_s)
        self._beaten_s = np.minimum.accumulate(np.minimum.accumulate(cells, axis=0), axis=1)

    def open(self, step_s: Floats, memory_bytes: Floats, energy_j: Floats) -> Indices:
        """Which of these candidates the map does not show to be beaten."""
        beaten_s = self._beaten_s[self._cell(0, memory_bytes), self._cell(1, energy_j)]
        return np.flatnonzero(step_s <= beaten_s)

    def _cell(self, axis: int, values: Floats) -> Indices:
        """Cells from 1 on; 0 lies below every member of the front."""
        cell: Indices = np.clip((values - self._low[axis]) * self._scale[axis] + 1.0, 0.0, CELLS - 1.0).astype(np.intp)
        return cell
