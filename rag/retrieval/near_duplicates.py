"""Fold near-duplicates: a passage that only repeats a better hit, such as a wire story in another outlet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from rag.types import Hit

# Words in a row that make one shingle.
SHINGLE_WORDS = 4
# A passage with this share of its shingles in a better one only repeats it.
MIN_REPEATED_SHARE = 0.8
_WORD = re.compile(r"\w+")

Shingles = frozenset[tuple[str, ...]]


def fold_near_duplicates(hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits without those that repeat a better one; `Hit.also` of the better one has their passages.

    The measure is the containment of shingles (Broder 1997), so a passage that says more than the better one stays.
    Passages of the same article are not folded: it is one source, and its passages overlap. The order stays, and the
    ranks are counted again.
    """
    distinct: list[tuple[Hit, Shingles]] = []
    for hit in hits:
        own = shingles(hit.passage.text)
        place = next((n for n, (better, theirs) in enumerate(distinct) if _repeats(hit, own, better, theirs)), None)
        if place is None:
            distinct.append((hit, own))
        else:
            better, theirs = distinct[place]
            distinct[place] = replace(better, also=(*better.also, hit.passage, *hit.also)), theirs
    return [replace(hit, rank=rank) for rank, (hit, _) in enumerate(distinct, start=1)]


def shingles(text: str) -> Shingles:
    """Return every SHINGLE_WORDS words in a row, in lower case; a shorter text is one shingle."""
    words = _WORD.findall(text.casefold())
    return frozenset(tuple(words[n : n + SHINGLE_WORDS]) for n in range(max(1, len(words) - SHINGLE_WORDS + 1)))


def _repeats(hit: Hit, own: Shingles, better: Hit, theirs: Shingles) -> bool:
    one_article = hit.passage.article.id == better.passage.article.id
    return not one_article and len(own & theirs) >= MIN_REPEATED_SHARE * len(own)
