"""Numbers, dates and names as a sentence gives them, and whether two of them can both be so.

Two values that cannot be compared count as compatible: nobody is said to disagree on a doubt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.filters import MONTHS
from rag.text.tokens import keys, words

Span = tuple[int, int]
ROUNDED = 0.05  # of the larger number: "about 50,000" and 51,300 are the same
_MONTH = "|".join(MONTHS)
_MONTH_NAME = rf"(?P<month>{_MONTH}|(?:{'|'.join(m[:3] for m in MONTHS)}|Sept)\.)"
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
_SCALE = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_SMALL = {
    word: float(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
}
_NUMBER = re.compile(
    r"(?P<money>[$€£¥] ?)?(?<![\w.,])(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|"
    rf"(?:{'|'.join(_SMALL)})\b)(?:[ -](?P<scale>{'|'.join(_SCALE)})\b)?(?! ?(?:st|nd|rd|th)\b)"
    r"(?P<percent> ?%| per ?cent\b| percentage points?\b)?(?P<paid> (?:dollars|euros|pounds)\b)?",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"\b(?:about|around|roughly|nearly|almost|approximately|some|an estimated|close to|circa|c\.) $", re.IGNORECASE
)
_AT_LEAST = re.compile(
    r"\b(?:over|more than|at least|above|exceeding|upwards? of|no (?:fewer|less) than|minimum of) $", re.IGNORECASE
)
_AT_MOST = re.compile(r"\b(?:under|fewer than|less than|at most|below|up to|no more than|maximum of) $", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Number:
    """A number with its unit: "percent", "money" or "" for a plain one; `low` and `high` are what it allows."""

    span: Span
    low: float
    high: float
    unit: str

    def compatible(self, other: Number) -> bool:
        return self.unit != other.unit or (self.low <= other.high and other.low <= self.high)


@dataclass(frozen=True, slots=True)
class Date:
    """A date as far as it is given: the years it may mean, month and day, None when not given."""

    span: Span
    years: tuple[int, int] | None
    month: int | None = None
    day: int | None = None

    def compatible(self, other: Date) -> bool:
        if self.years and other.years and (self.years[0] > other.years[1] or other.years[0] > self.years[1]):
            return False
        same_month = self.month is None or other.month is None or self.month == other.month
        return same_month and (self.day is None or other.day is None or self.day == other.day)


@dataclass(frozen=True, slots=True)
class Name:
    """A name by the keys of its words; "Carney" and "Mark Carney" are compatible, and so are spellings one off."""

    span: Span
    keys: frozenset[str]

    def compatible(self, other: Name) -> bool:
        return any(_alike(a, b) for a in self.keys for b in other.keys)


Value = Number | Date | Name


def compatible(a: Value, b: Value) -> bool:
    """Whether both can be so. Values of different kinds are never held against each other."""
    if isinstance(a, Number):
        return not isinstance(b, Number) or a.compatible(b)
    if isinstance(a, Date):
        return not isinstance(b, Date) or a.compatible(b)
    return not isinstance(b, Name) or a.compatible(b)


def dates(text: str) -> list[Date]:
    """Every date of a text that has a year or a month and a day, in order."""
    found: list[Date] = []
    for pattern in _DATES:
        for match in pattern.finditer(text):
            if any(match.start() < d.span[1] and d.span[0] < match.end() for d in found):
                continue
            part = match.groupdict()
            month = (
                next((n for n, m in enumerate(MONTHS, 1) if m[:3] == part["month"][:3]), None)
                if part.get("month")
                else None
            )
            day = int(part["day"]) if part.get("day") else None
            if day is None or 1 <= day <= 31:
                found.append(Date(match.span(), _years(part, text[: match.start()]), month, day))
    return sorted(found, key=lambda d: d.span)


def _years(part: dict[str, str | None], before: str) -> tuple[int, int] | None:
    if not part.get("year"):
        return None
    year = int(part["year"] or 0)
    last = year
    if until := part.get("until"):
        last = int(until) if len(until) == 4 else year - year % 100 + int(until)
    elif part.get("decade"):
        last = year + (99 if year % 100 == 0 else 9)
    slack = 3 if _ABOUT.search(before) else 0
    return (year - slack, max(year, last) + slack)


def numbers(text: str) -> list[Number]:
    """Every number of a text that is no part of a date, in order."""
    taken = [date.span for date in dates(text)]
    found = []
    for match in _NUMBER.finditer(text):
        if any(match.start() < end and start < match.end() for start, end in taken):
            continue
        written = match["number"].lower()
        number = _SMALL[written] if written in _SMALL else float(written.replace(",", ""))
        number *= _SCALE[match["scale"].lower()] if match["scale"] else 1.0
        unit = "percent" if match["percent"] else "money" if match["money"] or match["paid"] else ""
        found.append(Number(match.span(), *_bounds(number, text[: match.start()], match["scale"] is not None), unit))
    return found


def _bounds(number: float, before: str, scaled: bool) -> tuple[float, float]:
    if _AT_LEAST.search(before):
        return number, number * (1 + 2 * ROUNDED)  # nobody writes "over 75" of 90
    if _AT_MOST.search(before):
        return number * (1 - 2 * ROUNDED), number
    slack = number * ROUNDED if scaled or _ABOUT.search(before) else 0.0
    return number - slack, number + slack


def names(text: str) -> list[Name]:
    """Every run of capitalised words, in order."""
    runs: list[Span] = []
    for word in words(text):
        if not word.capitalised or not word.content:
            continue
        if runs and text[runs[-1][1] : word.start] in (" ", "-", "–", ". ", " de ", " van ", " von "):
            runs[-1] = (runs[-1][0], word.end)
        else:
            runs.append((word.start, word.end))
    return [Name(run, keys(text[slice(*run)])) for run in runs]


def _alike(a: str, b: str) -> bool:
    """The same key, or one that differs in a letter or an accent ("Korda", "Kórda")."""
    return a == b or (len(a) > 3 and len(a) == len(b) and sum(x != y for x, y in zip(a, b, strict=True)) == 1)
