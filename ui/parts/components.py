"""The parts that Streamlit lacks: an answer with citation chips, an article with marks, a question as it was typed.

All are given JSON of `view` and put every text of it into the page as text nodes: nothing of an article, a question,
a file name or a model's words is parsed as HTML, Markdown or LaTeX.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui.state.session import Conversation, Exchange, Opened
from ui.views.answer import answer_view
from ui.views.article import Json, article_view, marks
from ui.views.sources import standing

_STATIC = Path(__file__).parents[1] / "static"


def _read(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")


# What a component is given goes in a list of one: in a mapping Streamlit looks for data frames, and for that it imports
# pandas, for which the first answer would wait a second.
# All are one script, for the browser reads a script when the first part that has it is drawn: that is the page's own.
_SCRIPT = "".join(_read(f"{name}.js") for name in ("dom", "question", "answer", "article", "parts"))


def _component(name: str, isolate_styles: bool = True) -> Callable[..., Any]:
    """Read `name`.css beside this file; registered once, mounted as often as needed."""
    css = _read(f"{name}.css")
    return st.components.v2.component(f"onrecord.{name}", css=css, js=_SCRIPT, isolate_styles=isolate_styles)


_page = _component("page", isolate_styles=False)
_question = _component("question")
_answer = _component("answer")
_article = _component("article")


def page_style() -> None:
    """The page's own constant style sheet."""
    _page(key="page-style")


def columns(talk: Conversation) -> tuple[DeltaGenerator, DeltaGenerator]:
    """The page and the article beside it. Both columns are always there: only then does the page keep its state."""
    left, right = st.columns([1, 0.9] if talk.opened else [1, 0.001], gap="medium" if talk.opened else None)
    return left, right


def question(talk: Conversation, exchange: Exchange) -> None:
    """Draw what was asked; scroll to it each time that the conversation shows it anew."""
    number, serial = talk.shown or (None, 0)
    shown = serial if number == exchange.number else None
    _question(key=f"question-{exchange.number}", data=[{"question": exchange.question, "shown": shown}])


def answer(talk: Conversation, exchange: Exchange) -> None:
    """Draw the answer of a settled exchange; a click on a chip or a nearest passage opens its article."""
    assert exchange.answer is not None
    key = f"answer-{exchange.number}"

    def open_mark() -> None:
        _open(talk, exchange, st.session_state[key].get("open"))

    opened = talk.opened
    cited = opened is not None and opened.exchange is exchange and opened.mark.kind == "citation"
    _answer(
        key=key,
        data=[
            {
                "answer": answer_view(exchange.answer, exchange.searched) | standing(exchange.answer.citations),
                "opened": opened.mark.n if opened is not None and cited else None,
            }
        ],
        on_open_change=open_mark,
    )


def article(talk: Conversation, opened: Opened) -> None:
    """Draw the article that is open, with the opened words marked."""
    assert opened.exchange.answer is not None
    key = "article-text"

    def open_mark() -> None:
        _open(talk, opened.exchange, st.session_state[key].get("open"))

    def close() -> None:
        if st.session_state[key].get("close"):
            talk.close()

    view = article_view(marks(opened.exchange.answer), opened.mark)
    _article(
        key=key, data=[{"serial": opened.serial, "article": view}], on_open_change=open_mark, on_close_change=close
    )


def _open(talk: Conversation, exchange: Exchange, target: Json | None) -> None:
    """`target` comes from the browser: it opens a mark that exists, or nothing."""
    if isinstance(target, dict):
        talk.open(exchange, target.get("kind"), target.get("n"))
