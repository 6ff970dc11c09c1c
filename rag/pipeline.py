"""The way of a question: condense, retrieve, read for evidence, decide, write, cite, verify."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from rag.answer.abstention import abstain
from rag.answer.disputes import write_dispute
from rag.answer.writer import Event, Stage, write_answer
from rag.config import Settings
from rag.errors import QuestionError
from rag.evidence.assessment import Assessment, assess, assess_sub_questions, chosen_by_all
from rag.evidence.conflicts import Conflict, find_conflict, opposing_query
from rag.evidence.scoring import ScoredSentence, SentenceScorer
from rag.evidence.short_answers import find_short_answer, leading, may_lead
from rag.filters import day
from rag.generation.base import Piece
from rag.generation.registry import check_generator
from rag.index.reader import Index, Snapshot
from rag.models.base import Encoder, Floats
from rag.models.caching import CachingEncoder
from rag.models.registry import load_encoder
from rag.query.analysis import MAX_QUESTION_CHARS, Query, analyse, checked
from rag.query.followups import contextualise
from rag.query.rewriting import Rewrite, stand_alone
from rag.query.time_range import TimeRange, read_time_range
from rag.retrieval.hybrid import Filters, retrieve
from rag.retrieval.near_duplicates import fold_near_duplicates
from rag.retrieval.rerankers import EmbeddedReranker, Reranker, load_reranker
from rag.text.attribution import people_in
from rag.types import Answer, Article, Hit, Turn
from rag.verification.verifier import NOTHING, SourceText, Verdict, Verifier

VERIFIED_PASSAGES = 5  # nearest to a sentence: their articles are read for it
DEEPER = 2  # times as many passages are looked at as are listed, since some are folded
REMEMBERED = 6  # earlier questions that a follow-up may lean on


class OnRecord:
    """The product over one index: ask, search, look up. Safe to share between threads."""

    def __init__(self, settings: Settings, index: Index, encoder: Encoder, reranker: Reranker | None = None) -> None:
        self.settings = settings
        self._index = index
        self._encoder = CachingEncoder(encoder)
        self._reranker = reranker
        # Evidence judges every sentence of the passages itself; that the small one orders them did not help it.
        self._asked = None if isinstance(reranker, EmbeddedReranker) else reranker
        self._reader = SentenceScorer(self._encoder)
        self._verifier = Verifier(encoder)

    @classmethod
    def open(cls, settings: Settings, encoder: Callable[[], Encoder] | None = None) -> OnRecord:
        """Load the index, its encoder, unless it is being loaded and `encoder` waits for it, and the reranker.

        Raises:
            IndexMissing, IndexDamaged, IndexIncompatible: with the command that mends it.
            ConfigError: a model that cannot be loaded.
        """
        index = Index.open(settings.index, settings.encoder)
        with ThreadPoolExecutor(1) as pool:  # the index is read while the encoder is: each takes a quarter of a second
            loading = pool.submit(index.load)
            reranker = load_reranker(settings.reranker)
            loaded = encoder() if encoder else load_encoder(settings.encoder)
            loading.result()
        return cls(settings, index, loaded, reranker)

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        filters: Filters | None = None,
        llm: str | None = None,
        asked_on: date | None = None,
    ) -> Answer:
        """Answer one question; "this week" counts from the day `asked_on`, today unless told.

        Raises:
            QuestionError: it is empty or too long.
        """
        for event in self.stream(question, history, filters, llm, asked_on):
            if isinstance(event, Answer):
                return event
        raise AssertionError("the stream ends with the answer")

    def stream(
        self,
        question: str,
        history: Sequence[Turn] = (),
        filters: Filters | None = None,
        llm: str | None = None,
        asked_on: date | None = None,
        refuse_below: float | None = None,
        *,
        key: str | None = None,
    ) -> Iterator[Event]:
        """Answer one question, telling each stage, each piece of text and each checked claim as it comes.

        `llm` and `refuse_below` stand in for those of the settings, and `key` for that of the environment, this once.
        """
        clock = _Clock()
        asked = checked(question)
        check_generator(llm or self.settings.llm)
        filters = filters or Filters()
        with self._index.snapshot() as snapshot:
            yield Stage("searching")
            rewrite = self._standalone(snapshot, asked, history, filters, llm or self.settings.llm, key)
            standalone = rewrite.text
            clock.lap("condense")
            vector = self._encoder.encode([standalone])[0]
            clock.lap("encode")
            hits = self._retrieve(snapshot, standalone, self.settings.passages, filters, asked_on, vector)
            clock.lap("retrieve")
            yield Stage("reading")
            whole = assess(self._reader, standalone, hits, self.settings.max_claims)
            clock.lap("evidence")
            blank = Answer(
                question=asked,
                standalone_question=standalone,
                status="abstained",
                text="",
                confidence=whole.confidence,
                claims=(),
                citations=(),
                hits=tuple(hits),
                generator=llm or self.settings.llm,
                generation=snapshot.generation,
                notice="; ".join(snapshot.notes),
            )
            bar = self.settings.refuse_below if refuse_below is None else refuse_below
            several = assess_sub_questions(self._reader, standalone, hits, self.settings.max_claims)
            answered = [part for part in several or [whole] if part.sure(bar)]
            if not answered:
                notice = "; ".join(filter(None, (blank.notice, _of_rules(rewrite))))
                answer = abstain(
                    replace(blank, notice=notice), whole.question, whole.scored, filters, whole.false_presupposition
                )
                yield Piece(answer.text, ends_claim=True)
            elif found := self._conflict(snapshot, whole.question, hits, whole.scored, filters):
                answer = write_dispute((yield from write_answer(blank, found.evidence, self._verifier, key=key)), found)
            elif several:
                answer = yield from write_answer(
                    _of_parts(blank, several, answered), chosen_by_all(answered), self._verifier, key=key
                )
            else:
                possible = may_lead(whole.question, whole.confidence)
                short = find_short_answer(whole.question, whole.chosen, self._encoder) if possible else None
                lead = leading(whole.question, short, whole.confidence)
                answer = yield from write_answer(blank, whole.chosen, self._verifier, lead, key)
            clock.lap("generate")
            notice = "; ".join(filter(None, (answer.notice, _of_other_days(answer, asked_on))))
            yield replace(answer, notice=notice, timings_ms=clock.laps())

    def _conflict(
        self,
        snapshot: Snapshot,
        question: Query,
        hits: Sequence[Hit],
        scored: Sequence[ScoredSentence],
        filters: Filters,
    ) -> Conflict | None:
        """What the articles disagree about; who says the opposite of the best sentence is looked for by itself."""
        query = opposing_query(question, scored)
        if query:
            known = {(hit.passage.article.id, hit.passage.start) for hit in hits}
            more = self._retrieve(snapshot, query, self.settings.passages, filters)
            new = [hit for hit in more if (hit.passage.article.id, hit.passage.start) not in known]
            scored = self._reader.score(question, [*hits, *new]) if new else scored
        return find_conflict(question, scored)

    def unasked(self, question: str, reason: QuestionError) -> Answer:
        """The row of a question that cannot be asked, so that a batch goes on behind it."""
        with self._index.snapshot() as snapshot:
            return Answer(
                question=question[:MAX_QUESTION_CHARS],
                standalone_question="",
                status="abstained",
                text=str(reason),
                confidence=0.0,
                claims=(),
                citations=(),
                hits=(),
                generator=self.settings.llm,
                generation=snapshot.generation,
                notice="not asked",
            )

    def evidence(self, question: str, history: Sequence[Turn] = ()) -> tuple[Query, list[ScoredSentence]]:
        """The question as it is read, with its history filled in, and every sentence scored for it, best first."""
        with self._index.snapshot() as snapshot:
            alone = self._standalone(snapshot, checked(question), history, Filters(), "extractive").text
            hits = self._retrieve(snapshot, alone, self.settings.passages)
            return analyse(alone), self._reader.score(analyse(alone), hits)

    def _standalone(
        self,
        snapshot: Snapshot,
        question: str,
        history: Sequence[Turn],
        filters: Filters,
        llm: str,
        key: str | None = None,
    ) -> Rewrite:
        """The question without its conversation, by the rules or by the language model that is to answer it. Earlier
        questions are condensed by the rules where they are not known, and answered where their answer is not, since a
        pronoun may mean a person whom only the answer names.
        """
        if not history:
            return Rewrite(question)
        known: list[Turn] = []
        people: list[str] = []
        for turn in history[-REMEMBERED:]:
            alone = turn.standalone or contextualise(checked(turn.question), known, people)
            hits = self._retrieve(snapshot, alone, self.settings.passages, filters)
            people = list(
                dict.fromkeys(people + [name for hit in hits for name in people_in(hit.passage.article.text)])
            )
            known.append(Turn(alone, turn.answer or self._draft(alone, hits)))
        return stand_alone(question, known, contextualise(question, known, people), llm, key)

    def _draft(self, question: str, hits: Sequence[Hit]) -> str:
        best = self._reader.score(analyse(question), hits)[:1]
        return "".join(f"{j.evidence.speaker or ''} {j.evidence.text}" for j in best)

    def search(
        self, query: str, k: int = 10, filters: Filters | None = None, asked_on: date | None = None
    ) -> list[Hit]:
        """The `k` best passages for a query."""
        with self._index.snapshot() as snapshot:
            return self._retrieve(snapshot, checked(query), k, filters, asked_on, reranker=self._reranker)

    def distinct(
        self, query: str, k: int = 10, filters: Filters | None = None, asked_on: date | None = None
    ) -> list[Hit]:
        """The `k` best passages for a query that differ: what only repeats a better one is folded into that."""
        depth = DEEPER * k
        while True:
            hits = self.search(query, depth, filters, asked_on)
            found = fold_near_duplicates(hits)
            if len(found) >= k or len(hits) < depth:
                return found[:k]
            depth *= DEEPER

    def verify(self, sentence: str) -> tuple[Verdict, Article | None]:
        """Check a sentence against the articles that come nearest to it; the one that carries it best, if any does.

        Raises:
            QuestionError: it is empty or too long.
        """
        best: tuple[Verdict, Article | None] = NOTHING, None
        with self._index.snapshot() as snapshot:
            hits = self._retrieve(snapshot, checked(sentence[:MAX_QUESTION_CHARS]), VERIFIED_PASSAGES)
        for article in {hit.passage.article.id: hit.passage.article for hit in hits}.values():
            verdict = self._verifier.check(sentence, [SourceText(article.text, article.title or "")])
            if verdict.score > best[0].score:
                best = verdict, article if verdict.evidence else None
            if verdict.support == "verbatim":
                break
        return best

    def _retrieve(
        self,
        snapshot: Snapshot,
        query: str,
        k: int,
        filters: Filters | None = None,
        asked_on: date | None = None,
        vector: Floats | None = None,
        reranker: Reranker | None = None,
    ) -> list[Hit]:
        return retrieve(
            snapshot,
            self._encoder,
            query,
            k,
            filters or Filters(),
            vector=vector,
            reranker=reranker or self._asked,
            asked_on=asked_on,
        )

    def article(self, id_or_path: str) -> Article | None:
        with self._index.snapshot() as snapshot:
            return snapshot.article(id_or_path)

    def notes(self) -> tuple[str, ...]:
        """What the user should know about the index as it is now, one line each."""
        with self._index.snapshot() as snapshot:
            return snapshot.notes

    def status(self) -> dict[str, Any]:
        from rag.index.check import status

        return status(self.settings.index)


def _of_parts(blank: Answer, several: Sequence[Assessment], answered: Sequence[Assessment]) -> Answer:
    """An answer is as sure as the least sure of its parts; which ones it lacks is said."""
    lacking = [f"the archive does not say “{part.question.text}”" for part in several if part not in answered]
    notice = "; ".join(filter(None, (blank.notice, *lacking)))
    return replace(blank, confidence=min(part.confidence for part in answered), notice=notice)


def _of_rules(rewrite: Rewrite) -> str:
    """Say that the model that was to read a follow-up failed; empty when none did. An answer's own notice says it."""
    return f"{rewrite.fault}; the follow-up was read by rules" if rewrite.fault else ""


def _of_other_days(answer: Answer, asked_on: date | None) -> str:
    """Say that nothing cited appeared in the days that the question speaks of; empty when it does, or none is dated."""
    when = read_time_range(answer.standalone_question, asked_on or datetime.now(UTC).date())
    days = [write_answer for c in answer.citations if (write_answer := day(c.article.published))]
    if when is None or not days or any(_within(write_answer, when) for write_answer in days):
        return ""
    return f"nothing cited appeared in the days asked about ({when.since} to {when.until})"


def _within(day: str, when: TimeRange) -> bool:
    """Whether a day, or a month or a year alone, lies in the days spoken of, or partly."""
    since, until = (edge.isoformat()[: len(day)] for edge in (when.since, when.until))
    return since <= day <= until


class _Clock:
    """Milliseconds per stage, and in all."""

    def __init__(self) -> None:
        self._begun = self._last = time.perf_counter()
        self._laps = {"encode": 0.0, "retrieve": 0.0, "generate": 0.0}

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self._laps[stage] = (now - self._last) * 1000
        self._last = now

    def laps(self) -> dict[str, float]:
        return {**self._laps, "total": (time.perf_counter() - self._begun) * 1000}
