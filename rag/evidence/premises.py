"""False presuppositions: a title or an amount that a question takes for granted and the articles read contradict.

"How did Prime Minister Poilievre …" has no answer where Poilievre is the leader of the opposition, and the nearest
sentence about him is a wrong one. Only plain clashes count, so that a question is not refused for a slip: the articles
must name the person, with another title or beside another holder of this one; or the nearest sentence must give another
amount in the amount's place. English only.
"""

from __future__ import annotations

from collections.abc import Sequence

from rag.evidence.scoring import ScoredSentence
from rag.query.analysis import Query
from rag.text.document import Document

AMOUNT_TOLERANCE = 0.1  # of an amount: "20 million" may stand for 19.4 million
# Titles that one person has at a time: anybody may have been a secretary once.
_ONE_AT_A_TIME = frozenset({"prime minister", "president", "premier", "chancellor", "king", "queen", "pope"})


def false_title(query: Query, documents: Sequence[Document]) -> str:
    """Say which title the question gives to somebody whom the articles do not; empty when there is none."""
    for asked in query.title_holders:
        if asked.title not in _ONE_AT_A_TIME:
            continue
        naming = [document for document in documents if asked.name in document.text]
        held = list(dict.fromkeys((h.title, h.surname) for document in naming for h in document.title_holders))
        own = [title for title, surname in held if surname == asked.surname]
        if not naming or any(_fits(asked.title, title) for title in own):
            continue
        if own:
            return f"The articles read call {asked.surname} {_quoted(own)}, and not “{asked.title}”."
        others = [surname for title, surname in held if title == asked.title]
        if others:
            return f"The articles read call {others[0]} “{asked.title}”, and not {asked.surname}."
    return ""


def false_amount(query: Query, scored: Sequence[ScoredSentence], documents: Sequence[Document]) -> str:
    """Say which amount of the question no article read gives, where the best sentence has another; empty when none.

    A question that "no" can answer takes no amount for granted.
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


def _fits(asked: str, held: str) -> bool:
    """Whether one title may stand for the other: a prime minister is a minister."""
    return asked == held or (asked, held) == ("minister", "prime minister")


def _quoted(titles: Sequence[str]) -> str:
    return " and ".join(f"“{title}”" for title in dict.fromkeys(titles))
