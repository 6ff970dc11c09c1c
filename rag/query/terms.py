"""Find the terms, the names and the phrases of a question by its words and their order, without a grammar.

English only.
"""

from __future__ import annotations

import re

from rag.text.names import WORD_JOINS, name_spans
from rag.text.sentences import Span
from rag.text.tokens import ASKING, GRADED, SAYING, Word, stem, words

# Pattern of the auxiliary verbs that open a question or follow its question word.
AUXILIARIES = r"(?:is|are|was|were|do|does|did|has|have|had|will|would|can|could|should)"
# Names of one word that may open a question; any other word there is capitalised only because it comes first.
_OPENING_NAMES = frozenset({"united-states", "canada", "mexico", "united-kingdom"})
_ONLY_ASKS = re.compile(  # phrases that mean "happened", and requests for an answer
    r"\b(?:tak(?:e|es|en|ing)|took) place\b|"
    r"^(?:(?:please|can you|could you) )?(?:list|compare|contrast|find|outline)\b",
    re.IGNORECASE,
)
# Common verbs and filler words of questions, which do not name the topic.
_VERBS = frozenset(
    stem(verb)
    for verb in """add affect agree allow announce appear apply ask avoid become begin bring build call cause change
    choose clarify come compare consider cover create cut decide define depend describe differ do end exist expect
    explain face fail fall feel find follow form found get grow handle happen have hear help hit hold host hurt improve
    include increase install involve keep know launch lead learn leave like list live look lose make manage mean meant
    meet mention name need occur offer open own pay plan play possible prepare prevent produce protect provide raise
    reach reduce refer refuse relate rely require rise run see seek sell send serve set sign speak spend start stop
    suggest summarize support speak take talk tell think told try understand update use want warn win won
    work write met held took made gave went came became began brought kept knew led left lost paid ran saw sold sent
    spoke spent wrote heard""".split()
) | frozenset("thank thanks okay ok yes sure correct true popular same different main later".split())
_AFTER_TO = re.compile(r"\b(?:to|can|could|will|would|should|may|might|must|I|you|we|they) $")
_DETERMINED = re.compile(r"\b(?:the|an?|of|on|this|that|these|those|my|your|its|his|her|their|for) $", re.IGNORECASE)
_PHRASE_JOINS = re.compile(r" |-|–| of | of the ")


def question_terms(text: str) -> tuple[Word, ...]:
    """Return the content words of a question in order, without those that only ask ("say", "happen", "how close")."""
    content = [word for word in words(text) if word.content]
    only_asks = [match.span() for match in _ONLY_ASKS.finditer(text)]
    asked = [
        word
        for word in content
        if text[word.start : word.end].lower() not in SAYING | ASKING | GRADED
        and not any(start <= word.start < end for start, end in only_asks)
    ]
    return tuple(asked or content)


def question_names(text: str) -> tuple[Span, ...]:
    """Return the spans of the names in a question: "51st State", "White House". A capitalised first word is no name."""
    row = words(text)
    opening = row[:1] and len(row) > 1 and not row[1].capitalised and row[0].key not in _OPENING_NAMES
    return tuple(name_spans(text, row[1:] if opening else row, WORD_JOINS))


def phrases(text: str) -> list[Span]:
    """Return the spans of a question's phrases, in order: terms in a row that are no verbs."""
    spans: list[Span] = []
    for term in question_terms(text):
        if is_verb(text, term.start, term.end):
            continue
        if spans and _PHRASE_JOINS.fullmatch(text[spans[-1][1] : term.start]):
            spans[-1] = (spans[-1][0], term.end)
        else:
            spans.append((term.start, term.end))
    return spans


def is_verb(text: str, start: int, end: int) -> bool:
    """Return whether a word is a common verb, or is in the place of a verb ("to revive", "can revive")."""
    word = text[start:end]
    if word[:1].isupper() or _DETERMINED.search(text[:start]):
        return False
    return stem(word.lower()) in _VERBS or _AFTER_TO.search(text[:start]) is not None
