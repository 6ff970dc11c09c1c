"""The catalog: one SQLite file that is the truth about what is indexed.

Everything changes in transactions, and a reader's transaction sees one generation from its first to its last read
(write-ahead logging keeps readers and the writer out of each other's way). The vector and lexical files beside it are
derived: they can always be made again from the rows here.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rag.encode import Floats, Ints
from rag.errors import IndexDamaged, IndexIncompatible, IndexMissing, OnRecordError
from rag.filters import Filters, day
from rag.records import Article, Passage, Removed

CATALOG_FILE = "catalog.sqlite"
APPLICATION_ID = 0x4F6E5265  # "OnRe", in the file's header: says whose SQLite file it is
FORMAT = 1  # user_version of the file; raise it with every change of the tables
REBUILD = "run `onrecord build --force`, which sets the file aside and builds anew from the articles"
SURROUNDINGS = {  # primary result codes that are not about what the file holds
    *(sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY),
    *(sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN),
}
BUSY_SECONDS = 5.0  # how long a connection waits for another one's lock

SCHEMA = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE files (path TEXT PRIMARY KEY, digest TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE articles (
        id TEXT PRIMARY KEY,
        file TEXT NOT NULL,    -- the file it was read from
        path TEXT NOT NULL, title TEXT, publisher TEXT, published TEXT, authors TEXT NOT NULL, url TEXT,
        text TEXT NOT NULL, removed TEXT NOT NULL, provenance TEXT NOT NULL,
        digest TEXT NOT NULL   -- see article_digest()
    )""",
    # Little-endian float32, unit length; found by what was encoded, so that the same words are encoded once.
    "CREATE TABLE vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)",
    """CREATE TABLE passages (
        id INTEGER PRIMARY KEY,   -- see passage_id()
        article_id TEXT NOT NULL REFERENCES articles (id),
        start INTEGER NOT NULL, "end" INTEGER NOT NULL,   -- characters of articles.text
        vector_key BLOB NOT NULL REFERENCES vectors (key)
    )""",
    "CREATE TABLE failures (file TEXT NOT NULL, path TEXT NOT NULL, reason TEXT NOT NULL)",
    """CREATE TABLE derived (
        name TEXT PRIMARY KEY, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, generation INTEGER NOT NULL
    )""",
    "CREATE INDEX articles_by_file ON articles (file)",
    "CREATE INDEX articles_by_path ON articles (path, id)",
    "CREATE INDEX articles_by_origin ON articles (publisher, published, id)",
    "CREATE INDEX passages_by_article ON passages (article_id, start)",
    "CREATE INDEX passages_by_vector ON passages (vector_key)",
)
SELECT_ARTICLE = (
    "SELECT id, path, title, publisher, published, authors, url, text, removed, provenance, digest FROM articles"
)


@dataclass(frozen=True, slots=True)
class Meta:
    """How a generation was made.

    Attributes:
        generation: counts the builds that changed what answers, from 1.
        encoder, dimension: of its vectors.
        recipe: digest of what decides how a file becomes passages.
        built_at: ISO 8601, in UTC.
        version: of On Record.
    """

    generation: int
    encoder: str
    dimension: int
    recipe: str
    built_at: str
    version: str


@dataclass(frozen=True, slots=True)
class DerivedFile:
    """A file made from the catalog: its name relative to the index folder, and what it must contain."""

    name: str
    sha256: str
    bytes: int


# Opening


