"""How likely it is that the archive answers a question: a logistic model over what the best sentences support.

The features look at the question as a whole, where `rag.evidence.scoring.Features` look at one sentence. Fitted by
`python -m eval fit seeds --rows RESULT` on the tuning halves of what `python -m eval calibration` has read.
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

SUPPORTING_SENTENCES = 3  # that may support a question together
# Types of answers with a form that a sentence can lack.
TYPED_ANSWERS = frozenset({"age", "when", "percent", "money", "duration", "count", "who"})
# Support under which a name of the question is spoken to by no sentence.
MIN_NAME_SUPPORT = 0.6


@dataclass(frozen=True, slots=True)
class AnswerabilityFeatures:
    """What the best sentences say of the whole question.

    Attributes:
        score: the best sentence's score, 0 to 1.
        weakest: the best sentence's sign.
        cosine: the largest among the sentences read.
        together: the least support of a question word by the three best sentences.
        unheard: 1 when a name of the question has hardly any support in any sentence read.
        typed: for a kind of answer with a form, the best weighted support (`soft`) of a sentence that has it, less
            the best of all sentences: 0 when the best one has it; 0 for other kinds.
        unsaid: 1 when it asks what somebody says and none of the three best sentences is theirs.
        relation: the least support, by the best sentence, of a word that is no part of a name.
        negated: 1 when the question or the best sentence says "not", and the other does not.
        timely: the best sentence's sign: what is asked of this week is not answered by what was news years ago.
        answers: the log odds, by the span reader, that the best sentence answers, / 9.
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


def answerability_features(question: Query, scored: Sequence[ScoredSentence]) -> AnswerabilityFeatures | None:
    """Sum up the sentences scored for a question, best first; None when there are none."""
    if not scored or not question.terms:
        return None
    best = scored[0].features
    support = np.array([j.support for j in scored], dtype=np.float32)
    anywhere = support.max(axis=0)
    named = [i for i, name in enumerate(scored[0].named) if name]
    return AnswerabilityFeatures(
        score=scored[0].evidence.score,
        weakest=best.weakest,
        cosine=max(j.features.cosine for j in scored),
        together=float(support[:SUPPORTING_SENTENCES].max(axis=0).min()),
        unheard=float(min((anywhere[i] for i in named), default=1.0) < MIN_NAME_SUPPORT),
        typed=_typed(question, scored),
        unsaid=float(
            question.answer_type == "said"
            and bool(question.names)
            and all(j.features.speaker < 1 for j in scored[:SUPPORTING_SENTENCES])
        ),
        relation=min((s for s, name in zip(scored[0].support, scored[0].named, strict=True) if not name), default=1.0),
        negated=float(question.negated != is_negated(scored[0].evidence.text)),
        timely=best.timely,
        answers=(scored[0].answers or 0.0) / MAX_LOG_ODDS,
    )


def _typed(question: Query, scored: Sequence[ScoredSentence]) -> float:
    if question.answer_type not in TYPED_ANSWERS:
        return 0.0
    having = [j.features.soft for j in scored if j.features.expected > 0]
    return max(having, default=0.0) - max(j.features.soft for j in scored)


def confidence(question: Query, scored: Sequence[ScoredSentence]) -> float:
    """Return the probability, 0 to 1, that the best sentences answer the question."""
    features = answerability_features(question, scored)
    return 0.0 if features is None else probability(features.vector())


def probability(features: Floats) -> float:
    """Return the same for a `AnswerabilityFeatures.vector`."""
    return linear_model("evidence/confidence", ANSWERABILITY_NAMES).probability(features)
