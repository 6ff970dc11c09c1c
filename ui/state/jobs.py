"""Work that a button starts: building, repairing and checking the index, asking a set of questions.

Jobs that share a `Jobs` run one at a time, each on a thread of its own. The chat goes on meanwhile: readers of the
index see the last generation until the next one is complete.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from rag.config import Settings
from rag.errors import OnRecordError
from rag.index.build import BuildReport, build
from rag.index.check import check
from rag.index.repair import repair
from rag.index.staging import Progress
from ui.wording import counted

Kind = Literal["build", "build anew", "repair", "check", "evaluation"]
Work = Callable[[Progress], tuple[str, ...]]

LABELS: dict[Kind, str] = {
    "build": "Building the index",
    "build anew": "Rebuilding the index",
    "repair": "Repairing the index",
    "check": "Checking the index",
    "evaluation": "Evaluation",
}
INTERNAL_ERROR = "An error inside the program ended this. The server's log has the details."
STOPPED = "You stopped it. Nothing was saved."
NO_PROBLEM = "The index is complete and undamaged."
LOG = logging.getLogger(__name__)


@dataclass
class Job:
    """A job that was started, its progress and its result.

    Attributes:
        stage: "reading" files, "encoding" passages, "writing" the index or "asking" questions.
        done: files, passages or questions of the stage that are done.
        total: all of them; 0 while it is not known.
        lines: what was done, once it is.
        error: why it was not done.
    """

    kind: Kind
    stage: str = ""
    done: int = 0
    total: int = 0
    lines: tuple[str, ...] = ()
    error: str = ""
    stopping: bool = False
    _ended: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def running(self) -> bool:
        """Whether the job has not ended yet."""
        return not self._ended.is_set()

    def stop(self) -> None:
        """End the job at its next step. Only for work that can be left halfway: a build is not."""
        self.stopping = True

    def progress(self, stage: str, done: int, total: int) -> None:
        """Take note of the progress.

        Raises:
            OnRecordError: the job was stopped.
        """
        if self.stopping:
            raise OnRecordError(STOPPED)
        self.stage, self.done, self.total = stage, done, total

    def run(self, work: Work) -> None:
        """Do the work to its end, and keep its result or its error."""
        try:
            self.lines = work(self.progress)
        except OnRecordError as error:
            self.error = str(error)
        except Exception:
            LOG.exception("%s failed", self.kind)
            self.error = INTERNAL_ERROR
        finally:
            self._ended.set()

    def wait(self) -> None:
        """Wait until the job has ended."""
        self._ended.wait()


class Jobs:
    """At most one job at a time; the last one remains to be read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.last: Job | None = None

    @property
    def running(self) -> bool:
        """Whether a job is under way."""
        return self.last is not None and self.last.running

    def start(self, kind: Kind, work: Work) -> None:
        """Begin a job, unless one is under way."""
        with self._lock:
            if not self.running:
                self.last = job = Job(kind)
                threading.Thread(target=job.run, args=(work,), name=f"onrecord-{kind}", daemon=True).start()


def index_work(kind: Kind, settings: Settings) -> Work:
    """Return the work that a job of this kind does on the index."""
    if kind == "repair":
        return lambda progress: _repair(settings, progress)
    if kind == "check":
        return lambda progress: _check(settings)
    return lambda progress: _build(settings, kind == "build anew", progress)


def _build(settings: Settings, force: bool, progress: Progress) -> tuple[str, ...]:
    return build_lines(build(settings.seeds, settings.index, settings.encoder, force=force, progress=progress))


def build_lines(report: BuildReport) -> tuple[str, ...]:
    """Say what a build did, and what it could not read."""
    counts = report.to_json()["articles"]
    changes = ", ".join(f"{count} {_CHANGES.get(name, name)}" for name, count in counts.items() if count)
    passages = f"{report.encoded:,} of {counted(report.passages, 'passage')}"
    done = f"Articles: {changes or 'none'}. New or changed: {passages}."
    return (done, *(f"Not readable: {failure.path}: {failure.reason}" for failure in report.failures))


_CHANGES = {"failed": "not readable"}


def _repair(settings: Settings, progress: Progress) -> tuple[str, ...]:
    report = repair(settings.seeds, settings.index, settings.encoder, progress)
    if report.remaining:
        remaining = "; ".join(f"{problem.what} (to repair it: {problem.repair})" for problem in report.remaining)
        raise OnRecordError(f"some problems could not be repaired: {remaining}")
    return tuple(f"Problem: {p.what}" for p in report.problems) + report.done or (NO_PROBLEM,)


def _check(settings: Settings) -> tuple[str, ...]:
    problems = check(settings.index, settings.encoder)
    return tuple(f"Problem: {p.what} (to repair it: {p.repair})" for p in problems) or (NO_PROBLEM,)
