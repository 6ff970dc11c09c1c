"""Short answers: the words of a sentence that answer, and when an answer opens with them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.evidence.short_answers import (
    CANDIDATE_FEATURES,
    Candidate,
    ShortAnswer,
    candidates,
    find_short_answer,
    names,
    shows_short_answer,
)
from rag.models.minilm import MiniLM
from rag.models.registry import load_answer_reader, load_encoder
from rag.query.analysis import analyse
from rag.text.sentences import sentences
from rag.text.tokens import words
from rag.types import Article, Evidence
from tests.conftest import SEEDS


@pytest.fixture(scope="module")
def encoder() -> MiniLM:
    found = load_encoder()
    assert isinstance(found, MiniLM)
    return found


def evidence(text: str, score: float = 0.9) -> list[Evidence]:
    article = Article(id="a", path="a.txt", text=text)
    return [Evidence(article, start, end, score) for start, end in sentences(text)]


def seed_sentence(name: str, part: str) -> list[Evidence]:
    (path,) = SEEDS.glob(f"{name}*")
    line = next(line for line in path.read_text("utf-8").splitlines() if part in line)
    return [e for e in evidence(line) if part in e.text]


@pytest.mark.parametrize(
    ("question", "sentence", "answer"),
    [
        ("When does it begin?", "The tariffs begin on November 1, 2025.", ["November 1, 2025"]),
        ("In what year did it open?", "It opened on May 3, 1921 after two years.", ["May 3, 1921"]),
        ("In what month did it open?", "It opened in 1921.", []),
        ("When was it built?", "It was built in the late 1800s.", ["the late 1800s"]),
        ("How many people came?", "More than 1,200 people came, one of them on foot.", ["More than 1,200"]),
        ("How many came?", "Half of them came.", []),
        ("What percentage is exported?", "Over 75% is exported, or 25 per cent less.", ["Over 75%", "25 per cent"]),
        ("How much did it cost?", "It cost more than $10 billion a year.", ["more than $10 billion a year"]),
        ("How old is he?", "Kenny, 58, is older than a 40-year-old.", ["58", "40"]),
        ("How long did it last?", "It lasted about two weeks.", ["about two weeks"]),
        ("Who is he?", "He is 58.", []),
    ],
)
def test_whole_phrases_of_a_measure(question: str, sentence: str, answer: list[str]) -> None:
    found = [sentence[a:b].strip() for a, b in analyse(question).answer_phrases(sentence)]
    assert [phrase.removeprefix("the ") for phrase in found] == [phrase.removeprefix("the ") for phrase in answer]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("He met Dominic LeBlanc in Mexico City.", ["Dominic LeBlanc", "Mexico City"]),
        (
            "the Vehicle Manufacturers of Canada said",
            ["Vehicle Manufacturers", "Canada", "Vehicle Manufacturers of Canada"],
        ),
    ],
)
def test_names_are_capitalised_words_in_a_row(text: str, found: list[str]) -> None:
    assert {text[a:b] for a, b in names(text, words(text))} == set(found)


def test_the_shortest_answer_of_a_seed(encoder: MiniLM) -> None:
    question = analyse("What percentage of Canada's exports go to the United States?")
    short = find_short_answer(
        question, seed_sentence("003", "over 75% of Canadian exports"), encoder, load_answer_reader()
    )
    assert short is not None
    assert (short.candidate.text, short.text) == ("over 75%", "Over 75%.")


def test_a_measure_that_no_sentence_gives_has_no_answer(encoder: MiniLM) -> None:
    assert (
        find_short_answer(
            analyse("How old is Dominic LeBlanc?"),
            evidence("Dominic LeBlanc spoke to reporters."),
            encoder,
            load_answer_reader(),
        )
        is None
    )
    assert find_short_answer(analyse("How old is Dominic LeBlanc?"), [], encoder, load_answer_reader()) is None


def test_a_name_is_given_without_its_possessive(encoder: MiniLM) -> None:
    found, _ = candidates(
        analyse("Which country votes?"),
        evidence("People say that Brazil’s vote is near."),
        encoder,
        load_answer_reader(),
    )
    assert "Brazil" in [candidate.text for candidate in found]
    assert not any(candidate.text.endswith("’s") for candidate in found)


def test_an_answer_opens_with_a_likely_short_answer_alone() -> None:
    when, why = analyse("When did it open?"), analyse("Why did it open?")
    assert shows_short_answer(when, 0.6)
    assert not shows_short_answer(when, 0.59)
    assert not shows_short_answer(why, 0.9)


def test_a_short_answer_is_a_line() -> None:
    (one,) = evidence("It opened at  noon.")
    assert ShortAnswer(Candidate(one, 10, 18), share=0.9, score=0.0).text == "At noon."


@settings(max_examples=15, deadline=None)
@given(st.text(alphabet="aB .,“”1%’s-\n", min_size=1, max_size=60))
def test_every_candidate_is_in_its_sentence(encoder: MiniLM, text: str) -> None:
    for asked in ("What is it?", "How many are there?"):
        given = evidence(text)
        found, features = candidates(analyse(asked), given, encoder, load_answer_reader())
        assert features.shape == (len(found), len(CANDIDATE_FEATURES))
        assert all(one.evidence.start <= one.start < one.end <= one.evidence.end for one in found)
