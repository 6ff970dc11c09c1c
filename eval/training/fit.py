"""Fit the weights of the evidence features, the short answers and the confidence on tuning halves.

The first model separates sentences with gold from others, over the questions about the seeds. The second chooses a
short answer among the candidates of a sentence, over SQuAD 2.0 paragraphs and the evidence of quiz questions. The third
separates answerable from unanswerable questions, over the rows of `python -m eval calibration`. All are log-linear,
with few features and few questions, so strongly regularised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from eval.datasets.confidence_rows import REFUSED_ANSWERABLE, ConfidenceRow
from rag.evaluation.calibration import threshold_for
from rag.evaluation.gold import covers
from rag.evaluation.types import Question as Asked
from rag.evidence.confidence import ANSWERABILITY_NAMES
from rag.evidence.scoring import FEATURE_NAMES
from rag.evidence.short_answers import CANDIDATE_FEATURES as SHORT_NAMES
from rag.models.base import Floats
from rag.pipeline import OnRecord
from rag.types import Turn

SENTENCE_C = 1.0
CONFIDENCE_C = 0.1
OWN_WEIGHT = 2.0  # of the seeds, whose questions were written for this program, beside another source
SHORT_L2 = 0.003
NEARLY_RIGHT = 0.6  # least F1 of the best candidate of a question; with less, the question is left out

Weights = dict[str, float]
Doubles = NDArray[np.float64]


def fit_sentences(app: OnRecord, questions: Sequence[Asked], report: Callable[[str], None]) -> Weights:
    """Fit the weights that separate sentences with gold, over the scored sentences of answerable questions."""
    read = [(q, app.evidence(q.question, [Turn(earlier) for earlier in q.history])[1]) for q in questions if q.need]
    features = np.vstack([judged.features.vector() for _, row in read for judged in row])
    gold = np.array([covers(q.gold, judged.evidence) for q, row in read for judged in row])
    model = LogisticRegression(C=SENTENCE_C, max_iter=5000).fit(features, gold)
    report(f"sentences: {len(gold)} of {len(read)} questions")
    return _table(FEATURE_NAMES, model.coef_[0], model.intercept_[0])


def fit_confidence(rows: Sequence[ConfidenceRow], report: Callable[[str], None]) -> tuple[Weights, float]:
    """Fit the weights that separate answerable questions, and the threshold of refusing.

    All sources but the seeds have the same weight. The threshold refuses at most `REFUSED_ANSWERABLE` of the answerable
    questions of each source.
    """
    tune = [r for r in rows if r.half == "tune"]
    features, answerable = np.vstack([r.vector() for r in tune]), np.array([r.answerable for r in tune])
    sources = np.array([r.source for r in tune])
    sizes = Counter(r.source for r in tune)
    own = {"seeds": OWN_WEIGHT}
    weights = np.array([own.get(r.source, 1.0) * len(tune) / len(sizes) / sizes[r.source] for r in tune])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=CONFIDENCE_C, max_iter=5000))
    model.fit(features, answerable, logisticregression__sample_weight=weights)
    confidence = model.predict_proba(features)[:, 1]
    threshold = threshold_for(confidence, answerable, sources, REFUSED_ANSWERABLE)
    report(f"confidence: {len(tune)} questions of {', '.join(sizes)}")
    return _unscaled(model), threshold


def fit_short(groups: Sequence[tuple[Floats, Floats]], report: Callable[[str], None]) -> Weights:
    """Fit the weights that choose a short answer, by the likelihood of the best candidates of each question.

    Args:
        groups: for each question the features (n, features) of its candidates and their F1 with the answer (n,).
        report: called with a line about the data.
    """
    targets = [
        (features.astype(np.float64), _target(f1)) for features, f1 in groups if len(f1) and f1.max() >= NEARLY_RIGHT
    ]
    spread = np.vstack([features for features, _ in targets]).std(axis=0) + 1e-6

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        value = SHORT_L2 * len(targets) * float(((weights * spread) ** 2).sum())
        slope = 2 * SHORT_L2 * len(targets) * weights * spread**2
        for features, target in targets:
            scores = features @ weights
            share = np.exp(scores - scores.max())
            share /= share.sum()
            value -= float(target @ np.log(share + 1e-12))
            slope = slope - features.T @ (target - share)
        return value, slope

    found = minimize(loss, np.zeros(len(SHORT_NAMES)), jac=True, method="L-BFGS-B")
    report(f"short answers: {len(targets)} of {len(groups)} questions have one among the runs")
    return _table(SHORT_NAMES, found.x, 0.0)


def _target(f1: Floats) -> Doubles:
    """Return the share of each candidate in the likelihood: most for the best, some for nearly equal ones."""
    near: Doubles = np.where(f1 >= 0.7 * f1.max(), f1, 0).astype(np.float64) ** 4
    target: Doubles = near / near.sum()
    return target


def _unscaled(model: Pipeline) -> Weights:
    """Return the weights for unscaled features."""
    scaler, regression = model[0], model[1]
    weights = regression.coef_[0] / scaler.scale_
    return _table(ANSWERABILITY_NAMES, weights, regression.intercept_[0] - float(weights @ scaler.mean_))


def _table(names: Sequence[str], weights: Doubles, intercept: float) -> Weights:
    return {
        **{n: round(float(w), 4) for n, w in zip(names, weights, strict=True)},
        "intercept": round(float(intercept), 4),
    }
