"""Timed operators against the operator models: a score for each measured quantity of each row."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.facts.index import DATA
from polysilicon.performance.kernels import Kernels
from polysilicon.records.document import read_csv
from polysilicon.records.errors import InputError
from polysilicon.records.units import MS_PER_S
from polysilicon.validation.operator_cases import Refused, Timed, columns, read
from polysilicon.validation.operator_limits import impossible
from polysilicon.validation.operator_times import predicted_s
from polysilicon.validation.score import Score, Status

TABLES = DATA / "measurements" / "operators"
SPLIT = TABLES / "split.csv"
# How the summaries call each operator.
KINDS = {
    "gemm": "matrix product",
    "attention": "attention over a prompt",
    "decode": "attention of one token",
    "mla_prefill": "latent attention, prompt",
    "mla_prefill_block": "latent attention block, prompt",
    "mla_decode": "latent attention, one token",
    "mla_decode_block": "latent attention block, one token",
    "moe": "experts",
    "collective": "collective",
    "exchange": "exchange between experts",
    "stream": "elementwise",
    "": "not told",
}


def tables() -> list[Path]:
    """The tables of timed operators that ship with the catalogue."""
    return [path for path in sorted(TABLES.glob("*.csv")) if path != SPLIT]


def validate(catalogue: Catalogue, cases_path: Path | None = None) -> list[Score]:
    """One score for each measured quantity of each row of a table, or of all tables that ship where none is given.

    Raises:
        InputError: the file can't be read, or its columns are those of no table of operators.
    """
    paths = [cases_path] if cases_path else tables()
    cases = [one for path in paths for one in read(catalogue, path)]
    chips = {one.chip: _chip(catalogue, one.chip) for one in cases}
    fitted = _fitted(catalogue)
    scores: dict[int, Score] = {}
    alike: dict[tuple[str, str, str], list[tuple[int, Timed]]] = {}
    for at, one in enumerate(cases):
        kernels, told = chips[one.chip]
        own = _template(one, told if kernels else "", fitted)
        if isinstance(one, Refused):
            scores[at] = _refused(own, one.status, one.why)
            continue
        if kernels is None:
            scores[at] = _refused(own, "unsupported", told)
        elif why := impossible(one, kernels.silicon):
            scores[at] = _refused(own, "implausible", why)
        else:
            scores[at] = own
            alike.setdefault((one.operator, one.kind, one.chip), []).append((at, one))
    for (operator, kind, chip), theirs in alike.items():
        if (kernels := chips[chip][0]) is not None:
            scores |= _predicted(kernels, operator, kind, [(at, one, scores[at]) for at, one in theirs])
    return [scores[at] for at in range(len(cases))]


def _chip(catalogue: Catalogue, chip_id: str) -> tuple[Kernels | None, str]:
    """The kernels of a chip and its vendor, or none and why."""
    if not chip_id:
        return None, ""
    try:
        return Kernels.of(catalogue, chip_id), catalogue.get(Chip, chip_id).vendor
    except InputError as missing:
        return None, str(missing)


def _template(one: Timed | Refused, vendor: str, fitted: "_Fitted") -> Score:
    return Score(
        case_id=one.id,
        quantity=one.quantity,
        measured=one.measured_s * MS_PER_S if isinstance(one, Timed) else one.measured,
        unit="ms" if isinstance(one, Timed) else one.unit,
        fitted=isinstance(one, Timed) and (one.id in fitted.ids or _mark(one) in fitted.marks),
        vendor=vendor,
        chip=one.chip,
        source=one.source,
        source_fitted=one.source in fitted.sources,
        kind=KINDS[one.operator],
    )


def _refused(own: Score, status: Status, why: str) -> Score:
    return msgspec.structs.replace(own, status=status, why=why, fitted=False)


def _predicted(
    kernels: Kernels, operator: str, kind: str, theirs: Sequence[tuple[int, Timed, Score]]
) -> dict[int, Score]:
    """The scores of rows of one operator and kind on one chip, by their place in the table."""
    try:
        own, (low, high) = kernels.kind(operator, kind), kernels.interval(operator, kind)
    except InputError:
        why = f"nothing like it was ever timed: {KINDS[operator]}, {kind}"
        return {at: _refused(score, "unsupported", why) for at, _, score in theirs}
    sizes = columns(one for _, one, _ in theirs)
    predicted = np.asarray(predicted_s(operator, own, sizes, kernels.parameters, kernels.silicon))
    predicted = predicted * kernels.residual_ratio(operator, kind, sizes)
    found = {}
    for (at, one, score), time_s in zip(theirs, predicted.tolist(), strict=True):
        if not np.isfinite(time_s):
            found[at] = _refused(score, "unsupported", f"a figure that the curve needs is unknown of {kernels.chip}")
            continue
        time_ms = time_s * MS_PER_S
        found[at] = msgspec.structs.replace(
            score,
            predicted=time_ms,
            low=time_ms * low,
            high=time_ms * high,
            error_pct=100.0 * (time_s / one.measured_s - 1.0),
        )
    return found


class _Fitted(msgspec.Struct, frozen=True):
    """Rows that took part in the fit, by id and by what they measured; and their sources."""

    ids: frozenset[str]
    marks: frozenset[tuple[object, ...]]
    sources: frozenset[str]


def _mark(one: Timed) -> tuple[object, ...]:
    """A row is a duplicate of another when it states the same time of the same operator and sizes on the same chip."""
    return one.chip, one.operator, one.kind, one.measured_s, *sorted(one.sizes.items())


@lru_cache(maxsize=1)
def _fitted(catalogue: Catalogue) -> _Fitted:
    folds = {row["case_id"]: row["fold"] for _, row in read_csv(SPLIT)}
    ours: Iterable[Timed | Refused] = (one for path in tables() for one in read(catalogue, path))
    took_part = [one for one in ours if isinstance(one, Timed) and folds.get(one.id) == "fit"]
    return _Fitted(
        frozenset(one.id for one in took_part),
        frozenset(_mark(one) for one in took_part),
        frozenset(one.source for one in took_part),
    )
