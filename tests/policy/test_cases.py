import pytest

from polysilicon.facts import Catalogue
from polysilicon.policy import judge
from polysilicon.policy.cases import COLUMNS, read_case
from polysilicon.records.errors import Place

PLACE = Place("cases.csv", 2)


def row(**said: str) -> dict[str, str]:
    return {**dict.fromkeys(COLUMNS, ""), "chip": "hyp", "date": "2025-06-01", "to": "any", **said}


@pytest.mark.parametrize(
    ("vendor", "country"),
    [
        ("Alibaba", "CN"),
        ("T-Head", "CN"),
        ("kunlunxin", "CN"),
        ("Meta", "US"),
        ("MetaX", "CN"),
        ("various", ""),
        ("", ""),
    ],
)
def test_a_designer_is_known_by_any_whole_word_of_its_name(catalogue: Catalogue, vendor: str, country: str) -> None:
    assert read_case(catalogue, row(vendor=vendor), PLACE).items.designer[0] == country


def test_a_part_of_a_chinese_designer_is_judged_as_one(catalogue: Catalogue) -> None:
    case = read_case(catalogue, row(vendor="Baidu", tpp="5520", datacenter_marketed="Yes"), PLACE)
    found = judge(catalogue, case.items, case.transaction, case.on)
    assert (found.item_class[0], found.consequence[0]) == ("3A090.a parameters", "GP10_presumption")
