import pytest

from polysilicon.records.errors import AmbiguousName, UnknownName
from polysilicon.records.names import nearest, plain, resolve

IDS = ["nvidia-h20-96gb", "nvidia-h20-141gb", "nvidia-h200-sxm-141gb", "nvidia-l40s", "amd-mi300x", "amd-mi300a"]
ALIASES = {"昇腾910C": "huawei-ascend-910c", "H200 SXM": "nvidia-h200-sxm-141gb"}


def test_an_id_and_an_alias_mean_themselves_whatever_their_case_and_punctuation() -> None:
    assert resolve("amd-mi300x", IDS, ALIASES, "chip") == "amd-mi300x"
    assert resolve("AMD MI300X", IDS, ALIASES, "chip") == "amd-mi300x"
    assert resolve("h200_sxm", IDS, ALIASES, "chip") == "nvidia-h200-sxm-141gb"
    assert resolve("昇腾910c", IDS, ALIASES, "chip") == "huawei-ascend-910c"


def test_a_part_that_only_one_id_has_is_enough() -> None:
    assert resolve("H200", IDS, ALIASES, "chip") == "nvidia-h200-sxm-141gb"


def test_a_part_that_several_ids_have_is_refused_with_just_those() -> None:
    with pytest.raises(AmbiguousName) as caught:
        resolve("h20", IDS, ALIASES, "chip")
    assert caught.value.allowed == ["nvidia-h20-141gb", "nvidia-h20-96gb"]


def test_a_piece_of_a_part_settles_nothing() -> None:
    with pytest.raises(UnknownName) as caught:
        resolve("l40", IDS, ALIASES, "chip")
    assert caught.value.nearest == ("nvidia-l40s",)
    with pytest.raises(AmbiguousName):
        resolve("mi300", IDS, ALIASES, "chip")


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UnknownName, match="amd-mi300x"):
        resolve("amd-mi30x", IDS, ALIASES, "chip")


@pytest.mark.parametrize("name", ["", "-", "  "])
def test_nothing_means_nothing(name: str) -> None:
    with pytest.raises(UnknownName):
        resolve(name, IDS, ALIASES, "chip")


def test_plain_keeps_letters_of_every_script() -> None:
    assert plain("昇腾 910-C") == "昇腾910c"


def test_nearest_is_empty_when_nothing_looks_alike() -> None:
    assert nearest("zzzzzz", IDS) == []
