"""The passages that bear on a query: lexical (BM25) and dense search, fused, and the best of them reranked.

Passages of the days or the outlet that the query speaks of are raised; none is shut out. A query with sub-questions is
searched for whole and for each of them.
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

FAVOURED_BONUS = 0.4  # added to the fused score, 0 to 1, of a passage from the days or the outlet the query speaks of
MAX_RERANKED = 32  # passages that the reranker is given
RERANKER_WEIGHT = 0.7  # of the reranker in the final score; the rest is the fused score's
MIN_DEPTH = 100  # how deep each ranking goes, at least
MAX_QUERY_CHARS = 2_000  # what is beyond is neither searched nor encoded


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
    """Return the `k` best passages of those that pass `filters`, best first.

    Both rankings go `pool` deep, or `k`, if that is more.

    `Hit.stages` has "bm25" (its score), "dense" (the cosine, for every hit that has a vector), "fused", "date" and
    "outlet" (only of a query that speaks of days or of an outlet of which there are passages: 1 when the article is of
    them) and "reranker" (of the hits it read).

    Raises:
        IndexIncompatibleError: `encoder` is not the one that built the index.
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
    for part in query.sub_questions:
        words = _searchable(part.text)
        hits = _either(hits, search.hits(words, encoder.encode([words])[0]))[:count]
    if reranker is not None:
        hits = rerank(reranker, [part.text for part in query.sub_questions] or [text], hits)
    return [replace(hit, rank=rank) for rank, hit in enumerate(hits[:k], start=1)]


def _searchable(text: str) -> str:
    return text[:MAX_QUERY_CHARS].encode("utf-8", "replace").decode()


def _favoured(snap: Snapshot, query: Query, filters: Filters) -> dict[str, Ints]:
    """Return stage -> ids of the passages of the days, and of the outlet, that the query speaks of."""
    favoured: dict[str, Filters] = {}
    if query.time_range:
        favoured["date"] = filters.within(query.time_range.since, query.time_range.until)
    if query.outlet and filters.publisher is None:
        favoured["outlet"] = replace(filters, publisher=query.outlet)
    allowed = {stage: snap.allowed(narrower) for stage, narrower in favoured.items()}
    return {stage: ids for stage, ids in allowed.items() if ids is not None and len(ids)}


@dataclass(frozen=True, slots=True)
class _Search:
    """How the rankings are asked: `depth` passages each, and as many again of each favoured set; `count` are fused."""

    snap: Snapshot
    filters: Filters
    favoured: Mapping[str, Ints]
    depth: int
    count: int

    def hits(self, text: str, vector: Floats) -> list[Hit]:
        """Return the best passages of lexical and dense search for a text and its vector (d,), fused."""
        snap, depth = self.snap, self.depth
        allowed = snap.allowed(self.filters)
        lexical, dense = snap.lexical.search(text, depth, allowed), snap.dense.search(vector, depth, allowed)
        for ids in self.favoured.values():
            lexical = merge(lexical, snap.lexical.search(text, depth, ids))
            dense = merge(dense, snap.dense.search(vector, depth, ids))
        matched = np.array([id_ for id_, _ in lexical], dtype=np.int64)
        unknown = matched[np.isnan(snap.dense.cosines(vector, matched))]
        fused = fuse(lexical, dense, depth, set(unknown.tolist()))
        leanings = {stage: frozenset(ids.tolist()) for stage, ids in self.favoured.items()}
        for of_stage in leanings.values():
            fused = raised(fused, of_stage, FAVOURED_BONUS)
        return _hits(snap, vector, lexical, dense, fused[: self.count], leanings)


def _hits(
    snap: Snapshot, vector: Floats, lexical: Ranking, dense: Ranking, fused: Ranking, leanings: Mapping[str, Set[int]]
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
    """Order the first hits by their own scores and the reranker's; those it does not read keep their share.

    Of several queries, each passage has the mean of its scores: what answers one leaves room for what answers another.
    """
    read = hits[:MAX_RERANKED]
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
