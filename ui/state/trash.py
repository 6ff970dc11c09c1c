"""What was removed from the evaluations: set aside with a way back, and deleted a day later. No Streamlit here."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rag.evaluation.questions import EvalError
from ui.state.store import KEPT_DELETED

ASIDE = "removed"  # the folder beside the runs


@dataclass(frozen=True, slots=True)
class Discarded:
    """Files that were set aside together.

    Attributes:
        told: what they were, in a few words.
        paths: where they were, in `folder`.
    """

    told: str
    folder: Path
    paths: tuple[Path, ...]


def discard(folder: Path, paths: Iterable[Path], told: str) -> Discarded:
    """Set files of `folder` aside; what was set aside a day ago is deleted now.

    Raises:
        EvalError: one of them cannot be moved.
    """
    found = tuple(paths)
    _purge(folder)
    for path in found:
        aside = _aside(folder, path)
        try:
            aside.parent.mkdir(parents=True, exist_ok=True)
            path.replace(aside)
            os.utime(aside)  # from now on it is kept
        except OSError as error:
            raise EvalError(f"{path} cannot be removed ({error.strerror}): see to the folder") from error
    return Discarded(told, folder, found)


def put_back(discarded: Discarded) -> Sequence[Path]:
    """Put files where they were, but for those whose place is taken or that are gone; return these.

    Raises:
        EvalError: one of them cannot be moved.
    """
    left = [path for path in discarded.paths if path.exists() or not _aside(discarded.folder, path).exists()]
    for path in discarded.paths:
        if path not in left:
            try:
                _aside(discarded.folder, path).rename(path)
            except OSError as error:
                raise EvalError(f"{path} cannot be put back ({error.strerror}): see to the folder") from error
    return left


def _aside(folder: Path, path: Path) -> Path:
    return folder / ASIDE / path.relative_to(folder)


def _purge(folder: Path) -> None:
    aside, old = folder / ASIDE, time.time() - KEPT_DELETED.total_seconds()
    for path in aside.rglob("*") if aside.is_dir() else ():
        with suppress(OSError):  # another process may be at it
            if path.is_file() and path.stat().st_mtime < old:
                path.unlink()
