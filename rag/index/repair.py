"""Repair an index: write its index files again from the catalog, or a damaged catalog from the articles.

Nothing is lost. A damaged catalog is set aside under a new name. When it cannot be built again (no articles, no
encoder, the index of another model), the repair is refused before anything is changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.errors import IndexDamagedError, OnRecordError, SourceError
from rag.index import catalog
from rag.index.build import build, rewrite_index_files, set_aside
from rag.index.catalog import CATALOG_FILE, transaction, vector_crc
from rag.index.check import Problem, check
from rag.index.files import writer_lock
from rag.index.staging import Progress
from rag.ingest import loaders
from rag.models.base import Encoder, encoder_name
from rag.models.registry import load_encoder


@dataclass(frozen=True, slots=True)
class Repair:
    """What a repair found, and what it did.

    Attributes:
        problems: before the repair.
        done: the steps of the repair, one line each.
        remaining: the problems after the repair, which it cannot solve.
        generation: the current generation.
    """

    problems: tuple[Problem, ...]
    done: tuple[str, ...]
    remaining: tuple[Problem, ...]
    generation: int

    def to_json(self) -> dict[str, Any]:
        """Return the repair as JSON values, without the remaining problems."""
        return {
            "problems": [{"what": problem.what, "repair": problem.repair} for problem in self.problems],
            "done": list(self.done),
            "generation": self.generation,
        }


def repair(seeds: Path, index: Path, encoder: Encoder | str = "minilm", progress: Progress | None = None) -> Repair:
    """Check the index in folder `index`, and repair it.

    Damaged index files are written again from the catalog. A damaged catalog is set aside and built again from the
    articles in folder `seeds`; texts whose vector is not damaged are not encoded again.

    Raises:
        IndexMissingError: there is no index.
        IndexIncompatibleError: the index was built by another encoder, version or program.
        IndexLockedError: a build is running.
        SourceError: the catalog is damaged, and there are no articles to build another one from.
        ConfigError: the catalog is damaged, and the encoder cannot be loaded.
        OnRecordError: the index cannot be read or written: the disk is full, or a permission is missing.
    """
    _refuse_foreign(index, encoder)
    done: list[str] = []
    try:
        with writer_lock(index):
            problems = check(index)
            catalog_is_bad = any(problem.part == "catalog" for problem in problems)
            if catalog_is_bad:
                encoder = _prepare(seeds, encoder)
                done += _replace_catalog(index)
        if catalog_is_bad:
            report = build(seeds, index, encoder, progress=progress)
            done.append(
                f"built generation {report.generation} from {seeds}: {report.added} articles, {report.passages} "
                f"passages, {report.encoded} texts encoded"
            )
            done += [f"not indexed: {failure.path}: {failure.reason}" for failure in report.failures]
        elif any(problem.part == "index files" for problem in problems):
            rewrite_index_files(index)
            done.append("wrote the vector and lexical files again from the catalog; nothing was encoded")
    except OSError as error:
        raise OnRecordError(f"cannot write the index {index}: {error}") from error
    with catalog.reader(index) as (_, meta):
        generation = meta.generation
    return Repair(tuple(problems), tuple(done), tuple(check(index)), generation)


def _refuse_foreign(index: Path, encoder: Encoder | str) -> None:
    """Refuse an index that does not exist, or was built by another program or encoder; damage is checked later."""
    with suppress(IndexDamagedError), catalog.reader(index) as (_, meta):
        name = encoder_name(encoder) if isinstance(encoder, str) else encoder.name
        catalog.check_encoder(index, meta.encoder, name)


def _prepare(seeds: Path, encoder: Encoder | str) -> Encoder:
    """Check that there are articles, and load the encoder, before the old catalog is set aside."""
    files, _ = loaders.find_files(seeds)
    if not files:
        raise SourceError(f"no articles in {seeds} to build the damaged index from: name their folder with --seeds")
    return load_encoder(encoder) if isinstance(encoder, str) else encoder


def _replace_catalog(index: Path) -> Iterator[str]:
    """Set the catalog aside, and create one that holds its undamaged vectors only; yield what was done."""
    aside = set_aside(index)
    yield f"set the damaged catalog aside as {aside}"
    vectors, lost = _good_vectors(aside)
    with (
        closing(catalog.connect(index, write=True)) as connection,
        catalog.explain_errors(index / CATALOG_FILE),
        transaction(connection),
    ):
        made = ((key, vector, vector_crc(key, vector)) for key, vector in vectors.items())
        connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)", made)
    yield f"kept {len(vectors)} vectors" + (f" and gave up {lost} that are damaged" if lost else "")


def _good_vectors(path: Path) -> tuple[dict[bytes, bytes], int]:
    """Return key -> vector of the vectors that can be read from a damaged catalog, and how many are damaged.

    The key is a digest of the encoder's name and the text, so no text gets the vector of another one.
    """
    vectors: dict[bytes, bytes | None] = {}
    for order in ("ASC", "DESC"):  # SQLite stops at the damage: read up to it from both ends
        with (
            suppress(sqlite3.DatabaseError, UnicodeDecodeError),
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as c,
        ):
            c.text_factory = bytes  # a damaged key may have become invalid text
            for key, vector, crc in c.execute(f"SELECT key, vector, crc FROM vectors ORDER BY rowid {order}"):  # noqa: S608
                if isinstance(key, bytes) and isinstance(vector, bytes):
                    vectors[key] = vector if vector_crc(key, vector) == crc else None
    good = {key: vector for key, vector in vectors.items() if vector is not None}
    return good, len(vectors) - len(good)
