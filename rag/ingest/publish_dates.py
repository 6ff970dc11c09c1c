"""Publish dates as sources write them, in the one form that sorts and compares."""

from __future__ import annotations

import re
from datetime import date, datetime

_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d.*", re.ASCII)
_DATE = re.compile(
    r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? )?"
    r"(?:(?P<y1>\d{4})(?P<mark>[-/.])(?P<m1>\d\d?)(?P=mark)(?P<d1>\d\d?)"
    r"|(?P<y4>\d{4})(?P<m4>\d\d)(?P<d4>\d\d)"
    r"|(?P<m2>[a-z]{3,9})\.? (?P<d2>\d\d?)(?:st|nd|rd|th)?,? (?P<y2>\d{4})"
    r"|(?P<d3>\d\d?)(?:st|nd|rd|th)?[ -](?P<m3>[a-z]{3,9})\.?,?[ -](?P<y3>\d{4}))(?!\d)",
    re.ASCII | re.IGNORECASE,
)
FIRST_YEAR, LAST_YEAR = 1600, 2199  # newspapers begin in 1605; 0001 and 9999 are how databases write "none"


def iso_date(text: str) -> str | None:
    """Return the date that `text` begins with as ISO 8601, with the time where that is in ISO 8601 already.

    None when there is none, or when it cannot be told which number is the month ("03/04/2025").
    """
    text = " ".join(text.split())
    if _ISO_TIME.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            pass
        else:
            return (text if text[10] == "T" else moment.isoformat()) if _plausible(moment) else None
    match = _DATE.match(text)
    if not match:
        return None
    parts = match.groupdict()
    year, month, day = next((parts[f"y{n}"], parts[f"m{n}"], parts[f"d{n}"]) for n in "1234" if parts[f"y{n}"])
    try:
        day_of = date(int(year), int(month) if month.isdecimal() else _month(month), int(day))
    except ValueError:
        return None
    return day_of.isoformat() if _plausible(day_of) else None


def _month(name: str) -> int:
    """Return the number of a month, of which at least three letters are given."""
    return next((n for n, month in enumerate(_MONTHS, start=1) if month.startswith(name.lower())), 0)


def _plausible(day: date) -> bool:
    return FIRST_YEAR <= day.year <= LAST_YEAR
