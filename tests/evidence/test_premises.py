"""False presuppositions: what a question assumes and the articles contradict."""

from __future__ import annotations

import pytest

from rag.evidence.premises import false_title
from rag.query.analysis import analyse
from rag.text.document import Document
from rag.types import Article

TRADE = Article(
    "a",
    "a.txt",
    "Conservative leader Pierre Poilievre wrote to Prime Minister Mark Carney. Trade Minister Dominic LeBlanc met him. "
    "King Charles III opened Parliament. Claudia Sheinbaum, the Mexican president, came later. "
    "“Who is the new king?” a child asked. Ash Carter, once secretary of defense in Washington, was quoted.",
)


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (
            "How did Prime Minister Poilievre vote?",
            "The articles read call Carney “prime minister”, and not Poilievre.",
        ),
        ("What did President LeBlanc say?", "The articles read call LeBlanc “minister”, and not “president”."),
        (
            "What did Prime Minister LeBlanc say?",
            "The articles read call LeBlanc “minister”, and not “prime minister”.",
        ),
        ("Did PM Poilievre resign?", "The articles read call Carney “prime minister”, and not Poilievre."),
        ("What did Prime Minister Carney say?", ""),
        ("What did Minister Carney say?", ""),
        ("What did President Sheinbaum say?", ""),
        ("When did King Charles open Parliament?", ""),
        ("What did President Trump say?", ""),  # nothing is known of him here
        ("What did Poilievre write?", ""),
        ("What did Secretary LeBlanc say?", ""),  # he may have been one
        ("What did President Jimmy Carter say?", ""),  # another one
        ("Who is the prime minister? Who asks?", ""),  # nobody is called Who
        ("Who was president before, and Who is king?", ""),
    ],
)
def test_false_titles(question: str, message: str) -> None:
    assert false_title(analyse(question), [Document(TRADE.text)]) == message


def test_a_title_that_two_people_hold_in_turn_is_not_false() -> None:
    early = Article("b", "b.txt", "Prime Minister Justin Trudeau spoke in Ottawa.")
    later = Article("c", "c.txt", "Prime Minister Mark Carney followed Justin Trudeau.")
    assert false_title(analyse("How did Prime Minister Trudeau vote?"), [Document(later.text)]).endswith(
        "and not Trudeau."
    )
    assert (
        false_title(analyse("How did Prime Minister Trudeau vote?"), [Document(early.text), Document(later.text)]) == ""
    )
