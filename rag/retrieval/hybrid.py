"""The passages that bear on a query: found by words (BM25) and by meaning (vectors), fused, raised when they are of the
days or the outlet that the query speaks of, and the best of them read by a reranker when there is one.

A query for several things is searched for whole and in parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np

from rag.errors import IndexIncompatibleError
from rag.filters import Filters
from rag.index.reader import Snapshot
from rag.models.base import Encoder, Floats, Ints
from rag.query.decomposition import sub_questions
from rag.query.outlet import CUES, read_outlet
from rag.query.time_range import TimeRange, read_time_range
from rag.retrieval.fusion import Ranking, fuse, merge, raised, ranks
from rag.retrieval.rerankers import Reranker
from rag.types import Hit

__all__ = ["Filters", "retrieve"]

FAVOUR = 0.4  # added to the fused score, 0 to 1, of a passage from the days or the outlet the query speaks of
RERANKED = 32  # passages that the reranker is given
RERANKER_WEIGHT = 0.7  # of the reranker in the final score; the rest is the fused score's
MAX_QUERY_CHARS = 2_000  # what is beyond is neither searched nor encoded


def retrieve(
    snap: Snapshot,
    encoder: Encoder,
    query: str,
    k: int = 10,
    filters: Filters = Filters(),  # noqa: B008  (frozen)
    pool: int = 100,
    vector: Floats | None = None,
    reranker: Reranker | None = None,
    asked_on: date | None = None,
) -> list[Hit]:
    """Return the `k` best passages of those that pass `filters`, best first.

    Both rankings go `pool` deep (or `k`, if that is more). `vector` is the query's (d,), when the caller has encoded
    it already; `asked_on` is the day that "this week" counts from, today unless told.

    `Hit.stages` has "bm25" (its score), "dense" (the cosine, for every hit that has a vector), "fused", "date" and
    "outlet" (only of a query that speaks of days or of an outlet of which there are passages: 1 when the article is of
    them) and "reranker" (of the hits it read).

    Raises:
        IndexIncompatible: `encoder` is not the one that built the index.
    """
    if encoder.name != snap.encoder:
        raise IndexIncompatibleError(f"the index was built with the encoder {snap.encoder!r}, not {encoder.name!r}")
    query = query[:MAX_QUERY_CHARS].encode("utf-8", "replace").decode()
    if not query.strip() or k <= 0:
        return []
    vector = encoder.encode([query])[0] if vector is None else vector
    when = read_time_range(query, asked_on or datetime.now(UTC).date())
    count = k if reranker is None else max(k, RERANKED)
    favoured = _favoured(snap, query, filters, when)
    words = when.query if when else query
    hits = _candidates(snap, words, vector, filters, favoured, max(pool, k), count)
    asked = sub_questions(words)
    for part in asked:
        found = _candidates(snap, part, encoder.encode([part])[0], filters, favoured, max(pool, k), count)
        hits = _either(hits, found)[:count]
    if reranker is not None:
        hits = rerank(reranker, asked or [query], hits)
    return [replace(hit, rank=rank) for rank, hit in enumerate(hits[:k], start=1)]


def _favoured(snap: Snapshot, query: str, filters: Filters, when: TimeRange | None) -> dict[str, Ints]:
    """Return stage -> ids of the passages that the query leans to: of the days, of the outlet that it speaks of."""
    favoured: dict[str, Filters] = {}
    if when:
        favoured["date"] = filters.within(when.since, when.until)
    if filters.publisher is None and CUES.search(query) and (outlet := read_outlet(query, snap.publishers())):
        favoured["outlet"] = replace(filters, publisher=outlet)
    allowed = {stage: snap.allowed(narrower) for stage, narrower in favoured.items()}
    return {stage: ids for stage, ids in allowed.items() if ids is not None and len(ids)}


def _candidates(
    snap: Snapshot, query: str, vector: Floats, filters: Filters, favoured: Mapping[str, Ints], depth: int, count: int
) -> list[Hit]:
    """Return the best `count` of what words and meaning find, fused.

    Each is asked for `depth` passages, and for as many again of those that the query leans to.
    """
    allowed = snap.allowed(filters)
    lexical, dense = snap.lexical.search(query, depth, allowed), snap.dense.search(vector, depth, allowed)
    for ids in favoured.values():
        lexical = merge(lexical, snap.lexical.search(query, depth, ids))
        dense = merge(dense, snap.dense.search(vector, depth, ids))
    found = np.array([id_ for id_, _ in lexical], dtype=np.int64)
    unknown = found[np.isnan(snap.dense.cosines(vector, found))]
    fused = fuse(lexical, dense, depth, set(unknown.tolist()))
    leanings = {stage: frozenset(ids.tolist()) for stage, ids in favoured.items()}
    for of_stage in leanings.values():
        fused = raised(fused, of_stage, FAVOUR)
    return _hits(snap, vector, lexical, dense, fused[:count], leanings)


def _hits(
    snap: Snapshot, vector: Floats, lexical: Ranking, dense: Ranking, fused: Ranking, leanings: Mapping[str, Set[int]]
) -> list[Hit]:
    ids = [id_ for id_, _ in fused]
    cosines = snap.dense.cosines(vector, np.array(ids, dtype=np.int64))
    by_words, by_meaning = ranks(lexical), ranks(dense)
    hits = []
    for rank, ((id_, score), passage, cosine) in enumerate(
        zip(fused, snap.passages(ids), cosines.tolist(), strict=True), start=1
    ):
        stages: dict[str, tuple[int | None, float]] = {"bm25": by_words.get(id_, (None, 0.0))}
        if cosine == cosine:  # a number: the passage has a vector
            stages["dense"] = (by_meaning.get(id_, (None, 0.0))[0], cosine)
        stages |= {stage: (None, float(id_ in of_stage)) for stage, of_stage in leanings.items()}
        hits.append(Hit(rank, score, passage, {**stages, "fused": (rank, score)}))
    return hits


def _either(hits: Sequence[Hit], others: Sequence[Hit]) -> list[Hit]:
    """Put two rankings together, each passage with the better of its scores."""
    best: dict[tuple[str, int], Hit] = {}
    for hit in [*hits, *others]:
        key = hit.passage.article.id, hit.passage.start
        if key not in best or hit.score > best[key].score:
            best[key] = hit
    return sorted(best.values(), key=lambda hit: -hit.score)


def rerank(reranker: Reranker, queries: Sequence[str], hits: Sequence[Hit]) -> list[Hit]:
    """Let the reranker read the first hits, and order them by both scores; what it did not read keeps its half.

    Of several queries, each passage has the mean of its scores: what answers one leaves room for what answers another.
    """
    read = hits[:RERANKED]
    passages = [hit.passage for hit in read]
    scores = np.mean([reranker.scores(query, passages) for query in queries], axis=0).tolist()
    order = sorted(range(len(read)), key=lambda n: -scores[n])
    place = {n: rank for rank, n in enumerate(order, start=1)}
    weighed = [
        replace(
            hit,
            score=(1 - RERANKER_WEIGHT) * hit.score + RERANKER_WEIGHT * score,
            stages={**hit.stages, "reranker": (place[n], score)},
        )
        for n, (hit, score) in enumerate(zip(read, scores, strict=True))
    ]
    rest = [replace(hit, score=(1 - RERANKER_WEIGHT) * hit.score) for hit in hits[len(read) :]]
    return sorted([*weighed, *rest], key=lambda hit: -hit.score)
