"""Answer a question: read it with its conversation, retrieve passages, decide, write, cite and verify."""

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
from rag.generation.base import Generator
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

# A sentence is checked against the articles of so many nearest passages.
VERIFIED_PASSAGES = 5
# So many times as many passages are retrieved as are listed, since near-duplicates are folded.
OVERSAMPLING = 2
# A follow-up may refer to so many earlier questions.
MAX_TURNS = 6


def load_models(settings: Settings, encoder: Callable[[], Encoder] | None = None) -> Models:
    """Load the models that the settings name.

    Args:
        settings: the settings.
        encoder: returns the encoder, which another thread may be loading; None loads it here.

    Raises:
        ConfigError: a model cannot be loaded.
    """
    with ThreadPoolExecutor(1) as pool:  # each model takes a tenth of a second or more
        reader = pool.submit(load_answer_reader, settings.answer_reader)
        loaded = encoder() if encoder else load_encoder(settings.encoder)
        return Models(loaded, reader.result(), load_reranker(settings.reranker))


@dataclass(frozen=True, slots=True)
class _Request:
    """The arguments of one call.

    Attributes:
        llm: the name of the generator that writes the answer.
        today: the day from which "this week" counts, in every step of the call.
        key: the key of a hosted model; None takes it from the environment.
        rewriter: the name of the generator that rewrites follow-ups.
    """

    question: str
    history: Sequence[Turn]
    filters: Filters
    llm: str
    today: date
    key: str | None = field(default=None, repr=False)
    rewriter: str = "extractive"


class OnRecord:
    """The whole product over one index: ask, search, verify. Safe to share between threads.

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
            index: the folder of an index, or an open index; None takes the folder from the settings.
            settings: every option; None reads `onrecord.toml` and the environment, as the command line does.
            models: the models to use; None loads the models that the settings name.
            options: options by their names in `Settings`, in place of those of the settings: `refuse_below=0.5`.

        Raises:
            IndexMissingError: there is no index in the folder.
            IndexDamagedError: the index is damaged; the message names the command that repairs it.
            IndexIncompatibleError: another encoder or version built the index.
            ConfigError: an option is unknown, or a model cannot be loaded.
        """
        settings = settings or load_settings()
        if isinstance(index, str | Path):
            options["index"] = Path(index)
        self.settings = settings.replaced(**options)
        if isinstance(index, Index):
            self._index = index
        else:
            self._index = Index.open(self.settings.index, models.encoder if models else self.settings.encoder)
        with ThreadPoolExecutor(1) as pool:  # index and models load at the same time, a quarter of a second each
            loading = pool.submit(self._index.load)
            self._models = models or load_models(self.settings)
            loading.result()
        self._models = replace(self._models, encoder=CachingEncoder(self._models.encoder))
        self._scorer = SentenceScorer(self._models.encoder, self._models.answer_reader, Documents())
        self._verifier = Verifier(self._models.encoder)

    @property
    def models(self) -> Models:
        """The models in use; the encoder keeps the vectors of short texts."""
        return self._models

    @classmethod
    def open(cls, settings: Settings, encoder: Callable[[], Encoder] | None = None) -> OnRecord:
        """Open the index of the settings, with an encoder that another thread may be loading.

        Args:
            settings: the settings.
            encoder: returns the encoder; None loads it here.

        Raises:
            IndexMissingError: there is no index in the folder.
            IndexDamagedError: the index is damaged; the message names the command that repairs it.
            IndexIncompatibleError: another encoder or version built the index.
            ConfigError: a model cannot be loaded.
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
        llm: str | Generator | None = None,
        asked_on: date | None = None,
    ) -> Answer:
        """Answer one question.

        Args:
            question: the question as it was typed.
            history: the earlier answers or turns of the conversation, oldest first.
            filters: the articles that may answer; None allows all.
            llm: the generator, by name or as an object; None takes that of the settings.
            asked_on: the day from which "this week" counts; None means today.

        Raises:
            QuestionError: the question is empty or too long.
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
        llm: str | Generator | None = None,
        asked_on: date | None = None,
        refuse_below: float | None = None,
        *,
        key: str | None = None,
    ) -> Iterator[Event]:
        """Answer one question, and yield each stage, each piece of text, each checked claim and at last the answer.

        Args:
            question: the question as it was typed.
            history: the earlier answers or turns of the conversation, oldest first.
            filters: the articles that may answer; None allows all.
            llm: the generator, by name or as an object; None takes that of the settings.
            asked_on: the day from which "this week" counts; None means today.
            refuse_below: the confidence, 0 to 1, below which the program abstains; None takes that of the settings.
            key: the key of a hosted model; None takes it from the environment.

        Raises:
            QuestionError: the question is empty or too long.
            ConfigError: there is no such language model.
        """
        clock = _Clock()
        given = None if llm is None or isinstance(llm, str) else llm
        writer = given.name if given else str(llm or self.settings.llm)
        turns = [self._turn(one) if isinstance(one, Answer) else one for one in history]
        request = _Request(checked(question), turns, filters or Filters(), writer, asked_on or date.today(), key)
        if given is None:
            check_generator(writer)
            request = replace(request, rewriter=writer)
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
            answer = yield from write(blank, decision, self._verifier, key, given)
            clock.lap("generate")
            yield replace(_noted(answer, _of_other_days(answer, query.time_range)), timings_ms=clock.laps())

    def _decider(self, snapshot: Snapshot, request: _Request, threshold: float) -> Decider:
        def search(text: str) -> list[Hit]:
            query = _analysed(snapshot, text, request.today)
            return self._retrieve(snapshot, query, self.settings.passages, request.filters)

        return Decider(self._scorer, self._models, search, threshold, self.settings.max_claims)

    def unasked(self, question: str, reason: QuestionError) -> Answer:
        """Return the answer for a question that cannot be asked, so that a batch can continue."""
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
        """Return the query for a question with its history, and its scored sentences, best first."""
        request = _Request(checked(question), history, Filters(), "extractive", date.today())
        with self._index.snapshot() as snapshot:
            query = _analysed(snapshot, self._contextualised(snapshot, request).text, request.today)
            return query, self._scorer.score(query, self._retrieve(snapshot, query, self.settings.passages, Filters()))

    def _contextualised(self, snapshot: Snapshot, request: _Request) -> Rewrite:
        """Rewrite a follow-up as a standalone question, by the rules or by the language model that will answer it.

        An earlier turn may lack its standalone question, which the rules then find, and its answer, which a search then
        finds: a pronoun may mean a person whom only the answer names.
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
        return stand_alone(asked, known, rules, request.rewriter, request.key)

    def _drafted(self, snapshot: Snapshot, request: _Request, question: str) -> Turn:
        """Return a turn that has the best sentence for its question as its answer."""
        query = _analysed(snapshot, question, request.today)
        hits = self._retrieve(snapshot, query, self.settings.passages, request.filters)
        best = "".join(f"{one.sentence.speaker} {one.sentence.text}" for one in self._scorer.score(query, hits)[:1])
        return Turn(question, best, people=self._people(hits))

    def _people(self, hits: Sequence[Hit]) -> tuple[str, ...]:
        """Return the full names in the articles of the hits, in order."""
        texts = dict.fromkeys(hit.passage.article.text for hit in hits)
        return tuple(dict.fromkeys(name for text in texts for name in self._scorer.documents.of(text).people))

    def _turn(self, answer: Answer) -> Turn:
        return Turn(answer.question, answer.text, answer.standalone_question, self._people(answer.hits))

    def search(
        self, query: str, k: int = 10, filters: Filters | None = None, asked_on: date | None = None
    ) -> list[Hit]:
        """Return the `k` best passages for a query, best first.

        Raises:
            QuestionError: the query is empty or too long.
        """
        with self._index.snapshot() as snapshot:
            asked = _analysed(snapshot, checked(query), asked_on or date.today())
            return self._retrieve(snapshot, asked, k, filters or Filters(), self._models.reranker)

    def distinct(
        self, query: str, k: int = 10, filters: Filters | None = None, asked_on: date | None = None
    ) -> list[Hit]:
        """Return the `k` best passages that do not repeat each other; see `rag.retrieval.near_duplicates`."""
        depth = OVERSAMPLING * k
        while True:
            hits = self.search(query, depth, filters, asked_on)
            found = fold_near_duplicates(hits)
            if len(found) >= k or len(hits) < depth:
                return found[:k]
            depth *= OVERSAMPLING

    def verify(self, sentence: str) -> tuple[Verdict, Article | None]:
        """Check a sentence against the nearest articles.

        Returns:
            The best verdict, and the article that it is from; None when no article supports the sentence.

        Raises:
            QuestionError: the sentence is empty.
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
            # The embedded reranker only serves searches: its order did not help answers, which score every sentence.
            reranker = self._models.reranker
        return retrieve(snapshot, self._models.encoder, query, k, filters=filters, reranker=reranker)

    def article(self, id_or_path: str) -> Article | None:
        """Return an article by its id or its path; None when the index has none."""
        with self._index.snapshot() as snapshot:
            return snapshot.article(id_or_path)

    def notes(self) -> tuple[str, ...]:
        """Return one line for each thing that the user should know about the index."""
        with self._index.snapshot() as snapshot:
            return snapshot.notes

    def status(self) -> dict[str, Any]:
        """Return what `onrecord status` reports on the index."""
        from rag.index.check import status

        return status(self.settings.index)


