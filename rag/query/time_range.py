"""Find the days that a question mentions: "this week", "last month", "in March 2023", "on 3 March 2023", "in 2021".

The wanted articles appeared around these days. Retrieval raises articles of these days and excludes no others. Relative
words count from the day on which the question is asked. English only.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta

from rag.filters import MONTHS
from rag.ingest.publish_dates import FIRST_YEAR, LAST_YEAR, iso_date
from rag.text.dates import month_number

# Days added on both sides: an article may appear a little before or after the day of its event.
MARGIN_DAYS = 2
# A shorter remainder is no text to search for.
MIN_REMAINING_CHARS = 3

_MONTH = "|".join(MONTHS)
# How many days each of these reaches back.
_DAYS_BACK = {
    "today": 1, "tonight": 1, "this morning": 1, "yesterday": 2, "last night": 2,
    "this week": 7, "past week": 7, "this past week": 7, "this weekend": 7, "last week": 14, "last weekend": 9,
    "this month": 31, "past month": 31, "last month": 62, "recently": 14,
    "this year": 366, "past year": 366, "last year": 731,
}  # fmt: skip
_RELATIVE = re.compile(
    rf"\b(?:(?:earlier|late|later) )?(?P<words>{'|'.join(sorted(_DAYS_BACK, key=len, reverse=True))})\b", re.IGNORECASE
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
    """The days that a question mentions.

    Attributes:
        since: the first day.
        until: the last day, included.
        query: the question without the words for the days; unchanged when these name a date, month or year, which
            articles contain too.
    """

    since: date
    until: date
    query: str


def read_time_range(question: str, asked_on: date) -> TimeRange | None:
    """Return the days that a question mentions, with the margin; None when it mentions none.

    When a question names several, the most precise one counts. A question that has no other words keeps them.

    Args:
        question: the text of the question.
        asked_on: the day from which relative words count.
    """
    for pattern, days in _PATTERNS:
        match = pattern.search(question)
        span = days(match, asked_on) if match else None
        if match and span:
            remaining = " ".join((question[: match.start()] + " " + question[match.end() :]).split())
            keep = pattern in (_YEAR, _MONTH_OF, _MONTH_ALONE, _DAY) or len(remaining) < MIN_REMAINING_CHARS
            margin = timedelta(days=MARGIN_DAYS)
            return TimeRange(_shift(span[0], -margin), _shift(span[1], margin), question if keep else remaining)
    return None


def _of_day(match: re.Match[str], asked_on: date) -> tuple[date, date] | None:
    found = iso_date(re.sub(r"^on ", "", match[0], flags=re.IGNORECASE))
    return (date.fromisoformat(found[:10]), date.fromisoformat(found[:10])) if found else None


def _of_month(match: re.Match[str], asked_on: date) -> tuple[date, date] | None:
    return _whole_month(int(match["year"]), month_number(match["month"]))


def _of_month_alone(match: re.Match[str], asked_on: date) -> tuple[date, date] | None:
    """Return the latest such month that has begun."""
    month = month_number(match["month"])
    return _whole_month(asked_on.year - (month > asked_on.month), month)


def _of_year(match: re.Match[str], asked_on: date) -> tuple[date, date] | None:
    year = int(match["year"])
    return date(year, 1, 1), date(year, 12, 31)


def _of_weekday(match: re.Match[str], asked_on: date) -> tuple[date, date] | None:
    return _shift(asked_on, -timedelta(days=7)), asked_on


def _of_relative(match: re.Match[str], asked_on: date) -> tuple[date, date] | None:
    return _shift(asked_on, -timedelta(days=_DAYS_BACK[match["words"].lower()])), asked_on


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


def _shift(day: date, by: timedelta) -> date:
    """Move a day, but not beyond the first or last day of the calendar."""
    try:
        return day + by
    except OverflowError:
        return date.max if by > timedelta(0) else date.min
