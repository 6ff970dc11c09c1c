"""Read what changed in a folder of articles into temporary tables, beside the live ones that go on answering."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import PurePosixPath
from typing import Protocol

from rag.errors import SourceError
from rag.index import queries
from rag.ingest import chunking, cleaning, loaders
from rag.ingest.loaders import Failure, Source, SourceFile
from rag.types import Article

BROKEN_OFF = "the file is not read from here on"  # how `load` ends the reason when what follows is not known
# Raise it whenever a file would come to other articles or other passages than before: every archive is then read again.
# A test over fixed files fails as long as that is forgotten.
INGEST_VERSION = 1
INGEST_PACKAGES = ("langchain-text-splitters", "lxml", "markdown-it-py", "nupunkt", "trafilatura")
SOURCE_DIGEST = re.compile(r"[0-9a-f]{64}")

TABLES = (
    "CREATE TEMP TABLE new_articles AS SELECT * FROM articles LIMIT 0",
    "CREATE TEMP TABLE new_passages AS SELECT * FROM passages LIMIT 0",
    "CREATE TEMP TABLE claims (id TEXT PRIMARY KEY, file TEXT)",  # who holds an article id, of the files read
    "CREATE TEMP TABLE stale (id TEXT PRIMARY KEY)",  # indexed articles that their file does not hold any more
    "CREATE TEMP TABLE pending (key BLOB PRIMARY KEY, text TEXT, chars INTEGER)",  # texts to encode
    "CREATE INDEX temp.pending_by_length ON pending (chars)",
)


class Progress(Protocol):
    """Is told how far a build is.

    `stage` is "reading" (files), "encoding" (passages) or "writing" (the index); `total` is of the stage.
    """

    def __call__(self, stage: str, done: int, total: int) -> None: ...


def recipe() -> str:
    """Return what decides how a file becomes passages: our own version of it, and those of the libraries."""
    return " ".join([str(INGEST_VERSION), *(f"{package}=={version(package)}" for package in INGEST_PACKAGES)])


def same_recipe(recorded: str, release: str) -> bool:
    """Return whether files read by the recipe `recorded`, in an index written by `release`, would be read so today.

    Release 0.3.0 recorded a digest of its source files. It read files as `INGEST_VERSION` 1 does.
    """
    if INGEST_VERSION == 1 and release == "0.3.0" and SOURCE_DIGEST.fullmatch(recorded):
        return True
    return recorded == recipe()


class Staging:
    """The difference between a folder and the catalog, in temporary tables of the catalog's connection.

    Attributes:
        settled: file -> digest, of the files that need not be read again until they change.
        failures: (file, failure) of everything that cannot be read now.
        added, changed, removed: how many articles.
        encoding: how many texts are to be encoded.
    """

    def __init__(self, connection: sqlite3.Connection, encoder: str, *, afresh: bool, encode_all: bool) -> None:
        """`afresh`: read files although they did not change; `encode_all`: and encode what has a vector."""
        self.connection = connection
        self.encoder, self.afresh, self.encode_all = encoder, afresh, encode_all
        self.recorded: dict[str, str] = dict(connection.execute("SELECT path, digest FROM files"))
        self.settled = dict(self.recorded)
        self.failures: list[tuple[str, Failure]] = []
        self.added = self.changed = self.removed = self.encoding = 0
        self._leaving: set[str] = set()  # files whose articles are read again, or gone
        for statement in TABLES:
            connection.execute(statement)

    def read(self, files: list[SourceFile], failures: list[Failure], progress: Progress) -> None:
        """Stage what `load.find_files` found: read the changed files, drop the vanished ones, keep the rest."""
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
        self._keep_vectors()
        self._go_on()
        self.removed = self._count("stale WHERE id NOT IN (SELECT id FROM claims)")
        self.encoding = self._count("pending")

    def clear(self) -> None:
        """Forget the staged rows, once they are in the catalog."""
        for table in ("new_articles", "new_passages", "stale"):
            self.connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of ours

    @property
    def empty(self) -> bool:
        """Whether the rows of articles and passages stay as they are."""
        query = "SELECT EXISTS (SELECT 1 FROM new_articles UNION ALL SELECT 1 FROM stale)"
        return not self.connection.execute(query).fetchone()[0]

    @property
    def vectors_lost(self) -> int:
        """How many passages that have a vector now will have none until theirs is encoded, or are gone."""
        leaving = "SELECT id FROM stale UNION SELECT id FROM new_articles"
        lost = self._count(f"passages WHERE segment IS NOT NULL AND article_id IN ({leaving})")
        return lost - self._count("new_passages WHERE segment IS NOT NULL")

    def _count(self, rows_of: str) -> int:
        return int(self.connection.execute(f"SELECT count(*) FROM {rows_of}").fetchone()[0])  # noqa: S608 - ours

    # Files

    def _digests(self, files: list[SourceFile]) -> dict[str, str]:
        """Return path -> digest of the files to read; a file whose bytes cannot be had fails here."""
        digests = {}
        for file in files:
            try:
                digest = loaders.digest(file)
            except SourceError as error:
                self._fail(file.path, Failure(file.path, str(error)))
                continue
            if self.afresh or digest != self.recorded.get(file.path):
                digests[file.path] = digest
        return digests

    def _vanished(self, files: list[SourceFile], failures: list[Failure]) -> Iterator[str]:
        """Yield the recorded files that are gone; one that is there and refused, or in a folder that is, is not."""
        present = {file.path for file in files} | {failure.path for failure in failures}
        for path in self.recorded.keys() - present:
            if present.isdisjoint(map(str, PurePosixPath(path).parents)):
                yield path

    def _note_failures(self, files: list[SourceFile], failures: list[Failure]) -> None:
        """Take over what is wrong with the files that are not read this time."""
        for failure in failures:
            self._fail(failure.path, failure)
        resting = {file.path for file in files} & self.recorded.keys() - self._leaving
        resting -= {file for file, _ in self.failures}
        for file, path, reason in self.connection.execute("SELECT file, path, reason FROM failures"):
            if file in resting:
                self.failures.append((file, Failure(path, reason)))

    def _fail(self, file: str, failure: Failure) -> None:
        """Record what of a file cannot be read now, and that its articles were kept if it has any."""
        if self.connection.execute("SELECT 1 FROM articles WHERE file = ?", (file,)).fetchone():
            failure = Failure(failure.path, f"{failure.reason}; what was indexed before is kept")
        self.failures.append((file, failure))

    def _read_file(self, file: SourceFile, digest: str) -> None:
        self.settled[file.path] = digest
        failures: list[Failure] = []
        staged = 0
        for found in _articles(file):
            problem = found if isinstance(found, Failure) else self._stage(file.path, found)
            if problem is None:
                staged += 1
            else:
                failures.append(problem)
        broken = any(failure.path == file.path or failure.reason.endswith(BROKEN_OFF) for failure in failures)
        if broken or (failures and not staged):  # lose nothing of it, and let the next build try again
            for failure in failures:
                self._fail(file.path, failure)
            self._leaving.discard(file.path)
            self._unsettle(file.path)
        else:
            self.failures += [(file.path, failure) for failure in failures]
            self._drop_rest(file.path)

    def _unsettle(self, path: str) -> None:
        """Have the next build read the file again, whether it changes or not."""
        self.settled[path] = ""

    def _drop_rest(self, path: str) -> None:
        """Give up the file's articles that nothing in the folder holds any more."""
        self.connection.execute(
            "INSERT INTO stale SELECT id FROM articles WHERE file = ? AND id NOT IN (SELECT id FROM claims)", (path,)
        )

    # Articles

    def _stage(self, file: str, article: Article) -> Failure | None:
        """Stage one article unless it is indexed just so; return why it cannot be when its id is taken."""
        holder = self._holder(article.id)
        if holder is not None and holder <= file:
            self._unsettle(file)
            return Failure(f"{file} ({article.id})", f"{holder} has an article with the same id, which is kept")
        if holder is not None:  # the first file by path wins, whichever was indexed first
            self._unsettle(holder)
            reason = f"{file} has an article with the same id, which is kept"
            self.failures.append((holder, Failure(f"{holder} ({article.id})", reason)))
        passages = self._passages(article)
        if not passages:
            return Failure(f"{file} ({article.id})", "no text to search")
        self.connection.execute("INSERT INTO claims VALUES (?, ?)", (article.id, file))
        digest = queries.article_digest(article)
        before = self._live(article.id)
        if before != (file, digest, passages):
            self._insert(file, article, digest, passages)
        if before is None:
            self.added += 1
        elif before[1] != digest:
            self.changed += 1
        return None

    def _holder(self, article_id: str) -> str | None:
        """Return the file that has the id: one read before in this build, or one that is not read in it."""
        row = self.connection.execute("SELECT file FROM claims WHERE id = ?", (article_id,)).fetchone()
        if row is not None:
            return str(row[0])
        row = self.connection.execute("SELECT file FROM articles WHERE id = ?", (article_id,)).fetchone()
        return None if row is None or row[0] in self._leaving else str(row[0])

    def _passages(self, article: Article) -> list[tuple[int, int, int, bytes]]:
        """Return (id, start, end, vector key) of the article's passages; what has no vector yet is pending."""
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
        """Have these encoded that have no vector."""
        self.connection.executemany(
            """INSERT OR IGNORE INTO pending SELECT ?1, ?2, ?3
            WHERE ?4 OR NOT EXISTS (SELECT 1 FROM vectors WHERE key = ?1)""",
            [(key, text, len(text), self.encode_all) for key, text in texts],
        )

    def _keep_vectors(self) -> None:
        """Let a passage that is the same as before stay in its vector segment, though its article changed."""
        if not self.encode_all:
            self.connection.execute(
                """UPDATE new_passages AS new SET segment =
                (SELECT segment FROM passages AS old WHERE old.id = new.id AND old.vector_key = new.vector_key)"""
            )

    def _go_on(self) -> None:
        """Queue what an earlier build, cut off, has put into the index without a vector."""
        rest = self.connection.execute(
            """SELECT DISTINCT article_id FROM passages WHERE segment IS NULL
            AND NOT EXISTS (SELECT 1 FROM vectors WHERE key = vector_key)
            AND article_id NOT IN (SELECT id FROM stale UNION SELECT id FROM new_articles)"""
        ).fetchall()
        for _, passage in queries.passages_of(self.connection, (id_ for (id_,) in rest)):
            text = queries.encoded_text(passage)
            self._queue([(queries.vector_key(self.encoder, text), text)])

    def _live(self, article_id: str) -> tuple[str, str, list[tuple[int, int, int, bytes]]] | None:
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


def _articles(file: SourceFile) -> Iterator[Article | Failure]:
    """Yield the cleaned articles of a file, and what of it cannot be one."""
    for source in loaders.read_file(file):
        if isinstance(source, Failure):
            yield source
            continue
        try:
            yield cleaning.clean(source)
        except SourceError as error:
            yield Failure(_where(source), str(error))
        except Exception as error:  # one article that trips a library must not cost the user all the others
            yield Failure(_where(source), f"cannot be cleaned ({type(error).__name__}: {error})")


def _where(source: Source) -> str:
    return f"{source.path} ({source.id})" if source.kind == "record" else source.path
