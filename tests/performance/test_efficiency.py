"""The share of its peaks that a chip reaches: what is assumed where no fit says, and what a fit says instead."""

import pytest

from polysilicon.facts import load
from polysilicon.facts.efficiency import Fit
from polysilicon.facts.money import Assumption
from polysilicon.performance.efficiency import ASSUMED, efficiency_of
from polysilicon.records.document import parse_yaml

CATALOGUE = load()
CHIP = "google-tpu-v6e"


@pytest.mark.parametrize(("parameter", "assumption"), ASSUMED.items())
def test_what_serving_assumes_is_a_record_and_of_no_other_room(parameter: str, assumption: str) -> None:
    fitted = any(parameter in one.parameters for one in CATALOGUE.every(Fit) if one.room == "serving")
    value = efficiency_of(CATALOGUE, CHIP, "serving")[parameter]
    assert fitted or value == CATALOGUE.get(Assumption, assumption).value
    assert parameter not in efficiency_of(CATALOGUE, CHIP, "training").parameters


@pytest.mark.parametrize("parameter", ASSUMED)
def test_a_fit_stands_before_what_is_assumed(parameter: str) -> None:
    said = f"confidence: measured, room: serving, level: chip, applies_to: {CHIP}, parameters: {{{parameter}: 3.0}}"
    own = CATALOGUE.overlaid(parse_yaml(f"efficiency: {{mine: {{{said}}}}}", "mine.yaml"))
    assert efficiency_of(own, CHIP, "serving")[parameter] == 3.0
