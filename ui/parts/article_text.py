"""An article in full, on the archive page: as a draft, or as it is indexed."""

from __future__ import annotations

import streamlit as st

from rag.types import Article
from ui.wording import counted


def article_in_full(article: Article, key: str) -> None:
    """What an article says of itself and where that was read, its words, and what was cut."""
    origin = ", ".join(f"{name} from {source}" for name, source in article.provenance.items())
    facts = [", ".join(article.authors), article.url, f"Read: {origin}" if origin else ""]
    with st.container(key=f"facts-{key}"):
        st.text("\n".join(filter(None, facts)))
    st.text(article.text)
    st.caption(f"{counted(len(article.removed), 'line')} cut")
    if article.removed:
        rows = [{"line": r.line, "why": r.reason, "text": r.text} for r in article.removed]
        st.dataframe(rows, hide_index=True)
