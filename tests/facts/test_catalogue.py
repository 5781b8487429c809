import subprocess
import sys

import pytest

from polysilicon.facts import load
from polysilicon.facts.catalogue import require
from polysilicon.facts.compiler import cited_by
from polysilicon.facts.hardware import Chip, SoftwareStack, System
from polysilicon.facts.kinds import KINDS
from polysilicon.facts.money import Price
from polysilicon.facts.places import Region
from polysilicon.facts.record import LOW_CONFIDENCE, MEMORY
from polysilicon.records.errors import AmbiguousName, InputError, UnknownName

catalogue = load()


def test_the_given_tables_are_all_here() -> None:
    kinds = {Chip: 164, System: 66, Region: 88, Price: 477}
    assert all(len(catalogue.ids(kind)) >= count for kind, count in kinds.items())


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_record_cites_a_publication_that_is_here(kind) -> None:  # type: ignore[no-untyped-def]
    for record in catalogue.every(kind.record):
        assert record.sources
        assert cited_by(record) <= catalogue.sources().keys()


def test_every_publication_has_a_title_a_publisher_and_the_day_it_was_read() -> None:
    for source in catalogue.sources().values():
        assert source.title
        assert source.publisher
        assert source.read


@pytest.mark.parametrize(
    ("name", "chip"),
    [
        ("nvidia-h20-96gb", "nvidia-h20-96gb"),
        ("H100 SXM", "nvidia-h100-sxm-80gb"),
        ("mi300x", "amd-mi300x"),
        ("L40", "nvidia-l40"),
        ("L40S", "nvidia-l40s"),
        ("昇腾910C", "huawei-ascend-910c"),
        ("寒武纪MLU590", "cambricon-mlu590"),
        ("Huawei Ascend 910B (Atlas 900 A2 PODc)", "huawei-ascend-910b2"),
    ],
)
def test_a_chip_answers_to_the_names_people_use(name: str, chip: str) -> None:
    assert catalogue.get(Chip, name).id == chip


def test_a_short_name_of_two_chips_is_refused_with_both() -> None:
    with pytest.raises(AmbiguousName) as caught:
        catalogue.get(Chip, "h20")
    assert caught.value.allowed == ["nvidia-h20-141gb", "nvidia-h20-96gb"]


@pytest.mark.parametrize("name", ["Ascend 910B", "H100", "L4S", "nvidia"])
def test_a_name_that_could_be_another_part_settles_nothing(name: str) -> None:
    with pytest.raises((AmbiguousName, UnknownName)):
        catalogue.get(Chip, name)


def test_a_value_from_memory_says_so_and_borrows_no_source() -> None:
    origin = catalogue.get(Chip, "huawei-ascend-910c").origin("tdp_w")
    assert (origin.confidence, origin.sources) == ("unverified", (MEMORY,))


def test_a_conflict_keeps_the_other_value_with_its_source() -> None:
    others = catalogue.get(Chip, "huawei-ascend-910c").also["bf16_tflops"]
    assert 752 in [one.value for one in others]
    assert all(one.sources for one in others)


def test_a_basis_shares_the_origin_of_the_value_it_describes() -> None:
    region = catalogue.get(Region, "us-va-ashburn")
    assert region.origin("price_basis") == region.origin("electricity_usd_per_kwh")
    assert region.origin("price_basis").sources != region.sources


def test_every_chip_has_a_family_and_every_system_its_chip() -> None:
    assert all(chip.family for chip in catalogue.every(Chip))
    for system in catalogue.every(System):
        assert system.chip_id is None or catalogue.get(Chip, system.chip_id).id == system.chip_id


def test_a_porting_effort_that_no_source_gives_is_unknown() -> None:
    assert all(stack.porting_effort_person_months is None for stack in catalogue.every(SoftwareStack))


def test_a_number_that_is_needed_and_unknown_says_how_to_give_it() -> None:
    chip = catalogue.get(Chip, "amd-mi455x")
    with pytest.raises(InputError, match=r"chips: \{amd-mi455x: \{tdp_w"):
        require(chip, "tdp_w")


def test_reading_one_fact_pulls_in_no_yaml_and_no_numpy() -> None:
    code = (
        "import sys; from polysilicon.facts import load; from polysilicon.facts.hardware import Chip;"
        "load().get(Chip, 'H100 SXM'); sys.exit(any(one in sys.modules for one in ('yaml', 'numpy', 'scipy')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_record_is_unpacked_once() -> None:
    assert catalogue.get(Chip, "amd-mi300x") is catalogue.get(Chip, "MI300X")


@pytest.mark.parametrize("kind", [Chip, System])
def test_a_price_is_graded_by_its_own_basis_and_not_by_its_record(kind: type[Chip] | type[System]) -> None:
    for one in catalogue.every(kind):
        grade, basis = one.origin("price_usd").confidence, (one.price_basis or "").casefold()
        if one.price_usd is not None and "estimate" in basis:
            assert grade in LOW_CONFIDENCE, one.id
        if one.price_usd is not None and ("press" in basis or "street" in basis):
            assert grade not in ("datasheet", "official"), one.id
