"""Make what a build has staged and encoded the state of the index: each commit is one transaction, one generation."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree

import rag
from rag.errors import IndexMissingError
from rag.index import catalog, generations
from rag.index.catalog import IndexFile, Meta, transaction
from rag.index.generations import Change
from rag.index.staging import Progress, Staging

KEPT = 3  # generations whose files stay: a reader may hold one for two more builds


def commit(
    index: Path,
    connection: sqlite3.Connection,
    staging: Staging,
    before: Meta | None,
    made: Meta,
    progress: Progress,
    *,
    anew: bool = False,
) -> Meta:
    """Bring the index up to what is staged, and every encoded passage to its vector; return what it is now.

    The generation is raised when something that answers changed, or all derived files are written `anew`; `made` says
    how it was made, but for the number and the time. Derived files that are damaged are written again in any case.

    Raises:
        OSError: the disk is full, or the like; the index is as it was.
    """
    try:
        with transaction(connection):
            files = [] if before is None else catalog.index_files(connection, before.generation)
            new = anew or before is None or not staging.empty or _placeable(connection)
            meta = _next(index, before, made) if new else replace(before or made, recipe=made.recipe)
            change = _replace_rows(connection, staging)
            _set_meta(connection, before, meta)
            _set_files(connection, staging)
            if new or generations.damage(index, files):
                progress("writing", 0, 1)
                whole = anew or not new
                _set_derived(
                    connection, meta, generations.write(index, connection, meta, files, None if whole else change)
                )
                progress("writing", 1, 1)
    except BaseException:
        with suppress(sqlite3.Error):
            _remove_unnamed(index, connection)
        raise
    with suppress(sqlite3.Error):  # the generation is there, and the next build clears up as well
        _remove_unnamed(index, connection)
    return meta


def rewrite(index: Path, connection: sqlite3.Connection) -> None:
    """Write the derived files of the last generation again, in a folder of their own, from the catalog alone.

    Raises:
        IndexMissing: there is no generation to write them for.
        OSError: the disk is full, or the like; the index is as it was.
    """
    meta = catalog.meta(connection)
    if meta is None:
        raise IndexMissingError(f"the first build of {index} never ended: run `onrecord build`")
    with transaction(connection):
        _set_derived(connection, meta, generations.write(index, connection, meta, [], None))
    _remove_unnamed(index, connection)


def _placeable(connection: sqlite3.Connection) -> bool:
    """Whether there is a passage whose vector is known and in no segment."""
    query = "SELECT EXISTS (SELECT 1 FROM passages WHERE segment IS NULL AND vector_key IN (SELECT key FROM vectors))"
    return bool(connection.execute(query).fetchone()[0])


def _next(index: Path, before: Meta | None, made: Meta) -> Meta:
    """Return the generation after `before`; a new catalog goes on from the one that was set aside."""
    last = before.generation if before else max((number for number, _ in generations.folders(index)), default=0)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return replace(made, generation=last + 1, built_at=now, version=rag.__version__)


def _replace_rows(connection: sqlite3.Connection, staging: Staging) -> Change:
    """Put the staged rows in the place of those they replace."""
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
    """Record which files are known, and which failed."""
    gone = staging.recorded.keys() - staging.settled.keys()
    connection.executemany("DELETE FROM files WHERE path = ?", [(path,) for path in gone])
    changed = staging.settled.items() - staging.recorded.items()
    connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?)", changed)
    rows = [(file, failure.path, failure.reason) for file, failure in staging.failures]
    if rows != connection.execute("SELECT file, path, reason FROM failures ORDER BY rowid").fetchall():
        connection.execute("DELETE FROM failures")
        connection.executemany("INSERT INTO failures VALUES (?, ?, ?)", rows)


def _set_derived(connection: sqlite3.Connection, meta: Meta, files: list[IndexFile]) -> None:
    """Name the generation's files, and keep the names of those before that a reader may still hold."""
    generation = meta.generation
    connection.execute("DELETE FROM derived WHERE generation = ? OR generation <= ?", (generation, generation - KEPT))
    rows = [(file.name, file.sha256, file.bytes, generation) for file in files]
    connection.executemany("INSERT INTO derived VALUES (?, ?, ?, ?)", rows)


def forget_vectors(connection: sqlite3.Connection) -> None:
    """Remove the vectors that no passage has any more."""
    vectors, used = "SELECT count(*) FROM vectors", "SELECT count(DISTINCT vector_key) FROM passages"
    if connection.execute(vectors).fetchone() != connection.execute(used).fetchone():
        with transaction(connection):
            connection.execute("DELETE FROM vectors WHERE key NOT IN (SELECT vector_key FROM passages)")


def _remove_unnamed(index: Path, connection: sqlite3.Connection) -> None:
    """Remove the derived folders that no committed generation has."""
    named = {name.split("/")[0] for (name,) in connection.execute("SELECT name FROM derived")}
    for _, folder in generations.folders(index):
        if folder.name not in named:
            rmtree(folder, ignore_errors=True)
