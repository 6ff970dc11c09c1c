"""Take one safeguard out of the product, in the calling process: each row must detect it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch

from rag.errors import OnRecordError
from rag.index import build, catalog, queries
from rag.index.build import BuildReport
from rag.index.reader import Index
from rag.ingest import loaders
from rag.ingest.loaders import SourceFile


@contextmanager
def without_transactions() -> Iterator[None]:
    """Let every statement commit by itself, and every read see the newest state."""

    @contextmanager
    def nothing(connection: Any, *, write: bool = True) -> Iterator[None]:
        yield

    real, names = catalog.transaction, [name for name in sys.modules if name.startswith("rag.")]
    for module in [sys.modules[name] for name in names]:
        if getattr(module, "transaction", None) is real:
            module.transaction = nothing  # type: ignore[attr-defined]
    yield


@contextmanager
def with_success_always() -> Iterator[None]:
    """Let a build that fails report success."""
    real = build.build

    def pretend(*arguments: Any, **options: Any) -> BuildReport:
        try:
            return real(*arguments, **options)
        except OnRecordError:
            return BuildReport(2, 0, 0, 0, 0, 0, 0, 0, 0.0, ())

    with patch.object(build, "build", pretend):
        yield


@contextmanager
def without_sync() -> Iterator[None]:
    """Sync nothing."""
    with patch.object(os, "fsync", lambda file: None):
        yield


class _Same(str):
    """A digest that equals every other."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False


@contextmanager
def without_checksums() -> Iterator[None]:
    """Let every digest equal every other."""

    class Digest:
        def __init__(self, data: bytes = b"") -> None:
            self._real = sha256(data)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

        def hexdigest(self) -> str:
            return _Same(self._real.hexdigest())

    sha256 = hashlib.sha256
    with (
        patch.object(hashlib, "sha256", Digest),
        patch.object(hashlib, "file_digest", lambda file, name: Digest(file.read())),
        patch.object(queries, "_digest", lambda columns: _Same()),
    ):
        yield


@contextmanager
def with_pickle() -> Iterator[None]:
    """Load vector files as pickles first."""
    real = Index.index_files

    def index_files(index: Index, connection: Any, meta: Any) -> Any:
        for path in index.path.rglob("*.faiss"):
            with suppress(Exception):
                pickle.loads(path.read_bytes())
        return real(index, connection, meta)

    with patch.object(Index, "index_files", index_files):
        yield


@contextmanager
def without_lock() -> Iterator[None]:
    with patch.object(fcntl, "flock", lambda file, operation: None):
        yield


def _with_digest(digest: Callable[[SourceFile], str]) -> Any:
    return patch.object(loaders, "digest", digest)


@contextmanager
def by_file_times() -> Iterator[None]:
    """Take a file for unchanged when its size and its time are."""

    def digest(file: SourceFile) -> str:
        status = file.absolute.stat()
        return f"{status.st_size} {status.st_mtime_ns}"

    with _with_digest(digest):
        yield


@contextmanager
def without_edits() -> Iterator[None]:
    """Never read a file again."""
    with _with_digest(lambda file: file.path):
        yield
