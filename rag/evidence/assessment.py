"""A question, or each part of one that asks for several things, read in the passages: what answers it, how surely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag.evidence.confidence import confidence
from rag.evidence.premises import false_amount, false_title
from rag.evidence.scoring import ScoredSentence, SentenceScorer
from rag.evidence.selection import select
from rag.query.analysis import Query, analyse
from rag.query.decomposition import sub_questions
from rag.types import Evidence, Hit

MIN_SENTENCES = 2  # sentences that each part may have, whatever the whole answer may have


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the passages hold for one question.

    Attributes:
        scored: every sentence, best first.
        chosen: those that make its answer.
        confidence: that they do, 0 to 1; 0 when the question takes something untrue for granted.
        untrue: what the question takes for granted and the articles speak against, in a sentence; empty when nothing.
    """

    question: Query
    scored: Sequence[ScoredSentence]
    chosen: Sequence[Evidence]
    confidence: float
    false_presupposition: str = ""

    def sure(self, bar: float) -> bool:
        """Whether there is something to say, and the confidence is `bar` or more."""
        return bool(self.chosen) and self.confidence >= bar


def assess(reader: SentenceScorer, text: str, hits: Sequence[Hit], most: int) -> Assessment:
    """Read the passages for one question; at most `most` sentences are chosen."""
    question = analyse(text)
    scored = reader.score(question, hits)
    articles = list({hit.passage.article.id: hit.passage.article for hit in hits}.values())
    untrue = false_title(question, articles) or false_amount(question, scored)
    sure = 0.0 if untrue else confidence(question, scored)
    return Assessment(question, scored, select(question, scored, most), sure, untrue)


def assess_sub_questions(reader: SentenceScorer, text: str, hits: Sequence[Hit], most: int) -> list[Assessment]:
    """Read the passages for each part of a question, which share `most` sentences; none when it asks for one thing."""
    asked = sub_questions(text)
    return [assess(reader, part, hits, max(MIN_SENTENCES, most // len(asked))) for part in asked]


def chosen_by_all(readings: Sequence[Assessment]) -> list[Evidence]:
    """What was chosen for all of them, each sentence once."""
    chosen = [evidence for assess in readings for evidence in assess.chosen]
    return list({(evidence.article.id, evidence.start): evidence for evidence in chosen}.values())