def connect(index: Path, *, write: bool) -> sqlite3.Connection:
    """Open the catalog of the folder `index`: read only, or to write, which creates it.

    Statements commit by themselves outside of `transaction()`. A read-only connection may pass between threads, but
    serves one at a time.

    Raises:
        IndexMissing: nothing was ever built here (reading only).
        IndexDamaged: the file is not a database, or a broken one.
        IndexIncompatible: the file belongs to another program, or to another version's format.
    """
    path = index / CATALOG_FILE
    if not write and not path.is_file():
        raise IndexMissing(f"no index in {index}: run `onrecord build`")
    with explained(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={'rwc' if write else 'ro'}",
            uri=True,
            isolation_level=None,
            timeout=BUSY_SECONDS,
            check_same_thread=False,
        )
        try:
            if write:
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA synchronous = FULL")  # committed is on the disk, whatever happens next
                _prepare(connection)
            _check_format(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """Create the tables in a file that holds nothing yet; the header is stamped in the same transaction."""
    if not _is_blank(connection):
        return
    connection.execute("PRAGMA journal_mode = WAL")
    with transaction(connection):
        for statement in SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    owner, version = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    if _is_blank(connection):
        raise IndexMissing(f"the index in {path.parent} was never finished: run `onrecord build`")
    if owner != APPLICATION_ID:
        raise IndexIncompatible(f"{path} is a database of another program: {REBUILD}")
    if version != FORMAT:
        raise IndexIncompatible(f"{path} has format {version}, this version of On Record reads {FORMAT}: {REBUILD}")


def _is_blank(connection: sqlite3.Connection) -> bool:
    """Whether the file is empty, or was created and then left before its tables were committed."""
    stamped = _pragma(connection, "application_id") or _pragma(connection, "user_version")
    return not stamped and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


@contextmanager
def reader(index: Path) -> Iterator[tuple[sqlite3.Connection, Meta]]:
    """Open the catalog for one reading transaction, in which a generation is there, and say which.

    Raises:
        IndexMissing, IndexDamaged, IndexIncompatible: there is no index, or none that can be read.
    """
    with (
        closing(connect(index, write=False)) as connection,
        explained(index / CATALOG_FILE),
        transaction(connection, write=False),
    ):
        generation = meta(connection)
        if generation is None:
            raise IndexMissing(f"the first build of {index} never ended: run `onrecord build`")
        yield connection, generation


def check_encoder(index: Path, built_by: str, name: str) -> None:
    """Refuse to mix the vectors of two encoders.

    Raises:
        IndexIncompatible: `name` is not the encoder the index was built by.
    """
    if built_by != name:
        raise IndexIncompatible(
            f"{index} was built with the encoder {built_by!r}, not {name!r}: "
            "name that one, or run `onrecord build --force` to encode everything again"
        )


@contextmanager
def transaction(connection: sqlite3.Connection, *, write: bool = True) -> Iterator[None]:
    """All of the block or nothing of it; a reading one sees the state at its first statement throughout."""
    connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # SQLite itself rolls back after some errors
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite raises in the block into the errors the user can act on."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.IntegrityError):
        raise  # ours to mend, not the user's
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in SURROUNDINGS:
            raise OnRecordError(f"cannot use {path} ({error}): see to its permissions and the free space") from error
        raise IndexDamaged(f"{path} is damaged ({error}): {REBUILD}") from error


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
        raise IndexDamaged(f"article {row[0]!r} ({row[1]}) is not what was stored: {REBUILD}")
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


# Reading; every function sees what `connection`'s transaction sees


def meta(connection: sqlite3.Connection) -> Meta | None:
    """Return how the generation was made; None before the first build has ended.

    Raises:
        IndexDamaged: something of it is missing, or is not what it should be.
    """
    rows = dict(connection.execute("SELECT key, value FROM meta"))
    if not rows:
        return None
    try:
        return Meta(
            generation=int(rows["generation"]),
            encoder=rows["encoder"],
            dimension=int(rows["dimension"]),
            recipe=rows["recipe"],
            built_at=rows["built_at"],
            version=rows["version"],
        )
    except (KeyError, ValueError) as error:
        raise IndexDamaged(f"the catalog does not say how it was built ({error!r}): {REBUILD}") from error


def derived_files(connection: sqlite3.Connection, generation: int) -> list[DerivedFile]:
    query = "SELECT name, sha256, bytes FROM derived WHERE generation = ? ORDER BY name"
    return [DerivedFile(*row) for row in connection.execute(query, (generation,))]


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
    """
    row = connection.execute('SELECT article_id, start, "end" FROM passages WHERE id = ?', (id_,)).fetchone()
    if row is None:
        raise KeyError(f"no passage {id_} in this generation")
    return row[0], row[1], row[2]


def article_spans(connection: sqlite3.Connection, article_id: str) -> list[tuple[int, int]]:
    """Return (start, end) of an article's passages, in order."""
    query = 'SELECT start, "end" FROM passages WHERE article_id = ? ORDER BY start'
    return [(start, end) for start, end in connection.execute(query, (article_id,))]


def all_passages(connection: sqlite3.Connection) -> Iterator[tuple[int, Passage]]:
    """Yield (id, passage) of every passage, an article's together and in order."""
    spans = 'SELECT id, start, "end" FROM passages WHERE article_id = ? ORDER BY start'
    for row in connection.execute(SELECT_ARTICLE + " ORDER BY id"):
        article = _article(row)
        for id_, start, end in connection.execute(spans, (article.id,)):
            yield id_, Passage(article, start, end)


def passage_vectors(connection: sqlite3.Connection, dimension: int) -> tuple[Ints, Floats]:
    """Return the ids (n,) of all passages, ascending, and their vectors (n, `dimension`).

    Raises:
        IndexDamaged: a vector is missing, or has another length.
    """
    count = connection.execute("SELECT count(*) FROM passages").fetchone()[0]
    ids, vectors = np.empty(count, dtype=np.int64), np.empty((count, dimension), dtype=np.float32)
    query = "SELECT p.id, v.vector FROM passages p LEFT JOIN vectors v ON v.key = p.vector_key ORDER BY p.id"
    for row, (id_, vector) in enumerate(connection.execute(query)):
        if vector is None or len(vector) != dimension * vectors.itemsize:
            raise IndexDamaged(f"passage {id_} of the catalog has no vector of {dimension} numbers: {REBUILD}")
        ids[row], vectors[row] = id_, np.frombuffer(vector, dtype="<f4")
    return ids, vectors


def passing(connection: sqlite3.Connection, filters: Filters) -> Ints:
    """Return the ids (n,) of the passages whose article passes `filters`, ascending."""
    query = """SELECT p.id FROM articles a JOIN passages p ON p.article_id = a.id
        WHERE (:since IS NULL OR substr(a.published, 1, length(:since)) >= :since)
        AND (:until IS NULL OR substr(a.published, 1, length(:until)) <= :until)
        AND (:publisher IS NULL OR a.publisher = :publisher)"""
    names = [None] if filters.publisher is None else _spellings(connection, filters.publisher)
    bounds = {"since": filters.since, "until": filters.until}
    found = [id_ for name in names for (id_,) in connection.execute(query, {**bounds, "publisher": name})]
    return np.sort(np.array(found, dtype=np.int64))


def _spellings(connection: sqlite3.Connection, name: str) -> list[str]:
    """Return the publishers that are `name` but for case: SQLite folds the case of ASCII letters only."""
    rows = connection.execute("SELECT DISTINCT publisher FROM articles WHERE publisher IS NOT NULL")
    return [publisher for (publisher,) in rows if publisher.strip().casefold() == name.strip().casefold()]
