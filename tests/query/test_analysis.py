"""Keys of words, and the analysis of questions."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import QuestionError
from rag.query.analysis import MAX_QUESTION_CHARS, analyse, checked
from rag.text.document import Sentence
from rag.text.tokens import keys, words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("U.S.", "United States"),
        ("American", "US"),
        ("Canadian", "Canada’s"),
        ("25 per cent", "25%"),
        ("tariffs", "tariff"),
        ("1,000", "1000"),
    ],
)
def test_words_that_mean_the_same_share_their_keys(one: str, other: str) -> None:
    assert keys(one) == keys(other)


def test_the_pronoun_us_is_not_the_country() -> None:
    assert keys("Tell us about US exports") == {"united-states", "export"}


def test_an_adverb_is_not_its_adjective() -> None:
    assert keys("closely") != keys("close")
    assert keys("family") == keys("families")


@given(st.text())
def test_words_point_at_what_they_were_read_from(text: str) -> None:
    found = words(text)
    assert [w.start for w in found] == sorted(w.start for w in found)
    assert all(text[w.start : w.end].strip() == text[w.start : w.end] != "" for w in found)
    assert all(a.end <= b.start for a, b in pairwise(found))


@pytest.mark.parametrize(
    ("question", "answer_type"),
    [
        ("Who is Brian Kingston?", "who"),
        ("When do the truck tariffs take effect?", "when"),
        ("Where did LeBlanc meet Lutnick?", "where"),
        ("How many meetings are planned?", "count"),
        ("What percentage of exports go south?", "percent"),
        ("How old is Dominic LeBlanc?", "age"),
        ("How long did the talks last?", "duration"),
        ("Why did Lutnick rule out a deal?", "why"),
        ("Is a deal on autos close?", "yesno"),
        ("What did Volpe say about the meeting?", "said"),
        ("What is CUSMA?", "what"),
    ],
)
def test_answer_type(question: str, answer_type: str) -> None:
    assert analyse(question).answer_type == answer_type


def test_a_question_is_read_for_its_content_words_and_names() -> None:
    question = analyse("What did Brian Kingston say about the White House meeting?")
    assert [question.text[w.start : w.end] for w in question.terms] == [
        "Brian",
        "Kingston",
        "White",
        "House",
        "meeting",
    ]
    assert [question.text[a:b] for a, b in question.names] == ["Brian Kingston", "White House"]


def test_the_degree_asked_for_is_no_term() -> None:
    assert [w.key for w in analyse("How close is a deal on autos?").terms] == ["deal", "auto"]
    assert [w.key for w in analyse("Close?").terms] == ["close"]


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("What happened at the White House?", ["white", "hous"]),
        ("What took place in Washington?", ["washington"]),
        ("What does the archive know about Volpe?", ["volp"]),
        ("Summarize the Lutnick story", ["lutnick"]),
        ("What is the latest on lumber?", ["lumber"]),
        ("Which place did they take?", ["place", "take"]),
        ("Please list all quotes from Volpe", ["volp"]),
        ("Compare what Lutnick and LeBlanc say", ["lutnick", "leblanc"]),
        ("Which list names Volpe?", ["list", "name", "volp"]),
        ("What happened?", ["happen"]),
    ],
)
def test_words_that_only_ask_are_no_terms(question: str, terms: list[str]) -> None:
    assert [w.key for w in analyse(question).terms] == terms


def test_a_question_is_folded_and_bounded() -> None:
    assert checked("  Who\n is\u200b  he? ") == "Who is he?"
    assert len(checked("x" * MAX_QUESTION_CHARS)) == MAX_QUESTION_CHARS
    with pytest.raises(QuestionError, match="empty"):
        checked(" \u200b\n")
    with pytest.raises(QuestionError, match="100,000 characters"):
        checked("x" * 100_000)


@given(st.text(min_size=1, max_size=200))
def test_reading_never_fails(text: str) -> None:
    question = analyse(text)
    assert all(0 <= start < end <= len(text) for start, end in question.names)


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("When does it take effect?", "The tariffs take effect on November 1.", 1),
        ("When does it take effect?", "The tariffs hit trucks.", -1),
        ("How old is the minister?", "The minister, 58, spoke first.", 1),
        ("How old is the minister?", "The minister spoke 25 times.", -1),
        ("How many plants closed?", "The company closed three assembly plants.", 1),
        ("How many plants closed?", "The company cut 300 jobs at its plants.", -1),
        ("Who is Brian Kingston?", "Kingston spoke.", -1),
        ("Who leads the union?", "Marty Warren leads the union.", 1),
        ("What percentage is exported?", "Over 75% is exported.", 1),
        ("What is CUSMA?", "CUSMA is under review.", 0),
        ("In what year did they meet?", "They met on August 26.", -1),
        ("In what year did they meet?", "They met in August 2025.", 1),
        ("Who opened the review?", "The review opened in November, on a Monday.", -1),
        ("What is the tariff rate on steel?", "Duties were imposed on steel.", -1),
        ("What is the tariff rate on steel?", "Steel is charged 25 per cent.", 1),
    ],
)
def test_a_sentence_contains_the_answer_type(question: str, sentence: str, expected: int) -> None:
    assert analyse(question).expectation(Sentence(sentence, 0, len(sentence))) == expected
