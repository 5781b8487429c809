"""Names that the user deals with against lists of parties."""

import json

import pytest
from tests.watch.conftest import FLEET

from polysilicon.watch import Limits

LIST = {
    "results": [
        {
            "id": "1",
            "name": "Moore Thread Intelligent Technology (Beijing) Co., Ltd.",
            "source": "Entity List (EL) - Bureau of Industry and Security",
            "addresses": [{"country": "CN"}],
            "license_requirement": "For all items subject to the EAR.",
            "license_policy": "Presumption of denial",
            "federal_register_notice": "88 FR 71992",
        },
        {
            "id": "2",
            "name": "Somebody Else",
            "source": "Specially Designated Nationals (SDN) - Treasury Department",
            "alt_names": ["NOVAMIND SHENZHEN"],
        },
    ]
}
PART = Limits(partial_lists=True)


@pytest.fixture
def csl(feeds):
    (feeds() / "consolidated.json").write_text(json.dumps(LIST))
    return feeds()


def test_a_supplier_and_an_entity_that_are_listed_are_shown_with_their_scores(look, csl):
    found = {one.touches.line: one for one in look(csl, limits=PART).alerts}
    assert set(found) == {"purchases.spring", "entities.cn", "entities.us"}
    supplier = found["purchases.spring"]
    assert (supplier.status, supplier.level) == ("listed", "check")
    assert "likeness 90.9 of 100" in supplier.why
    assert "88 FR 71992" in supplier.why
    assert "review policy: Presumption of denial" in supplier.do
    assert "not legal advice" in supplier.legal
    assert found["entities.cn"].level == "act"  # the very name
    assert "likeness 95.0 of 100" in found["entities.us"].why  # a part of it


def test_a_list_that_is_cut_short_is_refused_unless_told(look, csl):
    seen = look(csl)
    assert seen.alerts == ()
    assert "looks cut short" in seen.faults[0]
    assert len(look(csl, limits=PART).alerts) == 3


def test_a_party_added_to_the_fleet_is_screened_against_what_was_read(look, csl):
    look(csl, limits=PART)
    seen = look(csl, limits=PART, text=FLEET + "parties: [Somebody Else Ltd.]\n")
    assert [one.touches.title for one in seen.alerts] == ["Somebody Else Ltd."]
