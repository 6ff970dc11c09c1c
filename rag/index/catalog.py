"""The catalog: one SQLite file with everything that is indexed.

All changes are transactions, and a reader's transaction sees one generation from its first to its last read.
Write-ahead logging lets readers and the writer work at the same time. The vector and lexical index files can always be
written again from the catalog.
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
APPLICATION_ID = 0x4F6E5265  # "OnRe" in the header of the file: it is ours
FORMAT = 3  # user_version of the file; raise it with every change of the tables
OLD_FORMATS = (1, 2)  # a build takes over their vectors and reads the articles again
REBUILD = "run `onrecord build --force`, which sets the file aside and builds anew from the articles"
REPAIR = "run `onrecord repair`, which sets the file aside and builds anew from the articles"
ENVIRONMENT_ERRORS = {  # primary result codes that do not come from the content of the file
    *(sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY),
    *(sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN),
}
CACHE_KIB = 65_536  # of a build: ids and keys are random, so with a smaller cache most inserts wait for the disk
BUSY_SECONDS = 5.0  # that a connection waits for the lock of another one
PRIMARY_CODE = 0xFF  # mask of an extended result code

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
        recipe: the versions that decide how a file becomes passages, see `staging.recipe`.
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
    """A file written from the catalog: its name relative to the index folder, its SHA-256 and its size."""

    name: str
    sha256: str
    bytes: int


# Opening


def connect(index: Path, *, write: bool) -> sqlite3.Connection:
    """Open the catalog of the folder `index`, for reading only, or for writing, which creates it.

    A statement outside of `transaction()` commits by itself. Threads may pass a read-only connection on, but only one
    may use it at a time.

    Raises:
        IndexMissingError: there is no catalog (reading only).
        IndexDamagedError: the file is not a database, or is damaged.
        IndexIncompatibleError: the file belongs to another program, or has the format of another version.
    """
    path = index / CATALOG_FILE
    if not write and not path.is_file():
        raise IndexMissingError(f"no index in {index}: run `onrecord build`")
    with explain_errors(path):
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
                connection.execute("PRAGMA synchronous = FULL")  # a commit returns once it is on the disk
                for database in ("main", "temp"):
                    connection.execute(f"PRAGMA {database}.cache_size = -{CACHE_KIB}")
                _prepare(connection)
            _check_format(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """Create the tables of a blank file or an old format, and set the header in the same transaction."""
    owner, version = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    taken_over = owner == APPLICATION_ID and version in OLD_FORMATS
    if not taken_over and not _is_blank(connection):
        return
    connection.execute("PRAGMA journal_mode = WAL")
    with transaction(connection):
        if taken_over:  # reading the articles again is fast, encoding them is slow: only the vectors stay
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
    """Raise an error unless the file is a catalog of this format."""
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except UnicodeDecodeError as error:  # sqlite3 cannot quote a damaged schema
        raise sqlite3.DatabaseError("its schema is malformed") from error
    owner, version = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    if _is_blank(connection):
        raise IndexMissingError(f"the index in {path.parent} was never finished: run `onrecord build`")
    if owner != APPLICATION_ID:
        raise IndexIncompatibleError(f"{path} is a database of another program: {REBUILD}")
    if version != FORMAT:
        remedy = "run `onrecord build`" if version in OLD_FORMATS else REBUILD
        raise IndexIncompatibleError(f"{path} has format {version}, this version of On Record reads {FORMAT}: {remedy}")


def _is_blank(connection: sqlite3.Connection) -> bool:
    """Return whether the file is empty, or was created by a build that ended before the tables were committed."""
    stamped = _pragma(connection, "application_id") or _pragma(connection, "user_version")
    return not stamped and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def vector_crc(key: bytes, vector: bytes) -> int:
    """Return the CRC-32 of a vector's row. It detects a flipped bit, and the vector of another row."""
    return zlib.crc32(vector, zlib.crc32(key))


@contextmanager
def reader(index: Path) -> Iterator[tuple[sqlite3.Connection, Meta]]:
    """Open the catalog for one reading transaction, and yield it with the generation that it sees.

    Raises:
        IndexMissingError, IndexDamagedError, IndexIncompatibleError: there is no index that can be read.
    """
    with (
        closing(connect(index, write=False)) as connection,
        explain_errors(index / CATALOG_FILE),
        transaction(connection, write=False),
    ):
        generation = meta(connection)
        if generation is None:
            raise IndexMissingError(f"the first build of {index} never ended: run `onrecord build`")
        yield connection, generation


def check_encoder(index: Path, built_by: str, name: str) -> None:
    """Check that an index was built with the encoder `name`: vectors of two encoders cannot be compared.

    Raises:
        IndexIncompatibleError: it was built with another one.
    """
    if built_by != name:
        raise IndexIncompatibleError(
            f"{index} was built with the encoder {built_by!r}, not {name!r}: "
            "name that one, or run `onrecord build --force` to encode everything again"
        )


@contextmanager
def transaction(connection: sqlite3.Connection, *, write: bool = True) -> Iterator[None]:
    """Run the block in a transaction; one without `write` sees the state at its first statement throughout."""
    connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
    try:
        yield
        connection.execute("COMMIT")  # it fails when the disk is full
    except BaseException:
        if connection.in_transaction:  # after some errors SQLite has rolled back already
            connection.execute("ROLLBACK")
        raise


@contextmanager
def explain_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite raises in the block into errors that say what the user can do."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.IntegrityError):
        raise  # a fault of this program, about which the user can do nothing
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & PRIMARY_CODE in ENVIRONMENT_ERRORS:
            raise OnRecordError(f"cannot use {path} ({error}): check its permissions and the free space") from error
        raise IndexDamagedError(f"{path} is damaged ({error}): {REPAIR}") from error


# The current generation


def meta(connection: sqlite3.Connection) -> Meta | None:
    """Return how the generation was made; None before the first build has ended.

    Raises:
        IndexDamagedError: a value is missing or invalid.
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
    """Return the index files of a generation, by name."""
    query = "SELECT name, sha256, bytes FROM derived WHERE generation = ? ORDER BY name"
    return [IndexFile(*row) for row in connection.execute(query, (generation,))]
