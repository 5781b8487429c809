from pathlib import Path
from typing import Literal

import msgspec
import pytest

from polysilicon.records.document import MOST_YAML_BYTES, convert, parse_yaml, read_csv, read_text, read_yaml, spell
from polysilicon.records.errors import InputError


class Site(msgspec.Struct, forbid_unknown_fields=True):
    region: str
    power_mw: float = 1.0


class Scenario(msgspec.Struct, forbid_unknown_fields=True):
    sites: list[Site]


def complaint(text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        convert(parse_yaml(text, "mine.yaml"), Scenario)
    return caught.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("2026-11-24", "2026-11-24"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("0o17", "0o17"),
    ],
)
def test_what_yaml_1_1_would_mangle_stays_text(text: str, value: str) -> None:
    assert parse_yaml(f"country: {text}", "mine.yaml").data == {"country": value}


@pytest.mark.parametrize(("text", "value"), [("1e6", 1e6), ("-3", -3), (".5", 0.5), ("true", True), ("null", None)])
def test_numbers_and_booleans_are_those_of_yaml_1_2(text: str, value: object) -> None:
    assert parse_yaml(f"x: {text}", "mine.yaml").data == {"x": value}


def test_every_value_remembers_its_line() -> None:
    document = parse_yaml("sites:\n  - region: sg\n    power_mw: 3\n", "mine.yaml")
    assert document.place(("sites", 0, "power_mw")).line == 3
    assert str(document.place(("sites", 0, "power_mw"))) == "mine.yaml:3: sites[0].power_mw"


def test_an_absent_key_is_placed_at_the_nearest_that_encloses_it() -> None:
    document = parse_yaml("sites:\n  - region: sg\n", "mine.yaml")
    assert document.place(("sites", 0, "price")).line == 2


def test_an_unknown_field_is_named_with_the_nearest_allowed_one() -> None:
    error = complaint("sites:\n  - region: sg\n    power_mv: 3\n")
    assert (error.place.line, error.nearest) == (3, ("power_mw",))
    assert "unknown field 'power_mv'" in str(error)


def test_a_missing_field_is_named_with_the_line_of_its_table() -> None:
    error = complaint("sites:\n  - power_mw: 3\n")
    assert "missing field 'region'" in str(error)
    assert error.place.line == 2


def test_a_wrong_type_says_what_stood_there() -> None:
    error = complaint("sites:\n  - region: sg\n    power_mw: much\n")
    assert (error.place.line, error.found) == (3, "much")


def test_the_culprit_in_a_table_of_many_is_found() -> None:
    class Plan(msgspec.Struct):
        sites: dict[str, Site]

    text = "sites:\n  north: {region: sg}\n  south: {region: sg, power_mw: -}\n  west: {region: sg}\n"
    with pytest.raises(InputError, match=r"mine.yaml:3: sites.south.power_mw: .*found '-'"):
        convert(parse_yaml(text, "mine.yaml"), Plan)


def test_a_word_from_a_closed_list_gets_the_list_and_the_nearest() -> None:
    class Door(msgspec.Struct):
        state: Literal["open", "closed"]

    with pytest.raises(InputError, match="found 'opn'; allowed: closed, open; did you mean open"):
        convert(parse_yaml("state: opn", "mine.yaml"), Door)


def test_a_repeated_key_names_both_lines() -> None:
    with pytest.raises(InputError, match=r"mine.yaml:2: a: stands twice; first on line 1"):
        parse_yaml("a: 1\na: 2\n", "mine.yaml")


def test_broken_yaml_names_its_line() -> None:
    with pytest.raises(InputError, match=r"mine.yaml:2: broken YAML"):
        parse_yaml("a: [1,\n  b: }\n", "mine.yaml")


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    bomb = 'a: &a ["lol"]\n' + "".join(f"b{n}: [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n" for n in range(9))
    with pytest.raises(InputError, match=r"mine.yaml:1: anchors"):
        parse_yaml(bomb, "mine.yaml")


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(InputError, match="nested deeper"):
        parse_yaml("a: " + "[" * 100 + "]" * 100, "mine.yaml")


def test_a_tag_that_would_build_an_object_is_refused() -> None:
    with pytest.raises(InputError, match="tag"):
        parse_yaml("a: !!python/object/apply:os.system [ls]\n", "mine.yaml")


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n"])
def test_an_empty_file_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is empty"):
        parse_yaml(text, "mine.yaml")


def test_a_file_beyond_the_size_cap_is_refused_unread(tmp_path: Path) -> None:
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as stream:
        stream.truncate(100 * 2**20)
    with pytest.raises(InputError, match=f"larger than {MOST_YAML_BYTES // 2**20} MiB"):
        read_yaml(huge)


def test_text_that_is_not_utf_8_names_its_line(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_bytes(b"a: 1\nb: \xff\xfe\n")
    with pytest.raises(InputError, match=r"bad.yaml:2: is not UTF-8"):
        read_text(bad)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    marked = tmp_path / "marked.yaml"
    marked.write_bytes("a: 贵州\n".encode("utf-8-sig"))
    assert read_yaml(marked).data == {"a": "贵州"}


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_what_cannot_be_opened_says_why(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="can't be read"):
        read_text(tmp_path / name)


def test_csv_rows_come_with_their_line(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text('a,b\n1,"two\nlines"\n3,4\n')
    assert list(read_csv(table)) == [(3, {"a": "1", "b": "two\nlines"}), (4, {"a": "3", "b": "4"})]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "is empty"),
        ("a,a\n1,2\n", "column 'a' twice"),
        ("a,b\n1\n", r"t.csv:2: has 1 cells"),
        ('a\n"x\n', "broken CSV"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str, match: str) -> None:
    table = tmp_path / "t.csv"
    table.write_text(text)
    with pytest.raises(InputError, match=match):
        list(read_csv(table))


def test_keys_are_spelt_as_people_write_them() -> None:
    assert spell(("sites", 2, "region")) == "sites[2].region"


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 5_000, "- " * 2_000], ids=["lists", "tables", "blocks"])
def test_nesting_that_would_kill_the_process_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="nested deeper"):
        parse_yaml(text, "mine.yaml")


@pytest.mark.parametrize("text", ["!!int abc", "!!float x", "!!int ''", "!!python/object:os.system x"])
def test_a_tag_that_its_text_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"mine\.yaml:1"):
        parse_yaml(f"a: {text}", "mine.yaml")


def test_a_whole_number_beyond_64_bits_is_read_as_a_real_one() -> None:
    assert parse_yaml("a: " + "9" * 30, "mine.yaml").data == {"a": 1e30}
    assert parse_yaml("a: " + "9" * 5_000, "mine.yaml").data == {"a": float("inf")}
