"""Removing on the evaluation page: an uploaded set, a run, or the runs before it; each with a way back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from rag.config import Settings
from rag.errors import OnRecordError
from ui.parts import run_report
from ui.state.question_sets import Choice, folder, runs
from ui.state.trash import Discarded, discard, put_back
from ui.wording import capitalised, counted

SET = "set"  # which one the page shows, in the session's state
_REMOVED, _TROUBLE = "removed evaluations", "why nothing was removed"


def undo() -> None:
    """The way back from the last removal, or why there was none."""
    if trouble := st.session_state.pop(_TROUBLE, ""):
        with st.container(border=True, key="not-removed"):
            st.text(capitalised(trouble))
    if _REMOVED in st.session_state:
        removed: Discarded = st.session_state[_REMOVED]
        with st.container(border=True, horizontal=True, vertical_alignment="center", key="removed"):
            st.text(f"Removed {removed.told}.")
            st.button("Undo", key="undo-removed", icon=":material/undo:", on_click=_put_back, args=(removed,))


def remove_set(settings: Settings, choice: Choice, disabled: bool) -> None:
    """A button that removes an uploaded set with its runs."""
    if choice.file is None:
        return
    made = runs(settings, choice.name)
    told = f"the set “{choice.name}”" + (f" and its {counted(len(made), 'run')}" if made else "")
    _button("Remove the set", "remove-set", settings, [choice.file, *made], told, disabled)


def remove_runs(settings: Settings, made: Sequence[Path], place: int, label: str) -> None:
    """Buttons that remove the run at `place` of those of a set, the latest first, and those before it."""
    _button("Remove this run", "remove-run", settings, [made[place]], f"the run of {label}")
    before = made[place + 1 :]
    if before:
        told = f"the {counted(len(before), 'run')} before {label}"
        _button(f"Remove the {len(before):,} before it", "remove-runs", settings, before, told)


def _button(label: str, key: str, settings: Settings, paths: Sequence[Path], told: str, disabled: bool = False) -> None:
    st.button(
        label,
        key=key,
        type="tertiary",
        icon=":material/delete:",
        disabled=disabled,
        on_click=_remove,
        args=(settings, paths, told),
    )


def _remove(settings: Settings, paths: Sequence[Path], told: str) -> None:
    try:
        st.session_state[_REMOVED] = discard(folder(settings), paths, told)
        run_report.close()
    except OnRecordError as error:
        st.session_state[_TROUBLE] = str(error)


def _put_back(removed: Discarded) -> None:
    del st.session_state[_REMOVED]
    try:
        left = put_back(removed)
    except OnRecordError as error:
        st.session_state[_TROUBLE] = str(error)
        return
    for path in removed.paths:
        if path.parent.name == "sets":
            st.session_state[SET] = path.stem
    if left:
        names = ", ".join(path.name for path in left)
        st.session_state[_TROUBLE] = f"not put back, since there is another of the name, or it is gone: {names}"
