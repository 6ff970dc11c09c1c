"""Draw an article in full on the archive page: a draft, or one of the index."""

from __future__ import annotations

import streamlit as st

from rag.types import Article
from ui.wording import counted


def article_in_full(article: Article, key: str) -> None:
    """Draw the details of an article and where they come from, its text, and what was removed."""
    origin = ", ".join(f"{name} from {source}" for name, source in article.provenance.items())
    facts = [", ".join(article.authors), article.url, f"Details from the file: {origin}" if origin else ""]
    with st.container(key=f"facts-{key}"):
        st.text("\n".join(filter(None, facts)))
    st.text(article.text)
    st.caption(f"{counted(len(article.removed), 'line')} removed")
    if article.removed:
        rows = [{"line": r.line, "why": r.reason, "text": r.text} for r in article.removed]
        st.dataframe(rows, hide_index=True)
