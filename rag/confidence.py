"""How likely it is that the archive answers a question: a logistic model over what the best sentences support.

The signs look at the question as a whole, where `rag.evidence.Signs` look at one sentence. Fitted on the tuning
half of the question set over the seeds by `python -m eval fit seeds`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from rag.evidence import Floats, Judged, fitted, sigmoid
from rag.question import Question

BEST = 3  # sentences that may support a question together
TYPED = {
    "age",
    "when",
    "percent",
    "money",
    "duration",
    "count",
    "who",
}  # kinds whose answer has a form that can be missed


@dataclass(frozen=True, slots=True)
class Standing:
    """What the best sentences say of the whole question.

    Attributes:
        score: the best sentence's score, 0 to 1.
        soft, weakest, names, speaker: the best sentence's signs.
        cosine: the largest among the sentences read.
        together: the least support of a question word by the three best sentences.
        anywhere: mean over the question's words of the best support in any sentence read.
        unheard: 1 when a name of the question has hardly any support in any sentence read.
        typed: for a kind of answer with a form, the best weighted support (`soft`) of a sentence that has it, less
            the best of all sentences: 0 when the best one has it; 0 for other kinds.
        unsaid: 1 when it asks what somebody says and none of the three best sentences is theirs.
        relation: the least support, by the best sentence, of a word that is no part of a name.
        scattered: `anywhere` less the best sentence's plain support: what the question joins, no sentence does.
        names_together: the least support of a name in the sentence that supports the names best.
    """

    score: float
    soft: float
    weakest: float
    names: float
    speaker: float
    cosine: float
    together: float
    anywhere: float
    unheard: float
    typed: float
    unsaid: float
    relation: float
    scattered: float
    names_together: float

    def vector(self) -> Floats:
        return np.array([getattr(self, f.name) for f in fields(self)], dtype=np.float32)


STANDING_NAMES = tuple(f.name for f in fields(Standing))


def standing(question: Question, judged: Sequence[Judged]) -> Standing | None:
    """Sum up the sentences judged for a question, best first; None when there are none."""
    if not judged or not question.terms:
        return None
    best = judged[0].signs
    support = np.array([j.support for j in judged], dtype=np.float32)
    anywhere = support.max(axis=0)
    named = [i for i, name in enumerate(judged[0].named) if name]
    return Standing(
        score=judged[0].evidence.score,
        soft=best.soft,
        weakest=best.weakest,
        names=best.names,
        speaker=best.speaker,
        cosine=max(j.signs.cosine for j in judged),
        together=float(support[:BEST].max(axis=0).min()),
        anywhere=float(anywhere.mean()),
        unheard=float(min((anywhere[i] for i in named), default=1.0) < 0.6),
        typed=_typed(question, judged),
        unsaid=float(
            question.kind == "said" and bool(question.names) and all(j.signs.speaker < 1 for j in judged[:BEST])
        ),
        relation=min((s for s, name in zip(judged[0].support, judged[0].named, strict=True) if not name), default=1.0),
        scattered=float(anywhere.mean()) - max(j.signs.plain for j in judged),
        names_together=float(support[:, named].min(axis=1).max()) if named else 1.0,
    )


def _typed(question: Question, judged: Sequence[Judged]) -> float:
    if question.kind not in TYPED:
        return 0.0
    having = [j.signs.soft for j in judged if j.signs.expected > 0]
    return max(having, default=0.0) - max(j.signs.soft for j in judged)


def confidence(question: Question, judged: Sequence[Judged]) -> float:
    """Return the probability, 0 to 1, that the best sentences answer the question."""
    signs = standing(question, judged)
    if signs is None:
        return 0.0
    weights = _weights()
    return sigmoid(float(signs.vector() @ weights[:-1] + weights[-1]))


@lru_cache(maxsize=1)
def _weights() -> Floats:
    return fitted("confidence", STANDING_NAMES)
