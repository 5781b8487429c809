import datetime as dt
import itertools

import pytest

from polysilicon.facts import Catalogue
from polysilicon.facts.law import Consequence, Event, Group, Jurisdiction, Regime, Rule, Then
from polysilicon.policy import in_force, rules_in_force
from polysilicon.policy.law import PERMISSIONS, law_of
from polysilicon.records.dates import day
from polysilicon.records.document import parse_yaml
from polysilicon.records.errors import InputError, UnknownName


def what_if(**fields: object) -> Rule:
    plain: dict[str, object] = {
        "id": "what-if",
        "sources": ("user",),
        "confidence": "estimate",
        "regime": "us-export",
        "stage": "review",
        "instrument": "what if",
        "citation": "scenario",
        "effective": "2026-01-01",
    }
    return Rule(**(plain | fields))  # type: ignore[arg-type]


def test_every_provision_cites_and_dates_itself_in_order(catalogue: Catalogue) -> None:
    for one in (*catalogue.every(Rule), *catalogue.every(Event)):
        assert one.citation, one.id
        assert one.sources, one.id
        day(one.effective)
        if one.until:
            assert one.effective < one.until, one.id
        if isinstance(one, Rule):
            if one.released and one.published:
                assert one.released <= one.published, one.id
            if one.compliance:
                assert one.effective <= one.compliance, one.id


def test_every_stage_gives_what_it_is_for(catalogue: Catalogue) -> None:
    for one in (*catalogue.every(Rule), *catalogue.every(Event)):
        if one.stage == "classification":
            assert one.then.item_class, one.id
            assert one.then.consequence is None, one.id
        else:
            assert one.then.item_class is None, one.id
            assert one.then.consequence or one.stage in ("requirement", "notice"), one.id
            assert one.stage != "notice" or one.then == Then(), one.id


def test_what_each_rule_names_is_known_on_every_day_it_changes(catalogue: Catalogue) -> None:
    days = {one.effective for one in (*catalogue.every(Rule), *catalogue.every(Event))}
    days |= {one.until for one in (*catalogue.every(Rule), *catalogue.every(Event)) if one.until}
    for text in days:
        for view in ("enforced", "text"):
            law_of(catalogue, day(text), view)  # type: ignore[arg-type]


def test_regimes_and_consequences_are_closed_lists(catalogue: Catalogue) -> None:
    regimes = {one.id: one for one in catalogue.every(Regime)}
    known = set(catalogue.ids(Consequence))
    for one in (*catalogue.every(Rule), *catalogue.every(Event)):
        assert one.regime in regimes
        assert {one.then.consequence, one.then.unenforced} - {None} <= known, one.id
    for regime in regimes.values():
        assert regime.consequence in known
        assert regime.jurisdiction in catalogue.ids(Jurisdiction)


def test_required_by_names_requirements(catalogue: Catalogue) -> None:
    rules = {one.id: one for one in catalogue.every(Rule)}

    def asked(tree: object) -> list[str]:
        if isinstance(tree, list):
            return [name for part in tree for name in asked(part)]
        if isinstance(tree, dict):
            own = tree["required_by"]["in"] if "required_by" in tree else []
            return [*own, *(name for part in tree.values() for name in asked(part))]
        return []

    for one in (*rules.values(), *catalogue.every(Event)):
        for name in asked(one.when):
            assert rules[name].stage == "requirement", f"{one.id} names {name}"


def test_versions_of_a_group_or_definition_never_overlap(catalogue: Catalogue) -> None:
    spans: dict[str, list[tuple[str, str]]] = {}
    for group in catalogue.every(Group):
        spans.setdefault(group.group, []).append((group.effective, group.until or "9999"))
    for some in spans.values():
        ordered = sorted(some)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(ordered))


def test_members_of_groups_are_places(catalogue: Catalogue) -> None:
    law = law_of(catalogue, dt.date(2026, 7, 10), "enforced")
    assert len(law.codes) == 249
    for group in law.groups.values():
        assert law.places([group.group]) <= law.codes, group.group


def test_macau_is_in_d1_and_not_in_d5_and_hong_kong_counts_as_china(catalogue: Catalogue) -> None:
    law = law_of(catalogue, dt.date(2024, 1, 1), "enforced")
    assert "MO" in law.places(["D:1"])
    assert "MO" not in law.places(["D:5"])
    for group in ("D:1", "D:4", "D:5"):
        assert "HK" in law.places([group])
    assert law.places(["Macau or D:5"]) == law.places(["D:5"]) | {"MO"}


def test_the_emirates_move_from_d4_to_a5_on_the_day(catalogue: Catalogue) -> None:
    before, after = (law_of(catalogue, dt.date(2026, 7, one), "enforced") for one in (9, 10))
    assert "AE" in before.places(["D:4"]) - before.places(["A:5"])
    assert "AE" in after.places(["A:5"]) - after.places(["D:4"])
    assert len(before.places(["A:5"])) == 37
    assert "AE" in before.places(["2023 scope"])
    assert "AE" not in after.places(["2023 scope"])


def test_friends_in_a_listed_group_are_outside_the_scope(catalogue: Catalogue) -> None:
    scope = law_of(catalogue, dt.date(2024, 6, 1), "enforced").places(["2023 scope"])
    assert {"CN", "HK", "MO", "SA", "VN", "RU"} <= scope
    assert not {"IL", "TW", "IN", "MY", "SG", "US", "NL"} & scope


