"""What stands in the catalog: articles and passages as rows, how they are named, and how they are read.

Every reading function sees what the transaction of its connection sees.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

import numpy as np

from rag.errors import IndexDamagedError
from rag.filters import Filters, day
from rag.index.catalog import REPAIR, vector_crc
from rag.models.base import Floats, Ints
from rag.types import Article, Passage, Removed

SELECT_ARTICLE = (
    "SELECT id, path, title, publisher, published, authors, url, text, removed, provenance, digest FROM articles"
)

BLOCK = 4096  # vectors read at once


# Identities


def vector_key(encoder: str, text: str) -> bytes:
    """Return the key of the vector of `text`: the same words are encoded once, wherever they stand."""
    return hashlib.sha256(f"{encoder}\0{text}".encode()).digest()


def passage_id(article_id: str, start: int, end: int) -> int:
    """Return a passage's id, 63 bits: the same in every build of the same articles, in whatever order they came."""
    digest = hashlib.sha256(f"{article_id}\0{start}\0{end}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def article_digest(article: Article) -> str:
    """Return the SHA-256 of everything stored of an article."""
    return _digest(article_row(article))


def _digest(columns: Sequence[str | None]) -> str:
    return hashlib.sha256(json.dumps(list(columns)).encode()).hexdigest()


def passage_header(article: Article) -> str:
    """Return the words set before a passage's own when it is encoded: they are searched, and never quoted."""
    origin = ", ".join(part for part in (article.publisher, day(article.published)) if part)
    return "\n".join(part for part in (article.title, origin) if part)


def encoded_text(passage: Passage) -> str:
    """Return what stands for the passage in the vector index."""
    return "\n".join(part for part in (passage_header(passage.article), passage.text) if part)


# Rows


def article_row(article: Article) -> tuple[str | None, ...]:
    """Return the columns of SELECT_ARTICLE but the last, the digest."""
    return (
        article.id,
        article.path,
        article.title,
        article.publisher,
        article.published,
        json.dumps(article.authors, ensure_ascii=False),
        article.url,
        article.text,
        json.dumps([[r.line, r.text, r.reason] for r in article.removed], ensure_ascii=False),
        json.dumps(article.provenance, ensure_ascii=False, sort_keys=True),
    )


def _article(row: Sequence[str]) -> Article:
    """Rebuild an article from the columns of SELECT_ARTICLE.

    Raises:
        IndexDamaged: it is not what was stored; nobody shall be quoted with words that a disk made up.
    """
    *columns, digest = row
    if _digest(columns) != digest:
        raise IndexDamagedError(f"article {row[0]!r} ({row[1]}) is not what was stored: {REPAIR}")
    id_, path, title, publisher, published, authors, url, text, removed, provenance = columns
    return Article(
        id=id_,
        path=path,
        text=text,
        title=title,
        publisher=publisher,
        published=published,
        authors=tuple(json.loads(authors)),
        url=url,
        removed=tuple(Removed(*line) for line in json.loads(removed)),
        provenance=json.loads(provenance),
    )


def vector_row(key: bytes, vector: Floats) -> tuple[bytes, bytes, int]:
    """Return the row of a vector (d,)."""
    numbers = vector.astype("<f4").tobytes()
    return key, numbers, vector_crc(key, numbers)


# Reading


def articles(connection: sqlite3.Connection) -> Iterator[Article]:
    """Yield every article, by path and then by id."""
    for row in connection.execute(SELECT_ARTICLE + " ORDER BY path, id"):
        yield _article(row)


def article_by_id(connection: sqlite3.Connection, id_: str) -> Article | None:
    row = connection.execute(SELECT_ARTICLE + " WHERE id = ?", (id_,)).fetchone()
    return None if row is None else _article(row)


def article_by_path(connection: sqlite3.Connection, path: str) -> Article | None:
    """Return the article of `path`; None when there is none, or when the file holds several."""
    rows = connection.execute(SELECT_ARTICLE + " WHERE path = ? LIMIT 2", (path,)).fetchall()
    return _article(rows[0]) if len(rows) == 1 else None


def passage_span(connection: sqlite3.Connection, id_: int) -> tuple[str, int, int]:
    """Return (article id, start, end) of a passage.

    Raises:
        KeyError: there is none with this id.
        IndexDamaged: it is not what was stored.
    """
    row = connection.execute('SELECT article_id, start, "end" FROM passages WHERE id = ?', (id_,)).fetchone()
    if row is None:
        raise KeyError(f"no passage {id_} in this generation")
    return _verified(id_, *row)


def article_spans(connection: sqlite3.Connection, article_id: str) -> list[tuple[int, int]]:
    """Return (start, end) of an article's passages, in order.

    Raises:
        IndexDamaged: they are not what was stored.
    """
    query = 'SELECT id, start, "end" FROM passages WHERE article_id = ? ORDER BY start'
    found = [_verified(id_, article_id, start, end)[1:] for id_, start, end in connection.execute(query, (article_id,))]
    if not found:
        raise IndexDamagedError(f"article {article_id!r} has lost its passages: {REPAIR}")
    return found


def _verified(id_: int, article_id: str, start: int, end: int) -> tuple[str, int, int]:
    """Return the span of a passage, whose id is a digest of it."""
    if passage_id(article_id, start, end) != id_:
        raise IndexDamagedError(f"passage {id_} is not what was stored: {REPAIR}")
    return article_id, start, end


def all_passages(connection: sqlite3.Connection) -> Iterator[tuple[int, Passage]]:
    """Yield (id, passage) of every passage, an article's together and in order."""
    for row in connection.execute(SELECT_ARTICLE + " ORDER BY id"):
        yield from _passages(connection, _article(row))


def passages_of(connection: sqlite3.Connection, article_ids: Iterable[str]) -> Iterator[tuple[int, Passage]]:
    """Yield (id, passage) of every passage of these articles, an article's together and in order."""
    for id_ in article_ids:
        article = article_by_id(connection, id_)
        if article is not None:
            yield from _passages(connection, article)


def _passages(connection: sqlite3.Connection, article: Article) -> Iterator[tuple[int, Passage]]:
    query = 'SELECT id, start, "end" FROM passages WHERE article_id = ? ORDER BY start'
    for id_, start, end in connection.execute(query, (article.id,)):
        yield id_, Passage(article, start, end)


def vectors(
    connection: sqlite3.Connection, dimension: int, segment: int | None = None
) -> Iterator[tuple[Ints, Floats]]:
    """Yield the ids (m,) and vectors (m, `dimension`) of the passages of a segment, or of all, ascending, in blocks.

    Raises:
        IndexDamaged: a vector is missing, or is not what was stored.
    """
    query = "SELECT p.id, v.key, v.vector, v.crc FROM passages p LEFT JOIN vectors v ON v.key = p.vector_key WHERE "
    if segment is None:
        found = connection.execute(query + "p.segment IS NOT NULL ORDER BY p.id")
    else:
        found = connection.execute(query + "p.segment = ? ORDER BY p.id", (segment,))
    while block := found.fetchmany(BLOCK):
        for id_, key, vector, crc in block:
            if not isinstance(vector, bytes) or len(vector) != dimension * np.dtype("<f4").itemsize:
                raise IndexDamagedError(f"passage {id_} of the catalog has no vector of {dimension} numbers: {REPAIR}")
            if vector_crc(key, vector) != crc:
                raise IndexDamagedError(f"the vector of passage {id_} is not what was stored: {REPAIR}")
        numbers = np.frombuffer(b"".join(vector for _, _, vector, _ in block), dtype="<f4").reshape(-1, dimension)
        yield np.array([id_ for id_, *_ in block], dtype=np.int64), numbers.astype(np.float32, copy=False)


def passing(connection: sqlite3.Connection, filters: Filters) -> Ints:
    """Return the ids (n,) of the passages whose article passes `filters`, ascending."""
    # CROSS JOIN keeps the order: articles first, which are few; SQLite would go through all passages instead.
    query = """SELECT p.id FROM articles a CROSS JOIN passages p ON p.article_id = a.id
        WHERE (:since IS NULL OR substr(a.published, 1, length(:since)) >= :since)
        AND (:until IS NULL OR substr(a.published, 1, length(:until)) <= :until)
        AND (:publisher IS NULL OR a.publisher = :publisher)
        AND (:author IS NULL OR EXISTS (SELECT 1 FROM json_each(a.authors) WHERE value = :author))"""
    names = product(
        _spellings(filters.publisher, publishers(connection)) if filters.publisher is not None else [None],
        _spellings(filters.author, _authors(connection)) if filters.author is not None else [None],
    )
    bounds = {"since": filters.since, "until": filters.until}
    found = [
        id_
        for publisher, author in names
        for (id_,) in connection.execute(query, {**bounds, "publisher": publisher, "author": author})
    ]
    return np.unique(np.array(found, dtype=np.int64))  # an article may name an author twice, in two spellings


def _spellings(name: str, known: Sequence[str]) -> list[str]:
    """Return those that are `name` but for case: SQLite folds the case of ASCII letters only."""
    return [one for one in known if one.strip().casefold() == name.strip().casefold()]


def _authors(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute("SELECT DISTINCT value FROM articles, json_each(articles.authors)")
    return [author for (author,) in found]


def publishers(connection: sqlite3.Connection) -> list[str]:
    """Return the publishers of the articles, as they are spelt there."""
    found = connection.execute("SELECT DISTINCT publisher FROM articles WHERE publisher IS NOT NULL")
    return [publisher for (publisher,) in found]
