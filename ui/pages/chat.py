"""The chat page, top to bottom: sidebar, article pane, conversation, question."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.elements.lib.mutable_status_container import StatusContainer

from rag.answer.writer import Event, Stage
from rag.config import Settings, load_settings
from rag.errors import IndexDamagedError, IndexIncompatibleError, IndexMissingError, OnRecordError, QuestionError
from rag.generation.base import Piece
from rag.types import Answer, Claim
from ui.pages import archive
from ui.parts import components, maintenance, sidebar
from ui.parts.feedback import thumbs
from ui.parts.settings import AnswerSettings, restriction
from ui.state.answering import Asking
from ui.state.archive import Desk, build_command, finder, holdings, open_archive, open_desk, open_store, searched
from ui.state.session import Conversation, Exchange, ask, conversation, edit, name_address
from ui.views.answer import why
from ui.wording import capitalised, counted, duration, plain_label

TITLE = "On Record"
PROMISE = "Ask questions about a folder of news articles. Every sentence of an answer shows the exact words behind it."
STAGES = {
    "searching": "Searching the archive",
    "reading": "Reading the passages",
    "writing": "Writing the answer",
}
CLOSED = {
    IndexMissingError: "There is no index yet",
    IndexDamagedError: "The index is damaged",
    IndexIncompatibleError: "The index does not fit the settings",
}
INTERNAL_ERROR = (
    "An error inside the program stopped the answer. The question is saved. The server's log has the details."
)
CUT_OFF = "The answer stopped before its end. The question is saved."
INPUT = "question"
STOPPABLE_AFTER_SECONDS = 1.0  # a button that comes and goes at once is of no use
LOOK_EVERY_SECONDS = 0.25  # at an answer that is being made
NO_PROGRESS_SECONDS = 0.25  # an answer that comes sooner is shown without its progress
CHAT_WIDTH = 760  # pixels, about 90 characters a line
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class PageContext:
    """What one run of the page works with. Without an archive there is no desk, and then there are no choices.

    Attributes:
        draw_later: draws the parts that need not come before a quick answer; the second call does nothing.
    """

    settings: Settings | None
    talk: Conversation
    desk: Desk | None
    choices: AnswerSettings | None
    draw_later: Callable[[], None]


def page() -> None:
    """Draw the chat once; Streamlit calls this again at every event."""
    settings, desk, trouble = _opened()
    store = open_store(settings) if settings is not None else None
    talk = conversation(store, finder(settings) if settings is not None and desk is not None else None)
    choices = sidebar.draw(settings, desk) if settings is not None else None

    @cache
    def draw_later() -> None:
        if settings is not None:
            sidebar.draw_lower(settings, store, talk, desk)
        name_address(talk)

    context = PageContext(settings, talk, desk, choices, draw_later)
    if all(exchange.settled for exchange in talk.exchanges):
        draw_later()
    chat, beside = components.columns(talk)
    if talk.opened:
        with beside, st.container(key="article"):
            components.article(talk, talk.opened)
    with chat, st.container(horizontal_alignment="center"), st.container(width=CHAT_WIDTH):
        if trouble is not None:
            _closed(trouble, settings)
        if talk.trouble:
            with st.container(border=True, key="trouble"):
                st.text(capitalised(talk.trouble))
        _question_box(talk, enabled=desk is not None)
        with st.empty():  # it is emptied at the first question, or it would fade out under the answer
            if settings is not None and desk is not None and not talk.exchanges:
                _welcome(settings, desk, talk)
        with st.container(key="exchanges"):
            for exchange in talk.exchanges:
                with st.container(key=f"exchange-{exchange.number}"):
                    _draw(exchange, context)
    draw_later()


def _opened() -> tuple[Settings | None, Desk | None, OnRecordError | None]:
    """Return the settings and the archive, as far as they can be read, and the error if they cannot."""
    settings = None
    try:
        settings = load_settings()
        return settings, open_desk(settings, open_archive(settings)), None
    except OnRecordError as error:
        return settings, None, error


def _closed(error: OnRecordError, settings: Settings | None) -> None:
    """Say why the archive cannot be opened, and offer the repair."""
    with st.container(border=True, key="closed"):
        if settings is not None and maintenance.jobs(str(settings.index)).running:
            st.subheader("Working on the index", anchor=False)
            maintenance.follow(settings)
            return
        st.subheader(CLOSED.get(type(error), "The archive cannot be opened"), anchor=False)
        st.text(capitalised(str(error)))
        if settings is not None and isinstance(error, IndexMissingError):
            st.text(f"The articles are read from {settings.seeds}. This command in a terminal does the same:")
            st.code(build_command(settings), language=None, wrap_lines=True)
            maintenance.button(settings, "build", first=True)
        elif settings is not None and isinstance(error, IndexDamagedError):
            maintenance.button(settings, "repair", first=True)
        elif settings is not None and isinstance(error, IndexIncompatibleError):
            maintenance.button(settings, "build anew", first=True)
        else:
            st.button("Try again", key="reopen")
        if settings is not None:
            maintenance.follow(settings)


def _question_box(talk: Conversation, enabled: bool) -> None:
    with st.bottom:
        left, _ = components.columns(talk)
        with left, st.container(horizontal_alignment="center"), st.container(width=CHAT_WIDTH):
            st.chat_input(
                "Ask about the articles",
                key=INPUT,
                on_submit=lambda: ask(talk, st.session_state[INPUT]),
                disabled=not enabled,
            )


def _welcome(settings: Settings, desk: Desk, talk: Conversation) -> None:
    """Draw the empty page: what this is, what the archive holds, and questions to begin with."""
    with st.container(key="welcome"):
        st.title(TITLE, anchor=False)
        st.text(PROMISE)
        with st.container(key="holdings"):
            st.text("The archive: " + " · ".join(holdings(desk.status)))
        if not desk.status["articles"]:
            _empty(settings)
        for number, question in enumerate(desk.examples):
            label, key = plain_label(question), f"example-{number}"
            st.button(label, key=key, width="stretch", on_click=ask, args=(talk, question))


def _empty(settings: Settings) -> None:
    """Draw, for an index without articles, both ways to fill it, and the last job."""
    st.text(f"It is empty. Add articles on the Archive page, or put them into {settings.seeds} and build the index.")
    with st.container(horizontal=True, key="fill"):
        if st.button("Add articles", key="to-archive", icon=":material/note_add:"):
            st.switch_page(st.Page(archive.page, url_path="archive"))
        maintenance.button(settings, "build", place="empty", first=True)
    maintenance.follow(settings)


def _draw(exchange: Exchange, context: PageContext) -> None:
    """Draw a question and its answer; a question without one is asked first."""
    with st.chat_message("user", avatar=":material/person:"):
        if exchange.editing:
            _editor(exchange, context.talk)
        else:
            components.question(context.talk, exchange)
    with st.chat_message("assistant", avatar=":material/format_quote:"):
        if exchange.settled or context.desk is None or context.choices is None:
            with st.container():
                _settled(exchange, context)
            return
        place = st.empty()
        with place.container():
            _follow(exchange, context, context.desk, context.choices)
        with place.container():  # the next run of the page draws it here too, so that nothing moves
            _settled(exchange, context)


def _editor(exchange: Exchange, talk: Conversation) -> None:
    """Draw the question as a text that can be changed."""
    key = f"text-{exchange.number}"

    def submit() -> None:
        question = st.session_state[key].strip()
        if question:
            edit(talk, exchange, question)

    with st.form(f"edit-form-{exchange.number}", border=False):
        st.text_area("The question", exchange.question, key=key, label_visibility="collapsed")
        if exchange is not talk.exchanges[-1]:
            st.caption("A new conversation begins with this question and those before it. This one does not change.")
        with st.container(horizontal=True):
            st.form_submit_button("Ask", type="primary", on_click=submit)
            st.form_submit_button("Cancel", on_click=_set_editing, args=(exchange, False))


def _set_editing(exchange: Exchange, editing: bool) -> None:
    exchange.editing = editing


def _settled(exchange: Exchange, context: PageContext) -> None:
    if exchange.answer is not None:
        components.answer(context.talk, exchange)
        if exchange.answer.hits:
            box = st.expander("Why these passages?", key=f"why-{exchange.number}", type="compact", on_change="rerun")
            if box.open:  # or a long conversation would be a page of tables
                explanation, rows = why(exchange.answer)
                box.text(explanation)
                box.dataframe(rows, hide_index=True)
    elif exchange.error:
        with st.container(border=True, key=f"failed-{exchange.number}"):
            st.markdown("**This question was not answered.**")
            st.text(capitalised(exchange.error))
            if exchange.damaged and context.settings is not None:
                maintenance.button(context.settings, "repair", place=str(exchange.number))
    if exchange.settled and not exchange.editing and context.desk is not None:
        _actions(exchange, context.talk)


def _actions(exchange: Exchange, talk: Conversation) -> None:
    with st.container(horizontal=True, gap="small", key=f"actions-{exchange.number}"):
        st.button(
            "Edit the question",
            key=f"edit-{exchange.number}",
            type="tertiary",
            icon=":material/edit:",
            on_click=_set_editing,
            args=(exchange, True),
        )
        if exchange.answer is not None or exchange.retry:
            st.button(
                "Ask again" if exchange.answer is not None else "Try again",
                key=f"again-{exchange.number}",
                type="tertiary",
                icon=":material/refresh:",
                on_click=talk.ask_again,
                args=(exchange,),
            )
        thumbs(exchange, talk)


def _follow(exchange: Exchange, context: PageContext, desk: Desk, choices: AnswerSettings) -> None:
    """Show the answer while it is made, and put the answer or the error into the exchange."""
    talk = context.talk
    if exchange.asking is None:
        question, history = exchange.question, talk.history(before=exchange)
        talk.begin(
            exchange,
            lambda: desk.archive.stream(
                question,
                history,
                choices.filters,
                choices.llm,
                refuse_below=choices.refuse_below,
                key=choices.key,
            ),
            searched(desk.status, restriction(choices.filters)),
            busy=choices.llm == "extractive",
        )
    assert exchange.asking is not None
    try:
        _show_events(exchange.asking, exchange, context)
    except OnRecordError as error:
        talk.fail(
            exchange, str(error), not isinstance(error, QuestionError), damaged=isinstance(error, IndexDamagedError)
        )
    except Exception:
        LOG.exception("answering failed")
        talk.fail(exchange, INTERNAL_ERROR)
    else:
        if not exchange.settled:
            talk.fail(exchange, CUT_OFF)


def _show_events(asking: Asking[Event], exchange: Exchange, context: PageContext) -> None:
    """Draw the progress of an answer: the stages that are done with their times, the present one, and the words.

    Nothing is drawn before a quick answer, which would only wait until that is drawn and removed again.
    """
    done: list[str] = []
    now, since = STAGES["searching"], asking.began
    text, checked = "", 0
    drawn: tuple[StatusContainer, DeltaGenerator, DeltaGenerator] | None = None
    stoppable = False
    for at, event in asking.follow(LOOK_EVERY_SECONDS):
        match event:
            case Stage(name=name):
                if STAGES[name] != now:
                    done.append(f"{now.split()[0]} {duration((at - since) * 1000)}")
                    now, since = STAGES[name], at
            case Piece(text=piece):
                text += piece
            case Claim():
                checked += 1
            case Answer():
                exchange.answer = event
        if drawn is None and time.monotonic() - asking.began < NO_PROGRESS_SECONDS:
            continue
        status, words, stop = drawn = drawn or (st.status(now, type="compact"), st.empty(), st.empty())
        context.draw_later()
        if text:
            words.text(text)
        label = f"{now}, {counted(checked, 'sentence')} checked" if checked else now
        if not stoppable and time.monotonic() - asking.began >= STOPPABLE_AFTER_SECONDS:
            stoppable, key = True, f"stop-{exchange.number}"
            stop.button("Stop", key=key, icon=":material/stop_circle:", on_click=context.talk.stop, args=(exchange,))
        waited = time.monotonic() - since
        # It draws even without an event, because Streamlit can stop a run for a click only where it draws.
        status.update(label=" · ".join([*done, f"{label} · {waited:.0f} s" if waited >= 1 else label]))
