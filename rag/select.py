"""Which of the judged sentences make the answer: the best one, other articles' voices, and what comes close to it."""

from __future__ import annotations

from collections.abc import Sequence

from rag.evidence import Judged
from rag.question import Kind, Question
from rag.records import Evidence
from rag.words import keys

# Of the best score: what belongs in the answer beside it. Who wants one thing told wants less beside it.
CLOSE, CLOSE_POINTED = 0.35, 0.5  # another sentence of an article that is heard already
OTHER_ARTICLE, OTHER_ARTICLE_POINTED = 0.15, 0.3  # the first sentence of another article
VOICES = 3  # articles that are heard before one of them speaks twice, when the question is open
SAME = 0.7  # shared content words (Jaccard) above which two sentences say the same
POINTED: frozenset[Kind] = frozenset({"who", "when", "where", "count", "percent", "money", "age", "duration"})


def select(question: Question, judged: Sequence[Judged], most: int = 4) -> list[Evidence]:
    """Choose at most `most` of the sentences judged, best first. A pointed question takes them by score alone; an
    open one ("what", "how", "why", "is it so") hears the best sentence of each article first.

    Returns:
        The best one first, then by article: its own, then the dated ones by date; in reading order within each.
    """
    chosen: list[Judged] = []
    pointed = question.kind in POINTED
    passes = [judged] if pointed else [_first_of_each_article(judged)[:VOICES], judged]
    same, other = (CLOSE_POINTED, OTHER_ARTICLE_POINTED) if pointed else (CLOSE, OTHER_ARTICLE)
    for candidates in passes:
        for candidate in candidates:
            new = all(candidate.evidence.article.id != j.evidence.article.id for j in chosen)
            close = candidate.evidence.score >= (other if new else same) * judged[0].evidence.score
            if len(chosen) < most and close and not _told(candidate, chosen):
                chosen.append(candidate)
    return _readable([j.evidence for j in chosen])


def _first_of_each_article(judged: Sequence[Judged]) -> list[Judged]:
    first: dict[str, Judged] = {}
    for candidate in judged:
        first.setdefault(candidate.evidence.article.id, candidate)
    return list(first.values())


def _told(candidate: Judged, chosen: Sequence[Judged]) -> bool:
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
