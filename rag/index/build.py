"""Bring an index up to date with a folder of articles, so that dying at any point leaves the last generation answering.

What changed is staged in temporary tables, texts are encoded and their vectors kept as they come, then one transaction
changes the rows, names the freshly written derived files and raises the generation. Only what changed is encoded.
When much is to be encoded, the words are committed first and the vectors in growing batches.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import rag
from rag.errors import ConfigError, IndexDamagedError, IndexIncompatibleError, OnRecordError, SourceError
from rag.index import catalog
from rag.index.catalog import CATALOG_FILE, Meta, transaction
from rag.index.commit import commit, forget_vectors, rewrite
from rag.index.files import make_folder, writer_lock
from rag.index.queries import vector_row
from rag.index.staging import Progress, Staging, recipe, same_recipe
from rag.ingest import loaders
from rag.ingest.loaders import Failure, SourceFile
from rag.models.base import Encoder, encoder_name
from rag.models.registry import load_encoder

ENCODE_WINDOW = 256  # texts encoded between two commits: the most an interrupted build encodes again
MANY = 2_000  # texts to encode, which take about a minute: with more than this nobody should wait for the vectors
# A commit takes a second or two, so it waits for this many; and for twice the vectors of the last one, so that a
# build of any length makes few generations and writes a vector about twice.
COMMIT_SECONDS = 120.0


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
        afresh = force or before is None or not same_recipe(before.recipe, before.version)
        staging = Staging(connection, name, afresh=afresh, encode_all=force)
        with transaction(connection, write=False):
            staging.read(files, failures, progress)
        if before is None or force or staging.encoding:
            if isinstance(encoder, str):
                encoder = load_encoder(encoder, many=staging.encoding > MANY)
            dimension = encoder.dimension
        else:
            dimension = before.dimension
        made = Meta(0, name, dimension, recipe(), "", rag.__version__)
        meta, encoded = _encode_and_commit(index, connection, staging, encoder, before, made, force, progress)
        with suppress(sqlite3.Error):  # the generation is there, and the next build clears up as well
            forget_vectors(connection)
        return _report(connection, meta, staging, encoded, time.monotonic() - started)


def _tell_nobody(stage: str, done: int, total: int) -> None: ...


def _find(seeds: Path, index: Path) -> tuple[list[SourceFile], list[Failure]]:
    """Find the files of the folder, without those of an index that lies in it."""
    files, failures = loaders.find_files(seeds)
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
        make_folder(index)
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
    except (IndexDamagedError, IndexIncompatibleError, sqlite3.DatabaseError):
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


def _encode_and_commit(
    index: Path,
    connection: sqlite3.Connection,
    staging: Staging,
    encoder: Encoder | str,
    before: Meta | None,
    made: Meta,
    force: bool,
    progress: Progress,
) -> tuple[Meta, int]:
    """Commit once all is encoded, or when that is much: the words at once, and the vectors in growing batches.

    Return what the index is then, and how many texts were encoded; an `encoder` that is only named has none.
    """
    meta, encoded, committed, since = before, 0, 0, time.monotonic()
    early = _words_first(connection, staging, force)
    if early:
        meta = commit(index, connection, staging, meta, made, progress)
    for encoded in () if isinstance(encoder, str) else _encode(connection, encoder, staging.encoding, progress):
        if early and encoded >= 2 * committed and time.monotonic() - since >= COMMIT_SECONDS:
            meta = commit(index, connection, staging, meta, made, progress)
            committed, since = encoded, time.monotonic()
    return commit(index, connection, staging, meta, made, progress, anew=force and not early), encoded


def _words_first(connection: sqlite3.Connection, staging: Staging, force: bool) -> bool:
    """Whether to commit before all is encoded: there is much to encode, and no generation that answers better."""
    if staging.encoding <= MANY:
        return False
    if force:  # what is encoded again has its old vector until then
        return not connection.execute("SELECT EXISTS (SELECT 1 FROM vectors)").fetchone()[0]
    vectors = connection.execute("SELECT count(*) FROM passages WHERE segment IS NOT NULL").fetchone()[0]
    return bool(2 * staging.vectors_lost <= vectors)


def _encode(connection: sqlite3.Connection, encoder: Encoder, total: int, progress: Progress) -> Iterator[int]:
    """Encode the pending texts, committing their vectors as they come; yield how many are done, again and again."""
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
            made = (vector_row(key, vector) for key, vector in zip(window, vectors, strict=True))
            connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", made)
            connection.executemany("DELETE FROM pending WHERE key = ?", ((key,) for key in window))
        done += len(window)
        yield done


def _counter(progress: Progress, done: int, total: int) -> Callable[[int], None]:
    return lambda more: progress("encoding", done + more, total)


# Mending


def rewrite_index_files(index: Path) -> None:
    """Write the derived files of the last generation again, from the catalog alone; nothing is encoded.

    Raises:
        IndexLocked: a build is under way.
        IndexMissing, IndexDamaged, IndexIncompatible: there is no generation to write them for.
        OnRecordError: the index cannot be written, for want of space or permission.
    """
    with _writing(index, force=False) as connection:
        rewrite(index, connection)


# Afterwards


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
