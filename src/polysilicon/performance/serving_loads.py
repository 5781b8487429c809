"""Many deployments under many loads at once: columns of deployments against rows of requests in flight."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np

from polysilicon.performance.serving_candidates import Asked, Candidates
from polysilicon.performance.serving_table import Figures, evaluate, running
from polysilicon.records.interval import Bools, Floats

MOST_CONCURRENT = 4096
# Loads tried of an attention rank: so many for each doubling.
FINENESS = 4


@dataclass(frozen=True)
class Loaded:
    """Deployments under loads; every array has a row a deployment and a column a load.

    A load beyond what runs at once is no other deployment, only a longer queue: it is brought down to that, and
    `distinct` marks each load once.
    """

    asked: Sequence[Asked]
    concurrency: Floats
    figures: Figures
    distinct: Bools

    @classmethod
    def of(cls, asked: Sequence[Asked], fineness: int = FINENESS) -> "Loaded":
        """Every one of `asked` under loads from one a rank upwards, `fineness` for each doubling."""
        table = Candidates.of(asked)
        ranks = np.asarray(table.attn_dp)[:, None]
        loads = 2.0 ** (np.arange(fineness * np.log2(MOST_CONCURRENT) + 1) / fineness) * ranks
        together = np.broadcast_to(running(under(table, loads)), loads.shape)
        kept = np.minimum(loads, np.maximum(np.floor(together / ranks), 1.0) * ranks)
        distinct = np.ones(kept.shape, bool)
        distinct[:, 1:] = kept[:, 1:] != kept[:, :-1]
        figures = evaluate(under(table, kept))
        wide = {one.name: np.broadcast_to(getattr(figures, one.name), kept.shape) for one in fields(figures)}
        return cls(asked, kept, Figures(**wide), distinct)

    def at(self, index: int) -> Asked:
        """The question at a position counted row by row."""
        row = index // self.concurrency.shape[1]
        found: Asked = replace(self.asked[row], concurrency=float(self.concurrency.flat[index]))
        return found


def under(table: Candidates, loads: Floats) -> Candidates:
    """Every candidate under `loads`, of shape (candidates, loads): its columns become one load wide."""
    widened: Candidates = _widened(table)
    return replace(widened, concurrency=loads)


def _widened(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value[:, None]
    if isinstance(value, Mapping):
        return {name: _widened(one) for name, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: _widened(getattr(value, one.name)) for one in fields(value)})
    return value
