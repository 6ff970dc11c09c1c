"""What immutable files need of the file system: links, checksums, and the certainty that they are on the disk."""

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
    """Give the file a second name, or copy it where the file system knows no links.

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
    """Make the folder and those above it that are missing, so that their names are on the disk.

    Raises:
        OSError: the disk is full, or the like.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync(folder.parent)


def sha256(path: Path) -> str:
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
    """Hold the index folder for writing.

    Raises:
        IndexLocked: another process, or another thread of this one, holds it; says which and since when.
    """
    import fcntl

    with (index / LOCK_FILE).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise IndexLockedError(
                f"{index} is being built by {_holder(index)}: wait for it to end, or end it"
            ) from error
        holder = {"pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
        file.truncate(0)
        file.write(json.dumps(holder))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)  # or the next holder would be taken for this one until it has written its own name


def _holder(index: Path) -> str:
    try:
        holder = json.loads((index / LOCK_FILE).read_text(encoding="utf-8"))
        return f"process {int(holder['pid'])} (since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):  # it has taken the lock and not yet written who it is
        return "another process"