def _analysed(snapshot: Snapshot, text: str, today: date) -> Query:
    return analyse(text, today, snapshot.publishers)


def _blank(request: _Request, query: Query, decision: Decision, hits: Sequence[Hit], snapshot: Snapshot) -> Answer:
    """Return the answer as far as the decision gives it, without text and claims."""
    unanswered = [f"the archive does not say “{question}”" for question in decision.unanswered]
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
        notice="; ".join((*snapshot.notes, *unanswered)),
    )


def _noted(answer: Answer, notice: str) -> Answer:
    """Return the answer with one more notice, when there is one."""
    return replace(answer, notice="; ".join(filter(None, (answer.notice, notice))))


def _of_other_days(answer: Answer, asked: TimeRange | None) -> str:
    """Say that no cited article is from the days of the question; empty when one is, or when none has a date."""
    days = [published for c in answer.citations if (published := day(c.article.published))]
    if asked is None or not days or any(_within(published, asked) for published in days):
        return ""
    return f"nothing cited appeared in the days asked about ({asked.since} to {asked.until})"


def _within(published: str, asked: TimeRange) -> bool:
    """Return whether a day, month or year is at least partly within the days of the question."""
    since, until = (edge.isoformat()[: len(published)] for edge in (asked.since, asked.until))
    return since <= published <= until


class _Clock:
    """Measures the milliseconds of each stage and of the whole."""

    def __init__(self) -> None:
        self._begun = self._last = time.perf_counter()
        self._laps = {"encode": 0.0, "retrieve": 0.0, "generate": 0.0}

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self._laps[stage] = (now - self._last) * 1000
        self._last = now

    def laps(self) -> dict[str, float]:
        return {**self._laps, "total": (time.perf_counter() - self._begun) * 1000}
