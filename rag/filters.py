"""Which articles may answer: by publish date, by publisher and by author."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date

from rag.errors import ConfigError

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which articles may answer. An article without a date passes neither `since` nor `until`.

    Attributes:
        since, until: days, both included, as `2025`, `2025-10` or `2025-10-31`.
        publisher, author: compared without regard to case.

    Raises:
        ConfigError: a bound that is not a day.
    """

    since: str | None = None
    until: str | None = None
    publisher: str | None = None
    author: str | None = None

    def __post_init__(self) -> None:
        for name in ("since", "until"):
            bound = getattr(self, name)
            if bound is not None and not _is_day(bound):
                raise ConfigError(f"{name} is {bound!r}: give a day (2025-10-31), a month (2025-10) or a year (2025)")

    @property
    def empty(self) -> bool:
        """Whether everything passes."""
        return self == Filters()

    def within(self, since: date, until: date) -> Filters:
        """Return these filters, and no day outside of `since` to `until`."""
        first = max(filter(None, (self.since, since.isoformat())))
        last = min(filter(None, (self.until, until.isoformat())), key=_last_day)
        return replace(self, since=first, until=last)


def _last_day(bound: str) -> str:
    """Return a bound so that "2025", which lets the whole year pass, sorts after every day of it."""
    return bound + "-99-99"[len(bound) - len("YYYY") :]


def day(published: str | None) -> str | None:
    """Return the day of an ISO 8601 date or date-time, as the source has it: in its own time zone."""
    return published[:10] if published else None


def date_words(published: str | None) -> str:
    """Return the words a person would use for a publish date: "2025-10-31 31 October 2025"; empty when unknown."""
    written = day(published)
    if not written:
        return ""
    try:
        known = date.fromisoformat(written)
    except ValueError:  # a year or a month alone
        return written
    return f"{written} {known.day} {MONTHS[known.month - 1]} {known.year}"


def _is_day(text: str) -> bool:
    """Whether `text` is a year, a month or a day of ISO 8601 that exists."""
    if not re.fullmatch(r"[0-9]{4}(-[0-9]{2}){0,2}", text):
        return False
    try:
        date.fromisoformat(text + "-01-01"[len(text) - len("YYYY") :])
    except ValueError:
        return False
    return True
