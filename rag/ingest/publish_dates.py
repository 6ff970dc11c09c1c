"""Read publish dates as sources write them, and return them as ISO 8601."""

from __future__ import annotations

import re
from datetime import date, datetime

from rag.filters import MONTHS

_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d.*", re.ASCII)
_DATE = re.compile(
    r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? )?"
    r"(?:(?P<y1>\d{4})(?P<mark>[-/.])(?P<m1>\d\d?)(?P=mark)(?P<d1>\d\d?)"
    r"|(?P<y4>\d{4})(?P<m4>\d\d)(?P<d4>\d\d)"
    r"|(?P<m2>[a-z]{3,9})\.? (?P<d2>\d\d?)(?:st|nd|rd|th)?,? (?P<y2>\d{4})"
    r"|(?P<d3>\d\d?)(?:st|nd|rd|th)?[ -](?P<m3>[a-z]{3,9})\.?,?[ -](?P<y3>\d{4}))(?!\d)",
    re.ASCII | re.IGNORECASE,
)
FIRST_YEAR = 1600  # the first newspaper appeared in 1605; databases write 0001 for "none"
LAST_YEAR = 2199  # databases write 9999 for "none"


def iso_date(text: str) -> str | None:
    """Return the date at the beginning of `text` as ISO 8601; keep the time when it is in ISO 8601 already.

    Return None when there is no date, or when either number can be the month ("03/04/2025").
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
        published = date(int(year), int(month) if month.isdecimal() else _month(month), int(day))
    except ValueError:
        return None
    return published.isoformat() if _plausible(published) else None


def _month(name: str) -> int:
    """Return the number of a month from its first three letters or more; 0 for another word."""
    return next((n for n, month in enumerate(MONTHS, start=1) if month.lower().startswith(name.lower())), 0)


def _plausible(day: date) -> bool:
    return FIRST_YEAR <= day.year <= LAST_YEAR
