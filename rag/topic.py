"""What a question is about: its names, else the phrases that could name a thing. No grammar, only words and order."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.question import Question, read
from rag.words import keys, stem

MOST_PHRASES = 2  # of one question that make up its topic

# Verbs that questions are asked with; a word of these is not what a question is about.
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
_JOINT = re.compile(r" |-|–| of | of the ")  # what joins the words of one phrase

Span = tuple[int, int]


def topic(question: str, known: frozenset[str] = frozenset()) -> list[str]:
    """The phrases that a follow-up to `question` leaves out, most telling first, at most `MOST_PHRASES`.

    What an earlier condensing put in brackets is the topic still; then names; then what else could name a thing.

    Args:
        known: keys of the words that the follow-up has itself; a phrase of nothing else is left out.
    """
    asked = read(question)
    carried = _bracketed(question)
    runs = phrases(asked)
    named = [run for run in runs if any(start < run[1] and run[0] < end for start, end in asked.names)]
    found = carried
    for start, end in dict.fromkeys([*named, *runs]):
        if not _inside(found, question[start:end]):
            found = [*found, question[start:end]]
    fresh = [re.sub(r"[’']s?$", "", phrase) for phrase in dict.fromkeys(found) if keys(phrase) - known]
    return fresh[:MOST_PHRASES]


def phrases(question: Question) -> list[Span]:
    """Runs of content words that are no verbs, in order."""
    text = question.text
    runs: list[Span] = []
    for term in question.terms:
        if is_verb(text, term.start, term.end):
            continue
        if runs and _JOINT.fullmatch(text[runs[-1][1] : term.start]):
            runs[-1] = (runs[-1][0], term.end)
        else:
            runs.append((term.start, term.end))
    return runs


def is_verb(text: str, start: int, end: int) -> bool:
    """Whether a word is one of the verbs, or stands where only a verb stands ("to revive", "can revive")."""
    word = text[start:end]
    if word[:1].isupper() or _DETERMINED.search(text[:start]):
        return False
    return stem(word.lower()) in _VERBS or _AFTER_TO.search(text[:start]) is not None


def _bracketed(question: str) -> list[str]:
    match = re.search(r"\(([^()]+)\)[?.!]*$", question)
    return match.group(1).split(", ") if match else []


def _inside(phrases: Sequence[str], name: str) -> bool:
    return any(keys(name) <= keys(phrase) for phrase in phrases)
