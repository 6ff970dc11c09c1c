"""Count the articles of an index by date and outlet, and list them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from sqlite3 import Row
from typing import Any, Literal

from rag.filters import Filters
from rag.index import catalog
from rag.types import Article

Unit = Literal["day", "month", "year"]

PERIOD_CHARS: dict[Unit, int] = {"day": 10, "month": 7, "year": 4}  # of an ISO 8601 day
MAX_DAYS = 45  # an archive of more days is counted by months
MAX_MONTHS = 72  # an archive of more months is counted by years
MAX_OUTLETS = 6  # the largest are counted by name, the others together
OTHERS = "other outlets"
OPENING_CHARS = 400  # of the text, from which an article without a title is labelled


@dataclass(frozen=True, slots=True)
class Bar:
    """The number of articles of one outlet in one period; `outlet` is None for articles without one."""

    period: str
    outlet: str | None
    articles: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many articles were published when and by which outlet.

    Attributes:
        unit: of the periods, each of which is an ISO 8601 day, month or year.
        bars: by period and then by outlet; empty when no article has a date.
        outlets: the same without periods, the largest first; small outlets are counted together, as `OTHERS`.
        undated: articles without a publish date.
        total: all articles.
    """

    unit: Unit
    bars: tuple[Bar, ...]
    outlets: tuple[Bar, ...]
    undated: int
    total: int


def coverage(index: Path) -> Coverage:
    """Count the articles by outlet and by day, month or year of publication, whichever the span fits.

    Raises:
        IndexMissingError, IndexDamagedError, IndexIncompatibleError: there is no index that can be read.
    """
    query = "SELECT substr(published, 1, 10), publisher, count(*) FROM articles GROUP BY 1, 2"
    with catalog.reader(index) as (connection, _):
        rows = [(day or "", (name or "").strip(), n) for day, name, n in connection.execute(query)]
    spelt = {name.casefold(): name for _, name, _ in reversed(rows) if name}
    sizes = Counter[str]()
    for _, name, n in rows:
        sizes[name.casefold()] += n
    named = {name for name, _ in _largest(sizes)}
    unit = _unit([day for day, _, _ in rows if day])
    periods, outlets = Counter[tuple[str, str | None]](), Counter[str | None]()
    undated = 0
    for day, name, n in rows:
        outlet = None if not name else spelt[name.casefold()] if name.casefold() in named else OTHERS
        outlets[outlet] += n
        if day:
            periods[day[: PERIOD_CHARS[unit]], outlet] += n
        else:
            undated += n
    bars = sorted((Bar(period, outlet, n) for (period, outlet), n in periods.items()), key=_order)
    by_outlet = sorted((Bar("", outlet, n) for outlet, n in outlets.items()), key=lambda bar: -bar.articles)
    return Coverage(unit, tuple(bars), tuple(by_outlet), undated, sum(sizes.values()))


def _largest(sizes: Counter[str]) -> list[tuple[str, int]]:
    """Return the outlets that are counted by name; a single small outlet keeps its name."""
    named = Counter({name: n for name, n in sizes.items() if name})
    return named.most_common(None if len(named) <= MAX_OUTLETS + 1 else MAX_OUTLETS)


def _order(bar: Bar) -> tuple[str, str]:
    return bar.period, bar.outlet or ""


def _unit(days: list[str]) -> Unit:
    """Return the finest unit in which the span has few enough periods."""
    if not days:
        return "day"
    first, last = date.fromisoformat(min(days)), date.fromisoformat(max(days))
    if (last - first).days <= MAX_DAYS:
        return "day"
    return "month" if (last.year - first.year) * 12 + last.month - first.month <= MAX_MONTHS else "year"


_WHERE = """WHERE (:since IS NULL OR substr(published, 1, length(:since)) >= :since)
    AND (:until IS NULL OR substr(published, 1, length(:until)) <= :until)
    AND (:publisher IS NULL OR same(publisher, :publisher))
    AND holds(title, publisher, path)"""


def list_articles(
    index: Path, words: str = "", filters: Filters | None = None, limit: int = 50, offset: int = 0
) -> tuple[list[dict[str, Any]], int]:
    """Return the articles with all `words` in their title, publisher or path, and how many there are in all.

    The latest article comes first, undated ones last. Each row has `id`, `title` (or the opening words), `publisher`,
    `published`, `path`, `characters` and `removed` (lines).

    Raises:
        IndexMissingError, IndexDamagedError, IndexIncompatibleError: there is no index that can be read.
    """
    filters = filters or Filters()
    wanted = words.casefold().split()
    bounds = {"since": filters.since, "until": filters.until, "publisher": filters.publisher}
    with catalog.reader(index) as (connection, _):
        connection.row_factory = Row
        connection.create_function("holds", -1, lambda *texts: _holds(texts, wanted), deterministic=True)
        connection.create_function("same", 2, _same, deterministic=True)
        (total,) = connection.execute(f"SELECT count(*) FROM articles {_WHERE}", bounds).fetchone()  # noqa: S608
        rows = connection.execute(
            "SELECT id, path, title, publisher, published, length(text) AS characters, "  # noqa: S608
            "json_array_length(removed) AS removed, "
            f"substr(text, 1, {OPENING_CHARS}) AS opening FROM articles {_WHERE} "
            "ORDER BY published IS NULL, published DESC, path, id LIMIT :limit OFFSET :offset",
            {**bounds, "limit": limit, "offset": offset},
        ).fetchall()
    return [_row(row) for row in rows], total


def _holds(texts: tuple[str | None, ...], wanted: list[str]) -> bool:
    text = " ".join(filter(None, texts)).casefold()
    return all(word in text for word in wanted)


def _same(one: str | None, other: str) -> bool:
    return one is not None and one.strip().casefold() == other.strip().casefold()


def _row(row: Row) -> dict[str, Any]:
    label = Article(row["id"], row["path"], row["opening"], row["title"]).label
    return {
        "id": row["id"],
        "title": label,
        **{name: row[name] for name in ("publisher", "published", "path", "characters", "removed")},
    }
