"""Build the index again whenever the folder of articles has changed and its files are complete."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rag.errors import IndexLockedError, OnRecordError, SourceError
from rag.index.build import BuildReport

SETTLE_SECONDS = 1.0  # a file is written when it has not changed for so long; editors pause for less
MAX_WAIT_SECONDS = 60.0  # that a file which keeps changing delays the build
LOCKED_RETRY_SECONDS = 2.0  # between two tries while another build is running

Report = Callable[[BuildReport | OnRecordError], None]
State = tuple[int, int, int] | None  # inode, size and time of change of a file; None when it does not exist


def watch(
    seeds: Path,
    index: Path,
    build: Callable[[], BuildReport],
    report: Report,
    settle: float = SETTLE_SECONDS,
    stop: threading.Event | None = None,
) -> None:
    """Call `build` now, and again after each change in folder `seeds`, until `stop` is set or a signal comes.

    Args:
        seeds: the folder of articles.
        index: the folder of the index, whose changes are ignored.
        build: brings the index up to date.
        report: gets the report of each build, and each error that may pass. After an error, the next change starts a
            build; after the error that another build is running, the end of that build does.
        settle: seconds without a change before a build.
        stop: ends the watch.

    Raises:
        SourceError: the folder does not exist, or was removed or replaced.
        OnRecordError: the first build failed although there are articles, or the system cannot watch the folder.
    """
    folder = _folder(seeds)
    root, inside = seeds.resolve(), index.resolve()
    pending = _Pending(settle)
    due, first, locked = True, True, False
    tried = 0.0  # when a build was last tried
    for paths in _changes(root, settle, stop):
        now = time.monotonic()
        if _folder(seeds) != folder:
            raise SourceError(f"the articles folder {seeds} was replaced by another: start again")
        pending.add({path for path in paths if _concerns(path, root, inside)}, now)
        if not (due or pending) or (locked and now - tried < LOCKED_RETRY_SECONDS) or not pending.settled(now):
            continue
        pending.clear()
        tried = now
        was_locked, due, locked = locked, False, False
        try:
            report(build())
        except IndexLockedError as error:
            due = locked = True
            if not was_locked:
                report(error)
        except OnRecordError as error:
            if first and not isinstance(error, SourceError):
                raise
            report(error)
        first = False


class _Pending:
    """The files that changed since the last build, in the state in which the change was noticed."""

    def __init__(self, settle: float) -> None:
        self._settle = settle
        self._states: dict[Path, State] = {}
        self._oldest = self._newest = 0.0  # times of the first and the last change

    def __bool__(self) -> bool:
        return bool(self._states)

    def add(self, paths: Iterable[Path], now: float) -> None:
        """Note that these files have changed."""
        if fresh := {path: _state(path) for path in paths}:
            self._oldest, self._newest = self._oldest if self._states else now, now
            self._states |= fresh

    def settled(self, now: float) -> bool:
        """Return whether no file has changed for a while, or the first change is too long ago."""
        if not self._states or now - self._oldest >= MAX_WAIT_SECONDS:
            return True
        if now - self._newest < self._settle:
            return False
        if (states := {path: _state(path) for path in self._states}) != self._states:  # a change without an event
            self._states, self._newest = states, now
            return False
        return True

    def clear(self) -> None:
        """Forget all changes."""
        self._states.clear()


def _changes(root: Path, settle: float, stop: threading.Event | None) -> Iterator[set[Path]]:
    """Yield the paths that have changed, several times a second; an empty set when nothing has."""
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
            f"{root} cannot be watched ({error}): raise fs.inotify.max_user_watches, or run `onrecord build` yourself"
        ) from error


def _concerns(path: Path, root: Path, index: Path) -> bool:
    """Return whether a build would read the path: it is not hidden, and not in an index among the articles."""
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
    """Return the identity of the folder; a new folder of the same name has another one."""
    try:
        status = os.stat(seeds)
    except OSError as error:
        raise SourceError(f"the articles folder {seeds} is not there: create it and put articles there") from error
    return status.st_dev, status.st_ino
