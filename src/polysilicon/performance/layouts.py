"""How a job is cut over chips: a table of candidates, one array a degree."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polysilicon.performance.values import PRECISIONS, Values
from polysilicon.records.errors import InputError
from polysilicon.records.recorder import formula

RECOMPUTE = ("none", "selective", "full")


@formula
def chips_used(tp: Values, pp: Values, dp: Values, cp: Values) -> Values:
    """Chips of a layout: the product of the degrees that cut the job.

    Source: Narayanan et al. (arXiv 2104.04473), section 3; Liu et al., Ring Attention (arXiv 2310.01889).
    """
    return tp * pp * dp * cp


@dataclass(frozen=True)
class Layouts:
    """Candidates as a struct of arrays.

    `tp`, `pp`, `dp`, `cp` multiply to the chips used; `ep` lies inside `dp * cp`. `micro_batch` counts sequences of
    one replica; `interleave` is the number of virtual stages of a pipeline rank; `recompute` and `precision` are
    positions in `RECOMPUTE` and `PRECISIONS`; `zero_stage` is 0 to 3; `sequence_parallel` is 0 or 1.
    """

    tp: Values = 1.0
    pp: Values = 1.0
    dp: Values = 1.0
    cp: Values = 1.0
    ep: Values = 1.0
    micro_batch: Values = 1.0
    interleave: Values = 1.0
    recompute: Values = 0.0
    zero_stage: Values = 1.0
    sequence_parallel: Values = 0.0
    precision: Values = float(PRECISIONS.index("bf16"))

    @classmethod
    def one(cls, *, recompute: str = "none", precision: str = "bf16", **degrees: float) -> "Layouts":
        """A table of length one; recompute and precision by name.

        Raises:
            InputError: an unknown name or degree, or a degree below one.
        """
        for name, value, allowed in (("recompute", recompute, RECOMPUTE), ("precision", precision, PRECISIONS)):
            if value not in allowed:
                raise InputError(f"unknown {name}", found=value, allowed=list(allowed))
        known = {one.name for one in fields(cls)}
        for name, degree in degrees.items():
            if name not in known:
                raise InputError(f"unknown degree {name!r}", allowed=sorted(known))
            least = 0 if name in ("zero_stage", "sequence_parallel") else 1
            if not (degree >= least and degree == int(degree)):
                raise InputError(f"{name} must be a whole number of at least {least}", found=degree)
        return cls(
            **{name: np.array([float(value)]) for name, value in degrees.items()},
            recompute=np.array([float(RECOMPUTE.index(recompute))]),
            precision=np.array([float(PRECISIONS.index(precision))]),
        )

    @property
    def chips(self) -> Values:
        """Chips that a candidate uses."""
        return chips_used(self.tp, self.pp, self.dp, self.cp)

    def __len__(self) -> int:
        return max(np.size(getattr(self, one.name)) for one in fields(self))

    def take(self, chosen: NDArray[Any]) -> "Layouts":
        """The candidates that an index array or mask chooses."""
        return Layouts(
            **{one.name: np.broadcast_to(getattr(self, one.name), len(self))[chosen] for one in fields(self)}
        )

    def row(self, at: int) -> dict[str, Any]:
        """One candidate in words."""
        plain = {one.name: int(np.broadcast_to(getattr(self, one.name), len(self))[at]) for one in fields(self)}
        return plain | {"recompute": RECOMPUTE[plain["recompute"]], "precision": PRECISIONS[plain["precision"]]}
