"""Read and write the rows of the catalog: articles, passages and vectors, and their ids.

Every reading function sees the state that the transaction of its connection sees.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
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
SELECT_SPANS = 'SELECT id, start, "end" FROM passages WHERE article_id = ? ORDER BY start'

VECTORS_PER_BLOCK = 4096  # read at once


# Ids and digests


def vector_key(encoder: str, text: str) -> bytes:
    """Return the key of the vector of `text`. Equal texts have one vector, in whatever articles they are."""
    return hashlib.sha256(f"{encoder}\0{text}".encode()).digest()


def passage_id(article_id: str, start: int, end: int) -> int:
    """Return a passage's id of 63 bits, which depends on its article and its offsets only."""
    digest = hashlib.sha256(f"{article_id}\0{start}\0{end}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def article_digest(article: Article) -> str:
    """Return the SHA-256 of all stored columns of an article."""
    return _digest(article_row(article))


def _digest(columns: Sequence[str | None]) -> str:
    return hashlib.sha256(json.dumps(list(columns)).encode()).hexdigest()


def passage_header(article: Article) -> str:
    """Return the header that is encoded before a passage's own text: it is searched and never quoted."""
    origin = ", ".join(part for part in (article.publisher, day(article.published)) if part)
    return "\n".join(part for part in (article.title, origin) if part)


def encoded_text(passage: Passage) -> str:
    """Return the text that the encoder gets for a passage."""
    return "\n".join(part for part in (passage_header(passage.article), passage.text) if part)


# Rows


def article_row(article: Article) -> tuple[str | None, ...]:
    """Return the columns of SELECT_ARTICLE without the last, the digest."""
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
        IndexDamagedError: it is not what was stored, and must not be quoted.
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
    """Return the article with this id; None when there is none."""
    row = connection.execute(SELECT_ARTICLE + " WHERE id = ?", (id_,)).fetchone()
    return None if row is None else _article(row)


def article_by_path(connection: sqlite3.Connection, path: str) -> Article | None:
    """Return the only article of the file `path`; None when it has none or several."""
    rows = connection.execute(SELECT_ARTICLE + " WHERE path = ? LIMIT 2", (path,)).fetchall()
    return _article(rows[0]) if len(rows) == 1 else None


@dataclass(frozen=True, slots=True)
class ArticleRecord:
    """What the catalog says of an article, without its text."""

    id: str
    title: str
    publisher: str | None
    published: str | None
    authors: tuple[str, ...]


def article_records(connection: sqlite3.Connection, limit: int = -1) -> list[ArticleRecord]:
    """Return a record of every article, or of the first `limit`: the latest first, those without a date last."""
    rows = connection.execute(
        "SELECT id, title, publisher, published, authors FROM articles "
        "ORDER BY published IS NULL, substr(published, 1, 10) DESC, path, id LIMIT ?",
        (limit,),
    )
    return [
        ArticleRecord(id_, title or "", (publisher or "").strip() or None, published, tuple(json.loads(authors)))
        for id_, title, publisher, published, authors in rows
    ]


def count_articles(connection: sqlite3.Connection) -> int:
    """Return how many articles there are."""
    (count,) = connection.execute("SELECT count(*) FROM articles").fetchone()
    return int(count)


def articles_of_passages(connection: sqlite3.Connection, ids: Ints) -> set[str]:
    """Return the ids of the articles that these passages are of."""
    query = "SELECT DISTINCT p.article_id FROM json_each(?) CROSS JOIN passages p ON p.id = json_each.value"
    return {id_ for (id_,) in connection.execute(query, (json.dumps(ids.tolist()),))}


def passage_span(connection: sqlite3.Connection, id_: int) -> tuple[str, int, int]:
    """Return (article id, start, end) of a passage.

    Raises:
        KeyError: there is no passage with this id.
        IndexDamagedError: the span is not what was stored.
    """
    row = connection.execute('SELECT article_id, start, "end" FROM passages WHERE id = ?', (id_,)).fetchone()
    if row is None:
        raise KeyError(f"no passage {id_} in this generation")
    return _verified(id_, *row)


def article_spans(connection: sqlite3.Connection, article_id: str) -> list[tuple[int, int]]:
    """Return (start, end) of an article's passages, in order.

    Raises:
        IndexDamagedError: they are not what was stored.
    """
    rows = connection.execute(SELECT_SPANS, (article_id,))
    spans = [_verified(id_, article_id, start, end)[1:] for id_, start, end in rows]
    if not spans:
        raise IndexDamagedError(f"article {article_id!r} has lost its passages: {REPAIR}")
    return spans


def _verified(id_: int, article_id: str, start: int, end: int) -> tuple[str, int, int]:
    """Return the span of a passage after a check of its id, which is a digest of it."""
    if passage_id(article_id, start, end) != id_:
        raise IndexDamagedError(f"passage {id_} is not what was stored: {REPAIR}")
    return article_id, start, end


def all_passages(connection: sqlite3.Connection) -> Iterator[tuple[int, Passage]]:
    """Yield (id, passage) of every passage, article by article and in order."""
    for row in connection.execute(SELECT_ARTICLE + " ORDER BY id"):
        yield from _passages(connection, _article(row))


def passages_of(connection: sqlite3.Connection, article_ids: Iterable[str]) -> Iterator[tuple[int, Passage]]:
    """Yield (id, passage) of every passage of these articles, article by article and in order."""
    for id_ in article_ids:
        article = article_by_id(connection, id_)
        if article is not None:
            yield from _passages(connection, article)


def _passages(connection: sqlite3.Connection, article: Article) -> Iterator[tuple[int, Passage]]:
    for id_, start, end in connection.execute(SELECT_SPANS, (article.id,)):
        yield id_, Passage(article, start, end)


def vectors(
    connection: sqlite3.Connection, dimension: int, segment: int | None = None
) -> Iterator[tuple[Ints, Floats]]:
    """Yield blocks of ids (m,) and vectors (m, `dimension`) of a segment's passages, or of all; the ids ascend.

    Raises:
        IndexDamagedError: a vector is missing, or is not what was stored.
    """
    query = "SELECT p.id, v.key, v.vector, v.crc FROM passages p LEFT JOIN vectors v ON v.key = p.vector_key WHERE "
    if segment is None:
        rows = connection.execute(query + "p.segment IS NOT NULL ORDER BY p.id")
    else:
        rows = connection.execute(query + "p.segment = ? ORDER BY p.id", (segment,))
    while block := rows.fetchmany(VECTORS_PER_BLOCK):
        for id_, key, vector, crc in block:
            if not isinstance(vector, bytes) or len(vector) != dimension * np.dtype("<f4").itemsize:
                raise IndexDamagedError(f"passage {id_} of the catalog has no vector of {dimension} numbers: {REPAIR}")
            if vector_crc(key, vector) != crc:
                raise IndexDamagedError(f"the vector of passage {id_} is not what was stored: {REPAIR}")
        numbers = np.frombuffer(b"".join(vector for _, _, vector, _ in block), dtype="<f4").reshape(-1, dimension)
        yield np.array([id_ for id_, *_ in block], dtype=np.int64), numbers.astype(np.float32, copy=False)


def passing(connection: sqlite3.Connection, filters: Filters) -> Ints:
    """Return the ids (n,) of the passages whose article passes `filters`, ascending."""
    # CROSS JOIN keeps the order of the tables: SQLite reads the few articles first, and not all passages.
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
    ids = [
        id_
        for publisher, author in names
        for (id_,) in connection.execute(query, {**bounds, "publisher": publisher, "author": author})
    ]
    return np.unique(np.array(ids, dtype=np.int64))  # an article may name an author twice, in two spellings


def _spellings(name: str, known: Sequence[str]) -> list[str]:
    """Return the names that differ from `name` in case only. SQLite ignores the case of ASCII letters only."""
    return [one for one in known if one.strip().casefold() == name.strip().casefold()]


def _authors(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT DISTINCT value FROM articles, json_each(articles.authors)")
    return [author for (author,) in rows]


def publishers(connection: sqlite3.Connection) -> list[str]:
    """Return the publishers of the articles, in every spelling."""
    rows = connection.execute("SELECT DISTINCT publisher FROM articles WHERE publisher IS NOT NULL")
    return [publisher for (publisher,) in rows]
