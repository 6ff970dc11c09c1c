"""Rerank passages with a cross-encoder, which reads the query together with each passage.

The embedded cross-encoder is small and reads only the likeliest sentence of each passage. Any other cross-encoder of
sentence-transformers, from a folder or the network, reads whole passages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
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
# The log odds of the embedded cross-encoder are divided by this, because they are overconfident.
TEMPERATURE = 3.0


def load_reranker(name: str) -> Reranker | None:
    """Load a reranker: "embedded", or a cross-encoder by its folder or its name on the hub; "none" returns None.

    Raises:
        ConfigError: there is no such model, or it is not on this machine and cannot be downloaded.
    """
    if name == NONE:
        return None
    if name in RERANKERS:
        return RERANKERS[name]()
    from sentence_transformers import CrossEncoder

    from rag.models.sentence_transformers import load_model

    return CrossEncoderReranker(load_model(CrossEncoder, name, "reranker", NONE), name)


class CrossEncoderReranker:
    """A `Reranker` that reads whole passages with their titles."""

    def __init__(self, model: CrossEncoder, name: str) -> None:
        self.name = name
        self._model = model

    def scores(self, query: str, passages: Sequence[Passage]) -> Floats:
        """Return (n,) float32, 0 to 1, higher is better."""
        import torch

        texts = ["\n".join(filter(None, (passage.article.title, passage.text))) for passage in passages]
        pairs = [(query, text) for text in texts]
        scores = self._model.predict(pairs, show_progress_bar=False, activation_fn=torch.nn.Sigmoid())
        return np.asarray(scores, dtype=np.float32)


class EmbeddedReranker:
    """A `Reranker` that reads the title and, of each passage, the sentence with most of the query's words."""

    name = EMBEDDED

    def scores(self, query: str, passages: Sequence[Passage]) -> Floats:
        """Return (n,) float32, 0 to 1, higher is better."""
        from rag.models.cross_encoder import cross_encoder  # loaded at the first search: answers do not need it

        likely = likeliest_sentences(query, [passage.text for passage in passages])
        odds = cross_encoder().scores(query, likely, [passage.article.title for passage in passages])
        scores: Floats = 1 / (1 + np.exp(-odds / TEMPERATURE))
        return scores


def likeliest_sentences(query: str, texts: Sequence[str]) -> list[str]:
    """Return the sentence of each text with most of the query's words; words that few sentences have weigh more."""
    asked = keys(query)
    split = [[text[start:end] for start, end in sentences(text)] or [text] for text in texts]
    having = Counter(key for row in split for sentence in row for key in keys(sentence) & asked)
    count = sum(map(len, split))

    def likeness(sentence: str) -> float:
        return sum(log1p(count / (1 + having[key])) for key in sorted(keys(sentence) & asked))

    return [max(row, key=likeness) for row in split]


# By the name that the setting `reranker` gives; add your own here.
RERANKERS: dict[str, Callable[[], Reranker]] = {EMBEDDED: EmbeddedReranker}
