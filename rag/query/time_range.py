"""The days a query speaks of: "this week", "last month", "in March 2023", "on 3 March 2023", "in 2021".

They say when the articles looked for appeared, more or less, so they raise articles of those days and shut out none.
Relative words count from the day the question is asked. English only.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta

from rag.filters import MONTHS
from rag.ingest.publish_dates import FIRST_YEAR, LAST_YEAR, iso_date

AROUND = 2  # days on either side: news is told a little before or after the day it speaks of

_MONTH = "|".join(MONTHS)
_DAYS = {
    "today": 1, "tonight": 1, "this morning": 1, "yesterday": 2, "last night": 2,
    "this week": 7, "past week": 7, "this past week": 7, "this weekend": 7, "last week": 14, "last weekend": 9,
    "this month": 31, "past month": 31, "last month": 62, "recently": 14,
    "this year": 366, "past year": 366, "last year": 731,
}  # how far back each reaches  # fmt: skip
_RELATIVE = re.compile(
    rf"\b(?:(?:earlier|late|later) )?(?P<words>{'|'.join(sorted(_DAYS, key=len, reverse=True))})\b", re.IGNORECASE
)
_WEEKDAY = re.compile(
    r"\b(?:on|last|this past) (?:mon|tues|wednes|thurs|fri|satur|sun)day(?: (?:morning|afternoon|evening|night))?\b",
    re.IGNORECASE,
)
_DAY = re.compile(
    rf"\b(?:on )?(?:\d{{4}}-\d\d-\d\d|(?:{_MONTH}) \d\d?(?:st|nd|rd|th)?,? \d{{4}}|\d\d? (?:{_MONTH}),? \d{{4}})\b",
    re.IGNORECASE,
)
_MONTH_OF = re.compile(rf"\b(?:in |during |of )?(?P<month>{_MONTH}),? (?:of )?(?P<year>\d{{4}})\b", re.IGNORECASE)
_MONTH_ALONE = re.compile(rf"\b(?:in|during|since) (?:last )?(?P<month>{_MONTH})\b(?! \d)")
_YEAR = re.compile(r"\b(?:in|during) (?P<year>(?:1[6-9]|20|21)\d\d)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The days a query speaks of, both included, and the query without the words that only say so."""

    since: date
    until: date
    query: str


def read_time_range(query: str, asked: date) -> TimeRange | None:
    """Return the days that `query`, asked on the day `asked`, speaks of; None when it speaks of none.

    Of several the narrowest named one counts. A query that would have no other words keeps them.
    """
    for pattern, days in _PATTERNS:
        match = pattern.search(query)
        span = days(match, asked) if match else None
        if match and span:
            rest = " ".join((query[: match.start()] + " " + query[match.end() :]).split())
            keeps = pattern in (_YEAR, _MONTH_OF, _MONTH_ALONE, _DAY) or len(rest) < 3
            margin = timedelta(days=AROUND)
            return TimeRange(_shift(span[0], -margin), _shift(span[1], margin), query if keeps else rest)
    return None


def _of_day(match: re.Match[str], asked: date) -> tuple[date, date] | None:
    found = iso_date(re.sub(r"^on ", "", match[0], flags=re.IGNORECASE))
    return (date.fromisoformat(found[:10]), date.fromisoformat(found[:10])) if found else None


def _of_month(match: re.Match[str], asked: date) -> tuple[date, date] | None:
    return _whole_month(int(match["year"]), _number(match["month"]))


def _of_month_alone(match: re.Match[str], asked: date) -> tuple[date, date] | None:
    """The last such month that has begun."""
    number = _number(match["month"])
    return _whole_month(asked.year - (number > asked.month), number)


def _of_year(match: re.Match[str], asked: date) -> tuple[date, date] | None:
    year = int(match["year"])
    return date(year, 1, 1), date(year, 12, 31)


def _of_weekday(match: re.Match[str], asked: date) -> tuple[date, date] | None:
    return _shift(asked, -timedelta(days=7)), asked


def _of_relative(match: re.Match[str], asked: date) -> tuple[date, date] | None:
    return _shift(asked, -timedelta(days=_DAYS[match["words"].lower()])), asked


_PATTERNS = (
    (_DAY, _of_day),
    (_MONTH_OF, _of_month),
    (_WEEKDAY, _of_weekday),
    (_RELATIVE, _of_relative),
    (_MONTH_ALONE, _of_month_alone),
    (_YEAR, _of_year),
)


def _whole_month(year: int, month: int) -> tuple[date, date] | None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return None
    return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])


def _number(month: str) -> int:
    return next(n for n, name in enumerate(MONTHS, start=1) if name.lower() == month.lower())


def _shift(day: date, by: timedelta) -> date:
    """Move a day, and stop at the ends of the calendar."""
    try:
        return day + by
    except OverflowError:
        return date.max if by > timedelta(0) else date.min
