"""Choose the sentences of an answer: the best one, the best of other articles, and others with close scores."""

from __future__ import annotations

from collections.abc import Sequence

from rag.evidence.scoring import ScoredSentence
from rag.query.analysis import Query
from rag.query.answer_types import AnswerType
from rag.types import Evidence

# Share of the best score that another sentence needs. An open question ("what", "why") takes many sentences. A pointed
# question ("when", "how many") has one answer, which other sentences may only repeat.
OPEN_SHARE = 0.05
POINTED_SHARE_SAME_ARTICLE = 0.5
POINTED_SHARE_OTHER_ARTICLE = 0.3
# For an open question, the best sentences of so many articles come first, each with this share of the best score.
MAX_ARTICLES_FIRST = 3
FIRST_SHARE = 0.3
POINTED_TYPES: frozenset[AnswerType] = frozenset(
    {"who", "when", "where", "count", "percent", "money", "age", "duration"}
)


def select(query: Query, scored: Sequence[ScoredSentence], most: int = 4) -> list[Evidence]:
    """Choose at most `most` of the scored sentences.

    A pointed question takes the best scores. An open question first takes the best sentence of each close article.

    Returns:
        The best sentence first, then the others of its article, then other articles by date, undated ones last. Within
        an article they are in reading order.
    """
    chosen: list[ScoredSentence] = []
    pointed = query.answer_type in POINTED_TYPES
    own, other = (POINTED_SHARE_SAME_ARTICLE, POINTED_SHARE_OTHER_ARTICLE) if pointed else (OPEN_SHARE, OPEN_SHARE)
    for candidates in [scored] if pointed else [_best_of_articles(scored), scored]:
        for candidate in candidates:
            new = all(candidate.evidence.article.id != one.evidence.article.id for one in chosen)
            close = candidate.evidence.score >= (other if new else own) * scored[0].evidence.score
            if len(chosen) < most and close and not any(candidate.repeats(one) for one in chosen):
                chosen.append(candidate)
    return _in_order([one.evidence for one in chosen])


def _best_of_articles(scored: Sequence[ScoredSentence]) -> list[ScoredSentence]:
    """Return the best sentence of each of the best articles, when it is close to the best sentence of all."""
    first: dict[str, ScoredSentence] = {}
    for candidate in scored:
        if candidate.evidence.score >= FIRST_SHARE * scored[0].evidence.score:
            first.setdefault(candidate.evidence.article.id, candidate)
    return list(first.values())[:MAX_ARTICLES_FIRST]


def _in_order(chosen: Sequence[Evidence]) -> list[Evidence]:
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
