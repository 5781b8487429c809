import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts import Catalogue, load
from polysilicon.facts.law import Rule, Then
from polysilicon.policy import PERMISSIONS, Items, Transaction, Verdicts, explain, judge
from polysilicon.records.dates import day
from polysilicon.records.errors import InputError, UnknownName, Unsupported
from polysilicon.records.interval import Interval

CATALOGUE = load()
NAN = float("nan")


def one(to: str = "CN", on: str = "2024-06-01", *, view: str = "enforced", **said: object) -> tuple[str, str]:
    """Class and consequence of a made-up part; what is not said is far from every line."""
    words = {name: said.pop(name) for name in ("vendor", "designer", "name", "kind", "datacenter") if name in said}
    fields = {"tpp": 1000.0, "die_area_mm2": 800.0, "memory_bw_gbs": 100.0, "scaleup_bw_gbs": 50.0}
    fields |= {name: said.pop(name) for name in (*fields, "applicable_die_area", "package_area_mm2") if name in said}  # type: ignore[misc]
    items = Items.from_columns(fields, **words)  # type: ignore[arg-type]
    got = judge(CATALOGUE, items, Transaction(to, **said), day(on), view)  # type: ignore[arg-type]
    return str(got.item_class[0]), str(got.consequence[0])


def chip(name: str, to: str, on: str, view: str = "enforced", **said: str) -> Verdicts:
    return judge(CATALOGUE, Items.from_chips(CATALOGUE, [name]), Transaction(to, **said), day(on), view)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"tpp": 4800, "die_area_mm2": 1e5}, "3A090.a"),
        ({"tpp": 4799.99, "die_area_mm2": 1e5}, "not_3A090"),
        ({"tpp": 1600, "die_area_mm2": 1600 / 5.92}, "3A090.a"),
        ({"tpp": 1600, "die_area_mm2": 1600 / 5.919}, "3A090.b"),
        ({"tpp": 1599.99, "die_area_mm2": 100}, "not_3A090"),
        ({"tpp": 1600, "die_area_mm2": 500}, "3A090.b"),
        ({"tpp": 1600, "die_area_mm2": 501}, "not_3A090"),
        ({"tpp": 2400, "die_area_mm2": 1500}, "3A090.b"),
        ({"tpp": 2400, "die_area_mm2": 1501}, "not_3A090"),
        ({"tpp": 2399.99, "die_area_mm2": 1499}, "not_3A090"),
        ({"tpp": 4799, "die_area_mm2": 240, "datacenter": False}, "not_3A090"),
        ({"tpp": 4800, "die_area_mm2": 240, "datacenter": False}, "3A090.a"),
        ({"tpp": 2000, "applicable_die_area": 0.0}, "not_3A090"),
        ({"tpp": 4800, "applicable_die_area": 0.0}, "3A090.a"),
        ({"tpp": 2000, "die_area_mm2": NAN}, "unknown"),
        ({"tpp": 4800, "die_area_mm2": NAN}, "3A090.a"),
        ({"tpp": 1500, "die_area_mm2": NAN}, "not_3A090"),
        ({"tpp": 2000, "die_area_mm2": NAN, "datacenter": False}, "not_3A090"),
        ({"tpp": 2000, "die_area_mm2": 300, "datacenter": None}, "unknown"),
    ],
)
def test_the_lines_of_2023(said: dict[str, object], expected: str) -> None:
    assert one(**said)[0] == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tpp", "link", "expected"),
    [(4800, 600, "3A090(2022)"), (4799, 600, "not_3A090"), (4800, 599, "not_3A090"), (4800, NAN, "unknown")],
)
def test_the_lines_of_2022_had_to_be_met_together(tpp: float, link: float, expected: str) -> None:
    assert one(on="2022-12-01", tpp=tpp, scaleup_bw_gbs=link)[0] == expected


