"""Fuse rankings of passages: scale their scores to 0..1 and add them with weights."""

from __future__ import annotations

from collections.abc import Mapping, Set

# Weight of BM25 in the fused score; the cosine has the rest.
LEXICAL_WEIGHT = 0.6

Ranking = list[tuple[int, float]]  # (passage id, score), best first


def fuse(lexical: Ranking, dense: Ranking, depth: int, unknown: Set[int] = frozenset()) -> Ranking:
    """Return the fused ranking: LEXICAL_WEIGHT * bm25 + (1 - LEXICAL_WEIGHT) * cosine.

    The scores of each ranking are scaled to 0..1; a passage that a ranking lacks has 0 there. Equal sums are ordered by
    passage id.

    Args:
        lexical: the ranking by BM25.
        dense: the ranking by cosine.
        depth: the number of results that each ranking was asked for.
        unknown: passages of `lexical` without a vector. Their lexical score also stands for the cosine, so that they do
            not lose to passages that match fewer words but have a vector.
    """
    # A lexical ranking shorter than `depth` has every passage with any of the words: the next score would be 0.
    by_words = _scaled(lexical, floor=0.0 if len(lexical) < depth else None)
    by_vector = _scaled(dense)
    ids = by_words.keys() | by_vector.keys()
    by_vector |= {id_: by_words[id_] for id_ in unknown}
    return best_first(
        [(id_, LEXICAL_WEIGHT * by_words.get(id_, 0.0) + (1 - LEXICAL_WEIGHT) * by_vector.get(id_, 0.0)) for id_ in ids]
    )


def merge(first: Ranking, second: Ranking) -> Ranking:
    """Return one ranking of two with the same scale of scores, each passage once."""
    return best_first(list((dict(second) | dict(first)).items()))


def raised(ranking: Ranking, ids: Set[int], by: float) -> Ranking:
    """Return a ranking with `by` added to the scores of `ids`, and all scores scaled back to 0..1."""
    return best_first([(id_, (score + by * (id_ in ids)) / (1 + by)) for id_, score in ranking])


def best_first(ranking: Ranking) -> Ranking:
    """Return a ranking in the order of its scores, equal ones by id."""
    return sorted(ranking, key=lambda hit: (-hit[1], hit[0]))


def ranks(ranking: Ranking) -> Mapping[int, tuple[int, float]]:
    """Return id -> (1-based rank, score)."""
    return {id_: (rank, score) for rank, (id_, score) in enumerate(ranking, start=1)}


def _scaled(ranking: Ranking, floor: float | None = None) -> dict[int, float]:
    """Return id -> score from 0 (the `floor`, by default the lowest score of the ranking) to 1 (the highest)."""
    if not ranking:
        return {}
    best = ranking[0][1]
    floor = ranking[-1][1] if floor is None else floor
    if best <= floor:
        return {id_: 1.0 for id_, _ in ranking}
    return {id_: (score - floor) / (best - floor) for id_, score in ranking}
