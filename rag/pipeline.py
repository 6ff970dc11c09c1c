"""The way of a question: read it with its conversation, retrieve, decide, write, cite, verify."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from rag.answer.decision import Decider, Decision
from rag.answer.replies import find_reply, write_reply
from rag.answer.writer import Event, Stage, write
from rag.config import Settings, load_settings
from rag.errors import QuestionError
from rag.evidence.scoring import ScoredSentence, SentenceScorer
from rag.filters import Filters, day
from rag.generation.registry import check_generator
from rag.index.reader import Index, Snapshot
from rag.models.base import Encoder, Models, Reranker
from rag.models.caching import CachingEncoder
from rag.models.registry import load_answer_reader, load_encoder
from rag.query.analysis import MAX_QUESTION_CHARS, Query, analyse, checked
from rag.query.followups import contextualise
from rag.query.intents import small_talk, without_greeting
from rag.query.rewriting import Rewrite, stand_alone
from rag.query.time_range import TimeRange
from rag.retrieval.hybrid import retrieve
from rag.retrieval.near_duplicates import fold_near_duplicates
from rag.retrieval.rerankers import EMBEDDED, load_reranker
from rag.text.document import Documents
from rag.text.names import people_in
from rag.types import Answer, Article, Hit, Turn
from rag.verification.verifier import NOTHING, SourceText, Verdict, Verifier

VERIFIED_PASSAGES = 5  # nearest to a sentence: their articles are read for it
OVERSAMPLING = 2  # times as many passages are looked at as are listed, since some are folded
MAX_TURNS = 6  # earlier questions that a follow-up may lean on


def load_models(settings: Settings, encoder: Callable[[], Encoder] | None = None) -> Models:
    """Load the models that the settings name; `encoder` waits for one that is being loaded already.

    Raises:
        ConfigError: a model that cannot be loaded.
    """
    with ThreadPoolExecutor(1) as pool:  # each takes a tenth of a second or more
        reader = pool.submit(load_answer_reader, settings.answer_reader)
        loaded = encoder() if encoder else load_encoder(settings.encoder)
        return Models(loaded, reader.result(), load_reranker(settings.reranker))


@dataclass(frozen=True, slots=True)
class _Request:
    """One call: what was asked, within which filters, on which day, and what is to write.

    Attributes:
        today: the day that "this week" counts from, in all that the call reads and searches.
    """

    question: str
    history: Sequence[Turn]
    filters: Filters
    llm: str
    today: date
    key: str | None = field(default=None, repr=False)


class OnRecord:
    """The product over one index: ask, search, look up. Safe to share between threads.

    archive = OnRecord("index")
    print(archive.ask("How close is a deal on autos?"))
    """

    def __init__(
        self,
        index: str | Path | Index | None = None,
        settings: Settings | None = None,
        models: Models | None = None,
        **options: Any,
    ) -> None:
        """Open an index and load its models.

        Args:
            index: its folder, or one that is open; None takes that of the settings.
            settings: every option; None reads `onrecord.toml` and the environment, as the command line does.
            models: in place of those that the settings name.
            options: options by their names in `Settings`, which win over the settings: `refuse_below=0.5`.

        Raises:
            IndexMissingError, IndexDamagedError, IndexIncompatibleError: with the command that mends it.
            ConfigError: an unknown option, or a model that cannot be loaded.
        """
        settings = settings or load_settings()
        if isinstance(index, str | Path):
            options["index"] = Path(index)
        self.settings = settings.replaced(**options)
        if isinstance(index, Index):
            self._index = index
        else:
            self._index = Index.open(self.settings.index, models.encoder if models else self.settings.encoder)
        with ThreadPoolExecutor(1) as pool:  # the index is read while the models are: each takes a quarter of a second
            loading = pool.submit(self._index.load)
            self._models = models or load_models(self.settings)
            loading.result()
        self._models = replace(self._models, encoder=CachingEncoder(self._models.encoder))
        self._scorer = SentenceScorer(self._models.encoder, self._models.answer_reader, Documents())
        self._verifier = Verifier(self._models.encoder)

    @classmethod
    def open(cls, settings: Settings, encoder: Callable[[], Encoder] | None = None) -> OnRecord:
        """Open the index of the settings; `encoder` waits for one that is being loaded already.

        Raises:
            IndexMissingError, IndexDamagedError, IndexIncompatibleError: with the command that mends it.
            ConfigError: a model that cannot be loaded.
        """
        index = Index.open(settings.index, settings.encoder)
        with ThreadPoolExecutor(1) as pool:
            loading = pool.submit(index.load)
            models = load_models(settings, encoder)
            loading.result()
        return cls(index, settings, models)

    def ask(
        self,
        question: str,
        history: Sequence[Turn | Answer] = (),
        filters: Filters | None = None,
        llm: str | None = None,
        asked_on: date | None = None,
    ) -> Answer:
        """Answer one question.

        Args:
            question: as it was typed.
            history: the answers before it, or turns, oldest first.
            filters: which articles may answer.
            llm: what writes the answer, instead of that of the settings.
            asked_on: the day that "this week" counts from; today when None.

        Raises:
            QuestionError: it is empty or too long.
            ConfigError: there is no such language model.
        """
        for event in self.stream(question, history, filters, llm, asked_on):
            if isinstance(event, Answer):
                return event
        raise AssertionError("the stream ends with the answer")

    def stream(
        self,
        question: str,
        history: Sequence[Turn | Answer] = (),
        filters: Filters | None = None,
        llm: str | None = None,
        asked_on: date | None = None,
        refuse_below: float | None = None,
        *,
        key: str | None = None,
    ) -> Iterator[Event]:
        """Answer one question, and yield each stage, each piece of text and each checked claim as it comes.

        Args:
            refuse_below: instead of that of the settings.
            key: of the language model, instead of that of the environment.
            question, history, filters, llm, asked_on: as for `ask`.

        Raises:
            QuestionError: it is empty or too long.
            ConfigError: there is no such language model.
        """
        clock = _Clock()
        llm = llm or self.settings.llm
        turns = [self._turn(one) if isinstance(one, Answer) else one for one in history]
        request = _Request(checked(question), turns, filters or Filters(), llm, asked_on or date.today(), key)
        check_generator(llm)
        threshold = self.settings.refuse_below if refuse_below is None else refuse_below
        with self._index.snapshot() as snapshot:
            yield Stage("searching")
            encoder = self._models.encoder
            if reply := find_reply(snapshot, encoder, request.question, request.filters, request.today):
                yield from write_reply(reply)
                yield replace(reply, timings_ms=clock.laps())
                return
            rewrite = self._contextualised(snapshot, request)
            query = _analysed(snapshot, rewrite.text, request.today)
            clock.lap("contextualise")
            self._models.encoder.encode([query.text])
            clock.lap("encode")
            hits = self._retrieve(snapshot, query, self.settings.passages, request.filters)
            clock.lap("retrieve")
            yield Stage("reading")
            decision = self._decider(snapshot, request, threshold).decide(query, hits, request.filters)
            clock.lap("evidence")
            blank = _blank(request, query, decision, hits, snapshot)
            if decision.reason and rewrite.fault:
                blank = _noted(blank, f"{rewrite.fault}; the follow-up was read by rules")
            answer = yield from write(blank, decision, self._verifier, key)
            clock.lap("generate")
            yield replace(_noted(answer, _of_other_days(answer, query.time_range)), timings_ms=clock.laps())

    def _decider(self, snapshot: Snapshot, request: _Request, threshold: float) -> Decider:
        def search(text: str) -> list[Hit]:
            query = _analysed(snapshot, text, request.today)
            return self._retrieve(snapshot, query, self.settings.passages, request.filters)

        return Decider(self._scorer, self._models, search, threshold, self.settings.max_claims)

    def unasked(self, question: str, reason: QuestionError) -> Answer:
        """Return the row of a question that cannot be asked, so that a batch goes on behind it."""
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
        """Return the query that a question comes to with its history, and every sentence scored for it, best first."""
        request = _Request(checked(question), history, Filters(), "extractive", date.today())
        with self._index.snapshot() as snapshot:
            query = _analysed(snapshot, self._contextualised(snapshot, request).text, request.today)
            return query, self._scorer.score(query, self._retrieve(snapshot, query, self.settings.passages, Filters()))

    def _contextualised(self, snapshot: Snapshot, request: _Request) -> Rewrite:
        """Make a follow-up stand alone, by the rules or by the language model that is to answer it.

        Of an earlier turn only what is not known is worked out: its standalone question by the rules, and its answer by
        a search, since a pronoun may mean a person whom only the answer names.
        """
        asked = without_greeting(request.question)
        if not request.history:
            return Rewrite(asked)
        known: list[Turn] = []
        people: dict[str, None] = {}
        turns = [turn for turn in request.history if not small_talk(turn.question, self._models.encoder)]
        for turn in turns[-MAX_TURNS:]:
            alone = turn.standalone or contextualise(checked(turn.question), known, list(people))
            read = replace(turn, question=alone) if turn.answer else self._drafted(snapshot, request, alone)
            people |= dict.fromkeys(read.people or people_in(f"{alone}\n{read.answer}"))
            known.append(read)
        rules = contextualise(asked, known, list(people))
        return stand_alone(asked, known, rules, request.llm, request.key)

    def _drafted(self, snapshot: Snapshot, request: _Request, question: str) -> Turn:
        """Return a turn whose answer is the best sentence for its question."""
        query = _analysed(snapshot, question, request.today)
        hits = self._retrieve(snapshot, query, self.settings.passages, request.filters)
        best = "".join(f"{one.sentence.speaker} {one.sentence.text}" for one in self._scorer.score(query, hits)[:1])
        return Turn(question, best, people=self._people(hits))

    def _people(self, hits: Sequence[Hit]) -> tuple[str, ...]:
        """Return the full names in the articles of passages, in order."""
        texts = dict.fromkeys(hit.passage.article.text for hit in hits)
        return tuple(dict.fromkeys(name for text in texts for name in self._scorer.documents.of(text).people))

    def _turn(self, answer: Answer) -> Turn:
        return Turn(answer.question, answer.text, answer.standalone_question, self._people(answer.hits))

    def search(
        self, query: str, k: int = 10, filters: Filters | None = None, asked_on: date | None = None
    ) -> list[Hit]:
        """Return the `k` best passages for a query.

        Raises:
            QuestionError: it is empty or too long.
        """
        with self._index.snapshot() as snapshot:
            asked = _analysed(snapshot, checked(query), asked_on or date.today())
            return self._retrieve(snapshot, asked, k, filters or Filters(), self._models.reranker)

    def distinct(
        self, query: str, k: int = 10, filters: Filters | None = None, asked_on: date | None = None
    ) -> list[Hit]:
        """Return the `k` best passages that differ: what only repeats a better one is folded into that."""
        depth = OVERSAMPLING * k
        while True:
            hits = self.search(query, depth, filters, asked_on)
            found = fold_near_duplicates(hits)
            if len(found) >= k or len(hits) < depth:
                return found[:k]
            depth *= OVERSAMPLING

    def verify(self, sentence: str) -> tuple[Verdict, Article | None]:
        """Check a sentence against the articles that come nearest to it; the one that carries it best, if any does.

        Raises:
            QuestionError: it is empty or too long.
        """
        best: tuple[Verdict, Article | None] = NOTHING, None
        with self._index.snapshot() as snapshot:
            query = analyse(checked(sentence[:MAX_QUESTION_CHARS]))
            hits = self._retrieve(snapshot, query, VERIFIED_PASSAGES, Filters())
        for article in {hit.passage.article.id: hit.passage.article for hit in hits}.values():
            verdict = self._verifier.check(sentence, [SourceText(article.text, article.title or "")])
            if verdict.score > best[0].score:
                best = verdict, article if verdict.evidence else None
            if verdict.support == "verbatim":
                break
        return best

    def _retrieve(
        self, snapshot: Snapshot, query: Query, k: int, filters: Filters, reranker: Reranker | None = None
    ) -> list[Hit]:
        if reranker is None and self._models.reranker is not None and self._models.reranker.name != EMBEDDED:
            # The embedded one serves searches alone: its order did not help answers, which score every sentence.
            reranker = self._models.reranker
        return retrieve(snapshot, self._models.encoder, query, k, filters=filters, reranker=reranker)

    def article(self, id_or_path: str) -> Article | None:
        with self._index.snapshot() as snapshot:
            return snapshot.article(id_or_path)

    def notes(self) -> tuple[str, ...]:
        """Return what the user should know about the index as it is now, one line each."""
        with self._index.snapshot() as snapshot:
            return snapshot.notes

    def status(self) -> dict[str, Any]:
        from rag.index.check import status

        return status(self.settings.index)


def _analysed(snapshot: Snapshot, text: str, today: date) -> Query:
    return analyse(text, today, snapshot.publishers)


def _blank(request: _Request, query: Query, decision: Decision, hits: Sequence[Hit], snapshot: Snapshot) -> Answer:
    """Return the answer without its text: what is known of it when the decision is made."""
    lacking = [f"the archive does not say “{question}”" for question in decision.unanswered]
    return Answer(
        question=request.question,
        standalone_question=query.text,
        status="abstained",
        text="",
        confidence=decision.confidence,
        claims=(),
        citations=(),
        hits=tuple(hits),
        generator=request.llm,
        generation=snapshot.generation,
        notice="; ".join((*snapshot.notes, *lacking)),
    )


def _noted(answer: Answer, notice: str) -> Answer:
    """Return the answer with one more notice, when there is one."""
    return replace(answer, notice="; ".join(filter(None, (answer.notice, notice))))


def _of_other_days(answer: Answer, asked: TimeRange | None) -> str:
    """Say that nothing cited appeared in the days that the question speaks of; empty when some did, or none is dated."""
    days = [published for c in answer.citations if (published := day(c.article.published))]
    if asked is None or not days or any(_within(published, asked) for published in days):
        return ""
    return f"nothing cited appeared in the days asked about ({asked.since} to {asked.until})"


def _within(published: str, asked: TimeRange) -> bool:
    """Whether a day, or a month or a year alone, lies in the days spoken of, or partly."""
    since, until = (edge.isoformat()[: len(published)] for edge in (asked.since, asked.until))
    return since <= published <= until


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
