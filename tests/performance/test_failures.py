import math

import pytest

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.facts.reliability import Reliability
from polysilicon.performance import failures
from polysilicon.performance.failures import failures_of
from polysilicon.records.errors import InputError


def test_a_chip_that_was_observed_answers_for_itself(catalogue: Catalogue) -> None:
    one = failures_of(catalogue, "nvidia-h100-sxm-80gb")
    assert one.level == "chip"
    assert one.records == ("imbue-70b-cluster", "llama-3-405b-pretraining")
    seen = [catalogue.get(Reliability, name) for name in one.records]
    between = [record.chip_days / record.interruptions for record in seen]
    assert min(between) < one.chip_days.value < max(between)
    assert one.chip_days.low < min(between) < max(between) < one.chip_days.high


def test_a_chip_nobody_observed_inherits_with_a_wider_interval_and_says_so(catalogue: Catalogue) -> None:
    observed = {one.chip_id: catalogue.get(Chip, one.chip_id) for one in catalogue.every(Reliability)}
    families = {one.family for one in observed.values()}
    classes = {one.device_class for one in observed.values()}
    own = failures_of(catalogue, "nvidia-h100-sxm-80gb")
    levels = set()
    for chip in catalogue.every(Chip):
        if chip.id in observed:
            continue
        one = failures_of(catalogue, chip.id)
        levels.add(one.level)
        assert one.level == (
            "family" if chip.family in families else "class" if chip.device_class in classes else "all"
        )
        assert one.doubtful
        assert one.chip_days.high / one.chip_days.low > own.chip_days.high / own.chip_days.low
        assert "observed on" in str(one)
    assert levels == {"family", "class", "all"}


def test_observations_lie_inside_the_interval_made_without_them(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = []
    every = list(catalogue.every(Reliability))
    for left in every:
        others = [one for one in every if one is not left]

        def reduced(kind: type, others: list[Reliability] = others) -> list[object]:
            return others if kind is Reliability else list(catalogue.every(kind))

        class Without:
            def every(self, kind: type, reduced=reduced) -> list[object]:
                return reduced(kind)

            def get(self, kind: type, name: str) -> object:
                return catalogue.get(kind, name)

        one = failures._observed.__wrapped__(Without(), left.chip_id)
        inside.append(one.chip_days.low <= left.chip_days / left.interruptions <= one.chip_days.high)
    assert sum(inside) >= math.floor(0.85 * len(inside))


def test_a_figure_of_ones_own_is_a_point(catalogue: Catalogue) -> None:
    one = failures_of(catalogue, "nvidia-h100-sxm-80gb", 3000.0)
    assert one.chip_days.low == one.chip_days.high == 3000.0
    assert not one.doubtful
    with pytest.raises(InputError):
        failures_of(catalogue, "nvidia-h100-sxm-80gb", 0.0)
