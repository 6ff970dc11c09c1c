"""Bring an index up to date with a folder of articles, so that dying at any point leaves the last generation answering.

What changed is staged in temporary tables, texts are encoded and their vectors kept as they come, then one transaction
changes the rows, names the freshly written derived files and raises the generation. Only what changed is encoded.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np

import rag
from rag import catalog, derived, load
from rag.catalog import CATALOG_FILE, Meta, transaction
from rag.encode import Encoder, encoder_name, load_encoder
from rag.errors import ConfigError, IndexDamaged, IndexIncompatible, IndexMissing, OnRecordError, SourceError
from rag.load import Failure, SourceFile
from rag.lock import writer_lock
from rag.staging import Progress, Staging, recipe

ENCODE_WINDOW = 256  # texts encoded between two commits: the most an interrupted build encodes again


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did.

    Attributes:
        added, changed, removed, unchanged: articles, against the generation before.
        failed: files, or lines of JSON Lines files, that could not be read.
        passages: in the index now.
        encoded: texts that went through the encoder.
    """

    generation: int
    added: int
    changed: int
    removed: int
    unchanged: int
    failed: int
    passages: int
    encoded: int
    seconds: float
    failures: tuple[Failure, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "generation": self.generation,
            "articles": {name: getattr(self, name) for name in ("added", "changed", "removed", "unchanged", "failed")},
            "passages": self.passages,
            "encoded": self.encoded,
            "seconds": round(self.seconds, 3),
            "failures": [{"path": failure.path, "reason": failure.reason} for failure in self.failures],
        }


def build(
    seeds: Path,
    index: Path,
    encoder: Encoder | str = "minilm",
    force: bool = False,
    progress: Progress | None = None,
) -> BuildReport:
    """Bring the index in folder `index` up to date with the articles in folder `seeds`.

    `force` cleans and encodes everything again, and sets a damaged or foreign catalog aside.

    Raises:
        SourceError: there is no such folder, or nothing in it and nothing indexed.
        ConfigError: the encoder cannot be loaded.
        IndexLocked: another build is under way.
        IndexIncompatible: the index was built with another encoder, or by another version.
        IndexDamaged: the catalog cannot be read.
        OnRecordError: the index cannot be written, for want of space or permission.
    """
    started = time.monotonic()
    progress = progress or _tell_nobody
    files, failures = _find(seeds, index)
    with _writing(index, force) as connection:
        name = encoder_name(encoder) if isinstance(encoder, str) else encoder.name
        before = catalog.meta(connection)
        if before is not None and not force:
            catalog.check_encoder(index, before.encoder, name)
        if before is None and not files and not failures:
            raise SourceError(f"no articles in {seeds}: put .txt, .md, .html or .jsonl files there")
        made_by = recipe()
        afresh = force or before is None or before.recipe != made_by
        staging = Staging(connection, name, afresh=afresh, encode_all=force)
        with transaction(connection, write=False):
            staging.read(files, failures, progress)
        encoded, dimension = _encode(connection, encoder, before, progress)
        if before is not None and staging.empty and not force:
            meta = replace(before, recipe=made_by)
        else:
            meta = Meta(_last_generation(index, before) + 1, name, dimension, made_by, _now(), rag.__version__)
        _commit(index, connection, staging, before, meta, progress)
        with suppress(sqlite3.Error):  # the generation is there, and the next build clears up as well
            _clear_up(index, connection)
        return _report(connection, meta, staging, encoded, time.monotonic() - started)


def _tell_nobody(stage: str, done: int, total: int) -> None: ...


def _find(seeds: Path, index: Path) -> tuple[list[SourceFile], list[Failure]]:
    """Find the files of the folder, without those of an index that lies in it."""
    files, failures = load.find_files(seeds)
    try:
        inside = index.resolve().relative_to(seeds.resolve()).as_posix() + "/"
    except ValueError:
        return files, failures
    return (
        [file for file in files if not file.path.startswith(inside)],
        [failure for failure in failures if not failure.path.startswith(inside)],
    )


# Opening


@contextmanager
def _writing(index: Path, force: bool) -> Iterator[sqlite3.Connection]:
    """Lock the index, open its catalog to write, and say in the user's terms what goes wrong in the block."""
    path = index / CATALOG_FILE
    try:
        index.mkdir(parents=True, exist_ok=True)
        with (
            writer_lock(index),
            closing(_open_or_set_aside(index) if force else catalog.connect(index, write=True)) as connection,
            catalog.explained(path),
        ):
            yield connection
    except OSError as error:
        raise OnRecordError(f"cannot write the index {index}: {error}; what was built before still answers") from error


def _open_or_set_aside(index: Path) -> sqlite3.Connection:
    """Open the catalog, or begin a new one and keep what cannot be read beside it for whoever wants to look."""
    try:
        connection = catalog.connect(index, write=True)
        problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem == "ok":
            return connection
        connection.close()
    except (IndexDamaged, IndexIncompatible, sqlite3.DatabaseError):
        pass
    set_aside(index)
    return catalog.connect(index, write=True)


def set_aside(index: Path) -> Path:
    """Rename a catalog that cannot be used, under the writer lock; return its new name, which was never used before."""
    taken = {path.name for path in index.iterdir()}
    n = next(n for n in range(1, len(taken) + 2) if f"{CATALOG_FILE}.damaged-{n}" not in taken)
    for suffix in ("-wal", "-shm", ""):
        path = index / (CATALOG_FILE + suffix)
        if path.exists():
            path.rename(index / f"{CATALOG_FILE}.damaged-{n}{suffix}")
    return index / f"{CATALOG_FILE}.damaged-{n}"


# Encoding


