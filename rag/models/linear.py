"""The small logistic models: weights that were fitted to named features, and the probabilities that they give.

The weights of `evidence.json` are fitted by `python -m eval fit`, those of `verifier.json` by
`python -m eval faithfulness DIR --fit`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

import numpy as np

from rag.models.base import Floats

INTERCEPT = "intercept"  # its name among the weights


@dataclass(frozen=True)
class LinearModel:
    """A logistic model.

    Attributes:
        weights: (n,) float32, in the order of the features it was loaded for.
        intercept: added to their weighted sum.
    """

    weights: Floats
    intercept: np.float32

    def log_odds(self, features: Floats) -> float:
        """Return the log odds for one row of features, (n,) float32."""
        return float(features @ self.weights + self.intercept)

    def probability(self, features: Floats) -> float:
        """Return the probability, 0 to 1, for one row of features, (n,) float32."""
        return sigmoid(self.log_odds(features))


@cache
def linear_model(name: str, features: tuple[str, ...]) -> LinearModel:
    """Load a model for features in the order given.

    Args:
        name: as `read_weights` takes it.
        features: their names.
    """
    table = read_weights(name)
    weights = np.array([table[feature] for feature in features], dtype=np.float32)
    return LinearModel(weights, np.float32(table[INTERCEPT]))


@cache
def read_weights(name: str) -> Mapping[str, float]:
    """Return the weights of a model by the names of their features, and its intercept.

    Args:
        name: the file in `rag/models/data/` and, after a slash, the model in it where it holds several:
            "evidence/sentence", "verifier".
    """
    file, _, model = name.partition("/")
    table = json.loads(resources.files("rag.models").joinpath(f"data/{file}.json").read_text("utf-8"))
    return MappingProxyType(table[model] if model else table)


def sigmoid(x: float) -> float:
    """Return the probability, 0 to 1, of log odds."""
    return 1 / (1 + math.exp(-x))


def log_odds(chance: float) -> float:
    """Return the log odds of a probability above 0 and below 1."""
    return math.log(chance / (1 - chance))
