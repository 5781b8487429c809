"""Ten traps met in real records of published feeds."""

import msgspec

from polysilicon.watch.feeds import csaf
from polysilicon.watch.notice import Affected
from polysilicon.watch.versions import standing


def _of(notice, word: str) -> Affected:
    return next(one for one in notice.affected if word in one.product)


def test_a_rejected_record_withdraws_what_others_still_quote(notice, published, catalogue):
    from polysilicon.watch.vulnerable import is_withdrawn

    quoted = notice("CVE-2024-5480.json")
    rejected = msgspec.structs.replace(quoted, withdrawn=True, affected=())
    repeated = msgspec.structs.replace(quoted, feed="osv", id="GHSA-x", aliases=("CVE-2024-5480",))
    assert not is_withdrawn([quoted, repeated])
    assert is_withdrawn([rejected, repeated])


def test_a_rejected_record_needs_no_products(catalogue):
    from polysilicon.watch.feeds import cve

    (found,) = cve.read(
        {
            "cveMetadata": {"cveId": "CVE-2024-5480", "state": "REJECTED", "dateRejected": "2024-12-31T00:00:00Z"},
            "containers": {"cna": {"rejectedReasons": [{"lang": "en", "value": "not a vulnerability"}]}},
        }
    )
    assert found.withdrawn
    assert found.affected == ()
    assert found.summary == "not a vulnerability"
    assert found.modified == "2024-12-31T00:00:00Z"


def test_no_fix_planned_is_not_a_safe_version(notice):
    said = _of(notice("CVE-2024-21950.json"), "MI300X")
    assert not said.fix_planned
    assert said.others == "affected"
    assert standing(said, "7.0") == standing(said, None) == "affected"


def test_versions_listed_as_unaffected_are_fixes_where_all_others_are_affected(notice):
    said = _of(notice("CVE-2024-21944.json"), "9004")
    assert [one.text for one in said.fixed] == ["Genoa PI 1.0.0.D", "SEV FW 1.55.38 (hex 1.37.26)"]
    assert standing(said, "Genoa PI 1.0.0.C") == "possible"  # a numbering that no package compares


def test_a_version_called_affected_that_is_its_own_fix_is_in_dispute(notice):
    found = notice("CVE-2026-3059.json")
    said = _of(found, "SGLang")
    assert standing(said, "0.5.10") == "disputed"
    assert standing(said, "0.5.9") == "possible"
    assert standing(said, "0.5.11") == "unaffected"
    assert "it may be the fix" in found.oddities[0]


def test_a_list_that_contradicts_its_text_is_in_dispute(notice):
    found = notice("CVE-2025-31133.json")
    said = _of(found, "runc")
    assert standing(said, "1.4.0-rc.3") == "disputed"
    assert standing(said, "1.4.0-rc.2") == "affected"
    assert standing(said, "1.3.2") == "affected"
    assert standing(said, "1.3.3") == standing(said, "1.2.8") == "unaffected"
    assert "lists 1.4.0-rc.3 as affected, and its text as fixed" in found.oddities


def test_a_vector_in_another_order_is_read_by_its_keys(notice):
    (score,) = notice("CVE-2024-36435.json").scores
    assert (score.base, score.note) == (9.8, "")


def test_the_vector_is_trusted_where_a_field_contradicts_it(notice):
    found = notice("CVE-2022-40259.json")
    assert found.scores[0].base == 8.3
    assert found.oddities == ("certcc the record says userInteraction NONE, its vector UI:R",)


def test_scores_by_scenario_are_all_kept(notice):
    scores = notice("CVE-2023-34329.json").scores
    assert [(one.base, one.scenario) for one in scores] == [
        (9.1, "Connected to Internet (improper configuration)"),
        (8.4, "Operating in trusted environment"),
    ]


def test_scores_of_two_versions_that_differ_in_severity_are_pointed_out(notice):
    found = notice("INTEL-SA-01271.json")
    assert {one.version: one.base for one in found.scores} == {"3.1": 8.2, "4.0": 5.4}
    assert "its scores by different versions of CVSS are of different severity" in found.oddities


def test_versions_in_prose_are_read_and_the_prose_is_kept(notice):
    said = _of(notice("CVE-2024-0132.json"), "Container Toolkit")
    assert said.versions[0].text == "All versions up to and including v1.16.1"
    assert standing(said, "1.16.1") == "affected"
    assert standing(said, "1.16.2") == "unaffected"


def test_a_document_without_a_product_tree_is_read_from_its_sentences(notice):
    found = notice("INTEL-SA-01271.json")
    (said,) = found.affected
    assert standing(said, "1.17.0") == "affected"
    assert standing(said, "1.18") == "unaffected"
    assert any("no product tree" in one for one in found.oddities)


def test_the_year_in_an_id_is_not_its_date(notice):
    assert notice("CVE-2024-21944.json").published == "2026-06-10"


def test_latest_is_no_version(notice):
    found = notice("CVE-2024-11041.json")
    (said,) = found.affected
    assert standing(said, "0.8.4") == standing(said, "99.0") == "possible"
    assert "says up to 'latest', which names no version" in found.oddities


def test_a_record_that_names_no_product_says_so(notice):
    found = notice("CVE-2019-6260.json")
    assert found.affected[0].product == ""
    assert "names no product: only its text says what is affected" in found.oddities


def test_a_vendors_notice_without_a_cve_is_a_notice():
    rowhammer = {
        "document": {
            "category": "csaf_informational_advisory",
            "csaf_version": "2.0",
            "title": "Security Notice: Rowhammer - July 2025",
            "publisher": {"category": "vendor", "name": "NVIDIA", "namespace": "https://www.nvidia.com"},
            "tracking": {
                "id": "5671",
                "status": "final",
                "version": "1",
                "initial_release_date": "2025-07-09T00:00:00Z",
                "current_release_date": "2025-07-09T00:00:00Z",
                "revision_history": [],
            },
        }
    }
    (found,) = csaf.read(rowhammer)
    assert (found.kind, found.id, found.matter, found.scores) == ("vendor_notice", "5671", "csaf:5671", ())
