"""The archive as a whole: how many articles are from when and from which outlet, and a list of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from rag.filters import Filters
from rag.index import catalog
from rag.types import Article

Unit = Literal["day", "month", "year"]

LENGTHS: dict[Unit, int] = {"day": 10, "month": 7, "year": 4}  # characters of an ISO day
DAYS_SHOWN = 45  # an archive of more days is counted by months
MONTHS_SHOWN = 72  # one of more months by years
OUTLETS_SHOWN = 6  # the largest; the rest are counted together


@dataclass(frozen=True, slots=True)
class Bar:
    """So many articles of one outlet in one period. `outlet` None: the articles do not say whose they are."""

    period: str
    outlet: str | None
    articles: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """When the articles were published and by whom.

    Attributes:
        unit: what the periods are, of which each is an ISO day, month or year.
        bars: by period and then by outlet; none when no article has a date.
        outlets: the same without periods, the largest first. Small ones are counted together, as `OTHERS`.
        undated: articles that have no publish date.
    """

    unit: Unit
    bars: tuple[Bar, ...]
    outlets: tuple[Bar, ...]
    undated: int
    total: int


OTHERS = "other outlets"


def coverage(index: Path) -> Coverage:
    """Count the articles by day, month or year of publication, whichever gives a picture, and by outlet.

    Raises:
        IndexMissing, IndexDamaged, IndexIncompatible: there is nothing to count.
    """
    query = "SELECT substr(published, 1, 10), publisher, count(*) FROM articles GROUP BY 1, 2"
    with catalog.reader(index) as (connection, _):
        rows = [(day or "", (name or "").strip(), n) for day, name, n in connection.execute(query)]
    spelt = {name.casefold(): name for _, name, _ in reversed(rows) if name}
    sizes = Counter[str]()
    for _, name, n in rows:
        sizes[name.casefold()] += n
    kept = {name for name, _ in _largest(sizes)}
    unit = _unit([day for day, _, _ in rows if day])
    periods, outlets = Counter[tuple[str, str | None]](), Counter[str | None]()
    undated = 0
    for day, name, n in rows:
        outlet = None if not name else spelt[name.casefold()] if name.casefold() in kept else OTHERS
        outlets[outlet] += n
        if day:
            periods[day[: LENGTHS[unit]], outlet] += n
        else:
            undated += n
    bars = sorted((Bar(period, outlet, n) for (period, outlet), n in periods.items()), key=_order)
    by_outlet = sorted((Bar("", outlet, n) for outlet, n in outlets.items()), key=lambda bar: -bar.articles)
    return Coverage(unit, tuple(bars), tuple(by_outlet), undated, sum(sizes.values()))


def _largest(sizes: Counter[str]) -> list[tuple[str, int]]:
    """The outlets that are shown by name; one more than that is no reason to hide it among others."""
    named = Counter({name: n for name, n in sizes.items() if name})
    return named.most_common(None if len(named) <= OUTLETS_SHOWN + 1 else OUTLETS_SHOWN)


def _order(bar: Bar) -> tuple[str, str]:
    return bar.period, bar.outlet or ""


def _unit(days: list[str]) -> Unit:
    """The finest unit in which the whole span fits into one picture."""
    if not days:
        return "day"
    first, last = date.fromisoformat(min(days)), date.fromisoformat(max(days))
    if (last - first).days <= DAYS_SHOWN:
        return "day"
    return "month" if (last.year - first.year) * 12 + last.month - first.month <= MONTHS_SHOWN else "year"


OPENING = 400  # characters of the text, from which an article without a title is named
_WHERE = """WHERE (:since IS NULL OR substr(published, 1, length(:since)) >= :since)
    AND (:until IS NULL OR substr(published, 1, length(:until)) <= :until)
    AND (:publisher IS NULL OR same(publisher, :publisher))
    AND holds(title, publisher, path)"""


def listing(
    index: Path, words: str = "", filters: Filters | None = None, limit: int = 50, offset: int = 0
) -> tuple[list[dict[str, Any]], int]:
    """The articles that have all `words` in their title, publisher or path, the latest first and undated ones last;
    and how many there are in all.

    Each row: `id`, `title` (or the opening words), `publisher`, `published`, `path`, `characters`, `removed` (lines).

    Raises:
        IndexMissing, IndexDamaged, IndexIncompatible: there is nothing to list.
    """
    filters = filters or Filters()
    wanted = words.casefold().split()
    bounds = {"since": filters.since, "until": filters.until, "publisher": filters.publisher}
    with catalog.reader(index) as (connection, _):
        connection.create_function("holds", -1, lambda *texts: _holds(texts, wanted), deterministic=True)
        connection.create_function("same", 2, _same, deterministic=True)
        (total,) = connection.execute(f"SELECT count(*) FROM articles {_WHERE}", bounds).fetchone()  # noqa: S608
        rows = connection.execute(
            "SELECT id, path, title, publisher, published, length(text), json_array_length(removed), "  # noqa: S608
            f"substr(text, 1, {OPENING}) FROM articles {_WHERE} "
            "ORDER BY published IS NULL, published DESC, path, id LIMIT :limit OFFSET :offset",
            {**bounds, "limit": limit, "offset": offset},
        ).fetchall()
    return [_row(*row) for row in rows], total


def _holds(texts: tuple[str | None, ...], wanted: list[str]) -> bool:
    text = " ".join(filter(None, texts)).casefold()
    return all(word in text for word in wanted)


def _same(one: str | None, other: str) -> bool:
    return one is not None and one.strip().casefold() == other.strip().casefold()


def _row(
    id_: str,
    path: str,
    title: str | None,
    publisher: str | None,
    published: str | None,
    characters: int,
    removed: int,
    opening: str,
) -> dict[str, Any]:
    return {
        "id": id_,
        "title": Article(id_, path, opening, title).label,
        "publisher": publisher,
        "published": published,
        "path": path,
        "characters": characters,
        "removed": removed,
    }
