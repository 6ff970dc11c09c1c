"""One writer at a time: a lock on a file that the operating system lets go of when its holder dies."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rag.errors import IndexLocked

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
            raise IndexLocked(f"{index} is being built by {_holder(index)}: wait for it to end, or end it") from error
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
