import pytest

from polysilicon.facts import load
from polysilicon.performance.efficiency import efficiency_of


def test_a_chip_that_was_never_measured_has_the_pace_and_the_interval_of_its_silicon():
    stranger, known = (
        efficiency_of(load(), chip, "training") for chip in ("nvidia-h800-sxm-80gb", "nvidia-h100-sxm-80gb")
    )
    assert "training-nvidia-h800-sxm-80gb" not in stranger.records
    assert "training-silicon-hopper-132" in stranger.records
    assert (stranger.low_ratio, stranger.high_ratio) == (known.low_ratio, known.high_ratio)
    assert stranger["pace"] == pytest.approx(known["pace"], rel=0.1)


def test_a_chip_whose_silicon_was_never_measured_has_the_wider_interval_of_its_family():
    stranger, known = (efficiency_of(load(), chip, "training") for chip in ("nvidia-h20-96gb", "nvidia-h100-sxm-80gb"))
    assert "training-family-hopper" in stranger.records
    assert stranger.high_ratio / stranger.low_ratio > known.high_ratio / known.low_ratio
