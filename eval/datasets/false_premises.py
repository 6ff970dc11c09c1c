"""Make questions with a false premise: one name, role or number of a true question is swapped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from random import Random

from rag.query.analysis import analyse
from rag.text.tokens import keys, words

ROLES = (
    ("president", "prime minister"),
    ("prime minister", "president"),
    ("minister", "governor"),
    ("governor", "mayor"),
    ("mayor", "governor"),
    ("director", "founder"),
    ("founder", "director"),
    ("king", "president"),
    ("queen", "empress"),
    ("author", "publisher"),
    ("captain", "coach"),
    ("coach", "captain"),
    ("spokesperson", "chairman"),
    ("leader", "treasurer"),
)


def names_in(questions: Iterable[str]) -> list[str]:
    """Return every name in the questions, once, in order."""
    found = (analyse(text) for text in questions)
    return list(dict.fromkeys(q.text[start:end] for q in found for start, end in q.names))


def swapped(question: str, names: Sequence[str], known: str, random: Random) -> str | None:
    """Return the question with a name, else a role, else a number of it swapped for another; None without any.

    Args:
        question: a question that the archive answers.
        names: a name is swapped for one of as many words that shares no word with the question or `known`.
        known: the text that answers the true question.
        random: draws the name or the number.
    """
    q = analyse(question)
    if q.names:
        start, end = random.choice(q.names)
        near = keys(question) | keys(known)
        others = [n for n in names if len(n.split()) == len(question[start:end].split()) and not keys(n) & near]
        if others:
            return question[:start] + random.choice(others) + question[end:]
    for role, other in ROLES:
        if match := re.search(rf"\b{role}\b", question, re.IGNORECASE):
            return question[: match.start()] + other + question[match.end() :]
    numbers = [w for w in words(question) if w.number and question[w.start : w.end].isdecimal()]
    if numbers:
        word = random.choice(numbers)
        other = str(int(question[word.start : word.end]) + random.choice((-3, -2, 2, 3, 7)))
        return question[: word.start] + other.lstrip("-") + question[word.end :]
    return None
