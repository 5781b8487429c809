"""Readings that are easy to get wrong: what a name, a presumption, an exception or silence does and does not do."""

import datetime as dt

import pytest

from polysilicon.facts import load
from polysilicon.policy import Transaction, Verdict, described, verdict
from polysilicon.records.errors import InputError

CATALOGUE = load()


def judged(thing: str, on: str, said: dict[str, str] | None = None, kind: str | None = None, **act: str) -> Verdict:
    items = described(CATALOGUE, thing, kind, said or {})
    return verdict(CATALOGUE, items, Transaction.read(act), dt.date.fromisoformat(on), flips=False)


@pytest.mark.parametrize(
    ("party", "permission"),
    [
        ("Oracle", "free"),
        ("ORACLE", "free"),
        ("Oracle Elevators Dubai", "undetermined"),
        ("Example", "licence_case_by_case"),
    ],
)
def test_a_right_belongs_to_the_name_and_not_to_what_contains_it(party: str, permission: str) -> None:
    got = judged("nvidia-h100-sxm-80gb", "2026-08-01", to="AE", party=party, headquarters="AE")
    assert got.permission == permission


def test_a_us_headquarters_in_the_emirates_is_free_only_for_an_ai_company() -> None:
    asked = {"to": "AE", "headquarters": "US", "party": "Example Inc."}
    assert judged("nvidia-h100-sxm-80gb", "2026-08-01", **asked).permission == "undetermined"
    assert judged("nvidia-h100-sxm-80gb", "2026-08-01", **asked, party_kind="AI company").permission == "free"


@pytest.mark.parametrize("role", ["foundry", "Foundry", "fab", "OSAT", "osat"])
def test_a_foundry_ships_what_is_presumed_to_be_for_data_centres(role: str) -> None:
    got = judged("nvidia-rtx-4090", "2025-03-01", {"non_planar": "yes"}, to="CN", exporter_role=role)
    assert got.consequence == "licence_required:presumption_of_denial"


def test_a_role_nobody_knows_is_refused() -> None:
    with pytest.raises(InputError, match="foundry"):
        judged("nvidia-h20-96gb", "2025-03-01", to="CN", exporter_role="foundary")


@pytest.mark.parametrize("end_use", ["military", "military intelligence", "supercomputer"])
def test_the_window_of_2026_is_closed_to_prohibited_end_uses(end_use: str) -> None:
    got = judged("nvidia-h200-sxm-141gb", "2026-02-01", to="CN", exported_from="US", end_use=end_use)
    assert got.consequence == "licence_required:presumption_of_denial"


def test_the_window_of_2026_is_closed_to_parts_that_were_not_on_sale() -> None:
    got = judged("intel-crescent-island", "2026-06-01", to="CN", exported_from="US")
    assert got.consequence == "licence_required:presumption_of_denial"


def test_no_exception_outlives_a_question_of_military_end_use() -> None:
    got = judged("nvidia-rtx-4090", "2025-06-01", to="CN", end_use="military intelligence")
    assert got.consequence == "licence_required:presumption_of_denial"
    assert any("counsel" in one for one in got.conditions)


def test_what_is_printed_and_not_yet_applied_is_shown() -> None:
    got = judged("nvidia-l4", "2026-11-10", to="MY", listed_ownership_pct="60")
    assert any(one.startswith("US-19 is in the text since 2026-11-10, applied from 2027-01-10") for one in got.printed)
    assert any("listed parties" in one for one in judged("nvidia-l4", "2026-11-10", to="MY").presumed)


def test_after_the_truce_what_is_applied_is_unknown() -> None:
    assert judged("nvidia-l4", "2027-01-09", to="MY", listed_ownership_pct="60").permission == "free"
    assert judged("nvidia-l4", "2027-01-10", to="MY", listed_ownership_pct="60").permission == "undetermined"


@pytest.mark.parametrize("name", ["galium", "rare earth magnets", ""])
def test_a_material_that_no_announcement_names_is_not_known_to_be_free(name: str) -> None:
    assert judged(name, "2025-06-01", kind="material", to="US", exported_from="CN").permission == "undetermined"


