"""Tests of whole answers over the five seeds, with the real models."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pytest

from rag.answer import abstention, writer
from rag.answer.writer import Stage
from rag.config import Settings
from rag.errors import GeneratorError, QuestionError
from rag.filters import Filters
from rag.generation import registry
from rag.generation.base import Piece, Task
from rag.index.build import build
from rag.index.reader import Index
from rag.models.base import Encoder, Models
from rag.pipeline import OnRecord
from rag.types import Answer, Claim, Turn
from tests.conftest import SEEDS


@pytest.fixture(scope="module")
def app(seed_index: Path, seed_archive: Index, models: Models) -> OnRecord:
    return OnRecord(seed_archive, Settings(index=seed_index, seeds=SEEDS), models)


def folded(text: str) -> str:
    return " ".join(text.split())


QUESTIONS = [
    ("What percentage of Canada's exports go to the United States?", "over 75% of Canadian exports"),
    ("Who is Brian Kingston?", "president of the Canadian Vehicle Manufacturers’ Association"),
    ("When do the new tariffs on trucks take effect?", "effective November 1"),
    ("What did Carney say about overplaying the discussions?", "I wouldn’t overplay it"),
]


@pytest.mark.parametrize(("question", "words"), QUESTIONS)
def test_the_words_that_answer_are_cited(app: OnRecord, question: str, words: str) -> None:
    answer = app.ask(question)
    assert answer.status == "answered"
    assert any(words in folded(citation.quote) for citation in answer.citations)


@pytest.mark.parametrize(("question", "words"), QUESTIONS)
def test_every_claim_is_verbatim_and_every_citation_byte_equal(app: OnRecord, question: str, words: str) -> None:
    answer = app.ask(question)
    assert 1 <= len(answer.claims) <= 4
    assert [claim.support for claim in answer.claims] == ["verbatim"] * len(answer.claims)
    assert [citation.n for citation in answer.citations] == list(range(1, len(answer.citations) + 1))
    assert sorted({n for claim in answer.claims for n in claim.citations}) == [c.n for c in answer.citations]
    for citation in answer.citations:
        assert citation.article.text[citation.start : citation.end] == citation.quote
        source = (SEEDS / citation.article.path).read_text("utf-8")
        assert folded(citation.quote) in folded(source)
    lines = (f"{c.text} {' '.join(f'[{n}]' for n in c.citations)}" for c in answer.claims)
    assert answer.text.replace("**", "") == "\n".join(lines)


@pytest.mark.parametrize(
    "question",
    [
        "Who won the World Series?",
        "Write me a poem",
        "How old is Dominic LeBlanc?",
        "What is the capital of Australia?",
    ],
)
def test_an_abstention_where_the_archive_does_not_answer(app: OnRecord, question: str) -> None:
    answer = app.ask(question)
    assert (answer.status, answer.claims, answer.citations) == ("abstained", (), ())
    assert answer.text.startswith("The archive does not say.")
    assert len(answer.hits) == abstention.MAX_NEAREST
    assert answer.confidence < app.settings.refuse_below


def test_the_threshold_decides(app: OnRecord, seed_archive: Index, models: Models) -> None:
    question = "What percentage of Canada's exports go to the United States?"
    strict = OnRecord(seed_archive, app.settings, models, refuse_below=1.0)
    assert strict.ask(question).status == "abstained"
    lenient = OnRecord(seed_archive, app.settings, models, refuse_below=0.0)
    assert lenient.ask("Who won the World Series?").status == "answered"


def test_every_side_of_a_disagreement_is_cited(app: OnRecord) -> None:
    answer = app.ask("Is a deal on autos close?")
    assert len({citation.article.path for citation in answer.citations}) >= 2


def test_a_follow_up_is_understood_from_the_questions_alone(app: OnRecord) -> None:
    answer = app.ask("What does he expect from the meeting?", history=[Turn("Who is Brian Kingston?")])
    assert answer.question == "What does he expect from the meeting?"
    assert answer.standalone_question == "What does Brian Kingston expect from the meeting?"
    assert any("I don’t expect" in c.quote for c in answer.citations)
    assert {c.speaker for c in answer.citations} >= {"Brian Kingston"}


def test_a_follow_up_may_mean_a_person_whom_only_the_earlier_answer_names(app: OnRecord) -> None:
    answer = app.ask("What did he say about expectations?", history=[Turn("Who leads the United Steelworkers union?")])
    assert answer.standalone_question == "What did Marty Warren say about expectations?"
    assert any("He’s raised a lot of expectations" in c.quote for c in answer.citations)


def test_events_come_in_order_and_make_up_the_answer(app: OnRecord) -> None:
    events = list(app.stream("Who is Brian Kingston?"))
    stages = [event.name for event in events if isinstance(event, Stage)]
    answer = events[-1]
    assert isinstance(answer, Answer)
    assert stages == ["searching", "reading", "writing"]
    assert tuple(event for event in events if isinstance(event, Claim)) == answer.claims
    assert "".join(e.text for e in events if isinstance(e, Piece)).strip() == answer.text
    assert set(answer.timings_ms) == {"contextualise", "encode", "retrieve", "evidence", "generate", "total"}


def test_a_short_answer_opens_the_answer_and_cites_its_sentence(app: OnRecord) -> None:
    events = list(app.stream("What percentage of Canada's exports go to the United States?"))
    answer = events[-1]
    assert isinstance(answer, Answer)
    assert answer.text.startswith("**Over 75%.** [1]\n")
    assert answer.claims[0] == Claim("Over 75%.", "verbatim", 1.0, (1,))
    assert "over 75%" in answer.citations[0].quote
    assert [e for e in events if isinstance(e, Claim)] == list(answer.claims)


def test_a_long_conversation_is_remembered_for_a_few_turns(app: OnRecord) -> None:
    history = [Turn(f"What about steel number {n}?") for n in range(500)] + [Turn("Who is Marty Warren?")]
    answer = app.ask("What did he say?", history)
    assert answer.standalone_question == "What did Marty Warren say?"
    assert answer.timings_ms["total"] < 10_000


def test_filters_that_nothing_passes_are_named(app: OnRecord) -> None:
    answer = app.ask("Who is Brian Kingston?", filters=Filters(publisher="The Daily Planet"))
    assert answer.status == "abstained"
    assert answer.text == "The archive holds no passage for this question within these filters."


@pytest.mark.parametrize("question", ["", "   ", "x" * 100_000])
def test_a_question_that_cannot_be_asked(app: OnRecord, question: str) -> None:
    with pytest.raises(QuestionError):
        app.ask(question)


def test_a_false_title_is_named(app: OnRecord) -> None:
    answer = app.ask("How did Prime Minister Poilievre defend his trip to Washington?")
    assert (answer.status, answer.confidence, answer.citations) == ("abstained", 0.0, ())
    assert answer.text.startswith(
        "The archive does not say. The articles read call Carney “prime minister”, and not Poilievre."
    )


@pytest.mark.parametrize(
    ("question", "missing"),
    [
        (
            "When does the 50 per cent tariff on heavy trucks begin?",
            "gives “50 per cent”; the nearest sentence says “25 per cent”.",
        ),
        ("When does the 25% tariff on heavy trucks begin?", None),
        ("Does the 50 per cent tariff on heavy trucks begin in November?", None),
    ],
)
def test_a_number_that_no_article_gives_is_named(app: OnRecord, question: str, missing: str | None) -> None:
    answer = app.ask(question)
    assert (answer.status == "abstained") == bool(missing)
    assert not missing or f"Nothing that was read {missing}" in answer.text


@pytest.mark.parametrize(
    "question", ["\x1b[31m", "?", "’’’", "<script>", "[1] [2]", "日本の首相は誰ですか", "a" * 2000]
)
def test_an_odd_question_is_an_abstention_like_any_other(app: OnRecord, question: str) -> None:
    assert app.ask(question).status == "abstained"


class Scripted:
    """A generator that writes the given pieces, and raises the given errors."""

    name = "scripted"

    def __init__(self, pieces: Sequence[str | Exception]) -> None:
        self.pieces = pieces

    def generate(self, task: Task) -> Iterator[Piece]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield Piece(piece, ends_claim=True)


def scripted(app: OnRecord, monkeypatch: pytest.MonkeyPatch, *pieces: str | Exception) -> Answer:
    real = registry.generator
    monkeypatch.setattr(
        writer, "generator", lambda spec, key=None: Scripted(pieces) if spec == "local" else real(spec, key)
    )
    return app.ask("Who is Brian Kingston?", llm="local")


def test_each_sentence_of_a_model_is_checked_against_its_citations(
    app: OnRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = scripted(
        app,
        monkeypatch,
        "Brian Kingston is president of the Vehicle Manufacturers’ Association. [1]",
        "He is 58. [1]",
        "Yes.",
    )
    assert [claim.support for claim in answer.claims] == ["supported", "unsupported", "unsupported"]
    assert answer.generator == "scripted"
    assert answer.claims[2].citations == ()


@pytest.mark.parametrize(
    "pieces", [("He is 58. [1]",), ("[7]",), (), ("Kingston leads it. [1]", GeneratorError("down"))]
)
def test_a_model_that_fails_never_loses_the_question(
    app: OnRecord, monkeypatch: pytest.MonkeyPatch, pieces: tuple[str | Exception, ...]
) -> None:
    answer = scripted(app, monkeypatch, *pieces)
    assert answer.generator == "extractive"
    assert answer.notice.endswith("these are the articles’ own sentences")
    assert [claim.support for claim in answer.claims] == ["verbatim"] * len(answer.claims)


def test_a_citation_of_nothing_is_counted_in_the_notice(app: OnRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = scripted(app, monkeypatch, "Brian Kingston is president of the Manufacturers’ Association. [1] [7]")
    assert (answer.generator, answer.notice) == ("scripted", "1 citation named no evidence")
    assert [citation.n for citation in answer.citations] == [1]


def test_threads_share_one_app(app: OnRecord) -> None:
    expected = {question: app.ask(question).text for question, _ in QUESTIONS}
    got: dict[str, str] = {}
    threads = [
        threading.Thread(target=lambda q=question: got.update({q: app.ask(q).text})) for question, _ in QUESTIONS
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == expected


def test_a_question_for_two_things_is_answered_for_each(app: OnRecord) -> None:
    answer = app.ask("Who delivered the Speech from the Throne, and what share of Canada's exports goes to the U.S.?")
    assert (answer.status, answer.notice) == ("answered", "")
    assert {c.article.path[:3] for c in answer.citations} >= {"001", "003"}
    assert any("King Charles III" in c.quote for c in answer.citations)
    assert any("75%" in c.quote for c in answer.citations)


def test_an_unanswered_sub_question_is_named(app: OnRecord) -> None:
    answer = app.ask("Who delivered the Speech from the Throne, and who won the World Series?")
    assert (answer.status, answer.notice) == ("answered", "the archive does not say “who won the World Series?”")
    assert [c.article.path[:3] for c in answer.citations] == ["001"]


def test_an_abstention_when_no_sub_question_has_an_answer(app: OnRecord) -> None:
    answer = app.ask("Who won the World Series, and where was the Super Bowl held?")
    assert (answer.status, answer.claims) == ("abstained", ())


def test_an_answer_from_other_days_than_those_of_the_question_says_so(
    tmp_path: Path, encoder: Encoder, models: Models
) -> None:
    seeds, index = tmp_path / "seeds", tmp_path / "index"
    seeds.mkdir()
    row = {"id": "1", "published": "2022-03-04", "text": "The harbour of Halifax was closed on Friday after a fire."}
    (seeds / "articles.jsonl").write_text(json.dumps(row), encoding="utf-8")
    build(seeds, index, encoder)
    app = OnRecord(index, Settings(seeds=seeds), models)
    asked = "Why was the harbour of Halifax closed this week?"
    late = app.ask(asked, asked_on=date(2023, 3, 5))
    assert late.status == "answered"
    assert late.notice == "nothing cited appeared in the days asked about (2023-02-24 to 2023-03-07)"
    assert app.ask(asked, asked_on=date(2022, 3, 5)).notice == ""
    assert app.ask("Why was the harbour of Halifax closed?").notice == ""
