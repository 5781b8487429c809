from typing import get_args

import pytest

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip, ChipSecurity, Trust
from polysilicon.policy.trust import DEMANDS, FEATURES, SCHEMES, refused, trust
from polysilicon.records.errors import UnknownName
from polysilicon.scenario.shape import Demand


def met(catalogue: Catalogue, chip: str, demand: str) -> str:
    return trust(catalogue, chip, [demand])[0].met


@pytest.mark.parametrize(
    ("chip", "demand", "expected"),
    [
        ("nvidia-h200-sxm-141gb", "attestation", "yes"),
        ("nvidia-a100-sxm-80gb", "attestation", "no"),
        ("nvidia-a100-sxm-80gb", "isolation", "yes"),
        ("nvidia-h200-sxm-141gb", "secure_boot", "undetermined"),
        ("intel-gaudi3", "secure_boot", "yes"),
        ("amd-mi300x", "attestation", "undetermined"),
        ("huawei-ascend-910c", "confidential_computing", "undetermined"),
        ("tesla-dojo-d1", "attestation", "undetermined"),
    ],
)
def test_only_a_document_says_yes_or_no(catalogue: Catalogue, chip: str, demand: str, expected: str) -> None:
    assert met(catalogue, chip, demand) == expected


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_certificate_that_no_source_shows_is_unknown_and_not_absent(catalogue: Catalogue, scheme: str) -> None:
    found = trust(catalogue, "nvidia-h200-sxm-141gb", [scheme])[0]
    assert (found.met, found.standing, found.confidence) == ("undetermined", "unknown", "unknown")


def test_what_nobody_read_borrows_no_confidence(catalogue: Catalogue) -> None:
    assert trust(catalogue, "nvidia-h200-sxm-141gb", ["secure_boot"])[0].confidence == "unverified"
    assert trust(catalogue, "nvidia-h200-sxm-141gb", ["memory_encryption"])[0].confidence == "unknown"


def test_a_profile_refuses_what_is_denied_and_what_is_not_documented(catalogue: Catalogue) -> None:
    a100, h200 = catalogue.get(Chip, "nvidia-a100-sxm-80gb"), catalogue.get(Chip, "nvidia-h200-sxm-141gb")
    assert refused(catalogue, h200, ["attestation", "isolation"], undocumented=False) == ""
    assert refused(catalogue, h200, ["secure_boot"], undocumented=False) == "secure boot: unverified"
    assert refused(catalogue, h200, ["secure_boot"], undocumented=True) == ""
    assert refused(catalogue, a100, ["attestation"], undocumented=True) == "attestation: absent"


def test_a_chip_belongs_to_one_family_whose_words_are_on_record(catalogue: Catalogue) -> None:
    chips = [chip for one in catalogue.every(Trust) for chip in one.chips]
    assert len(chips) == len(set(chips))
    assert set(chips) <= set(catalogue.ids(Chip))
    for one in catalogue.every(Trust):
        words = catalogue.get(ChipSecurity, one.family)
        for feature, field in FEATURES.items():
            assert getattr(words, field) is not None, f"{one.id} {feature}"


def test_a_scenario_can_demand_what_the_room_knows() -> None:
    assert set(get_args(Demand)) == set(DEMANDS)


def test_a_demand_nobody_knows_is_refused_with_the_nearest(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownName, match="attestation"):
        trust(catalogue, "nvidia-h200-sxm-141gb", ["attestations"])
