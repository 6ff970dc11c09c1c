"""The decision on a question: abstain, show a dispute, or answer; complete before the first word is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag.answer.abstention import reason_to_abstain
from rag.evidence.assessment import Assessment, assess, assess_sub_questions, chosen_by_all
from rag.evidence.conflicts import Conflict, find_conflict, opposing_query
from rag.evidence.scoring import SentenceScorer
from rag.evidence.short_answers import ShortAnswer, find_short_answer, leading, shows_short_answer
from rag.filters import Filters
from rag.models.base import Models
from rag.query.analysis import Query
from rag.types import Evidence, Hit

Search = Callable[[str], Sequence[Hit]]


@dataclass(frozen=True, slots=True)
class Decision:
    """What an answer will hold.

    Attributes:
        evidence: the sentences to write from, in order; empty to abstain.
        confidence: that they answer the question, 0 to 1; of several sub-questions the least.
        reason: the text of the answer when it abstains, else empty.
        conflict: what the articles disagree about; None when nothing.
        short_answer: the words that lead the answer; None when no words are sure enough.
        unanswered: the sub-questions that the archive does not answer.
    """

    evidence: tuple[Evidence, ...]
    confidence: float
    reason: str = ""
    conflict: Conflict | None = None
    short_answer: ShortAnswer | None = None
    unanswered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decider:
    """Decides on questions: reads the passages once for the question, or once for each of its sub-questions.

    Attributes:
        search: finds more passages for a text, asked on the same day as the question and within the same filters.
        threshold: confidence from which a question is answered.
        max_sentences: in one answer.
    """

    scorer: SentenceScorer
    models: Models
    search: Search
    threshold: float
    max_sentences: int

    def decide(self, query: Query, hits: Sequence[Hit], filters: Filters) -> Decision:
        """Read the passages, and decide."""
        if query.sub_questions:
            return self._decide_several(query, hits, filters)
        assessment = assess(self.scorer, query, hits, self.max_sentences)
        if not assessment.answers(self.threshold):
            return Decision((), assessment.confidence, reason_to_abstain(assessment, hits, filters))
        if conflict := self._conflict(assessment, hits):
            return Decision(tuple(conflict.evidence), assessment.confidence, conflict=conflict)
        short_answer = self._short_answer(assessment)
        return Decision(tuple(assessment.chosen), assessment.confidence, short_answer=short_answer)

    def _decide_several(self, query: Query, hits: Sequence[Hit], filters: Filters) -> Decision:
        """Decide on a question with sub-questions: an answer is as sure as the least sure of those it answers."""
        assessments = assess_sub_questions(self.scorer, query, hits, self.max_sentences)
        answered = [one for one in assessments if one.answers(self.threshold)]
        if not answered:
            nearest = max(assessments, key=lambda one: one.confidence)
            return Decision((), nearest.confidence, reason_to_abstain(nearest, hits, filters))
        evidence = chosen_by_all(answered)
        conflict = next((found for one in answered if (found := self._conflict(one, hits))), None)
        if conflict:
            disputed = {(one.article.id, one.start) for one in conflict.evidence}
            evidence = [*conflict.evidence, *(e for e in evidence if (e.article.id, e.start) not in disputed)]
        unanswered = tuple(one.query.text for one in assessments if one not in answered)
        return Decision(
            tuple(evidence), min(one.confidence for one in answered), conflict=conflict, unanswered=unanswered
        )

    def _conflict(self, assessment: Assessment, hits: Sequence[Hit]) -> Conflict | None:
        """Find what the articles disagree about; those who say the opposite of the best sentence are searched for."""
        query, scored = assessment.query, assessment.scored
        if opposing := opposing_query(query, scored):
            known = {(hit.passage.article.id, hit.passage.start) for hit in hits}
            more = [hit for hit in self.search(opposing) if (hit.passage.article.id, hit.passage.start) not in known]
            scored = self.scorer.score(query, [*hits, *more]) if more else scored
        return find_conflict(query, scored, self.models.answer_reader)

    def _short_answer(self, assessment: Assessment) -> ShortAnswer | None:
        """Return the words that lead the answer, where they are sure enough."""
        query, confidence = assessment.query, assessment.confidence
        if not shows_short_answer(query, confidence):
            return None
        short = find_short_answer(query, assessment.chosen, self.models.encoder, self.models.answer_reader)
        return leading(query, short, confidence)
