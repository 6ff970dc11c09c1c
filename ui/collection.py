"""The archive page: what the archive holds, what could not be read, adding articles, building and mending the index."""

from __future__ import annotations

from typing import Any

import streamlit as st

from rag.config import Settings, load_settings
from rag.errors import IndexMissing, OnRecordError
from rag.filters import Filters
from rag.index import Index, status
from rag.listing import listing
from rag.load import KINDS
from rag.records import Article

from . import mending
from .adding import Draft, add, drafted, pasted, take_back
from .archive import holdings
from .jobs import work
from .mending import jobs
from .view import byline, capitalised, counted, headline

PAGE = 50  # articles in the table
_ADDED, _ROUND, _REFUSED = "articles added", "round of adding", "why nothing was added"
_ALL = "All outlets"


def page() -> None:
    """Draw the archive page once; Streamlit calls this again at every event."""
    st.title("The archive", anchor=False)
    try:
        settings = load_settings()
    except OnRecordError as error:
        st.text(capitalised(str(error)))
        return
    held: dict[str, Any] | None = None
    try:
        held = status(settings.index)
    except IndexMissing:
        st.text(f"There is no index yet. Put articles into {settings.seeds}, or add them here, and build it.")
    except OnRecordError as error:
        st.text(capitalised(str(error)))
    if held is not None:
        st.text(" · ".join(holdings(held)))
        _pending(held)
    _work(settings)
    _adding(settings)
    if held is not None:
        _problems(held)
        _articles(settings, held)


def _pending(held: dict[str, Any]) -> None:
    if held["pending"]:
        told = f"{counted(held['pending'], 'passage')} of {held['passages']:,} have no vector yet"
        st.text(f"{told} and are found by their words alone. Building the index goes on with them.")


def _work(settings: Settings) -> None:
    with st.container(horizontal=True, key="work"):
        mending.button(settings, "build")
        mending.button(settings, "check")
        mending.button(settings, "repair")
    st.caption("The chat goes on answering from the last index meanwhile.")
    mending.follow(settings)


# Adding


def _adding(settings: Settings) -> None:
    """Take files or a text, show what would become of them, and add them when told to."""
    if _ADDED in st.session_state:
        _undo(settings)
    if refused := st.session_state.pop(_REFUSED, ""):
        st.text(capitalised(refused))
    turn = st.session_state.setdefault(_ROUND, 0)
    with st.expander("Add articles", icon=":material/note_add:", key="adding"):
        files = st.file_uploader("Files", [kind[1:] for kind in KINDS], accept_multiple_files=True, key=f"files-{turn}")
        text = st.text_area("Or a text", key=f"paste-{turn}", height=160)
        with st.container(horizontal=True):
            title = st.text_input("Its title", key=f"paste-title-{turn}")
            outlet = st.text_input("Its outlet", key=f"paste-outlet-{turn}")
            day = st.text_input("Published on", key=f"paste-day-{turn}", placeholder="2025-10-31")
        drafts = [_draft(file.name, file.getvalue()) for file in files or ()]
        if text.strip():
            drafts.append(pasted(text, title=title, publisher=outlet, published=day))
        for number, draft in enumerate(drafts):
            _preview(draft, number)
        good = [draft for draft in drafts if draft.articles]
        if drafts:
            label = f"Add {counted(len(good), 'file')} to the archive"
            st.button(label, key="add", type="primary", disabled=not good, on_click=_add, args=(settings, good))


@st.cache_data(show_spinner=False, max_entries=50)
def _draft(name: str, data: bytes) -> Draft:
    return drafted(name, data)


def _preview(draft: Draft, number: int) -> None:
    """A file as it would be read: each article with its metadata, its words, and what was cut."""
    with st.container(border=True, key=f"draft-{number}"):
        st.text(draft.name)
        for place, article in enumerate(draft.articles):
            st.text(f"{headline(article)} · {byline(article)}")  # no label: Markdown makes links even of escaped words
            with st.expander("What would be added", key=f"draft-{number}-{place}"):
                _article(article, f"{number}-{place}")
        for failure in draft.failures:
            st.text(f"Not readable: {failure.path}: {failure.reason}")
        if draft.more:
            st.caption("There is more in this file; only its beginning was read here.")


