"""Sentence scores: how the answer reader changes the order of the best sentences."""

from __future__ import annotations

import pytest

from rag.evidence.scoring import (
    ANSWERS_WEIGHT,
    MAX_LOG_ODDS,
    MAX_READ_SENTENCES,
    READ_WITHIN_LOG_ODDS,
    SAME_QUESTION_WEIGHT,
    ScoredSentence,
    SentenceScorer,
)
from rag.models.answer_reader import answer_reader
from rag.models.linear import log_odds, sigmoid
from rag.models.registry import load_answer_reader, load_encoder
from rag.query.analysis import analyse
from rag.types import Article, Hit, Passage

PLANT = (
    "The people at the plant asked the owners how many of them would have to leave the plant this year. "
    "The plant employs 1,200 workers in three shifts. "
    "The owners of the plant did not answer the people who asked."
)


def scored(question: str, *texts: str) -> list[ScoredSentence]:
    hits = []
    for number, text in enumerate(texts):
        article = Article(id=f"a{number}", path=f"{number}.txt", text=text)
        hits.append(Hit(number + 1, 1.0, Passage(article, 0, len(text))))
    return SentenceScorer(load_encoder("minilm"), load_answer_reader()).score(analyse(question), hits)


def test_a_sentence_that_answers_comes_before_one_that_only_has_the_words() -> None:
    best, *others = scored("How many people work at the plant?", PLANT)
    assert best.evidence.text == "The plant employs 1,200 workers in three shifts."
    assert best.answers is not None
    assert len(others) == 2


def test_a_sentence_that_the_reader_reads_has_both_scores() -> None:
    question = "How many people work at the plant?"
    for one in scored(question, PLANT):
        (places,) = answer_reader().read(question, [one.evidence.text])
        assert one.answers == pytest.approx(max(-MAX_LOG_ODDS, min(MAX_LOG_ODDS, places.answers)))
        first = log_odds(one.evidence.score) - ANSWERS_WEIGHT * (one.answers or 0)
        assert -10 < first < 10


def test_only_the_best_are_read_and_the_others_stay_behind_them() -> None:
    many = [f"In street {n} the plant of the town employs {n} people, who work there." for n in range(1, 40)]
    found = scored("How many people work at the plant?", *many, "The weather was fine on that day in the north.")
    seen = [one for one in found if one.answers is not None]
    assert len(seen) == MAX_READ_SENTENCES
    assert found[: len(seen)] == seen
    scores = [one.evidence.score for one in found]
    assert scores == sorted(scores, reverse=True)
    assert found[-1].evidence.text.startswith("The weather")


def test_a_question_in_an_article_is_no_evidence_but_supports_what_follows() -> None:
    question = "What happened to the ferry?"
    found = scored(question, "What happened to the ferry? It sank near Oban in March. “Who would have thought it?”")
    assert [one.evidence.text for one in found] == ["It sank near Oban in March."]
    (alone,) = scored(question, "It sank near Oban in March.")
    assert alone.features.near < found[0].features.near


def test_no_passages_have_no_sentences() -> None:
    assert (
        SentenceScorer(load_encoder("minilm"), load_answer_reader()).score(
            analyse("How many people work at the plant?"), []
        )
        == []
    )


def test_log_odds_undo_the_sigmoid() -> None:
    for x in (-READ_WITHIN_LOG_ODDS, 0.0, 0.5, 8.0):
        assert log_odds(sigmoid(x)) == pytest.approx(x)


def test_a_sentence_under_the_same_question_in_an_article_counts_more() -> None:
    question = "What is a NOTAM?"
    section = (
        "A notice with safety information for pilots. They must read it before a flight. It is sent every morning."
    )

    def odds(above: str) -> dict[str, float]:
        return {one.evidence.text: log_odds(one.evidence.score) for one in scored(question, f"{above} {section}")}

    alone, other, under = odds(""), odds("Who lifted the ground stop?"), odds("So what is a NOTAM?")
    assert alone.keys() == other.keys() == under.keys()
    for text in alone:
        assert under[text] > max(alone[text], other[text]) + SAME_QUESTION_WEIGHT / 2
