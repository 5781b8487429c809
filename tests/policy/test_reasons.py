import datetime as dt
import json
from pathlib import Path

import pytest

from polysilicon.facts import Catalogue, load
from polysilicon.policy import Items, Transaction, explain, judge, verdict
from polysilicon.records.document import parse_yaml
from polysilicon.records.errors import InputError, UnknownName

ON = dt.date(2025, 6, 1)


def test_the_h20_is_caught_by_a_letter_and_says_by_how_much(catalogue: Catalogue) -> None:
    got = verdict(catalogue, "nvidia-h20-96gb", Transaction("CN"), ON)
    assert got.item_class == "not_3A090"
    assert got.consequence == "licence_required:is_informed_letter"
    assert got.decided_by == ("US-13",)
    assert got.confidence == "press"
    assert not got.undetermined
    letter = next(one for one in got.findings if one.id == "US-13")
    assert letter.applies == "yes"
    lines = {reading.subject: reading for reading in letter.readings}
    assert lines["total_dram_bandwidth"].margin == 2600.0
    assert lines["aggregate_io_bandwidth"].margin == -200.0
    assert lines["aggregate_io_bandwidth"].holds == "no"
    assert lines["total_dram_bandwidth"].margin_pct == pytest.approx(100 * 2600 / 1400)


def test_every_rule_in_force_is_listed_whether_it_binds_or_not(catalogue: Catalogue) -> None:
    got = verdict(catalogue, "nvidia-h20-96gb", Transaction("CN"), ON)
    listed = {one.id for one in got.findings}
    assert {"US-03a", "US-03b", "US-05", "US-10", "US-13", "US-14"} <= listed
    assert "US-17" not in listed
    assert all(one.citation for one in got.findings)


def test_a_verdict_is_trusted_no_more_than_the_figures_it_read() -> None:
    theirs = load(Path("examples/our-part.yaml"))
    got = verdict(theirs, "our-part", Transaction("CN", exported_from="US"), dt.date(2026, 10, 1))
    assert (got.decided_by, got.confidence) == ((), "estimate")
    assert all("user" in one.sources for one in got.inputs if one.confidence == "estimate")


def test_a_figure_that_no_deciding_rule_read_takes_no_trust_away(catalogue: Catalogue) -> None:
    mine = catalogue.overlaid(parse_yaml("chips: {nvidia-h20-96gb: {fp64_tflops: 0.9}}", "mine.yaml"))
    assert verdict(mine, "nvidia-h20-96gb", Transaction("CN"), ON).confidence == "press"
    mine = catalogue.overlaid(parse_yaml("chips: {nvidia-h20-96gb: {memory_bw_gbs: 4100}}", "mine.yaml"))
    assert verdict(mine, "nvidia-h20-96gb", Transaction("CN"), ON).confidence == "estimate"


def test_what_would_change_it_may_be_left_out(catalogue: Catalogue) -> None:
    whole = verdict(catalogue, "nvidia-h20-96gb", Transaction("CN"), ON)
    brief = verdict(catalogue, "nvidia-h20-96gb", Transaction("CN"), ON, flips=False)
    assert whole.flips
    assert not brief.flips
    assert brief.findings == whole.findings


def test_a_country_by_its_name_is_told_to_use_the_code(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownName, match=r"'China'.*write the code, not the name") as caught:
        verdict(catalogue, "nvidia-h20-96gb", Transaction("China"), ON)
    assert caught.value.nearest == ()


def test_a_flip_says_which_figure_would_change_the_answer(catalogue: Catalogue) -> None:
    got = verdict(catalogue, "nvidia-h20-96gb", Transaction("CN"), ON)
    nearest = next(one for one in got.flips if one.quantity == "tpp")
    assert (nearest.to, nearest.just, nearest.item_class) == (2400.0, "at", "3A090.b")
    assert nearest.change == 32.0


def test_a_flip_below_a_line_frees_the_part(catalogue: Catalogue) -> None:
    items = Items.from_columns({"tpp": [5000.0], "die_area_mm2": [4000.0]})
    got = explain(judge(catalogue, items, Transaction("CN"), dt.date(2024, 6, 1)), 0)
    down = next(one for one in got.flips if one.quantity == "tpp" and one.to == 4800.0)
    assert (down.just, down.item_class, down.consequence) == ("below", "not_3A090", "no_licence_requirement")


