"""Which of the scored sentences make the answer: the best one, other articles' voices, and what comes close to it."""

from __future__ import annotations

from collections.abc import Sequence

from rag.evidence.scoring import ScoredSentence
from rag.query.analysis import Query
from rag.query.answer_types import AnswerType
from rag.types import Evidence

# Shares of the best score that another sentence needs to stand in the answer. An open question ("what", "why") takes
# what comes close; a pointed one ("when", "how many") has one answer, which other sentences may repeat.
OPEN_SHARE = 0.05
POINTED_SHARE_SAME_ARTICLE = 0.5
POINTED_SHARE_OTHER_ARTICLE = 0.3
# An open question hears at first the best sentence of so many articles, each with this share of the best score.
MAX_ARTICLES_FIRST = 3
FIRST_SHARE = 0.3
SAME = 0.7  # shared content words (Jaccard) above which two sentences say the same
POINTED_TYPES: frozenset[AnswerType] = frozenset({"who", "when", "where", "count", "percent", "money", "age", "duration"})


def select(question: Query, scored: Sequence[ScoredSentence], most: int = 4) -> list[Evidence]:
    """Choose at most `most` of the scored sentences.

    A pointed question takes them by score alone; an open one first hears the best sentence of each near article.

    Returns:
        The best one first, then by article: its own, then the dated ones by date; in reading order within each.
    """
    chosen: list[ScoredSentence] = []
    pointed = question.answer_type in POINTED_TYPES
    own, other = (POINTED_SHARE_SAME_ARTICLE, POINTED_SHARE_OTHER_ARTICLE) if pointed else (OPEN_SHARE, OPEN_SHARE)
    for candidates in [scored] if pointed else [_voices(scored), scored]:
        for candidate in candidates:
            new = all(candidate.evidence.article.id != j.evidence.article.id for j in chosen)
            close = candidate.evidence.score >= (other if new else own) * scored[0].evidence.score
            if len(chosen) < most and close and not _repeats(candidate, chosen):
                chosen.append(candidate)
    return _readable([j.evidence for j in chosen])


def _voices(scored: Sequence[ScoredSentence]) -> list[ScoredSentence]:
    """The best sentence of each of the first articles, of those whose best comes near to the best of all."""
    first: dict[str, ScoredSentence] = {}
    for candidate in scored:
        if candidate.evidence.score >= FIRST_SHARE * scored[0].evidence.score:
            first.setdefault(candidate.evidence.article.id, candidate)
    return list(first.values())[:MAX_ARTICLES_FIRST]


def _repeats(candidate: ScoredSentence, chosen: Sequence[ScoredSentence]) -> bool:
    return any(candidate is j or _alike(candidate, j) for j in chosen)


def _alike(a: ScoredSentence, b: ScoredSentence) -> bool:
    one, other = a.sentence.keys, b.sentence.keys
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
