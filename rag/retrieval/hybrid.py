"""Retrieve passages for a query: fuse lexical (BM25) and dense search, and rerank the best passages.

Passages from the days or the outlet that the query mentions are raised, and no others are excluded. A query with
sub-questions is searched as a whole and for each sub-question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np

from rag.errors import IndexIncompatibleError
from rag.filters import Filters
from rag.index.reader import Snapshot
from rag.models.base import Encoder, Floats, Ints, Reranker
from rag.query.analysis import Query
from rag.retrieval.fusion import Ranking, fuse, merge, raised, ranks
from rag.types import Hit

# Added to the fused score, 0 to 1, of a passage from the days or the outlet that the query mentions.
FAVOURED_BONUS = 0.4
# The reranker reads so many of the best passages.
MAX_RERANKED = 32
# Weight of the reranker in the final score; the fused score has the rest.
RERANKER_WEIGHT = 0.7
# Each ranking has at least so many passages, if the index has.
MIN_DEPTH = 100
# The rest of a longer text is neither searched nor encoded.
MAX_QUERY_CHARS = 2_000


def retrieve(
    snap: Snapshot,
    encoder: Encoder,
    query: Query,
    k: int = 10,
    *,
    filters: Filters = Filters(),  # noqa: B008  (frozen)
    pool: int = MIN_DEPTH,
    reranker: Reranker | None = None,
) -> list[Hit]:
    """Return the `k` best passages that pass the filters, best first.

    `Hit.stages` has "bm25" (the score), "dense" (the cosine, for every hit with a vector), "fused", "reranker" (for the
    hits that it read), and "date" and "outlet" (1 when the article is from the days or the outlet that the query
    mentions, else 0; only when there are such passages).

    Args:
        snap: the index to search.
        encoder: the encoder that built the index.
        query: what to search for.
        k: the number of passages.
        filters: the articles to search.
        pool: the least depth of both rankings.
        reranker: reads the best passages again; None keeps the fused order.

    Raises:
        IndexIncompatibleError: the encoder is not the one that built the index.
    """
    if encoder.name != snap.encoder:
        raise IndexIncompatibleError(f"the index was built with the encoder {snap.encoder!r}, not {encoder.name!r}")
    text = _searchable(query.text)
    if not text.strip() or k <= 0:
        return []
    count = k if reranker is None else max(k, MAX_RERANKED)
    favoured = _favoured(snap, query, filters)
    search = _Search(snap, filters, favoured, max(pool, k), count)
    hits = search.hits(_searchable(query.search_text), encoder.encode([text])[0])
    for question in query.sub_questions:
        words = _searchable(question.text)
        hits = _united(hits, search.hits(words, encoder.encode([words])[0]))[:count]
    if reranker is not None:
        hits = rerank(reranker, [question.text for question in query.sub_questions] or [text], hits)
    return [replace(hit, rank=rank) for rank, hit in enumerate(hits[:k], start=1)]


def _searchable(text: str) -> str:
    return text[:MAX_QUERY_CHARS].encode("utf-8", "replace").decode()


def _favoured(snap: Snapshot, query: Query, filters: Filters) -> dict[str, Ints]:
    """Return stage -> ids of the passages from the days, and from the outlet, that the query mentions."""
    favoured: dict[str, Filters] = {}
    if query.time_range:
        favoured["date"] = filters.within(query.time_range.since, query.time_range.until)
    if query.outlet and filters.publisher is None:
        favoured["outlet"] = replace(filters, publisher=query.outlet)
    allowed = {stage: snap.allowed(narrower) for stage, narrower in favoured.items()}
    return {stage: ids for stage, ids in allowed.items() if ids is not None and len(ids)}


@dataclass(frozen=True, slots=True)
class _Search:
    """One search of the index.

    Attributes:
        favoured: stage -> ids of the passages that are raised.
        depth: the number of passages of each ranking, and again for each favoured set.
        count: the number of fused hits.
    """

    snap: Snapshot
    filters: Filters
    favoured: Mapping[str, Ints]
    depth: int
    count: int

    def hits(self, text: str, vector: Floats) -> list[Hit]:
        """Return the best passages for a text and its vector, (d,) float32, by fused lexical and dense search."""
        snap, depth = self.snap, self.depth
        allowed = snap.allowed(self.filters)
        lexical, dense = snap.lexical.search(text, depth, allowed), snap.dense.search(vector, depth, allowed)
        for ids in self.favoured.values():
            lexical = merge(lexical, snap.lexical.search(text, depth, ids))
            dense = merge(dense, snap.dense.search(vector, depth, ids))
        matched = np.array([id_ for id_, _ in lexical], dtype=np.int64)
        unknown = matched[np.isnan(snap.dense.cosines(vector, matched))]
        fused = fuse(lexical, dense, depth, set(unknown.tolist()))
        favoured = {stage: frozenset(ids.tolist()) for stage, ids in self.favoured.items()}
        for of_stage in favoured.values():
            fused = raised(fused, of_stage, FAVOURED_BONUS)
        return _hits(snap, vector, lexical, dense, fused[: self.count], favoured)


def _hits(
    snap: Snapshot, vector: Floats, lexical: Ranking, dense: Ranking, fused: Ranking, favoured: Mapping[str, Set[int]]
) -> list[Hit]:
    ids = [id_ for id_, _ in fused]
    cosines = snap.dense.cosines(vector, np.array(ids, dtype=np.int64))
    lexical_ranks, dense_ranks = ranks(lexical), ranks(dense)
    hits = []
    for rank, ((id_, score), passage, cosine) in enumerate(
        zip(fused, snap.passages(ids), cosines.tolist(), strict=True), start=1
    ):
        stages: dict[str, tuple[int | None, float]] = {"bm25": lexical_ranks.get(id_, (None, 0.0))}
        if not np.isnan(cosine):  # the passage has a vector
            stages["dense"] = (dense_ranks.get(id_, (None, 0.0))[0], cosine)
        stages |= {stage: (None, float(id_ in of_stage)) for stage, of_stage in favoured.items()}
        hits.append(Hit(rank, score, passage, {**stages, "fused": (rank, score)}))
    return hits


def _united(hits: Sequence[Hit], others: Sequence[Hit]) -> list[Hit]:
    """Return one ranking of two, each passage with the better of its scores."""
    best: dict[tuple[str, int], Hit] = {}
    for hit in [*hits, *others]:
        key = hit.passage.article.id, hit.passage.start
        if key not in best or hit.score > best[key].score:
            best[key] = hit
    return sorted(best.values(), key=lambda hit: -hit.score)


def rerank(reranker: Reranker, queries: Sequence[str], hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits ordered by the weighted sum of the fused and the reranker's score.

    The reranker reads the first MAX_RERANKED hits; the others have only the weighted fused score. With several queries,
    the reranker's score is the mean over the queries.
    """
    read = hits[:MAX_RERANKED]
    passages = [hit.passage for hit in read]
    scores = np.mean([reranker.scores(query, passages) for query in queries], axis=0).tolist()
    order = sorted(range(len(read)), key=lambda n: -scores[n])
    places = {n: rank for rank, n in enumerate(order, start=1)}
    reranked = [
        replace(
            hit,
            score=(1 - RERANKER_WEIGHT) * hit.score + RERANKER_WEIGHT * score,
            stages={**hit.stages, "reranker": (places[n], score)},
        )
        for n, (hit, score) in enumerate(zip(read, scores, strict=True))
    ]
    others = [replace(hit, score=(1 - RERANKER_WEIGHT) * hit.score) for hit in hits[len(read) :]]
    return sorted([*reranked, *others], key=lambda hit: -hit.score)
