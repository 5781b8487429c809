"""`polysilicon estimate serve --cases`: every row of a table of serving cases."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polysilicon.facts import Catalogue

FIGURES = ("ttft_ms", "tpot_ms", "tokens_per_s_per_chip")
ANSWERS = (
    *("case_id", "model", "chip_id"),
    *(f"{name}{end}" for name in FIGURES for end in ("", "_low", "_high")),
    *("memory_gib", "fits", "status", "why"),
)


def table(known: "Catalogue", cases: Path, out: Path | None, *, as_json: bool) -> None:
    """Every row of a table of serving cases; the columns are those of `validate serving`."""
    from polysilicon.cli.cases import publish
    from polysilicon.performance.serving_table import WAYS
    from polysilicon.records.document import read_csv
    from polysilicon.records.errors import InputError, Place
    from polysilicon.validation.serving_cases import Question, read
    from polysilicon.validation.serving_figures import figures

    rows = [row for _, row in read_csv(cases)]
    if not rows:
        raise InputError("holds no rows", place=Place(str(cases)))
    if "model" not in rows[0]:
        raise InputError("has no column 'model'", place=Place(str(cases), 1), found=list(rows[0]))
    asked = [read(known, row) for row in rows]
    answers: dict[int, dict[str, Any]] = {}
    for way in WAYS:
        some = [(at, one) for at, one in enumerate(asked) if isinstance(one, Question) and one.way == way]
        if some:
            found = figures([one for _, one in some])
            answers |= {at: _answer(one, found, row) for row, (at, one) in enumerate(some)}
    told = [
        {"case_id": row.get("case_id") or f"line {at + 2}", "model": row.get("model"), "chip_id": row.get("chip_id")}
        | (answers[at] if isinstance(one, Question) else {"status": one.status, "why": one.why})
        for at, (row, one) in enumerate(zip(rows, asked, strict=True))
    ]
    publish(told, ANSWERS, out, as_json=as_json)


def _answer(question: Any, figures: Any, at: int) -> dict[str, Any]:
    import numpy as np

    from polysilicon.performance.serving_table import bound
    from polysilicon.records.units import GIB

    def one(values: Any) -> float:
        return float(np.ravel(values)[at])

    answer: dict[str, Any] = {"status": "ok", "why": "", "fits": bool(one(figures.fits))}
    if not answer["fits"]:
        return answer | {"status": "implausible", "why": "weights and one sequence do not fit in memory"}
    for name, short in zip(FIGURES, ("ttft", "tpot", "tps"), strict=True):
        low, high = bound(question.asked.efficiency, short, question.way)
        value = one(getattr(figures, name))
        answer |= {name: value, f"{name}_low": low * value, f"{name}_high": high * value}
    held = one(figures.memory_bytes)
    # Workers of two kinds hold two amounts; neither is the deployment's.
    return answer | {"memory_gib": held / GIB if np.isfinite(held) else None}
