"""Read the changes of a folder of articles into temporary tables, beside the tables that readers use."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import PurePosixPath
from typing import Protocol

from rag.errors import SourceError
from rag.index import queries
from rag.ingest import chunking, cleaning, loaders
from rag.ingest.loaders import Failure, SourceFile
from rag.types import Article

TRUNCATED = "the file is not read from here on"  # the end of a loader's reason when the rest of a file is unknown
# Raise it whenever a file gives other articles or passages than before: every archive is then read again. A test
# over fixed files fails until it is raised.
INGEST_VERSION = 2
INGEST_PACKAGES = ("PyYAML", "ftfy", "langchain-text-splitters", "lxml", "markdown-it-py", "nupunkt", "trafilatura")

TABLES = (
    "CREATE TEMP TABLE new_articles AS SELECT * FROM articles LIMIT 0",
    "CREATE TEMP TABLE new_passages AS SELECT * FROM passages LIMIT 0",
    "CREATE TEMP TABLE claims (id TEXT PRIMARY KEY, file TEXT)",  # article id -> file, of the files read in this build
    "CREATE TEMP TABLE stale (id TEXT PRIMARY KEY)",  # indexed articles that are no longer in their file
    "CREATE TEMP TABLE pending (key BLOB PRIMARY KEY, text TEXT, chars INTEGER)",  # texts to encode
    "CREATE INDEX temp.pending_by_length ON pending (chars)",
)


class Progress(Protocol):
    """A function that a build calls with its progress."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Take the stage, "reading" (files), "encoding" (passages) or "writing" (the index), and its progress."""


def recipe() -> str:
    """Return the versions that decide how a file becomes passages: our own, and those of the libraries."""
    return " ".join([str(INGEST_VERSION), *(f"{package}=={version(package)}" for package in INGEST_PACKAGES)])


def same_recipe(recorded: str) -> bool:
    """Return whether the recipe `recorded` in an index reads files as today's does.

    Release 0.3.0 recorded a digest of its source files, which is never the same: its archives are read again.
    """
    return recorded == recipe()


