"""The sidebar of the chat: the settings, the open conversation, and those that were saved."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import groupby

import streamlit as st

from rag.config import Settings
from ui.parts import maintenance
from ui.parts.settings import AnswerSettings, choose
from ui.state.archive import Desk, holdings
from ui.state.saved_answers import conversation_to_json, conversation_to_markdown
from ui.state.session import Conversation, open_stored, show_question, start_over
from ui.state.store import ListedConversation, Store, StoredConversation, StoreError
from ui.wording import capitalised, counted, plain_label

LISTED_AT_ONCE = 30  # conversations
QUESTIONS_FOR_LIST = 3  # a shorter conversation needs no list of its questions
_DELETED = "deleted conversation"
_LISTED = "conversations listed"


def draw(settings: Settings, desk: Desk | None) -> AnswerSettings | None:
    """Draw the top of the sidebar, and return its settings; None without an archive."""
    with st.sidebar:
        st.button("New conversation", key="new", icon=":material/add:", width="stretch", on_click=start_over)
        return choose(settings, desk.status) if desk is not None else None


def draw_lower(settings: Settings, store: Store | None, talk: Conversation, desk: Desk | None) -> None:
    """Draw the other parts of the sidebar."""
    with st.sidebar:
        if store is not None:
            _this(store, talk)
        _questions(talk)
        if store is not None:
            _conversations(store, talk)
        if desk is not None:
            _archive(settings, desk)


def _archive(settings: Settings, desk: Desk) -> None:
    """Draw what the archive holds, what is wrong with its index, and a button that repairs it."""
    with st.container(key="archive"):
        st.text("\n".join(["The archive", *holdings(desk.status), f"index: {settings.index}"]))
    for note in desk.notes:
        st.text(capitalised(note))
    if not maintenance.glance(settings) and desk.notes:
        pending = desk.status["pending"] > 0
        maintenance.button(settings, "build" if pending and len(desk.notes) == 1 else "repair", place="sidebar")


def _this(store: Store, talk: Conversation) -> None:
    """Draw what can be done with the open conversation."""
    id_ = talk.id
    if id_ is None:
        return
    with st.popover("This conversation", icon=":material/more_horiz:", width="stretch", key="this"):
        key = f"title-{id_}"
        st.text_input("Name", talk.title, key=key, max_chars=80, on_change=_rename, args=(store, talk, key))
        name = _file_name(talk.title)
        st.download_button(
            "Export as Markdown",
            lambda: conversation_to_markdown(_load(store, id_), datetime.now()),
            f"{name}.md",
            "text/markdown",
            key="export-markdown",
            on_click="ignore",
            width="stretch",
        )
        st.download_button(
            "Export as JSON",
            lambda: json.dumps(conversation_to_json(_load(store, id_)), ensure_ascii=False, indent=2),
            f"{name}.json",
            "application/json",
            key="export-json",
            on_click="ignore",
            width="stretch",
        )
        st.button(
            "Delete", key="delete", icon=":material/delete:", width="stretch", on_click=_delete, args=(store, talk)
        )


def _load(store: Store, id_: str) -> StoredConversation:
    conversation = store.load(id_)
    if conversation is None:
        raise StoreError("the conversation has been deleted in another window")
    return conversation


def _file_name(title: str) -> str:
    """Return a name that every file system accepts."""
    return "-".join(re.findall(r"[a-z0-9]+", title.lower()))[:60].strip("-") or "conversation"


def _rename(store: Store, talk: Conversation, key: str) -> None:
    title = " ".join(str(st.session_state[key]).split())
    if title and talk.id is not None:
        talk.title = title
        _try(talk, lambda: store.rename(str(talk.id), title))


def _delete(store: Store, talk: Conversation) -> None:
    id_ = str(talk.id)
    _try(talk, lambda: store.delete(id_))
    if not talk.trouble:
        st.session_state[_DELETED] = id_, talk.title
        start_over()


def _restore(store: Store, talk: Conversation, id_: str) -> None:
    _try(talk, lambda: store.restore(id_))
    if not talk.trouble:
        del st.session_state[_DELETED]
        open_stored(id_)


def _try(talk: Conversation, act: Callable[[], None]) -> None:
    talk.trouble = ""
    try:
        act()
    except StoreError as error:
        talk.trouble = str(error)


def _questions(talk: Conversation) -> None:
    """Draw a list of the questions of a long conversation; a click scrolls to one."""
    if len(talk.exchanges) < QUESTIONS_FOR_LIST:
        return
    with st.expander("Questions", expanded=True, key="questions"), st.container(key="question-index", gap=None):
        for place, exchange in enumerate(talk.exchanges):
            label = plain_label(f"{place + 1}. {exchange.question}")
            key = f"to-{exchange.number}"
            st.button(label, key=key, type="tertiary", on_click=show_question, args=(talk, place))


def _conversations(store: Store, talk: Conversation) -> None:
    """Draw the conversations that were saved, the latest first, by day."""
    if _DELETED in st.session_state:
        id_, title = st.session_state[_DELETED]
        with st.container(border=True, key="deleted"):
            st.text(f"Deleted “{title}”.")
            st.button("Undo", key="undo-delete", icon=":material/undo:", on_click=_restore, args=(store, talk, id_))
    words = st.text_input(
        "Search conversations", key="find", placeholder="Search conversations", label_visibility="collapsed"
    )
    limit = st.session_state.get(_LISTED, LISTED_AT_ONCE)
    try:
        found, total = store.listing(words, limit)
    except StoreError as error:
        st.text(capitalised(str(error)))
        return
    if words:
        st.caption(f"{counted(total, 'conversation')} found")
    with st.container(key="conversations", gap=None):
        for day, entries in _by_day(found, datetime.now().astimezone().date()):
            st.caption(day)
            for entry in entries:
                st.button(
                    plain_label(entry.title),
                    key=f"open-{entry.id}",
                    type="tertiary",
                    icon=":material/chevron_right:" if entry.id == talk.id else None,
                    on_click=open_stored,
                    args=(entry.id,),
                )
    if total > len(found):
        st.button("Show more", key="more", type="tertiary", on_click=_list_more)


def _list_more() -> None:
    st.session_state[_LISTED] = st.session_state.get(_LISTED, LISTED_AT_ONCE) + LISTED_AT_ONCE


def _by_day(entries: Iterable[ListedConversation], today: date) -> Iterator[tuple[str, list[ListedConversation]]]:
    names = {today: "Today", today - timedelta(days=1): "Yesterday"}
    for day, group in groupby(entries, key=lambda entry: entry.updated.astimezone().date()):
        yield names.get(day, f"{day.day} {day:%B %Y}"), list(group)
