"""The judged answers on the page: the right answer can be typed, each can be deleted, and all can be exported."""

from __future__ import annotations

from textwrap import shorten

import streamlit as st

from ui.parts.run_report import local_time
from ui.state.judged_answers import FILE, JudgedAnswer, as_lines, delete, expect, judged_answers, restore
from ui.state.saved_answers import answer_from_json
from ui.state.store import Store, StoreError
from ui.views.answer import answer_lines
from ui.wording import counted

LISTED_AT_ONCE = 20
MAX_ANSWER_CHARS = 200
_DELETED, _LISTED, _TROUBLE = "deleted judged answer", "judged answers listed", "why a judged answer was not saved"


def undo(store: Store) -> None:
    """Offer to undo the last deletion. It is not in the list, which may be empty now."""
    if _DELETED in st.session_state:
        one: JudgedAnswer = st.session_state[_DELETED]
        with st.container(border=True, horizontal=True, vertical_alignment="center", key="deleted-judged"):
            st.text(f"Deleted “{one.question}”.")
            st.button("Undo", key="undo-judged", icon=":material/undo:", on_click=_restore, args=(store, one))


def draw(store: Store) -> None:
    """Draw all judged answers; those without a right answer come first."""
    found = sorted(judged_answers(store), key=lambda one: one.decided)
    undecided = sum(not one.decided for one in found)
    if undecided:
        need = "needs" if undecided == 1 else "need"
        st.text(f"{counted(undecided, 'wrong answer')} still {need} the right one. Until then it cannot be scored.")
    if trouble := st.session_state.pop(_TROUBLE, ""):
        st.text(trouble)
    label = counted(len(found), "judged answer")
    with st.expander(label, icon=":material/edit:", key="judged-answers", expanded=bool(undecided)):
        st.download_button(
            "Export (JSON Lines)",
            as_lines(found),
            FILE,
            "application/jsonl",
            key="export-judged",
            icon=":material/download:",
            on_click="ignore",
        )
        limit = st.session_state.get(_LISTED, LISTED_AT_ONCE)
        for one in found[:limit]:
            _draw_one(store, one)
        if len(found) > limit:
            st.button("Show more", key="more-judged", type="tertiary", on_click=_list_more)


def _draw_one(store: Store, one: JudgedAnswer) -> None:
    """Draw a judged answer, with a field for the right one."""
    with st.container(border=True, key=f"judged-answer-{one.id}"):
        st.text("\n".join([*(f"Asked after: {earlier}" for earlier in one.history), one.question]))
        with st.container(key=f"facts-judged-answer-{one.id}"):
            st.text(_facts(one))
        expected, refuse = f"expected-{one.id}", f"refuse-{one.id}"
        changed = (store, one, expected, refuse)
        st.text_input(
            "The right answer",
            one.expected,
            key=expected,
            placeholder="a few words that a right answer contains",
            disabled=one.refuse,
            on_change=_expect,
            args=changed,
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.checkbox("The archive does not hold the answer", one.refuse, key=refuse, on_change=_expect, args=changed)
            st.button(
                "Delete",
                key=f"delete-judged-{one.id}",
                type="tertiary",
                icon=":material/delete:",
                on_click=_delete,
                args=(store, one),
            )


def _facts(one: JudgedAnswer) -> str:
    """Say when it was judged, what was answered, and what counts as right as long as nothing is typed."""
    lines = answer_lines(answer_from_json(one.answer, None))
    answer = " ".join("".join(part["text"] for part in line["parts"]) for line in lines)
    facts = [
        f"Judged {'right' if one.good else 'wrong'} on {local_time(one.judged)}",
        f"Answered: {shorten(answer, MAX_ANSWER_CHARS, placeholder=' …')}",
    ]
    if one.good and not one.expected and not one.refuse:
        refused = one.answer["status"] == "abstained"
        facts.append(f"To be right again, it must {'be refused' if refused else 'cite the same words'}.")
    return "\n".join(facts)


def _expect(store: Store, one: JudgedAnswer, expected: str, refuse: str) -> None:
    try:
        expect(store, one.id, str(st.session_state[expected]), bool(st.session_state[refuse]))
    except StoreError as error:
        st.session_state[_TROUBLE] = str(error)


def _delete(store: Store, one: JudgedAnswer) -> None:
    try:
        delete(store, one.id)
    except StoreError as error:
        st.session_state[_TROUBLE] = str(error)
    else:
        st.session_state[_DELETED] = one


def _restore(store: Store, one: JudgedAnswer) -> None:
    try:
        restore(store, one.id)
    except StoreError as error:
        st.session_state[_TROUBLE] = str(error)
    else:
        del st.session_state[_DELETED]


def _list_more() -> None:
    st.session_state[_LISTED] = st.session_state.get(_LISTED, LISTED_AT_ONCE) + LISTED_AT_ONCE
