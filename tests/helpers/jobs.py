"""Wait for the jobs of the pages, however long they take; the time limit of the test ends a wait for ever."""

from __future__ import annotations

from ui.state.jobs import Jobs


def wait_for_end(jobs: Jobs) -> None:
    """Wait until the last job has ended."""
    assert jobs.last is not None
    jobs.last.wait()
