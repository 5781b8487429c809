from pathlib import Path

import pytest

from polysilicon.facts.compiler import build, compile_folder, content_hash, read_kind, unfold
from polysilicon.facts.index import DATA, INDEX, Packed
from polysilicon.facts.kinds import KINDS
from polysilicon.records.errors import InputError

SOURCES = "datasheet: {title: Data sheet, publisher: A vendor, url: null, read: 2026-11-24}\n"
FROM_MEMORY = "from-memory: {title: Memory, publisher: us, url: null, read: 2026-11-24}\n"
CHIP = """\
acme-a1:
  from: [datasheet]
  confidence: datasheet
  name: A1
  vendor: Acme
  vendor_country: NO
  status: shipping
  segment: datacenter
  device_class: npu
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A catalogue of one chip and its source."""
    write(tmp_path, "sources/all.yaml", SOURCES + FROM_MEMORY)
    write(tmp_path, "chips/acme.yaml", CHIP)
    return tmp_path


def write(data: Path, name: str, text: str) -> None:
    (data / name).parent.mkdir(parents=True, exist_ok=True)
    (data / name).write_text(text, encoding="utf-8")


def refusal(data: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        compile_folder(data)
    return caught.value


def test_the_shipped_index_is_current() -> None:
    assert Packed(INDEX.read_bytes()).index.hash == content_hash(DATA)


def test_a_country_called_no_is_norway(data: Path) -> None:
    record = next(record for record, _ in read_kind(KINDS["chip"], data / "chips"))
    assert record.vendor_country == "NO"  # type: ignore[attr-defined]


def test_an_interrupted_or_refused_build_leaves_the_old_index(data: Path, tmp_path: Path) -> None:
    index = tmp_path / "index.msgpack"
    build(data, index)
    before = index.read_bytes()
    write(data, "chips/acme.yaml", CHIP.replace("shipping", "sailing"))
    with pytest.raises(InputError):
        build(data, index)
    assert index.read_bytes() == before


def test_the_hash_follows_the_content_and_not_the_line_ends(data: Path) -> None:
    first = content_hash(data)
    (data / "chips/acme.yaml").write_bytes(CHIP.replace("\n", "\r\n").encode())
    assert content_hash(data) == first
    write(data, "chips/acme.yaml", CHIP + "  tdp_w: 300\n")
    assert content_hash(data) != first


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("  tdp_v: 300\n", r"acme.yaml:10: acme-a1.tdp_v: unknown field 'tdp_v'; .*did you mean tdp_w"),
        ("  tdp_w: -300\n", r"acme.yaml:10: acme-a1.tdp_w: expected a number > 0.0; found -300"),
        ("  tdp_w: {value: -300, confidence: press}\n", r"acme.yaml:10: .*found -300"),
        ("  tdp_w: much\n", r"acme.yaml:10: acme-a1.tdp_w: expected .*found 'much'"),
        ("  tdp_w: .inf\n", r"acme.yaml:10: acme-a1.tdp_w: must be a finite number"),
        (
            "  tdp_w: {value: 300, confidence: rumour}\n",
            r"acme.yaml:10: acme-a1.tdp_w.confidence: is none .*found 'rumour'; allowed: analyst, datasheet",
        ),
        (
            "  announced: 2026-02-30\n",
            r"acme.yaml:10: acme-a1.announced: not a date of the calendar; found '2026-02-30'",
        ),
        ("  announced: 2026-13\n", r"acme.yaml:10: .*not a date of the calendar"),
        ("  tee_support: perhaps\n", r"acme.yaml:10: acme-a1.tee_support: is none .*allowed: no, unknown, yes"),
        ("  announced: soon\n", r"acme.yaml:10: acme-a1.announced"),
        ("  also: {tdp_w: [{value: 400}]}\n", r"acme.yaml:10: .*missing field 'from'"),
        ("  also: {tdp_w: [{value: 400, from: hearsay}]}\n", r"cites 'hearsay', which data/sources/ does not have"),
    ],
)
def test_a_bad_value_names_its_file_line_field_and_what_stood_there(data: Path, line: str, match: str) -> None:
    write(data, "chips/acme.yaml", CHIP + line)
    with pytest.raises(InputError, match=match):
        compile_folder(data)


