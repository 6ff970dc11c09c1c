"""Decide on a question before the first word is written: abstain, show a dispute, or answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag.answer.abstention import reason_to_abstain
from rag.evidence.assessment import Assessment, assess, assess_sub_questions, chosen_by_all
from rag.evidence.conflicts import Conflict, find_conflict, opposing_query
from rag.evidence.scoring import SentenceScorer
from rag.evidence.short_answers import ShortAnswer, find_short_answer, shows_short_answer
from rag.filters import Filters
from rag.models.base import Models
from rag.query.analysis import Query
from rag.types import Evidence, Hit

Search = Callable[[str], Sequence[Hit]]


@dataclass(frozen=True, slots=True)
class Decision:
    """What an answer will contain. `Decider` makes it, and `rag.answer.writer` writes the answer from it.

    Attributes:
        evidence: the sentences to write from, in order; empty for an abstention.
        confidence: the probability that they answer the question, 0 to 1; the lowest of the answered sub-questions.
        reason: the text of an abstention; empty for an answer.
        conflict: what the articles disagree about; None when they agree.
        short_answer: the words that open the answer; None when no words are likely enough.
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
    """Decides on questions. It assesses the passages once for the question, or once for each sub-question.

    Attributes:
        scorer: scores the sentences of the passages.
        models: the models that find short answers and check conflicts.
        search: finds more passages for a text, with the day and the filters of the question.
        threshold: the confidence, 0 to 1, from which a question is answered.
        max_sentences: the most evidence sentences in one answer.
    """

    scorer: SentenceScorer
    models: Models
    search: Search
    threshold: float
    max_sentences: int

    def decide(self, query: Query, hits: Sequence[Hit], filters: Filters) -> Decision:
        """Decide on a query by its retrieved passages."""
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
        """Decide on a query with sub-questions, from all that the archive answers."""
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
        """Return the conflict between the articles, after a search for the opposite of the best sentence."""
        query, scored = assessment.query, assessment.scored
        if opposing := opposing_query(query, scored):
            known = {(hit.passage.article.id, hit.passage.start) for hit in hits}
            more = [hit for hit in self.search(opposing) if (hit.passage.article.id, hit.passage.start) not in known]
            scored = self.scorer.score(query, [*hits, *more]) if more else scored
        return find_conflict(query, scored, self.models.answer_reader)

    def _short_answer(self, assessment: Assessment) -> ShortAnswer | None:
        """Return the words that open the answer; None when no words are likely enough."""
        query, confidence = assessment.query, assessment.confidence
        if not shows_short_answer(query, confidence):  # no short answer could be more likely
            return None
        short = find_short_answer(query, assessment.chosen, self.models.encoder, self.models.answer_reader)
        return short if short and shows_short_answer(query, short.share * confidence) else None