@pytest.mark.parametrize(
    ("name", "on", "item_class", "consequence"),
    [
        ("nvidia-a100-sxm-80gb", "2022-08-25", "not_3A090", "no_licence_requirement"),
        ("nvidia-a100-sxm-80gb", "2022-08-26", "not_3A090", "licence_required:is_informed_letter"),
        ("nvidia-a100-sxm-80gb", "2022-10-07", "3A090(2022)", "licence_required:presumption_of_denial"),
        ("nvidia-a800-sxm-80gb", "2023-10-22", "not_3A090", "no_licence_requirement"),
        ("nvidia-a800-sxm-80gb", "2023-10-23", "not_3A090", "licence_required:is_informed_letter"),
        ("nvidia-a800-sxm-80gb", "2023-11-17", "3A090.a", "licence_required:presumption_of_denial"),
        ("nvidia-h800-sxm-80gb", "2023-11-16", "not_3A090", "licence_required:is_informed_letter"),
        ("nvidia-rtx-4090", "2023-11-16", "not_3A090", "no_licence_requirement"),
        ("nvidia-rtx-4090", "2023-11-17", "3A090.a", "exception_available:NAC"),
        ("nvidia-h20-96gb", "2025-04-08", "not_3A090", "no_licence_requirement"),
        ("nvidia-h20-96gb", "2025-04-09", "not_3A090", "licence_required:is_informed_letter"),
        ("nvidia-l20", "2025-04-20", "not_3A090", "no_licence_requirement"),
        ("nvidia-l40s", "2024-06-01", "3A090.a", "licence_required:presumption_of_denial"),
        ("amd-mi308x", "2025-04-20", "unknown", "licence_required:is_informed_letter"),
        ("amd-mi300x", "2024-06-01", "3A090.a", "licence_required:presumption_of_denial"),
        ("intel-gaudi2", "2023-06-01", "not_3A090", "no_licence_requirement"),
        ("nvidia-rtx-5090d-v2", "2025-09-01", "not_3A090", "no_licence_requirement"),
        ("huawei-ascend-910b3", "2025-05-12", "3A090.a", "no_licence_requirement"),
        ("huawei-ascend-910b3", "2025-05-13", "3A090.a parameters", "GP10_presumption"),
        ("huawei-ascend-910d", "2025-06-01", "3A090.a parameters", "GP10_presumption"),
    ],
)
def test_parts_of_the_catalogue_to_china(name: str, on: str, item_class: str, consequence: str) -> None:
    got = chip(name, "CN", on)
    assert (str(got.item_class[0]), str(got.consequence[0])) == (item_class, consequence)


@pytest.mark.parametrize(
    ("name", "to", "on", "said", "consequence"),
    [
        ("h100-sxm-80gb", "MO", "2023-01-16", {}, "no_licence_requirement"),
        ("h100-sxm-80gb", "MO", "2023-01-17", {}, "licence_required:presumption_of_denial"),
        ("h100-sxm-80gb", "HK", "2024-01-01", {}, "licence_required:presumption_of_denial"),
        ("h100-sxm-80gb", "MO", "2024-01-01", {}, "licence_required:presumption_of_denial"),
        ("h100-sxm-80gb", "AE", "2023-06-30", {}, "no_licence_requirement"),
        ("h100-sxm-80gb", "AE", "2023-07-01", {}, "unknown"),
        ("h100-sxm-80gb", "SA", "2024-03-01", {}, "licence_required:presumption_of_approval"),
        ("h100-sxm-80gb", "IL", "2024-03-01", {}, "no_licence_requirement"),
        ("h100-sxm-80gb", "MY", "2024-03-01", {"headquarters": "CN"}, "licence_required:presumption_of_denial"),
        ("h100-sxm-80gb", "US", "2024-03-01", {"headquarters": "CN"}, "no_licence_requirement"),
        ("h100-sxm-80gb", "NL", "2025-05-14", {}, "no_licence_requirement"),
        ("h100-sxm-80gb", "NL", "2025-05-15", {}, "text_licence_required:not_enforced"),
        ("rtx-4090", "AE", "2024-04-03", {}, "exception_available:NAC"),
        ("rtx-4090", "AE", "2024-04-04", {}, "exception_available:ACA"),
        ("rtx-4090", "AE", "2026-07-10", {}, "exception_available:ACA_or_licence"),
        ("rtx-4090", "SG", "2024-06-01", {"headquarters": "CN"}, "exception_available:NAC"),
        ("h200-sxm-141gb", "CN", "2026-01-14", {"exported_from": "US"}, "licence_required:presumption_of_denial"),
        ("h200-sxm-141gb", "CN", "2026-01-15", {"exported_from": "US"}, "licence_required:case_by_case"),
        ("h200-sxm-141gb", "CN", "2026-02-01", {"exported_from": "TW"}, "licence_required:presumption_of_denial"),
        ("h200-sxm-141gb", "CN", "2026-02-01", {}, "unknown"),
        ("b200-sxm", "CN", "2026-02-01", {"exported_from": "US"}, "licence_required:presumption_of_denial"),
        ("h100-sxm-80gb", "AE", "2026-07-09", {}, "licence_required:presumption_of_approval"),
        ("h100-sxm-80gb", "AE", "2026-07-10", {}, "licence_required:review_policy_unknown"),
        ("h100-sxm-80gb", "AE", "2026-07-10", {"party": "G42"}, "no_licence_requirement"),
        ("h100-sxm-80gb", "AE", "2027-04-06", {"party": "G42"}, "licence_required:review_policy_unknown"),
        ("h100-sxm-80gb", "AE", "2026-08-01", {"headquarters": "CN"}, "licence_required:presumption_of_denial"),
        ("gb300", "SA", "2025-11-18", {"party": "Humain"}, "licence_required:presumption_of_approval"),
        ("gb300", "SA", "2025-11-19", {"party": "Humain"}, "licence_required:granted"),
        ("h20-96gb", "MY", "2025-04-20", {"headquarters": "CN"}, "licence_required:is_informed_letter"),
        ("h20-96gb", "CN", "2025-08-10", {}, "licence_required:is_informed_letter"),
        ("h20-96gb", "CN", "2025-08-11", {}, "licence_required:granted_with_15pct_revenue_share"),
    ],
)
def test_destinations_parties_and_days(name: str, to: str, on: str, said: dict[str, str], consequence: str) -> None:
    assert str(chip(f"nvidia-{name}", to, on, **said).consequence[0]) == consequence


