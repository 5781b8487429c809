"""What a holding does in the eyes of the law, and which places of a code a citation names."""

import datetime as dt

import pytest
from tests.watch.conftest import FLEET

from polysilicon.watch.acts import acts, meets, opinions, places_in


def test_a_part_from_elsewhere_is_exported_and_imported(fleet):
    found = {one.key: [act.activity for act in acts(one)] for one in fleet().every}
    assert found["purchase:spring"] == ["export", "import"]
    assert found["asset:trainer"] == ["use"]
    assert found["site:sf"] == ["operate"]
    assert found["party:us"] == []


def test_an_owner_and_its_parent_are_both_asked_for(fleet):
    text = FLEET.replace("headquarters: CN}", "headquarters: SG, ultimate_parent: CN}")
    spring = next(one for one in fleet(text).every if one.key == "purchase:spring")
    assert {act.headquarters for act in acts(spring)} == {"SG", "CN"}


def test_no_law_that_was_read_is_no_opinion(fleet):
    holdings = fleet()
    spring = next(one for one in holdings.every if one.key == "purchase:spring")
    assert opinions(holdings.catalogue, spring, dt.date(1990, 1, 1)) == ()
    assert len(opinions(holdings.catalogue, spring, dt.date(2027, 2, 1))) == 2


@pytest.mark.parametrize(
    ("citation", "places"),
    [
        ("91 FR 1684; 15 CFR 742.6(b)(10)(iii); 15 CFR 748 Supp. 2 (dd)", {"15 CFR 742.6", "15 CFR 748 Supp. 2"}),
        ("15 CFR 740.2 and 740.8 (where part 744 asks for a licence)", {"15 CFR 740.2", "15 CFR 740.8"}),
        ("15 CFR 736.2(b)(10), 764.2(e)", {"15 CFR 736.2", "15 CFR 764.2"}),
        ("a letter", set()),
    ],
)
def test_a_citation_names_places(citation, places):
    assert places_in(citation) == places


@pytest.mark.parametrize(
    ("place", "cited", "found"),
    [
        ("15 CFR 742", "15 CFR 742.6", True),
        ("15 CFR 742.6", "15 CFR 742", True),
        ("15 CFR 742.6", "15 CFR 742.6", True),
        ("15 CFR 744.11", "15 CFR 744.23", False),
        ("15 CFR 774 Supp. 1", "15 CFR 774", True),
        ("15 CFR 774 Supp. 1", "15 CFR 774 Supp. 2", False),
        ("15 CFR 74", "15 CFR 742", False),
    ],
)
def test_a_change_bears_on_the_same_place_or_a_part_of_it(place, cited, found):
    assert meets(place, cited) is found


def test_a_model_is_trained_and_placed_on_markets_and_a_site_is_operated(fleet):
    text = FLEET.replace(
        "entity: us, country: US", "entity: us, country: DE, pue: 1.4, building: {operation_start: 2027-07-01}", 1
    )
    text += "models: {muse: {entity: us, training_flop: 3.0e25, offered_in: [FR]}}\n"
    holdings = fleet(text)
    by_key = {one.key: one for one in holdings.every}
    muse = opinions(holdings.catalogue, by_key["model:muse"], dt.date(2026, 11, 20))
    assert [one.judged.act.partition(",")[0] for one in muse] == ["train in US", "place on market in FR"]
    assert muse[1].verdict.consequence != "no_duty"  # above the threshold of the AI Act
    hall = opinions(holdings.catalogue, by_key["site:sf"], dt.date(2027, 8, 1))
    assert [one.judged.act.partition(",")[0] for one in hall] == ["operate in DE"]
    assert hall[0].verdict.consequence != "within_site_limits"
