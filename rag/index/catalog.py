"""The catalog: one SQLite file that is the truth about what is indexed.

Everything changes in transactions, and a reader's transaction sees one generation from its first to its last read
(write-ahead logging keeps readers and the writer out of each other's way). The vector and lexical files beside it are
derived: they can always be made again from the rows here.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rag.errors import IndexDamagedError, IndexIncompatibleError, IndexMissingError, OnRecordError

CATALOG_FILE = "catalog.sqlite"
APPLICATION_ID = 0x4F6E5265  # "OnRe", in the file's header: says whose SQLite file it is
FORMAT = 3  # user_version of the file; raise it with every change of the tables
BEFORE = (1, 2)  # the formats that a build takes over the vectors of, and nothing else
REBUILD = "run `onrecord build --force`, which sets the file aside and builds anew from the articles"
REPAIR = "run `onrecord repair`, which sets the file aside and builds anew from the articles"
SURROUNDINGS = {  # primary result codes that are not about what the file holds
    *(sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY),
    *(sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN),
}
CACHE_KIB = 65_536  # of a build: ids and keys are random, so with less most inserts into an index wait for the disk
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
    "CREATE TABLE vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL, crc INTEGER NOT NULL)",  # see vector_crc()
    """CREATE TABLE passages (
        id INTEGER PRIMARY KEY,   -- see passage_id()
        article_id TEXT NOT NULL REFERENCES articles (id),
        start INTEGER NOT NULL, "end" INTEGER NOT NULL,   -- characters of articles.text
        vector_key BLOB NOT NULL,   -- see vector_key(); a row of vectors when it was encoded
        segment INTEGER   -- the vector segment of the generation that has it; NULL while it is found by words alone
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
    "CREATE INDEX passages_by_segment ON passages (segment)",
)


@dataclass(frozen=True, slots=True)
class Meta:
    """How a generation was made.

    Attributes:
        generation: counts the builds that changed what answers, from 1.
        encoder, dimension: of its vectors.
        recipe: what decides how a file becomes passages, see `staging.recipe`.
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
class IndexFile:
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
        raise IndexMissingError(f"no index in {index}: run `onrecord build`")
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
                for database in ("main", "temp"):
                    connection.execute(f"PRAGMA {database}.cache_size = -{CACHE_KIB}")
                _prepare(connection)
            _check_format(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """Create the tables in a file that holds nothing yet; the header is stamped in the same transaction."""
    owner, version = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    taken_over = owner == APPLICATION_ID and version in BEFORE
    if not taken_over and not _is_blank(connection):
        return
    connection.execute("PRAGMA journal_mode = WAL")
    with transaction(connection):
        if taken_over:  # the articles are read again; encoding theirs took longest, so the vectors stay
            for table in ("meta", "files", "passages", "articles", "failures", "derived"):
                connection.execute(f"DROP TABLE {table}")
            connection.execute("ALTER TABLE vectors RENAME TO vectors_before")
        for statement in SCHEMA:
            connection.execute(statement)
        if taken_over:
            connection.create_function("crc", 2, vector_crc)
            connection.execute("INSERT INTO vectors SELECT key, vector, crc(key, vector) FROM vectors_before")
            connection.execute("DROP TABLE vectors_before")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except UnicodeDecodeError as error:  # sqlite3 would quote what is wrong with the schema, and cannot
        raise sqlite3.DatabaseError("its schema is malformed") from error
    owner, version = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    if _is_blank(connection):
        raise IndexMissingError(f"the index in {path.parent} was never finished: run `onrecord build`")
    if owner != APPLICATION_ID:
        raise IndexIncompatibleError(f"{path} is a database of another program: {REBUILD}")
    if version in BEFORE:
        raise IndexIncompatibleError(
            f"{path} has format {version}, this version of On Record reads {FORMAT}: run `onrecord build`"
        )
    if version != FORMAT:
        raise IndexIncompatibleError(
            f"{path} has format {version}, this version of On Record reads {FORMAT}: {REBUILD}"
        )


def _is_blank(connection: sqlite3.Connection) -> bool:
    """Whether the file is empty, or was created and then left before its tables were committed."""
    stamped = _pragma(connection, "application_id") or _pragma(connection, "user_version")
    return not stamped and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def vector_crc(key: bytes, vector: bytes) -> int:
    """Return the CRC-32 of a vector's row: it finds any flipped bit, and a vector that is another's."""
    return zlib.crc32(vector, zlib.crc32(key))


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
            raise IndexMissingError(f"the first build of {index} never ended: run `onrecord build`")
        yield connection, generation


def check_encoder(index: Path, built_by: str, name: str) -> None:
    """Refuse to mix the vectors of two encoders.

    Raises:
        IndexIncompatible: `name` is not the encoder the index was built by.
    """
    if built_by != name:
        raise IndexIncompatibleError(
            f"{index} was built with the encoder {built_by!r}, not {name!r}: "
            "name that one, or run `onrecord build --force` to encode everything again"
        )


@contextmanager
def transaction(connection: sqlite3.Connection, *, write: bool = True) -> Iterator[None]:
    """All of the block or nothing of it; a reading one sees the state at its first statement throughout."""
    connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
    try:
        yield
        connection.execute("COMMIT")  # which a full disk can refuse
    except BaseException:
        if connection.in_transaction:  # SQLite itself rolls back after some errors
            connection.execute("ROLLBACK")
        raise


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
        raise IndexDamagedError(f"{path} is damaged ({error}): {REPAIR}") from error


# What a generation says of itself


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
        raise IndexDamagedError(f"the catalog does not say how it was built ({error!r}): {REPAIR}") from error


def index_files(connection: sqlite3.Connection, generation: int) -> list[IndexFile]:
    query = "SELECT name, sha256, bytes FROM derived WHERE generation = ? ORDER BY name"
    return [IndexFile(*row) for row in connection.execute(query, (generation,))]
