"""An encoder that remembers short texts: a question is encoded for the search, the evidence and the short answer, and a
sentence that answers one question often answers the next.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np

from rag.models.base import Encoder, Floats, TokenVectors

MAX_CHARS = 400  # characters; about 100 tokens, 150 kB of vectors
CACHED_TEXTS = 256  # texts


class CachingEncoder:
    """An `Encoder` in front of another one. Safe to share between threads."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._texts: LRUCache[str, Floats] = LRUCache(CACHED_TEXTS)
        self._tokens: LRUCache[str, TokenVectors] = LRUCache(CACHED_TEXTS)
        self.name, self.dimension = encoder.name, encoder.dimension

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Floats:
        if len(texts) != 1 or len(texts[0]) > MAX_CHARS or progress is not None:
            return self._encoder.encode(texts, progress)
        (text,) = texts
        known = self._texts.get(text)
        if known is None:
            known = self._encoder.encode(texts)
            self._texts.put(text, known)
        return np.array(known)

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        found = {text: known for text in texts if (known := self._tokens.get(text)) is not None}
        new = list(dict.fromkeys(text for text in texts if text not in found))
        if new:
            found.update(zip(new, self._encoder.encode_tokens(new), strict=True))
        for text in new:
            if len(text) <= MAX_CHARS:
                self._tokens.put(text, found[text])
        return [found[text] for text in texts]


Key = TypeVar("Key")
Value = TypeVar("Value")


class LRUCache(Generic[Key, Value]):
    """The `size` values used last. Safe to share between threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: Key, value: Value) -> None:
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._size:
                self._values.popitem(last=False)
