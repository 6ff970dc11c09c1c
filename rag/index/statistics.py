"""The archive as a whole: how much of it is from when and from whom, and which articles lie near each other."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from sqlite3 import Connection
from typing import Any, Literal

import numpy as np

from rag.filters import Filters
from rag.index import catalog
from rag.models.base import Floats
from rag.types import Article

Unit = Literal["day", "month", "year"]

LENGTHS: dict[Unit, int] = {"day": 10, "month": 7, "year": 4}  # characters of an ISO day
DAYS_SHOWN = 45  # an archive of more days is counted by months
MONTHS_SHOWN = 72  # one of more months by years
OUTLETS_SHOWN = 6  # the largest; the rest are counted together
MAPPED = 2_000  # articles on the map; of a larger archive, every second, third or so
PASSAGES_EACH = 8  # from the top of an article: there it says what it is about
COLUMNS, ROWS = 3, 4  # parts of the map, of each of which one article is named
APART = (0.5, 0.15)  # between two names, across and along, of a map that is 2 wide and 2 high
AT_ONCE = 500  # articles asked for in one query


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


@dataclass(frozen=True, slots=True)
class Place:
    """An article on the map.

    Attributes:
        x, y: -1 to 1; what is near is about the same things, and the directions mean nothing by themselves.
        above: the upper edge of the articles that it stands for, where its name can stand; None for most.
    """

    id: str
    title: str
    publisher: str | None
    published: str | None
    x: float
    y: float
    above: float | None = None


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


def story_map(index: Path, limit: int = MAPPED) -> tuple[list[Place], int]:
    """Lay the articles out so that those about the same things lie near each other; and how many articles there are.

    An article is the mean of its first passages' vectors; the two directions in which these differ most are the map's
    (principal components). Articles without a vector are not on it.

    Raises:
        IndexMissing, IndexDamaged, IndexIncompatible: there is nothing to lay out.
    """
    with catalog.reader(index) as (connection, meta):
        ids = [id_ for (id_,) in connection.execute("SELECT id FROM articles ORDER BY id")]
        chosen = ids[:: -(-len(ids) // limit)] if ids else []
        means = _means(connection, chosen, meta.dimension)
        told = _told(connection, list(means))
    if not means:
        return [], len(ids)
    flat = projected(np.array(list(means.values())))
    named = _named(flat)
    places = [
        Place(id_, *told[id_], float(x), float(y), named.get(place))
        for place, (id_, (x, y)) in enumerate(zip(means, flat, strict=True))
    ]
    return places, len(ids)


def _means(connection: Connection, ids: list[str], dimension: int) -> dict[str, Floats]:
    """Article id -> mean (d,) of the vectors of its first passages."""
    found: dict[str, list[Floats]] = {}
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        rows = connection.execute(
            "SELECT p.article_id, v.vector FROM passages AS p JOIN vectors AS v ON v.key = p.vector_key "  # noqa: S608
            f"WHERE p.article_id IN ({', '.join('?' * len(some))}) ORDER BY p.article_id, p.start",
            some,
        )
        for id_, numbers in rows:
            vectors = found.setdefault(id_, [])
            if len(vectors) < PASSAGES_EACH and len(numbers) == 4 * dimension:
                vectors.append(np.frombuffer(numbers, dtype="<f4"))
    return {id_: np.mean(vectors, axis=0) for id_, vectors in found.items() if vectors}


def _told(connection: Connection, ids: list[str]) -> dict[str, tuple[str, str | None, str | None]]:
    """Article id -> title or opening words, publisher, day."""
    told = {}
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        rows = connection.execute(
            f"SELECT id, path, title, publisher, published, substr(text, 1, {OPENING}) FROM articles "  # noqa: S608
            f"WHERE id IN ({', '.join('?' * len(some))})",
            some,
        )
        for id_, path, title, publisher, published, opening in rows:
            told[id_] = Article(id_, path, opening, title).label, publisher, (published or "")[:10] or None
    return told


def projected(vectors: Floats) -> Floats:
    """Project vectors (n, d) on their two principal components, to (n, 2) from -1 to 1; the same every time."""
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)  # ascending
    flat = centred @ axes[:, :-3:-1]
    # Either sign of an axis would do, so that of the largest coordinate is made positive.
    flat *= np.where(flat[np.abs(flat).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)
    scaled: Floats = (flat / max(float(np.abs(flat).max()), 1e-6)).astype(np.float32)
    return scaled


def _named(flat: Floats) -> dict[int, float]:
    """In each part of the map, the article nearest to the middle of those that lie there, and the highest `y` of these;
    none whose name would cover another's.
    """
    parts = np.minimum(((flat + 1) / 2 * (COLUMNS, ROWS)).astype(int), (COLUMNS - 1, ROWS - 1))
    cells, sizes = np.unique(parts[:, 0] * ROWS + parts[:, 1], return_counts=True)
    named: dict[int, float] = {}
    for cell in cells[np.argsort(-sizes, kind="stable")]:
        inside = np.flatnonzero(parts[:, 0] * ROWS + parts[:, 1] == cell)
        away = np.linalg.norm(flat[inside] - flat[inside].mean(axis=0), axis=1)
        nearest, above = int(inside[away.argmin()]), float(flat[inside, 1].max())
        apart = (
            abs(flat[nearest, 0] - flat[other, 0]) >= APART[0] or abs(above - y) >= APART[1]
            for other, y in named.items()
        )
        if all(apart):
            named[nearest] = above
    return named


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
