"""What a reader sets for a session: what writes the answers, how strict they are, which articles may answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import streamlit as st

from rag.config import Settings
from rag.errors import ConfigError
from rag.filters import Filters
from rag.generation.registry import choices
from rag.generation.spec import SERVICES, Spec, read_spec
from ui.state.strictness import expected_error
from ui.state.typed_keys import TypedKeys
from ui.wording import capitalised

OTHER = "another model…"
KEY_TYPED = "A key is set. Only this browser tab uses it, and it is never saved."
KEY_IN_ENVIRONMENT = "The key of this computer is used. A key typed here replaces it in this browser tab."
KEY_MISSING = "This model needs a key. Only this browser tab uses it, and it is never saved."
KEY_MAY_BE_MISSING = "No key is set. If this server needs one, type it here. It is never saved."
FACTS_WIDTH = 260  # pixels: a long line would widen the settings
_ALL = "All outlets"
_TYPED_KEYS = "typed keys"


@dataclass(frozen=True)
class AnswerSettings:
    """What the questions of a session are asked with.

    Attributes:
        refuse_below: confidence (0 to 1) below which the answer is that the archive does not say.
        key: what the reader typed for the model; no repr shows it.
    """

    llm: str
    refuse_below: float
    filters: Filters
    key: str | None = field(default=None, repr=False)


def typed_keys() -> TypedKeys:
    """Return the keys of this session."""
    keys: TypedKeys = st.session_state.setdefault(_TYPED_KEYS, TypedKeys())
    return keys


def choose(settings: Settings, status: dict[str, Any]) -> AnswerSettings:
    """Draw the settings, and return what they are set to."""
    with st.popover("Settings", icon=":material/tune:", width="stretch", key="settings"):
        llm, key = _model(settings)
        return AnswerSettings(llm, _strictness(settings), _filters(status), key)


def choose_writer(settings: Settings) -> AnswerSettings:
    """Draw the same settings without those that leave articles out."""
    with st.popover("Settings", icon=":material/tune:", key="settings"):
        llm, key = _model(settings)
        return AnswerSettings(llm, _strictness(settings), Filters(), key)


def _model(settings: Settings) -> tuple[str, str | None]:
    """Draw the choice of a model; return its name and the key that was typed for it."""
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
        return chosen, _typed_key(chosen)
    spec = st.text_input(
        "Model",
        key="model",
        placeholder="openai:MODEL, ollama:MODEL, local:/path/to/model.gguf",
        help="Or anthropic:MODEL, google:MODEL. For another server: openai:MODEL@http://HOST:PORT/v1",
        persist_state="session",
    ).strip()
    if not spec:
        return settings.llm, _typed_key(settings.llm)
    try:
        read = read_spec(spec)
    except ConfigError as error:
        st.text(capitalised(str(error)))
        return settings.llm, _typed_key(settings.llm)
    if read.kind in SERVICES:
        _key_field(read)
    return spec, typed_keys().get(read)


def _typed_key(spec: str) -> str | None:
    try:
        return typed_keys().get(read_spec(spec))
    except ConfigError:  # the question says so
        return None


def _key_field(spec: Spec) -> None:
    """Ask for the key of a hosted model."""
    st.text_input("Key", type="password", key="model-key", on_change=_take_key, args=(spec,), autocomplete="off")
    st.caption(_about_key(spec))


def _about_key(spec: Spec) -> str:
    if typed_keys().get(spec):
        return KEY_TYPED
    if spec.key:
        return KEY_IN_ENVIRONMENT
    return KEY_MISSING if spec.missing_key() else KEY_MAY_BE_MISSING


def _take_key(spec: Spec) -> None:
    """Move the key out of the field, whose content goes back to the browser."""
    if key := st.session_state.pop("model-key", "").strip():
        typed_keys().add(spec, key)


def _strictness(settings: Settings) -> float:
    strictness: float = st.slider(
        "When the archive is not sure",
        0.0,
        1.0,
        settings.refuse_below,
        0.01,
        key="refuse-below",
        help="Below this confidence the answer is that the archive does not say.",
        persist_state="session",
    )
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.caption("answer more", width="content")
        st.caption("refuse more", width="content")
    with st.container(key="facts-strictness", width=FACTS_WIDTH):
        st.text(expected_error(settings, strictness))
    return strictness


def _filters(status: dict[str, Any]) -> Filters:
    first, last = status["first_published"], status["last_published"]
    since = until = None
    if first and last:
        earliest, latest = _day(first, (1, 1)), _day(last, (12, 28))
        since = st.date_input("Published from", None, earliest, latest, key="since", persist_state="session")
        until = st.date_input("Published until", None, earliest, latest, key="until", persist_state="session")
    publisher = None
    if status["publishers"]:
        outlets = [_ALL, *status["publishers"]]
        chosen = st.selectbox("Outlet", outlets, key="outlet", persist_state="session")
        publisher = None if chosen == _ALL else chosen
    return Filters(_iso(since), _iso(until), publisher)


def _day(published: str, month_and_day: tuple[int, int]) -> date:
    """Return a publish date as a day; of one that is a year or a month alone, the missing parts are given."""
    parts = [int(part) for part in published.split("-")]
    year, month, day = [*parts, *month_and_day[len(parts) - 1 :]]
    return date(year, month, day)


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def restriction(filters: Filters) -> str:
    """Say which articles may answer; empty when all may."""
    parts = [
        f"of {filters.publisher}" if filters.publisher else "",
        f"from {filters.since}" if filters.since else "",
        f"until {filters.until}" if filters.until else "",
    ]
    return ", ".join(filter(None, parts))
