"""The parts of a query that asks for several things: "Who won, and where was it held?", "What do X and Y each say?".

One ranking for all of them would be filled by the part with the telling words. English only.
"""

from __future__ import annotations

import re

from rag.query.followups import contextualise
from rag.text.tokens import keys
from rag.types import Turn

MAX_SUB_QUESTIONS = 3  # parts; what is beyond them stays with the last
_WORD = r"(?:who|whom|whose|what|when|where|which|why|how)\b"
_VERB = r"(?:is|are|was|were|do|does|did|has|have|had|will|would|can|could|should)\b"
_ASKS = re.compile(rf"{_WORD}|{_VERB}", re.IGNORECASE)
_CLAUSE = re.compile(rf"\?\s+(?:and |but )?(?=\w)|[;,]?\s+(?:and|but|or)\s+(?={_WORD})", re.IGNORECASE)
_NAME = r"[A-Z][\w’'-]*(?: (?:of |the |de |van |von )?[A-Z][\w’'-]*)*"
_PAIR = re.compile(rf"\b(?!(?i:{_VERB}))(?P<one>{_NAME})(?:,? (?:and|or|versus|vs\.?|than) )(?P<other>{_NAME})")
# Names side by side are two things when the query weighs them against each other; "Johnson and Johnson" is one.
_WEIGHED = re.compile(
    r"\b(?:both|each|respectively|compar\w+|differ\w*|same|alike|(?:dis)?agree\w*|versus|vs)\b", re.IGNORECASE
)


def sub_questions(query: str) -> list[str]:
    """Return the queries that a query for several things comes to; none when it asks for one thing.

    A later clause that leans on the first ("and where does he live?") is filled from it.
    """
    clauses = [clause.strip() for clause in _CLAUSE.split(query, maxsplit=MAX_SUB_QUESTIONS - 1)]
    if len(clauses) > 1 and all(_ASKS.match(clause) and keys(clause) for clause in clauses):
        first, *rest = clauses
        return [first, *(contextualise(clause, [Turn(first)]) for clause in rest)]
    pair = _PAIR.search(query)
    if pair and _WEIGHED.search(query) and not query[: pair.start()].lower().endswith("between "):
        return [query[: pair.start()] + pair[name] + query[pair.end() :] for name in ("one", "other")]
    return []
