"""Buttons that start work on the index, and the progress of that work."""

from __future__ import annotations

import streamlit as st

from rag.config import Settings
from ui.state.jobs import LABELS, Job, Jobs, Kind, index_work
from ui.wording import capitalised, plain_label

BUTTONS: dict[Kind, tuple[str, str]] = {  # label and icon
    "build": ("Build the index", ":material/build:"),
    "build anew": ("Rebuild the index", ":material/restart_alt:"),
    "repair": ("Repair the index", ":material/healing:"),
    "check": ("Check the index", ":material/fact_check:"),
}
LOOK_EVERY_SECONDS = 0.5
STAGES = {  # of a job, as the page names them
    "reading": "reading files",
    "encoding": "preparing passages",
    "writing": "saving",
    "asking": "questions",
}


@st.cache_resource(show_spinner=False)
def jobs(index: str) -> Jobs:
    """Return the jobs on one index, which all sessions share."""
    return Jobs()


def button(settings: Settings, kind: Kind, label: str = "", place: str = "", first: bool = False) -> None:
    """Draw a button that starts a job of this kind.

    Args:
        settings: name the folders of the articles and of the index.
        kind: of the job.
        label: instead of the usual one.
        place: tells apart two buttons of a kind on one page.
        first: whether this is the main thing to do there.
    """
    usual, icon = BUTTONS[kind]
    known = jobs(str(settings.index))
    st.button(
        label or usual,
        key=f"{kind}-{place}",
        type="primary" if first else "secondary",
        icon=icon,
        disabled=known.running,
        on_click=known.start,
        args=(kind, index_work(kind, settings)),
    )


def follow(settings: Settings) -> None:
    """Show the last job on the index; see `watch`."""
    watch(jobs(str(settings.index)).last)


def watch(job: Job | None) -> None:
    """Show a job, if there is one, and go on while it runs; the page is drawn anew when it ends."""
    if job is not None:
        st.fragment(_show, run_every=LOOK_EVERY_SECONDS if job.running else None)(job, job.running)


def glance(settings: Settings) -> bool:
    """Show the progress of a running job once, in a line; return whether there is one."""
    job = jobs(str(settings.index)).last
    if job is None or not job.running:
        return False
    st.text(_progress(job))
    return True


def _show(job: Job, was_running: bool) -> None:
    if job.running:
        st.progress(job.done / job.total if job.total else 0.0, plain_label(_progress(job)))
        return
    if was_running:
        st.rerun()
    with st.container(border=True, key="job"):
        st.text(f"{LABELS[job.kind]}: {'not finished' if job.error else 'done'}")
        st.text(capitalised(job.error) if job.error else "\n".join(job.lines))


def _progress(job: Job) -> str:
    stage = STAGES.get(job.stage, job.stage)
    return f"{LABELS[job.kind]}" + (f": {stage}, {job.done:,} of {job.total:,}" if job.total else "…")
