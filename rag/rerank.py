"""Rerank passages by reading: a cross-encoder sees the query beside each passage and says how well that answers it.

None is embedded: the small ones trained for it so far did not win on questions they had not seen (`eval/LOG.md`). Who
has a network, or a folder, names any cross-encoder of sentence-transformers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rag.encode import Floats
from rag.records import Passage

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

NONE = "none"


class Reranker(Protocol):
    """What tells how well passages answer a query.

    Attributes:
        name: which one it is, as a user names it.
    """

    @property
    def name(self) -> str: ...

    def scores(self, query: str, passages: Sequence[Passage]) -> Floats:
        """Return (n,) float32, 0 to 1, higher is better."""
        ...


def load_reranker(name: str) -> Reranker | None:
    """Load a cross-encoder from its folder, from what was downloaded before, or from the hub; `none` loads none.

    Raises:
        ConfigError: no such model, or it is not on this machine and cannot be fetched.
    """
    if name == NONE:
        return None
    from sentence_transformers import CrossEncoder

    from rag.hub import load_model

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
