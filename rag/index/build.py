"""Bring an index up to date with a folder of articles. A build that dies leaves the last generation as it was.

Changed articles are staged in temporary tables. Their texts are encoded, and each batch of vectors is stored at once.
Then one transaction changes the rows, records the new index files and raises the generation. Only changed texts are
encoded. When many texts are to be encoded, the lexical index is committed first and the vectors in growing batches.
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
from rag.index.commit import Commits, remove_unused_vectors, rewrite
from rag.index.files import make_folder, writer_lock
from rag.index.queries import vector_row
from rag.index.staging import Progress, Staging, recipe, same_recipe
from rag.ingest import loaders
from rag.ingest.loaders import Failure, SourceFile
from rag.models.base import Encoder, encoder_name
from rag.models.registry import load_encoder

ENCODE_WINDOW = (
    256  # texts encoded between two writes of vectors: an interrupted build encodes no more than these again
)
MANY_TEXTS = 2_000  # they take about a minute to encode; with more, the lexical index is committed first
# Vectors are committed at most once in this time, and only when there are twice as many as at the last commit. So a
# build of any length makes few generations and writes each vector about twice.
COMMIT_SECONDS = 120.0
COMMIT_GROWTH = 2


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did.

    Attributes:
        generation: the current generation.
        added, changed, removed, unchanged: articles, compared with the generation before.
        failed: files, or lines of JSON Lines files, that cannot be read.
        passages: in the index now.
        encoded: texts that this build encoded.
        seconds: that the build took.
        failures: the files and lines that cannot be read, and why.
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
        """Return the report as JSON values."""
        return {
            "generation": self.generation,
            "articles": {name: getattr(self, name) for name in ("added", "changed", "removed", "unchanged", "failed")},
            "passages": self.passages,
            "encoded": self.encoded,
            "seconds": round(self.seconds, 3),
            "failures": [{"path": failure.path, "reason": failure.reason} for failure in self.failures],
        }


def build(
    seeds: Path | str,
    index: Path | str,
    encoder: Encoder | str = "minilm",
    force: bool = False,
    progress: Progress | None = None,
) -> BuildReport:
    """Bring the index in folder `index` up to date with the articles in folder `seeds`.

    Args:
        seeds: the folder of articles.
        index: the folder of the index; it is created when it does not exist.
        encoder: an encoder, or the name of one.
        force: clean and encode everything again, and set a damaged or foreign catalog aside.
        progress: is called with the state of the build.

    Raises:
        SourceError: the folder of articles does not exist, or it is empty and nothing is indexed.
        ConfigError: the encoder cannot be loaded.
        IndexLockedError: another build is running.
        IndexIncompatibleError: the index was built with another encoder, or by another version.
        IndexDamagedError: the catalog cannot be read.
        OnRecordError: the index cannot be written: the disk is full, or a permission is missing.
    """
    seeds, index = Path(seeds), Path(index)
    started = time.monotonic()
    progress = progress or _ignore_progress
    files, failures = _find(seeds, index)
    with _writing(index, force) as connection:
        name = encoder_name(encoder) if isinstance(encoder, str) else encoder.name
        before = catalog.meta(connection)
        if before is not None and not force:
            catalog.check_encoder(index, before.encoder, name)
        if before is None and not files and not failures:
            raise SourceError(f"no articles in {seeds}: put .txt, .md, .html or .jsonl files there")
        read_all = force or before is None or not same_recipe(before.recipe)
        staging = Staging(connection, name, read_all=read_all, encode_all=force)
        with transaction(connection, write=False):
            staging.read(files, failures, progress)
        if before is None or force or staging.encoding:
            if isinstance(encoder, str):
                encoder = load_encoder(encoder, many=staging.encoding > MANY_TEXTS)
            dimension = encoder.dimension
        else:
            dimension = before.dimension
        made = Meta(0, name, dimension, recipe(), "", rag.__version__)
        commits = Commits(index, connection, staging, made, progress)
        meta, encoded = _encode_and_commit(commits, encoder, before, force)
        with suppress(sqlite3.Error):  # the generation is committed; the next build removes unused vectors too
            remove_unused_vectors(connection)
        return _report(connection, meta, staging, encoded, time.monotonic() - started)


def _ignore_progress(stage: str, done: int, total: int) -> None: ...


def _find(seeds: Path, index: Path) -> tuple[list[SourceFile], list[Failure]]:
    """Find the files of the folder, without those of an index inside it."""
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
    """Lock the index, open its catalog for writing, and turn what fails in the block into errors for the user."""
    path = index / CATALOG_FILE
    try:
        make_folder(index)
        with (
            writer_lock(index),
            closing(_open_or_set_aside(index) if force else catalog.connect(index, write=True)) as connection,
            catalog.explain_errors(path),
        ):
            yield connection
    except OSError as error:
        raise OnRecordError(f"cannot write the index {index}: {error}; what was built before still answers") from error


def _open_or_set_aside(index: Path) -> sqlite3.Connection:
    """Open the catalog; when it cannot be read, set it aside and open a new one."""
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
    """Rename a catalog that cannot be used, and return its new path. The caller holds the writer lock."""
    taken = {path.name for path in index.iterdir()}
    n = next(n for n in range(1, len(taken) + 2) if f"{CATALOG_FILE}.damaged-{n}" not in taken)
    for suffix in ("-wal", "-shm", ""):
        path = index / (CATALOG_FILE + suffix)
        if path.exists():
            path.rename(index / f"{CATALOG_FILE}.damaged-{n}{suffix}")
    return index / f"{CATALOG_FILE}.damaged-{n}"


# Encoding


def _encode_and_commit(commits: Commits, encoder: Encoder | str, before: Meta | None, force: bool) -> tuple[Meta, int]:
    """Encode the pending texts and commit, once or, for many texts, several times.

    Return the state of the index, and how many texts were encoded. With the name of an encoder, none are pending.
    """
    connection, staging = commits.connection, commits.staging
    meta, encoded, committed, since = before, 0, 0, time.monotonic()
    early = _lexical_first(connection, staging, force)
    if early:
        meta = commits.commit(meta)
    batches = () if isinstance(encoder, str) else _encode(connection, encoder, staging.encoding, commits.progress)
    for encoded in batches:
        if early and encoded >= COMMIT_GROWTH * committed and time.monotonic() - since >= COMMIT_SECONDS:
            meta = commits.commit(meta)
            committed, since = encoded, time.monotonic()
    return commits.commit(meta, rewrite_all=force and not early), encoded


def _lexical_first(connection: sqlite3.Connection, staging: Staging, force: bool) -> bool:
    """Return whether to commit before all texts are encoded: they are many, and the last generation has fewer vectors.

    The last generation answers better as long as half of its vectors stay.
    """
    if staging.encoding <= MANY_TEXTS:
        return False
    if force:  # a text that is encoded again has its old vector until then
        return not connection.execute("SELECT EXISTS (SELECT 1 FROM vectors)").fetchone()[0]
    vectors = connection.execute("SELECT count(*) FROM passages WHERE segment IS NOT NULL").fetchone()[0]
    return bool(2 * staging.vectors_lost <= vectors)


def _encode(connection: sqlite3.Connection, encoder: Encoder, total: int, progress: Progress) -> Iterator[int]:
    """Encode the pending texts and store their vectors batch by batch; yield after each how many are done."""
    done = 0
    # Texts of similar length go together. The longest come first, so that too little memory shows at once.
    longest = "SELECT key, text FROM pending ORDER BY chars DESC LIMIT ?"
    while window := dict(connection.execute(longest, (ENCODE_WINDOW,))):
        vectors = encoder.encode(list(window.values()), _counter(progress, done, total))
        if vectors.shape != (len(window), encoder.dimension) or not np.isfinite(vectors).all():
            raise ConfigError(
                f"the encoder {encoder.name!r} returned an array of shape {vectors.shape}, or numbers that are not "
                f"finite, for {len(window)} texts and {encoder.dimension} dimensions: name another encoder"
            )
        with transaction(connection):
            made = (vector_row(key, vector) for key, vector in zip(window, vectors, strict=True))
            connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", made)
            connection.executemany("DELETE FROM pending WHERE key = ?", ((key,) for key in window))
        done += len(window)
        yield done


def _counter(progress: Progress, done: int, total: int) -> Callable[[int], None]:
    return lambda more: progress("encoding", done + more, total)


# Repairing


def rewrite_index_files(index: Path) -> None:
    """Write the index files of the last generation again from the catalog; nothing is encoded.

    Raises:
        IndexLockedError: a build is running.
        IndexMissingError, IndexDamagedError, IndexIncompatibleError: there is no generation that can be read.
        OnRecordError: the index cannot be written: the disk is full, or a permission is missing.
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