@pytest.mark.parametrize(
    ("party", "on", "denied"),
    [
        ("Huawei Technologies", "2024-06-01", True),
        ("BAAI", "2025-03-24", False),
        ("BAAI", "2025-03-25", True),
        ("Inspur Group", "2026-08-01", True),
        ("Alibaba", "2026-08-01", False),
    ],
)
def test_a_listed_party_is_denied_what_others_get_freely(party: str, on: str, denied: bool) -> None:
    got = chip("nvidia-l2", "CN", on, party=party)
    assert (str(got.consequence[0]) == "licence_required:presumption_of_denial") is denied


@pytest.mark.parametrize(
    ("tpp", "dram", "consequence"),
    [
        (20999, 6499, "licence_required:case_by_case"),
        (21000, 6499, "licence_required:presumption_of_denial"),
        (20999, 6500, "licence_required:presumption_of_denial"),
    ],
)
def test_the_window_of_2026_is_strict_on_both_sides(tpp: float, dram: float, consequence: str) -> None:
    assert one(on="2026-02-01", exported_from="US", tpp=tpp, memory_bw_gbs=dram)[1] == consequence


@pytest.mark.parametrize(
    ("dram", "link", "letter"),
    [(1399, 300, False), (1400, 0, True), (0, 1099, False), (0, 1100, True), (1000, 700, True), (1000, 699, False)],
)
def test_the_letters_of_2025_ask_for_one_rate_another_or_their_sum(dram: float, link: float, letter: bool) -> None:
    got = one(on="2025-06-01", vendor="AMD", memory_bw_gbs=dram, scaleup_bw_gbs=link)[1]
    assert got == ("licence_required:is_informed_letter" if letter else "no_licence_requirement")


def test_a_letter_binds_the_vendor_it_was_sent_to() -> None:
    assert one(on="2025-06-01", vendor="Google", memory_bw_gbs=4000)[1] == "no_licence_requirement"


