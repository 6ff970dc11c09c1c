"""Build again whenever the folder of articles has changed and has come to rest."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rag.errors import IndexLockedError, OnRecordError, SourceError
from rag.index.build import BuildReport

SETTLE = 1.0  # seconds without a change after which a file counts as written: editors and copies pause for less
LONGEST = 60.0  # seconds that a file which never comes to rest keeps the others waiting
LOCKED_WAIT = 2.0  # seconds between two looks whether another build has ended

Told = Callable[[BuildReport | OnRecordError], None]
State = tuple[int, int, int] | None  # inode, size and time of change of a file; None when there is none


def watch(
    seeds: Path,
    index: Path,
    build: Callable[[], BuildReport],
    told: Told,
    settle: float = SETTLE,
    stop: threading.Event | None = None,
) -> None:
    """Call `build` now, and again after each change in folder `seeds`, until `stop` is set or the process is told to.

    `told` gets each report, and each error that may pass: a build that failed is tried again after the next change,
    one that found another build under way as soon as that has ended.

    Raises:
        SourceError: there is no such folder, or it went away.
        OnRecordError: the first build failed for another reason than that there are no articles yet, or the system
            cannot watch the folder.
    """
    folder = _folder(seeds)
    root, inside = seeds.resolve(), index.resolve()
    moving: dict[Path, State] = {}  # what changed since the last build, as it was when that was noticed
    due, first, locked = True, True, False
    changed = oldest = tried = 0.0  # when something last changed, and first; when a build was last tried
    for paths in _changes(root, settle, stop):
        now = time.monotonic()
        if _folder(seeds) != folder:
            raise SourceError(f"the articles folder {seeds} was replaced by another: start again")
        if fresh := {path: _state(path) for path in paths if _concerns(path, root, inside)}:
            changed, oldest = now, oldest if moving else now
            moving |= fresh
        if not (due or moving) or (locked and now - tried < LOCKED_WAIT):
            continue
        if moving and now - oldest < LONGEST:
            if now - changed < settle:
                continue
            if (states := {path: _state(path) for path in moving}) != moving:  # no event told of it
                moving, changed = states, now
                continue
        moving.clear()
        tried = now
        try:
            told(build())
            due = locked = False
        except IndexLockedError as error:
            if not locked:
                told(error)
            due = locked = True
        except OnRecordError as error:
            if first and not isinstance(error, SourceError):
                raise
            told(error)
            due = locked = False
        first = False


def _changes(root: Path, settle: float, stop: threading.Event | None) -> Iterator[set[Path]]:
    """Yield the paths that changed, several times a second while there are any, and none when nothing does."""
    import watchfiles

    step = max(1, int(settle * 1000 / 4))
    try:
        for changes in watchfiles.watch(
            root,
            watch_filter=None,
            debounce=2 * step,
            step=step,
            rust_timeout=step,
            yield_on_timeout=True,
            stop_event=stop,
            ignore_permission_denied=True,
        ):
            yield {Path(path) for _, path in changes}
    except (OSError, RuntimeError) as error:
        raise OnRecordError(
            f"{root} cannot be watched ({error}): see to fs.inotify.max_user_watches, or run `onrecord build` yourself"
        ) from error


def _concerns(path: Path, root: Path, index: Path) -> bool:
    """Whether a build would look at the path: not at what is hidden, and not at an index among the articles."""
    if path.is_relative_to(index):
        return False
    return path.is_relative_to(root) and not any(part.startswith(".") for part in path.relative_to(root).parts)


def _state(path: Path) -> State:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _folder(seeds: Path) -> tuple[int, int]:
    """Return which folder it is: one of the same name is another one."""
    try:
        status = os.stat(seeds)
    except OSError as error:
        raise SourceError(f"the articles folder {seeds} is not there: create it and put articles there") from error
    return status.st_dev, status.st_ino
