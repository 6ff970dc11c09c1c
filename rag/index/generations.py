"""The index files of one generation, written from the catalog: vectors for FAISS, text for BM25.

Each generation has a folder of its own, with a new name and immutable files; unchanged files are links to those of the
generation before. So a file that a reader uses is never overwritten. The files count only after the commit of the
catalog's transaction that records their names and checksums.
"""

from __future__ import annotations

import re
import secrets
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from rag.errors import IndexDamagedError
from rag.filters import date_words
from rag.index import bm25, catalog, queries, segments
from rag.index.bm25 import LexicalIndex, PassageText
from rag.index.catalog import IndexFile, Meta
from rag.index.files import link, sha256, sync
from rag.index.vectors import DenseIndex, Segment
from rag.types import Passage

LEXICAL = "lexical"
FOLDER = re.compile(r"derived-(\d{6,})-[0-9a-f]{8}")
# BM25 counts the words of deleted passages until their file is written again. The whole lexical index is written again
# when a larger share of it is deleted, or when it has so few passages that this takes no time.
MAX_DEAD_SHARE = 0.1
FEW_PASSAGES = 2_000


@dataclass(frozen=True, slots=True)
class IndexFiles:
    """The loaded index files of a generation.

    Attributes:
        dense: the vectors.
        lexical: the BM25 index.
        notes: one line that says why they were made in memory, when the files cannot be used; else empty.
        segments: checksum -> vector segment; the next generation has most of them too.
    """

    dense: DenseIndex
    lexical: LexicalIndex
    notes: tuple[str, ...] = ()
    segments: Mapping[str, Segment] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """How a build changed the passages of the generation before.

    Attributes:
        gone: ids of the passages that were deleted, or whose text may have changed.
        articles: ids of the articles that are new or changed: all their passages are indexed again.
        dead: vector segment -> ids of the passages whose vector in it is out of date.
    """

    gone: Sequence[int]
    articles: Sequence[str]
    dead: Mapping[int, Sequence[int]]

    @property
    def changes_lexical(self) -> bool:
        """Return whether the lexical index changes."""
        return bool(self.gone or self.articles)


# Writing


def write(
    index: Path, connection: sqlite3.Connection, meta: Meta, before: Sequence[IndexFile], change: Change | None
) -> list[IndexFile]:
    """Write the index files for the rows that `connection` sees, and return them once they are on the disk.

    Files that `change` does not affect are links to those of the generation `before`. All files are written again when
    `change` is None, or when the files `before` are damaged.

    Raises:
        IndexDamagedError: the catalog lacks a vector that it should have.
        OSError: the disk is full, or the like.
    """
    if change is None or not _usable(index, before, change):
        before, change = [], Change([], [], {})
    folder = index / f"derived-{meta.generation:06d}-{secrets.token_hex(4)}"
    (folder / LEXICAL).mkdir(parents=True)
    try:
        segments.write(index, connection, meta.dimension, folder, before, change.dead)
        if not before or not _grow_lexical(index, connection, folder, before, change):
            _build_lexical(connection, folder / LEXICAL)
        known = {folder / _inside(file): file for file in before}
        paths = [path for path in sorted(folder.rglob("*")) if _counts(path)]
        files = [_sealed(index, path, known.get(path)) for path in paths]
        for directory in (folder / LEXICAL, folder, index):
            sync(directory)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return files


def _usable(index: Path, before: Sequence[IndexFile], change: Change) -> bool:
    """Return whether the files of the generation before can be linked and changed.

    A link needs no checksum. But tantivy would copy damaged content into its new files, so files that it is going to
    change are read.
    """
    changing = [file for file in before if change.changes_lexical and _is_lexical(file)]
    return not damage(index, before, read=False) and not (changing and damage(index, changing))


def _grow_lexical(
    index: Path, connection: sqlite3.Connection, folder: Path, before: Sequence[IndexFile], change: Change
) -> bool:
    """Link the lexical index of the generation before and update it; return False when it must be written again."""
    try:
        if change.changes_lexical and _stale(index / folder_name(before) / LEXICAL, connection, change):
            return False
        for file in before:
            if _is_lexical(file):
                link(index / file.name, folder / _inside(file))
        if change.changes_lexical:
            LexicalIndex.update(folder / LEXICAL, change.gone, _texts(queries.passages_of(connection, change.articles)))
    except IndexDamagedError:  # the files are not damaged, but this version of tantivy cannot update them
        shutil.rmtree(folder / LEXICAL)
        (folder / LEXICAL).mkdir()
        return False
    return True


