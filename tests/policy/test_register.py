import datetime as dt

import pytest

from polysilicon.facts import Catalogue
from polysilicon.facts.law import Event, Rule
from polysilicon.policy import Items, Transaction
from polysilicon.policy.register import called, changes, proposals, register, spoken, standing, timeline
from polysilicon.records.errors import InputError, UnknownName

CHINA = Transaction("CN")


def test_the_register_holds_every_provision_and_says_when_each_speaks(catalogue: Catalogue) -> None:
    whole = register(catalogue, None, "enforced")
    assert len(whole) == len(catalogue.ids(Rule)) + len(catalogue.ids(Event))
    today = register(catalogue, dt.date(2024, 12, 15), "text", regime="us-export").columns["id"]
    assert "US-08" in today
    assert "US-08" not in register(catalogue, dt.date(2024, 12, 15), "enforced", regime="us-export").columns["id"]


def test_the_register_can_be_searched_by_what_a_provision_says(catalogue: Catalogue) -> None:
    assert register(catalogue, None, "enforced", text="Affiliates").columns["id"] == ["US-19", "US-19-2025"]


def test_a_search_without_a_find_says_which_regimes_there_are(catalogue: Catalogue) -> None:
    with pytest.raises(InputError, match="us-export"):
        register(catalogue, None, "enforced", regime="us-exprot")


def test_a_provision_is_called_by_its_id(catalogue: Catalogue) -> None:
    assert called(catalogue, "US-17").id == "US-17"
    assert called(catalogue, "US-24-SAFE").id == "US-24-SAFE"
    with pytest.raises(UnknownName, match="did you mean US-1"):
        called(catalogue, "US-177")


def test_no_proposal_is_in_force(catalogue: Catalogue) -> None:
    ids = set(proposals(catalogue).columns["id"])
    assert "US-24-GAIN" in ids
    assert not ids & set(register(catalogue, None, "text").columns["id"])


@pytest.mark.parametrize(
    ("name", "on", "view", "expected"),
    [
        ("US-10", "2025-01-12", "text", "not yet"),
        ("US-10", "2025-01-13", "text", "in force"),
        ("US-10", "2025-05-13", "text", "printed, not enforced"),
        ("US-10", "2025-05-14", "enforced", "not yet"),
        ("US-10", "2025-05-15", "enforced", "printed, not enforced"),
        ("US-02", "2023-11-16", "enforced", "in force"),
        ("US-02", "2023-11-17", "enforced", "ended"),
    ],
)
def test_where_a_provision_stands(catalogue: Catalogue, name: str, on: str, view: str, expected: str) -> None:
    assert standing(catalogue.get(Rule, name), dt.date.fromisoformat(on), view) == expected  # type: ignore[arg-type]


def test_a800_and_h800_change_class_when_the_second_rule_takes_effect(catalogue: Catalogue) -> None:
    found = changes(catalogue, dt.date(2023, 11, 16), dt.date(2023, 11, 18), "enforced", [CHINA])
    moved = {one.chip: (one.before, one.after) for one in found.classes}
    for chip in ("nvidia-a800-sxm-80gb", "nvidia-a800-pcie-80gb", "nvidia-h800-sxm-80gb"):
        assert moved[chip] == ("not_3A090", "3A090.a")
    assert moved["nvidia-a100-sxm-80gb"] == ("3A090(2022)", "3A090.a")
    assert "nvidia-h20-96gb" not in moved
    assert {"US-03a", "US-03b", "US-05"} <= {one.id for one in found.began}
    assert {"US-02", "US-03c"} <= {one.id for one in found.ended}


def test_nothing_changes_between_a_day_and_itself(catalogue: Catalogue) -> None:
    found = changes(catalogue, dt.date(2025, 6, 1), dt.date(2025, 6, 1), "enforced", [CHINA])
    assert not any((found.began, found.ended, found.classes, found.outcomes, found.groups, found.definitions))


def test_a_country_that_changes_groups_is_told(catalogue: Catalogue) -> None:
    found = changes(catalogue, dt.date(2026, 7, 9), dt.date(2026, 7, 10), "enforced", [Transaction("AE")])
    assert found.groups == ("A:5: gains AE", "D:4: loses AE")
    assert {"US-21"} <= {one.id for one in found.began}


def test_an_act_of_which_no_law_was_read_is_told_and_not_free(catalogue: Catalogue) -> None:
    act = Transaction("CN", activity="import")
    found = changes(catalogue, dt.date(2023, 1, 1), dt.date(2023, 2, 1), "enforced", [act])
    assert "so early a day" in found.unheard[0]


def test_days_in_the_wrong_order_are_refused(catalogue: Catalogue) -> None:
    with pytest.raises(InputError, match="before the first"):
        changes(catalogue, dt.date(2025, 1, 2), dt.date(2025, 1, 1), "enforced", [])
    with pytest.raises(InputError, match="before the first"):
        timeline(
            catalogue,
            Items.from_chips(catalogue, ["nvidia-h20-96gb"]),
            CHINA,
            dt.date(2025, 1, 2),
            dt.date(2025, 1, 1),
            "text",
        )


def test_a_verdict_over_time_covers_every_day_once_and_names_what_turned_it(catalogue: Catalogue) -> None:
    items = Items.from_chips(catalogue, ["nvidia-a800-sxm-80gb"])
    spans = timeline(catalogue, items, CHINA, dt.date(2022, 1, 1), dt.date(2024, 1, 1), "enforced")
    assert [one.begins for one in spans[1:]] == [one.ends for one in spans[:-1]]
    assert (spans[0].begins, spans[-1].ends) == (dt.date(2022, 1, 1), dt.date(2024, 1, 1))
    turned = {one.begins.isoformat(): one for one in spans}
    assert "US-03c" in turned["2023-10-23"].turned_by
    assert {"US-03a", "US-03-licence"} <= set(turned["2023-11-17"].turned_by)
    assert turned["2023-11-17"].item_class == "3A090.a"


def test_law_carried_forward_is_a_span_of_its_own(catalogue: Catalogue) -> None:
    items = Items.from_chips(catalogue, ["nvidia-h20-96gb"])
    spans = timeline(catalogue, items, CHINA, dt.date(2026, 6, 1), dt.date(2027, 6, 1), "enforced")
    assert [one.assumed for one in spans] == [False, True]
    assert spans[1].begins == dt.date(2026, 10, 10)


def test_an_act_is_spoken_in_few_words() -> None:
    assert spoken(Transaction("CN", exported_from="US", party="X")) == "export to CN, from US, party X"