@pytest.mark.parametrize(
    ("tpp", "dram", "duty"),
    [
        (14000, 4800, 0.0),
        (14001, 4800, 0.25),
        (15832, 4500, 0.0),
        (15832, 5000, 0.0),
        (20919, 6000, 0.25),
        (21100, 6000, 0.0),
    ],
)
def test_the_tariff_bands_are_open_intervals(tpp: float, dram: float, duty: float) -> None:
    items = Items.from_columns({"tpp": tpp, "memory_bw_gbs": dram})
    got = judge(CATALOGUE, items, Transaction("US", activity="import", onward_to="CN"), dt.date(2026, 2, 1))
    assert got.duty_share[0] == duty
    assert str(got.item_class[0]).endswith("yes" if duty else "no")


def test_the_tariff_spares_the_uses_that_it_names() -> None:
    got = chip("nvidia-h200-sxm-141gb", "US", "2026-02-01", activity="import", end_use="US data center")
    assert str(got.consequence[0]) == "tariff_exempt_end_use"
    assert got.duty_share[0] == 0.0


@pytest.mark.parametrize(("bandwidth", "expected"), [(220, "not_3A090"), (220.1, "3A090.c"), (NAN, "unknown")])
def test_stacked_memory_is_judged_by_bandwidth_over_area(bandwidth: float, expected: str) -> None:
    said = {"kind": "memory", "package_area_mm2": 110, "memory_bw_gbs": bandwidth, "tpp": NAN, "datacenter": None}
    assert one(on="2025-02-01", **said)[0] == expected  # type: ignore[arg-type]
    assert one(on="2024-12-30", **said)[0] == "not_3A090"  # type: ignore[arg-type]


def test_memory_for_a_chinese_firm_abroad_is_unknown_not_free() -> None:
    said = {"kind": "memory", "package_area_mm2": 110, "memory_bw_gbs": 819}
    assert one("SG", "2025-02-01", headquarters="CN", **said)[1] == "unknown"  # type: ignore[arg-type]
    assert one("SG", "2025-02-01", **said)[1] == "no_licence_requirement"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("on", "said", "expected"),
    [
        ("2026-01-13", {}, "prc_customs_check(reported)"),
        ("2026-01-14", {}, "prc_import_blocked(reported)"),
        ("2026-01-28", {}, "prc_conditional_approval(reported)"),
        ("2026-01-28", {"party": "Baidu"}, "prc_import_blocked(reported)"),
        ("2026-06-01", {}, "prc_purchase_stop(reported)"),
        ("2026-07-27", {}, "unknown"),
        ("2026-02-01", {"end_use": "state-funded data centre"}, "prc_domestic_only(reported)"),
    ],
)
def test_chinese_guidance_follows_its_reports(on: str, said: dict[str, str], expected: str) -> None:
    got = chip("nvidia-h200-sxm-141gb", "CN", on, activity="import", **said)
    assert (str(got.item_class[0]), str(got.consequence[0])) == ("PRC informal", expected)
    assert got.opinions[0].regime.binding is False


@pytest.mark.parametrize("activity", ["export", "reexport", "transfer", "import", "use"])
def test_some_law_hears_every_act_everywhere(activity: str) -> None:
    for to in ("CN", "US", "MY", "AE", "HK"):
        got = chip("nvidia-h100-sxm-80gb", to, "2026-06-01", activity=activity)
        assert got.opinions
        assert got.permission[0] in PERMISSIONS


def test_an_import_to_no_place_in_particular_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="import"):
        chip("nvidia-h100-sxm-80gb", "any", "2026-06-01", activity="import")


def test_the_place_of_export_heads_and_the_stricter_law_decides() -> None:
    got = chip("nvidia-h100-sxm-80gb", "CN", "2025-07-14", exported_from="MY")
    assert str(got.item_class[0]) == "MY STA s.12 / 3U090"
    assert str(got.consequence[0]) == "my_notify_30d_then_permit"
    assert got.permission[0] == "licence_denied"
    assert str(chip("nvidia-h100-sxm-80gb", "CN", "2025-07-13", exported_from="MY").item_class[0]) == "3A090.a"


def test_the_text_of_the_diffusion_rule_and_what_is_enforced_differ() -> None:
    assert str(chip("nvidia-b200-sxm", "CH", "2025-01-13", "text").consequence[0]).endswith("presumption_of_approval")
    assert str(chip("nvidia-b200-sxm", "NL", "2025-06-01", "text").consequence[0]) == "exception_available:AIA"
    assert chip("nvidia-b200-sxm", "CH", "2025-06-01").permission[0] == "free"


