"""Exact words: do they stand in a text, and where? White space and the shape of quotation marks are set aside."""

from __future__ import annotations

import re

from rag.text.sentences import Span

MIN_QUOTED = 3  # words: a shorter quotation may be a manner of speaking
_FOLD = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "\u00a0": " "})
_SAME_MARKS = {'"': '["“”]', "'": "['‘’]"}
_QUOTED = re.compile(r"“([^“”]+)”|(?<![\w\"])\"([^\"]+)\"(?![\w\"])")
_LEFT_OUT = re.compile(r"\.\.\.|…|\[[^\]]*\]")


def folded(text: str) -> str:
    """White space and quotation marks set aside: the only differences that "verbatim" allows."""
    return " ".join(text.translate(_FOLD).split()).strip('" ')


def located(words: str, text: str) -> Span | None:
    """Return (start, end) of the first place where `text` has exactly these words, None where it has not.

    They begin and end with whole words: "art" does not stand in "party".
    """
    wanted = folded(words)
    if not wanted or wanted not in folded(text):
        return None
    pattern = r"\s+".join("".join(_SAME_MARKS.get(c, re.escape(c)) for c in word) for word in wanted.split())
    before = r"(?<!\w)" if wanted[0].isalnum() else ""
    after = r"(?!\w)" if wanted[-1].isalnum() else ""
    found = re.search(before + pattern + after, text)
    return found.span() if found else None


def quotations(sentence: str) -> list[str]:
    """Return what a sentence puts in quotation marks; where words are left out ("…", "[it]") the pieces around them."""
    quoted = (match[1] or match[2] for match in _QUOTED.finditer(sentence))
    pieces = (piece.strip(" ,.;:!?") for quote in quoted for piece in _LEFT_OUT.split(quote))
    return [piece for piece in pieces if len(piece.split()) >= MIN_QUOTED]
