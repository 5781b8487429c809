"""Scores from vectors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.watch.severity import band, scored, worst

V31 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"


def test_metrics_may_stand_in_any_order():
    odd = scored("CVSS:3.1/AC:L/AV:N/A:H/C:H/I:H/PR:N/S:U/UI:N")
    assert odd is not None
    assert odd.base == scored(V31).base == 9.8


@pytest.mark.parametrize(
    ("vector", "version", "base"),
    [
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", "3.0", 10.0),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", "4.0", 10.0),
        ("AV:N/AC:L/Au:N/C:C/I:C/A:C", "2.0", 10.0),
    ],
)
def test_every_version_of_the_standard_is_computed(vector, version, base):
    found = scored(vector)
    assert (found.version, found.base) == (version, base)


def test_a_field_that_contradicts_the_vector_is_noted_and_the_vector_trusted():
    found = scored(
        "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:C/C:H/I:H/A:H", stated=8.3, fields={"userInteraction": "NONE"}, by="CNA"
    )
    assert found.base == 8.3
    assert found.note == "the record says userInteraction NONE, its vector UI:R"


def test_a_number_that_contradicts_the_vector_is_noted():
    assert scored(V31, stated=5.0).note == "the record says 5, its vector gives 9.8"


def test_a_number_without_a_usable_vector_stands_with_a_note():
    assert scored("", stated=7.5).note == "no vector is given"
    assert "can't be read" in scored("CVSS:3.1/AV:N", stated=7.5).note
    assert scored("rubbish") is None
    assert scored("", stated=70.0) is None


def test_bands_are_those_of_the_standard():
    assert [band(one) for one in (None, 0.0, 0.1, 3.9, 4.0, 6.9, 7.0, 8.9, 9.0)] == [
        "unknown",
        "none",
        "low",
        "low",
        "medium",
        "medium",
        "high",
        "high",
        "critical",
    ]


def test_the_worst_of_several_scores_counts():
    both = tuple(one for one in (scored(V31), scored("", stated=2.0)) if one)
    assert worst(both).base == 9.8
    assert worst(()) is None


@given(st.text(max_size=200))
def test_no_vector_breaks_the_reader(vector):
    scored(vector)
    scored(f"CVSS:3.1/{vector}")
    scored(f"CVSS:4.0/{vector}", stated=5.0)