def test_a_material_without_chinese_origin_is_none_of_chinas() -> None:
    said = {"chinese_origin": "no", "chinese_content_pct": "0"}
    got = judged("graphite", "2027-02-01", said, kind="material", to="DE", exported_from="US")
    assert got.consequence == "no_licence_requirement"


def test_a_duty_that_is_free_either_way_leaves_the_permission_certain() -> None:
    said = {"operation_start": "2026-07-01", "pue": "1.1", "reused_heat_pct": "5", "green_power_pct": "60"}
    got = judged("", "2026-08-01", said, kind="site", to="DE", activity="operate")
    assert got.permission == "licence_denied"
    assert got.undetermined


def test_two_years_are_allowed_to_reach_the_german_limit() -> None:
    said = {
        "operation_start": "2026-07-01",
        "pue": "1.3",
        "reused_heat_pct": "12",
        "green_power_pct": "100",
        "it_kw": "400",
    }
    early, late = (
        judged("", on, said, kind="site", to="DE", activity="operate").permission for on in ("2028-06-30", "2028-07-02")
    )
    assert (early, late) == ("free", "licence_denied")


def test_a_system_is_judged_by_the_chip_in_it() -> None:
    assert judged("dgx-h100", "2026-06-01", to="CN").item_class == "3A090.a"


@pytest.mark.parametrize(
    ("thing", "kind", "said", "act"),
    [
        ("", "site", {}, {"to": "CN", "activity": "export"}),
        ("nvidia-h20-96gb", "memory", {}, {"to": "CN"}),
        ("", "processor", {"die_area_mm2": "0"}, {"to": "CN"}),
        ("nvidia-h20-96gb", None, {}, {"to": "CN", "region": "US-CA"}),
        ("nvidia-h20-96gb", None, {}, {"to": "SG", "listed_ownership_pct": "150"}),
    ],
)
def test_what_can_not_be_meant_is_refused(
    thing: str, kind: str | None, said: dict[str, str], act: dict[str, str]
) -> None:
    with pytest.raises(InputError):
        judged(thing, "2026-06-01", said, kind, **act)


def test_a_stricter_law_is_named_beside_the_one_that_heads_the_verdict() -> None:
    got = judged("nvidia-h100-sxm-80gb", "2025-07-14", to="CN", exported_from="MY")
    assert got.permission == "licence_denied"
    assert "stricter is US export control" in got.words


def test_an_end_use_that_no_rule_speaks_of_is_said_to_be_so() -> None:
    got = judged("nvidia-rtx-4090", "2025-06-01", to="CN", end_use="HPC")
    assert any("no rule speaks of the end use 'HPC'" in one for one in got.presumed)


@pytest.mark.parametrize(("pue", "outcome"), [("1.19", "within"), ("1.2", "within"), ("1.2001", "outside")])
def test_the_german_limit_is_at_most_and_not_below(pue: str, outcome: str) -> None:
    said = {"operation_start": "2026-07-01", "pue": pue, "reused_heat_pct": "20", "green_power_pct": "100"}
    got = judged("", "2028-09-01", {**said, "it_kw": "400"}, kind="site", to="DE", activity="operate")
    assert got.consequence == ("within_site_limits" if outcome == "within" else "site_outside_limits")


@pytest.mark.parametrize(
    ("flop", "cost", "duty"),
    [("1.1e26", "1e8", False), ("1.1e26", "9.9e7", False), ("1.1e26", "1.01e8", True), ("1e26", "1.01e8", False)],
)
def test_new_york_asks_more_than_its_two_lines(flop: str, cost: str, duty: bool) -> None:
    said = {"train_flop": flop, "train_cost_usd": cost}
    act = {"to": "US", "region": "US-NY", "activity": "place_on_market"}
    got = judged("", "2027-01-01", said, kind="model", **act)
    assert (got.consequence == "duty:transparency_and_incidents") is duty
