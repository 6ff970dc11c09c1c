"""Write numbers, times and names as the pages show them. No Streamlit here."""

from __future__ import annotations

import re

MS_PER_SECOND = 1000


def counted(number: int, noun: str) -> str:
    """Return the number with its noun: "1 article", "1,200 articles"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def capitalised(sentence: str) -> str:
    """Begin a message of `rag.errors` with a capital, so that it stands alone; a file keeps its name."""
    file_name = re.match(r"\S*[./\\]\w", sentence)
    return sentence if file_name else sentence[:1].upper() + sentence[1:]


def duration(milliseconds: float) -> str:
    """Return a time in milliseconds or, from a second on, in seconds."""
    return f"{milliseconds:.0f} ms" if milliseconds < MS_PER_SECOND else f"{milliseconds / MS_PER_SECOND:.1f} s"


def written_by(generator: str) -> str:
    """Say who wrote an answer, by the name of its generator."""
    return "the articles’ own words" if generator == "extractive" else f"written by {generator}"


def plain_label(text: str) -> str:
    """Escape `text` for the label of a button, which is Markdown, so that it shows as it stands.

    Markdown makes links of addresses even when they are escaped. Streamlit shows them as text in buttons alone.
    """
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))
