"""Which of the judged sentences make the answer: the best one, other articles' voices, and what comes close to it."""

from __future__ import annotations

from collections.abc import Sequence

from rag.evidence import Judged
from rag.question import Kind, Question
from rag.records import Evidence
from rag.words import keys

CLOSE = 0.35  # of the best score: another sentence this good belongs in the answer
OTHER_ARTICLE = 0.15  # the same for the first sentence of another article
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
    passes = [judged] if question.kind in POINTED else [_first_of_each_article(judged)[:VOICES], judged]
    for candidates in passes:
        for candidate in candidates:
            if len(chosen) < most and _belongs(candidate, chosen, judged[0].evidence.score):
                chosen.append(candidate)
    return _readable([j.evidence for j in chosen])


def _first_of_each_article(judged: Sequence[Judged]) -> list[Judged]:
    first: dict[str, Judged] = {}
    for candidate in judged:
        first.setdefault(candidate.evidence.article.id, candidate)
    return list(first.values())


def _belongs(candidate: Judged, chosen: Sequence[Judged], best: float) -> bool:
    new_article = all(candidate.evidence.article.id != j.evidence.article.id for j in chosen)
    if candidate.evidence.score < (OTHER_ARTICLE if new_article else CLOSE) * best:
        return False
    return not any(candidate is j or _alike(candidate.evidence, j.evidence) for j in chosen)


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
