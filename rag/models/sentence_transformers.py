"""Any other encoder, by its sentence-transformers name or folder: PyTorch runs it, on a GPU where there is one."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from rag.errors import ConfigError
from rag.models.base import EMBEDDED_NAMES, Floats, TokenVectors, by_length, encoder_name, unit
from rag.models.minilm import embedded_folder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BATCH_SIZE = 32  # texts that go through the model together
HUB_TIMEOUT = 10.0  # seconds
FEW_CHARACTERS = 2_000  # in one batch: up to here one thread is fastest

Model = TypeVar("Model")


def load_sentence_encoder(name: str, *, half: bool = False) -> SentenceEncoder:
    """Load a model from its folder, from what was downloaded before, or from the hub.

    Args:
        name: of the model, as sentence-transformers takes it; "minilm" is the embedded one.
        half: the model computes in bfloat16.

    Raises:
        ConfigError: there is no such model, or it is not on this machine and cannot be fetched.
    """
    from sentence_transformers import SentenceTransformer

    embedded = name in EMBEDDED_NAMES
    model = load_model(SentenceTransformer, str(embedded_folder()) if embedded else name, "encoder", "minilm")
    return SentenceEncoder(model.bfloat16() if half else model, encoder_name(name))


def has_gpu() -> bool:
    """Return whether PyTorch runs models on a GPU. It may be built for CPUs alone although the machine has a GPU."""
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()


class SentenceEncoder:
    """An `Encoder` over a sentence-transformers model. Safe to share between threads."""

    def __init__(self, model: SentenceTransformer, name: str) -> None:
        dimension = model.get_embedding_dimension()
        if dimension is None:
            raise ConfigError(f"encoder {name!r} does not say how long its vectors are; name another model")
        self.name = name
        self.dimension = int(dimension)
        self._model = model
        # A fast tokenizer has padding and truncation as state: two threads in it at once raise "Already borrowed".
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Floats:
        """Return (n, d) float32 of unit length; `progress` gets the number of encoded texts after each batch."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        done = 0
        for rows in by_length(texts, BATCH_SIZE):
            with self._lock, threads_for(sum(len(texts[row]) for row in rows)):
                vectors[rows] = self._model.encode(
                    [texts[row] for row in rows], batch_size=BATCH_SIZE, show_progress_bar=False
                )
            done += len(rows)
            if progress:
                progress(done)
        return unit(vectors)  # in float32, also where the model computes in bfloat16

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Return the vectors of each text's tokens, in the order of the texts."""
        tokens: dict[int, TokenVectors] = {}
        for rows in by_length(texts, BATCH_SIZE):
            tokens.update(zip(rows, self._token_batch([texts[row] for row in rows]), strict=True))
        return [tokens[row] for row in range(len(texts))]

    def _token_batch(self, texts: list[str]) -> Iterator[TokenVectors]:
        import torch

        tokenizer: Any = self._model.tokenizer
        with self._lock, threads_for(sum(map(len, texts))), torch.inference_mode():
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
            vectors = unit(states.float().cpu().numpy())
        for row in range(len(texts)):
            yield TokenVectors(vectors[row, ~special[row]], spans[row, ~special[row]])


@contextmanager
def threads_for(characters: int) -> Iterator[None]:
    """Let PyTorch use one thread for a few characters: several would wait for each other longer than they work."""
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


def load_model(load: Callable[..., Model], name: str, kind: str, fallback: str) -> Model:
    """Load a model from its folder, from what was downloaded before, or from the hub.

    Args:
        load: takes the name and `local_files_only`, as the classes of sentence-transformers do.
        name: of the model, or the path of its folder.
        kind: what the error calls it: "encoder", "reranker", "answer reader".
        fallback: the name of the embedded model that the error suggests instead.

    Raises:
        ConfigError: there is no such model, or it is not on this machine and cannot be fetched.
    """
    try:
        with _quiet():
            try:
                return load(name, local_files_only=True)
            except OSError:
                if os.path.exists(name):
                    raise
                _ask_hub(name)
                return load(name)
    except Exception as error:  # a model folder and the hub raise many classes; the user sees the first line
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        remedy = f"check the name, give the path of a downloaded model folder, or use `{fallback}`"
        raise ConfigError(f"cannot load the {kind} {name!r}: {reason}; {remedy}") from error


def _ask_hub(name: str) -> None:
    """Raise at once when the hub does not answer or has no such model; loading would first try for minutes."""
    from huggingface_hub import HfApi

    try:
        HfApi().model_info(name, timeout=HUB_TIMEOUT)
    except Exception as error:  # the name, the repository and the network each have errors of their own
        raise OSError(f"it is not on this machine, and the model hub says: {error}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the progress bar and the report of loading off the terminal, and restore the settings afterwards."""
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
