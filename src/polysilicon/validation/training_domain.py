"""How far the measured cases of training reach, written down as records that `performance.domain` reads.

Cases count that validation compares with a prediction and that a fit may use: plausible, fully specified, of quality A
or B, with a time. What a row says of itself counts as it is predicted: a choice that the comparison leaves out is none.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.performance import domain
from polysilicon.performance.pipeline import model_flop_per_s_per_chip
from polysilicon.performance.training import peak_flop_per_s, utilisation_pct
from polysilicon.validation.training_cases import Prepared, jobs_of
from polysilicon.validation.training_measures import measured_step_s, usable


def domains(catalogue: Catalogue, made: Sequence[Prepared]) -> dict[str, dict[str, Any]]:
    """The records by id: of all chips, of each family, and of each chip."""
    used = [one for one in made if usable(one)]
    job, cluster, _ = jobs_of(catalogue, used)
    asked = domain.Asked(job.shape, job.sequence, job.layouts, job.recipe)
    step = np.array([measured_step_s(one) for one in used])
    flop = job.shape.training_flop_per_token(job.reach, frozen=job.recipe.frozen)
    useful = model_flop_per_s_per_chip(step, flop, job.global_batch, job.sequence, job.layouts.chips)
    mfu = np.asarray(utilisation_pct(useful, peak_flop_per_s(cluster, job.layouts)))
    chips = [catalogue.get(Chip, one.cluster.chip) for one in used if one.cluster]
    records = {"training-cases-all": _record("all", "all", asked, mfu, np.ones(len(used), bool))}
    for family in sorted({one.family for one in chips} - {""}):
        mine = np.array([one.family == family for one in chips])
        records[f"training-cases-{family}"] = _record("family", family, asked, mfu, mine)
    for name in sorted({one.id for one in chips}):
        mine = np.array([one.id == name for one in chips])
        whole = _record("chip", name, asked, mfu, mine)
        records[f"training-cases-{name}"] = {
            key: value for key, value in whole.items() if key not in ("reach", "choices")
        }
    return records


def _record(
    level: str, applies_to: str, asked: domain.Asked, mfu: NDArray[np.float64], mine: NDArray[np.bool_]
) -> dict[str, Any]:
    amounts, choices = domain.columns(asked)
    counts = {name: int(np.count_nonzero(mask & mine)) for name, mask in choices.items()}
    ran = np.array(domain.ran_as(asked))
    return {
        "from": ["training-measurements"],
        "confidence": "measured",
        "room": "training",
        "level": level,
        "applies_to": applies_to,
        "cases": int(np.count_nonzero(mine)),
        "reach": {name: [float(end(values[mine])) for end in (np.min, np.max)] for name, values in amounts.items()},
        "choices": {name: count for name, count in counts.items() if count},
        "best_mfu_pct": {str(what): float(np.max(mfu[mine & (ran == what)])) for what in np.unique(ran[mine])},
    }
