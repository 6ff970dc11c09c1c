"""Measure rankings question by question, and compare two systems: pure functions; no files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from eval.datasets.qrels import Qrels, RetrievalQuery, words_of
from rag.evaluation.measures import Difference
from rag.types import Hit

# Name here: name in ir-measures. All measures are over articles.
ARTICLE_MEASURES = {
    "Hits@1": "Success@1",
    "Hits@5": "Success@5",
    "Hits@10": "Success@10",
    "R@5": "R@5",
    "MRR@10": "RR@10",
    "nDCG@10": "nDCG@10",
}
ANSWER_DEPTHS = (5, 10)  # passages
ANSWER_MEASURES = tuple(f"Answer@{depth}" for depth in ANSWER_DEPTHS)
MEASURES = (*ARTICLE_MEASURES, *ANSWER_MEASURES)
DRAWS = 10_000
_DRAWS_AT_ONCE = 500  # bounds memory: 500 x questions x 16 bytes

Values = Mapping[str, float]  # question id -> value
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The part of a system's result for one question that is measured.

    Attributes:
        articles: ids, each once, in the order of their best passages.
        also: article id -> articles of which a passage was folded into a passage of that article.
        passages: (article id, text) of the first passages; none where whole articles are ranked.
        ms: time of the search, milliseconds.
    """

    articles: tuple[str, ...]
    passages: tuple[tuple[str, str], ...] = ()
    ms: float = 0.0
    also: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def ranking(hits: Sequence[Hit], ms: float, whole_articles: bool = False) -> Ranking:
    """Return the part of a system's hits that is measured."""
    articles = tuple(dict.fromkeys(hit.passage.article.id for hit in hits))
    also: dict[str, tuple[str, ...]] = {}
    for hit in hits:
        if hit.also:
            id_ = hit.passage.article.id
            also[id_] = (*also.get(id_, ()), *(article.id for article in hit.also_in))
    first = () if whole_articles else hits[: max(ANSWER_DEPTHS)]
    return Ranking(articles, tuple((hit.passage.article.id, hit.passage.text) for hit in first), ms, also)


def article_values(qrels: Qrels, rankings: Mapping[str, Ranking]) -> dict[str, dict[str, float]]:
    """Return measure -> question id -> value; a question without a ranking has no hits.

    Hits@k is 1 when one of the first k articles is relevant; R@k the share of the relevant articles among the first k;
    MRR@10 (its mean) 1 / rank of the first relevant article, 0 beyond 10; nDCG@10 Σ gain / log2(1 + rank) over that of
    the best order. An article that was folded into another counts at the rank of that one.
    """
    import ir_measures
    from ir_measures import ScoredDoc

    names = {ir_measures.parse_measure(theirs): ours for ours, theirs in ARTICLE_MEASURES.items()}
    # The score is the negative rank, so that equal scores of a system keep their order.
    run = [
        ScoredDoc(query.id, article, -float(rank))
        for query in qrels.queries
        if query.id in rankings
        for rank, article in enumerate(_standing(rankings[query.id], qrels.relevant[query.id]))
    ]
    found: dict[str, dict[str, float]] = {name: {} for name in ARTICLE_MEASURES}
    relevant = {id_: dict(articles) for id_, articles in qrels.relevant.items()}
    for metric in ir_measures.iter_calc(list(names), relevant, run):
        found[names[metric.measure]][metric.query_id] = float(metric.value)
    return {name: {query.id: found[name][query.id] for query in qrels.queries} for name in ARTICLE_MEASURES}


def _standing(ranking: Ranking, relevant: Mapping[str, int]) -> list[str]:
    """Return the articles of a ranking, each once, folded ones replaced by the relevant article that they hold."""
    return list(dict.fromkeys(_stands_for(article, ranking, relevant) for article in ranking.articles))


def _stands_for(article: str, ranking: Ranking, relevant: Mapping[str, int]) -> str:
    """A relevant article that was folded into this one, unless it is relevant itself."""
    return next((id_ for id_ in (article, *ranking.also.get(article, ())) if id_ in relevant), article)


# --- the answer in the first passages


def answerable(qrels: Qrels, texts: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ids of the questions with a right answer in a relevant article; `texts` is article id -> text."""
    words = {id_: words_of(text) for id_, text in texts.items()}
    return tuple(
        query.id
        for query in qrels.queries
        if any(holds(words[id_], query) for id_ in qrels.relevant[query.id] if id_ in words)
    )


def answer_values(qrels: Qrels, rankings: Mapping[str, Ranking], among: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return measure -> question id -> value, over the questions `among`, which are answerable.

    Answer@k is 1 when one of the first k passages is of a relevant article and holds a right answer.
    """
    queries = {query.id: query for query in qrels.queries}
    found: dict[str, dict[str, float]] = {name: {} for name in ANSWER_MEASURES}
    for id_ in among:
        ranked, relevant = rankings.get(id_, Ranking(())), qrels.relevant[id_]
        places = (
            place
            for place, (article, text) in enumerate(ranked.passages)
            if _stands_for(article, ranked, relevant) in relevant and holds(words_of(text), queries[id_])
        )
        first = next(places, None)
        for depth, name in zip(ANSWER_DEPTHS, ANSWER_MEASURES, strict=True):
            found[name][id_] = float(first is not None and first < depth)
    return found


def holds(words: str, query: RetrievalQuery) -> bool:
    """Return whether one of the right answers is in a text, given as `words_of` returns it."""
    return any(answer.strip() and answer in words for answer in map(words_of, query.answers))


# --- comparing


@dataclass(frozen=True, slots=True)
class Paired(Difference):
    """A measure of two systems over the same questions, as means.

    Attributes:
        n: number of questions.
        p: two-sided: how often the difference has the other sign when the questions are drawn again.
    """

    n: int
    p: float


def paired(a: Values, b: Values, seed: int, draws: int = DRAWS) -> Paired:
    """Compare b with a over the questions that both have, in the order of a.

    p = 2 (1 + min(#{d ≤ 0}, #{d ≥ 0})) / (1 + draws), at most 1, over the drawn mean differences d.

    Raises:
        ValueError: they have no question in common.
    """
    shared = [id_ for id_ in a if id_ in b]
    if not shared:
        raise ValueError("nothing to pair: no question in common")
    one, two = (np.array([values[id_] for id_ in shared], dtype=np.float64) for values in (a, b))
    drawn = _drawn_means(two - one, seed, draws)
    low, high = np.percentile(drawn, [2.5, 97.5])
    rarer = min(np.count_nonzero(drawn <= _NOTHING), np.count_nonzero(drawn >= -_NOTHING))
    p = min(1.0, 2 * (1 + int(rarer)) / (1 + draws))
    return Paired(float(one.mean()), float(two.mean()), float(low), float(high), len(shared), p)


_NOTHING = 1e-12  # sums of the same numbers in another order differ by less


def _drawn_means(differences: Floats, seed: int, draws: int) -> Floats:
    """Return the means (draws,) of n differences drawn with replacement from (n,)."""
    rng = np.random.default_rng(seed)
    blocks = []
    for start in range(0, draws, _DRAWS_AT_ONCE):
        size = (min(_DRAWS_AT_ONCE, draws - start), len(differences))
        blocks.append(differences[rng.integers(len(differences), size=size)].mean(axis=1))
    return np.concatenate(blocks)


def nearest_rank(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least `percent` % of the values do not exceed."""
    return float(np.percentile(values, percent, method="inverted_cdf"))
