import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.energy.embodied import (
    carbon_per_area,
    carbon_per_area_kg_per_cm2,
    chip_embodied_kg,
    nodes_of,
    written_off_kg,
)
from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip


def test_a_published_footprint_outranks_the_model_and_several_bound_it(catalogue: Catalogue, today: dt.date) -> None:
    """NVIDIA publishes 164 kg for an H100, Boavizta counts 278 from the bottom up."""
    made = chip_embodied_kg(catalogue, catalogue.get(Chip, "nvidia-h100-sxm-80gb"), today)
    assert made.value == pytest.approx(164.0)
    assert made.low <= 164.0
    assert made.high >= 278.0


def test_without_a_publication_silicon_memory_and_board_are_counted(catalogue: Catalogue, today: dt.date) -> None:
    made = chip_embodied_kg(catalogue, catalogue.get(Chip, "amd-mi300x"), today)
    assert 100.0 < made.value < 600.0
    assert made.low < made.value < made.high


def test_a_chip_without_a_die_area_is_known_only_widely(catalogue: Catalogue, today: dt.date) -> None:
    chip = catalogue.get(Chip, "aws-trainium2")
    assert chip.die_area_mm2 is None
    made = chip_embodied_kg(catalogue, chip, today)
    assert made.known
    assert made.high > 2.0 * made.low


def test_a_chip_without_a_memory_size_keeps_only_its_lower_end(catalogue: Catalogue, today: dt.date) -> None:
    chip = catalogue.get(Chip, "cambricon-mlu590")
    assert chip.memory_gb is None
    made = chip_embodied_kg(catalogue, chip, today)
    assert not made.known
    assert made.low > 0.0


def test_words_name_their_nodes(catalogue: Catalogue) -> None:
    def named(chip: str) -> list[str]:
        return [one.node for one in nodes_of(catalogue, catalogue.get(Chip, chip))]

    assert named("nvidia-a100-sxm-80gb") == ["N7"]
    assert named("amd-mi300x") == ["N5", "N6"]
    assert "N+2" in named("huawei-ascend-910c")
    assert named("nvidia-h100-sxm-80gb") == ["N4/4N/N4P"]


def test_smics_reported_yields_make_its_silicon_dirtier(catalogue: Catalogue, today: dt.date) -> None:
    smic = carbon_per_area(catalogue, catalogue.get(Chip, "huawei-ascend-910c"), today)
    tsmc = carbon_per_area(catalogue, catalogue.get(Chip, "nvidia-a100-sxm-80gb"), today)
    assert smic.high > 2.0 * tsmc.value


def test_a_yield_reported_later_is_not_known_earlier(catalogue: Catalogue) -> None:
    chip = catalogue.get(Chip, "huawei-ascend-910c")
    early, late = (carbon_per_area(catalogue, chip, day) for day in (dt.date(2023, 1, 1), dt.date(2026, 11, 24)))
    assert early.high != late.high


def test_every_chips_footprint_keeps_its_ends_in_order(catalogue: Catalogue, today: dt.date) -> None:
    for chip in catalogue.every(Chip):
        made = chip_embodied_kg(catalogue, chip, today)
        assert 0.0 <= made.low <= made.high
        assert not made.known or made.low <= made.value <= made.high, chip.id


@given(*[st.floats(0.0, 1e3)] * 4, st.floats(0.05, 1.0), st.floats(0.05, 1.0))
def test_a_better_yield_never_makes_silicon_dirtier(
    grid: float, energy: float, gas: float, materials: float, one: float, other: float
) -> None:
    worse, better = sorted((one, other))
    made = [carbon_per_area_kg_per_cm2(grid, energy, gas, materials, share) for share in (worse, better)]
    assert made[0] >= made[1] >= 0.0


def test_over_its_life_everything_is_written_off() -> None:
    assert written_off_kg(1000.0, 5.0 * 8760.0, 5.0) == pytest.approx(1000.0)