def test_a_chinese_part_is_blocked_for_americans_and_a_warning_at_home() -> None:
    name, on = "huawei-ascend-910c", "2026-10-01"
    assert chip(name, "CN", on, headquarters="US").permission[0] == "blocked"
    assert chip(name, "US", on).permission[0] == "blocked"
    assert chip(name, "CN", on).permission[0] == "free"
    assert chip(name, "MY", on).permission[0] == "undetermined"


def test_law_after_the_last_reading_is_assumed() -> None:
    assert not chip("nvidia-h20-96gb", "CN", "2026-10-09").assumed
    assert chip("nvidia-h20-96gb", "CN", "2026-10-10").assumed


@pytest.mark.parametrize(
    "said", [{"to": "XX"}, {"to": "CN", "exported_from": "UK"}, {"to": "CN", "headquarters": "cn"}]
)
def test_a_region_no_rule_knows_is_refused_with_the_nearest(said: dict[str, str]) -> None:
    with pytest.raises(UnknownName, match="did you mean"):
        judge(CATALOGUE, Items.from_columns({"tpp": 1.0}), Transaction(**said), dt.date(2026, 1, 1))  # type: ignore[arg-type]


def test_a_field_no_definition_reads_is_refused() -> None:
    with pytest.raises(UnknownName, match="tpp"):
        judge(CATALOGUE, Items.from_columns({"tpps": 1.0}), Transaction("CN"), dt.date(2026, 1, 1))


# Laws that hold whatever the part ------------------------------------------------------------------------------

numbers = st.floats(0, 40_000) | st.just(NAN) | st.sampled_from([1600.0, 2400.0, 4800.0, 21000.0])
designs = st.lists(
    st.tuples(numbers, st.floats(1, 3000) | st.just(NAN), st.floats(0, 9000) | st.just(NAN), st.booleans() | st.none()),
    min_size=1,
    max_size=8,
)
acts = st.sampled_from(
    [
        (Transaction("CN"), "2025-06-01"),
        (Transaction("CN", exported_from="US"), "2026-06-01"),
        (Transaction("CN"), "2023-06-01"),
        (Transaction("MY", headquarters="CN"), "2026-06-01"),
        (Transaction("SA"), "2024-06-01"),
        (Transaction("AE"), "2026-08-01"),
        (Transaction("TW", exported_from="MY"), "2026-08-01"),
        (Transaction("US", activity="import"), "2026-06-01"),
        (Transaction("CN", activity="import"), "2026-06-01"),
    ]
)


def table(rows: list[tuple[float, float, float, bool | None]], vendor: str = "NVIDIA") -> Items:
    tpp, area, dram, dc = zip(*rows, strict=True)
    columns = {"tpp": tpp, "die_area_mm2": area, "memory_bw_gbs": dram, "scaleup_bw_gbs": [50.0] * len(rows)}
    return Items.from_columns(columns, vendor=vendor, designer="US", datacenter=list(dc))


@settings(max_examples=60, deadline=None)
@given(designs, acts)
def test_one_item_is_judged_as_in_a_table_and_order_does_not_matter(
    rows: list[tuple[float, float, float, bool | None]], act: tuple[Transaction, str]
) -> None:
    transaction, on = act
    whole = judge(CATALOGUE, table(rows), transaction, day(on))
    turned = judge(CATALOGUE, table(rows[::-1]), transaction, day(on))
    assert list(turned.item_class[::-1]) == list(whole.item_class)
    assert list(turned.consequence[::-1]) == list(whole.consequence)
    for at, row in enumerate(rows):
        alone = judge(CATALOGUE, table([row]), transaction, day(on))
        assert (alone.item_class[0], alone.consequence[0]) == (whole.item_class[at], whole.consequence[at])
        assert alone.permission[0] == whole.permission[at]


