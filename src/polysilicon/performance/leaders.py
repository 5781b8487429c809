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
# Steps of the map of a front in memory and in energy, at most.
CELLS = 256


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
    """A front as a map: at each step up in memory and in energy, the least time of the members that need no more."""

    def __init__(self, found: Leaders) -> None:
        self._memories, self._energies = _edges(found.figures[:, 1]), _edges(found.figures[:, 2])
        cells = np.full((len(self._memories) + 1, len(self._energies) + 1), np.inf)
        # A member speaks from the first edge on that is not below it.
        at = (
            np.searchsorted(self._memories, found.figures[:, 1]) + 1,
            np.searchsorted(self._energies, found.figures[:, 2]) + 1,
        )
        np.minimum.at(cells, at, found.step_s)
        self._beaten_s = np.minimum.accumulate(np.minimum.accumulate(cells, axis=0), axis=1)

    def open(self, step_s: Floats, memory_bytes: Floats, energy_j: Floats) -> Indices:
        """Which of these candidates no member is shown to beat; one with the very figures of a member stays."""
        memory = np.searchsorted(self._memories, memory_bytes, side="right")
        energy = np.searchsorted(self._energies, energy_j, side="right")
        return np.flatnonzero(step_s <= self._beaten_s[memory, energy])


def _edges(values: Floats) -> Floats:
    """The values in order; where they are many, evenly chosen ones and the largest."""
    ordered = np.unique(values)
    edges: Floats = ordered[np.unique(np.linspace(0, len(ordered) - 1, min(len(ordered), CELLS)).astype(np.intp))]
    return edges
