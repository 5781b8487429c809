"""Screening names against a consolidated screening list."""

import csv
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polysilicon.facts.screening_list import from_json
from polysilicon.policy.screening import INSIDE, compared, likeness, screen, screen_register
from polysilicon.records.errors import InputError

EL = "Entity List (EL) - Bureau of Industry and Security"
SDN = "Specially Designated Nationals (SDN) - Treasury Department"
MOORE = "Moore Thread Intelligent Technology (Beijing) Co., Ltd."
REAL = [
    {
        "id": "m",
        "name": MOORE,
        "source": EL,
        "license_policy": "Presumption of denial",
        "addresses": [{"country": "CN"}],
    },
    {"id": "h", "name": "Huawei Technologies Co., Ltd.", "source": EL, "alt_names": ["华为技术有限公司"]},
    {"id": "s", "name": "Semiconductor Manufacturing International Corporation", "source": EL, "alt_names": ["SMIC"]},
]


def whole(*more: dict[str, object]) -> list[dict[str, object]]:
    """As many entries as a whole copy has at least."""
    filler = [{"id": f"f{at}", "name": f"Zqx {at:05d}", "source": SDN} for at in range(19_500)]
    filler += [{"id": f"e{at}", "name": f"Wvk {at:05d}", "source": EL} for at in range(1_000)]
    return [*filler, *REAL, *more]


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    path = tmp_path_factory.mktemp("csl") / "consolidated.json"
    path.write_text(json.dumps({"results": whole()}))
    return path


@pytest.fixture(scope="module")
def register(catalogue):
    return from_json(json.dumps({"results": REAL}).encode(), "part.json", catalogue, partial=True)


@pytest.mark.parametrize(
    ("asked", "entry", "least"),
    [
        (MOORE, "m", 100.0),
        ("Moore Threads", "m", 90.0),
        ("MOORETHREAD INTELLIGENT", "m", 85.0),
        ("moore-thread intelligent technology, beijing", "m", 100.0),
        ("Technologies, Huawei (Co.) Ltd", "h", 100.0),
        ("Huawai Technologies", "h", 90.0),
        ("HUAWEI", "h", 95.0),
        ("Ｈｕａｗｅｉ　Technologies", "h", 100.0),
        ("华为技术", "h", 100.0),
        ("S.M.I.C.", "s", 85.0),
    ],
)
def test_a_listed_name_is_found_in_other_writing(register, asked, entry, least):
    hits = screen_register(asked, register).hits
    assert [one.entry for one in hits] == [entry]
    assert hits[0].score >= least


@pytest.mark.parametrize("asked", ["Acme Rockets", "Micron Technology", "Zeta", "Intelligent Rockets Beijing"])
def test_an_unlike_name_is_not(register, asked):
    assert screen_register(asked, register).hits == ()


def test_a_part_of_a_name_is_never_called_the_same(register):
    (hit,) = screen_register("Huawei", register).hits
    assert hit.score == INSIDE < 100.0


def test_a_hit_says_list_policy_and_place(listed, catalogue):
    found = screen("Moore Threads", listed, catalogue)
    (hit,) = found.hits
    assert (hit.list_name, hit.agency) == ("Entity List", "Bureau of Industry and Security")
    assert (hit.policy, hit.countries) == ("Presumption of denial", ("CN",))
    assert found.entries == len(whole())
    assert "no hit is no clearance" in found.notice
    assert found.doubts == ()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (REAL, "3 entries, and a whole copy has at least 20,000"),
        ([one for one in whole() if one.get("id") != "m"], "Moore Thread"),
        (whole({"id": "n", "name": "N", "source": "Moon List (ML) - Ministry of the Moon"}), "no record knows"),
        (whole({"id": "n", "name": "  ", "source": EL}), "has no name"),
        (whole({"id": "n", "source": EL}), "name"),
        (whole({"id": "n", "name": 7, "source": EL}), "results["),
    ],
)
def test_a_list_that_is_cut_short_or_not_understood_is_refused(tmp_path, catalogue, rows, words):
    path = tmp_path / "csl.json"
    path.write_text(json.dumps({"results": rows}))
    with pytest.raises(InputError) as refused:
        screen("anybody", path, catalogue)
    assert words in str(refused.value)
    assert "csl.json" in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"results": 7}', '{"results": [7]}'])
def test_what_is_no_list_is_refused(tmp_path, catalogue, text):
    path = tmp_path / "csl.json"
    path.write_text(text)
    with pytest.raises(InputError):
        screen("anybody", path, catalogue, partial=True)


def test_a_part_of_a_list_is_read_where_told_and_says_so(tmp_path, catalogue):
    path = tmp_path / "csl.json"
    path.write_text(json.dumps({"results": REAL}))
    found = screen("Huawei", path, catalogue, partial=True)
    assert len(found.hits) == 1
    assert "a whole copy has at least" in found.doubts[0]


def test_the_list_as_csv_reads_the_same(tmp_path, catalogue):
    path = tmp_path / "csl.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["_id", "source", "name", "alt_names", "addresses", "license_policy"])
        writer.writerow(["m", EL, MOORE, "MT; Moore", "1 Street, Beijing, CN", "Presumption of denial"])
    (hit,) = screen("Moore Threads", path, catalogue, partial=True).hits
    assert (hit.entry, hit.countries) == ("m", ("CN",))


@pytest.mark.parametrize("name", ["", "  ", "---", "()"])
def test_a_name_of_nothing_is_refused(register, name):
    with pytest.raises(InputError):
        screen_register(name, register)


def test_a_score_that_makes_no_sense_is_refused(register):
    with pytest.raises(InputError):
        screen_register("x", register, least_score=101.0)


@given(st.text(max_size=60), st.text(max_size=60))
def test_likeness_is_the_same_both_ways_and_within_its_scale(first, second):
    one, two = compared(first), compared(second)
    assert 0.0 <= likeness(one, two) <= 100.0
    assert likeness(one, two) == pytest.approx(likeness(two, one))
    if one:
        assert likeness(one, one) == 100.0


@settings(max_examples=60, deadline=None)
@given(st.permutations(MOORE.replace("(", "").replace(")", "").split()), st.booleans())
def test_the_order_of_words_and_case_do_not_matter(register, words, upper):
    name = " ".join(words)
    hits = screen_register(name.upper() if upper else name, register).hits
    assert hits
    assert hits[0].score == 100.0
