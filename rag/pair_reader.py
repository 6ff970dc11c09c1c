"""Reads a question beside a sentence and says how well that answers it: a small cross-encoder, embedded.

A cross-encoder sees both texts at once (Nogueira & Cho 2019), so it tells what answers a question from what only speaks
of the same things. It has the operators and the word vectors of the embedded encoder; its other weights, in
`rag/data/pairs.safetensors`, are trained by `python -m eval.train` on questions with the sentences that answer them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

import numpy as np

from rag.encode import Floats, by_length, unit
from rag.minilm import Inputs, OnnxRuntime, cores, embedded_folder, inputs, load_tokenizer, read_weights, side_by_side

MAX_TOKENS = 80  # of question, title and sentence together
TITLE_CHARS = 70  # of the title, which goes before the sentence
BATCH_SIZE = 4  # at most, as in rag.minilm
PRODUCT_SCALE = 10.0  # of the products among the features, which are far smaller than the rest
SCALES = ".scales"  # ends the name of the scales, one for each column, of a matrix that is kept in 8 bits


class PairReader:
    """The cross-encoder. Safe to share between threads."""

    def __init__(self, weights: bytes | None = None) -> None:
        """`weights` are those of a file in place of the embedded one."""
        from safetensors.numpy import load

        folder = embedded_folder()
        kept = restored(load(weights or resources.files("rag").joinpath("data/pairs.safetensors").read_bytes()))
        words = read_weights(folder / "model.safetensors")["words"]
        self._head = {name: kept.pop(name) for name in ("head.weight", "head.bias", "cosine.weight")}
        self._tokenizer = load_tokenizer(folder, MAX_TOKENS)
        self._states = OnnxRuntime({**kept, "words": words})

    def scores(self, question: str, sentences: Sequence[str], titles: Sequence[str | None]) -> Floats:
        """Return (n,) float32: the log odds that each sentence, of an article of that title, answers the question."""
        pairs = [(question, titled(sentence, title)) for sentence, title in zip(sentences, titles, strict=True)]

        def run(rows: list[int]) -> Floats:
            encodings = self._tokenizer.encode_batch([pairs[row] for row in rows])
            given = inputs(encodings)
            return self._log_odds(self._states(given), given)

        even = len(pairs) // (2 * cores())  # so that a few pairs, too, keep every core busy to the end
        batches = list(by_length([text for _, text in pairs], min(BATCH_SIZE, max(1, even))))
        found = np.empty(len(pairs), dtype=np.float32)
        for rows, odds in zip(batches, side_by_side(run, batches), strict=True):
            found[rows] = odds
        return found

    def _log_odds(self, states: Floats, given: Inputs) -> Floats:
        """Return (n,) for states (n, t, d): a linear model over the mean vectors of both texts and their likeness."""
        second = given["token_type_ids"][..., None].astype(np.float32)  # 0 for padding, too
        first = given["attention_mask"][..., None] - second
        asked = (states * first).sum(axis=1) / np.maximum(first.sum(axis=1), 1)
        told = (states * second).sum(axis=1) / np.maximum(second.sum(axis=1), 1)
        parts = [states[:, 0], asked, told, asked * told * PRODUCT_SCALE, np.abs(asked - told)]
        cosine = (unit(asked) * unit(told)).sum(axis=1)
        odds = np.concatenate(parts, axis=1) @ self._head["head.weight"] + self._head["head.bias"]
        found: Floats = odds + cosine * self._head["cosine.weight"]
        return found


@cache
def pair_reader() -> PairReader:
    """Return the cross-encoder, loaded once for all who use it."""
    return PairReader()


def titled(sentence: str, title: str | None) -> str:
    """Return a sentence under the title of its article, as it is read."""
    folded = " ".join(sentence.split())
    return f"{' '.join(title.split())[:TITLE_CHARS]} | {folded}" if title else folded


def quantised(weights: Mapping[str, Floats]) -> dict[str, np.ndarray]:
    """Return what is kept of weights: matrices in 8 bits with a scale for each column, the rest in 16 bits."""
    kept: dict[str, np.ndarray] = {}
    for name, value in weights.items():
        if value.ndim == 2 and name.endswith(".weight"):
            scales = np.abs(value).max(axis=0) / 127
            kept[name] = np.ascontiguousarray(np.round(value / scales).astype(np.int8))  # safetensors writes rows
            kept[name + SCALES] = scales.astype(np.float32)
        else:
            kept[name] = value.astype(np.float32 if value.size < 4096 else np.float16)
    return kept


def restored(kept: Mapping[str, np.ndarray]) -> dict[str, Floats]:
    """Return weights as they were before `quantised`, but for rounding, float32."""
    return {
        name: np.ascontiguousarray(value.astype(np.float32) * kept[name + SCALES])
        if name + SCALES in kept
        else value.astype(np.float32)
        for name, value in kept.items()
        if not name.endswith(SCALES)
    }