@pytest.mark.parametrize(
    ("on", "view", "speaks"),
    [
        ("2024-12-01", "text", False),
        ("2024-12-02", "text", True),
        ("2024-12-30", "enforced", False),
        ("2024-12-31", "enforced", True),
    ],
)
def test_a_rule_is_text_from_its_effect_and_enforced_from_compliance(
    catalogue: Catalogue, on: str, view: str, speaks: bool
) -> None:
    assert in_force(catalogue.get(Rule, "US-08"), day(on), view) is speaks  # type: ignore[arg-type]


def test_intervals_are_half_open(catalogue: Catalogue) -> None:
    rule = catalogue.get(Rule, "US-02")
    assert not in_force(rule, dt.date(2022, 10, 6))
    assert in_force(rule, dt.date(2022, 10, 7))
    assert in_force(rule, dt.date(2023, 11, 16))
    assert not in_force(rule, dt.date(2023, 11, 17))


def test_every_provision_speaks_from_its_first_day_to_the_day_before_its_end(catalogue: Catalogue) -> None:
    one_day = dt.timedelta(days=1)
    for one in (*catalogue.every(Rule), *catalogue.every(Event)):
        start = day(one.effective)
        assert in_force(one, start, "text"), one.id
        assert not in_force(one, start - one_day, "text"), one.id
        if one.until:
            assert in_force(one, day(one.until) - one_day, "text"), one.id
            assert not in_force(one, day(one.until), "text"), one.id


def test_a_superseding_rule_takes_the_place_of_its_predecessor(catalogue: Catalogue) -> None:
    tighter = what_if(
        stage="classification",
        supersedes=("US-03a",),
        when={"tpp": {"at_least": 1000}},
        then=Then(item_class="3A090.a"),
    )
    named = {one.id for one in rules_in_force(catalogue, dt.date(2026, 6, 1), extra_rules=[tighter])}
    assert "what-if" in named
    assert "US-03a" not in named
    earlier = {one.id for one in rules_in_force(catalogue, dt.date(2025, 6, 1), extra_rules=[tighter])}
    assert "US-03a" in earlier
    assert "what-if" not in earlier


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"when": {"tpps": {"at_least": 1}}}, "tpp"),
        ({"when": {"tpp": {"atleast": 1}}}, "at_least"),
        ({"when": {"tpp": {"in": [1]}}}, "at_least"),
        ({"when": {"tpp": {"at_least": "many"}}}, "number"),
        ({"when": {"any": []}}, "list"),
        ({"when": {"tpp": 4800}}, "test"),
        ({"binds": {"to": {"in": ["D:9"]}}}, "D:"),
        ({"then": Then(consequence="licence_required:maybe")}, "licence_required"),
        ({"regime": "us-exports"}, "us-export"),
    ],
)
def test_a_faulty_what_if_rule_is_refused_in_words(
    catalogue: Catalogue, fields: dict[str, object], complaint: str
) -> None:
    with pytest.raises(InputError, match=r"rules\.what-if") as refused:
        law_of(catalogue, dt.date(2026, 6, 1), "enforced", [what_if(**fields)])
    assert complaint in str(refused.value)


def test_an_unknown_view_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownName, match="enforced"):
        law_of(catalogue, dt.date(2026, 6, 1), "enforcd")  # type: ignore[arg-type]


def test_each_permission_stands_between_free_and_blocked() -> None:
    assert PERMISSIONS[0] == "free"
    assert PERMISSIONS[-1] == "blocked"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("groups: {d5: {members: [Macau or D:5]}}", "made of itself"),
        ("groups: {d5: {members: [XX]}}", "unknown place or group 'XX'"),
        ("definitions: {us-combined-bandwidth: {formula: {sum: [combined_bandwidth]}}}", "made of itself"),
        ("definitions: {us-combined-bandwidth: {formula: {ratio: [tpp]}}}", "no formula of a quantity"),
        ("definitions: {us-combined-bandwidth: {formula: {}}}", "no formula of a quantity"),
        ("definitions: {us-dram-bandwidth: {formula: {field: speed}}}", "no formula of a quantity"),
        ("definitions: {us-tpp-2023: {formula: {greatest_published: {fp16_tflops: x}}}}", "no formula of a quantity"),
        ("regimes: {us-export: {jurisdiction: ZZ}}", "unknown jurisdiction 'ZZ'"),
        ("regimes: {us-export: {unreviewed: ZZ}}", "unknown consequence 'ZZ'"),
        ("regimes: {us-export: {hears: {to: {in: [ZZ]}}}}", "unknown place or group 'ZZ'"),
        ("rules: {US-13: {when: {zz.item_class: {in: [3A090.a]}}}}", "unknown regime 'zz'"),
        ("rules: {US-13: {when: {zz.tpp: {at_least: 1}}}}", "no quantity or attribute"),
        ("rules: {US-13: {when: {tpp: {at_least: .nan}}}}", "needs a number"),
        ("rules: {US-13: {when: {vendor: {in: [5]}}}}", "needs a list of words"),
        ("rules: {US-13: {binds: {party: {given: [a]}}}}", "needs true or false"),
    ],
)
def test_law_of_the_users_own_that_makes_no_sense_is_refused(catalogue: Catalogue, text: str, complaint: str) -> None:
    theirs = catalogue.overlaid(parse_yaml(text, "mine.yaml"))
    with pytest.raises(InputError, match=complaint):
        law_of(theirs, dt.date(2026, 2, 1), "enforced")
