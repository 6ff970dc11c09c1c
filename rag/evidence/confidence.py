"""Estimate the probability that the archive answers a question, with a logistic model over the best sentences.

These features describe the whole question, while `rag.evidence.scoring.Features` describe one sentence. The weights are
fitted by `python -m eval fit seeds --rows RESULT` on the tuning halves of the results of `python -m eval calibration`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from rag.evidence.scoring import MAX_LOG_ODDS, ScoredSentence
from rag.models.base import Floats
from rag.models.linear import linear_model
from rag.query.analysis import Query
from rag.text.polarity import is_negated

# So many of the best sentences may support a question together.
SUPPORTING_SENTENCES = 3
# Answer types with a certain form, such as a date or a number.
TYPED_ANSWERS = frozenset({"age", "when", "percent", "money", "duration", "count", "who"})
# With less support in every sentence, a name of the question counts as unknown to the articles.
MIN_NAME_SUPPORT = 0.6


@dataclass(frozen=True, slots=True)
class AnswerabilityFeatures:
    """The features of a question and its best sentences.

    Attributes:
        score: the score of the best sentence, 0 to 1.
        weakest: the feature `weakest` of the best sentence.
        cosine: the largest cosine of any sentence.
        together: the support of the question word that the three best sentences together support least.
        unheard: 1 when some name of the question has hardly any support in any sentence, else 0.
        typed: for an answer type with a certain form, the best `soft` of the sentences that contain it, minus the best
            `soft` of all sentences; 0 for other types.
        unsaid: 1 when the question asks what somebody says and none of the three best sentences is theirs, else 0.
        relation: the least support in the best sentence of a word that is no part of a name.
        negated: 1 when either the question or the best sentence denies something, and the other does not, else 0.
        timely: the feature `timely` of the best sentence: old news does not answer a question about this week.
        answers: the answer reader's log odds that the best sentence answers, divided by MAX_LOG_ODDS.
    """

    score: float
    weakest: float
    cosine: float
    together: float
    unheard: float
    typed: float
    unsaid: float
    relation: float
    negated: float
    timely: float
    answers: float

    def vector(self) -> Floats:
        """Return (len(ANSWERABILITY_NAMES),) float32."""
        return np.array([getattr(self, f.name) for f in fields(self)], dtype=np.float32)


ANSWERABILITY_NAMES = tuple(f.name for f in fields(AnswerabilityFeatures))


def answerability_features(query: Query, scored: Sequence[ScoredSentence]) -> AnswerabilityFeatures | None:
    """Return the features for a query and its scored sentences, best first; None when there are no sentences."""
    if not scored or not query.terms:
        return None
    best = scored[0].features
    support = np.array([one.support for one in scored], dtype=np.float32)
    anywhere = support.max(axis=0)
    named = [i for i, name in enumerate(scored[0].named) if name]
    return AnswerabilityFeatures(
        score=scored[0].evidence.score,
        weakest=best.weakest,
        cosine=max(one.features.cosine for one in scored),
        together=float(support[:SUPPORTING_SENTENCES].max(axis=0).min()),
        unheard=float(min((anywhere[i] for i in named), default=1.0) < MIN_NAME_SUPPORT),
        typed=_typed(query, scored),
        unsaid=float(
            query.answer_type == "said"
            and bool(query.names)
            and all(one.features.speaker < 1 for one in scored[:SUPPORTING_SENTENCES])
        ),
        relation=min((s for s, name in zip(scored[0].support, scored[0].named, strict=True) if not name), default=1.0),
        negated=float(query.negated != is_negated(scored[0].evidence.text)),
        timely=best.timely,
        answers=(scored[0].answers or 0.0) / MAX_LOG_ODDS,
    )


def _typed(query: Query, scored: Sequence[ScoredSentence]) -> float:
    if query.answer_type not in TYPED_ANSWERS:
        return 0.0
    typed = [one.features.soft for one in scored if one.features.expected > 0]
    return max(typed, default=0.0) - max(one.features.soft for one in scored)


def confidence(query: Query, scored: Sequence[ScoredSentence]) -> float:
    """Return the probability, 0 to 1, that the best sentences answer the query."""
    features = answerability_features(query, scored)
    return 0.0 if features is None else probability(features.vector())


def probability(features: Floats) -> float:
    """Return the same probability for a vector of `AnswerabilityFeatures`."""
    return linear_model("evidence/confidence", ANSWERABILITY_NAMES).probability(features)