def _article(article: Article, key: str) -> None:
    """An article in full: what it says of itself and where that was read, its words, and what was cut."""
    origin = ", ".join(f"{name} from {source}" for name, source in article.provenance.items())
    facts = [", ".join(article.authors), article.url, f"Read: {origin}" if origin else ""]
    with st.container(key=f"facts-{key}"):
        st.text("\n".join(filter(None, facts)))
    st.text(article.text)
    st.caption(f"{counted(len(article.removed), 'line')} cut")
    if article.removed:
        rows = [{"line": r.line, "why": r.reason, "text": r.text} for r in article.removed]
        st.dataframe(rows, hide_index=True)


def _add(settings: Settings, drafts: list[Draft]) -> None:
    try:
        st.session_state[_ADDED] = add(settings.seeds, drafts)
    except OnRecordError as error:
        st.session_state[_REFUSED] = str(error)
        return
    st.session_state[_ROUND] += 1  # empties the fields
    _build(settings)


def _undo(settings: Settings) -> None:
    added: dict[str, str] = st.session_state[_ADDED]
    with st.container(border=True, key="added"):
        st.text(f"Added to {settings.seeds}: {', '.join(added)}")
        label = "Undo: take out what was just added"
        st.button(label, key="undo-add", icon=":material/undo:", on_click=_take_back, args=(settings, added))


def _take_back(settings: Settings, added: dict[str, str]) -> None:
    del st.session_state[_ADDED]
    changed = take_back(settings.seeds, added)
    if changed:
        st.session_state[_REFUSED] = f"these files were changed since and stay: {', '.join(changed)}"
    _build(settings)


def _build(settings: Settings) -> None:
    jobs(str(settings.index)).start("build", work("build", settings))


# What there is


def _problems(held: dict[str, Any]) -> None:
    failures = held["failures"]
    if failures:
        st.subheader(f"{counted(len(failures), 'file')} not readable", anchor=False)
        st.dataframe(failures, hide_index=True, key="failures")


def _articles(settings: Settings, held: dict[str, Any]) -> None:
    st.subheader("Articles", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom", key="article-filters"):
        words = st.text_input("Words of title, outlet or file name", key="article-words")
        outlet = st.selectbox("Outlet", [_ALL, *held["publishers"]], key="article-outlet")
        year = st.selectbox("Year", ["All years", *_years(held)], key="article-year")
    day = year if year and year.isdecimal() else None
    filters = Filters(day, day, None if outlet == _ALL else outlet)
    place = st.session_state.get("article-page", 1)
    rows, total = listing(settings.index, words, filters, PAGE, (place - 1) * PAGE)
    if not rows and place > 1:
        place = 1
        rows, total = listing(settings.index, words, filters, PAGE)
    st.caption(f"{counted(total, 'article')}")
    chosen = st.dataframe(
        [
            {
                "title": row["title"],
                "outlet": row["publisher"] or "unknown",
                "published": row["published"] or "unknown",
                "file": row["path"],
                "characters": row["characters"],
                "lines cut": row["removed"],
            }
            for row in rows
        ],
        hide_index=True,
        key="articles",
        on_select="rerun",
        selection_mode="single-row",
    )
    if total > PAGE:
        st.pagination(-(-total // PAGE), key="article-page")
    for number in chosen["selection"]["rows"]:
        if number < len(rows):
            _reading(settings, rows[number]["id"])


def _years(held: dict[str, Any]) -> list[str]:
    first, last = held["first_published"], held["last_published"]
    return [str(year) for year in range(int(last[:4]), int(first[:4]) - 1, -1)] if first and last else []


def _reading(settings: Settings, id_: str) -> None:
    """The article that was chosen in the table."""
    with Index.open(settings.index).snapshot() as snapshot:
        article = snapshot.article(id_)
    if article is not None:
        with st.container(border=True, height=480, key="reading"):
            st.text(headline(article))
            st.text(f"{byline(article)} · {article.path}")
            _article(article, "reading")
