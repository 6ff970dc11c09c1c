"""What immutable files need of the file system: links, checksums, syncing to the disk, and a lock for the writer."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rag.errors import IndexLockedError


def link(source: Path, target: Path) -> None:
    """Link `target` to the file `source`, or copy it where the file system has no links.

    Raises:
        OSError: the disk is full, or the like.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        shutil.copyfile(source, target)


def make_folder(path: Path) -> None:
    """Make the folder and its missing parents, and wait until their names are on the disk.

    Raises:
        OSError: the disk is full, or the like.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync(folder.parent)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Wait until the file, or the names in the folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


LOCK_FILE = "lock"


@contextmanager
def writer_lock(index: Path) -> Iterator[None]:
    """Hold the index folder for writing. The system frees the lock when the process dies.

    Raises:
        IndexLockedError: another process, or another thread of this one, holds the lock; says which one and since when.
    """
    from filelock import FileLock, Timeout

    path = index / LOCK_FILE
    try:
        # The soft lock that filelock can fall back to would outlive a process that is killed.
        held = FileLock(path, fallback_to_soft=False).acquire(blocking=False)
    except Timeout as error:
        raise IndexLockedError(f"{index} is being built by {_holder(path)}: wait for it to end, or end it") from error
    with held:
        holder = {"pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
        path.write_text(json.dumps(holder), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text("", encoding="utf-8")  # or the next holder would be taken for this one until it writes


def _holder(path: Path) -> str:
    """Return who holds the lock file `path`, in words."""
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"process {int(holder['pid'])} (since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):  # the holder has not yet written who it is
        return "another process"