def _stale(old: Path, connection: sqlite3.Connection, change: Change) -> bool:
    """Return whether too many of the lexical index's passages are deleted, or it has only a few."""
    stored, dead = bm25.count_passages(old)
    passages = connection.execute("SELECT count(*) FROM passages").fetchone()[0]
    return passages <= FEW_PASSAGES or dead + len(change.gone) > MAX_DEAD_SHARE * stored


def _build_lexical(connection: sqlite3.Connection, folder: Path | None) -> LexicalIndex:
    return LexicalIndex.build(_texts(queries.all_passages(connection)), folder)


def _texts(passages: Iterable[tuple[int, Passage]]) -> Iterator[PassageText]:
    for id_, passage in passages:
        article = passage.article
        origin = " ".join(part for part in (article.publisher, date_words(article.published)) if part)
        yield PassageText(id_, passage.text, article.title or "", origin)


def _counts(path: Path) -> bool:
    """Return whether the file is an index file, and not one of tantivy's locks."""
    return path.is_file() and not path.name.endswith(".lock")


def _sealed(index: Path, path: Path, before: IndexFile | None) -> IndexFile:
    """Return the record of a file; a link to a file of the generation `before` has the same checksum."""
    name = path.relative_to(index).as_posix()
    if before is not None and path.samefile(index / before.name):
        return IndexFile(name, before.sha256, before.bytes)
    sync(path)
    return IndexFile(name, sha256(path), path.stat().st_size)


# Reading


def load(index: Path, connection: sqlite3.Connection, meta: Meta, held: IndexFiles | None = None) -> IndexFiles:
    """Open the index files that the catalog names; if they are damaged, build them in memory, without encoding.

    Segments that `held` has from another generation are not read again. The files of an old generation may have been
    removed while a reader still uses it: that is not damage, so no note is made.
    """
    files = catalog.index_files(connection, meta.generation)
    try:
        if problem := damage(index, [file for file in files if _is_lexical(file)]):
            raise IndexDamagedError(problem)
        dense, loaded = segments.read(index, files, meta.dimension, {} if held is None else held.segments)
        return IndexFiles(dense, LexicalIndex.open(index / folder_name(files) / LEXICAL), segments=loaded)
    except IndexDamagedError as error:
        note = f"{error}; searching a copy made from the catalog: run `onrecord repair` to write it again"
        every = Segment.build(queries.vectors(connection, meta.dimension), meta.dimension)
        with catalog.reader(index) as (_, newest):
            notes = (note,) if newest.generation == meta.generation else ()
        return IndexFiles(DenseIndex([every], meta.dimension), _build_lexical(connection, None), notes)


def damage(index: Path, files: Iterable[IndexFile], *, read: bool = True) -> str | None:
    """Return what is wrong with the first damaged index file; None when all are as they were written.

    Without `read`, only a missing file or another size is detected.
    """
    files = list(files)
    if not files:
        return "the catalog names no index files"
    for file in files:
        path = index / file.name
        try:
            if path.stat().st_size != file.bytes or (read and sha256(path) != file.sha256):
                return f"{path} is not as it was written"
        except OSError as error:
            return f"{path} cannot be read ({error.strerror or error})"
    return None


# Names


def _is_lexical(file: IndexFile) -> bool:
    return PurePosixPath(file.name).parent.name == LEXICAL


def _inside(file: IndexFile) -> PurePosixPath:
    """Return the file's name relative to the folder of its generation."""
    return PurePosixPath(*PurePosixPath(file.name).parts[1:])


def folder_name(files: Iterable[IndexFile]) -> str:
    """Return the folder of a generation's files, relative to the index."""
    return next(iter(files)).name.split("/")[0]


def generation_folders(index: Path) -> Iterator[tuple[int, Path]]:
    """Yield (generation, folder) of every folder of index files, in use or left over."""
    for path in sorted(index.iterdir()):
        if (match := FOLDER.fullmatch(path.name)) and path.is_dir():
            yield int(match[1]), path
