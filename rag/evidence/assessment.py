"""Assess the retrieved passages for one query: score and choose their sentences, and estimate the confidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag.evidence.confidence import confidence
from rag.evidence.premises import false_amount, false_title
from rag.evidence.scoring import ScoredSentence, SentenceScorer
from rag.evidence.selection import select
from rag.query.analysis import Query
from rag.types import Evidence, Hit

# Each sub-question may have so many sentences, even if the answer then has more than its maximum.
MIN_SENTENCES = 2


@dataclass(frozen=True, slots=True)
class Assessment:
    """The sentences that the passages have for one query, and the confidence that they answer it.

    Attributes:
        query: the question, or one of its sub-questions.
        scored: every sentence of the passages, best first.
        chosen: the sentences for the answer, in order.
        confidence: the probability that they answer the query, 0 to 1; 0 when it has a false presupposition.
        false_presupposition: a sentence that says what the question assumes and the articles contradict; empty when
            they contradict nothing.
    """

    query: Query
    scored: Sequence[ScoredSentence]
    chosen: Sequence[Evidence]
    confidence: float
    false_presupposition: str = ""

    def answers(self, threshold: float) -> bool:
        """Return whether there are sentences for an answer and the confidence reaches the threshold."""
        return bool(self.chosen) and self.confidence >= threshold


def assess(scorer: SentenceScorer, query: Query, hits: Sequence[Hit], max_sentences: int) -> Assessment:
    """Assess the passages for one query, and choose at most `max_sentences` sentences."""
    scored = scorer.score(query, hits)
    documents = list({hit.passage.article.id: scorer.documents.of(hit.passage.article.text) for hit in hits}.values())
    false = false_title(query, documents) or false_amount(query, scored, documents)
    probability = 0.0 if false else confidence(query, scored)
    return Assessment(query, scored, select(query, scored, max_sentences), probability, false)


def assess_sub_questions(
    scorer: SentenceScorer, query: Query, hits: Sequence[Hit], max_sentences: int
) -> list[Assessment]:
    """Assess the passages for each sub-question; the sub-questions share `max_sentences`."""
    share = max_sentences // max(1, len(query.sub_questions))
    return [assess(scorer, question, hits, max(MIN_SENTENCES, share)) for question in query.sub_questions]


def chosen_by_all(assessments: Sequence[Assessment]) -> list[Evidence]:
    """Return the chosen sentences of all assessments, each once."""
    chosen = [evidence for assessment in assessments for evidence in assessment.chosen]
    return list({(evidence.article.id, evidence.start): evidence for evidence in chosen}.values())
