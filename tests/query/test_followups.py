"""Follow-ups as standalone questions, and new topics, which stay as they are."""

from __future__ import annotations

import pytest

from rag.query.followups import contextualise
from rag.types import Turn

PEOPLE = ["Brian Kingston", "Flavio Volpe", "Mark Carney", "Donald Trump", "Marty Warren"]


@pytest.mark.parametrize(
    ("earlier", "question", "alone"),
    [
        ("Who is Brian Kingston?", "What does he expect from the meeting?",
         "What does Brian Kingston expect from the meeting?"),
        ("What does Brian Kingston expect?", "And Volpe?", "What does Volpe expect?"),
        ("What is Kingston’s view of tariffs?", "What about Volpe?", "What is Volpe’s view of tariffs?"),
        ("What tariffs hit steel?", "What about lumber?", "What tariffs hit lumber?"),
        ("Did Lutnick think a deal was likely?", "Why not?", "Why didn’t Lutnick think a deal was likely?"),
        ("Will Ottawa answer?", "why not", "Why won’t Ottawa answer?"),
        ("Which sectors are the two talking about?", "What about lumber?", "Are the two talking about lumber?"),
        ("What goods did the law cover?", "And steel?", "Did the law cover steel?"),
        ("What did the law cover?", "And steel?", "What did the law cover (steel)?"),
        ("What did Carney tell Trump?", "When?", "When did Carney tell Trump?"),
        ("Who is Marty Warren?", "What is his job?", "What is Marty Warren’s job?"),
        ("What day does Carney meet Trump?", "And who is he seeing in Mexico?",
         "And who is Mark Carney seeing in Mexico?"),
        ("What did Carney say in Ottawa?", "And in public?", "What did Carney say in Ottawa in public?"),
        ("Who met Lutnick on August 26?", "How long did it last?", "How long did it last (Lutnick, August 26)?"),
        ("What does Brian Kingston expect?", "Volpe?", "What does Volpe expect?"),
        ("How many skills can I create?", "What about Hebrew?", "How many skills can I create (Hebrew)?"),
        ("What is the speed limit in Ontario?", "bicycles", "bicycles (Ontario, speed limit)?"),
        ("How can I see the lunar eclipse?", "I meant the solar one", "How can I see the lunar eclipse (solar one)?"),
        ("Who met Lutnick in Washington?", "Did those meetings lead to anything?",
         "Did those meetings lead to anything (Lutnick, Washington)?"),
    ],
)  # fmt: skip
def test_follow_up(earlier: str, question: str, alone: str) -> None:
    assert contextualise(question, [Turn(earlier)], PEOPLE) == alone


@pytest.mark.parametrize(
    "question",
    [
        "When did King Charles open Parliament?",
        "Which new sectors did LeBlanc mention?",
        "Who is Usha Vance?",
        "How does the review of CUSMA work and who asked for it?",
        "Is it true that King Charles opened Parliament?",
        "What about the formal review of the trade agreement with Mexico?",
        "By the way, is it raining?",
        "What had Volpe said about Canadian cars before that?",
    ],
)
def test_a_new_topic_carries_nothing_over(question: str) -> None:
    assert contextualise(question, [Turn("What did Trump announce about trucks?")], PEOPLE) == question


def test_a_person_may_be_named_only_by_the_earlier_answer() -> None:
    history = [Turn("Who leads the steelworkers’ union?", "Marty Warren, national director of the union, warned …")]
    assert contextualise("What did he say?", history, PEOPLE) == "What did Marty Warren say?"


def test_a_thing_is_carried_over_as_the_topic() -> None:
    history = [Turn("Who hosted Carney for dinner?")]
    assert contextualise("What did they talk about?", history, PEOPLE) == "What did they talk about (Carney, dinner)?"


def test_without_history_nothing_changes() -> None:
    assert contextualise("What does he expect?", []) == "What does he expect?"