def test_a_missing_field_names_the_line_of_its_record(data: Path) -> None:
    write(data, "chips/acme.yaml", CHIP.replace("  status: shipping\n", ""))
    error = refusal(data)
    assert "missing field 'status'" in str(error)
    assert error.place.line == 1


def test_a_record_without_a_source_is_refused(data: Path) -> None:
    write(data, "chips/acme.yaml", CHIP.replace("[datasheet]", "[]"))
    assert "cites no source" in str(refusal(data))


def test_a_source_may_be_named_without_brackets(data: Path) -> None:
    write(data, "chips/acme.yaml", CHIP.replace("[datasheet]", "datasheet"))
    compile_folder(data)


def test_an_unknown_source_gets_the_nearest(data: Path) -> None:
    write(data, "chips/acme.yaml", CHIP.replace("[datasheet]", "[datasheets]"))
    assert refusal(data).nearest[0] == "datasheet"


def test_an_id_or_a_name_stands_once(data: Path) -> None:
    write(data, "chips/more.yaml", CHIP)
    assert "'acme-a1' stands twice" in str(refusal(data))
    write(data, "chips/more.yaml", CHIP.replace("acme-a1", "acme-a2"))
    assert "the name 'A1'" in str(refusal(data))


def test_a_source_key_stands_once_among_all_files(data: Path) -> None:
    write(data, "sources/more.yaml", SOURCES)
    assert "source of another file" in str(refusal(data))


@pytest.mark.parametrize("text", ["- a\n- b\n", "acme-a1: 3\n"])
def test_what_is_no_table_of_records_is_refused(data: Path, text: str) -> None:
    write(data, "chips/acme.yaml", text)
    assert "must be a table" in str(refusal(data))


def test_csv_rows_keep_their_lists_and_their_doubts(data: Path) -> None:
    write(
        data,
        "nodes/n.csv",
        "id,aliases,foundry,node,row_type,yield_pct,from,confidence,unverified\nx,a;b,F,N,yield,50,datasheet,press,yield_pct\n",
    )
    record = next(record for record, _ in read_kind(KINDS["node"], data / "nodes"))
    assert record.aliases == ("a", "b")
    assert record.origin("yield_pct").confidence == "unverified"
    assert record.origin("yield_pct").sources == ("from-memory",)
    assert record.origin("node").sources == ("datasheet",)


@pytest.mark.parametrize(
    ("cells", "match"),
    [
        ("x,F,N,yield,-5,datasheet,press,", r"n.csv:2: yield_pct: expected a number >= 0.0"),
        ("x,F,N,yield,nan,datasheet,press,", r"n.csv:2: yield_pct: expected a number >= 0.0; found 'nan'"),
        ("x,F,N,yield,5,datasheet,press,yield", r"n.csv:2: unverified: 'yield' is no column.*yield_pct"),
        ("x,F,,yield,5,datasheet,press,", r"n.csv:2: missing field 'node'"),
    ],
)
def test_a_bad_cell_names_its_row_and_column(data: Path, cells: str, match: str) -> None:
    write(data, "nodes/n.csv", f"id,foundry,node,row_type,yield_pct,from,confidence,unverified\n{cells}\n")
    with pytest.raises(InputError, match=match):
        compile_folder(data)


def test_a_price_in_a_unit_nobody_knows_is_refused(data: Path) -> None:
    write(
        data,
        "prices/p.csv",
        "id,category,item,metric,value,unit,from,confidence\nx,rental,H100,on_demand,2,USD/fortnight,datasheet,press\n",
    )
    assert "USD/fortnight" in str(refusal(data))


def test_unfolding_leaves_nested_tables_alone() -> None:
    plain = unfold(KINDS["rule"], {"when": {"value": 1}, "citation": {"value": "x", "confidence": "press"}})
    assert plain["when"] == {"value": 1}
    assert plain["citation"] == "x"
    assert plain["exceptions"] == {"citation": {"confidence": "press"}}
