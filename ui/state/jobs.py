"""Work that a button starts: building, mending and checking the index, asking it a set of questions. One at a time of
those that share a `Jobs`, on a thread of its own.

The chat goes on meanwhile: readers of the index see the last generation until the next one is whole.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from rag.config import Settings
from rag.errors import OnRecordError
from rag.index.build import BuildReport, build
from rag.index.check import check
from rag.index.repair import repair
from rag.index.staging import Progress

Kind = Literal["build", "build anew", "repair", "check", "evaluation"]
Work = Callable[[Progress], tuple[str, ...]]

LABELS: dict[Kind, str] = {
    "build": "Building the index",
    "build anew": "Building the index anew",
    "repair": "Repairing the index",
    "check": "Checking the index",
    "evaluation": "Evaluation",
}
BROKEN = "It broke off: something went wrong inside the program, and the server's log says what."
STOPPED = "it was stopped before its end, and nothing of it is kept"
LOG = logging.getLogger(__name__)


@dataclass
class Job:
    """What was started, how far it is, and what it came to.

    Attributes:
        stage, done, total: "reading" files, "encoding" passages, "writing" the index or "asking" questions; total 0 is
            not known.
        lines: what was done, once it is.
        error: why it was not done.
    """

    kind: Kind
    running: bool = True
    stage: str = ""
    done: int = 0
    total: int = 0
    lines: tuple[str, ...] = ()
    error: str = ""
    stopping: bool = False

    def stop(self) -> None:
        """End the job at its next step. Only for what can be left halfway: a build is not."""
        self.stopping = True

    def progress(self, stage: str, done: int, total: int) -> None:
        if self.stopping:
            raise OnRecordError(STOPPED)
        self.stage, self.done, self.total = stage, done, total


class Jobs:
    """At most one job at a time; the last one stays to be read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.last: Job | None = None

    @property
    def running(self) -> bool:
        return self.last is not None and self.last.running

    def start(self, kind: Kind, work: Work) -> None:
        """Begin a job, unless one is under way."""
        with self._lock:
            if not self.running:
                self.last = job = Job(kind)
                threading.Thread(target=_run, args=(job, work), name=f"onrecord-{kind}", daemon=True).start()


def _run(job: Job, work: Work) -> None:
    try:
        job.lines = work(job.progress)
    except OnRecordError as error:
        job.error = str(error)
    except Exception:
        LOG.exception("%s failed", job.kind)
        job.error = BROKEN
    finally:
        job.running = False


def work(kind: Kind, settings: Settings) -> Work:
    """What a job of this kind does to the index."""
    if kind == "repair":
        return lambda progress: _repaired(settings, progress)
    if kind == "check":
        return lambda progress: _checked(settings)
    return lambda progress: _built(settings, kind == "build anew", progress)


def _built(settings: Settings, force: bool, progress: Progress) -> tuple[str, ...]:
    return built_lines(build(settings.seeds, settings.index, settings.encoder, force=force, progress=progress))


def built_lines(report: BuildReport) -> tuple[str, ...]:
    """What a build did, and what it could not read."""
    counts = report.to_json()["articles"]
    changes = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    told = f"Articles: {changes or 'none'}. Encoded: {report.encoded} of {report.passages} passages."
    return (told, *(f"Not indexed: {failure.path}: {failure.reason}" for failure in report.failures))


def _repaired(settings: Settings, progress: Progress) -> tuple[str, ...]:
    found = repair(settings.seeds, settings.index, settings.encoder, progress)
    if found.remaining:
        left = "; ".join(f"{problem.what} (mended by: {problem.repair})" for problem in found.remaining)
        raise OnRecordError(f"not all of it could be mended: {left}")
    return tuple(f"Wrong: {p.what}" for p in found.problems) + found.done or (_WHOLE,)


def _checked(settings: Settings) -> tuple[str, ...]:
    problems = check(settings.index, settings.encoder)
    return tuple(f"Wrong: {p.what} (mended by: {p.repair})" for p in problems) or (_WHOLE,)


_WHOLE = "Every checksum and invariant holds."
