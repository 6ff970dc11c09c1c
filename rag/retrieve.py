"""The passages that bear on a query: by words (BM25) and by meaning (vectors), the two rankings fused."""

from __future__ import annotations

from collections.abc import Mapping, Set

import numpy as np

from rag.encode import Encoder, Floats
from rag.errors import IndexIncompatible
from rag.filters import Filters
from rag.index import Snapshot
from rag.records import Hit

__all__ = ["Filters", "retrieve"]

LEXICAL_WEIGHT = 0.6  # of BM25 in the fused score; the rest is the vectors'
MAX_QUERY_CHARS = 2_000  # what is beyond is neither searched nor encoded
Ranking = list[tuple[int, float]]  # (passage id, score), best first


def retrieve(
    snap: Snapshot,
    encoder: Encoder,
    query: str,
    k: int = 10,
    filters: Filters = Filters(),  # noqa: B008  (frozen)
    pool: int = 100,
    vector: Floats | None = None,
) -> list[Hit]:
    """Return the `k` best passages of those that pass `filters`, best first.

    Both rankings go `pool` deep (or `k`, if that is more). Each is scaled to 0..1 and the two are added, BM25 with
    LEXICAL_WEIGHT; `vector` is the query's (d,), when the caller has encoded it already. `Hit.stages` has "bm25" (its
    score) and "dense" (the cosine, for every hit that has a vector).

    Raises:
        IndexIncompatible: `encoder` is not the one that built the index.
    """
    if encoder.name != snap.encoder:
        raise IndexIncompatible(f"the index was built with the encoder {snap.encoder!r}, not {encoder.name!r}")
    query = query[:MAX_QUERY_CHARS].encode("utf-8", "replace").decode()
    depth = max(pool, k)
    allowed = snap.allowed(filters)
    if not query.strip() or k <= 0:
        return []
    vector = encoder.encode([query])[0] if vector is None else vector
    lexical = snap.lexical.search(query, depth, allowed)
    dense = snap.dense.search(vector, depth, allowed)
    found = np.array([id_ for id_, _ in lexical], dtype=np.int64)
    unknown = found[np.isnan(snap.dense.cosines(vector, found))]
    fused = fuse(lexical, dense, depth, set(unknown.tolist()))[:k]
    cosines = snap.dense.cosines(vector, np.array([id_ for id_, _ in fused], dtype=np.int64))
    bm25, near = _ranks(lexical), _ranks(dense)
    return [
        Hit(
            rank=rank,
            score=score,
            passage=passage,
            stages={
                "bm25": bm25.get(id_, (None, 0.0)),
                **({} if np.isnan(cosine) else {"dense": (near.get(id_, (None, 0.0))[0], float(cosine))}),
            },
        )
        for rank, ((id_, score), passage, cosine) in enumerate(
            zip(fused, snap.passages(id_ for id_, _ in fused), cosines, strict=True), start=1
        )
    ]


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
    return sorted(sums, key=lambda hit: (-hit[1], hit[0]))


def _scaled(ranking: Ranking, floor: float | None = None) -> dict[int, float]:
    """Return id -> score between 0 (the `floor`, by default the worst of the ranking) and 1 (its best)."""
    if not ranking:
        return {}
    best = ranking[0][1]
    floor = ranking[-1][1] if floor is None else floor
    if best <= floor:
        return {id_: 1.0 for id_, _ in ranking}
    return {id_: (score - floor) / (best - floor) for id_, score in ranking}


def _ranks(ranking: Ranking) -> Mapping[int, tuple[int, float]]:
    return {id_: (rank, score) for rank, (id_, score) in enumerate(ranking, start=1)}
