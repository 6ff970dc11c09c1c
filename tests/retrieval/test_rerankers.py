"""Reranking the best passages, with the embedded cross-encoder or any other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from rag.errors import ConfigError
from rag.index.reader import Index
from rag.models.base import Encoder, Floats
from rag.models.minilm import embedded_folder
from rag.query.analysis import analyse
from rag.retrieval.hybrid import MAX_RERANKED, RERANKER_WEIGHT, rerank, retrieve
from rag.retrieval.rerankers import load_reranker
from rag.types import Article, Hit, Passage


def hit(rank: int, score: float) -> Hit:
    text = f"This is passage number {rank}."
    return Hit(rank, score, Passage(Article(id=str(rank), path="a.txt", text=text), 0, len(text)), {})


class Marks:
    """A `Reranker` with given scores, in the order of its calls."""

    name = "marks"

    def __init__(self, marks: Sequence[float]) -> None:
        self._marks = marks

    def scores(self, query: str, passages: Sequence[Passage]) -> Floats:
        return np.array(self._marks[: len(passages)], dtype=np.float32)


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a real, tiny cross-encoder with random weights, as sentence-transformers does."""
    import torch
    from sentence_transformers import CrossEncoder
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("cross") / "encoder"
    torch.manual_seed(1)
    config = BertConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64)
    config.num_labels = 1
    BertForSequenceClassification(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(embedded_folder()).save_pretrained(folder)
    CrossEncoder(str(folder)).save_pretrained(str(folder))
    return folder


def test_both_scores_count() -> None:
    reranked = rerank(Marks([0.0, 0.2, 1.0]), ["query"], [hit(1, 0.9), hit(2, 0.8), hit(3, 0.7)])
    assert [h.rank for h in reranked] == [3, 2, 1]
    assert reranked[0].score == pytest.approx((1 - RERANKER_WEIGHT) * 0.7 + RERANKER_WEIGHT)
    assert [h.stages["reranker"] for h in reranked] == [
        (1, 1.0),
        (2, pytest.approx(0.2)),
        (3, 0.0),
    ]


def test_the_mean_over_the_sub_questions_counts() -> None:
    class Words:
        name = "words"

        def scores(self, query: str, passages: Sequence[Passage]) -> Floats:
            return np.array([float(f"number {query}." in p.text) for p in passages], dtype=np.float32)

    reranked = rerank(Words(), ["2", "3"], [hit(1, 0.9), hit(2, 0.8), hit(3, 0.7)])
    assert [h.stages["reranker"] for h in reranked] == [(1, 0.5), (2, 0.5), (3, 0.0)]
    assert [h.rank for h in reranked] == [2, 3, 1]


def test_the_reranker_reads_only_the_first_hits() -> None:
    hits = [hit(n, 1 - n / 100) for n in range(1, MAX_RERANKED + 3)]
    reranked = rerank(Marks([0.5] * len(hits)), ["query"], hits)
    assert [h.rank for h in reranked] == list(range(1, MAX_RERANKED + 3))
    assert ["reranker" in h.stages for h in reranked] == [True] * MAX_RERANKED + [False] * 2


def test_a_cross_encoder_named_by_its_folder_orders_the_passages(
    cross_encoder: Path, seed_archive: Index, encoder: Encoder
) -> None:
    reranker = load_reranker(str(cross_encoder))
    assert reranker is not None
    with seed_archive.snapshot() as snapshot:
        hits = retrieve(snapshot, encoder, analyse("a deal on autos"), k=5, reranker=reranker)
        plain = retrieve(snapshot, encoder, analyse("a deal on autos"), k=MAX_RERANKED)
    assert [h.rank for h in hits] == [1, 2, 3, 4, 5]
    fused = {(h.passage.article.id, h.passage.start): h.score for h in plain}
    marks = [h.stages["reranker"][1] for h in hits]
    assert all(0 < mark < 1 for mark in marks)
    assert len(set(marks)) == 5
    for h, mark in zip(hits, marks, strict=True):
        before = fused[h.passage.article.id, h.passage.start]
        assert h.score == pytest.approx((1 - RERANKER_WEIGHT) * before + RERANKER_WEIGHT * mark)


def test_no_reranker_and_a_missing_one(tmp_path: Path) -> None:
    assert load_reranker("none") is None
    with pytest.raises(ConfigError, match=f"cannot load the reranker '{tmp_path}'.*or use `none`"):
        load_reranker(str(tmp_path))
