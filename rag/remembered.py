"""An encoder that remembers short texts: a question is encoded for the search, the evidence and the short answer, and a
sentence that answers one question often answers the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rag.encode import Encoder, Floats, TokenVectors
from rag.kept import Kept

SHORT = 400  # characters; about 100 tokens, 150 kB of vectors
REMEMBERED = 256  # texts


class Remembering:
    """An `Encoder` in front of another one. Safe to share between threads."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._texts: Kept[str, Floats] = Kept(REMEMBERED)
        self._tokens: Kept[str, TokenVectors] = Kept(REMEMBERED)
        self.name, self.dimension = encoder.name, encoder.dimension

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Floats:
        if len(texts) != 1 or len(texts[0]) > SHORT or progress is not None:
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
            if len(text) <= SHORT:
                self._tokens.put(text, found[text])
        return [found[text] for text in texts]
