"""Graphs run by ONNX Runtime, and the 8-bit form in which the weights of the embedded pair models are stored."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from rag.models.base import Floats

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

SCALES = ".scales"  # ends the name of the scales, one for each column, of a matrix that is stored in 8 bits
STEPS = 63  # on each side of zero: with 127, CPUs without VNNI overflow, since they add two products in 16 bits
MATRIX = 2  # dimensions
SMALL_VALUES = 4096  # values of an array: smaller ones are stored in full


def quantise(weights: Mapping[str, Floats]) -> dict[str, np.ndarray]:
    """Return weights as they are stored: matrices in 8 bits with a scale for each column, other arrays in 16 bits."""
    stored: dict[str, np.ndarray] = {}
    for name, value in weights.items():
        if value.ndim == MATRIX and name.endswith(".weight"):
            scales = np.abs(value).max(axis=0) / STEPS
            stored[name] = np.ascontiguousarray(np.round(value / scales).astype(np.int8))  # safetensors writes rows
            stored[name + SCALES] = scales.astype(np.float32)
        else:
            stored[name] = value.astype(np.float32 if value.size < SMALL_VALUES else np.float16)
    return stored


def widen(stored: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return stored weights as the model computes with them: arrays of 16 bits in 32 bits."""
    return {name: value.astype(np.float32) if value.dtype == np.float16 else value for name, value in stored.items()}


Result = TypeVar("Result")
Weights = Mapping[str, Floats]  # by the names of our graph: read_weights() returns them
Inputs = dict[str, npt.NDArray[np.int32]]  # what a graph takes: inputs() returns it
Engine = Callable[[Inputs], Floats]  # runs a graph: inputs of (n, t) each to the states of the tokens, (n, t, d)


def side_by_side(run: Callable[[list[int]], Result], batches: Sequence[list[int]]) -> Iterator[Result]:
    """Yield the result of each batch, in order; several run at once, each on a thread of its own."""
    return map(run, batches) if len(batches) <= 1 else _pool().map(run, batches)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), thread_name_prefix="model")


def cores() -> int:
    """Return how many threads run models, each with a batch of its own."""
    return os.cpu_count() or 1


def load_tokenizer(folder: Path, max_tokens: int) -> Tokenizer:
    """Load a tokenizer that truncates and does not pad, so that it has no state that threads could share."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(max_tokens)
    tokenizer.no_padding()
    return tokenizer


def attention_mask(encodings: Sequence[Encoding]) -> Floats:
    """Return (n, t) float32: 1 for a token, 0 for padding."""
    lengths = np.array([len(encoding.ids) for encoding in encodings])
    return (np.arange(lengths.max())[None, :] < lengths[:, None]).astype(np.float32)


def inputs(encodings: Sequence[Encoding]) -> Inputs:
    """Return what a graph takes: (n, t) int32 each, padded with zeros to the longest text."""
    mask = attention_mask(encodings)
    ids, types = np.zeros(mask.shape, dtype=np.int32), np.zeros(mask.shape, dtype=np.int32)
    for row, encoding in enumerate(encodings):
        ids[row, : len(encoding.ids)] = encoding.ids
        types[row, : len(encoding.ids)] = encoding.type_ids
    return {"input_ids": ids, "attention_mask": mask.astype(np.int32), "token_type_ids": types}


class OnnxRuntime:
    """An `Engine` that runs a graph of `rag/models/data/`, each batch on one thread."""

    def __init__(self, weights: Mapping[str, np.ndarray], graph: str = "minilm.onnx") -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # The session points into these values and does not keep them alive.
        self._values = [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in weights.values()]
        options.add_external_initializers(list(weights), self._values)
        operators = resources.files("rag.models").joinpath("data", graph).read_bytes()
        self._session = onnxruntime.InferenceSession(operators, options, providers=["CPUExecutionProvider"])

    def __call__(self, given: Inputs) -> Floats:
        """Return the states of the tokens, (n, t, d)."""
        states: Floats = self._session.run(None, given)[0]
        return states
