"""Adding articles on the archive page: files, a text or a web page, each with a preview first."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from rag.config import Settings
from rag.errors import OnRecordError, SourceError
from rag.ingest.drafts import Draft, add, draft_file, draft_page, draft_text, undo_add
from rag.ingest.loaders import endings
from rag.ingest.web import fetch
from ui.parts.article_text import article_in_full
from ui.parts.maintenance import jobs
from ui.state.jobs import index_work
from ui.views.article import byline, headline
from ui.wording import capitalised, counted

_ADDED, _ADDITIONS, _REFUSED = "articles added", "number of additions", "why nothing was added"
_PAGES = "pages fetched"


def draw(settings: Settings) -> None:
    """Draw the fields for files, a text and an address, a preview of each article, and the button that adds them."""
    if _ADDED in st.session_state:
        _undo(settings)
    if refused := st.session_state.pop(_REFUSED, ""):
        st.text(capitalised(refused))
    turn = st.session_state.setdefault(_ADDITIONS, 0)
    with st.expander("Add articles", icon=":material/note_add:", key="adding"):
        files = st.file_uploader(
            "Files", [ending[1:] for ending in endings()], accept_multiple_files=True, key=f"files-{turn}"
        )
        pages = _pages(turn)
        text = st.text_area("Or paste a text", key=f"paste-{turn}", height=160)
        with st.container(horizontal=True):
            title = st.text_input("Its title", key=f"paste-title-{turn}")
            outlet = st.text_input("Its outlet", key=f"paste-outlet-{turn}")
            day = st.text_input("Published on", key=f"paste-day-{turn}", placeholder="2025-10-31")
        drafts = [_draft(file.name, file.getvalue()) for file in files or ()]
        drafts += pages
        if text.strip():
            drafts.append(draft_text(text, title=title, publisher=outlet, published=day))
        for number, draft in enumerate(drafts):
            _preview(draft, number)
        good = [draft for draft in drafts if draft.articles]
        if drafts:
            label = f"Add {counted(len(good), 'file')} to the archive"
            st.button(label, key="add", type="primary", disabled=not good, on_click=_add, args=(settings, good))


def _pages(turn: int) -> Sequence[Draft]:
    """Return the pages that were fetched. A click fetches the one address in the field; nothing else is fetched."""
    pages: dict[str, Draft] = st.session_state.setdefault(_PAGES, {})
    with st.container(horizontal=True, vertical_alignment="bottom", key="fetching"):
        url = st.text_input("Or a web address", key=f"address-{turn}", placeholder="https://…", max_chars=2000)
        wanted = st.button("Fetch the page", key="fetch", icon=":material/download:")
    st.caption("A page is fetched only when you press the button, and only from the public internet.")
    if wanted and url.strip():
        try:
            with st.spinner("Fetching the page…"):
                pages[url.strip()] = draft_page(fetch(url))
        except SourceError as error:
            with st.container(border=True, key="not-fetched"):
                st.text(f"Not fetched: {error}")
    return list(pages.values())


@st.cache_data(show_spinner=False, max_entries=50)
def _draft(name: str, data: bytes) -> Draft:
    return draft_file(name, data)


def _preview(draft: Draft, number: int) -> None:
    """Draw a preview of a file: each article with its details, its text, and what was removed."""
    with st.container(border=True, key=f"draft-{number}"):
        st.text(draft.name)
        for place, article in enumerate(draft.articles):
            st.text(
                f"{headline(article)} · {byline(article)}"
            )  # not a label: Markdown makes links even of escaped words
            with st.expander("What would be added", key=f"draft-{number}-{place}"):
                article_in_full(article, f"{number}-{place}")
        for failure in draft.failures:
            st.text(f"Not readable: {failure.path}: {failure.reason}")
        if draft.more:
            st.caption("This preview shows the beginning of the file. All of it will be added.")
        if draft in st.session_state[_PAGES].values():
            st.button("Leave it out", key=f"leave-{number}", type="tertiary", on_click=_leave_out, args=(draft,))


def _leave_out(draft: Draft) -> None:
    st.session_state[_PAGES] = {url: page for url, page in st.session_state[_PAGES].items() if page != draft}


def _add(settings: Settings, drafts: list[Draft]) -> None:
    try:
        st.session_state[_ADDED] = add(settings.seeds, drafts)
    except OnRecordError as error:
        st.session_state[_REFUSED] = str(error)
        return
    st.session_state[_ADDITIONS] += 1  # empties the fields
    st.session_state[_PAGES] = {}
    _build(settings)


def _undo(settings: Settings) -> None:
    added: dict[str, str] = st.session_state[_ADDED]
    with st.container(border=True, key="added"):
        st.text(f"Added to {settings.seeds}: {', '.join(added)}")
        label = "Undo: remove what was just added"
        st.button(label, key="undo-add", icon=":material/undo:", on_click=_take_back, args=(settings, added))


def _take_back(settings: Settings, added: dict[str, str]) -> None:
    del st.session_state[_ADDED]
    changed = undo_add(settings.seeds, added)
    if changed:
        st.session_state[_REFUSED] = (
            f"these files were changed after they were added, so they were not removed: {', '.join(changed)}"
        )
    _build(settings)


def _build(settings: Settings) -> None:
    jobs(str(settings.index)).start("build", index_work("build", settings))
