"""Fit the weights of the evidence signs and of the confidence on the tuning half of a question set.

The first model tells a sentence that holds gold from one that does not, the second tells a question that the
archive answers from one that it does not; both are logistic regressions, few signs over few questions, so
strongly regularised. The threshold refuses as much as it can while it refuses at most `REFUSED_ANSWERABLE` of
the questions that have an answer, by leave-one-out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from eval.evidence import covers
from eval.records import Question
from rag.confidence import STANDING_NAMES, standing
from rag.evidence import SIGN_NAMES, Floats, Judged
from rag.pipeline import OnRecord
from rag.records import Turn

REFUSED_ANSWERABLE = 0.10
SENTENCE_C = 1.0
CONFIDENCE_C = 0.1


def fit(app: OnRecord, questions: Sequence[Question], weights: Path, told: Callable[[str], None]) -> float:
    """Fit both models, write them to `weights` and return the confidence under which to refuse."""
    read = [(q, *app.evidence(q.question, [Turn(earlier) for earlier in q.history])) for q in questions]
    signs = np.vstack([judged.signs.vector() for _, _, row in read for judged in row])
    gold = np.array([covers(q.gold, judged.evidence) for q, _, row in read for judged in row])
    answerable = np.array([bool(q.need) for q, _, row in read for _ in row])
    sentence = LogisticRegression(C=SENTENCE_C, max_iter=5000).fit(signs[answerable], gold[answerable])

    standings = [standing(question, _scored_again(row, sentence)) for _, question, row in read]
    kept = [(s.vector(), bool(q.need)) for s, (q, _, _) in zip(standings, read, strict=True) if s is not None]
    whole, answered = np.vstack([vector for vector, _ in kept]), np.array([label for _, label in kept])
    model = _confidence_model()
    held_out = cross_val_predict(model, whole, answered, cv=LeaveOneOut(), method="predict_proba")[:, 1]
    threshold = float(np.quantile(held_out[answered], REFUSED_ANSWERABLE))
    model.fit(whole, answered)
    table = {
        "sentence": _table(SIGN_NAMES, sentence.coef_[0], sentence.intercept_[0]),
        "confidence": _unscaled(model),
    }
    weights.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    told(f"{len(gold)} sentences of {len(read)} questions; leave-one-out on them, at {threshold:.3f}:")
    told(f"  refused of unanswerable {np.mean(held_out[~answered] < threshold):.3f}")
    told(f"  refused of answerable   {np.mean(held_out[answered] < threshold):.3f}")
    return threshold


def _scored_again(row: Sequence[Judged], model: LogisticRegression) -> list[Judged]:
    """The sentences in the order of the new weights; what they were read for does not change with them."""
    scores = model.predict_proba(np.vstack([judged.signs.vector() for judged in row]))[:, 1] if row else ()
    again = [replace(j, evidence=replace(j.evidence, score=float(s))) for j, s in zip(row, scores, strict=True)]
    return sorted(again, key=lambda j: -j.evidence.score)


def _confidence_model() -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=CONFIDENCE_C, max_iter=5000))


def _unscaled(model: Pipeline) -> dict[str, float]:
    """The weights for signs as they are, with the scaling multiplied in."""
    scaler, regression = model[0], model[1]
    weights = regression.coef_[0] / scaler.scale_
    return _table(STANDING_NAMES, weights, regression.intercept_[0] - float(weights @ scaler.mean_))


def _table(names: Sequence[str], weights: Floats, intercept: float) -> dict[str, float]:
    return {
        **{n: round(float(w), 4) for n, w in zip(names, weights, strict=True)},
        "intercept": round(float(intercept), 4),
    }
