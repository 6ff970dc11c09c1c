"""Which model a name means, loaded."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.util import find_spec

from rag.models.base import EMBEDDED_NAMES, Encoder, has_bfloat16


def load_encoder(name: str = "minilm", many: bool = False) -> Encoder:
    """Load an encoder: `minilm` is the embedded one, any other name goes to sentence-transformers.

    `many` says that it will encode thousands of texts: then the embedded one is run by what is fastest here, which may
    take seconds to load. Its vectors are the same but for rounding: in bfloat16 with a cosine of .9999.

    Raises:
        ConfigError: no such model, or it is not on this machine and cannot be fetched.
    """
    from rag.models.sentence_transformers import has_accelerator, load_sentence_encoder

    if name not in EMBEDDED_NAMES or (many and _accelerator_likely() and has_accelerator()):
        return load_sentence_encoder(name)
    from rag.models.minilm import MiniLM

    if many and find_spec("openvino"):
        from rag.models.openvino import OpenVino

        return MiniLM(OpenVino)
    if many and has_bfloat16():
        return load_sentence_encoder(name, half=True)
    return MiniLM()


def _accelerator_likely() -> bool:
    """Whether PyTorch may find an NVIDIA or Apple accelerator; importing PyTorch to ask it takes seconds."""
    apple = platform.system() == "Darwin" and platform.machine() == "arm64"
    return apple or os.path.exists("/dev/nvidiactl") or shutil.which("nvidia-smi") is not None
