"""Does the cited text carry the sentence? `verbatim`, `supported` or `unsupported`, decided here and not by a model.

A sentence is verbatim when all its words outside the introduction stand in one cited span, in order. Otherwise
its content words must be covered by the cited spans; a number or a name that is not there is never supported.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.records import Citation, Support
from rag.words import words

SUPPORTED_SHARE = 0.75  # of the sentence's content words that must stand in the cited spans
_INTRODUCTION = re.compile(r"^(?:[^*“”\n]{1,80}, in )?\*[^*\n]+\*: ")
_FOLD = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "\u00a0": " "})


def folded(text: str) -> str:
    """White space and quotation marks set aside: the only differences that "verbatim" allows."""
    return " ".join(text.translate(_FOLD).split()).strip('" ')


def support(sentence: str, citations: Sequence[Citation]) -> tuple[Support, float]:
    """Judge a sentence (without markers) against what it cites.

    Returns:
        The verdict and the share of the sentence's content that the cited spans hold, 0 to 1.
    """
    body = _INTRODUCTION.sub("", sentence)
    if not citations or not body.strip():
        return "unsupported", 0.0
    if any(folded(body) and folded(body) in folded(citation.quote) for citation in citations):
        return "verbatim", 1.0
    share = coverage(body, " ".join(f"{c.speaker or ''} {c.quote}" for c in citations))
    return ("supported" if share >= SUPPORTED_SHARE else "unsupported"), share


def coverage(sentence: str, source: str) -> float:
    """Share of the sentence's content words that stand in the source; 0 when one of its numbers does not."""
    present = {w.key for w in words(source)}
    content = [w for w in words(sentence) if w.content]
    if any(w.number and w.key not in present for w in content):
        return 0.0
    return sum(w.key in present for w in content) / len(content) if content else 0.0
