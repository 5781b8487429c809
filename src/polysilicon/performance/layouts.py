"""How a job is cut over chips: a table of candidates, one array a degree."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polysilicon.performance.values import PRECISIONS, Values
from polysilicon.records.errors import InputError
from polysilicon.records.recorder import formula

RECOMPUTE = ("none", "selective", "full")
SCHEDULES = ("1f1b", "zero_bubble")
CONTEXTS = ("ring", "all_to_all")
# Columns that name a choice: a candidate holds its position.
CHOICES = {"recompute": RECOMPUTE, "schedule": SCHEDULES, "context": CONTEXTS, "precision": PRECISIONS}
# Columns between nought and one.
SHARES = ("recomputed_share", "offload_optimizer", "offload_activations", "offload_weights")
# Columns that nought switches off.
FROM_NOUGHT = ("zero_stage", "sequence_parallel", "shard", "expert_tp", *SHARES)


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
    one replica; `interleave` is the number of virtual stages of a pipeline rank. `recompute`, `schedule`,
    `context` and `precision` are positions in `RECOMPUTE`, `SCHEDULES`, `CONTEXTS` and `PRECISIONS`: zero-bubble is
    ZB-H1, which keeps the memory of 1F1B; `context` is how `cp` ranks share attention, by a ring or by all-to-alls
    (Ulysses). `recomputed_share` is the share of layers that full recomputation covers. `zero_stage` is 0 to 3;
    `shard` is how many replicas ZeRO splits its states over (0: all of them; fewer is HSDP or MiCS). `expert_tp` is
    the tensor-parallel degree of the experts (0: `tp`); the other tensor ranks then hold other experts, so `ep` may
    reach `dp * cp * tp / expert_tp`. `sequence_parallel` is 0 or 1. `offload_optimizer`, `offload_activations` and
    `offload_weights` are the shares of those states that stay in host memory.
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
    schedule: Values = 0.0
    context: Values = 0.0
    shard: Values = 0.0
    expert_tp: Values = 0.0
    recomputed_share: Values = 1.0
    offload_optimizer: Values = 0.0
    offload_activations: Values = 0.0
    offload_weights: Values = 0.0

    @classmethod
    def one(
        cls,
        *,
        recompute: str = "none",
        precision: str = "bf16",
        schedule: str = "1f1b",
        context: str = "ring",
        **degrees: float,
    ) -> "Layouts":
        """A table of length one; recompute, precision, schedule and context by name.

        Raises:
            InputError: an unknown name or degree, a degree below one, or a share outside nought to one.
        """
        named = {"recompute": recompute, "precision": precision, "schedule": schedule, "context": context}
        for name, value in named.items():
            if value not in CHOICES[name]:
                raise InputError(f"unknown {name}", found=value, allowed=list(CHOICES[name]))
        known = {one.name for one in fields(cls)} - set(CHOICES)
        for name, degree in degrees.items():
            if name not in known:
                raise InputError(f"unknown degree {name!r}", allowed=sorted(known))
            _checked(name, degree)
        codes = {name: float(CHOICES[name].index(value)) for name, value in named.items()}
        return cls(**{name: np.array([float(value)]) for name, value in (degrees | codes).items()})

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
        """One candidate in words: choices by name, degrees as whole numbers, shares as they are."""
        return {name: _word(name, np.broadcast_to(getattr(self, name), len(self))[at]) for name in self._names()}

    def said(self, at: int) -> dict[str, Any]:
        """One candidate in words, without what it leaves switched off."""
        plain = Layouts().row(0)
        off = {
            name for name in (*FROM_NOUGHT, "schedule", "context") if name not in ("zero_stage", "sequence_parallel")
        }
        return {name: word for name, word in self.row(at).items() if name not in off or word != plain[name]}

    @classmethod
    def _names(cls) -> tuple[str, ...]:
        return tuple(one.name for one in fields(cls))


def settled(cut: Layouts) -> Layouts:
    """The same candidates without the choices that their degrees leave without meaning.

    A schedule needs stages, a way to share attention ranks that share it, sequence parallelism a cut of the tensors,
    and a share of the layers that they are computed again.
    """
    tp, pp, cp = (np.asarray(one) > 1.0 for one in (cut.tp, cut.pp, cut.cp))
    return replace(
        cut,
        schedule=np.where(pp, cut.schedule, 0.0),
        context=np.where(cp, cut.context, 0.0),
        sequence_parallel=np.where(tp, cut.sequence_parallel, 0.0),
        recomputed_share=np.where(np.asarray(cut.recompute) == RECOMPUTE.index("full"), cut.recomputed_share, 1.0),
    )


def _word(name: str, value: float) -> str | float | int:
    if name in CHOICES:
        return CHOICES[name][int(value)]
    return float(value) if name in SHARES else int(value)


def _checked(name: str, degree: float) -> None:
    """Whether a degree or share can be meant."""
    if name in SHARES:
        if not 0 <= degree <= 1:
            raise InputError(f"{name} must be a share between 0 and 1", found=degree)
        return
    least = 0 if name in FROM_NOUGHT else 1
    if not (degree >= least and float(degree).is_integer()):
        raise InputError(f"{name} must be a whole number of at least {least}", found=degree)
