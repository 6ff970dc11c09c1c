"""What a reader sets for a session: what writes the answers, how strict they are, which articles may answer."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from typing import Any

import streamlit as st

from rag.config import Settings
from rag.errors import ConfigError
from rag.filters import Filters
from rag.generation.registry import choices, generator
from rag.generation.spec import SERVICES, read_spec
from ui.state import strictness as strict
from ui.wording import capitalised

OTHER = "another model…"
MEANT_WIDTH = 260  # pixels: a long line would widen the settings
_ALL = "All outlets"


@dataclass(frozen=True)
class Choices:
    """What the questions of a session are asked with.

    Attributes:
        refuse_below: confidence (0 to 1) under which the answer is that the archive does not say.
    """

    llm: str
    refuse_below: float
    filters: Filters


def choose(settings: Settings, status: dict[str, Any]) -> Choices:
    """Draw the settings, and return what they are set to."""
    with st.popover("Settings", icon=":material/tune:", width="stretch", key="settings"):
        return Choices(_model(settings), _strictness(settings), _filters(status))


def choose_writer(settings: Settings) -> Choices:
    """Draw the same settings without those that leave articles out."""
    with st.popover("Settings", icon=":material/tune:", key="settings"):
        return Choices(_model(settings), _strictness(settings), Filters())


def _model(settings: Settings) -> str:
    known = choices(settings.llm)
    usable = {c.spec: c.label for c in known if c.spec == settings.llm or not (c.needs_model or c.why_not)}
    chosen = st.selectbox(
        "Answers are written from",
        [*usable, OTHER],
        format_func=lambda spec: usable.get(spec, spec),
        key="generator",
        persist_state="session",
    )
    if chosen != OTHER:
        return chosen
    spec = st.text_input(
        "Model",
        key="model",
        placeholder="openai:MODEL, ollama:MODEL, local:/path/to/model.gguf",
        help="Or anthropic:MODEL, google:MODEL; openai:MODEL@http://HOST:PORT/v1 names any server of that protocol.",
        persist_state="session",
    ).strip()
    if not spec:
        return settings.llm
    try:
        read = read_spec(spec)
    except ConfigError as error:
        st.text(capitalised(str(error)))
        return settings.llm
    if read.kind in SERVICES:
        _key(read.key_variables[0], bool(read.key))
    return spec


def _key(variable: str, known: bool) -> None:
    """Ask for the key of a hosted model. It stays in this process's memory, and goes with it."""
    told = "A key is set. It is kept in memory until the chat ends." if known else "Kept in memory until the chat ends."
    st.text_input("Key", type="password", key="model-key", on_change=_take_key, args=(variable,), autocomplete="off")
    st.caption(told)


def _take_key(variable: str) -> None:
    """Move the key from the field, which the browser sees again, to where the model's client looks for it."""
    if key := st.session_state.pop("model-key", "").strip():
        os.environ[variable] = key
        generator.cache_clear()  # a client made without it would go on without it


def _strictness(settings: Settings) -> float:
    strictness: float = st.slider(
        "When the archive is not sure",
        0.0,
        1.0,
        settings.refuse_below,
        0.01,
        key="refuse-below",
        help="The confidence under which the answer is that the archive does not say.",
        persist_state="session",
    )
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.caption("answer more", width="content")
        st.caption("refuse more", width="content")
    with st.container(key="facts-strictness", width=MEANT_WIDTH):
        st.text(strict.told(settings, strictness))
    return strictness


def _filters(status: dict[str, Any]) -> Filters:
    first, last = status["first_published"], status["last_published"]
    since = until = None
    if first and last:
        earliest, latest = _day(first, 1), _day(last, 12)
        since = st.date_input("Published from", None, earliest, latest, key="since", persist_state="session")
        until = st.date_input("Published until", None, earliest, latest, key="until", persist_state="session")
    publisher = None
    if status["publishers"]:
        outlets = [_ALL, *status["publishers"]]
        chosen = st.selectbox("Outlet", outlets, key="outlet", persist_state="session")
        publisher = None if chosen == _ALL else chosen
    return Filters(_iso(since), _iso(until), publisher)


def _day(published: str, month: int) -> date:
    """A day of the catalog, which may be a year or a month alone."""
    year, *rest = map(int, published.split("-"))
    return date(year, rest[0] if rest else month, rest[1] if len(rest) > 1 else 28)


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def restriction(filters: Filters) -> str:
    """Which articles may answer, in words; empty when all may."""
    parts = [
        f"of {filters.publisher}" if filters.publisher else "",
        f"from {filters.since}" if filters.since else "",
        f"until {filters.until}" if filters.until else "",
    ]
    return ", ".join(filter(None, parts))