@settings(max_examples=60, deadline=None)
@given(designs, acts, st.floats(0, 2000), st.floats(0, 2000))
def test_a_wider_interval_never_turns_a_certain_answer_into_another(
    rows: list[tuple[float, float, float, bool | None]], act: tuple[Transaction, str], down: float, up: float
) -> None:
    transaction, on = act
    items = table(rows)
    narrow = judge(CATALOGUE, items, transaction, day(on))
    tpp = items.fields["tpp"]
    wide_tpp = Interval.between(np.maximum(tpp.lo - down, 0.0), tpp.hi + up)
    columns = {**items.fields, "tpp": wide_tpp}
    wide_items = Items.from_columns(columns, vendor="NVIDIA", designer="US", datacenter=[row[3] for row in rows])
    wide = judge(CATALOGUE, wide_items, transaction, day(on))
    for at in range(len(rows)):
        if not wide.undetermined[at]:
            assert wide.item_class[at] == narrow.item_class[at]
            assert wide.consequence[at] == narrow.consequence[at]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 6000), st.floats(100, 2000)), min_size=1, max_size=8),
    st.floats(1000, 4800),
    st.sampled_from(["CN", "SA", "AE", "MY", "VN"]),
    st.booleans(),
)
def test_a_tighter_threshold_never_admits_more(
    rows: list[tuple[float, float]], line: float, to: str, datacenter: bool
) -> None:
    tighter = Rule(
        id="tighter",
        sources=("user",),
        confidence="estimate",
        regime="us-export",
        stage="classification",
        instrument="what if",
        citation="scenario",
        effective="2026-01-01",
        rank=1,
        when={"tpp": {"at_least": line}},
        then=Then(item_class="3A090.a"),
    )
    items = Items.from_columns(
        {"tpp": [row[0] for row in rows], "die_area_mm2": [row[1] for row in rows], "memory_bw_gbs": 500.0},
        count=len(rows),
        datacenter=datacenter,
    )
    transaction = Transaction(to, exported_from="TW")
    before = judge(CATALOGUE, items, transaction, dt.date(2026, 6, 1)).permission_code
    after = judge(CATALOGUE, items, transaction, dt.date(2026, 6, 1), extra_rules=[tighter]).permission_code
    assert (after >= before).all()


@settings(max_examples=40, deadline=None)
@given(designs, acts)
def test_certainly_implies_possibly_for_every_clause(
    rows: list[tuple[float, float, float, bool | None]], act: tuple[Transaction, str]
) -> None:
    from polysilicon.policy.hearing import Hearing
    from polysilicon.policy.law import law_of

    law = law_of(CATALOGUE, day(act[1]), "enforced")
    hearing = Hearing(law, table(rows), act[0])
    for clauses in law.clauses.values():
        for clause in clauses:
            truth = hearing.applies(clause)
            assert (truth.possibly | ~truth.certainly).all(), clause.id


def test_a_catalogue_laid_over_with_a_rule_obeys_it(catalogue: Catalogue) -> None:
    from polysilicon.records.document import parse_yaml

    theirs = catalogue.overlaid(
        parse_yaml(
            """
rules:
  no-more-h20:
    regime: us-export
    stage: prohibition
    instrument: what if
    citation: scenario
    effective: 2026-01-01
    binds: {to: {in: [CN]}}
    when: {total_dram_bandwidth: {at_least: 1400}}
    then: {consequence: "licence_required:presumption_of_denial"}
""",
            "scenario.yaml",
        )
    )
    items = Items.from_chips(theirs, ["nvidia-h20-96gb"])
    assert judge(theirs, items, Transaction("CN"), dt.date(2026, 6, 1)).permission[0] == "licence_denied"
    assert judge(catalogue, items, Transaction("CN"), dt.date(2026, 6, 1)).permission[0] == "licence_case_by_case"


def test_a_transfer_within_an_embargoed_country_uses_aca_and_not_nac() -> None:
    eligible = {"tpp": 5000, "datacenter": False}
    assert one("CN", "2024-06-01", **eligible)[1] == "exception_available:NAC"
    assert one("CN", "2024-06-01", activity="transfer", **eligible)[1] == "exception_available:ACA"
    assert one("MY", "2024-06-01", headquarters="CN", **eligible)[1] == "exception_available:NAC"
    inside = one("MY", "2024-06-01", headquarters="CN", activity="transfer", **eligible)
    assert inside[1] == "licence_required:presumption_of_denial"


