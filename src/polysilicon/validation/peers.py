"""Other public estimators beside ours, on the measured rows for which they published a figure."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import numpy as np
from msgspec.structs import replace

from polysilicon.records.document import read_csv
from polysilicon.validation.score import Score, by

CALCULON = "Calculon"
NAMES = {"calculon (run here)": CALCULON}
RATE_OF_HOURS = "tokens_per_s_per_chip"


def published(row: Mapping[str, str], quantity: str, measured: float) -> tuple[str, float] | None:
    """The estimator that published a figure for this quantity of this row, and that figure.

    A row says so in `other_estimator` and `other_estimate`, in the unit of its `metric`, or, in the Megatron
    papers' table, in `calculon_seconds`. Chip-hours of a whole run count as the rate that they follow from.
    """
    name, figure, metric = row.get("other_estimator", ""), _number(row.get("other_estimate")), row.get("metric", "")
    if quantity == "step_time_s" and (seconds := _number(row.get("calculon_seconds"))):
        return CALCULON, seconds
    if not name or not figure or not measured:
        return None
    if quantity == metric:
        return NAMES.get(name, name), figure
    hours = _number(row.get("value"))
    if metric == "gpu_hours" and quantity == RATE_OF_HOURS and hours:
        return NAMES.get(name, name), measured * hours / figure
    return None


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if np.isfinite(value) and value > 0.0 else None


def beside(score: Score, row: Mapping[str, str]) -> Score:
    """The score with the figure that another estimator published for it, where one did."""
    if not isinstance(score.measured, int | float):
        return score
    found = published(row, score.quantity, score.measured)
    if found is None:
        return score
    return _with(score, *found)


def _with(score: Score, name: str, figure: float) -> Score:
    if not isinstance(score.measured, int | float) or not score.measured:
        return score
    return replace(score, peer=name, peer_predicted=figure, peer_error_pct=100.0 * (figure / score.measured - 1.0))


Estimates = Mapping[tuple[str, str], tuple[str, float]]


def estimates(path: Path) -> Estimates:
    """What a peer that was run on our rows answered: its name and figure by case and quantity."""
    rows = (row for _, row in read_csv(path))
    return {
        (row["case_id"], row["quantity"]): (row["peer"], figure)
        for row in rows
        if (figure := _number(row["predicted"])) is not None
    }


def joined(scores: Iterable[Score], found: Estimates) -> list[Score]:
    """The scores, with the peer's figure where it answered that quantity of that case."""
    return [
        _with(score, *told) if (told := found.get((score.case_id, score.quantity))) is not None else score
        for score in scores
    ]


# Fewer rows never fitted than this get no line of their own.
FEW = 20


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """Our absolute error and another estimator's [%] on the rows that it published a figure for.

    `quantity` is empty where they are of one quantity alone, and `never_fitted` says that only rows count that took no
    part in our fit.
    """

    peer: str
    quantity: str = ""
    never_fitted: bool = False
    rows: int
    fitted: int
    our_mean_error_pct: float
    peer_mean_error_pct: float
    our_median_error_pct: float
    peer_median_error_pct: float
    our_worst_error_pct: float
    peer_worst_error_pct: float


def peers(scores: Iterable[Score]) -> list[Peer]:
    """Every peer beside us, on the rows that both predict; the one with the most rows first.

    A measurement that stands in two tables counts once; one that leaves a choice open counts too, as both chose one.
    A peer's quantities stand apart where it has several, and so do rows never fitted where there are many.
    """
    both = {
        (one.peer, one.quantity, one.measured): one
        for one in scores
        if one.error_pct is not None and one.peer_error_pct is not None
    }.values()
    compared = []
    for peer, rows in by(both, "peer").items():
        quantities = by(rows, "quantity")
        for quantity, some in quantities.items():
            name = quantity if len(quantities) > 1 else ""
            compared.append(_compared(peer, name, some, never_fitted=False))
            unseen = [one for one in some if not one.fitted]
            if FEW <= len(unseen) < len(some):
                compared.append(_compared(peer, name, unseen, never_fitted=True))
    return compared


def _compared(peer: str, quantity: str, rows: list[Score], *, never_fitted: bool) -> Peer:
    ours = np.abs([one.error_pct or 0.0 for one in rows])
    theirs = np.abs([one.peer_error_pct or 0.0 for one in rows])
    return Peer(
        peer=peer,
        quantity=quantity,
        never_fitted=never_fitted,
        rows=len(rows),
        fitted=sum(one.fitted for one in rows),
        our_mean_error_pct=float(ours.mean()),
        peer_mean_error_pct=float(theirs.mean()),
        our_median_error_pct=float(np.median(ours)),
        peer_median_error_pct=float(np.median(theirs)),
        our_worst_error_pct=float(ours.max()),
        peer_worst_error_pct=float(theirs.max()),
    )
