"""Split a question that asks for several things: "Who won, and where was it held?", "What do X and Y each say?".

One search for all of them would mostly find passages for the sub-question with the rarest words. English only.
"""

from __future__ import annotations

import re

from rag.query.followups import contextualise
from rag.query.terms import AUXILIARIES
from rag.text.tokens import keys
from rag.types import Turn

# The last sub-question keeps whatever comes after so many.
MAX_SUB_QUESTIONS = 3
_WORD = r"(?:who|whom|whose|what|when|where|which|why|how)\b"
_VERB = rf"{AUXILIARIES}\b"
_ASKS = re.compile(rf"{_WORD}|{_VERB}", re.IGNORECASE)
_CLAUSE = re.compile(rf"\?\s+(?:and |but )?(?=\w)|[;,]?\s+(?:and|but|or)\s+(?={_WORD})", re.IGNORECASE)
_NAME = r"[A-Z][\w’'-]*(?: (?:of |the |de |van |von )?[A-Z][\w’'-]*)*"
_PAIR = re.compile(rf"\b(?!(?i:{_VERB}))(?P<one>{_NAME})(?:,? (?:and|or|versus|vs\.?|than) )(?P<other>{_NAME})")
# Two names are two things when the question compares them; "Johnson and Johnson" is one.
_COMPARES = re.compile(
    r"\b(?:both|each|respectively|compar\w+|differ\w*|same|alike|(?:dis)?agree\w*|versus|vs)\b", re.IGNORECASE
)


def sub_questions(question: str) -> list[str]:
    """Return the questions that a question for several things consists of; empty when it asks for one thing.

    A later clause that depends on the first ("and where does he live?") is completed from it.
    """
    clauses = [clause.strip() for clause in _CLAUSE.split(question, maxsplit=MAX_SUB_QUESTIONS - 1)]
    if len(clauses) > 1 and all(_ASKS.match(clause) and keys(clause) for clause in clauses):
        first, *rest = clauses
        return [first, *(contextualise(clause, [Turn(first)]) for clause in rest)]
    pair = _PAIR.search(question)
    if pair and _COMPARES.search(question) and not question[: pair.start()].lower().endswith("between "):
        return [question[: pair.start()] + pair[name] + question[pair.end() :] for name in ("one", "other")]
    return []
