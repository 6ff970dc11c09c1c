"""The chat page, top to bottom: sidebar, article pane, conversation, question."""

from __future__ import annotations

import logging
import time

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from rag.config import load_settings
from rag.errors import IndexMissing, OnRecordError, QuestionError
from rag.generate import Piece
from rag.records import Answer, Claim
from rag.write import Event, Stage

from . import components
from .archive import Desk, build_command, generator_label, generators, holdings, open_archive, open_desk, searched
from .asking import Asking
from .session import Conversation, Exchange, conversation, start_over
from .view import capitalised, counted, plain_label, why

NAME = "On Record"
PROMISE = "Ask a folder of news articles. Every sentence of an answer points at the exact words that carry it."
STAGES = {
    "searching": "Searching the archive",
    "reading": "Reading the passages found",
    "writing": "Writing the answer",
    "checking": "Checking every sentence against the articles",
}
BROKEN = "Something went wrong inside the program. The question is kept, and the server's log says what happened."
CUT_OFF = "The answer broke off before its end. The question is kept."
INPUT = "question"
TICK = 0.25  # seconds between looks at an answer that is being made
CHAT_WIDTH = 760  # pixels, about 90 characters a line
SIDEBAR_WIDTH = 280  # pixels
ICON = (  # drawn here, for the browser would fetch a named icon from another site
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#1d4e89"/>'
    '<path d="M8 20v-6l4-6h3l-3 6h3v6zm10 0v-6l4-6h3l-3 6h3v6z" fill="#fff"/></svg>'
)
LOG = logging.getLogger(__name__)


def main() -> None:
    """Draw the page once; Streamlit calls this again at every event."""
    st.set_page_config(NAME, page_icon=ICON, layout="wide", initial_sidebar_state=SIDEBAR_WIDTH)
    components.page_style()
    talk = conversation()
    with st.sidebar:
        st.subheader(NAME, anchor=False)
        st.button("New conversation", key="new", icon=":material/add:", width="stretch", on_click=start_over)
    chat, beside = _columns(talk)
    if talk.opened:
        with beside, st.container(key="article"):
            components.article(talk, talk.opened)
    with chat, st.container(horizontal_alignment="center"), st.container(width=CHAT_WIDTH):
        desk = _desk()
        _question_box(talk, enabled=desk is not None)
        with st.empty():  # emptied at the first question, where it would else fade out under the answer
            if desk is not None and not talk.exchanges:
                _welcome(desk, talk)
        with st.container(key="exchanges"):
            for exchange in talk.exchanges:
                with st.container(key=f"exchange-{exchange.number}"):
                    _draw(exchange, talk, desk)


def _columns(talk: Conversation) -> tuple[DeltaGenerator, DeltaGenerator]:
    """The chat and the article beside it. Both columns are always there: only then does the chat keep its state."""
    left, right = st.columns([1, 0.9] if talk.opened else [1, 0.001], gap="medium" if talk.opened else None)
    return left, right


def _desk() -> Desk | None:
    """Open the archive and say in the sidebar what it holds; or say why it cannot be opened and what to do."""
    command = ""
    try:
        settings = load_settings()
        command = build_command(settings)
        archive = open_archive(settings)
        with st.sidebar:
            llm = st.selectbox(
                "Answers are written from", generators(settings), format_func=generator_label, key="generator"
            )
        desk = open_desk(settings, archive, llm)
    except OnRecordError as error:
        _closed(error, command)
        return None
    with st.sidebar, st.container(key="archive"):
        st.text("\n".join(["The archive", *holdings(desk.status), f"index: {settings.index}"]))
    return desk


def _closed(error: OnRecordError, command: str) -> None:
    with st.container(border=True, key="closed"):
        st.subheader("The archive cannot be opened", anchor=False)
        st.text(capitalised(str(error)))
        if isinstance(error, IndexMissing):
            st.code(command, language=None)
        st.button("Try again", key="reopen")


def _question_box(talk: Conversation, enabled: bool) -> None:
    with st.bottom:
        left, _ = _columns(talk)
        with left, st.container(horizontal_alignment="center"), st.container(width=CHAT_WIDTH):
            st.chat_input(
                "Ask about the articles",
                key=INPUT,
                on_submit=lambda: talk.ask(st.session_state[INPUT]),
                disabled=not enabled,
            )


def _welcome(desk: Desk, talk: Conversation) -> None:
    """The empty page: what this is, what the archive holds, and questions to begin with."""
    with st.container(key="welcome"):
        st.title(NAME, anchor=False)
        st.text(PROMISE)
        with st.container(key="holdings"):
            st.text("The archive: " + " · ".join(holdings(desk.status)))
        for number, question in enumerate(desk.examples):
            label, key = plain_label(question), f"example-{number}"
            st.button(label, key=key, width="stretch", on_click=talk.ask, args=(question,))


def _draw(exchange: Exchange, talk: Conversation, desk: Desk | None) -> None:
    """A question and what became of it; it is asked first when nothing has."""
    with st.chat_message("user", avatar=":material/person:"):
        components.question(exchange)
    with st.chat_message("assistant", avatar=":material/format_quote:"):
        if exchange.settled or desk is None:
            with st.container():
                _settled(exchange, talk)
            return
        place = st.empty()
        with place.container():
            _follow(exchange, talk, desk)
        with place.container():  # where the next run of the page draws it too, so that nothing moves
            _settled(exchange, talk)


def _settled(exchange: Exchange, talk: Conversation) -> None:
    if exchange.answer is not None:
        components.answer(talk, exchange)
        if exchange.answer.hits:
            told, rows = why(exchange.answer)
            with st.expander("Why these passages?", key=f"why-{exchange.number}"):
                st.text(told)
                st.dataframe(rows, hide_index=True)
    elif exchange.error:
        with st.container(border=True, key=f"failed-{exchange.number}"):
            st.markdown("**This question was not answered.**")
            st.text(capitalised(exchange.error))
            if exchange.retry:
                st.button("Try again", key=f"again-{exchange.number}", on_click=exchange.again)


def _follow(exchange: Exchange, talk: Conversation, desk: Desk) -> None:
    """Show the answer while it is made, and keep what it comes to in the exchange."""
    if exchange.asking is None:
        history = talk.history(before=exchange)
        exchange.searched = searched(desk.status)
        exchange.asking = Asking(lambda: desk.archive.stream(exchange.question, history, llm=desk.llm))
    try:
        _show_events(exchange.asking, exchange)
    except OnRecordError as error:
        exchange.error, exchange.retry = str(error), not isinstance(error, QuestionError)
    except Exception:
        LOG.exception("answering failed")
        exchange.error = BROKEN
    else:
        if exchange.answer is None:
            exchange.error = CUT_OFF


def _show_events(asking: Asking[Event], exchange: Exchange) -> None:
    label, text, checked = STAGES["searching"], "", 0
    status, words = st.status(label, type="compact"), st.empty()
    for event in asking.follow(TICK):
        match event:
            case Stage(name=name):
                label = STAGES[name]
            case Piece(text=piece):
                text += piece
                words.text(text)
            case Claim():
                checked += 1
                label = f"{STAGES['writing']}, {counted(checked, 'sentence')} checked"
            case Answer():
                exchange.answer = event
        waited = time.monotonic() - asking.began
        # Saying so also when nothing came lets a click through: Streamlit stops a run only where it draws.
        status.update(label=f"{label} · {waited:.0f} s" if waited >= 1 else label)
