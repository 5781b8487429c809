"""The recorded domain is that of the measured cases."""

from typing import Any

import numpy as np
import yaml

from polysilicon.facts import load
from polysilicon.facts.hardware import Chip
from polysilicon.facts.index import DATA
from polysilicon.performance.domain import Asked, outside
from polysilicon.validation.training import CASES
from polysilicon.validation.training_cases import jobs_of, prepare
from polysilicon.validation.training_domain import domains
from polysilicon.validation.training_measures import usable
from polysilicon.validation.training_table import read_cases

CATALOGUE = load()
MADE = [prepare(CATALOGUE, case) for case in read_cases(CASES)]


def rounded(one: Any) -> Any:
    """To nine digits: the last ones differ from machine to machine."""
    if isinstance(one, dict):
        return {name: rounded(value) for name, value in one.items()}
    if isinstance(one, list):
        return [rounded(value) for value in one]
    return float(f"{one:.9g}") if isinstance(one, float) else one


def test_the_record_is_current() -> None:
    recorded = yaml.safe_load((DATA / "domains" / "training.yaml").read_text(encoding="utf-8"))
    assert rounded(recorded) == rounded(domains(CATALOGUE, MADE)), "run scripts/record_domain.py"


def test_no_measured_case_lies_outside() -> None:
    used = [one for one in MADE if usable(one)]
    job, _, _ = jobs_of(CATALOGUE, used)
    for chip in {one.cluster.chip for one in used if one.cluster}:
        mine = np.array([one.cluster is not None and one.cluster.chip == chip for one in used])
        shape = type(job.shape)(**{name: value[mine] for name, value in vars(job.shape).items()})
        recipe = type(job.recipe)(**{n: v[mine] if np.ndim(v) else v for n, v in vars(job.recipe).items()})
        told = outside(CATALOGUE, chip, Asked(shape, job.sequence[mine], job.layouts.take(mine), recipe), 0.0)
        assert not any(told), chip


def test_cases_of_chips_sum_to_those_of_all_and_of_families() -> None:
    found = domains(CATALOGUE, MADE)
    chips = {name: one for name, one in found.items() if one["level"] == "chip"}
    assert sum(one["cases"] for one in chips.values()) == found["training-cases-all"]["cases"]
    for family in (one for one in found.values() if one["level"] == "family"):
        kin = [one["cases"] for one in chips.values() if family_of(one["applies_to"]) == family["applies_to"]]
        assert sum(kin) == family["cases"]


def family_of(chip: str) -> str:
    return CATALOGUE.get(Chip, chip).family
