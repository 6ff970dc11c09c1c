"""What a question asks for: its kind, the words an answer must carry, the person it asks about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from rag.errors import QuestionError
from rag.text.tokens import ASKING, GRADED, SAYING, Word, words

MAX_QUESTION_CHARS = 2_000

Kind = Literal[
    "who", "when", "where", "count", "percent", "money", "age", "duration", "why", "how", "yesno", "said", "what"
]

_KINDS: tuple[tuple[str, Kind], ...] = (
    (r"^(?:and |so |but )?when\b(?!.*\bborn\b)", "when"),
    (r"^(?:and |so |but )?where\b", "where"),
    (r"^(?:and |so |but )?why\b", "why"),
    (r"how old\b|\bwhat age\b|\bwhat is the age\b|\bborn\b", "age"),
    (r"\bhow (?:long|many (?:years|months|weeks|days|hours|minutes))\b", "duration"),
    (r"\bhow many\b|\bwhat number\b|\bnumber of\b", "count"),
    (r"\bwhat (?:percentage|percent|share|proportion|rate|fraction)\b|\bwhich percentage\b|\bhow much of\b|"
     r"\b(?:what|which|how (?:much|many))\b.*\bper ?cent\b|"
     r"\bwhat (?:is|was|are|were) the (?:[\w’'-]+ ){0,3}?(?:percentage|share|proportion|"
     r"(?:tariff|tax|duty|interest|unemployment|jobless|inflation|growth|approval|turnout) rate)\b", "percent"),
    (r"\bhow (?:much|large|big|high|expensive)\b|\bwhat (?:price|cost|salary)\b|\bcosts?\b.*\?", "money"),
    (r"^(?:and |so |but )?(?:when|since when|until when)\b|\b(?:what|which) (?:day|date|month|year|time)\b|"
     r"\bon (?:what|which) (?:day|date)\b|\bwhen (?:did|does|do|is|was|were|will|are)\b", "when"),
    (r"^(?:and |so |but )?where\b|\b(?:in )?(?:which|what) (?:city|country|place|state|province|town|location|venue)\b|"
     r"\bwhere (?:did|does|do|is|was|were|will|are)\b", "where"),
    (r"^(?:and |so |but )?why\b|\bwhat (?:is|was|are|were)? ?(?:the )?reasons?\b|"
     r"\bwhy (?:did|does|do|is|was|were|has|have)\b", "why"),
    (r"^(?:and |so |but )?(?:who|whom|whose)\b|\bwho (?:said|is|was|are|has|will)\b|"
     r"\bwhich (?:person|minister|official)\b", "who"),
    (r"\b(?:what|how) (?:did|does|do|has|have|had|would|is|was|were|are)\b.*\b(?:sa(?:y|ys|id|ying)|told|felt|"
     r"(?:think|tell|describ|comment|respond|react|argu|expect|believ|warn|view|feel|call|mention|promis|want)"
     r"(?:e|s|es|ed|ing)?)\b", "said"),
    (r"^(?:and |so |but )?how\b", "how"),
    (r"^(?:and |so |but )?(?:is|are|was|were|do|does|did|has|have|had|will|would|can|could|should|might)\b", "yesno"),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), kind) for pattern, kind in _KINDS)
_ONLY_ASKS = re.compile(  # what says no more than "happened", and what orders an answer
    r"\b(?:tak(?:e|es|en|ing)|took) place\b|"
    r"^(?:(?:please|can you|could you) )?(?:list|compare|contrast|find|outline)\b",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"\b(?:how many|number of)\s+(?:of the |of |more |other )?((?:[\w’'-]+\s?){1,4})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Query:
    """A question, read.

    Attributes:
        kind: what sort of answer it wants.
        terms: its content words in order, without the words that only ask ("say", "happen") or ask for a degree.
        names: spans of capitalised runs that do not merely open the sentence.
        counted: keys of the words after "how many": an answer counts exactly these.
    """

    text: str
    kind: Kind
    terms: tuple[Word, ...]
    names: tuple[tuple[int, int], ...]
    counted: frozenset[str]


def checked(text: str) -> str:
    """The question with white space and invisible characters folded.

    Raises:
        QuestionError: it is empty or longer than MAX_QUESTION_CHARS.
    """
    folded = " ".join("".join(c for c in text if c.isprintable() or c.isspace()).split())
    if not folded:
        raise QuestionError("the question is empty: type what you want to know")
    if len(folded) > MAX_QUESTION_CHARS:
        raise QuestionError(
            f"the question has {len(folded):,} characters: shorten it to {MAX_QUESTION_CHARS:,} or fewer"
        )
    return folded


def analyse(text: str) -> Query:
    """Read a checked question."""
    kind: Kind = next((kind for pattern, kind in _COMPILED if pattern.search(text)), "what")
    all_words = words(text)
    content = [w for w in all_words if w.content]
    only_asks = [match.span() for match in _ONLY_ASKS.finditer(text)]
    asked = [
        w
        for w in content
        if text[w.start : w.end].lower() not in SAYING | ASKING | GRADED
        and not any(start <= w.start < end for start, end in only_asks)
    ]
    counted = _COUNTED.search(text)
    return Query(
        text=text,
        kind=kind,
        terms=tuple(asked or content),
        names=tuple(_names(text, all_words)),
        counted=frozenset(w.key for w in words(counted.group(1)) if w.content)
        if counted and kind == "count"
        else frozenset(),
    )


def _names(text: str, all_words: list[Word]) -> list[tuple[int, int]]:
    """Runs of capitalised content words, "51st State" and "White House" alike."""
    spans: list[tuple[int, int]] = []
    for index, word in enumerate(all_words):
        if (
            not word.capitalised
            or not word.content
            or (index == 0 and len(all_words) > 1 and not all_words[1].capitalised and word.key not in _OPENING_NAMES)
        ):
            continue
        if spans and text[spans[-1][1] : word.start] in (" ", "-", "–"):
            spans[-1] = (spans[-1][0], word.end)
        else:
            spans.append((word.start, word.end))
    return spans


_OPENING_NAMES = frozenset({"united-states", "canada", "mexico", "united-kingdom"})
