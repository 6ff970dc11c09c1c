"""Write the embedded encoder as an ONNX graph of fused operators, its weights named and not held.

PyTorch's exporter writes attention as a dozen operators that ONNX Runtime's optimizer does not put together again; here
each layer is seven, as its CPU kernels want them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from rag.minilm import DIMENSION, EPSILON, HEADS, LAYERS, embedded_folder, read_weights

FUSED = "com.microsoft"  # the domain of ONNX Runtime's own operators
GRAPH = Path(__file__).resolve().parents[1] / "rag" / "data" / "minilm.onnx"


def encoder(shapes: Mapping[str, tuple[int, ...]]) -> onnx.ModelProto:
    """Return the encoder: tokens in, `states` (n, t, d) out; its weights are named, with these shapes, and not held."""
    held = [_named_only(name, shape) for name, shape in shapes.items()]
    names = ("input_ids", "attention_mask", "token_type_ids")
    given = [helper.make_tensor_value_info(name, TensorProto.INT32, ["n", "t"]) for name in names]
    states = helper.make_tensor_value_info("states", TensorProto.FLOAT, ["n", "t", DIMENSION])
    graph = helper.make_graph(_bert(), "bert", given, [states], held)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(FUSED, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def _bert() -> list[onnx.NodeProto]:
    embedded = ["input_ids", "token_type_ids", "words", "positions", "types", "norm.weight", "norm.bias"]
    nodes = [_fused("EmbedLayerNormalization", embedded, ["x0", "unused"], epsilon=EPSILON)]
    for n in range(LAYERS):
        after = "states" if n == LAYERS - 1 else f"x{n + 1}"
        attended = [f"x{n}", f"{n}.qkv.weight", f"{n}.qkv.bias", "attention_mask"]
        nodes += [
            _fused("Attention", attended, [f"{n}.attended"], num_heads=HEADS),
            helper.make_node("MatMul", [f"{n}.attended", f"{n}.out.weight"], [f"{n}.out"]),
            _normed(f"{n}.out", f"x{n}", f"{n}.norm1", f"{n}.out.bias", f"{n}.middle"),
            helper.make_node("MatMul", [f"{n}.middle", f"{n}.up.weight"], [f"{n}.up"]),
            _fused("BiasGelu", [f"{n}.up", f"{n}.up.bias"], [f"{n}.active"]),
            helper.make_node("MatMul", [f"{n}.active", f"{n}.down.weight"], [f"{n}.down"]),
            _normed(f"{n}.down", f"{n}.middle", f"{n}.norm2", f"{n}.down.bias", after),
        ]
    return nodes


def _normed(x: str, skip: str, norm: str, bias: str, out: str) -> onnx.NodeProto:
    given = [x, skip, f"{norm}.weight", f"{norm}.bias", bias]
    return _fused("SkipLayerNormalization", given, [out], epsilon=EPSILON)


def _fused(kind: str, given: list[str], out: list[str], **settings: Any) -> onnx.NodeProto:
    return helper.make_node(kind, given, out, domain=FUSED, **settings)


def _named_only(name: str, shape: tuple[int, ...]) -> onnx.TensorProto:
    tensor = onnx.TensorProto(
        name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=onnx.TensorProto.EXTERNAL
    )
    place = tensor.external_data.add()
    place.key, place.value = "location", "given when the session starts"
    return tensor


if __name__ == "__main__":
    given = read_weights(embedded_folder() / "model.safetensors")
    GRAPH.write_bytes(encoder({name: value.shape for name, value in given.items()}).SerializeToString())
