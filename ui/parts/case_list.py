"""The cases on the page: what is right of each can be said, one can be deleted, and all can be taken elsewhere."""

from __future__ import annotations

from textwrap import shorten

import streamlit as st

from ui.parts.run_report import told
from ui.state.cases import FILE, Case, as_lines, cases, delete, expect, restore
from ui.state.saved_answers import restored
from ui.state.store import Store, StoreError
from ui.views.answer import answer_lines
from ui.wording import counted

LISTED = 20  # cases, before "Show more"
SAID = 200  # characters shown of what was answered
_DELETED, _SHOWN, _TROUBLE = "deleted case", "cases listed", "why a case was not kept"


def undo(store: Store) -> None:
    """The way back from the last deletion; it stands apart from the cases, of which there may be none now."""
    if _DELETED in st.session_state:
        case: Case = st.session_state[_DELETED]
        with st.container(border=True, horizontal=True, vertical_alignment="center", key="deleted-case"):
            st.text(f"Deleted “{case.question}”.")
            st.button("Undo", key="undo-case", icon=":material/undo:", on_click=_restore, args=(store, case))


def draw(store: Store) -> None:
    """All cases, those first of which it is not known what is right."""
    found = sorted(cases(store), key=lambda case: case.decided)
    open_ = [case for case in found if not case.decided]
    if open_:
        st.text(f"Of {counted(len(open_), 'case')} it is not said yet what is right: asked, but not judged.")
    if trouble := st.session_state.pop(_TROUBLE, ""):
        st.text(trouble)
    with st.expander(f"The {counted(len(found), 'case')}", icon=":material/edit:", key="cases", expanded=bool(open_)):
        st.download_button(
            "Export as JSON Lines",
            as_lines(found),
            FILE,
            "application/jsonl",
            key="export-cases",
            icon=":material/download:",
            on_click="ignore",
        )
        limit = st.session_state.get(_SHOWN, LISTED)
        for case in found[:limit]:
            _case(store, case)
        if len(found) > limit:
            st.button("Show more", key="more-cases", type="tertiary", on_click=_list_more)


def _case(store: Store, case: Case) -> None:
    """A case with what is right of it, to be typed."""
    with st.container(border=True, key=f"case-{case.id}"):
        st.text("\n".join([*(f"After: {earlier}" for earlier in case.history), case.question]))
        with st.container(key=f"facts-case-{case.id}"):
            st.text(_facts(case))
        expected, refuse = f"expected-{case.id}", f"refuse-{case.id}"
        said = (store, case, expected, refuse)
        st.text_input(
            "The right answer",
            case.expected,
            key=expected,
            placeholder="a few words that a right answer has",
            disabled=case.refuse,
            on_change=_expect,
            args=said,
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.checkbox("Should be refused", case.refuse, key=refuse, on_change=_expect, args=said)
            st.button(
                "Delete",
                key=f"delete-case-{case.id}",
                type="tertiary",
                icon=":material/delete:",
                on_click=_delete,
                args=(store, case),
            )


def _facts(case: Case) -> str:
    """How it came about, and what a right answer is as long as nothing is typed."""
    judged = f"Judged {'right' if case.good else 'wrong'} {told(case.judged)}, index generation "
    lines = answer_lines(restored(case.answer, None))
    said = " ".join("".join(part["text"] for part in line["parts"]) for line in lines)
    facts = [f"{judged}{case.answer['generation']}", f"Answered: {shorten(said, SAID, placeholder=' …')}"]
    if case.good and not case.expected and not case.refuse:
        again = "be refused again" if case.answer["status"] == "abstained" else "cite the same words again"
        facts.append(f"It must {again}.")
    return "\n".join(facts)


def _expect(store: Store, case: Case, expected: str, refuse: str) -> None:
    try:
        expect(store, case.id, str(st.session_state[expected]), bool(st.session_state[refuse]))
    except StoreError as error:
        st.session_state[_TROUBLE] = str(error)


def _delete(store: Store, case: Case) -> None:
    try:
        delete(store, case.id)
    except StoreError as error:
        st.session_state[_TROUBLE] = str(error)
    else:
        st.session_state[_DELETED] = case


def _restore(store: Store, case: Case) -> None:
    try:
        restore(store, case.id)
    except StoreError as error:
        st.session_state[_TROUBLE] = str(error)
    else:
        del st.session_state[_DELETED]


def _list_more() -> None:
    st.session_state[_SHOWN] = st.session_state.get(_SHOWN, LISTED) + LISTED
