"""Small talk, and questions about the archive itself, told from the questions that are searched for."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from eval.training.intents import fit_intents
from rag.models.base import Encoder
from rag.query.archive_questions import ArchiveQuestion, read_archive_question
from rag.query.days import read_days
from rag.query.intents import (
    QUESTION,
    QUESTION_MARGIN,
    intent_examples,
    kind_scores,
    may_be_small_talk,
    small_talk,
    without_greeting,
)
from tests.conftest import HashEncoder

QUESTIONS = Path(__file__).parents[2] / "eval/sets/seeds/questions.jsonl"
TODAY = date(2025, 2, 4)


def seed_questions() -> list[str]:
    return [json.loads(line)["question"] for line in QUESTIONS.read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("hi", "greeting"),
        ("Hello there!", "greeting"),
        ("hey, how are you?", "greeting"),
        ("Thanks!", "thanks"),
        ("thank you my friend", "thanks"),
        ("what can you do?", "help"),
        ("What can I do here?", "help"),
        ("hi, what can you do?", "help"),
        ("who am I speaking with?", "identity"),
        ("that answer is rubbish", "complaint"),
        ("cool stuff!", "praise"),
        ("See you next week", "goodbye"),
        ("ok", "acknowledgement"),
    ],
)
def test_small_talk_is_known(encoder: Encoder, message: str, kind: str) -> None:
    assert small_talk(message, encoder) == kind


@pytest.mark.parametrize(
    "message",
    [
        *("hi, how close is a deal on autos?", "Hello! Who is Brian Kingston?", "hey who is Lutnick?"),
        *(
            "thanks. What about lumber?",
            "Why not?",
            "And Volpe?",
            "steel",
            "Volpe",
            "autos",
            "tarrifs on trucks?",
            "who are the vances",
        ),
        "Good morning Vietnam release date",
    ],
)
def test_a_question_is_no_small_talk(encoder: Encoder, message: str) -> None:
    assert small_talk(message, encoder) is None


def test_no_question_about_the_seeds_is_taken_for_small_talk_or_for_one_about_the_archive(encoder: Encoder) -> None:
    assert [q for q in seed_questions() if small_talk(q, encoder) or read_archive_question(q, TODAY)] == []


def test_the_half_of_the_examples_that_is_held_back_is_known(encoder: Encoder) -> None:
    examples = intent_examples()
    kinds = np.array([row["kind"] for row in examples])
    names = tuple(sorted(set(kinds)))
    tune = np.array([row["half"] == "tune" for row in examples])
    vectors = encoder.encode([row["text"] for row in examples])
    scores = kind_scores(vectors[~tune], fit_intents(vectors[tune], kinds[tune], names))
    scores[:, names.index(QUESTION)] += QUESTION_MARGIN
    asked = [may_be_small_talk(row["text"]) for row in examples if row["half"] != "tune"]
    predicted, right = np.where(asked, np.array(names)[scores.argmax(axis=1)], QUESTION), kinds[~tune]
    talk = right != QUESTION
    assert talk.sum() >= 150
    assert np.mean(predicted[talk] != QUESTION) >= 0.45  # without the list of examples, which knows single words
    assert np.mean(predicted[~talk] != QUESTION) <= 0.03


def test_with_another_encoder_only_the_examples_are_small_talk(hash_encoder: HashEncoder) -> None:
    assert small_talk("Thank you!", hash_encoder) == "thanks"
    assert small_talk("thank you my friend", hash_encoder) is None
    assert hash_encoder.encoded == []


@pytest.mark.parametrize(
    ("message", "asked"),
    [
        ("hi, how close is a deal?", "how close is a deal?"),
        ("Good morning! Hello. Who won?", "Who won?"),
        ("hello what happened", "what happened"),
        ("hello kitty in Ottawa", "hello kitty in Ottawa"),
        ("hi", "hi"),
        ("High tariffs?", "High tariffs?"),
        ("Heyward said what?", "Heyward said what?"),
    ],
)
def test_the_greeting_before_a_question_is_left_out(message: str, asked: str) -> None:
    assert without_greeting(message) == asked


@pytest.mark.parametrize(
    ("text", "since", "until", "words"),
    [
        ("in July 2024", "2024-07-01", "2024-07-31", "in July 2024"),
        ("in 2023", "2023-01-01", "2023-12-31", "in 2023"),
        ("on 12 November 2024", "2024-11-12", "2024-11-12", "on 12 November 2024"),
        ("on November 12", "2024-11-12", "2024-11-12", "on 12 November 2024"),
        ("in March", "2024-03-01", "2024-03-31", "in March 2024"),
        ("last week", "2025-01-27", "2025-02-02", "from 27 January 2025 to 2 February 2025"),
        ("yesterday", "2025-02-03", "2025-02-03", "on 3 February 2025"),
        ("last month", "2025-01-01", "2025-01-31", "in January 2025"),
        ("on Friday", "2025-01-31", "2025-01-31", "on 31 January 2025"),
        ("from May 2023 to June 2024", "2023-05-01", "2024-06-30", "from 1 May 2023 to 30 June 2024"),
        ("since 2024", "2024-01-01", "9999-12-31", "since 1 January 2024"),
        ("before 2 July 2024", "0001-01-01", "2024-07-01", "up to 1 July 2024"),
    ],
)
def test_the_days_that_a_question_names(text: str, since: str, until: str, words: str) -> None:
    read = read_days(f"articles {text}", TODAY)
    assert read is not None
    days, rest = read
    assert (days.since.isoformat(), days.until.isoformat(), days.words, rest) == (since, until, words, "articles")


@pytest.mark.parametrize("text", ["articles", "on 31 June 2024", "the May report", "in 10 days", ""])
def test_what_names_no_day(text: str) -> None:
    assert read_days(text, TODAY) is None


@pytest.mark.parametrize(
    ("text", "kind", "topic", "origin"),
    [
        ("How many articles are there?", "count", "", ""),
        ("how many articles are in the archive", "count", "", ""),
        ("How many articles mention Tamsin Okafor?", "count", "Tamsin Okafor", ""),
        ("How many articles were written by Jo Bright about the ferry?", "count", "the ferry", "Jo Bright"),
        ("How many articles did Coast Weekly publish in 2024?", "count", "", "Coast Weekly"),
        ("Which articles are about the ferry?", "list", "the ferry", ""),
        ("can you list all articles please", "list", "", ""),
        ("What has Ines Calloway reported?", "list", "", "Ines Calloway"),
        ("What did Coast Weekly publish in November 2024?", "list", "", "Coast Weekly"),
        ("In how many articles does Tamsin Okafor appear?", "count", "Tamsin Okafor", ""),
        ("Which articles is Okafor mentioned in?", "list", "Okafor", ""),
        ("How many articles mention both Okafor and parking by name?", "count", "Okafor and parking", ""),
        ("What is the newest article?", "newest", "", ""),
        ("which is the oldest article about scallops", "oldest", "scallops", ""),
        ("Who writes for Coast Weekly?", "authors", "", "Coast Weekly"),
        ("Which outlets are there?", "outlets", "", ""),
        ("What is this archive about?", "about", "", ""),
        ("What happened in March 2026?", "happened", "", ""),
        ("Summarize the five articles", "summary", "", ""),
        ("What are the main points?", "summary", "", ""),
        ("Who is named in the articles?", "people", "", ""),
        ("Who wrote the article on the ferry link?", "author of", "the ferry link", ""),
        ("When was the article on the dredging published?", "date of", "the dredging", ""),
    ],
)
def test_a_question_about_the_archive_is_read(text: str, kind: str, topic: str, origin: str) -> None:
    question = read_archive_question(text, TODAY)
    assert question is not None
    assert (question.kind, question.topic, question.origin) == (kind, topic, origin)


@pytest.mark.parametrize(
    "text",
    [
        *("What happened in Ottawa in March?", "Summarize the talks", "Which report says that prices fell?"),
        *(
            "How many articles do not mention Carney?",
            "How many reported cases are there?",
            "What is the budget about?",
        ),
        *("Who wrote “The Star-Spangled Banner”?", "What is the latest on the strike?", "How many people are there?"),
        "What news does he bring?",
    ],
)
def test_a_question_about_something_else_is_searched_for(text: str) -> None:
    assert read_archive_question(text, TODAY) is None


def test_an_author_is_certain_only_after_by() -> None:
    assert read_archive_question("articles by Jo Bright", TODAY) == ArchiveQuestion("list", "", "Jo Bright", True)
    other = read_archive_question("articles from Jo Bright", TODAY)
    assert other is not None
    assert not other.certain
