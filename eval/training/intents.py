"""`python -m eval.training.intents`: fit the model that tells small talk from questions, and measure it.

It is a ridge regression from the vectors of the examples to their kinds. The half that is held back measures it; then
it is fitted to all examples and written to `rag/models/data/intents.safetensors`.
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from rag.models.base import Floats
from rag.models.registry import load_encoder
from rag.query.intents import QUESTION, QUESTION_MARGIN, intent_examples, kind_scores, may_be_small_talk

RIDGE = 1.0  # the penalty of the squared weights
RARITY = 0.3  # how much more an example of a small kind weighs: the power of the inverse of the kind's share


def fit_intents(vectors: Floats, kinds: np.ndarray, names: tuple[str, ...]) -> Floats:
    """Return weights (d + 1, kinds) for vectors (n, d); the last row is the intercept."""
    targets = (kinds[:, None] == np.array(names)).astype(float)
    importance = np.array([np.mean(kinds == kind) ** -RARITY for kind in kinds])
    rows = np.hstack([vectors, np.ones((len(vectors), 1))])
    weighted = rows * importance[:, None]
    penalty = RIDGE * np.eye(rows.shape[1])
    penalty[-1, -1] = 10 * RIDGE  # the intercept
    weights: Floats = np.linalg.solve(weighted.T @ rows + penalty, weighted.T @ targets).astype(np.float32)
    return weights


def main() -> None:
    """Fit, measure and write."""
    encoder = load_encoder("minilm")
    examples = intent_examples()
    kinds = np.array([row["kind"] for row in examples])
    names = tuple(sorted(set(kinds)))
    vectors = encoder.encode([row["text"] for row in examples])
    tune = np.array([row["half"] == "tune" for row in examples])
    scores = kind_scores(vectors[~tune], fit_intents(vectors[tune], kinds[tune], names))
    scores[:, names.index(QUESTION)] += QUESTION_MARGIN
    asked = [may_be_small_talk(row["text"]) for row in examples if row["half"] != "tune"]
    predicted, right = np.where(asked, np.array(names)[scores.argmax(axis=1)], QUESTION), kinds[~tune]
    talk = right != QUESTION
    sys.stdout.write(
        f"half held back: {np.mean(predicted[talk] != QUESTION):.1%} of {talk.sum()} known as small talk, "
        f"{np.mean(predicted[talk] == right[talk]):.1%} with the right kind; "
        f"{np.sum(predicted[~talk] != QUESTION)} of {(~talk).sum()} questions taken for small talk\n"
    )
    path = Path(str(resources.files("rag.models").joinpath("data/intents.safetensors")))
    weights = {"weights": fit_intents(vectors, kinds, names)}
    save_file(weights, path, {"kinds": " ".join(names), "encoder": encoder.name})


if __name__ == "__main__":
    main()
