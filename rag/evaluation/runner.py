"""Ask the product every question of a set, and judge the answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

from rag.errors import OnRecordError
from rag.evaluation.gold import cited_gold, contains_answer, is_exact, touches_gold
from rag.evaluation.questions import source_text
from rag.evaluation.types import CitationCheck, Outcome, Question
from rag.text.sentences import sentences
from rag.types import Answer, Turn

Progress = Callable[[int, int], None]  # questions done, questions in all


class Asker(Protocol):
    """The product, as far as a question set needs it."""

    def ask(self, question: str, *, history: Sequence[Turn]) -> Answer:
        """Answer a question after the questions before it."""
        ...


def run(
    app: Asker,
    questions: Sequence[Question],
    seeds: Path | None,
    progress: Progress = lambda done, total: None,
    keep: Callable[[Question, Answer], None] = lambda question, answer: None,
) -> list[Outcome]:
    """Ask the questions in order; a question that raises an error is a failed outcome, so that every question counts.

    Args:
        app: the product.
        questions: of a set.
        seeds: folder of the files that citations are checked against; None checks their offsets only.
        progress: called after each question.
        keep: called with each question and its answer.

    Raises:
        EvalError: a cited article's file is not under `seeds`.
    """

    @cache
    def source(path: str) -> str | None:
        return None if seeds is None else source_text(seeds / path)

    outcomes = []
    for done, question in enumerate(questions, start=1):
        started = time.perf_counter()
        try:
            answer = app.ask(question.question, history=[Turn(earlier) for earlier in question.history])
        except OnRecordError as error:
            outcomes.append(Outcome(question, "failed", error=str(error), ms=_since(started)))
        else:
            outcomes.append(judge(question, answer, _since(started), source))
            keep(question, answer)
        progress(done, len(questions))
    return outcomes


def judge(question: Question, answer: Answer, ms: float, source: Callable[[str], str | None]) -> Outcome:
    """Compare an answer with the gold of its question.

    Short answers are looked for only where an answerable question has no gold: citing gold is the better evidence.

    Args:
        question: what was asked.
        answer: what the product returned.
        ms: time that the question took, milliseconds.
        source: the folded text of an article's file by path, None when it cannot be compared.
    """
    numbers = {citation.n for citation in answer.citations}
    found = None
    if question.answers and question.need != 0 and not question.gold:
        texts = [answer.text, *(citation.quote for citation in answer.citations)]
        found = answer.status != "abstained" and contains_answer(question.answers, texts)
    return Outcome(
        question=question,
        status=answer.status,
        confidence=answer.confidence,
        standalone_question=answer.standalone_question,
        text=answer.text,
        claims=tuple(claim.text for claim in answer.claims),
        claims_cited=sum(bool(c.citations) and numbers.issuperset(c.citations) for c in answer.claims),
        citations=tuple(
            CitationCheck(
                path=citation.article.path,
                start=citation.start,
                end=citation.end,
                exact=is_exact(citation, source(citation.article.path)),
                on_gold=touches_gold(citation, question.gold),
            )
            for citation in answer.citations
        ),
        cited=cited_gold(question.gold, answer.citations),
        sentences=sum(len(sentences(claim.text)) for claim in answer.claims),
        answer_found=found,
        generator=answer.generator,
        notice=answer.notice,
        ms=ms,
    )


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
