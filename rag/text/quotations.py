"""Find exact words in a text. White space and the shape of quotation marks make no difference."""

from __future__ import annotations

import re

from rag.text.sentences import Span

# A shorter quotation may be a figure of speech.
MIN_QUOTED_WORDS = 3
_FOLD = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "\u00a0": " "})
_SAME_MARKS = {'"': '["“”]', "'": "['‘’]"}
_QUOTED = re.compile(r"“([^“”]+)”|(?<![\w\"])\"([^\"]+)\"(?![\w\"])")
_LEFT_OUT = re.compile(r"\.\.\.|…|\[[^\]]*\]")


def folded(text: str) -> str:
    """Return a text with plain quotation marks and single spaces: the only differences that "verbatim" allows."""
    return " ".join(text.translate(_FOLD).split()).strip('" ')


def located(words: str, text: str) -> Span | None:
    """Return (start, end) of the first place where a text has exactly these words; None when it has not.

    Only whole words match: "art" is not found in "party".
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
    """Return the words that a sentence has in quotation marks.

    A quotation that leaves words out ("…", "[it]") gives the pieces around the gap. Pieces of fewer than
    MIN_QUOTED_WORDS words are left out.
    """
    quoted = (match[1] or match[2] for match in _QUOTED.finditer(sentence))
    pieces = (piece.strip(" ,.;:!?") for quote in quoted for piece in _LEFT_OUT.split(quote))
    return [piece for piece in pieces if len(piece.split()) >= MIN_QUOTED_WORDS]
