"""The exact days that a question about the archive names: "in July 2024", "since 2023", "last week". English only.

`rag.query.time_range` reads such words too, with a margin, since it only raises articles of those days; a count needs
the very days.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta

from rag.filters import MONTHS

_MONTH = rf"(?:{'|'.join(MONTHS)}|(?:{'|'.join(month[:3] for month in MONTHS)}|Sept)\b\.?)"
_DAY = r"\d\d?(?:st|nd|rd|th)?"
_YEAR = r"(?:1[6-9]|20|21)\d\d"
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ISO_DATE = r"\d{4}-\d\d-\d\d"
_CALENDAR = (
    rf"(?:{_ISO_DATE}|{_DAY} (?:of )?{_MONTH}(?:,? {_YEAR})?|{_MONTH} {_DAY}(?!\d)(?:,? {_YEAR})?|"
    rf"{_MONTH},?(?: of)? {_YEAR}|{_YEAR}|{_MONTH})"
)
_NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "ten": 10, "twelve": 12}
_LENGTHS = {"day": 1, "week": 7, "month": 31, "year": 366}  # days
_RELATIVE = (
    r"(?:today|yesterday|(?:this|last|past) (?:week|month|year)|"
    rf"(?:last|past) (?:\d\d?|{'|'.join(_NUMBERS)}) (?:days|weeks|months|years)|"
    rf"(?:last |this )?(?:{'|'.join(_WEEKDAYS)}))"
)
_POINT = rf"(?:{_CALENDAR}|{_RELATIVE})"
_WORDS = re.compile(
    rf"(?<!\w)(?:(?:between|from) (?P<first>{_POINT}) (?:and|to|until|till) (?P<last>{_POINT})"
    rf"|(?P<edge>since|after|before|until) (?P<point>{_POINT})"
    rf"|(?:on|in|during|of|from|for|over|within|dated) (?:the )?(?:month of |year )?(?P<named>{_POINT})"
    rf"|(?P<bare>{_RELATIVE}))(?!\w)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Days:
    """The days from `since` to `until`, both included.

    Attributes:
        words: what a person calls them, with its preposition: "in July 2024".
    """

    since: date
    until: date
    words: str


def read_days(text: str, today: date) -> tuple[Days, str] | None:
    """Return the days that a text names, and the text without them; None when it names none, or some that are not."""
    match = _WORDS.search(text)
    if match is None:
        return None
    try:
        days = _days(match, today)
    except (ValueError, OverflowError):  # 31 June
        return None
    return days, " ".join(f"{text[: match.start()]} {text[match.end() :]}".split())


def _days(match: re.Match[str], today: date) -> Days:
    if match["first"]:
        since, until = _point(match["first"], today)[0], _point(match["last"], today)[1]
    else:
        since, until = _point(match["point"] or match["named"] or match["bare"], today)
        edge = (match["edge"] or "").lower()
        if edge == "since":
            until = date.max
        elif edge == "after":
            since, until = until + timedelta(days=1), date.max
        elif edge == "before":
            since, until = date.min, since - timedelta(days=1)
        elif edge == "until":
            since = date.min
    return Days(since, until, _called(since, until))


def _called(since: date, until: date) -> str:
    if until == date.max:
        return f"since {_day(since)}"
    if since == date.min:
        return f"up to {_day(until)}"
    if since == until:
        return f"on {_day(since)}"
    if (since.month, since.day, until.month, until.day) == (1, 1, 12, 31):
        return f"in {since.year}" if since.year == until.year else f"from {since.year} to {until.year}"
    if since.day == 1 and until == _month(since.year, since.month)[1]:
        return f"in {MONTHS[since.month - 1]} {since.year}"
    return f"from {_day(since)} to {_day(until)}"


def _day(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def _point(words: str, today: date) -> tuple[date, date]:
    """Return the first and the last day of a day, a month, a year or a relative word.

    Raises:
        ValueError: there is no such day.
    """
    words = words.lower()
    if re.fullmatch(_ISO_DATE, words):
        return (date.fromisoformat(words),) * 2
    if re.fullmatch(_RELATIVE, words, re.IGNORECASE):
        return _relative(words, today)
    year = next((int(found) for found in re.findall(rf"\b{_YEAR}\b", words)), None)
    month = next((n for n, name in enumerate(MONTHS, 1) if re.search(rf"\b{name[:3].lower()}", words)), None)
    number = next((int(found) for found in re.findall(r"\b(\d\d?)(?:st|nd|rd|th)?\b", words)), None)
    if month is None:
        return date(year or today.year, 1, 1), date(year or today.year, 12, 31)
    if number is None:
        return _month(year or today.year - (month > today.month), month)
    if year is None:
        year = today.year - ((month, number) > (today.month, today.day))
    return (date(year, month, number),) * 2


def _relative(words: str, today: date) -> tuple[date, date]:
    which, _, unit = words.rpartition(" ")
    if unit in _WEEKDAYS:
        back = (today.weekday() - _WEEKDAYS.index(unit)) % 7
        return (today - timedelta(days=back or (7 if which == "last" else 0)),) * 2
    if unit in ("today", "yesterday"):
        return (today - timedelta(days=unit == "yesterday"),) * 2
    if which not in ("this", "last"):  # "past month", "last 3 weeks"
        number = which.split()[-1]
        count = _NUMBERS.get(number, 1) if number.isalpha() else int(number)
        return today - timedelta(days=count * _LENGTHS[unit.removesuffix("s")]), today
    return _calendar_period(unit, today, which == "last")


def _calendar_period(unit: str, today: date, last: bool) -> tuple[date, date]:
    """Return the first and last day of this week, month or year, or of the last one."""
    if unit == "week":
        monday = today - timedelta(days=today.weekday() + 7 * last)
        return monday, monday + timedelta(days=6)
    if unit == "month":
        year, month = divmod(today.year * 12 + today.month - 1 - last, 12)
        return _month(year, month + 1)
    return date(today.year - last, 1, 1), date(today.year - last, 12, 31)


def _month(year: int, month: int) -> tuple[date, date]:
    return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])
