"""The articles of an index as rows of a table, a page at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rag import catalog
from rag.filters import Filters
from rag.records import Article

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
