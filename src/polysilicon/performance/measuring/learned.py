"""What a measurement found, whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from polysilicon.performance.curves import Silicon
from polysilicon.performance.measuring.kernels import Mode
from polysilicon.performance.measuring.learning import Knowledge
from polysilicon.performance.measuring.reach import Reach
from polysilicon.performance.values import Values


@dataclass(frozen=True)
class Learned:
    """What a measurement found: the chip's peaks, and what is known of each kind of kernel in the format.

    `distrusted` counts the timings that too few samples agreed on: they are left out. `transfers` are bytes a second
    to the device and back, empty on a CPU.
    """

    dtype: str
    silicon: Silicon
    known: Mapping[str, Knowledge]
    reach: Mapping[Mode, Reach]
    timings: int
    distrusted: int
    spent_s: float
    goal_error: float
    transfers: Mapping[str, float] = field(default_factory=dict)

    def parameters(self) -> dict[str, Values]:
        """Every parameter by its full name."""
        kinds = [one.parameters() for one in self.known.values()]
        steps = [one.parameters(self.dtype) for one in self.reach.values()]
        return {name: value for some in (*kinds, *steps) for name, value in some.items()}

    def intervals(self) -> dict[str, tuple[float, float, float]]:
        """Each learned parameter by its full name with its 90 % interval: value, low, high."""
        kinds = [one.intervals() for one in self.known.values()]
        steps = [one.intervals(self.dtype) for one in self.reach.values()]
        return {name: ends for some in (*kinds, *steps) for name, ends in some.items()}

    @property
    def spread(self) -> float:
        """The median spread of repeated runs over all timings."""
        return float(np.median([one.spread for known in self.known.values() for one in known.timings] or [0.0]))
