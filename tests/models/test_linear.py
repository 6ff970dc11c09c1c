"""The logistic models: the same numbers by name and by position."""

from __future__ import annotations

import numpy as np
import pytest

from rag.models.linear import INTERCEPT, linear_model, log_odds, read_weights, sigmoid
from rag.verification.alignment import ALIGNMENT_FEATURES, AlignmentFeatures
from rag.verification.verifier import support_probability


@pytest.mark.parametrize("name", ["verifier", "evidence/sentence", "evidence/confidence", "evidence/short"])
def test_weights_are_in_the_order_of_the_features(name: str) -> None:
    weights = read_weights(name)
    features = tuple(sorted(set(weights) - {INTERCEPT}))
    model = linear_model(name, features)
    for place, feature in enumerate(features):
        row = np.zeros(len(features), dtype=np.float32)
        row[place] = 1
        assert model.log_odds(row) == pytest.approx(weights[feature] + weights[INTERCEPT], abs=1e-5)
        assert model.probability(row) == sigmoid(model.log_odds(row))


def test_an_unknown_feature_is_an_error() -> None:
    with pytest.raises(KeyError):
        linear_model("verifier", ("pairs", "colour"))


def test_the_verifier_has_the_same_model() -> None:
    features = AlignmentFeatures(pairs=0.9, anywhere=0.8, names=1.0, size=2.5)
    model = linear_model("verifier", ALIGNMENT_FEATURES)
    assert support_probability(features) == pytest.approx(model.probability(features.vector()), abs=1e-6)


@pytest.mark.parametrize("odds", [-9.0, 0.0, 0.5, 9.0])
def test_log_odds_are_the_inverse_of_the_sigmoid(odds: float) -> None:
    assert log_odds(sigmoid(odds)) == pytest.approx(odds)
