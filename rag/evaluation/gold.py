"""Check whether an answer cites gold and whether its citations are exact. Pure functions over texts and spans."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from rag.evaluation.types import Gold
from rag.types import Citation, Evidence

COVERED = 0.5  # share of a gold quote's characters that one citation must hold to cite it

Span = tuple[int, int]

# The invisible characters that `rag.ingest.cleaning` removes. Written out again, so that each checks the other.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_STRAIGHT = str.maketrans("‘’‚‛“”„‟–—‑−", "''''\"\"\"\"----")
_MARKER = re.compile(r"\s*\[\d+\]")


def fold(text: str) -> str:
    """Return the text without invisible characters, each run of white space as one space."""
    return " ".join(_INVISIBLE.sub("", text).split())


def locate(quote: str, text: str) -> list[Span]:
    """Return the spans of `text` that hold `quote`; any run of white space matches any other."""
    words = fold(quote).split()
    if not words:
        return []
    return [match.span() for match in re.finditer(r"\s+".join(map(re.escape, words)), text)]


def covered(span: Span, gold: Span) -> float:
    """Return the share of the gold span's characters that are in `span`: |span ∩ gold| / |gold|."""
    return max(0, min(span[1], gold[1]) - max(span[0], gold[0])) / (gold[1] - gold[0])


def _shares(citation: Citation, gold: Gold) -> Iterator[float]:
    """Yield the share that the citation holds of each occurrence of the gold quote in its article."""
    if citation.article.path == gold.path:
        for place in locate(gold.quote, citation.article.text):
            yield covered((citation.start, citation.end), place)


def cited_gold(golds: Sequence[Gold], citations: Sequence[Citation]) -> tuple[int, ...]:
    """Return the indexes of the gold quotes of which one citation of the same article holds at least `COVERED`."""
    return tuple(
        i for i, gold in enumerate(golds) if any(share >= COVERED for c in citations for share in _shares(c, gold))
    )


def covers(golds: Sequence[Gold], evidence: Evidence) -> bool:
    """Return whether a sentence holds at least `COVERED` of one of the gold quotes."""
    citation = Citation(1, evidence.article, evidence.start, evidence.end)
    return bool(cited_gold(golds, [citation]))


def touches_gold(citation: Citation, golds: Sequence[Gold]) -> bool:
    """Return whether the citation shares at least one character with any of the gold quotes."""
    return any(share > 0 for gold in golds for share in _shares(citation, gold))


def is_exact(citation: Citation, source: str | None) -> bool:
    """Return whether the quote is exactly the article's characters, and is in its file with white space folded.

    Args:
        citation: of an answer.
        source: the folded text of the file; None when it is not plain text: then only the offsets are checked.
    """
    text = citation.article.text
    in_text = 0 <= citation.start < citation.end <= len(text)
    same = in_text and text[citation.start : citation.end] == citation.quote
    return same and (source is None or fold(citation.quote) in source)


def contains_answer(answers: Sequence[str], texts: Sequence[str]) -> bool:
    """Return whether one of the short answers is in one of the texts, as whole words.

    Case, white space, `[n]` markers, a full stop at the end, and the shape of quotes and dashes do not count.
    """
    plain = [_plain(_MARKER.sub("", text)) for text in texts]
    patterns = [re.compile(rf"(?<!\w){re.escape(_plain(a).rstrip('.'))}(?!\w)") for a in answers]
    return any(pattern.search(text) for pattern in patterns for text in plain)


def _plain(text: str) -> str:
    return fold(unicodedata.normalize("NFKC", text).translate(_STRAIGHT)).casefold()