def _encode(
    connection: sqlite3.Connection, encoder: Encoder | str, before: Meta | None, progress: Progress
) -> tuple[int, int]:
    """Encode the pending texts, committing their vectors as they come; return how many, and the vectors' dimension."""
    total = connection.execute("SELECT count(*) FROM pending").fetchone()[0]
    if before is not None and not total:
        return 0, before.dimension
    if isinstance(encoder, str):
        encoder = load_encoder(encoder)
    done = 0
    # Texts of like length go together: the longest first, so that too little memory shows at once.
    longest = "SELECT key, text FROM pending ORDER BY chars DESC LIMIT ?"
    while window := dict(connection.execute(longest, (ENCODE_WINDOW,))):
        vectors = encoder.encode(list(window.values()), _counter(progress, done, total))
        if vectors.shape != (len(window), encoder.dimension) or not np.isfinite(vectors).all():
            raise ConfigError(
                f"the encoder {encoder.name!r} gave {vectors.shape} numbers, or some that are none, for {len(window)} "
                f"texts and {encoder.dimension} dimensions: name another one"
            )
        with transaction(connection):
            rows = zip(window, (vector.astype("<f4").tobytes() for vector in vectors), strict=True)
            connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
            connection.executemany("DELETE FROM pending WHERE key = ?", ((key,) for key in window))
        done += len(window)
    return done, encoder.dimension


def _counter(progress: Progress, done: int, total: int) -> Callable[[int], None]:
    return lambda more: progress("encoding", done + more, total)


# Committing


def _commit(
    index: Path,
    connection: sqlite3.Connection,
    staging: Staging,
    before: Meta | None,
    meta: Meta,
    progress: Progress,
) -> None:
    """Make the staged state the index's state, in one transaction; write derived files if they must change."""
    new = before is None or meta.generation != before.generation
    try:
        with transaction(connection):
            if new:
                _replace_rows(connection)
            if meta != before:
                rows = [(key, str(value)) for key, value in asdict(meta).items()]
                connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)
            _set_files(connection, staging)
            if new or derived.damage(index, catalog.derived_files(connection, meta.generation)):
                progress("writing", 0, 1)
                _set_derived(connection, meta.generation, derived.write(index, connection, meta))
                progress("writing", 1, 1)
    except BaseException:
        with suppress(sqlite3.Error):
            _remove_unnamed(index, connection)
        raise


def _last_generation(index: Path, before: Meta | None) -> int:
    """Return the generation before this build; a new catalog goes on from the one that was set aside."""
    if before is not None:
        return before.generation
    return max((generation for generation, _ in derived.folders(index)), default=0)


def _replace_rows(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT OR IGNORE INTO stale SELECT id FROM new_articles")
    connection.execute("DELETE FROM passages WHERE article_id IN (SELECT id FROM stale)")
    connection.execute("DELETE FROM articles WHERE id IN (SELECT id FROM stale)")
    connection.execute("INSERT INTO articles SELECT * FROM new_articles")
    connection.execute("INSERT INTO passages SELECT * FROM new_passages")


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


def _set_derived(connection: sqlite3.Connection, generation: int, files: list[catalog.DerivedFile]) -> None:
    """Name the generation's files, and keep the names of the one before, which a reader may still hold."""
    connection.execute("DELETE FROM derived WHERE generation = ? OR generation < ?", (generation, generation - 1))
    rows = [(file.name, file.sha256, file.bytes, generation) for file in files]
    connection.executemany("INSERT INTO derived VALUES (?, ?, ?, ?)", rows)


def rewrite_derived(index: Path) -> None:
    """Write the derived files of the last generation again, from the catalog alone; nothing is encoded.

    Raises:
        IndexLocked: a build is under way.
        IndexMissing, IndexDamaged, IndexIncompatible: there is no generation to write them for.
        OnRecordError: the index cannot be written, for want of space or permission.
    """
    with _writing(index, force=False) as connection:
        meta = catalog.meta(connection)
        if meta is None:
            raise IndexMissing(f"the first build of {index} never ended: run `onrecord build`")
        with transaction(connection):
            _set_derived(connection, meta.generation, derived.write(index, connection, meta))
        _remove_unnamed(index, connection)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


# Afterwards


def _clear_up(index: Path, connection: sqlite3.Connection) -> None:
    """Remove what no generation needs: vectors without a passage, and the files of generations long gone."""
    vectors, used = "SELECT count(*) FROM vectors", "SELECT count(DISTINCT vector_key) FROM passages"
    if connection.execute(vectors).fetchone() != connection.execute(used).fetchone():
        with transaction(connection):
            connection.execute("DELETE FROM vectors WHERE key NOT IN (SELECT vector_key FROM passages)")
    _remove_unnamed(index, connection)


def _remove_unnamed(index: Path, connection: sqlite3.Connection) -> None:
    """Remove the derived folders that no committed generation has."""
    named = {name.split("/")[0] for (name,) in connection.execute("SELECT name FROM derived")}
    for _, folder in derived.folders(index):
        if folder.name not in named:
            rmtree(folder, ignore_errors=True)


def _report(connection: sqlite3.Connection, meta: Meta, staging: Staging, encoded: int, seconds: float) -> BuildReport:
    articles = connection.execute("SELECT count(*) FROM articles").fetchone()[0]
    failures = sorted((failure for _, failure in staging.failures), key=lambda failure: failure.path)
    return BuildReport(
        generation=meta.generation,
        added=staging.added,
        changed=staging.changed,
        removed=staging.removed,
        unchanged=articles - staging.added - staging.changed,
        failed=len(failures),
        passages=connection.execute("SELECT count(*) FROM passages").fetchone()[0],
        encoded=encoded,
        seconds=seconds,
        failures=tuple(failures),
    )
