import pytest

from polysilicon.facts import load
from polysilicon.facts.browse import list_kinds, list_records, show
from polysilicon.records.document import parse_yaml
from polysilicon.records.errors import AmbiguousName, UnknownName

catalogue = load()


def test_every_value_of_a_chip_has_its_confidence_and_a_source_spelt_out_below() -> None:
    table = show(catalogue, "nvidia-h20-96gb")
    rows = {row["field"]: row for row in table.rows()}
    assert (rows["tdp_w"]["value"], rows["tdp_w"]["unit"]) == (400.0, "W")
    assert all(row["confidence"] and row["sources"].startswith("[") for row in rows.values())
    assert any(note.startswith("[1] ") for note in table.notes)
    assert "yours" not in table.columns


def test_a_value_from_memory_shows_as_unverified() -> None:
    rows = {row["field"]: row for row in show(catalogue, "昇腾910C").rows()}
    assert rows["tdp_w"]["confidence"] == "unverified"
    assert "752" in rows["bf16_tflops"]["others"]


def test_a_default_that_no_source_said_is_not_shown_as_sourced() -> None:
    table = show(catalogue, "vllm", "engine")
    assert "kept_mib" not in table.columns["field"]
    assert any(note.startswith("the kind's default: ") and "kept_mib 0" in note for note in table.notes)


def test_a_price_is_shown_in_its_rows_own_unit() -> None:
    rows = {row["field"]: row for row in show(catalogue, "rental-h100-contract-3yr-2026-04-03").rows()}
    assert rows["value"]["unit"] == "USD/GPU-hour"


def test_what_is_the_users_is_marked_as_theirs() -> None:
    mine = catalogue.overlaid(parse_yaml("chips: {nvidia-h20-96gb: {tdp_w: 450}}", "mine.yaml"))
    table = show(mine, "nvidia-h20-96gb")
    assert [row["field"] for row in table.rows() if row["yours"]] == ["tdp_w"]
    assert "yours: mine.yaml" in table.notes
    assert [row["id"] for row in list_records(mine, "chips", "h20").rows() if row["yours"]] == ["nvidia-h20-96gb"]


def test_a_list_is_narrowed_by_a_text_in_any_script() -> None:
    assert [row["id"] for row in list_records(catalogue, "chip", "昇腾910C").rows()] == ["huawei-ascend-910c"]
    assert len(list_records(catalogue, "region")) == 88
    assert len(list_records(catalogue, "chip", "no such thing")) == 0


def test_every_kind_can_be_listed() -> None:
    for row in list_kinds(catalogue).rows():
        assert len(list_records(catalogue, row["kind"])) == row["records"]


@pytest.mark.parametrize(
    ("name", "kind", "refusal"),
    [
        ("h20", None, AmbiguousName),
        ("nvidia-h21", None, UnknownName),
        ("dgx-h100", "chip", UnknownName),
        ("x", "chps", UnknownName),
    ],
)
def test_a_name_that_settles_nothing_is_refused(name: str, kind: str | None, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        show(catalogue, name, kind)


def test_every_record_can_be_shown() -> None:
    for row in list_kinds(catalogue).rows():
        first = next(iter(list_records(catalogue, row["kind"]).rows()), None)
        if first:
            assert len(show(catalogue, first["id"], row["kind"])) > 0
