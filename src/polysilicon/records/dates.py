"""Days and quarters. Nothing here asks what day it is today."""

import datetime as dt
import re
from dataclasses import dataclass

from polysilicon.records.errors import InputError

# Up to 2999, as a plan's last quarter must be a date of the calendar too.
_QUARTER = re.compile(r"([12][0-9]{3})-?Q([1-4])")


def day(text: str) -> dt.date:
    """The date written as YYYY-MM-DD.

    Raises:
        InputError: the text is not such a date, or the calendar has no such day.
    """
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError("not YYYY-MM-DD")
        return dt.date.fromisoformat(text)
    except ValueError as cause:
        raise InputError(
            "not a date of the calendar", found=text, allowed="a day written YYYY-MM-DD, such as 2026-11-24"
        ) from cause


@dataclass(frozen=True, order=True)
class Quarter:
    """A calendar quarter, written 2026-Q4."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> "Quarter":
        """Read `2026-Q4` or `2026Q4`.

        Raises:
            InputError: anything else.
        """
        found = _QUARTER.fullmatch(text.strip())
        if not found:
            raise InputError("not a quarter", found=text, allowed="a quarter written YYYY-Qn, such as 2026-Q4")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, day: dt.date) -> "Quarter":
        """The quarter `day` lies in."""
        return cls(day.year, (day.month - 1) // 3 + 1)

    @property
    def first_day(self) -> dt.date:
        """Its first day: the day on which a plan judges the law for this quarter."""
        return dt.date(self.year, 3 * self.number - 2, 1)

    @property
    def hours(self) -> float:
        """Its length [h]."""
        return ((self + 1).first_day - self.first_day).days * 24.0

    def __add__(self, quarters: int) -> "Quarter":
        months = self.year * 4 + self.number - 1 + quarters
        return Quarter(months // 4, months % 4 + 1)

    def __sub__(self, other: "Quarter") -> int:
        return (self.year - other.year) * 4 + self.number - other.number

    def __str__(self) -> str:
        return f"{self.year}-Q{self.number}"
