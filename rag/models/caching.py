"""Caches in front of the models, which several stages ask for the same.

The search, the evidence and the short answer encode the same question, and the evidence and the short answer read the
same sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from threading import Lock
from typing import Generic, TypeVar

import numpy as np
from cachetools import LRUCache

from rag.models.base import AnswerReader, AnswerSpans, Encoder, Floats, TokenVectors

MAX_CHARS = 400  # characters of a cached text: about 100 tokens, 150 kB of vectors
CACHED_TEXTS = 256  # texts
CACHED_SENTENCES = 256  # sentences, each with its question

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Cache(Generic[Key, Value]):
    """The `size` values that were used last. Safe to share between threads, which may compute the same value twice."""

    def __init__(self, size: int) -> None:
        self._values: LRUCache[Key, Value] = LRUCache(size)
        self._lock = Lock()

    def get(self, key: Key) -> Value | None:
        """Return the value of a key, None when it is not here."""
        with self._lock:
            value: Value | None = self._values.get(key)
            return value

    def put(self, key: Key, value: Value) -> None:
        """Store a value; the one that was not used for the longest time makes room for it."""
        with self._lock:
            self._values[key] = value

    def values(
        self,
        keys: Sequence[Key],
        compute: Callable[[list[Key]], Iterable[Value]],
        stores: Callable[[Key], bool] = lambda key: True,
    ) -> list[Value]:
        """Return the value of each key, in order.

        Args:
            keys: each may occur several times.
            compute: returns the values of the keys that are not here, of each once; it is not called for none.
            stores: whether the value of a key is stored.
        """
        values = {key: value for key in keys if (value := self.get(key)) is not None}
        missing = list(dict.fromkeys(key for key in keys if key not in values))
        if missing:
            values.update(zip(missing, compute(missing), strict=True))
        for key in filter(stores, missing):
            self.put(key, values[key])
        return [values[key] for key in keys]


class CachingEncoder:
    """An `Encoder` in front of another one, which caches short texts. Safe to share between threads."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._texts: Cache[str, Floats] = Cache(CACHED_TEXTS)
        self._tokens: Cache[str, TokenVectors] = Cache(CACHED_TEXTS)
        self.name, self.dimension = encoder.name, encoder.dimension

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Floats:
        """Return (n, d) float32 of unit length; only a text that is encoded alone is cached."""
        if len(texts) != 1 or not _is_short(texts[0]) or progress is not None:
            return self._encoder.encode(texts, progress)
        return np.array(self._texts.values(texts, self._encoder.encode))

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Return the vectors of each text's tokens, in the order of the texts."""
        return self._tokens.values(texts, self._encoder.encode_tokens, _is_short)


class CachingAnswerReader:
    """An `AnswerReader` in front of another one. Safe to share between threads."""

    def __init__(self, reader: AnswerReader) -> None:
        self._reader = reader
        self._spans: Cache[tuple[str, str], AnswerSpans] = Cache(CACHED_SENTENCES)
        self.name = reader.name

    def read(self, question: str, sentences: Sequence[str]) -> list[AnswerSpans]:
        """Return where the answer may be in each sentence, in the order of the sentences."""
        return self._spans.values(
            [(question, sentence) for sentence in sentences],
            lambda pairs: self._reader.read(question, [sentence for _, sentence in pairs]),
        )


def _is_short(text: str) -> bool:
    return len(text) <= MAX_CHARS
