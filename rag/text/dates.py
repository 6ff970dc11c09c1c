"""Find the dates of a text. English only."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.filters import MONTHS
from rag.text.quantities import ABOUT, Quantity, quantities
from rag.text.sentences import Span

LAST_DAY_OF_MONTH = 31
# A year written as "about 1900" may be so many years earlier or later.
ABOUT_MARGIN_YEARS = 3
# Patterns of a month, in full or abbreviated, and of a day of the week.
MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|"
    r"Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
DAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_MONTH_NAME = rf"(?P<month>{'|'.join(MONTHS)}|(?:{'|'.join(m[:3] for m in MONTHS)}|Sept)\.)"
_ORDINAL = r"(?:st|nd|rd|th)?"
_DATES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b{_MONTH_NAME} (?P<day>\d\d?){_ORDINAL}\b(?:,? (?P<year>\d{{4}})\b)?",
        rf"\b(?P<day>\d\d?){_ORDINAL} {_MONTH_NAME}\b(?:,? (?P<year>\d{{4}})\b)?",
        rf"\b{_MONTH_NAME},? (?P<year>\d{{4}})\b",
        r"(?<![\d,.$€£-])(?P<year>1[0-9]\d\d|20\d\d)(?:[-–/](?P<until>\d\d(?:\d\d)?))?(?![\d%]|[.,]\d)(?P<decade>s)?",
    )
)


def month_number(name: str) -> int:
    """Return 1 to 12 for the name of a month, in full or abbreviated to three letters or more."""
    return next(n for n, month in enumerate(MONTHS, start=1) if month[:3].lower() == name[:3].lower())


@dataclass(frozen=True, slots=True)
class Date:
    """A date in a text, as complete as the text gives it.

    Attributes:
        span: its characters in the text.
        years: the first and the last year that it may mean; None when it gives no year.
        month: 1 to 12; None when it gives no month.
        day: 1 to 31; None when it gives no day.
    """

    span: Span
    years: tuple[int, int] | None
    month: int | None = None
    day: int | None = None

    def compatible(self, other: Date) -> bool:
        """Return whether both may be the same date; a part that one of them does not give fits every value."""
        if self.years and other.years and (self.years[0] > other.years[1] or other.years[0] > self.years[1]):
            return False
        same_month = self.month is None or other.month is None or self.month == other.month
        return same_month and (self.day is None or other.day is None or self.day == other.day)


def dates(text: str) -> list[Date]:
    """Return every date of a text that has a year, or a month and a day, in order."""
    found: list[Date] = []
    for pattern in _DATES:
        for match in pattern.finditer(text):
            if any(match.start() < d.span[1] and d.span[0] < match.end() for d in found):
                continue
            part = match.groupdict()
            month = month_number(part["month"]) if part.get("month") else None
            day = int(part["day"]) if part.get("day") else None
            if day is None or 1 <= day <= LAST_DAY_OF_MONTH:
                found.append(Date(match.span(), _years(part, text[: match.start()]), month, day))
    return sorted(found, key=lambda d: d.span)


def _years(part: dict[str, str | None], before: str) -> tuple[int, int] | None:
    if not part.get("year"):
        return None
    year = int(part["year"] or 0)
    last = year
    if until := part.get("until"):
        last = int(until) if len(until) == len("2026") else year - year % 100 + int(until)
    elif part.get("decade"):
        last = year + (99 if year % 100 == 0 else 9)
    slack = ABOUT_MARGIN_YEARS if ABOUT.search(before) else 0
    return (year - slack, max(year, last) + slack)


def numbers(text: str) -> list[Quantity]:
    """Return the numbers of a text that count or measure.

    Numbers in dates, places in an order ("first", "7th") and "one" are left out.
    """
    taken = [date.span for date in dates(text)]
    return [
        number
        for number in quantities(text)
        if not (number.loose or number.ordinal)
        and not any(number.start < end and start < number.end for start, end in taken)
    ]
