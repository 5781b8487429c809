import pytest

from polysilicon.facts import load
from polysilicon.facts.hardware import Chip
from polysilicon.planning.legality import Ruling, margin, rulings, undetermined
from polysilicon.policy import Verdict, verdict
from polysilicon.records.dates import Quarter
from polysilicon.scenario import Entity

QUARTERS = [Quarter(2026, 4) + step for step in range(4)]
CHINESE = Entity(name="Shenzhen", headquarters="CN", ultimate_parent="CN")
AMERICAN = Entity(name="California", headquarters="US", ultimate_parent="US", ai_company=True)
OTHER_AMERICAN = Entity(name="Nevada", headquarters="US", ultimate_parent="US")
OWNED = Entity(name="Subsidiary", headquarters="US", ultimate_parent="CN")


def ruling(chip: str, country: str, entity: Entity) -> Ruling:
    catalogue = load()
    found = rulings(catalogue, [catalogue.get(Chip, chip)], country, entity, QUARTERS, ("free", "exception"))
    return found[chip]


@pytest.mark.parametrize(
    ("chip", "country", "entity", "lawful"),
    [
        ("nvidia-b300-sxm", "US", AMERICAN, True),
        ("nvidia-b300-sxm", "MY", AMERICAN, True),
        ("nvidia-b300-sxm", "AE", AMERICAN, True),
        ("nvidia-b300-sxm", "AE", OTHER_AMERICAN, False),
        ("nvidia-b300-sxm", "CN", CHINESE, False),
        ("nvidia-h20-96gb", "CN", CHINESE, False),
        ("huawei-ascend-910c", "CN", CHINESE, True),
        ("huawei-ascend-910c", "US", AMERICAN, False),
        ("huawei-ascend-910c", "MY", AMERICAN, False),
        # The parent's headquarters count wherever the company sits: 15 CFR 744.23(a)(3).
        ("nvidia-b300-sxm", "MY", OWNED, False),
        ("nvidia-b300-sxm", "AE", OWNED, False),
    ],
)
def test_what_may_be_planned_on(chip: str, country: str, entity: Entity, lawful: bool) -> None:
    assert ruling(chip, country, entity).accepted.all() == lawful


def test_law_after_the_day_it_was_read_is_carried_forward_and_says_so() -> None:
    assert ruling("nvidia-b300-sxm", "US", AMERICAN).assumed.any()


def told(chip: str, country: str, entity: Entity) -> Verdict:
    catalogue = load()
    return verdict(catalogue, catalogue.get(Chip, chip), ruling(chip, country, entity).act[0], QUARTERS[0].first_day)


def test_a_line_that_changes_nothing_is_no_margin() -> None:
    assert margin(load(), told("nvidia-b300-sxm", "US", AMERICAN)) == ""


def test_a_margin_is_told_in_words() -> None:
    said = margin(load(), told("amd-mi300x", "CN", CHINESE))
    assert "TPP" in said
    assert "licence" in said
    assert "_" not in said


def test_undetermined_law_says_why() -> None:
    assert "no source gives" in undetermined(told("metax-c550", "AE", AMERICAN))
    said = undetermined(told("nvidia-h200-sxm-141gb", "CN", CHINESE))
    assert "import" in said
    assert said.startswith("the law is undetermined: ")
