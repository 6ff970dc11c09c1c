"""Filter the articles that may answer, by publish date, publisher and author."""

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
    """The conditions on the articles that may answer; None sets no condition.

    An article without a publish date passes neither `since` nor `until`.

    Attributes:
        since: the first day, as `2025`, `2025-10` or `2025-10-31`.
        until: the last day, included, in the same forms.
        publisher: the name of the publisher; case does not matter.
        author: the name of the author; case does not matter.

    Raises:
        ConfigError: `since` or `until` is not a date.
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
        """Whether every article passes."""
        return self == Filters()

    def within(self, since: date, until: date) -> Filters:
        """Return these filters, limited to the days from `since` to `until`."""
        first = max(filter(None, (self.since, since.isoformat())))
        last = min(filter(None, (self.until, until.isoformat())), key=_last_day)
        return replace(self, since=first, until=last)


def _last_day(bound: str) -> str:
    """Return a bound in a form that sorts after all its days: "2025" includes the whole year."""
    return bound + "-99-99"[len(bound) - len("YYYY") :]


def day(published: str | None) -> str | None:
    """Return the day of an ISO 8601 date or date-time, in the time zone of the source; None when it is unknown."""
    return published[:10] if published else None


def date_words(published: str | None) -> str:
    """Return the words for a publish date: "2025-10-31 31 October 2025"; empty when it is unknown."""
    written = day(published)
    if not written:
        return ""
    try:
        known = date.fromisoformat(written)
    except ValueError:  # a year or a month alone
        return written
    return f"{written} {known.day} {MONTHS[known.month - 1]} {known.year}"


def _is_day(text: str) -> bool:
    """Return whether a text is an existing year, month or day of ISO 8601."""
    if not re.fullmatch(r"[0-9]{4}(-[0-9]{2}){0,2}", text):
        return False
    try:
        date.fromisoformat(text + "-01-01"[len(text) - len("YYYY") :])
    except ValueError:
        return False
    return True
