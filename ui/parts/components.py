"""Components that Streamlit lacks: an answer with citation chips, an article with marks, a question as it was typed.

They get JSON from `ui.views` and put every text of it into the page as text nodes. So nothing in an article, a
question, a file name or an answer is parsed as HTML, Markdown or LaTeX.
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
from ui.views.sources import source_summary

_STATIC = Path(__file__).parents[1] / "static"


def _read(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")


# The data of a component is a list of one item. In a mapping Streamlit would look for data frames. For that it imports
# pandas, and the first answer would wait a second for it.
# All components share one script, so that the browser reads it with the first one, which is that of the page.
_SCRIPT = "".join(_read(f"{name}.js") for name in ("dom", "question", "answer", "article", "parts"))


def _component(name: str, isolate_styles: bool = True) -> Callable[..., Any]:
    """Register a component with the style sheet `name`.css; it can be mounted any number of times."""
    css = _read(f"{name}.css")
    return st.components.v2.component(f"onrecord.{name}", css=css, js=_SCRIPT, isolate_styles=isolate_styles)


_page = _component("page", isolate_styles=False)
_question = _component("question")
_answer = _component("answer")
_article = _component("article")


def page_style() -> None:
    """Draw the style sheet of the page."""
    _page(key="page-style")


def columns(talk: Conversation) -> tuple[DeltaGenerator, DeltaGenerator]:
    """Return two columns, for the page and for the article beside it. Without the second the page loses its state."""
    left, right = st.columns([1, 0.9] if talk.opened else [1, 0.001], gap="medium" if talk.opened else None)
    return left, right


def question(talk: Conversation, exchange: Exchange) -> None:
    """Draw a question; scroll to it each time the conversation shows it again."""
    number, serial = talk.shown or (None, 0)
    shown = serial if number == exchange.number else None
    _question(key=f"question-{exchange.number}", data=[{"question": exchange.question, "shown": shown}])


def answer(talk: Conversation, exchange: Exchange) -> None:
    """Draw the answer of an exchange; a click on a chip or a nearest passage opens its article."""
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
                "answer": answer_view(exchange.answer, exchange.searched) | source_summary(exchange.answer.citations),
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
    """Open the mark that the browser names, if there is one."""
    if isinstance(target, dict):
        talk.open(exchange, target.get("kind"), target.get("n"))
