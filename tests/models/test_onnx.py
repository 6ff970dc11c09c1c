"""Weights kept in 8 bits are close to what they were, and come back as they are computed with."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import load, save

from rag.models.onnx import STEPS, quantise, widen


@settings(max_examples=50)
@given(arrays(np.float32, (5, 3), elements=st.floats(-4, 4, width=32)), st.booleans())
def test_eight_bits_are_off_by_half_a_step_at_most_however_the_matrix_lies(matrix: np.ndarray, turned: bool) -> None:
    matrix[0] = 1  # no column of zeros
    lying = np.asfortranarray(matrix) if turned else matrix
    kept = load(save(quantise({"0.up.weight": lying, "0.up.bias": matrix[0]})))
    back = kept["0.up.weight"] * kept["0.up.weight.scales"]
    assert np.all(np.abs(back - matrix) <= np.abs(matrix).max(axis=0) / STEPS / 2 + 1e-6)
    assert np.array_equal(kept["0.up.bias"], matrix[0])


def test_what_is_kept_and_what_is_computed_with() -> None:
    matrix = np.array([[1.0, -2.25], [0.6, 4.0]], dtype=np.float32)
    positions = np.full((1024, 4), 0.25, dtype=np.float32)  # as large as what is kept in 16 bits
    kept = quantise({"0.up.weight": matrix, "0.up.bias": matrix[0], "positions": positions})
    assert kept["0.up.weight"].dtype == np.int8
    assert kept["0.up.weight"].tolist() == [[63, -35], [38, 63]]
    assert kept["0.up.weight.scales"].tolist() == [np.float32(1 / 63), np.float32(4 / 63)]
    assert kept["positions"].dtype == np.float16
    back = widen(kept)
    assert back["positions"].dtype == np.float32
    assert np.array_equal(back["positions"], positions)
    assert back["0.up.weight"] is kept["0.up.weight"]
    assert back["0.up.bias"].tolist() == [1.0, -2.25]
