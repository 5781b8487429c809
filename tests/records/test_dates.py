import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.records.dates import Quarter, day
from polysilicon.records.errors import InputError


@pytest.mark.parametrize("text", ["2026-02-30", "2025-02-29", "2026-13-01", "2026-1-1", "24.11.2026", "today", ""])
def test_a_day_the_calendar_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="YYYY-MM-DD"):
        day(text)


def test_a_leap_day_is_a_day() -> None:
    assert day("2028-02-29") == dt.date(2028, 2, 29)


@given(st.integers(2000, 2100), st.integers(1, 4), st.integers(-40, 40))
def test_quarters_count_as_integers_do(year: int, number: int, step: int) -> None:
    quarter = Quarter(year, number)
    assert (quarter + step) - quarter == step
    assert Quarter.parse(str(quarter)) == quarter
    assert Quarter.of(quarter.first_day) == quarter


def test_a_quarter_lasts_as_long_as_its_months() -> None:
    assert Quarter(2028, 1).hours == (31 + 29 + 31) * 24


@pytest.mark.parametrize("text", ["2026-Q5", "Q4 2026", "2026", "9999-Q4", "0000-Q1", "٢٠٢٦-Q1"])
def test_what_is_no_quarter_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="YYYY-Qn"):
        Quarter.parse(text)
