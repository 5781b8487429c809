"""The Megatron papers' timed steps, in a table of their own columns."""

import csv
from pathlib import Path

import numpy as np
import pytest

from polysilicon.facts import load
from polysilicon.validation.score import Score
from polysilicon.validation.timed_steps import in_our_words
from polysilicon.validation.training import CASES, validate

TABLE = Path(CASES).with_name("training_calculon.csv")


@pytest.fixture(scope="module")
def scores() -> list[Score]:
    return validate(load(), TABLE)


def test_the_eight_timed_cases_that_calculon_validates_on(scores: list[Score]) -> None:
    errors = [abs(one.error_pct or np.inf) for one in scores if one.case_id.startswith("K22-T5") and one.unit == "s"]
    assert len(errors) == 8
    assert np.mean(errors) < 15, errors


def test_a_step_that_stands_in_our_own_table_too_was_fitted(scores: list[Score]) -> None:
    fitted = {one.case_id: one.fitted for one in scores}
    assert fitted["K22-T5-22B-full"]
    assert not fitted["K22-T5-175B-full"]


def test_a_timed_layer_is_not_a_step(scores: list[Score]) -> None:
    layers = [one for one in scores if "layer" in one.case_id]
    assert layers
    assert all(one.status == "unsupported" and "single layer" in one.why for one in layers)


def test_a_row_of_our_own_form_stays_as_it_is() -> None:
    with Path(CASES).open(encoding="utf-8") as stream:
        row = next(csv.DictReader(stream))
    assert in_our_words(row) == row
