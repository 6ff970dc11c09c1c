"""Weights in 8 bits are close to the original ones, and are read back as the model computes with them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import load, save

from rag.models.onnx import STEPS, quantise, widen


@settings(max_examples=50)
@given(arrays(np.float32, (5, 3), elements=st.floats(-4, 4, width=32)), st.booleans())
def test_eight_bits_are_off_by_half_a_step_at_most_in_any_memory_order(matrix: np.ndarray, fortran: bool) -> None:
    matrix[0] = 1  # no column of zeros
    ordered = np.asfortranarray(matrix) if fortran else matrix
    stored = load(save(quantise({"0.up.weight": ordered, "0.up.bias": matrix[0]})))
    back = stored["0.up.weight"] * stored["0.up.weight.scales"]
    assert np.all(np.abs(back - matrix) <= np.abs(matrix).max(axis=0) / STEPS / 2 + 1e-6)
    assert np.array_equal(stored["0.up.bias"], matrix[0])


def test_weights_are_stored_in_8_and_16_bits_and_read_back() -> None:
    matrix = np.array([[1.0, -2.25], [0.6, 4.0]], dtype=np.float32)
    positions = np.full((1024, 4), 0.25, dtype=np.float32)  # large enough for 16 bits
    stored = quantise({"0.up.weight": matrix, "0.up.bias": matrix[0], "positions": positions})
    assert stored["0.up.weight"].dtype == np.int8
    assert stored["0.up.weight"].tolist() == [[63, -35], [38, 63]]
    assert stored["0.up.weight.scales"].tolist() == [np.float32(1 / 63), np.float32(4 / 63)]
    assert stored["positions"].dtype == np.float16
    back = widen(stored)
    assert back["positions"].dtype == np.float32
    assert np.array_equal(back["positions"], positions)
    assert back["0.up.weight"] is stored["0.up.weight"]
    assert back["0.up.bias"].tolist() == [1.0, -2.25]
