from pathlib import Path

from polysilicon.facts import load
from polysilicon.facts.check import problems, warnings
from polysilicon.facts.compiler import build, read_kind
from polysilicon.facts.index import DATA, Packed
from polysilicon.facts.kinds import KINDS
from polysilicon.facts.record import units
from polysilicon.records.document import parse_yaml

catalogue = load()


def complaints(text: str) -> list[str]:
    """What is wrong because of these records of a user's."""
    known = problems(catalogue)
    return [one for one in problems(catalogue.overlaid(parse_yaml(text, "mine.yaml"))) if one not in known]


def test_what_ships_is_clean() -> None:
    assert problems(catalogue) == []


def test_an_index_older_than_its_data_is_noticed(tmp_path: Path) -> None:
    for folder in ("chips", "sources"):
        (tmp_path / folder).mkdir()
    (tmp_path / "sources/all.yaml").write_text("x: {title: X, publisher: X, url: null, read: '2026'}")
    assert "index is older" in problems(catalogue, tmp_path)[0]


def test_a_source_that_nobody_cites_is_named() -> None:
    text = "sources: {quote-7: {title: Quote, publisher: A reseller, url: null, read: 2026-11-01}}"
    assert complaints(text) == ["source quote-7: nobody cites it"]


def test_a_reference_to_nothing_is_named() -> None:
    text = "systems: {dgx-h100: {chip_id: nvidia-h101}}\nchips: {nvidia-h20-96gb: {software_stack: CUDDA}}"
    found = complaints(text)
    assert "system dgx-h100: chip_id 'nvidia-h101' is no chip" in found
    assert "chip nvidia-h20-96gb: software_stack 'CUDDA' is no stack" in found


def test_two_records_may_not_answer_to_one_name() -> None:
    found = complaints("chips: {nvidia-h20-96gb: {aliases: [AMD-MI300X]}}")
    assert found == ["chip nvidia-h20-96gb: the name 'AMD-MI300X' is amd-mi300x's too"]


def test_a_part_that_ships_before_it_is_announced_is_only_a_warning() -> None:
    text = "chips: {nvidia-h20-96gb: {available: 2020-01}}"
    assert any("nvidia-h20-96gb" in one for one in warnings(catalogue.overlaid(parse_yaml(text, "mine.yaml"))))
    assert complaints(text) == []


def test_every_number_has_a_unit() -> None:
    assert not [(kind.name, field) for kind in KINDS.values() for field, unit in units(kind.record).items() if not unit]


def test_the_data_compiles_to_what_ships(tmp_path: Path) -> None:
    build(DATA, tmp_path / "index.msgpack")
    built = Packed((tmp_path / "index.msgpack").read_bytes())
    assert built.index.hash == catalogue.hash
    assert {kind: len(built.table(kind)) for kind in KINDS} == {
        name: sum(1 for _ in read_kind(kind, DATA / kind.folder)) for name, kind in KINDS.items()
    }
