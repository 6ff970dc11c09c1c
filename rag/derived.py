"""The files made from the catalog for one generation: vectors for FAISS, words for BM25.

A generation's folder has a name that was never used before and never will be again, so nothing a reader holds is ever
written over. Its files count only when the catalog's transaction that names them, with their checksums, commits.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rag import catalog, rows
from rag.catalog import DerivedFile, Meta
from rag.dense import Dense
from rag.errors import IndexDamaged
from rag.filters import date_words
from rag.lexical import Lexical, LexicalText

VECTORS = "vectors.faiss"
LEXICAL = "lexical"
FOLDER = re.compile(r"derived-(\d{6,})-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Derived:
    """What a search needs beside the catalog.

    Attributes:
        notes: why it was made in memory, one line, when the files could not be used; else empty.
    """

    dense: Dense
    lexical: Lexical
    notes: tuple[str, ...] = ()


def write(index: Path, connection: sqlite3.Connection, meta: Meta) -> list[DerivedFile]:
    """Make the derived files of the rows `connection` sees, and return them once they are safe on the disk.

    Raises:
        OSError: the disk is full, or the like.
    """
    folder = index / f"derived-{meta.generation:06d}-{secrets.token_hex(4)}"
    lexical = folder / LEXICAL
    lexical.mkdir(parents=True)
    try:
        (folder / VECTORS).write_bytes(_dense(connection, meta).to_bytes())
        Lexical.build(_lexical_texts(connection), lexical)
        files = [_seal(path, index) for path in sorted(folder.rglob("*")) if _counts(path)]
        for directory in (lexical, folder, index):
            _sync(directory)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return files


def load(index: Path, connection: sqlite3.Connection, meta: Meta) -> Derived:
    """Open the derived files the catalog names, or make their contents in memory, without encoding, if they are bad."""
    files = catalog.derived_files(connection, meta.generation)
    try:
        dense = _read_vectors(index, files)
        if problem := damage(index, [file for file in files if not _is_vectors(file)]):
            raise IndexDamaged(problem)
        return Derived(dense, Lexical.open(index / folder_name(files) / LEXICAL))
    except IndexDamaged as error:
        note = f"{error}; searching a copy made from the catalog: run `onrecord build` to write it again"
        return Derived(_dense(connection, meta), Lexical.build(_lexical_texts(connection)), (note,))


def damage(index: Path, files: Iterable[DerivedFile]) -> str | None:
    """Say what is wrong with the first derived file that is not as it was written; None when all are."""
    files = list(files)
    if not files:
        return "the catalog names no derived files"
    for file in files:
        path = index / file.name
        try:
            if path.stat().st_size != file.bytes or _sha256(path) != file.sha256:
                return f"{path} is not as it was written"
        except OSError as error:
            return f"{path} cannot be read ({error.strerror or error})"
    return None


def _read_vectors(index: Path, files: Iterable[DerivedFile]) -> Dense:
    """Read the vector file once, and let FAISS, which trusts what it parses, see only bytes that match their checksum.

    Raises:
        IndexDamaged: there is no such file, or it is not as it was written.
    """
    file = next((file for file in files if _is_vectors(file)), None)
    if file is None:
        raise IndexDamaged("the catalog names no vector file")
    path = index / file.name
    try:
        data = path.read_bytes()
    except OSError as error:
        raise IndexDamaged(f"{path} cannot be read ({error.strerror or error})") from error
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise IndexDamaged(f"{path} is not as it was written")
    return Dense.from_bytes(data)


def _is_vectors(file: DerivedFile) -> bool:
    return file.name.endswith(f"/{VECTORS}")


def folder_name(files: Iterable[DerivedFile]) -> str:
    """Return the folder of a generation's files, relative to the index."""
    return next(iter(files)).name.split("/")[0]


def folders(index: Path) -> Iterator[tuple[int, Path]]:
    """Yield (generation, folder) of every derived folder there is, in use or left over."""
    for path in sorted(index.iterdir()):
        if (match := FOLDER.fullmatch(path.name)) and path.is_dir():
            yield int(match[1]), path


def _dense(connection: sqlite3.Connection, meta: Meta) -> Dense:
    ids, vectors = rows.passage_vectors(connection, meta.dimension)
    return Dense(ids, vectors)


def _lexical_texts(connection: sqlite3.Connection) -> Iterator[LexicalText]:
    for id_, passage in rows.all_passages(connection):
        article = passage.article
        meta = " ".join(part for part in (article.publisher, date_words(article.published)) if part)
        yield LexicalText(id_, passage.text, article.title or "", meta)


def _counts(path: Path) -> bool:
    """Whether the file is part of the index: tantivy's lock files come and go."""
    return path.is_file() and not path.name.endswith(".lock")


def _seal(path: Path, index: Path) -> DerivedFile:
    _sync(path)
    return DerivedFile(path.relative_to(index).as_posix(), _sha256(path), path.stat().st_size)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
