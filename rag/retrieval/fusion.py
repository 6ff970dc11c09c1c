"""Rankings of passages put together: scores scaled to 0..1 and added with weights."""

from __future__ import annotations

from collections.abc import Mapping, Set

LEXICAL_WEIGHT = 0.6  # of BM25 in the fused score; the rest is the vectors'

Ranking = list[tuple[int, float]]  # (passage id, score), best first


def fuse(lexical: Ranking, dense: Ranking, depth: int, unknown: Set[int] = frozenset()) -> Ranking:
    """Add two rankings that were asked for `depth` results: LEXICAL_WEIGHT * bm25 + (1 - LEXICAL_WEIGHT) * cosine.

    Each score is scaled to 0..1 between the ranking's floor and its best; what a ranking lacks counts 0 there. Equal
    sums are ordered by passage id. Of the `unknown` passages, which have no vector yet, the words alone are known:
    they count in full, lest such a passage lose to one that matches the words less and has a vector.
    """
    # A list shorter than asked for holds every passage with any of the words: the next one would have scored 0.
    words = _scaled(lexical, floor=0.0 if len(lexical) < depth else None)
    meaning = _scaled(dense)
    ids = words.keys() | meaning.keys()
    meaning |= {id_: words[id_] for id_ in unknown}
    sums = [(id_, LEXICAL_WEIGHT * words.get(id_, 0.0) + (1 - LEXICAL_WEIGHT) * meaning.get(id_, 0.0)) for id_ in ids]
    return best_first(sums)


def merge(first: Ranking, second: Ranking) -> Ranking:
    """Return all of two rankings with scores of one scale, each passage once."""
    return best_first(list((dict(second) | dict(first)).items()))


def raised(ranking: Ranking, ids: Set[int], by: float) -> Ranking:
    """Add `by` to the scores of `ids`, and scale all back to 0..1."""
    return best_first([(id_, (score + by * (id_ in ids)) / (1 + by)) for id_, score in ranking])


def best_first(ranking: Ranking) -> Ranking:
    """Order by score, equal ones by id."""
    return sorted(ranking, key=lambda hit: (-hit[1], hit[0]))


def ranks(ranking: Ranking) -> Mapping[int, tuple[int, float]]:
    """Return id -> (1-based rank, score)."""
    return {id_: (rank, score) for rank, (id_, score) in enumerate(ranking, start=1)}


def _scaled(ranking: Ranking, floor: float | None = None) -> dict[int, float]:
    """Return id -> score between 0 (the `floor`, by default the worst of the ranking) and 1 (its best)."""
    if not ranking:
        return {}
    best = ranking[0][1]
    floor = ranking[-1][1] if floor is None else floor
    if best <= floor:
        return {id_: 1.0 for id_, _ in ranking}
    return {id_: (score - floor) / (best - floor) for id_, score in ranking}
