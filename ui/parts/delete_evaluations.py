"""Deleting on the evaluation page: a set of your own, a run, or the older runs. Each is confirmed first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from rag.config import Settings
from rag.errors import OnRecordError
from ui.parts import run_report
from ui.state.question_sets import QuestionSetChoice, delete_files, runs
from ui.wording import capitalised, counted

_TROUBLE = "why nothing was deleted"


def trouble() -> None:
    """Say why the last deletion failed, if it did."""
    if message := st.session_state.pop(_TROUBLE, ""):
        with st.container(border=True, key="not-deleted"):
            st.text(capitalised(message))


def delete_set(settings: Settings, choice: QuestionSetChoice, disabled: bool) -> None:
    """Draw a button that deletes a set of your own with its runs."""
    if choice.file is None:
        return
    made = runs(settings, choice.name)
    description = f"The set “{choice.name}”" + (f" and its {counted(len(made), 'run')}" if made else "")
    _button("Delete this set", "delete-set", [choice.file, *made], description, disabled)


def delete_runs(made: Sequence[Path], place: int, label: str) -> None:
    """Draw buttons that delete the run at `place` of those of a set, the latest first, and the older ones."""
    _button("Delete this run", "delete-run", [made[place]], f"The run of {label}")
    older = made[place + 1 :]
    if older:
        description = f"{counted(len(older), 'run')} from before {label}"
        _button(f"Delete {counted(len(older), 'older run')}", "delete-older-runs", older, description)


def _button(label: str, key: str, paths: Sequence[Path], description: str, disabled: bool = False) -> None:
    if st.button(label, key=key, type="tertiary", icon=":material/delete:", disabled=disabled):
        _confirm(paths, description)


@st.dialog("Delete for good?")
def _confirm(paths: Sequence[Path], description: str) -> None:
    st.text(f"{description} will be deleted. You cannot undo this.")
    with st.container(horizontal=True):
        confirmed = st.button("Delete", key="confirm-delete", type="primary", on_click=_delete, args=(paths,))
        if st.button("Cancel", key="cancel-delete") or confirmed:
            st.rerun()  # closes the dialog


def _delete(paths: Sequence[Path]) -> None:
    run_report.close()
    try:
        delete_files(paths)
    except OnRecordError as error:
        st.session_state[_TROUBLE] = str(error)
