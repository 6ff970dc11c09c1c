"""What a question takes for granted that the articles read speak against: a title that somebody else has, a number.

"How did Prime Minister Poilievre …" has no answer where Poilievre is the leader of the opposition, and the nearest
sentence about him is a wrong one. Only plain clashes count, so that a question is not refused for a slip of words: the
articles must name the person, with another title or beside another who has this one; or the sentence that comes nearest
must give another amount in the amount's place. English only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rag.evidence.scoring import ScoredSentence
from rag.query.analysis import Query
from rag.text.quantities import quantities
from rag.text.tokens import words
from rag.types import Article

TOLERANCE = 0.1  # of a number: "20 million" is told of 19.4 million
_TITLES = (
    "prime minister", "vice president", "deputy minister", "president", "minister", "premier", "chancellor",
    "secretary", "governor", "senator", "mayor", "ambassador", "king", "queen", "pope", "justice", "score",
)  # fmt: skip
_ONE_AT_A_TIME = frozenset({"prime minister", "president", "premier", "chancellor", "king", "queen", "pope"})
_SHORT = {"pm": "prime minister", "pres": "president", "gov": "governor", "sen": "senator", "sec": "secretary"}
_TITLE = "|".join((*_TITLES, *_SHORT))
_NAME = r"[A-Z][\w’'-]+(?: (?:[A-Z]\. )?[A-Z][\w’'-]+){0,2}"
_TITLED = re.compile(rf"\b(?P<title>(?i:{_TITLE}))\.? (?P<name>{_NAME})")
_NAMED = re.compile(
    rf"(?P<name>{_NAME})(?:,| is| was| became| as)(?: the| a| an| its)?(?: [\w’'.-]+){{0,2}}? "
    rf"(?P<title>(?i:{_TITLE}))\b"
)
_NUMERAL = re.compile(r"[IVX]+|[JS]r\.?")


def false_title(question: Query, articles: Sequence[Article]) -> str:
    """Say which title of the question's the articles do not give to whom it gives it; empty when there is none.

    Only a title that one person has at a time is looked at: anybody may have been a secretary once.
    """
    for title, full_name in _holders(question.text):
        if title not in _ONE_AT_A_TIME:
            continue
        name = _surname(full_name)
        texts = [article.text for article in articles if full_name in article.text]
        held = list(dict.fromkeys((other, _surname(holder)) for text in texts for other, holder in _holders(text)))
        own = [other for other, holder in held if holder == name]
        if not texts or any(_fits(title, other) for other in own):
            continue
        if own:
            return f"The articles read call {name} {_quoted(own)}, and not “{title}”."
        others = [holder for other, holder in held if other == title]
        if others:
            return f"The articles read call {others[0]} “{title}”, and not {name}."
    return ""


def false_amount(question: Query, scored: Sequence[ScoredSentence]) -> str:
    """Say which amount of the question's no article read gives, where the best sentence has another; empty when none.

    A question that can be answered by "no" takes no number for granted, and a number that is nearly right is none.
    """
    amounts = [quantity for quantity in quantities(question.text) if not quantity.bare]
    if question.kind == "yesno" or not scored or not amounts:
        return ""
    texts = {j.evidence.article.text for j in scored}
    given = [quantity for text in texts for quantity in quantities(text)]
    best = scored[0].evidence.text
    for asked in amounts:
        alike = [q for q in quantities(best) if q.percent == asked.percent and not q.bare]
        if alike and not any(q.percent == asked.percent and _near(q.value, asked.value) for q in given):
            wrong, right = question.text[asked.start : asked.end], best[alike[0].start : alike[0].end]
            return f"Nothing that was read gives “{wrong}”; the nearest sentence says “{right}”."
    return ""


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= TOLERANCE * max(abs(one), abs(other))


def _holders(text: str) -> Iterator[tuple[str, str]]:
    """Each title with the name of who has it: those before the name, then those after it."""
    for match in (*_TITLED.finditer(text), *_NAMED.finditer(text)):
        title, name = match["title"].lower(), match["name"]
        first = next((word.start for word in words(name) if word.content), None)
        if first is not None:  # nobody is called Who, and "Was Carney" is Carney
            yield _SHORT.get(title, title), re.sub(r"[’']s?$", "", name[first:])


def _surname(name: str) -> str:
    """The last word that is a name: of "Charles III" that is Charles."""
    parts = name.split()
    return next((part for part in reversed(parts) if not _NUMERAL.fullmatch(part)), parts[-1])


def _fits(asked: str, held: str) -> bool:
    """Whether one title may stand for the other: a prime minister is a minister."""
    return asked == held or (asked, held) == ("minister", "prime minister")


def _quoted(titles: Sequence[str]) -> str:
    return " and ".join(f"“{title}”" for title in dict.fromkeys(titles))
