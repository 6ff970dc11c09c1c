"""The archive page: what the archive holds, what could not be read, adding articles, building and repairing."""

from __future__ import annotations

from typing import Any

import streamlit as st

from rag.config import Settings, load_settings
from rag.errors import IndexMissingError, OnRecordError
from rag.filters import Filters
from rag.index.check import status
from rag.index.reader import Index
from rag.index.statistics import list_articles
from ui.parts import add_articles, coverage_chart, maintenance
from ui.parts.article_text import article_in_full
from ui.state.archive import holdings
from ui.views.article import byline, headline
from ui.wording import capitalised, counted

ARTICLES_PER_PAGE = 50
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
    except IndexMissingError:
        st.text(f"There is no index yet. Put articles into {settings.seeds}, or add them here. Then build the index.")
    except OnRecordError as error:
        st.text(capitalised(str(error)))
    if held is not None:
        st.text(" · ".join(holdings(held)))
        _pending(held)
    _work(settings)
    add_articles.draw(settings)
    if held is not None:
        _problems(held)
        coverage_chart.draw(settings)
        _articles(settings, held)


def _pending(held: dict[str, Any]) -> None:
    if held["pending"]:
        pending = f"{held['pending']:,} of {counted(held['passages'], 'passage')}"
        st.text(f"Not yet searchable by meaning: {pending}. Build the index to finish them.")


def _work(settings: Settings) -> None:
    with st.container(horizontal=True, key="work"):
        maintenance.button(settings, "build")
        maintenance.button(settings, "check")
        maintenance.button(settings, "repair")
    st.caption("Meanwhile the chat answers from the last index.")
    maintenance.follow(settings)


def _problems(held: dict[str, Any]) -> None:
    failures = held["failures"]
    if failures:
        st.subheader(f"{counted(len(failures), 'file')} not readable", anchor=False)
        st.dataframe(failures, hide_index=True, key="failures")


def _articles(settings: Settings, held: dict[str, Any]) -> None:
    st.subheader("Articles", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom", key="article-filters"):
        words = st.text_input("Search title, outlet or file name", key="article-words")
        outlet = st.selectbox("Outlet", [_ALL, *held["publishers"]], key="article-outlet")
        year = st.selectbox("Year", ["All years", *_years(held)], key="article-year")
    day = year if year and year.isdecimal() else None
    filters = Filters(day, day, None if outlet == _ALL else outlet)
    place = st.session_state.get("article-page", 1)
    rows, total = list_articles(settings.index, words, filters, ARTICLES_PER_PAGE, (place - 1) * ARTICLES_PER_PAGE)
    if not rows and place > 1:
        place = 1
        rows, total = list_articles(settings.index, words, filters, ARTICLES_PER_PAGE)
    st.caption(f"{counted(total, 'article')}")
    chosen = st.dataframe(
        [
            {
                "title": row["title"],
                "outlet": row["publisher"] or "unknown",
                "published": row["published"] or "unknown",
                "file": row["path"],
                "characters": row["characters"],
                "lines removed": row["removed"],
            }
            for row in rows
        ],
        hide_index=True,
        key="articles",
        on_select="rerun",
        selection_mode="single-row",
    )
    if total > ARTICLES_PER_PAGE:
        st.pagination(-(-total // ARTICLES_PER_PAGE), key="article-page")
    for number in chosen["selection"]["rows"]:
        if number < len(rows):
            _reading(settings, rows[number]["id"])


def _years(held: dict[str, Any]) -> list[str]:
    first, last = held["first_published"], held["last_published"]
    return [str(year) for year in range(int(last[:4]), int(first[:4]) - 1, -1)] if first and last else []


def _reading(settings: Settings, id_: str) -> None:
    """Draw the article that was chosen in the table."""
    with Index.open(settings.index).snapshot() as snapshot:
        article = snapshot.article(id_)
    if article is not None:
        with st.container(border=True, height=480, key="reading"):
            st.text(headline(article))
            st.text(f"{byline(article)} · {article.path}")
            article_in_full(article, "reading")
