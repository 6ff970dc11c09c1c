"""What the embedded cross-encoder and answer reader share: a small transformer that reads two texts at once.

Its layers began as those of the embedded encoder, and it has that encoder's word vectors. It computes in 8 bits. Its
other weights are in `rag/models/data/NAME.safetensors`, its operators in `rag/models/data/NAME.onnx`, which
`python -m eval.training.onnx_graphs` makes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import resources
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from rag.models.base import Floats, unit
from rag.models.minilm import embedded_folder, word_vectors
from rag.models.onnx import Inputs, OnnxRuntime, inputs, load_tokenizer, side_by_side, widen

if TYPE_CHECKING:
    from tokenizers import Encoding

PRODUCT_SCALE = 10.0  # the products among the features are multiplied by this: they are far smaller than the others

Result = TypeVar("Result")


class PairModel:
    """The transformer without its heads. Safe to share between threads.

    Attributes:
        heads: the weights of the heads, in the order of the names they were loaded by.
    """

    def __init__(self, name: str, heads: Sequence[str], max_tokens: int, weights: bytes | None = None) -> None:
        """Load the model.

        Args:
            name: of its files, without their endings.
            heads: the names of the weights that its graph does not take.
            max_tokens: of both texts together; what is beyond them is not read.
            weights: the content of a safetensors file that is used instead of the embedded one.
        """
        from safetensors.numpy import load

        folder = embedded_folder()
        stored = load(weights or resources.files("rag.models").joinpath(f"data/{name}.safetensors").read_bytes())
        self.heads = [stored.pop(head) for head in heads]
        self._tokenizer = load_tokenizer(folder, max_tokens)
        self._states = OnnxRuntime({**widen(stored), "words": word_vectors(folder)}, f"{name}.onnx")

    def run(
        self, pairs: Sequence[tuple[str, str]], result: Callable[[Encoding, Inputs, Floats], Result]
    ) -> list[Result]:
        """Return the result for each pair of texts.

        Args:
            pairs: of texts.
            result: takes the tokens of one pair, the inputs made of them, and the states of the tokens, (1, t, d).
        """
        encodings = self._tokenizer.encode_batch(list(pairs))

        def run_one(rows: list[int]) -> Result:
            encoding = encodings[rows[0]]
            given = inputs([encoding])
            return result(encoding, given, self._states(given))

        # One by one: in 8 bits the other pairs of a batch would change the result a little, and batches are no faster.
        return list(side_by_side(run_one, [[row] for row in range(len(pairs))]))


def pair_odds(states: Floats, given: Inputs, weight: Floats, bias: Floats, cosine_weight: Floats) -> Floats:
    """Return (n,) log odds: a linear model over the mean vectors of both texts and their cosine.

    Args:
        states: (n, t, d) of n pairs.
        given: the inputs that they were computed from.
        weight: (5 d,) of the vectors and what is made of them.
        bias: (1,).
        cosine_weight: (1,).
    """
    second = given["token_type_ids"][..., None].astype(np.float32)  # padding has type 0, too
    first = given["attention_mask"][..., None] - second
    asked = (states * first).sum(axis=1) / np.maximum(first.sum(axis=1), 1)
    read = (states * second).sum(axis=1) / np.maximum(second.sum(axis=1), 1)
    parts = [states[:, 0], asked, read, asked * read * PRODUCT_SCALE, np.abs(asked - read)]
    cosine = (unit(asked) * unit(read)).sum(axis=1)
    odds: Floats = np.concatenate(parts, axis=1) @ weight + bias + cosine * cosine_weight
    return odds
