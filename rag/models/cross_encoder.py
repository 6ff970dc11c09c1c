"""The embedded cross-encoder: reads a question beside a sentence and says how well the sentence answers it.

A cross-encoder sees both texts at once (Nogueira & Cho 2019), so it tells a sentence that answers the question from one
on the same topic. It has three layers where the embedded encoder has six. `python -m eval.training.cross_encoder` makes
its weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from rag.models.base import Floats
from rag.models.pair_model import PairModel, pair_odds

MAX_TOKENS = 80  # of question, title and sentence together
TITLE_CHARS = 70  # of the title, which goes before the sentence
HEAD_WEIGHTS = ("head.weight", "head.bias", "cosine.weight")


class EmbeddedCrossEncoder:
    """The cross-encoder. Safe to share between threads."""

    def __init__(self, weights: bytes | None = None) -> None:
        """Load the model; `weights` is the content of a file that is used instead of the embedded one."""
        self._model = PairModel("pairs", HEAD_WEIGHTS, MAX_TOKENS, weights)

    def scores(self, question: str, sentences: Sequence[str], titles: Sequence[str | None]) -> Floats:
        """Return (n,) float32, the log odds that each sentence answers the question.

        Args:
            question: without its conversation.
            sentences: n sentences.
            titles: of the article of each sentence.
        """
        pairs = [(question, with_title(sentence, title)) for sentence, title in zip(sentences, titles, strict=True)]
        odds = self._model.run(pairs, lambda _, given, states: pair_odds(states, given, *self._model.heads))
        return np.concatenate(odds) if odds else np.empty(0, dtype=np.float32)


@cache
def cross_encoder() -> EmbeddedCrossEncoder:
    """Return the cross-encoder, loaded once for all who use it."""
    return EmbeddedCrossEncoder()


def with_title(sentence: str, title: str | None) -> str:
    """Return a sentence as the model reads it: after the title of its article."""
    folded = " ".join(sentence.split())
    return f"{' '.join(title.split())[:TITLE_CHARS]} | {folded}" if title else folded
