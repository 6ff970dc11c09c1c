"""What the retrieved passages hold for one query: its sentences scored, the best chosen, and how sure they answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag.evidence.confidence import confidence
from rag.evidence.premises import false_amount, false_title
from rag.evidence.scoring import ScoredSentence, SentenceScorer
from rag.evidence.selection import select
from rag.query.analysis import Query
from rag.types import Evidence, Hit

MIN_SENTENCES = 2  # that each sub-question may have, whatever the whole answer may have


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the passages hold for one query.

    Attributes:
        scored: every sentence, best first.
        chosen: those that make the answer.
        confidence: that they answer, 0 to 1; 0 when the question presupposes something false.
        false_presupposition: what the question takes for granted and the articles contradict, in a sentence; empty
            when nothing.
    """

    query: Query
    scored: Sequence[ScoredSentence]
    chosen: Sequence[Evidence]
    confidence: float
    false_presupposition: str = ""

    def answers(self, threshold: float) -> bool:
        """Return whether there is something to say, and the confidence reaches the threshold."""
        return bool(self.chosen) and self.confidence >= threshold


def assess(scorer: SentenceScorer, query: Query, hits: Sequence[Hit], max_sentences: int) -> Assessment:
    """Read the passages for one query; at most `max_sentences` are chosen."""
    scored = scorer.score(query, hits)
    documents = list({hit.passage.article.id: scorer.documents.of(hit.passage.article.text) for hit in hits}.values())
    false = false_title(query, documents) or false_amount(query, scored, documents)
    sure = 0.0 if false else confidence(query, scored)
    return Assessment(query, scored, select(query, scored, max_sentences), sure, false)


def assess_sub_questions(
    scorer: SentenceScorer, query: Query, hits: Sequence[Hit], max_sentences: int
) -> list[Assessment]:
    """Read the passages for each sub-question, which share `max_sentences`; none when there are no sub-questions."""
    share = max_sentences // max(1, len(query.sub_questions))
    return [assess(scorer, part, hits, max(MIN_SENTENCES, share)) for part in query.sub_questions]


def chosen_by_all(assessments: Sequence[Assessment]) -> list[Evidence]:
    """Return what was chosen for all of them, each sentence once."""
    chosen = [evidence for assessment in assessments for evidence in assessment.chosen]
    return list({(evidence.article.id, evidence.start): evidence for evidence in chosen}.values())
