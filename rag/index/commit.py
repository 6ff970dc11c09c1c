"""Commit what a build has staged and encoded: each commit is one transaction and one generation."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree

import rag
from rag.errors import IndexMissingError
from rag.index import catalog, generations
from rag.index.catalog import IndexFile, Meta, transaction
from rag.index.generations import Change
from rag.index.staging import Progress, Staging

GENERATIONS_KEPT = 3  # their files stay, since a reader may hold a generation during the next two builds


@dataclass(frozen=True, slots=True)
class Commits:
    """The commits of one build.

    Attributes:
        index: the index folder, whose writer lock the build holds.
        connection: to its catalog.
        staging: what has changed.
        made: how the build makes a generation; the number and the time are set by each commit.
        progress: is called with the state of the build.
    """

    index: Path
    connection: sqlite3.Connection
    staging: Staging
    made: Meta
    progress: Progress

    def commit(self, before: Meta | None, *, rewrite_all: bool = False) -> Meta:
        """Apply what is staged, give every encoded passage its vector, and return the new state of the index.

        The generation is raised when an answer may change, or with `rewrite_all`, which writes all index files again.
        Damaged index files are always written again.

        Raises:
            OSError: the disk is full, or the like; the index has not changed.
        """
        index, connection = self.index, self.connection
        try:
            with transaction(connection):
                meta = self._apply(before, rewrite_all)
        except BaseException:
            with suppress(sqlite3.Error):
                _remove_unused_folders(index, connection)
            raise
        with suppress(sqlite3.Error):  # the generation is committed; the next build removes unused folders too
            _remove_unused_folders(index, connection)
        return meta

    def _apply(self, before: Meta | None, rewrite_all: bool) -> Meta:
        """Change the rows and write the index files, in a transaction."""
        index, connection, staging = self.index, self.connection, self.staging
        files = [] if before is None else catalog.index_files(connection, before.generation)
        new = rewrite_all or before is None or not staging.empty or _has_unplaced_vectors(connection)
        meta = _next(index, before, self.made) if new else replace(before or self.made, recipe=self.made.recipe)
        change = _replace_rows(connection, staging)
        _set_meta(connection, before, meta)
        _set_files(connection, staging)
        if new or generations.damage(index, files):
            self.progress("writing", 0, 1)
            applied = change if new and not rewrite_all else None
            _set_index_files(connection, meta, generations.write(index, connection, meta, files, applied))
            self.progress("writing", 1, 1)
        return meta


def rewrite(index: Path, connection: sqlite3.Connection) -> None:
    """Write the index files of the last generation again, into a new folder, from the catalog.

    Raises:
        IndexMissingError: there is no generation.
        OSError: the disk is full, or the like; the index has not changed.
    """
    meta = catalog.meta(connection)
    if meta is None:
        raise IndexMissingError(f"the first build of {index} never ended: run `onrecord build`")
    with transaction(connection):
        _set_index_files(connection, meta, generations.write(index, connection, meta, [], None))
    _remove_unused_folders(index, connection)


def _has_unplaced_vectors(connection: sqlite3.Connection) -> bool:
    """Return whether a passage has a vector that is in no segment."""
    query = "SELECT EXISTS (SELECT 1 FROM passages WHERE segment IS NULL AND vector_key IN (SELECT key FROM vectors))"
    return bool(connection.execute(query).fetchone()[0])


def _next(index: Path, before: Meta | None, made: Meta) -> Meta:
    """Return the generation after `before`; a new catalog continues the numbers of the one that was set aside."""
    last = (
        before.generation if before else max((number for number, _ in generations.generation_folders(index)), default=0)
    )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return replace(made, generation=last + 1, built_at=now, version=rag.__version__)


def _replace_rows(connection: sqlite3.Connection, staging: Staging) -> Change:
    """Replace the rows of changed articles by the staged rows."""
    connection.execute("INSERT OR IGNORE INTO stale SELECT id FROM new_articles")
    staying = {id_ for (id_,) in connection.execute("SELECT id FROM new_passages WHERE segment IS NOT NULL")}
    gone, dead = [], defaultdict(list)
    query = "SELECT id, segment FROM passages WHERE article_id IN (SELECT id FROM stale)"
    for id_, segment in connection.execute(query):
        gone.append(id_)
        if segment is not None and id_ not in staying:
            dead[segment].append(id_)
    connection.execute("DELETE FROM passages WHERE article_id IN (SELECT id FROM stale)")
    connection.execute("DELETE FROM articles WHERE id IN (SELECT id FROM stale)")
    connection.execute("INSERT INTO articles SELECT * FROM new_articles")
    connection.execute("INSERT INTO passages SELECT * FROM new_passages")
    articles = [id_ for (id_,) in connection.execute("SELECT id FROM new_articles ORDER BY id")]
    staging.clear()
    return Change(gone, articles, dead)


def _set_meta(connection: sqlite3.Connection, before: Meta | None, meta: Meta) -> None:
    if meta != before:
        rows = [(key, str(value)) for key, value in asdict(meta).items()]
        connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)


def _set_files(connection: sqlite3.Connection, staging: Staging) -> None:
    """Record which files were read, and which failed."""
    gone = staging.recorded.keys() - staging.settled.keys()
    connection.executemany("DELETE FROM files WHERE path = ?", [(path,) for path in gone])
    changed = staging.settled.items() - staging.recorded.items()
    connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?)", changed)
    rows = [(file, failure.path, failure.reason) for file, failure in staging.failures]
    if rows != connection.execute("SELECT file, path, reason FROM failures ORDER BY rowid").fetchall():
        connection.execute("DELETE FROM failures")
        connection.executemany("INSERT INTO failures VALUES (?, ?, ?)", rows)


def _set_index_files(connection: sqlite3.Connection, meta: Meta, files: list[IndexFile]) -> None:
    """Record the generation's files, and forget those of generations that no reader should still hold."""
    generation = meta.generation
    connection.execute(
        "DELETE FROM derived WHERE generation = ? OR generation <= ?", (generation, generation - GENERATIONS_KEPT)
    )
    rows = [(file.name, file.sha256, file.bytes, generation) for file in files]
    connection.executemany("INSERT INTO derived VALUES (?, ?, ?, ?)", rows)


def remove_unused_vectors(connection: sqlite3.Connection) -> None:
    """Delete the vectors that no passage uses any more."""
    vectors, used = "SELECT count(*) FROM vectors", "SELECT count(DISTINCT vector_key) FROM passages"
    if connection.execute(vectors).fetchone() != connection.execute(used).fetchone():
        with transaction(connection):
            connection.execute("DELETE FROM vectors WHERE key NOT IN (SELECT vector_key FROM passages)")


def _remove_unused_folders(index: Path, connection: sqlite3.Connection) -> None:
    """Remove the folders of index files that no committed generation uses."""
    named = {name.split("/")[0] for (name,) in connection.execute("SELECT name FROM derived")}
    for _, folder in generations.generation_folders(index):
        if folder.name not in named:
            rmtree(folder, ignore_errors=True)
