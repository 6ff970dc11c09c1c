"""The conversation of one browser session: what was asked, what came back, which citation is open."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from rag.records import Answer, Turn

from .asking import Asking
from .view import Mark, marks

_KEY = "conversation"
_numbers = itertools.count(1)


@dataclass
class Exchange:
    """A question and what became of it: an answer, a message of what went wrong, or neither yet.

    Attributes:
        number: unique in the process, so that a widget of one exchange is never taken for another's.
        searched: what the archive held when the answer was made.
        retry: whether asking the same again could help after `error`.
    """

    question: str
    number: int = field(default_factory=lambda: next(_numbers))
    asking: Asking[Any] | None = None
    answer: Answer | None = None
    searched: str = ""
    error: str = ""
    retry: bool = True

    @property
    def settled(self) -> bool:
        return self.answer is not None or bool(self.error)

    def again(self) -> None:
        """Forget what went wrong, so that the next run of the page asks anew."""
        self.asking, self.answer, self.error = None, None, ""


@dataclass(frozen=True, slots=True)
class Opened:
    """The mark that the article pane shows.

    Attributes:
        serial: grows with every opening, so that opening the same mark again scrolls to it again.
    """

    exchange: Exchange
    mark: Mark
    serial: int


@dataclass
class Conversation:
    exchanges: list[Exchange] = field(default_factory=list)
    opened: Opened | None = None

    def ask(self, question: str) -> None:
        self.exchanges.append(Exchange(question))

    def history(self, before: Exchange) -> list[Turn]:
        """The answered turns before an exchange, oldest first."""
        earlier = itertools.takewhile(lambda e: e is not before, self.exchanges)
        return [Turn(e.question, e.answer.text) for e in earlier if e.answer is not None]

    def open(self, exchange: Exchange, kind: object, n: object) -> None:
        """Open a mark of an exchange; nothing happens when it has no such mark."""
        if exchange.answer is None:
            return
        mark = next((m for m in marks(exchange.answer) if m.kind == kind and m.n == n), None)
        if mark is not None:
            self.opened = Opened(exchange, mark, next(_numbers))

    def close(self) -> None:
        self.opened = None


def conversation() -> Conversation:
    """The conversation of this session, a new one at its first run."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = Conversation()
    current: Conversation = st.session_state[_KEY]
    return current


def start_over() -> None:
    """Leave the conversation for a new one."""
    for exchange in conversation().exchanges:
        if exchange.asking is not None:
            exchange.asking.stop()
    st.session_state[_KEY] = Conversation()
