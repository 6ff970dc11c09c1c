"""The files made from the catalog for one generation: vectors for FAISS, words for BM25.

A generation's folder has a name that was never used before and never will be again, and holds immutable files: those
that did not change are links to the files of the generation before. So nothing a reader holds is ever written over.
The files count only when the catalog's transaction that names them, with their checksums, commits.
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
from rag.index.bm25 import Lexical, LexicalText
from rag.index.catalog import IndexFile, Meta
from rag.index.files import link, sha256, sync
from rag.index.vectors import Dense, Segment
from rag.types import Passage

LEXICAL = "lexical"
FOLDER = re.compile(r"derived-(\d{6,})-[0-9a-f]{8}")
# BM25 counts the words of passages that are gone until their file is written anew. So the whole lexical index is, when
# more than this part of it is gone, or when it has so few passages that it takes no time.
DEAD_SHARE = 0.1
FEW_PASSAGES = 2_000


@dataclass(frozen=True, slots=True)
class IndexFiles:
    """What a search needs beside the catalog.

    Attributes:
        notes: why it was made in memory, one line, when the files could not be used; else empty.
        segments: the vector segments by their checksums, for the next generation, which has most of them too.
    """

    dense: Dense
    lexical: Lexical
    notes: tuple[str, ...] = ()
    segments: Mapping[str, Segment] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """What a build did to the passages of the generation before.

    Attributes:
        gone: ids of the passages that left, or may have other words now.
        articles: ids of the articles that came, or came back changed: their passages are new.
        dead: vector segment -> ids of the passages whose vector in it counts no more.
    """

    gone: Sequence[int]
    articles: Sequence[str]
    dead: Mapping[int, Sequence[int]]

    @property
    def words(self) -> bool:
        """Whether the lexical index changes."""
        return bool(self.gone or self.articles)


# Writing


def write(
    index: Path, connection: sqlite3.Connection, meta: Meta, before: Sequence[IndexFile], change: Change | None
) -> list[IndexFile]:
    """Make the derived files of the rows `connection` sees, and return them once they are safe on the disk.

    What did not `change` is taken over from the files of the generation `before`; everything is written anew without
    a change to go by, or when those files are damaged.

    Raises:
        IndexDamaged: the catalog lacks a vector that it should have.
        OSError: the disk is full, or the like.
    """
    if change is None or not _sound(index, before, change):
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


def _sound(index: Path, before: Sequence[IndexFile], change: Change) -> bool:
    """Whether the files can be gone on from.

    Linking needs no reading; but what tantivy reads to change it, it would copy into new files with all its damage.
    """
    changing = [file for file in before if change.words and _is_lexical(file)]
    return not damage(index, before, read=False) and not (changing and damage(index, changing))


def _grow_lexical(
    index: Path, connection: sqlite3.Connection, folder: Path, before: Sequence[IndexFile], change: Change
) -> bool:
    """Link the lexical index of the generation before and change what changed; False when it is to be written anew."""
    try:
        if change.words and _stale(index / folder_name(before) / LEXICAL, connection, change):
            return False
        for file in before:
            if _is_lexical(file):
                link(index / file.name, folder / _inside(file))
        if change.words:
            Lexical.update(folder / LEXICAL, change.gone, _texts(queries.passages_of(connection, change.articles)))
    except (
        IndexDamagedError
    ):  # the files are as they were written, and still this version of tantivy cannot go on with them
        shutil.rmtree(folder / LEXICAL)
        (folder / LEXICAL).mkdir()
        return False
    return True


def _stale(old: Path, connection: sqlite3.Connection, change: Change) -> bool:
    stored, dead = bm25.stored(old)
    passages = connection.execute("SELECT count(*) FROM passages").fetchone()[0]
    return passages <= FEW_PASSAGES or dead + len(change.gone) > DEAD_SHARE * stored


def _build_lexical(connection: sqlite3.Connection, folder: Path | None) -> Lexical:
    return Lexical.build(_texts(queries.all_passages(connection)), folder)


def _texts(passages: Iterable[tuple[int, Passage]]) -> Iterator[LexicalText]:
    for id_, passage in passages:
        article = passage.article
        origin = " ".join(part for part in (article.publisher, date_words(article.published)) if part)
        yield LexicalText(id_, passage.text, article.title or "", origin)


def _counts(path: Path) -> bool:
    """Whether the file is part of the index: tantivy's lock files come and go."""
    return path.is_file() and not path.name.endswith(".lock")


def _sealed(index: Path, path: Path, before: IndexFile | None) -> IndexFile:
    """Return what the file must contain; one that is a link to one of the generation `before` is as that one was."""
    name = path.relative_to(index).as_posix()
    if before is not None and path.samefile(index / before.name):
        return IndexFile(name, before.sha256, before.bytes)
    sync(path)
    return IndexFile(name, sha256(path), path.stat().st_size)


# Reading


def load(index: Path, connection: sqlite3.Connection, meta: Meta, held: IndexFiles | None = None) -> IndexFiles:
    """Open the derived files the catalog names, or make their contents in memory, without encoding, if they are bad.

    What `held` has of another generation is not read again. The files of a generation that newer ones have outlived may
    be gone while it is still held: that is no damage, and nothing is said of it.
    """
    files = catalog.index_files(connection, meta.generation)
    try:
        if problem := damage(index, [file for file in files if _is_lexical(file)]):
            raise IndexDamagedError(problem)
        dense, loaded = segments.read(index, files, meta.dimension, {} if held is None else held.segments)
        return IndexFiles(dense, Lexical.open(index / folder_name(files) / LEXICAL), segments=loaded)
    except IndexDamagedError as error:
        note = f"{error}; searching a copy made from the catalog: run `onrecord repair` to write it again"
        every = Segment.build(queries.vectors(connection, meta.dimension), meta.dimension)
        with catalog.reader(index) as (_, newest):
            notes = (note,) if newest.generation == meta.generation else ()
        return IndexFiles(Dense([every], meta.dimension), _build_lexical(connection, None), notes)


def damage(index: Path, files: Iterable[IndexFile], *, read: bool = True) -> str | None:
    """Say what is wrong with the first derived file that is not as it was written; None when all are.

    Without reading them, only a file that is missing or has another size is found.
    """
    files = list(files)
    if not files:
        return "the catalog names no derived files"
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


def folders(index: Path) -> Iterator[tuple[int, Path]]:
    """Yield (generation, folder) of every derived folder there is, in use or left over."""
    for path in sorted(index.iterdir()):
        if (match := FOLDER.fullmatch(path.name)) and path.is_dir():
            yield int(match[1]), path
