"""Questions for several things, their sub-questions, and what is found for each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.index.reader import Index
from rag.models.base import Encoder
from rag.query.analysis import analyse
from rag.query.decomposition import MAX_SUB_QUESTIONS, sub_questions
from rag.retrieval.hybrid import retrieve


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            "Who chairs the committee, and where does it meet?",
            ["Who chairs the committee", "where does it meet (chairs, committee)?"],
        ),
        (
            "Who is Brian Kingston and what does he expect?",
            ["Who is Brian Kingston", "what does Brian Kingston expect?"],
        ),
        ("Who resigned? When was the vote?", ["Who resigned", "When was the vote (resigned)?"]),
        (
            "What do Dominic LeBlanc and Howard Lutnick each say about autos?",
            ["What do Dominic LeBlanc each say about autos?", "What do Howard Lutnick each say about autos?"],
        ),
        ("Do Canada and Mexico agree?", ["Do Canada agree?", "Do Mexico agree?"]),
    ],
)
def test_a_question_for_several_things_has_sub_questions(query: str, expected: list[str]) -> None:
    assert sub_questions(query) == expected


@pytest.mark.parametrize(
    "query",
    [
        "Who is Brian Kingston?",
        "Which minister, who met Lutnick in August, leads the talks?",  # says more about one thing
        "According to the source, who is travelling?",
        "What is the trade between Canada and Mexico?",
        "Did the talks between Canada and Mexico differ?",
        "What did Johnson and Johnson announce?",  # two names, nothing weighed
        "Canada and when",  # the first half asks nothing
        "",
        "?? and what",
    ],
)
def test_a_question_for_one_thing_has_none(query: str) -> None:
    assert sub_questions(query) == []


def test_there_are_at_most_max_sub_questions() -> None:
    assert (
        len(sub_questions("Who won, and when, and where was it, and why did they, and how was it?"))
        <= MAX_SUB_QUESTIONS
    )


@given(st.text(max_size=300))
def test_any_text_can_be_split(query: str) -> None:
    assert len(sub_questions(query)) in range(MAX_SUB_QUESTIONS + 1)


def test_each_sub_question_finds_its_article(seed_archive: Index, encoder: Encoder) -> None:
    """In one search, the rare words of the first sub-question would leave no passage for the second."""
    query = "What did Lutnick tell colleagues about an auto sector deal, and who delivered the Speech from the Throne?"
    with seed_archive.snapshot() as snapshot:
        hits = retrieve(snapshot, encoder, analyse(query), k=2)
    assert {hit.passage.article.path[:3] for hit in hits} == {"000", "001"}
