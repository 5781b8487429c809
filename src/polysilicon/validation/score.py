"""One row of every validation result, and the summaries over many."""

from collections.abc import Iterable
from typing import Literal

import msgspec

Status = Literal["ok", "unsupported", "underspecified", "implausible"]


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """How one measured (or expected) quantity of one case compares with ours.

    `low` and `high` bound the 90 % interval; `fitted` says whether this row, or a duplicate of it, took part in
    the fit; `why` says in words what is wrong where `status` is not `ok`. `vendor`, `chip`, `source` and `kind`
    are the groups that summaries are made by. `quality` is the letter that the table gives the row,
    `fully_specified` whether it states every choice, `source_fitted` whether any row of its source took part in
    any fit. `peer` names another public estimator that published a figure for this quantity of this case. `peak` says
    which peak of memory the source prints: `computed`, `allocated`, `reserved` or `process`.
    """

    case_id: str
    quantity: str
    predicted: float | str | None = None
    low: float | None = None
    high: float | None = None
    measured: float | str | None = None
    unit: str = ""
    error_pct: float | None = None
    fitted: bool = False
    status: Status = "ok"
    why: str = ""
    vendor: str = ""
    chip: str = ""
    source: str = ""
    kind: str = ""
    quality: str = ""
    fully_specified: bool = False
    source_fitted: bool = False
    peer: str = ""
    peer_predicted: float | None = None
    peer_error_pct: float | None = None
    peak: str = ""


# The quantity of a row that names no metric.
NO_METRIC = "none"
COLUMNS = tuple(Score.__struct_fields__)


def by(scores: Iterable[Score], field: str) -> dict[str, list[Score]]:
    """Scores grouped by one of their fields, largest group first."""
    groups: dict[str, list[Score]] = {}
    for score in scores:
        groups.setdefault(str(getattr(score, field)), []).append(score)
    return dict(sorted(groups.items(), key=lambda item: -len(item[1])))


def unpredicted(metric: str) -> str:
    """Why a row that no prediction answers has none; `metric` is what it says it measures."""
    return f"the estimator does not predict {metric}" if metric != NO_METRIC else "the row states no measured figure"
