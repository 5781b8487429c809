import datetime as dt

import numpy as np
import pytest

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.policy import Items
from polysilicon.policy.items import named
from polysilicon.records.errors import InputError


@pytest.mark.parametrize(
    ("label", "wanted", "found"),
    [
        ("nvidia-h20-96gb | H20 SXM 96GB", "H20", True),
        ("nvidia-h200-sxm-141gb | H200 SXM", "H20", False),
        ("nvidia-gh200-144gb", "H200", False),
        ("RTX Pro 6000D", "rtx-pro-6000d", True),
        ("RTX Pro 6000 Blackwell Server", "RTX Pro 6000D", False),
        ("Ascend | 910B", "Ascend 910B", False),
        ("A1000", "A100", False),
        ("ByteDance/Alibaba/Tencent", "Alibaba", True),
        ("research and R&D", "R&D", True),
        ("third-party", "R&D", False),
    ],
)
def test_a_name_is_found_as_whole_words(label: str, wanted: str, found: bool) -> None:
    assert named(label, [wanted]) is found


def test_chips_become_columns(catalogue: Catalogue) -> None:
    items = Items.from_chips(catalogue, ["nvidia-h20-96gb", catalogue.get(Chip, "huawei-ascend-910d")])
    assert len(items) == 2
    assert items.vendor[0] == "NVIDIA"
    assert items.designer[1] == "CN"
    assert items.fields["die_area_mm2"].lo[0] == 814.0
    assert np.isinf(items.fields["die_area_mm2"].hi[1])


def test_a_figure_from_memory_is_never_a_point(catalogue: Catalogue) -> None:
    chip = catalogue.get(Chip, "google-tpu-v4")
    assert chip.origin("die_area_mm2").confidence == "unverified"
    area = Items.from_chips(catalogue, [chip]).fields["die_area_mm2"]
    assert area.lo[0] < chip.die_area_mm2 < area.hi[0]  # type: ignore[operator]


def test_rows_can_be_taken_in_any_order() -> None:
    items = Items.from_columns({"tpp": [1.0, 2.0, 3.0]}, vendor=["a", "b", "c"], datacenter=[True, None, False])
    taken = items.take([2, 0])
    assert list(taken.fields["tpp"].lo) == [3.0, 1.0]
    assert [taken.vendor[0], taken.vendor[1]] == ["c", "a"]
    assert list(taken.flag("datacenter").possibly) == [False, True]


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(InputError, match="tpp is negative"):
        Items.from_columns({"tpp": [-1.0]})


def test_a_chip_is_available_from_a_day_as_vague_as_its_date(catalogue: Catalogue) -> None:
    """A month spans its days; what is not sold came no earlier than that was read, and may never come."""
    chips = ["nvidia-h200-sxm-141gb", "nvidia-rubin"]
    month, unsold = (Items.from_chips(catalogue, [one]).fields["available"] for one in chips)
    assert dt.date.fromordinal(int(month.lo[0])).strftime("%Y-%m-%d") == catalogue.get(Chip, chips[0]).available + "-01"
    assert month.hi[0] - month.lo[0] in (27, 28, 29, 30)
    read = [catalogue.source(key).read for key in catalogue.get(Chip, chips[1]).origin("status").sources]
    assert dt.date.fromordinal(int(unsold.lo[0])).isoformat() == min(read)
    assert np.isposinf(unsold.hi[0])
