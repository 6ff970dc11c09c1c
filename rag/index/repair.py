"""Mend an index: what is derived from its catalog, and what the articles and the good vectors give back of that.

Nothing is lost by it: a catalog that is given up is set aside under a name of its own, and what cannot be made anew
(no articles, no encoder, another model's index) is refused before anything is touched.
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
        problems: that there were.
        done: one line for each thing that was done.
        remaining: what is wrong now, which a repair cannot mend; empty when all holds.
        generation: that answers now.
    """

    problems: tuple[Problem, ...]
    done: tuple[str, ...]
    remaining: tuple[Problem, ...]
    generation: int

    def to_json(self) -> dict[str, Any]:
        return {
            "problems": [{"what": problem.what, "repair": problem.repair} for problem in self.problems],
            "done": list(self.done),
            "generation": self.generation,
        }


def repair(seeds: Path, index: Path, encoder: Encoder | str = "minilm", progress: Progress | None = None) -> Repair:
    """Find what is wrong with the index in folder `index`, and mend it.

    Derived files are written again from the catalog. A damaged catalog is set aside, and built again from the articles
    in folder `seeds`; texts whose vector is still good are not encoded again.

    Raises:
        IndexMissing: there is no index.
        IndexIncompatible: it was built by another encoder, version or program.
        IndexLocked: a build is under way.
        SourceError: the catalog is damaged, and there are no articles to build another from.
        ConfigError: the catalog is damaged, and the encoder cannot be loaded.
        OnRecordError: the index cannot be read or written, for want of space or permission.
    """
    _refuse_foreign(index, encoder)
    done: list[str] = []
    try:
        with writer_lock(index):
            problems = check(index)
            catalog_is_bad = any(problem.of == "catalog" for problem in problems)
            if catalog_is_bad:
                encoder = _ready(seeds, encoder)
                done += _begin_again(index)
        if catalog_is_bad:
            report = build(seeds, index, encoder, progress=progress)
            done.append(
                f"built generation {report.generation} from {seeds}: {report.added} articles, {report.passages} "
                f"passages, {report.encoded} texts encoded"
            )
            done += [f"not indexed: {failure.path}: {failure.reason}" for failure in report.failures]
        elif any(problem.of == "derived" for problem in problems):
            rewrite_index_files(index)
            done.append("wrote the vector and lexical files again from the catalog; nothing was encoded")
    except OSError as error:
        raise OnRecordError(f"cannot write the index {index}: {error}") from error
    with catalog.reader(index) as (_, meta):
        generation = meta.generation
    return Repair(tuple(problems), tuple(done), tuple(check(index)), generation)


def _refuse_foreign(index: Path, encoder: Encoder | str) -> None:
    """Refuse an index that is not there, or not ours; whether it is damaged shows later."""
    with suppress(IndexDamagedError), catalog.reader(index) as (_, meta):
        name = encoder_name(encoder) if isinstance(encoder, str) else encoder.name
        catalog.check_encoder(index, meta.encoder, name)


def _ready(seeds: Path, encoder: Encoder | str) -> Encoder:
    """See that there is everything to build with, before the old catalog goes."""
    files, _ = loaders.find_files(seeds)
    if not files:
        raise SourceError(f"no articles in {seeds} to build the damaged index from: name their folder with --seeds")
    return load_encoder(encoder) if isinstance(encoder, str) else encoder


def _begin_again(index: Path) -> Iterator[str]:
    """Set the catalog aside and begin one that has nothing but its good vectors."""
    aside = set_aside(index)
    yield f"set the damaged catalog aside as {aside}"
    vectors, lost = _good_vectors(aside)
    with (
        closing(catalog.connect(index, write=True)) as connection,
        catalog.explained(index / CATALOG_FILE),
        transaction(connection),
    ):
        made = ((key, vector, vector_crc(key, vector)) for key, vector in vectors.items())
        connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)", made)
    yield f"kept {len(vectors)} vectors" + (f" and gave up {lost} that are damaged" if lost else "")


def _good_vectors(path: Path) -> tuple[dict[bytes, bytes], int]:
    """Return key -> vector of what can be read of a damaged catalog, and how many vectors are no good.

    The key is a digest of the encoder's name and the words, so a vector is never taken for another's.
    """
    found: dict[bytes, bytes | None] = {}
    for order in ("ASC", "DESC"):  # from both ends up to the damage
        with (
            suppress(sqlite3.DatabaseError, UnicodeDecodeError),
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as c,
        ):
            c.text_factory = bytes  # whatever the damage made of them
            for key, vector, crc in c.execute(f"SELECT key, vector, crc FROM vectors ORDER BY rowid {order}"):  # noqa: S608
                if isinstance(key, bytes) and isinstance(vector, bytes):
                    found[key] = vector if vector_crc(key, vector) == crc else None
    good = {key: vector for key, vector in found.items() if vector is not None}
    return good, len(found) - len(good)
