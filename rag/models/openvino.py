"""The embedded encoder run by OpenVINO, for many texts: twice as fast where the CPU has bfloat16.

The graph is made here, operator by operator (Vaswani et al. 2017; as a BERT has them, Devlin et al. 2019), because the
converters of OpenVINO need PyTorch and send a report of what they convert unless they are set not to.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from rag.models.base import Floats, has_bfloat16
from rag.models.minilm import DIMENSION, EPSILON, HEADS, LAYERS
from rag.models.onnx import Inputs, Weights, cores


class OpenVino:
    """An `Engine` that loads in a second or two. Each batch runs on one thread."""

    def __init__(self, weights: Weights) -> None:
        import openvino

        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if has_bfloat16() else "f32",
            "NUM_STREAMS": cores(),
            "INFERENCE_NUM_THREADS": cores(),
        }
        self._model = openvino.Core().compile_model(_bert(weights), "CPU", settings)
        self._of_thread = threading.local()

    def __call__(self, given: Inputs) -> Floats:
        """Return the states of the tokens, (n, t, d)."""
        if not hasattr(self._of_thread, "request"):
            self._of_thread.request = self._model.create_infer_request()
        states: Floats = self._of_thread.request.infer(given)[0]
        return states


def _bert(weights: Weights) -> Any:
    """Return the graph: it takes tokens and returns their states, (n, t, d)."""
    import openvino
    from openvino import opset13 as op

    def number(*values: int) -> Any:
        return op.constant(np.array(values, dtype=np.int64))

    def offset(value: float) -> Any:
        return op.constant(np.float32(value))

    def weight(name: str) -> Any:
        return op.constant(weights[name])

    def linear(x: Any, name: str) -> Any:
        return op.add(op.matmul(x, weight(f"{name}.weight"), False, False), weight(f"{name}.bias"))

    def normed(x: Any, name: str) -> Any:
        middle = op.mvn(x, number(-1), True, EPSILON, "inside_sqrt")
        return op.add(op.multiply(middle, weight(f"{name}.weight")), weight(f"{name}.bias"))

    def attended(x: Any, layer: int) -> Any:
        parts = op.reshape(linear(x, f"{layer}.qkv"), number(0, 0, 3, HEADS, DIMENSION // HEADS), True)
        by_head = op.transpose(parts, number(2, 0, 3, 1, 4))  # (3, n, heads, t, d / heads)
        query, key, value = (op.gather(by_head, op.constant(part), first) for part in range(3))
        mixed = op.scaled_dot_product_attention(query, key, value, hidden)
        return op.reshape(op.transpose(mixed, number(0, 2, 1, 3)), number(0, 0, DIMENSION), True)

    first = op.constant(0)  # axis
    names = ("input_ids", "attention_mask", "token_type_ids")
    ids, mask, types = given = [op.parameter([-1, -1], np.int32, name=name) for name in names]
    # (n, 1, 1, t), added to the attention scores: 0 for a token, and for padding a number that makes its share nothing
    is_token = op.greater(mask, op.constant(np.int32(0)))
    hidden = op.unsqueeze(op.select(is_token, offset(0), offset(-1e4)), number(1, 2))
    length = op.gather(op.shape_of(ids), number(1), first)
    places = op.slice(weight("positions"), number(0), length, number(1), number(0))
    tokens = op.add(op.gather(weight("words"), ids, first), op.gather(weight("types"), types, first))
    x = normed(op.add(tokens, places), "norm")
    for layer in range(LAYERS):
        x = normed(op.add(linear(attended(x, layer), f"{layer}.out"), x), f"{layer}.norm1")
        up = op.gelu(linear(x, f"{layer}.up"), "ERF")
        x = normed(op.add(linear(up, f"{layer}.down"), x), f"{layer}.norm2")
    return openvino.Model([x], given, "all-MiniLM-L6-v2")
