"""Rerank passages by reading: a cross-encoder sees the query beside each passage and says how well that answers it.

A small one is embedded, which reads the likeliest sentence of each passage. Who has a network, or a folder, names any
cross-encoder of sentence-transformers, which reads whole passages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import log1p
from typing import TYPE_CHECKING

import numpy as np

from rag.models.base import Floats, Reranker
from rag.text.sentences import sentences
from rag.text.tokens import keys
from rag.types import Passage

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

NONE = "none"
EMBEDDED = "embedded"
TEMPERATURE = 3.0  # the log odds are divided by this: the embedded one is surer than it is right


def load_reranker(name: str) -> Reranker | None:
    """Load the embedded cross-encoder, or another from its folder, from what was downloaded before, or from the hub.

    `none` loads none.

    Raises:
        ConfigError: no such model, or it is not on this machine and cannot be fetched.
    """
    if name == NONE:
        return None
    if name == EMBEDDED:
        return EmbeddedReranker()
    from sentence_transformers import CrossEncoder

    from rag.models.sentence_transformers import load_model

    return CrossEncoderReranker(load_model(CrossEncoder, name, "reranker", NONE), name)


class CrossEncoderReranker:
    """A `Reranker` that reads whole passages, under their titles."""

    def __init__(self, model: CrossEncoder, name: str) -> None:
        self.name = name
        self._model = model

    def scores(self, query: str, passages: Sequence[Passage]) -> Floats:
        import torch

        texts = ["\n".join(filter(None, (passage.article.title, passage.text))) for passage in passages]
        pairs = [(query, text) for text in texts]
        scores = self._model.predict(pairs, show_progress_bar=False, activation_fn=torch.nn.Sigmoid())
        return np.asarray(scores, dtype=np.float32)


class EmbeddedReranker:
    """A `Reranker` that reads of each passage the sentence with most of the query's words, under the title."""

    name = EMBEDDED

    def scores(self, query: str, passages: Sequence[Passage]) -> Floats:
        from rag.models.cross_encoder import cross_encoder  # at the first search: a question does without it

        likely = likeliest_sentences(query, [passage.text for passage in passages])
        odds = cross_encoder().scores(query, likely, [passage.article.title for passage in passages])
        scores: Floats = 1 / (1 + np.exp(-odds / TEMPERATURE))
        return scores


def likeliest_sentences(query: str, texts: Sequence[str]) -> list[str]:
    """Return of each text the sentence with most of the query's words; those that few sentences have weigh more."""
    asked = keys(query)
    split = [[text[start:end] for start, end in sentences(text)] or [text] for text in texts]
    having = Counter(key for row in split for sentence in row for key in keys(sentence) & asked)
    count = sum(map(len, split))

    def likeness(sentence: str) -> float:
        return sum(log1p(count / (1 + having[key])) for key in sorted(keys(sentence) & asked))

    return [max(row, key=likeness) for row in split]
