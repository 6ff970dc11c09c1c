"""Encoders for measuring a build: one of random vectors that can stop, and one that encodes twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from rag.models.base import EMBEDDED, Encoder, Floats, TokenVectors, unit


class Killed(BaseException):
    """Raised to end a build as a signal would: nothing in the product catches it."""


class Random:
    """An `Encoder` of random vectors under the name of the embedded one, so that the embedded one can ask its index.

    Attributes:
        encoded: number of texts encoded.
        left: windows until it raises `Killed`; None never raises.
    """

    name = EMBEDDED
    dimension = 384

    def __init__(self, left: int | None = None) -> None:
        self.encoded, self.left = 0, left
        self._random = np.random.default_rng(20)

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Floats:
        """Return random unit vectors.

        Raises:
            Killed: no window is left.
        """
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed
        self.encoded += len(texts)
        return unit(self._random.standard_normal((len(texts), self.dimension), dtype=np.float32))

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Raise NotImplementedError: random vectors have no tokens."""
        raise NotImplementedError("random vectors have no tokens")


class Twice:
    """An `Encoder` that encodes every text twice: once timed by itself, once for the caller.

    So a build and the bare encoder take turns over the same texts, and other load on the machine slows both alike.

    Attributes:
        texts: all texts encoded.
        seconds: time of the first encoding of all.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.name, self.dimension = encoder.name, encoder.dimension
        self.texts: list[str] = []
        self.seconds = 0.0
        self._encoder = encoder

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Floats:
        """Encode the texts twice and time the first time."""
        started = time.perf_counter()
        self._encoder.encode(texts)
        self.seconds += time.perf_counter() - started
        self.texts += texts
        return self._encoder.encode(texts, progress)

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Encode the tokens of texts."""
        return self._encoder.encode_tokens(texts)
