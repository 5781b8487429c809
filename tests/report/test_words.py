import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from polysilicon.report.words import cell, label, number, printable


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "0"),
        (12340.0, "12,340"),
        (1200.4, "1,200"),
        (119.96, "120"),
        (1234.5678, "1,235"),
        (12.3456, "12.35"),
        (0.012345, "0.01235"),
        (1.2e-7, "1.2e-07"),
        (-3.10, "-3.1"),
        (99999.6, "100,000"),
        (math.inf, "∞"),
        (math.nan, "–"),
    ],
)
def test_a_number_keeps_four_digits_and_groups_thousands(value, written):
    assert number(value) == written


@given(st.floats(-1e300, 1e300))
@example(1200.4)
@example(119.996)
def test_a_written_number_is_the_number(value):
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=6e-4)


@given(st.text())
def test_text_of_others_cannot_drive_the_terminal(words):
    assert all(letter.isprintable() or letter in "\n\t" for letter in printable(words))


def test_an_escape_sequence_is_spelt_out():
    assert printable("a\x1b[2Jb") == "a\\x1b[2Jb"


def test_a_gap_is_shown_as_one():
    assert [cell(one) for one in (None, "", (), True, 2026, 12345, ("a", 1), {"x": 0.5})] == [
        "–",
        "",
        "–",
        "yes",
        "2026",
        "12,345",
        "a, 1",
        "x: 0.5",
    ]


def test_a_closed_list_word_is_spelt_for_people():
    assert label("on_demand") == "rent"
    assert label("licence_required:case_by_case") == "licence required: case by case"
