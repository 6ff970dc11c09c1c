"""Reads a question beside a sentence and says how well that answers it: a small cross-encoder, embedded.

A cross-encoder sees both texts at once (Nogueira & Cho 2019), so it tells what answers a question from what only speaks
of the same things. It has three layers where the embedded encoder has six, and that one's word vectors; its other
weights, in `rag/models/data/pairs.safetensors`, are made by `python -m eval.training.cross_encoder`, and
`rag/models/data/pairs.onnx`, the operators, by `python -m eval.training.onnx_graphs`. It computes in 8 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

import numpy as np

from rag.models.base import Floats, unit
from rag.models.minilm import embedded_folder, word_vectors
from rag.models.onnx import Inputs, OnnxRuntime, inputs, load_tokenizer, side_by_side, widened

MAX_TOKENS = 80  # of question, title and sentence together
TITLE_CHARS = 70  # of the title, which goes before the sentence
PRODUCT_SCALE = 10.0  # of the products among the features, which are far smaller than the rest
HEAD = ("head.weight", "head.bias", "cosine.weight")


class EmbeddedCrossEncoder:
    """The cross-encoder. Safe to share between threads."""

    def __init__(self, weights: bytes | None = None) -> None:
        """`weights` are those of a file in place of the embedded one."""
        from safetensors.numpy import load

        folder = embedded_folder()
        kept = load(weights or resources.files("rag.models").joinpath("data/pairs.safetensors").read_bytes())
        self._head = [kept.pop(name) for name in HEAD]
        self._tokenizer = load_tokenizer(folder, MAX_TOKENS)
        self._states = OnnxRuntime({**widened(kept), "words": word_vectors(folder)}, "pairs.onnx")

    def scores(self, question: str, sentences: Sequence[str], titles: Sequence[str | None]) -> Floats:
        """Return (n,) float32: the log odds that each sentence, of an article of that title, answers the question."""
        pairs = [(question, titled(sentence, title)) for sentence, title in zip(sentences, titles, strict=True)]
        encodings = self._tokenizer.encode_batch(pairs)

        def run(rows: list[int]) -> Floats:
            given = inputs([encodings[row] for row in rows])
            return pair_odds(self._states(given), given, *self._head)

        # One by one: in 8 bits a pair's company would change its score a little, and batches are no faster.
        odds = list(side_by_side(run, [[row] for row in range(len(pairs))]))
        return np.concatenate(odds) if odds else np.empty(0, dtype=np.float32)


@cache
def cross_encoder() -> EmbeddedCrossEncoder:
    """Return the cross-encoder, loaded once for all who use it."""
    return EmbeddedCrossEncoder()


def pair_odds(states: Floats, given: Inputs, weight: Floats, bias: Floats, of_cosine: Floats) -> Floats:
    """Return (n,) for the states (n, t, d) of n pairs: a linear model over both texts' mean vectors and their likeness.

    Args:
        weight: (5 d,); `bias` and `of_cosine` (1,).
    """
    second = given["token_type_ids"][..., None].astype(np.float32)  # 0 for padding, too
    first = given["attention_mask"][..., None] - second
    asked = (states * first).sum(axis=1) / np.maximum(first.sum(axis=1), 1)
    told = (states * second).sum(axis=1) / np.maximum(second.sum(axis=1), 1)
    parts = [states[:, 0], asked, told, asked * told * PRODUCT_SCALE, np.abs(asked - told)]
    cosine = (unit(asked) * unit(told)).sum(axis=1)
    found: Floats = np.concatenate(parts, axis=1) @ weight + bias + cosine * of_cosine
    return found


def titled(sentence: str, title: str | None) -> str:
    """Return a sentence under the title of its article, as it is read."""
    folded = " ".join(sentence.split())
    return f"{' '.join(title.split())[:TITLE_CHARS]} | {folded}" if title else folded
