"""Days and moments as feeds write them. The year in an id is not a date, and no feed's date is trusted to exist."""

import datetime as dt
import re

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}


def moment(text: str | None) -> str | None:
    """A time stamp as `YYYY-MM-DDTHH:MM:SSZ` in UTC; `None` where it is no date of the calendar."""
    if not text or len(text) > 40:
        return None
    try:
        # Feeds write any number of decimals of a second; the order by whole seconds is enough.
        found = dt.datetime.fromisoformat(re.sub(r"\.\d+", "", text.strip()).replace("Z", "+00:00"))
        aware = found if found.tzinfo else found.replace(tzinfo=dt.UTC)
        return aware.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return None


def calendar_day(text: str | None) -> str | None:
    """The day of a time stamp, as `YYYY-MM-DD`, as it stands in the feed."""
    found = re.match(r"\d{4}-\d{2}-\d{2}", (text or "").strip())
    if not found:
        return None
    try:
        return dt.date.fromisoformat(found[0]).isoformat()
    except ValueError:
        return None


def spelt_day(text: str) -> str | None:
    """The last day that stands in words: `Jan. 15, 2026` as `2026-01-15`."""
    for month, number, year in reversed(re.findall(r"\b([A-Z][a-z]{2})[a-z]*\.? (\d{1,2}), (\d{4})\b", text)):
        try:
            return dt.date(int(year), _MONTHS[month.lower()], int(number)).isoformat()
        except (KeyError, ValueError):
            continue
    return None
