"""The three pages and the links between them."""

from __future__ import annotations

import streamlit as st

from ui.pages import archive, chat, evaluation
from ui.parts import components

NAME = "On Record"
ABOUT = "On Record answers questions about a folder of news articles and shows the exact words behind every sentence."
SIDEBAR_WIDTH = 280  # pixels
ICON = (  # drawn here, because the browser would fetch a named icon from another site
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#1d4e89"/>'
    '<path d="M8 20v-6l4-6h3l-3 6h3v6zm10 0v-6l4-6h3l-3 6h3v6z" fill="#fff"/></svg>'
)


def main() -> None:
    """Draw the page of the address; Streamlit calls this again at every event."""
    st.set_page_config(
        NAME,
        page_icon=ICON,
        layout="wide",
        initial_sidebar_state=SIDEBAR_WIDTH,
        menu_items={"About": ABOUT},  # without an own item there is no menu, and so no choice of the theme
    )
    components.page_style()
    pages = [
        st.Page(chat.page, title="Chat", icon=":material/forum:", default=True),
        st.Page(archive.page, title="Archive", icon=":material/library_books:", url_path="archive"),
        st.Page(evaluation.page, title="Evaluation", icon=":material/checklist:", url_path="evaluation"),
    ]
    st.navigation(pages, position="top").run()
