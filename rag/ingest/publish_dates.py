"""Read publish dates as sources write them, and return them as ISO 8601."""

from __future__ import annotations

import re
from dataclasses import dataclass
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
# Day and month in figures. Which is which is certain when one is over 12, or when both are the same.
_FIGURES = re.compile(r"(?<!\d)(\d\d?)([/.-])(\d\d?)\2(\d{4})(?!\d)", re.ASCII)
MONTHS_OF_YEAR = 12
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
    return _date_of(_DATE.match(text)) or _certain_figures(_FIGURES.match(text))


def _date_of(match: re.Match[str] | None) -> str | None:
    if not match:
        return None
    parts = match.groupdict()
    year, month, day = next((parts[f"y{n}"], parts[f"m{n}"], parts[f"d{n}"]) for n in "1234" if parts[f"y{n}"])
    try:
        published = date(int(year), int(month) if month.isdecimal() else _month(month), int(day))
    except ValueError:
        return None
    return published.isoformat() if _plausible(published) else None


def _certain_figures(match: re.Match[str] | None) -> str | None:
    """Return the date of "25/12/2025" and "12/25/2025"; None where either number can be the month."""
    if not match:
        return None
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    if first != second and max(first, second) <= MONTHS_OF_YEAR:
        return None
    try:
        published = date(year, min(first, second), max(first, second))
    except ValueError:
        return None
    return published.isoformat() if _plausible(published) else None


# Lines that hold nothing but a date


@dataclass(frozen=True, slots=True)
class DateLine:
    """A line that says when an article was published or updated, and little else.

    Attributes:
        published: ISO 8601; None when the line has only the date of an update.
        others: what else stands there, between bars: a name, a place, an outlet.
    """

    published: str | None
    others: tuple[str, ...] = ()


MAX_DATE_LINE_CHARS = 150
MAX_OTHERS = 2
MAX_OTHER_WORDS = 5
UPDATE = re.compile(r"\b(?:updated?|modified|edited|revised|changed)\b", re.IGNORECASE)
_DIVIDER = re.compile(r" ?[|·•;] ?| [/–—-] |,? (?=(?:and )?(?:last )?(?:updated|modified)\b)", re.IGNORECASE)
_PUBLISHED = re.compile(
    r"(?:(?:first |originally )?(?:published|posted|issued)(?: on| at)?:?|(?:publication |publish(?:ed)? )?date:) ",
    re.IGNORECASE,
)
_CLOCK = re.compile(
    r"(?<!\d)\d\d?[:.]\d\d(?:[:.]\d\d)?(?: ?h(?:rs)?\b| ?[ap]\.?m\b\.?)?|(?<!\d)\d\d? ?[ap]\.?m\b\.?", re.IGNORECASE
)
_ZONE = re.compile(r"\b(?:[A-Z]{1,4}T|UTC|GMT|Z)\b(?:[+-]\d\d?(?::?\d\d)?)?|[+-]\d\d:?\d\d")
_BESIDE_A_DATE = re.compile(
    r"\b(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b\.?|at|on)\b|[,.()\s]", re.IGNORECASE
)
_READING_TIME = re.compile(r"\d{1,3}[ -]min(?:ute)?s?(?: read)?", re.IGNORECASE)


def date_line(text: str) -> DateLine | None:
    """Read a line that holds a date and, at most, a time, a label, a name or an outlet; None for any other line.

    A date in which either number can be the month makes no date line.
    """
    if len(text) > MAX_DATE_LINE_CHARS or not any(map(str.isdigit, text)):
        return None
    published: str | None = None
    updated = False
    others = []
    for part in filter(None, map(str.strip, _DIVIDER.split(text))):
        day = _only_date(part)
        if UPDATE.search(part):
            updated = updated or _only_date(UPDATE.sub("", part).replace("Last", "").strip(" :")) is not None
        elif day:
            published = published or day
        elif _READING_TIME.fullmatch(part) is None and not _only_clock(part):
            others.append(part)
    named = all(
        len(part.split()) <= MAX_OTHER_WORDS and part[0].isupper() and part[-1] not in ".!?:" for part in others
    )
    if not (published or updated) or len(others) > MAX_OTHERS or not named:
        return None
    return DateLine(published, tuple(others))


def _only_date(part: str) -> str | None:
    """Return the date of a text that holds nothing but a date, a time and a label."""
    label = _PUBLISHED.match(part)
    part = part[label.end() :] if label else part
    found = _DATE_ANYWHERE.search(part) or _FIGURES.search(part)
    if not found:
        return None
    around = f"{part[: found.start()]} {part[found.end() :]}"
    return iso_date(found[0]) if _only_clock(around.removeprefix(" T")) else None


def _only_clock(text: str) -> bool:
    return not _BESIDE_A_DATE.sub("", _ZONE.sub("", _CLOCK.sub("", text)))


_DATE_ANYWHERE = re.compile(rf"(?<![\w/.-]){_DATE.pattern}", re.ASCII | re.IGNORECASE)
MAX_DATELINE_CHARS = 100
_DATELINE_END = re.compile(r" ?[—–] ?| - ")


def dateline(text: str) -> str | None:
    """Return the date in a dateline at the beginning of a sentence: "OSLO, May 3, 2024 (Harbour Press) — ..."."""
    head, *body = _DATELINE_END.split(text[:MAX_DATELINE_CHARS], maxsplit=1)
    place = head.split(",")[0].split(" (")[0].strip()
    found = _DATE_ANYWHERE.search(head) if body else None
    if not found or not place.replace(" ", "").replace(".", "").replace("-", "").isalpha() or not place.isupper():
        return None
    return iso_date(found[0])


_DATED_ADDRESS = re.compile(r"https?://[^\s?#]{3,300}?/(\d{4})[/-](\d\d?)[/-](\d\d?)(?=[/-]|$)", re.ASCII)


def date_in_address(url: str) -> str | None:
    """Return the date in the path of an address: "https://news.example/2024/05/12/crane"."""
    match = _DATED_ADDRESS.match(url[:MAX_ADDRESS_CHARS])
    return iso_date(f"{match[1]}-{match[2]}-{match[3]}") if match else None


MAX_ADDRESS_CHARS = 400


def _month(name: str) -> int:
    """Return the number of a month from its first three letters or more; 0 for another word."""
    return next((n for n, month in enumerate(MONTHS, start=1) if month.lower().startswith(name.lower())), 0)


def _plausible(day: date) -> bool:
    return FIRST_YEAR <= day.year <= LAST_YEAR