class Staging:
    """The difference between a folder and the catalog, in temporary tables of the catalog's connection.

    Attributes:
        recorded: file -> digest of each file that the last build read.
        settled: file -> digest of each file that need not be read again until it changes.
        failures: (file, failure) of everything that cannot be read now.
        added, changed, removed: number of articles.
        encoding: number of texts to encode.
    """

    def __init__(self, connection: sqlite3.Connection, encoder: str, *, read_all: bool, encode_all: bool) -> None:
        """Create the tables; `read_all`: read unchanged files too; `encode_all`: encode texts with a vector too."""
        self.connection = connection
        self.encoder, self.read_all, self.encode_all = encoder, read_all, encode_all
        self.recorded: dict[str, str] = dict(connection.execute("SELECT path, digest FROM files"))
        self.settled = dict(self.recorded)
        self.failures: list[tuple[str, Failure]] = []
        self.added = self.changed = self.removed = self.encoding = 0
        self._leaving: set[str] = set()  # files that are read again or have vanished
        for statement in TABLES:
            connection.execute(statement)

    def read(self, files: list[SourceFile], failures: list[Failure], progress: Progress) -> None:
        """Stage the result of `loaders.find_files`: read changed files, drop the articles of vanished ones."""
        digests = self._digests(files)
        changed = [file for file in files if file.path in digests]
        self._leaving = set(digests) | set(self._vanished(files, failures))
        self._note_failures(files, failures)
        for done, file in enumerate(changed, start=1):
            self._read_file(file, digests[file.path])
            progress("reading", done, len(changed))
        for path in self._leaving - set(digests):
            self._drop_rest(path)
            del self.settled[path]
        self._reuse_vectors()
        self._queue_unfinished()
        self.removed = self._count("stale WHERE id NOT IN (SELECT id FROM claims)")
        self.encoding = self._count("pending")

    def clear(self) -> None:
        """Delete the staged rows after they were copied into the catalog."""
        for table in ("new_articles", "new_passages", "stale"):
            self.connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a constant

    @property
    def empty(self) -> bool:
        """Whether no article and no passage changes."""
        query = "SELECT EXISTS (SELECT 1 FROM new_articles UNION ALL SELECT 1 FROM stale)"
        return not self.connection.execute(query).fetchone()[0]

    @property
    def vectors_lost(self) -> int:
        """The number of passages that lose their vector: they are deleted, or have none until their text is encoded."""
        leaving = "SELECT id FROM stale UNION SELECT id FROM new_articles"
        lost = self._count(f"passages WHERE segment IS NOT NULL AND article_id IN ({leaving})")
        return lost - self._count("new_passages WHERE segment IS NOT NULL")

    def _count(self, rows_of: str) -> int:
        return int(self.connection.execute(f"SELECT count(*) FROM {rows_of}").fetchone()[0])  # noqa: S608 - constants

    # Files

    def _digests(self, files: list[SourceFile]) -> dict[str, str]:
        """Return path -> digest of the files to read; record a failure for each file that cannot be read."""
        digests = {}
        for file in files:
            try:
                digest = loaders.digest(file)
            except SourceError as error:
                self._fail(file.path, Failure(file.path, str(error)))
                continue
            if self.read_all or digest != self.recorded.get(file.path):
                digests[file.path] = digest
        return digests

    def _vanished(self, files: list[SourceFile], failures: list[Failure]) -> Iterator[str]:
        """Yield the recorded files that have vanished. A file with a failure, or in a folder with one, has not."""
        present = {file.path for file in files} | {failure.path for failure in failures}
        for path in self.recorded.keys() - present:
            if present.isdisjoint(map(str, PurePosixPath(path).parents)):
                yield path

    def _note_failures(self, files: list[SourceFile], failures: list[Failure]) -> None:
        """Record the failures of this scan, and those of files that are not read this time."""
        for failure in failures:
            self._fail(failure.path, failure)
        unread = {file.path for file in files} & self.recorded.keys() - self._leaving
        unread -= {file for file, _ in self.failures}
        for file, path, reason in self.connection.execute("SELECT file, path, reason FROM failures"):
            if file in unread:
                self.failures.append((file, Failure(path, reason)))

    def _fail(self, file: str, failure: Failure) -> None:
        """Record a failure of a file, and say so when its articles stay indexed."""
        if self.connection.execute("SELECT 1 FROM articles WHERE file = ?", (file,)).fetchone():
            failure = Failure(failure.path, f"{failure.reason}; what was indexed before is kept")
        self.failures.append((file, failure))

    def _read_file(self, file: SourceFile, digest: str) -> None:
        self.settled[file.path] = digest
        failures: list[Failure] = []
        staged = 0
        for item in cleaning.articles_of(file):
            problem = item if isinstance(item, Failure) else self._stage(file.path, item)
            if problem is None:
                staged += 1
            else:
                failures.append(problem)
        truncated = any(failure.path == file.path or failure.reason.endswith(TRUNCATED) for failure in failures)
        if truncated or (failures and not staged):  # keep what is indexed, and read the file again in the next build
            for failure in failures:
                self._fail(file.path, failure)
            self._leaving.discard(file.path)
            self._unsettle(file.path)
        else:
            self.failures += [(file.path, failure) for failure in failures]
            self._drop_rest(file.path)

    def _unsettle(self, path: str) -> None:
        """Let the next build read the file again, even if it has not changed."""
        self.settled[path] = ""

    def _drop_rest(self, path: str) -> None:
        """Mark the file's indexed articles as stale that no file holds any more."""
        self.connection.execute(
            "INSERT INTO stale SELECT id FROM articles WHERE file = ? AND id NOT IN (SELECT id FROM claims)", (path,)
        )

    # Articles

    def _stage(self, file: str, article: Article) -> Failure | None:
        """Stage one article unless it has not changed; return a failure when another file has its id."""
        holder = self._holder(article.id)
        if holder is not None and holder <= file:
            self._unsettle(file)
            return Failure(f"{file} ({article.id})", f"{holder} has an article with the same id, which is kept")
        if holder is not None:  # the first file by path has the id, whichever was indexed first
            self._unsettle(holder)
            reason = f"{file} has an article with the same id, which is kept"
            self.failures.append((holder, Failure(f"{holder} ({article.id})", reason)))
        passages = self._passages(article)
        if not passages:
            return Failure(f"{file} ({article.id})", "no text to search")
        self.connection.execute("INSERT INTO claims VALUES (?, ?)", (article.id, file))
        digest = queries.article_digest(article)
        before = self._indexed(article.id)
        if before != (file, digest, passages):
            self._insert(file, article, digest, passages)
        if before is None:
            self.added += 1
        elif before[1] != digest:
            self.changed += 1
        return None

    def _holder(self, article_id: str) -> str | None:
        """Return the file that has the id: a file read before in this build, or a file not read in it."""
        row = self.connection.execute("SELECT file FROM claims WHERE id = ?", (article_id,)).fetchone()
        if row is not None:
            return str(row[0])
        row = self.connection.execute("SELECT file FROM articles WHERE id = ?", (article_id,)).fetchone()
        return None if row is None or row[0] in self._leaving else str(row[0])

    def _passages(self, article: Article) -> list[tuple[int, int, int, bytes]]:
        """Return (id, start, end, vector key) of the article's passages, and queue the texts without a vector."""
        passages, texts = [], []
        for passage in chunking.split(article):
            text = queries.encoded_text(passage)
            key = queries.vector_key(self.encoder, text)
            id_ = queries.passage_id(article.id, passage.start, passage.end)
            passages.append((id_, passage.start, passage.end, key))
            texts.append((key, text))
        self._queue(texts)
        return passages

    def _queue(self, texts: Iterable[tuple[bytes, str]]) -> None:
        """Queue the texts (key, text) that have no vector."""
        self.connection.executemany(
            """INSERT OR IGNORE INTO pending SELECT ?1, ?2, ?3
            WHERE ?4 OR NOT EXISTS (SELECT 1 FROM vectors WHERE key = ?1)""",
            [(key, text, len(text), self.encode_all) for key, text in texts],
        )

    def _reuse_vectors(self) -> None:
        """Leave an unchanged passage of a changed article in its vector segment."""
        if not self.encode_all:
            self.connection.execute(
                """UPDATE new_passages AS new SET segment =
                (SELECT segment FROM passages AS old WHERE old.id = new.id AND old.vector_key = new.vector_key)"""
            )

    def _queue_unfinished(self) -> None:
        """Queue the passages that an interrupted build left in the index without a vector."""
        unfinished = self.connection.execute(
            """SELECT DISTINCT article_id FROM passages WHERE segment IS NULL
            AND NOT EXISTS (SELECT 1 FROM vectors WHERE key = vector_key)
            AND article_id NOT IN (SELECT id FROM stale UNION SELECT id FROM new_articles)"""
        ).fetchall()
        for _, passage in queries.passages_of(self.connection, (id_ for (id_,) in unfinished)):
            text = queries.encoded_text(passage)
            self._queue([(queries.vector_key(self.encoder, text), text)])

    def _indexed(self, article_id: str) -> tuple[str, str, list[tuple[int, int, int, bytes]]] | None:
        """Return (file, digest, passages) of an article as it is indexed now."""
        query = "SELECT file, digest FROM articles WHERE id = ?"
        row = self.connection.execute(query, (article_id,)).fetchone()
        if row is None:
            return None
        query = 'SELECT id, start, "end", vector_key FROM passages WHERE article_id = ? ORDER BY start'
        return row[0], row[1], self.connection.execute(query, (article_id,)).fetchall()

    def _insert(
        self, file: str, article: Article, digest: str, passages: Iterable[tuple[int, int, int, bytes]]
    ) -> None:
        id_, *columns = queries.article_row(article)
        self.connection.execute(
            "INSERT INTO new_articles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (id_, file, *columns, digest)
        )
        self.connection.executemany(
            "INSERT INTO new_passages VALUES (?, ?, ?, ?, ?, NULL)",
            [(passage, article.id, start, end, key) for passage, start, end, key in passages],
        )
