"""Buttons that start work on the index, and how far it is."""

from __future__ import annotations

import streamlit as st

from rag.config import Settings
from ui.state.jobs import LABELS, Job, Jobs, Kind, work
from ui.wording import capitalised, plain_label

BUTTONS: dict[Kind, tuple[str, str]] = {  # label and icon
    "build": ("Build the index", ":material/build:"),
    "build anew": ("Build the index anew", ":material/restart_alt:"),
    "repair": ("Repair the index", ":material/healing:"),
    "check": ("Check the index", ":material/fact_check:"),
}
EVERY = 0.5  # seconds between looks at a job


@st.cache_resource(show_spinner=False)
def jobs(index: str) -> Jobs:
    """The jobs on one index, which every session sees."""
    return Jobs()


def button(settings: Settings, kind: Kind, label: str = "", place: str = "", first: bool = False) -> None:
    """A button that starts a job of this kind; `place` tells apart two of a kind on one page, `first` says that it is
    the thing to do there.
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
        args=(kind, work(kind, settings)),
    )


def follow(settings: Settings) -> None:
    """Show the last job and go on showing it while it runs; the page is drawn anew when it ends."""
    watch(jobs(str(settings.index)).last)


def watch(job: Job | None) -> None:
    """Show a job, if there is one; see `follow`."""
    if job is not None:
        st.fragment(_show, run_every=EVERY if job.running else None)(job, job.running)


def glance(settings: Settings) -> bool:
    """Show in a line how far a running job is, as of now; say whether there is one."""
    job = jobs(str(settings.index)).last
    if job is None or not job.running:
        return False
    st.text(_told(job))
    return True


def _show(job: Job, was_running: bool) -> None:
    if job.running:
        st.progress(job.done / job.total if job.total else 0.0, plain_label(_told(job)))
        return
    if was_running:
        st.rerun()
    with st.container(border=True, key="job"):
        st.text(f"{LABELS[job.kind]}: {'not done' if job.error else 'done'}")
        st.text(capitalised(job.error) if job.error else "\n".join(job.lines))


def _told(job: Job) -> str:
    how_far = f": {job.stage} {job.done:,} of {job.total:,}" if job.total else "…"
    return f"{LABELS[job.kind]}{how_far}"
