"""Numbers, times and words as the page writes them. No Streamlit here."""

from __future__ import annotations

import re


def counted(number: int, noun: str) -> str:
    """`counted(1, "article")` is "1 article", `counted(1200, "article")` is "1,200 articles"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def capitalised(sentence: str) -> str:
    """With a capital at its start, as messages of `rag.errors` want that stand alone; a file keeps its name."""
    named = re.match(r"\S*[./\\]\w", sentence)
    return sentence if named else sentence[:1].upper() + sentence[1:]


def duration(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def plain_label(text: str) -> str:
    """Escape `text` for the label of a button, which is Markdown, so that it shows as it stands.

    Addresses become links in Markdown although they are escaped; in buttons alone Streamlit takes links for text.
    """
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))
