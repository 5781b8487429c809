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


def errors_pct(scores: list[Score], validated: bool) -> dict[str, float]:
    return {
        one.case_id: one.error_pct or 0.0
        for one in scores
        if one.quantity == "step_time_s" and one.case_id.startswith("K22-T5") == validated
    }


def test_the_eight_cases_that_calculon_validates_on_are_closer_than_its_own(scores: list[Score]) -> None:
    errors = np.abs(list(errors_pct(scores, validated=True).values()))
    assert len(errors) == 8
    assert np.mean(errors) <= 3.65, errors


def test_the_nine_further_cases_hold_with_the_same_parameters(scores: list[Score]) -> None:
    errors = np.abs(list(errors_pct(scores, validated=False).values()))
    assert len(errors) == 9
    assert np.mean(errors) <= 5.0, errors


def test_sequence_parallelism_has_the_sign_that_was_measured(scores: list[Score]) -> None:
    times = {one.case_id: one for one in scores if one.quantity == "step_time_s"}
    for recompute in ("none", "selective"):
        without, cut = (times[f"K22-T4-22B-layer-{recompute}-{sp}"] for sp in ("nosp", "sp"))
        assert (cut.predicted < without.predicted) == (cut.measured < without.measured)


def test_a_step_that_stands_in_our_own_table_too_was_fitted(scores: list[Score]) -> None:
    fitted = {one.case_id: one.fitted for one in scores}
    assert fitted["K22-T5-22B-full"]
    assert not fitted["K22-T5-175B-full"]


def test_a_timed_layer_has_neither_head_nor_optimizer(scores: list[Score]) -> None:
    layers = [one for one in scores if "layer" in one.case_id]
    assert len(layers) == 5
    assert all(one.status == "ok" and abs(one.error_pct or np.inf) < 5.0 for one in layers)


def test_a_row_of_our_own_form_stays_as_it_is() -> None:
    with Path(CASES).open(encoding="utf-8") as stream:
        row = next(csv.DictReader(stream))
    assert in_our_words(row) == row
