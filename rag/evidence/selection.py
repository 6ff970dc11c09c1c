"""Which of the scored sentences make the answer: the best one, other articles' voices, and what comes close to it."""

from __future__ import annotations

from collections.abc import Sequence

from rag.evidence.scoring import ScoredSentence
from rag.query.analysis import Kind, Query
from rag.text.tokens import keys
from rag.types import Evidence

# Of the best score: what belongs in the answer beside it. Who wants one thing told wants less beside it.
CLOSE = 0.05  # another sentence, when the question is open
POINTED_OWN, POINTED_OTHER = 0.5, 0.3  # when it is not: of an article that is heard already; the first of another one
VOICES, VOICE = 3, 0.3  # when it is open: articles that come before any sentence of one that is heard already, if their
# best one has as much
SAME = 0.7  # shared content words (Jaccard) above which two sentences say the same
POINTED: frozenset[Kind] = frozenset({"who", "when", "where", "count", "percent", "money", "age", "duration"})


def select(question: Query, scored: Sequence[ScoredSentence], most: int = 4) -> list[Evidence]:
    """Choose at most `most` of the sentences scored, best first. A pointed question takes them by score alone; an
    open one ("what", "how", "why", "is it so") first hears the best sentence of each article that comes near.

    Returns:
        The best one first, then by article: its own, then the dated ones by date; in reading order within each.
    """
    chosen: list[ScoredSentence] = []
    pointed = question.kind in POINTED
    own, other = (POINTED_OWN, POINTED_OTHER) if pointed else (CLOSE, CLOSE)
    for candidates in [scored] if pointed else [_voices(scored), scored]:
        for candidate in candidates:
            new = all(candidate.evidence.article.id != j.evidence.article.id for j in chosen)
            close = candidate.evidence.score >= (other if new else own) * scored[0].evidence.score
            if len(chosen) < most and close and not _told(candidate, chosen):
                chosen.append(candidate)
    return _readable([j.evidence for j in chosen])


def _voices(scored: Sequence[ScoredSentence]) -> list[ScoredSentence]:
    """The best sentence of each of the first articles, of those whose best comes near to the best of all."""
    first: dict[str, ScoredSentence] = {}
    for candidate in scored:
        if candidate.evidence.score >= VOICE * scored[0].evidence.score:
            first.setdefault(candidate.evidence.article.id, candidate)
    return list(first.values())[:VOICES]


def _told(candidate: ScoredSentence, chosen: Sequence[ScoredSentence]) -> bool:
    return any(candidate is j or _alike(candidate.evidence, j.evidence) for j in chosen)


def _alike(a: Evidence, b: Evidence) -> bool:
    one, other = keys(a.text), keys(b.text)
    return len(one & other) >= SAME * len(one | other)


def _readable(chosen: Sequence[Evidence]) -> list[Evidence]:
    if not chosen:
        return []
    best, *others = chosen
    rank: dict[str, int] = {}
    for evidence in chosen:
        rank.setdefault(evidence.article.id, len(rank))
    others.sort(
        key=lambda e: (e.article.id != best.article.id, e.article.published or "9999", rank[e.article.id], e.start)
    )
    return [best, *others]
