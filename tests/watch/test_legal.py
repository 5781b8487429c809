"""Changes of the law: judged again where they are written as rules, else shown to a person with the paragraph."""

import json

import pytest
from tests.watch.conftest import FLEET, PUBLISHED

RULE = """
sources: {draft: {title: A draft, publisher: A law firm, url: null, read: 2026-11-20}}
rules:
  US-99:
    from: [draft]
    confidence: press
    regime: us-export
    stage: prohibition
    instrument: A draft rule
    citation: 91 FR 99999
    published: 2026-11-18
    effective: 2027-01-01
    rank: 1
    binds: {to: {in: [CN]}}
    when: {kind: {in: [processor]}}
    then: {consequence: "licence_required:presumption_of_denial"}
"""


@pytest.fixture
def rule(feeds):
    def written(text: str = RULE):
        (feeds() / "us-99.yaml").write_text(text)
        return feeds()

    return written


def test_a_rule_written_as_ours_is_judged_by(look, rule):
    accept = FLEET + "accept: [free, exception, licence_case_by_case, licence_likely, undetermined]\n"
    seen = look(rule(), text=accept)
    alert = next(one for one in seen.alerts if one.touches.id == "spring")
    assert (alert.status, alert.level, alert.subject) == ("breaks", "urgent", "purchases.spring")
    assert alert.before.permission != alert.after.permission == "licence_denied"
    assert "91 FR 99999" in alert.why
    assert alert.after.on == "2027-02-01"
    assert "not legal advice" in alert.legal
    assert look(rule(), text=accept).alerts == ()


def test_a_purchase_delivered_before_the_rule_is_not_concerned(look, rule):
    assert look(rule(RULE.replace("2027-01-01", "2027-02-02"))).alerts == ()
    assert look(rule(RULE.replace("2027-01-01", "2027-02-01"))).alerts != ()


def test_a_rule_for_elsewhere_touches_nothing(look, rule):
    assert look(rule(RULE.replace("[CN]", "[VN]"))).alerts == ()


def test_a_rule_that_eases_is_only_noted(look, rule):
    eased = RULE.replace("licence_required:presumption_of_denial", "no_licence").replace("rank: 1", "rank: 0")
    for alert in look(rule(eased)).alerts:
        assert alert.level in ("note", "check")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("regime: us-export", "regime: us-exprot", "us-exprot"),
        ("kind: {in: [processor]}", "tpq: {above: 3}", "tpq"),
        ("effective: 2027-01-01", "effective: someday", "effective"),
        ("then:", "thne:", "thne"),
        ("[draft]\n", "[nobody]\n", "nobody"),
    ],
)
def test_a_rule_that_can_not_be_judged_by_is_a_fault_with_its_place(look, rule, before, after, words):
    seen = look(rule(RULE.replace(before, after, 1)))
    assert seen.alerts == ()
    assert words in seen.faults[0]
    assert "us-99.yaml" in seen.faults[0]


def test_a_document_on_parts_that_rules_rest_on_is_shown_to_a_person(look, feeds):
    seen = look(feeds("federal-register-2026-20511.json"))
    (alert,) = [one for one in seen.alerts if one.touches.id == "spring"]
    assert (alert.status, alert.level) == ("read", "check")
    assert "15 CFR 742" in alert.why
    assert [one.mark for one in alert.paragraphs] == ["action", "dates", "abstract"]
    assert "in force from 2026-11-20" in alert.do[0]
    assert "not legal advice" in alert.legal


def test_a_document_in_two_forms_is_one_alert(look, feeds):
    look(feeds("federal-register-documents.json"))
    assert look(feeds("federal-register-2026-20511.json")).alerts == ()


def test_a_document_that_the_catalogue_has_is_only_noted(look, feeds):
    found = [one for one in look(feeds("federal-register-documents.json")).alerts if one.matter.endswith("2026-00789")]
    assert {one.level for one in found} == {"note"}
    assert "US-17" in found[0].why


def test_the_first_reading_of_a_text_that_we_know_is_no_news(look, feeds):
    assert look(feeds("ecfr-2026-10-01-title-15-part-744.xml")).alerts == ()


def test_a_changed_section_is_shown_with_what_changed(look, feeds):
    folder = feeds("ecfr-2026-10-01-title-15-part-744.xml")
    look(folder)
    old = (PUBLISHED / "ecfr-2026-10-01-title-15-part-744.xml").read_text(encoding="utf-8")
    new = old.replace("Macau or Country Group D:5", "Macau, Country Group D:5 or D:9")
    (folder / "ecfr-2026-11-20-title-15-part-744.xml").write_text(new, encoding="utf-8")
    (folder / "ecfr-2026-10-01-title-15-part-744.xml").unlink()
    (alert,) = [one for one in look(folder).alerts if one.touches.id == "spring"]
    assert alert.matter == "ecfr:15 CFR 744.23"
    assert [one.mark for one in alert.paragraphs] == ["(a)(3)", "taken out"]
    assert "D:9" in alert.paragraphs[0].text
    assert look(folder).alerts == ()


def test_a_text_amended_after_we_read_the_law_is_news(look, feeds):
    folder = feeds()
    old = (PUBLISHED / "ecfr-2026-10-01-title-15-part-744.xml").read_text(encoding="utf-8")
    new = old.replace("as amended at 88 FR 73480, Oct. 25, 2023", "as amended at 91 FR 70011, Nov. 18, 2026")
    (folder / "ecfr-2026-11-20-title-15-part-744.xml").write_text(new, encoding="utf-8")
    assert [one.touches.id for one in look(folder).alerts] == ["spring"]


def test_of_a_list_of_versions_only_what_is_younger_than_our_reading_is_news(look, feeds):
    def version(day: str, identifier: str = "744.23", **more):
        return {
            "date": day,
            "amendment_date": day,
            "issue_date": day,
            "identifier": identifier,
            "name": f"§ {identifier} End use controls.",
            "part": identifier.partition(".")[0],
            "title": "15",
            "type": "section",
            "substantive": True,
            "removed": False,
            **more,
        }

    versions = [
        version("2023-11-17"),
        version("2026-11-18"),
        version("2026-11-19", substantive=False),
        version("2026-11-18", "600.1"),
    ]
    (feeds() / "versions.json").write_text(json.dumps({"content_versions": versions, "meta": {}}))
    seen = look(feeds())
    assert seen.faults == ()
    assert [(one.matter, one.touches.id) for one in seen.alerts] == [
        ("ecfr-versions:15 CFR 744.23 of 2026-11-18", "spring")
    ]
