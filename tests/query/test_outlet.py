"""The outlet that a query asks for."""

from __future__ import annotations

import pytest

from rag.query.outlet import read_outlet

PUBLISHERS = ["BBC News", "CBC", "CBC News", "The Globe and Mail", "Reuters", "CNN.com", ""]


@pytest.mark.parametrize(
    ("query", "outlet"),
    [
        ("How many were hurt, according to the BBC?", "BBC News"),
        ("What did CBC News report about the strike?", "CBC News"),
        ("What did the CBC say about the strike?", "CBC News"),
        ("Who resigned, as reported in The Globe and Mail?", "The Globe and Mail"),
        ("What is in Reuters’ coverage of the talks?", "Reuters"),
        ("What is new in the story from CNN?", "CNN.com"),
        ("Who owns the BBC?", None),  # it is what is asked about
        ("What did the minister say?", None),
        ("According to the BBCs of this world", None),
        ("", None),
    ],
)
def test_the_outlet_that_a_query_asks_for(query: str, outlet: str | None) -> None:
    assert read_outlet(query, PUBLISHERS) == outlet
