"""The conversation of one browser session: its questions and answers, and which citation is open.

Every question and answer is saved in the store as it comes. When that fails, the conversation goes on in memory and
says so.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

import streamlit as st

from rag.answer.writer import Event
from rag.types import Answer
from ui.state.answering import Asking
from ui.state.judged_answers import judge
from ui.state.saved_answers import FindArticle, answer_from_json, answer_to_json
from ui.state.store import Store, StoredConversation, StoredExchange, StoreError
from ui.views.article import Mark, marks

KEY = "conversation"
PENDING = "pending question"  # to be asked first in the conversation that is opened next
STOPPED = "You stopped this answer."
INTERRUPTED = "The chat ended before this was answered."
NO_SUCH = "There is no conversation at this address. It may have been deleted."
_numbers = itertools.count(1)
# Answers that are being made, by the file and the id of their question. A second window follows them there.
_live: WeakValueDictionary[tuple[str, int], Asking[Any]] = WeakValueDictionary()
LOG = logging.getLogger(__name__)


@dataclass
class Exchange:
    """A question with its answer, or with a message that says why there is none, or with neither yet.

    Attributes:
        number: unique in the process, so that no two exchanges share a widget.
        stored_id: its id in the store; None when it is not saved.
        searched: what the archive held when the answer was made.
        retry: whether asking the same again could help after `error`.
        damaged: whether `error` is damage that a repair can mend.
        editing: whether the question is being changed.
        good: whether a reader judged the answer right; None when nobody did.
    """

    question: str
    number: int = field(default_factory=lambda: next(_numbers))
    stored_id: int | None = None
    asking: Asking[Any] | None = None
    answer: Answer | None = None
    searched: str = ""
    error: str = ""
    retry: bool = True
    damaged: bool = False
    editing: bool = False
    good: bool | None = None

    @property
    def settled(self) -> bool:
        """Whether there is an answer or an error."""
        return self.answer is not None or bool(self.error)


@dataclass(frozen=True, slots=True)
class Opened:
    """The mark that the article pane shows.

    Attributes:
        serial: grows each time a mark is opened, so that the same mark is scrolled to again.
    """

    exchange: Exchange
    mark: Mark
    serial: int


@dataclass
class Conversation:
    """Exchanges, oldest first, and what the page shows of them.

    Attributes:
        store: where they are saved; None when nowhere.
        id: in the store; None before the first question.
        shown: the number of the exchange to scroll to, and a serial that grows each time.
        trouble: why something was not saved or could not be opened.
        closed: the archive could not be opened when this was, so the articles must still be looked up.
    """

    store: Store | None = None
    id: str | None = None
    title: str = ""
    exchanges: list[Exchange] = field(default_factory=list)
    opened: Opened | None = None
    shown: tuple[int, int] | None = None
    trouble: str = ""
    closed: bool = False

    def ask(self, question: str) -> None:
        """Add a question, which the next run of the page asks."""
        exchange = Exchange(question)
        self.exchanges.append(exchange)

        def begin(store: Store) -> None:
            self.id, exchange.stored_id = store.begin(question, self.id)

        self._save(begin)
        self.title = self.title or question
        self.show(exchange)

    def ask_again(self, exchange: Exchange, question: str | None = None) -> None:
        """Delete the answer of a question, so that the next run of the page asks it again, or another one."""
        self.drop(exchange)
        if self.opened is not None and self.opened.exchange is exchange:
            self.opened = None
        exchange.question = question or exchange.question
        exchange.asking, exchange.answer, exchange.error, exchange.editing = None, None, "", False
        exchange.good = None
        self._save(
            lambda store: store.begin_again(exchange.stored_id, exchange.question) if exchange.stored_id else None
        )
        self.show(exchange)

    def stop(self, exchange: Exchange) -> None:
        """Stop an answer that is being made; the question remains."""
        if not exchange.settled:
            self.drop(exchange)
            self.fail(exchange, STOPPED)

    def drop(self, exchange: Exchange) -> None:
        """Stop an answer that is being made, without a message."""
        if exchange.asking is not None:
            exchange.asking.stop()
            exchange.asking = None

    def fail(self, exchange: Exchange, error: str, retry: bool = True, damaged: bool = False) -> None:
        """Say why a question was not answered."""
        exchange.error, exchange.retry, exchange.damaged = error, retry, damaged
        self._save(lambda store: store.settle(exchange.stored_id, None, error=error) if exchange.stored_id else None)

    def begin(
        self, exchange: Exchange, stream: Callable[[], Iterator[Event]], searched: str, busy: bool = False
    ) -> Asking[Event]:
        """Ask a question. The thread that makes the answer saves it, whether or not the page is still open."""

        def save(event: Event) -> None:
            if isinstance(event, Answer):
                self._save_answer(exchange, event)

        exchange.searched = searched
        exchange.asking = asking = Asking(stream, save, busy)
        if self.store is not None and exchange.stored_id is not None:
            _live[str(self.store.path), exchange.stored_id] = asking
        return asking

    def _save_answer(self, exchange: Exchange, answer: Answer) -> None:
        row = answer_to_json(answer)
        self._save(
            lambda store: store.settle(exchange.stored_id, row, exchange.searched) if exchange.stored_id else None
        )

    def judge(self, exchange: Exchange, good: bool | None) -> None:
        """Save that an answer is right or wrong; None takes that back."""
        trouble, self.trouble = self.trouble, ""
        self._save(lambda store: judge(store, exchange.stored_id, good) if exchange.stored_id else None)
        if not self.trouble:
            exchange.good, self.trouble = good, trouble

    def history(self, before: Exchange) -> list[Answer]:
        """Return the answers before an exchange, oldest first."""
        earlier = itertools.takewhile(lambda e: e is not before, self.exchanges)
        return [e.answer for e in earlier if e.answer is not None]

    def show(self, exchange: Exchange) -> None:
        """Scroll to a question."""
        self.shown = exchange.number, next(_numbers)

    def open(self, exchange: Exchange, kind: object, n: object) -> None:
        """Open a mark of an exchange; nothing happens when it has no such mark."""
        if exchange.answer is None:
            return
        mark = next((m for m in marks(exchange.answer) if m.kind == kind and m.n == n), None)
        if mark is not None:
            self.opened = Opened(exchange, mark, next(_numbers))

    def close(self) -> None:
        """Close the article."""
        self.opened = None

    def _save(self, act: Callable[[Store], None]) -> None:
        if self.store is None:
            return
        try:
            act(self.store)
        except StoreError as error:
            LOG.warning("%s", error)
            self.trouble = str(error)


def conversation_from_store(stored: StoredConversation, store: Store, find: FindArticle | None) -> Conversation:
    """Return a conversation that was saved, its citations looked up in the archive as it is now."""
    exchanges = [_exchange(row, find, _live.get((str(store.path), row.id))) for row in stored.exchanges]
    return Conversation(store, stored.id, stored.title, exchanges, closed=find is None)


def _exchange(row: StoredExchange, find: FindArticle | None, asking: Asking[Any] | None) -> Exchange:
    exchange = Exchange(row.question, stored_id=row.id, searched=row.searched, error=row.error, good=row.good)
    if row.answer is not None:
        exchange.answer = answer_from_json(row.answer, find)
    elif not row.error and asking is not None:
        exchange.asking = asking
    elif not row.error:
        exchange.error = INTERRUPTED
    return exchange


# The session and the address of the page, which names a conversation (`chat`) and a question of it (`q`, from 1)


def conversation(store: Store | None, find: FindArticle | None) -> Conversation:
    """Return the conversation that the page's address names, or else the open one, or else a new one."""
    current: Conversation | None = st.session_state.get(KEY)
    wanted = st.query_params.get("chat")
    if current is None or (wanted and wanted != current.id):
        current = st.session_state[KEY] = _named(wanted, store, find)
    elif current.closed and find is not None and current.id:
        current = st.session_state[KEY] = _named(current.id, store, find)
    if question := st.session_state.pop(PENDING, None):
        current.ask(question)
    return current


