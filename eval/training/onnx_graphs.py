"""Write the embedded models as ONNX graphs of fused operators, with named weights that are not in the graph.

PyTorch's exporter writes attention as a dozen operators that ONNX Runtime's optimizer does not fuse again; here each
layer has seven, the ones of its CPU kernels. A matrix with scales among the weights is multiplied in 8 bits; its input
is quantised at run time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from safetensors.numpy import load

from rag.models import answer_reader, cross_encoder
from rag.models.minilm import DIMENSION, EPSILON, HEADS, embedded_folder, read_weights, word_vectors
from rag.models.onnx import SCALES, widen

FUSED = "com.microsoft"  # the domain of ONNX Runtime's own operators
DATA = Path(__file__).resolve().parents[2] / "rag" / "models" / "data"
TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int8): TensorProto.INT8}

Arrays = Mapping[str, np.ndarray]


def encoder(weights: Arrays) -> onnx.ModelProto:
    """Return a BERT: tokens in, `states` (n, t, d) out; its weights are named, with their shapes, and not held."""
    held = [_named_only(name, value) for name, value in weights.items()]
    names = ("input_ids", "attention_mask", "token_type_ids")
    given = [helper.make_tensor_value_info(name, TensorProto.INT32, ["n", "t"]) for name in names]
    states = helper.make_tensor_value_info("states", TensorProto.FLOAT, ["n", "t", DIMENSION])
    graph = helper.make_graph(_bert(weights), "bert", given, [states], held)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(FUSED, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def _bert(weights: Arrays) -> list[onnx.NodeProto]:
    embedded = ["input_ids", "token_type_ids", "words", "positions", "types", "norm.weight", "norm.bias"]
    nodes = [_fused("EmbedLayerNormalization", embedded, ["x0", "unused"], epsilon=EPSILON)]
    layers = sum(name.endswith(".qkv.weight") for name in weights)
    for n in range(layers):
        after = "states" if n == layers - 1 else f"x{n + 1}"
        nodes += [
            *_attention(weights, n),
            _product(weights, f"{n}.attended", f"{n}.out"),
            _normed(f"{n}.out", f"x{n}", f"{n}.norm1", f"{n}.out.bias", f"{n}.middle"),
            _product(weights, f"{n}.middle", f"{n}.up"),
            _fused("BiasGelu", [f"{n}.up", f"{n}.up.bias"], [f"{n}.active"]),
            _product(weights, f"{n}.active", f"{n}.down"),
            _normed(f"{n}.down", f"{n}.middle", f"{n}.norm2", f"{n}.down.bias", after),
        ]
    return nodes


def _attention(weights: Arrays, n: int) -> list[onnx.NodeProto]:
    x, matrix, bias, attended = f"x{n}", f"{n}.qkv.weight", f"{n}.qkv.bias", [f"{n}.attended"]
    if matrix + SCALES not in weights:
        return [_fused("Attention", [x, matrix, bias, "attention_mask"], attended, num_heads=HEADS)]
    small = [f"{x}.small", f"{x}.scale", f"{x}.zero"]
    given = [small[0], matrix, bias, small[1], matrix + SCALES, "attention_mask", small[2]]
    return [
        helper.make_node("DynamicQuantizeLinear", [x], small),
        _fused("QAttention", given, attended, num_heads=HEADS),
    ]


def _product(weights: Arrays, x: str, name: str) -> onnx.NodeProto:
    matrix = f"{name}.weight"
    if matrix + SCALES not in weights:
        return helper.make_node("MatMul", [x, matrix], [name])
    return _fused("DynamicQuantizeMatMul", [x, matrix, matrix + SCALES], [name])


def _normed(x: str, skip: str, norm: str, bias: str, out: str) -> onnx.NodeProto:
    given = [x, skip, f"{norm}.weight", f"{norm}.bias", bias]
    return _fused("SkipLayerNormalization", given, [out], epsilon=EPSILON)


def _fused(kind: str, given: list[str], out: list[str], **settings: Any) -> onnx.NodeProto:
    return helper.make_node(kind, given, out, domain=FUSED, **settings)


def _named_only(name: str, value: np.ndarray) -> onnx.TensorProto:
    tensor = onnx.TensorProto(
        name=name, data_type=TYPES[value.dtype], dims=value.shape, data_location=onnx.TensorProto.EXTERNAL
    )
    place = tensor.external_data.add()
    place.key, place.value = "location", "given when the session starts"
    return tensor


def graphs() -> dict[str, bytes]:
    """Return the graphs that are shipped, by the names of their files."""
    of = {
        "minilm.onnx": read_weights(embedded_folder()),
        "pairs.onnx": _layers("pairs.safetensors", cross_encoder.HEAD_WEIGHTS),
        "spans.onnx": _layers("spans.safetensors", answer_reader.HEAD_WEIGHTS),
    }
    return {name: encoder(weights).SerializeToString() for name, weights in of.items()}


def _layers(name: str, head: Sequence[str]) -> dict[str, np.ndarray]:
    """The weights in a file of `rag/models/data/`, without those of its head, and the word vectors."""
    kept = load(resources.files("rag.models").joinpath("data", name).read_bytes())
    layers = widen({name: kept[name] for name in sorted(kept) if name not in head})  # read in any order
    return {**layers, "words": word_vectors(embedded_folder())}


if __name__ == "__main__":
    for name, graph in graphs().items():
        (DATA / name).write_bytes(graph)
