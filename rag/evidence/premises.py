"""Find false presuppositions: a title or an amount that a question assumes and the articles contradict.

"How did Prime Minister Poilievre …" has no answer when the articles call Poilievre the leader of the opposition: any
sentence about him is a wrong answer. Only clear contradictions count: the articles name the person with another
title, or give this title to another person, or the best sentence has another amount. English only.
"""

from __future__ import annotations

from collections.abc import Sequence

from rag.evidence.scoring import ScoredSentence
from rag.query.analysis import Query
from rag.text.document import Document

# Share by which two equal amounts may differ: "20 million" may mean 19.4 million.
AMOUNT_TOLERANCE = 0.1
# Titles that only one person holds at a time. Other titles contradict nothing: many people have been a secretary.
_EXCLUSIVE_TITLES = frozenset({"prime minister", "president", "premier", "chancellor", "king", "queen", "pope"})


def false_title(query: Query, documents: Sequence[Document]) -> str:
    """Say which title of the question the articles contradict; empty when they contradict none."""
    for asked in query.title_holders:
        if asked.title not in _EXCLUSIVE_TITLES:
            continue
        naming = [document for document in documents if asked.name in document.text]
        held = list(dict.fromkeys((h.title, h.surname) for document in naming for h in document.title_holders))
        own = [title for title, surname in held if surname == asked.surname]
        if not naming or asked.title in own:
            continue
        if own:
            return f"The articles read call {asked.surname} {_quoted(own)}, and not “{asked.title}”."
        others = [surname for title, surname in held if title == asked.title]
        if others:
            return f"The articles read call {others[0]} “{asked.title}”, and not {asked.surname}."
    return ""


def false_amount(query: Query, scored: Sequence[ScoredSentence], documents: Sequence[Document]) -> str:
    """Say which amount of the question no article gives while the best sentence has another one; empty when none.

    A yes-or-no question assumes no amount.
    """
    if query.answer_type == "yesno" or not scored or not query.amounts:
        return ""
    given = [quantity for document in documents for quantity in document.quantities]
    best = scored[0].sentence
    for asked in query.amounts:
        alike = [q for q in best.quantities if q.percent == asked.percent and not q.bare]
        if alike and not any(q.percent == asked.percent and _near(q.value, asked.value) for q in given):
            wrong, right = query.text[asked.start : asked.end], best.text[alike[0].start : alike[0].end]
            return f"Nothing that was read gives “{wrong}”; the nearest sentence says “{right}”."
    return ""


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= AMOUNT_TOLERANCE * max(abs(one), abs(other))


def _quoted(titles: Sequence[str]) -> str:
    return " and ".join(f"“{title}”" for title in dict.fromkeys(titles))