def name_address(talk: Conversation) -> None:
    """Let the page's address name the conversation that is open. The browser takes a while to change it."""
    if talk.id is None:
        st.query_params.clear()
    elif talk.id != st.query_params.get("chat"):
        st.query_params["chat"] = talk.id


def _named(wanted: str | None, store: Store | None, find: FindArticle | None) -> Conversation:
    if not wanted or store is None:
        return Conversation(store)
    try:
        stored = store.load(wanted)
    except StoreError as error:
        return Conversation(store, trouble=str(error))
    if stored is None:
        return Conversation(store, trouble=NO_SUCH)
    current = conversation_from_store(stored, store, find)
    place = st.query_params.get("q", "")
    if place.isdecimal() and 1 <= int(place) <= len(current.exchanges):
        current.show(current.exchanges[int(place) - 1])
    return current


def open_stored(id_: str) -> None:
    """Leave the conversation for one that was saved; the next run of the page opens it."""
    _leave()
    st.query_params.from_dict({"chat": id_})


def start_over() -> None:
    """Leave the conversation for a new one."""
    _leave()
    st.query_params.clear()


def _leave() -> None:
    """Leave the conversation. Its answers are still made and saved, unless there is nowhere to save them."""
    current: Conversation | None = st.session_state.pop(KEY, None)
    for exchange in current.exchanges if current is not None else ():
        if exchange.stored_id is None and current is not None:
            current.drop(exchange)


def ask(talk: Conversation, question: str) -> None:
    """Ask a new question; the page's address no longer names an earlier one."""
    talk.ask(question)
    st.query_params.pop("q", None)


def show_question(talk: Conversation, place: int) -> None:
    """Scroll to the question at `place` (from 0), and put it into the page's address."""
    talk.show(talk.exchanges[place])
    st.query_params["q"] = str(place + 1)


def edit(talk: Conversation, exchange: Exchange, question: str) -> None:
    """Ask another question in place of one.

    In place of an earlier one, it begins a new conversation, so that the later questions are not lost.
    """
    exchange.editing = False
    if exchange is talk.exchanges[-1]:
        talk.ask_again(exchange, question)
        return
    before = talk.exchanges[: talk.exchanges.index(exchange)]
    start_over()
    st.session_state[PENDING] = question
    if before and talk.store is not None and talk.id is not None and exchange.stored_id is not None:
        try:
            open_stored(talk.store.fork(talk.id, exchange.stored_id))
        except StoreError as error:
            st.session_state[KEY] = Conversation(talk.store, exchanges=before, trouble=str(error))
    elif before:
        st.session_state[KEY] = Conversation(talk.store, exchanges=before)
