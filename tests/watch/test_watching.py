"""What is new is told once, whatever the order, the feed and the end of a run."""

import json

import msgspec
from tests.watch.conftest import FLEET, PUBLISHED

from polysilicon.watch import State, watch


def by_matter(seen):
    return {(one.matter, one.touches.id): one for one in seen.alerts}


def test_one_vulnerability_of_several_feeds_is_one_alert(look, feeds):
    seen = look(feeds("CVE-2024-0132.json", "nvidia-5582.json", "CVE-2024-54085.json", "kev.json"))
    found = by_matter(seen)
    assert set(found) == {
        ("CVE-2024-0132", "trainer"),
        ("CVE-2024-0133", "trainer"),
        ("CVE-2024-54085", "amd"),
    }
    escape = found["CVE-2024-0132", "trainer"]
    assert (escape.status, escape.level, escape.severity) == ("affected", "urgent", "critical")
    assert escape.fixed == ("v1.16.2",)
    assert escape.feeds == ("cve", "csaf")
    bmc = found["CVE-2024-54085", "amd"]
    assert bmc.exploited.since == "2025-06-25"
    assert bmc.level == "urgent"
    assert seen.needs_attention


def test_an_alert_is_given_once(look, feeds):
    folder = feeds("CVE-2024-0132.json")
    assert len(look(folder).alerts) == 1
    again = look(folder)
    assert again.alerts == ()
    assert not again.needs_attention
    assert again.arrived == {"unchanged documents": 1}


def test_another_feed_that_adds_nothing_causes_no_alert(look, feeds):
    look(feeds("nvidia-5582.json"))
    assert look(feeds("CVE-2024-0132.json")).alerts == ()


def test_news_that_it_is_exploited_causes_another_alert(look, feeds, tmp_path):
    record = json.loads((PUBLISHED / "CVE-2024-54085.json").read_text())
    del record["containers"]["adp"]
    folder = feeds()
    (folder / "a.json").write_text(json.dumps(record))
    assert [one.exploited for one in look(folder).alerts] == [None]
    feeds("kev.json")
    (second,) = look(folder).alerts
    assert second.exploited.by == "CISA KEV"


def test_a_fix_that_becomes_known_causes_another_alert(look, feeds):
    assert [one.fixed for one in look(feeds("CVE-2024-0132.json")).alerts] == [()]
    found = by_matter(look(feeds("nvidia-5582.json")))
    assert found["CVE-2024-0132", "trainer"].fixed == ("v1.16.2",)


def test_an_older_version_of_a_record_changes_nothing(look, feeds):
    folder = feeds("CVE-2024-54085.json")
    look(folder)
    record = json.loads((PUBLISHED / "CVE-2024-54085.json").read_text())
    record["cveMetadata"]["dateUpdated"] = "2025-03-12T00:00:00Z"
    record["containers"]["cna"]["affected"] = []
    (folder / "CVE-2024-54085.json").write_text(json.dumps(record))
    assert look(folder).arrived == {"new": 0, "changed": 0, "same": 0, "older": 1}


def test_the_same_record_twice_in_a_feed_counts_once(look, feeds, tmp_path):
    one = json.loads((PUBLISHED / "CVE-2024-0132.json").read_text())
    (feeds() / "twice.json").write_text(json.dumps([one, one]))
    seen = look(feeds())
    assert (seen.arrived["new"], seen.arrived["same"], len(seen.alerts)) == (1, 1, 1)


def test_the_order_of_records_does_not_matter(tmp_path, fleet):
    names = ["CVE-2024-0132.json", "nvidia-5582.json", "kev.json", "CVE-2024-54085.json", "CVE-2025-31133.json"]
    told = []
    for at, order in enumerate((names, names[::-1])):
        with State(tmp_path / f"{at}.sqlite") as state:
            told.append(watch(fleet(), [str(PUBLISHED / name) for name in order], state).alerts)
    assert {one.id for one in told[0]} == {one.id for one in told[1]}


def test_a_rejected_vulnerability_takes_back_its_alert(look, feeds):
    look(feeds("CVE-2024-5480.json"), text=FLEET)
    record = json.loads((PUBLISHED / "CVE-2024-5480.json").read_text())
    record["cveMetadata"] |= {"state": "REJECTED", "dateRejected": "2024-12-31T00:00:00Z"}
    record["containers"] = {"cna": {"rejectedReasons": [{"lang": "en", "value": "not a vulnerability"}]}}
    (feeds() / "CVE-2024-5480.json").write_text(json.dumps(record))
    seen = look(feeds())
    assert [(one.status, one.level) for one in seen.alerts] == [("withdrawn", "note")]
    assert not seen.needs_attention


