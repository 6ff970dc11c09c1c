"""The thumbs under an answer: a click saves the judgement, and says what happens next."""

from __future__ import annotations

import streamlit as st

from ui.state.session import Conversation, Exchange

GOOD = "Saved as right. The Evaluation page can check that it stays right."
BAD = "Saved as wrong. Type the right answer on the Evaluation page."


def thumbs(exchange: Exchange, talk: Conversation) -> None:
    """Draw two buttons to judge an answer that is saved, or how it was judged with a way back."""
    if exchange.answer is None or exchange.stored_id is None:
        return
    if exchange.good is None:
        _button(exchange, talk, "Right", "thumb_up", True)
        _button(exchange, talk, "Wrong", "thumb_down", False)
        return
    _button(exchange, talk, "Undo", "undo", None)
    with st.container(key=f"facts-judged-{exchange.number}", width="content"):
        st.text(GOOD if exchange.good else BAD)


def _button(exchange: Exchange, talk: Conversation, label: str, icon: str, good: bool | None) -> None:
    st.button(
        label,
        key=f"judge-{label.lower()}-{exchange.number}",
        type="tertiary",
        icon=f":material/{icon}:",
        on_click=talk.judge,
        args=(exchange, good),
    )
