"""Near-duplicates among hits: a passage that only repeats a better one, as the same wire story in another outlet does,
is folded into that one, which says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from rag.types import Hit

SHINGLE_WORDS = 4  # words in a row
MIN_REPEATED_SHARE = 0.8  # of a passage's shingles in a better one, from which it only repeats that
_WORD = re.compile(r"\w+")

Shingles = frozenset[tuple[str, ...]]


def fold_near_duplicates(hits: Sequence[Hit]) -> list[Hit]:
    """Fold each hit into the best one before it that has most of its words in the same order.

    What counts is the containment of its shingles (Broder 1997), so that a passage with more to say than the better one
    stays. Of one article nothing is folded: it is one source, and its passages share what they overlap by. The order
    is kept, the ranks are counted anew, and what was folded stands in `Hit.also`.
    """
    kept: list[tuple[Hit, Shingles]] = []
    for hit in hits:
        own = shingles(hit.passage.text)
        place = next((n for n, (better, theirs) in enumerate(kept) if _repeats(hit, own, better, theirs)), None)
        if place is None:
            kept.append((hit, own))
        else:
            better, theirs = kept[place]
            kept[place] = replace(better, also=(*better.also, hit.passage, *hit.also)), theirs
    return [replace(hit, rank=rank) for rank, (hit, _) in enumerate(kept, start=1)]


def shingles(text: str) -> Shingles:
    """Return the words of a text by fours in a row, without their case; of fewer words, these alone."""
    words = _WORD.findall(text.casefold())
    return frozenset(tuple(words[n : n + SHINGLE_WORDS]) for n in range(max(1, len(words) - SHINGLE_WORDS + 1)))


def _repeats(hit: Hit, own: Shingles, better: Hit, theirs: Shingles) -> bool:
    one_article = hit.passage.article.id == better.passage.article.id
    return not one_article and len(own & theirs) >= MIN_REPEATED_SHARE * len(own)
