"""Reads a question beside a sentence and says where in it the answer begins and ends, and how likely it answers at all.

Six layers that began as the embedded encoder's, and its word vectors; the other weights, in
`rag/models/data/spans.safetensors`, are made by `python -m eval.training.answer_reader` (after Devlin et al. 2019; that
there is none stands at the first token), and `rag/models/data/spans.onnx`, the operators, by `python -m
eval.training.onnx_graphs`. It computes in 8 bits.

Whether a sentence answers is said twice, since it was learned twice: of questions that have a short answer, by where
that stands; of questions that articles ask themselves ("Why did it fail?"), whose answer is a sentence, by a head of
its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from rag.models.base import Floats, Ints
from rag.models.caching import LRUCache
from rag.models.cross_encoder import pair_odds
from rag.models.minilm import embedded_folder, word_vectors
from rag.models.onnx import OnnxRuntime, inputs, load_tokenizer, side_by_side, widened

MAX_TOKENS = 112  # of question and sentence together
PLACES, ANSWERS = ("head.weight", "head.bias"), ("answers.weight", "answers.bias", "answers.cosine")
HEAD = (*PLACES, *ANSWERS)
MIN_LOG_PROBABILITY = -12.0  # log probability: what is less likely is not told apart
MAX_LOG_PROBABILITY = -1e-6  # log probability: nothing is surer
MAX_ANSWER_TOKENS = 16  # tokens of an answer
CACHED_SENTENCES = 256  # sentences read lately: evidence and the short answer ask for the same ones


@dataclass(frozen=True, slots=True)
class AnswerSpans:
    """Where in a sentence the answer may stand.

    Attributes:
        spans: (t, 2) characters of the sentence's tokens.
        begins, ends: (t,) log probability that it begins, and ends, at each of them, if it stands there at all.
        absent: log probability that no short answer stands in it, of beginning and end together; at least twice LEAST.
        answers: the log odds that the sentence answers.
    """

    spans: Ints
    begins: Floats
    ends: Floats
    absent: float
    answers: float

    @property
    def present(self) -> float:
        """The log odds that a short answer stands in the sentence."""
        return float(np.log(-np.expm1(min(self.absent, MAX_LOG_PROBABILITY)))) - self.absent

    @property
    def likeliest(self) -> tuple[int, int]:
        """The characters that are likeliest the answer, of at most `MAX_ANSWER_TOKENS` tokens, if it stands there at all."""
        if not len(self.spans):  # the question left no room for the sentence
            return 0, 0
        sums = self.begins[:, None] + self.ends[None, :]
        sums[~np.triu(np.tri(len(sums), k=MAX_ANSWER_TOKENS - 1, dtype=bool))] = -np.inf
        first, last = np.unravel_index(int(sums.argmax()), sums.shape)
        return int(self.spans[first, 0]), int(self.spans[last, 1])

    def scores(self, starts: Ints, ends: Ints) -> Floats:
        """Return (n,) the log probability that characters `starts` to `ends` (n,) are the answer, at least twice LEAST.

        What was cut off is as unlikely as that.
        """
        first = np.searchsorted(self.spans[:, 1], starts, side="right")
        last = np.searchsorted(self.spans[:, 0], ends, side="left") - 1
        read = first <= last
        first, last = np.where(read, first, 0), np.where(read, last, 0)
        found: Floats = np.maximum(MIN_LOG_PROBABILITY, self.begins[first]) + np.maximum(
            MIN_LOG_PROBABILITY, self.ends[last]
        )
        return np.where(read, found, np.float32(2 * MIN_LOG_PROBABILITY))


class EmbeddedAnswerReader:
    """The span reader. Safe to share between threads."""

    def __init__(self, weights: bytes | None = None) -> None:
        """`weights` are those of a file in place of the embedded one."""
        from safetensors.numpy import load

        folder = embedded_folder()
        kept = load(weights or resources.files("rag.models").joinpath("data/spans.safetensors").read_bytes())
        self._weight, self._bias = (kept.pop(name) for name in PLACES)
        self._answers = [kept.pop(name) for name in ANSWERS]
        self._tokenizer = load_tokenizer(folder, MAX_TOKENS)
        self._states = OnnxRuntime({**widened(kept), "words": word_vectors(folder)}, "spans.onnx")
        self._kept: LRUCache[tuple[str, str], AnswerSpans] = LRUCache(CACHED_SENTENCES)

    def read(self, question: str, sentences: Sequence[str]) -> list[AnswerSpans]:
        """Read the question beside each sentence."""
        found = {sentence: places for sentence in sentences if (places := self._kept.get((question, sentence)))}
        missing = list(dict.fromkeys(sentence for sentence in sentences if sentence not in found))
        found.update(zip(missing, self._read(question, missing), strict=True))
        for sentence in missing:
            self._kept.put((question, sentence), found[sentence])
        return [found[sentence] for sentence in sentences]

    def _read(self, question: str, sentences: Sequence[str]) -> list[AnswerSpans]:
        if not sentences:
            return []
        encodings = self._tokenizer.encode_batch([(question, sentence) for sentence in sentences])

        def run(rows: list[int]) -> AnswerSpans:
            encoding = encodings[rows[0]]
            given = inputs([encoding])
            states = self._states(given)
            odds = states[0] @ self._weight + self._bias
            told = np.array(encoding.type_ids) == 1
            spans = np.array(encoding.offsets, dtype=np.int64)
            inside = np.flatnonzero(told & (spans[:, 1] > spans[:, 0]))
            total = np.logaddexp.reduce(odds[told], axis=0)
            absent = odds[0] - np.logaddexp(odds[0], total)
            chances = odds - total
            return AnswerSpans(
                spans=spans[inside],
                begins=chances[inside, 0],
                ends=chances[inside, 1],
                absent=max(2 * MIN_LOG_PROBABILITY, float(absent.sum())),
                answers=float(pair_odds(states, given, *self._answers)[0]),
            )

        # One by one: in 8 bits a sentence's company would change its reading a little.
        return list(side_by_side(run, [[row] for row in range(len(sentences))]))


@cache
def answer_reader() -> EmbeddedAnswerReader:
    """Return the span reader, loaded once for all who use it."""
    return EmbeddedAnswerReader()
