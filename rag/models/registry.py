"""Loads the model that a name means."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable
from importlib.util import find_spec

from rag.models.base import EMBEDDED_NAMES, AnswerReader, Encoder, has_bfloat16

EMBEDDED_READER = "embedded"

# Models of your own: the name that a setting gives, and what makes the model.
ENCODERS: dict[str, Callable[[], Encoder]] = {}
ANSWER_READERS: dict[str, Callable[[], AnswerReader]] = {}


def load_encoder(name: str = "minilm", many: bool = False) -> Encoder:
    """Load an encoder.

    Args:
        name: "minilm" is the embedded one; sentence-transformers loads any other name or folder.
        many: it will encode thousands of texts. The embedded one is then run by what is fastest on this machine, which
            may take seconds to load. Its vectors differ by rounding only: in bfloat16 the cosine is 0.9999.

    Raises:
        ConfigError: there is no such model, or it is not on this machine and cannot be fetched.
    """
    if name in ENCODERS:
        return ENCODERS[name]()
    from rag.models.sentence_transformers import has_gpu, load_sentence_encoder

    if name not in EMBEDDED_NAMES or (many and _gpu_likely() and has_gpu()):
        return load_sentence_encoder(name)
    from rag.models.minilm import MiniLM

    if many and find_spec("openvino"):
        from rag.models.openvino import OpenVino

        return MiniLM(OpenVino)
    if many and has_bfloat16():
        return load_sentence_encoder(name, half=True)
    return MiniLM()


def load_answer_reader(name: str = EMBEDDED_READER) -> AnswerReader:
    """Load an answer reader.

    Args:
        name: "embedded", or any extractive question-answering model of transformers by name or folder.

    Raises:
        ConfigError: there is no such model, or it is not on this machine and cannot be fetched.
    """
    from rag.models.caching import CachingAnswerReader

    if name == EMBEDDED_READER:
        from rag.models.answer_reader import EmbeddedAnswerReader

        return CachingAnswerReader(EmbeddedAnswerReader())
    if name in ANSWER_READERS:
        return CachingAnswerReader(ANSWER_READERS[name]())
    from rag.models.transformers_reader import load_transformers_reader

    return CachingAnswerReader(load_transformers_reader(name))


def _gpu_likely() -> bool:
    """Return whether PyTorch may find an NVIDIA or Apple GPU; importing PyTorch to ask it takes seconds."""
    apple = platform.system() == "Darwin" and platform.machine() == "arm64"
    return apple or os.path.exists("/dev/nvidiactl") or shutil.which("nvidia-smi") is not None