@pytest.mark.parametrize(("activity", "expected"), [("export", "case_by_case"), ("transfer", "presumption_of_denial")])
def test_the_window_of_2026_is_for_exports_alone(activity: str, expected: str) -> None:
    found = one("CN", "2026-02-01", tpp=15832, exported_from="US", activity=activity)
    assert found[1] == f"licence_required:{expected}"


def test_the_window_of_2026_opens_for_parts_that_a_letter_names_too() -> None:
    found = one("CN", "2026-02-01", vendor="NVIDIA", tpp=6704, memory_bw_gbs=1792, datacenter=False, exported_from="US")
    assert found == ("3A090.a", "licence_required:case_by_case")


def test_a_licence_to_customers_in_china_says_nothing_of_macau() -> None:
    assert one("HK", "2025-08-20", vendor="NVIDIA", name="H20", memory_bw_gbs=4000)[1].endswith("revenue_share")
    assert one("MO", "2025-08-20", vendor="NVIDIA", name="H20", memory_bw_gbs=4000)[1].endswith("is_informed_letter")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"end_use": "US data center"}, "tariff_exempt_end_use"),
        ({"end_use": "US data center", "onward_to": "CN"}, "tariff_25pct"),
        ({"end_use": "US data center", "onward_to": "US"}, "tariff_exempt_end_use"),
        ({"end_use": "repair", "onward_to": "CN"}, "tariff_exempt_end_use"),
        ({"end_use": "resale"}, "tariff_25pct"),
    ],
)
def test_a_data_centre_is_exempt_from_the_duty_only_where_goods_stay(said: dict[str, str], expected: str) -> None:
    assert one("US", "2026-02-01", tpp=15832, memory_bw_gbs=4800, activity="import", **said)[1] == expected


@pytest.mark.parametrize(
    ("party", "on", "expected"),
    [
        ("SMIC", "2022-09-01", "licence_required:presumption_of_denial"),
        ("YMTC", "2022-12-31", "unknown"),
        ("YMTC", "2023-01-01", "licence_required:presumption_of_denial"),
        ("Biren", "2023-10-24", "unknown"),
        ("Biren", "2023-10-25", "licence_required:presumption_of_denial"),
        ("Zhipu", "2025-01-15", "no_licence_requirement"),
        ("Zhipu", "2025-01-16", "licence_required:presumption_of_denial"),
    ],
)
def test_a_listed_party_counts_from_the_day_its_page_proves(party: str, on: str, expected: str) -> None:
    assert one("CN", on, party=party)[1] == expected


def test_a_supercomputer_in_china_needs_a_licence_for_parts_below_the_lines() -> None:
    assert one("CN", "2024-06-01", end_use="supercomputer") == ("not_3A090", "licence_required:review_policy_unknown")
    assert one("MY", "2024-06-01", end_use="supercomputer")[1] == "no_licence_requirement"


def test_what_leaves_a_country_for_any_place_leaves_that_country() -> None:
    found = one("any", "2025-08-01", tpp=15832, designer="US", exported_from="MY")
    assert found == ("MY STA s.12 / 3U090", "my_notify_30d_then_permit")


def test_a_published_tpp_settles_a_part_whose_rates_are_from_memory() -> None:
    found = chip("nvidia-rtx-4090d", "CN", "2024-04-10")
    assert (found.item_class[0], found.consequence[0]) == ("not_3A090", "no_licence_requirement")
    assert "press" in {one.confidence for one in explain(found, 0).inputs if one.field == "int8_tops"}


def test_a_day_before_any_law_was_read_is_refused_and_not_free() -> None:
    with pytest.raises(InputError, match="so early a day"):
        chip("nvidia-h100-sxm-80gb", "CN", "1990-01-01")


def test_a_law_that_is_silent_does_not_make_a_verdict_old() -> None:
    chips = Items.from_chips(CATALOGUE, ["nvidia-h100-sxm-80gb"])
    from_japan = judge(CATALOGUE, chips, Transaction("CN", exported_from="JP"), dt.date(2026, 6, 1))
    assert not from_japan.assumed
    tool = Items.from_columns({}, count=1, kind="equipment", name="etcher")
    assert judge(CATALOGUE, tool, Transaction("CN", exported_from="JP"), dt.date(2026, 6, 1)).assumed
