"""Weights in 8 bits: how the embedded readers' are kept, and given to the operators that compute with them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rag.encode import Floats

SCALES = ".scales"  # ends the name of the scales, one for each column, of a matrix that is kept in 8 bits
STEPS = 63  # to either side of zero: with 127, processors without VNNI, which add two products in 16 bits, overflow


def quantised(weights: Mapping[str, Floats]) -> dict[str, np.ndarray]:
    """Return what is kept of weights: matrices in 8 bits with a scale for each column, the rest in 16 bits."""
    kept: dict[str, np.ndarray] = {}
    for name, value in weights.items():
        if value.ndim == 2 and name.endswith(".weight"):
            scales = np.abs(value).max(axis=0) / STEPS
            kept[name] = np.ascontiguousarray(np.round(value / scales).astype(np.int8))  # safetensors writes rows
            kept[name + SCALES] = scales.astype(np.float32)
        else:
            kept[name] = value.astype(np.float32 if value.size < 4096 else np.float16)
    return kept


def widened(kept: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what was kept as it is computed with: 16 bits are only kept."""
    return {name: value.astype(np.float32) if value.dtype == np.float16 else value for name, value in kept.items()}
