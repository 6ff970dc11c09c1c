"""Wait for what takes long on a slow or busy machine; only the time limit of a test ends a wait for ever."""

from __future__ import annotations

from ui.state.jobs import Jobs

PATIENCE_SECONDS = 600  # in which a page is drawn, or a server starts


def wait_for_end(jobs: Jobs) -> None:
    """Wait until the last job has ended."""
    assert jobs.last is not None
    jobs.last.wait()