def test_another_fleet_is_matched_with_what_was_seen_before(look, feeds):
    folder = feeds("CVE-2024-0132.json", "CVE-2026-3059.json")
    look(folder, text=FLEET.replace("nvidia-container-toolkit: 1.16.1, ", "").replace("sglang: 0.5.9, ", ""))
    seen = look(folder)
    assert seen.again
    assert set(by_matter(seen)) == {("CVE-2024-0132", "trainer"), ("CVE-2026-3059", "trainer")}


def test_a_mended_version_is_not_alerted_to(look, feeds):
    fixed = FLEET.replace("1.16.1", "1.16.2")
    assert look(feeds("CVE-2024-0132.json", "nvidia-5582.json"), text=fixed).alerts == ()


def test_a_version_that_is_not_stated_is_asked_for(look, feeds):
    seen = look(feeds("CVE-2019-6260.json"))
    (alert,) = seen.alerts
    assert (alert.status, alert.level, alert.subject) == ("possible", "check", "aspeed-bmc")
    assert "find out which version" in alert.do[0]


def test_a_chip_is_known_by_its_model_number(look, feeds):
    found = by_matter(look(feeds("CVE-2024-21950.json", "nvd-CVE-2023-4969.json")))
    assert found["CVE-2024-21950", "amd"].status == "affected"
    assert "no fix is planned: mitigate, isolate or replace it" in found["CVE-2024-21950", "amd"].do
    assert found["CVE-2023-4969", "amd"].status == "possible"


def test_a_bulletin_without_a_product_tree_finds_its_software(look, feeds):
    (alert,) = look(feeds("INTEL-SA-01271.json")).alerts
    assert (alert.touches.id, alert.subject, alert.status) == ("gaudi", "intel-gaudi-software", "affected")
    assert alert.fixed == ("1.18",)
    assert alert.ask == "secure@intel.com"


def test_a_package_of_a_registry_is_matched_by_its_ecosystem(look, feeds):
    (alert,) = look(feeds("PYSEC-2022-43015.yaml")).alerts
    assert (alert.matter, alert.status, alert.fixed) == ("CVE-2022-45907", "affected", ("1.13.1",))


def test_notices_from_before_a_day_are_kept_and_cause_no_alert(look, feeds):
    folder = feeds("CVE-2024-0132.json", "CVE-2026-3059.json")
    seen = look(folder, since="2026-01-01")
    assert {one.matter for one in seen.alerts} == {"CVE-2026-3059"}
    assert seen.arrived["new"] == 2
    assert look(folder, since="2026-01-01").alerts == ()


def test_a_feed_that_can_not_be_read_needs_attention_and_is_read_again(look, feeds):
    folder = feeds("CVE-2024-0132.json")
    (folder / "broken.json").write_text("{")
    seen = look(folder)
    assert len(seen.alerts) == 1
    assert seen.needs_attention
    assert "broken.json: broken JSON" in seen.faults[0]
    assert look(folder).faults == seen.faults
    (folder / "broken.json").unlink()
    assert not look(folder).needs_attention


def test_the_advisories_of_the_catalogue_are_a_feed(look):
    seen = look("catalogue")
    assert seen.arrived["new"] > 150
    assert "CVE-2024-54085" in {one.matter for one in seen.alerts}


def test_alerts_wait_until_they_are_delivered(tmp_path, fleet):
    feed = [str(PUBLISHED / "CVE-2024-0132.json")]
    with State(tmp_path / "state.sqlite") as state:
        first = watch(fleet(), feed, state).alerts
    with State(tmp_path / "state.sqlite") as state:
        assert watch(fleet(), feed, state).alerts == first
        state.deliver("screen", first)
        assert watch(fleet(), feed, state).alerts == ()
        assert watch(fleet(), feed, state, outlet="webhook").alerts == first


def test_a_lookout_is_plain_data(look, feeds):
    plain = look(feeds("CVE-2024-0132.json")).to_dict()
    assert msgspec.json.decode(msgspec.json.encode(plain)) == json.loads(json.dumps(plain))
    assert plain["needs_attention"] is True
    assert plain["alerts"][0]["score"]["base"] == 9.0


def test_a_purchase_has_no_driver_yet_and_what_stands_has_one(look):
    subjects = {(one.touches.id, one.subject) for one in look("catalogue").alerts}
    assert ("trainer", "nvidia-gpu-driver") in subjects
    assert ("spring", "nvidia-gpu-driver") not in subjects