def test_a_missing_figure_is_named_with_what_it_could_mean(catalogue: Catalogue) -> None:
    got = verdict(catalogue, "google-tpu-v5e", Transaction("CN"), dt.date(2024, 6, 1))
    assert (got.item_class, got.consequence, got.permission) == ("unknown", "unknown", "undetermined")
    assert got.undetermined
    assert got.missing == ("die_area_mm2",)
    assert {"class 3A090.a", "class 3A090.b", "class not_3A090"} <= set(got.could_be)
    assert {"licence_required:presumption_of_denial", "no_licence_requirement"} <= set(got.could_be)
    assert "licence_required:presumption_of_approval" not in got.could_be


def test_a_figure_from_memory_near_a_line_leaves_the_class_open(catalogue: Catalogue) -> None:
    got = verdict(catalogue, "google-tpu-v4", Transaction("CN"), dt.date(2024, 6, 1))
    assert got.item_class == "unknown"
    assert got.missing == ("die_area_mm2",)
    far = verdict(catalogue, "nvidia-h100-sxm-80gb", Transaction("CN"), dt.date(2024, 6, 1))
    assert (far.item_class, far.undetermined) == ("3A090.a", False)


def test_an_origin_that_is_not_said_is_named_where_it_matters(catalogue: Catalogue) -> None:
    got = verdict(catalogue, "nvidia-h200-sxm-141gb", Transaction("CN"), dt.date(2026, 2, 1))
    assert got.missing == ("exported_from",)
    assert set(got.could_be) >= {"licence_required:case_by_case", "licence_required:presumption_of_denial"}


def test_what_was_taken_for_granted_is_said(catalogue: Catalogue) -> None:
    got = verdict(catalogue, "nvidia-h20-96gb", Transaction("CN"), dt.date(2026, 11, 24))
    assert got.assumed
    assert got.known_until == "2026-10-09"
    assert any("headquarters in CN" in one for one in got.presumed)
    assert any("carried forward" in one for one in got.presumed)


def test_the_window_lists_what_must_be_certified(catalogue: Catalogue) -> None:
    transaction = Transaction("CN", exported_from="US")
    got = verdict(catalogue, "nvidia-h200-sxm-141gb", transaction, dt.date(2026, 2, 1))
    assert got.decided_by[-1] == "US-17"
    assert any("third-party test" in one for one in got.conditions)
    assert got.caps == ("at most 50 % of the aggregate TPP of the same product shipped to US end use (US-17)",)


def test_another_law_that_has_a_say_is_shown_beside(catalogue: Catalogue) -> None:
    transaction = Transaction("CN", exported_from="MY")
    got = verdict(catalogue, "nvidia-h100-sxm-80gb", transaction, dt.date(2025, 8, 1))
    assert got.also == {"us-export": "3A090.a: licence_required:presumption_of_denial"}
    assert got.permission == "licence_denied"


def test_each_input_of_the_catalogue_keeps_its_confidence_and_sources(catalogue: Catalogue) -> None:
    got = verdict(catalogue, "nvidia-h20-96gb", Transaction("CN"), ON)
    inputs = {one.field: one for one in got.inputs}
    assert inputs["memory_bw_gbs"].low == 4000.0
    assert inputs["memory_bw_gbs"].confidence
    assert set(inputs["memory_bw_gbs"].sources) <= set(catalogue.sources())


def test_a_planar_part_reads_as_undefined_density(catalogue: Catalogue) -> None:
    items = Items.from_columns({"tpp": [2000.0], "applicable_die_area": [0.0]})
    got = explain(judge(catalogue, items, Transaction("CN"), dt.date(2024, 6, 1)), 0)
    reading = next(one for found in got.findings for one in found.readings if one.subject == "performance_density")
    assert (reading.word, reading.holds, reading.low) == ("undefined", "no", None)
    assert not got.undetermined


def test_a_verdict_is_plain_data(catalogue: Catalogue) -> None:
    for chip in ("nvidia-h20-96gb", "amd-mi308x", "huawei-ascend-910d"):
        plain = verdict(catalogue, chip, Transaction("CN"), ON).to_dict()
        assert json.loads(json.dumps(plain, allow_nan=False))["notice"]


def test_an_index_outside_the_table_and_an_unknown_chip_are_refused(catalogue: Catalogue) -> None:
    verdicts = judge(catalogue, Items.from_columns({"tpp": [1.0]}), Transaction("CN"), ON)
    with pytest.raises(InputError, match="no such item"):
        explain(verdicts, 1)
    with pytest.raises(UnknownName):
        verdict(catalogue, "nvidia-h21", Transaction("CN"), ON)
