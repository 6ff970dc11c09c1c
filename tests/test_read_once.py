"""Tests that a question is read once: for one day, with few searches, and with the same text streamed and returned."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from rag import pipeline
from rag.config import Settings
from rag.evidence.scoring import SentenceScorer
from rag.generation.base import Piece
from rag.index.build import build
from rag.index.reader import Index
from rag.models.base import Encoder, Models
from rag.pipeline import OnRecord
from rag.query.analysis import Query
from rag.retrieval import hybrid
from rag.types import Answer, Claim, Hit, Turn
from tests.conftest import SEEDS

CLOSE = "How close is a deal on autos?"
SEVERAL = "Who is Brian Kingston, and what percentage of Canada's exports go to the United States?"


@pytest.fixture(scope="module")
def app(seed_index: Path, seed_archive: Index, models: Models) -> OnRecord:
    return OnRecord(seed_archive, Settings(index=seed_index, seeds=SEEDS), models)


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[Query]:
    """Every query that is searched for while the test runs."""
    queries: list[Query] = []
    real = hybrid.retrieve

    def retrieve(snapshot: object, encoder: object, query: Query, *arguments: object, **options: object) -> list[Hit]:
        queries.append(query)
        return real(snapshot, encoder, query, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline, "retrieve", retrieve)
    return queries


def streamed(app: OnRecord, question: str, **options: str) -> tuple[str, list[Claim], Answer]:
    events = list(app.stream(question, **options))  # type: ignore[arg-type]
    answer = events[-1]
    assert isinstance(answer, Answer)
    text = "".join(event.text for event in events if isinstance(event, Piece))
    return text, [event for event in events if isinstance(event, Claim)], answer


def test_every_search_counts_from_the_day_of_the_question(app: OnRecord, searched: list[Query]) -> None:
    day = date(2020, 2, 29)
    answer = app.ask("And this week?", history=[Turn(CLOSE)], asked_on=day)
    assert answer.standalone_question != "And this week?"
    app.ask(CLOSE, asked_on=day)
    assert len(searched) >= 4  # the earlier question, the follow-up, the question, who says the opposite
    assert {query.asked_on for query in searched} == {day}
    assert any("stalled" in query.text or "progress" in query.text for query in searched)


def test_today_is_the_day_where_the_user_is(
    app: OnRecord, searched: list[Query], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Toronto(date):
        @classmethod
        def today(cls) -> Toronto:
            return cls(2026, 3, 3)  # 19:30 there, when it is 4 March in UTC

    monkeypatch.setattr(pipeline, "date", Toronto)
    app.ask("What happened today?")
    app.search("tariffs today")
    assert [query.asked_on for query in searched] == [date(2026, 3, 3)] * 2


@pytest.mark.parametrize("question", [CLOSE, "Who is Brian Kingston?", SEVERAL, "How old is Dominic LeBlanc?"])
def test_what_is_streamed_is_what_is_returned(app: OnRecord, question: str) -> None:
    text, claims, answer = streamed(app, question)
    assert text.rstrip("\n") == answer.text
    assert tuple(claims) == answer.claims


@pytest.mark.parametrize("replies", [("Nobody knows. [2]",), ("It is not on the table. [1]", "Talks go on. [2]")])
def test_a_dispute_that_a_model_writes_is_streamed_as_it_is_returned(
    app: OnRecord, monkeypatch: pytest.MonkeyPatch, replies: Sequence[str]
) -> None:
    class Model:
        name = "a model"

        def generate(self, task: object) -> list[Piece]:
            return [Piece(f"{reply}\n", ends_claim=True) for reply in replies]

    monkeypatch.setattr("rag.answer.writer.generator", lambda spec, key=None: Model())
    text, claims, answer = streamed(app, CLOSE, llm="local")
    assert answer.status == "disputed"
    assert text.rstrip("\n") == answer.text
    assert tuple(claims) == answer.claims


def test_an_update_is_streamed_in_the_order_it_is_returned_in(tmp_path: Path, models: Models, encoder: Encoder) -> None:
    seeds, index = tmp_path / "seeds", tmp_path / "index"
    seeds.mkdir()
    rows = [
        {"id": "late", "published": "2025-10-09", "text": "The flood closed 20 schools in Halifax."},
        {"id": "early", "published": "2025-10-07", "text": "The flood closed 12 schools in Halifax."},
    ]
    (seeds / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    build(seeds, index, encoder)
    app = OnRecord(index, Settings(seeds=seeds, refuse_below=0.0), models)
    text, claims, answer = streamed(app, "How many schools did the flood close in Halifax?")
    assert "Later, on 9 October 2025: " in answer.text
    assert text.rstrip("\n") == answer.text
    assert tuple(claims) == answer.claims
    assert ["12" in claim.text for claim in claims] == [True, False]


def test_several_questions_read_the_passages_once_each(
    app: OnRecord, searched: list[Query], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = SentenceScorer.score

    def score(self: SentenceScorer, query: Query, hits: Sequence[Hit]) -> object:
        read.append(query.text)
        return real(self, query, hits)

    monkeypatch.setattr(SentenceScorer, "score", score)
    app.ask(SEVERAL)
    assert read == ["Who is Brian Kingston", "what percentage of Canada's exports go to the United States?"]
    assert [query.text for query in searched] == [SEVERAL]


def test_a_follow_up_to_answers_searches_for_itself_alone(app: OnRecord, searched: list[Query]) -> None:
    first = app.ask("Who is Brian Kingston?")
    second = app.ask("What does he expect from the meeting?", history=[first])
    searched.clear()
    answer = app.ask("And Volpe?", history=[first, second])
    assert answer.standalone_question == "What does Volpe expect from the meeting?"
    assert [query.text for query in searched] == [answer.standalone_question]
