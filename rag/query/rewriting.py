"""Rewrite a follow-up as a standalone question with a language model, and check what the model writes.

The model is called only when the rules (`rag.query.followups`) find that a question needs its history, so that a new
topic costs no call. The reply is data: it replaces the question only when each of its words comes from the conversation
and no word of the question is lost. Otherwise the rules' version stays.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rag.errors import GeneratorError
from rag.generation.base import Rewriter
from rag.generation.prompts import MAX_REWRITE_CHARS, single_line
from rag.generation.registry import generator
from rag.query.followups import MAX_FRAGMENT_TERMS, leans_back, points_back
from rag.text.polarity import has_negation
from rag.text.sentences import sentences
from rag.text.tokens import keys
from rag.types import Turn
from rag.verification.citations import MARKER

# The model sees so many of the latest turns.
SHOWN_TURNS = 3
# The model sees so many characters of each question and of each answer.
MAX_TURN_CHARS = 300

# Reasons to use the rules' version.
NOT_ASKED = "not asked"
NO_REPLY = "no reply"
NOT_ONE_LINE = "not one short line"
NOT_ONE_QUESTION = "not one question"
UNKNOWN_WORD = "a word from nowhere"
LOST_WORD = "a word of the question lost"
POINTS_BACK = "still points back"
ADDS_NOTHING = "adds nothing"
REPEATS_QUESTION = "an earlier question again"
OTHER_TOPIC = "about something else"

# Content words that a rewrite may leave out: words that only point or greet.
_OPTIONAL = keys(
    "one ones another others former latter thing things mean meant ok okay thank thanks yes sorry oh ah well hi hello"
)
# These are no content words, but they change the meaning of a question.
_REVERSING = re.compile(r"\b(?:before|after|since|until|against|only|most)\b", re.IGNORECASE)
_QUESTION_WORDS = re.compile(r"\b(?:when|where|why|who|how|what|many|much)\b", re.IGNORECASE)
# "What about …" is no question word of its own.
_ABOUT = re.compile(r"^(?:(?:and|so|but|ok|okay),? )?(?:what|how) about\b", re.IGNORECASE)
_WRAPPING = re.compile(  # text that models put around a reply
    r"^[\s\"“*]*(?:(?:[\w ]*question|Q):[\s\"“*]+)?|[\s\"”*]+$", re.IGNORECASE
)
_SAME = (
    (re.compile(r"\bwhom?\b|\bwhose\b", re.IGNORECASE), "who"),
    (re.compile(r"\bwhich\b", re.IGNORECASE), "what"),
)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A follow-up rewritten as a standalone question.

    Attributes:
        text: the standalone question.
        why: the reason to use the rules' version; empty when it is the model's version.
        fault: why the model did not reply, as a message to the user; empty when it replied or was not called.
    """

    text: str
    why: str = ""
    fault: str = ""


def stand_alone(question: str, history: Sequence[Turn], rules: str, spec: str, key: str | None = None) -> Rewrite:
    """Return the standalone question, by the generator that `spec` names when it can rewrite, else by the rules.

    Args:
        question: the follow-up as it was asked.
        history: the earlier turns, oldest first, with standalone questions.
        rules: the follow-up as the rules rewrite it.
        spec: the name of the generator, as the setting `llm` has it.
        key: the key of a hosted model; None takes it from the environment.
    """
    if spec == "extractive" or not leans_back(question, rules):
        return Rewrite(rules, NOT_ASKED)
    try:
        model = generator(spec, key)
    except GeneratorError as error:
        return Rewrite(rules, NO_REPLY, str(error))
    if isinstance(model, Rewriter) and model.rewrites:
        return rewritten_by_model(question, history, rules, model)
    return Rewrite(rules, NOT_ASKED)


def rewritten_by_model(question: str, history: Sequence[Turn], rules: str, model: Rewriter) -> Rewrite:
    """Return the model's version when the question needs its history and the reply passes, else the rules'."""
    if not leans_back(question, rules):
        return Rewrite(rules, NOT_ASKED)
    shown = shown_turns(history)
    try:
        reply = _WRAPPING.sub("", model.rewrite(question, shown))
    except GeneratorError as error:
        return Rewrite(rules, NO_REPLY, str(error))
    why = reason_to_reject(reply, question, shown)
    return Rewrite(rules, why) if why else Rewrite(reply)


def shown_turns(history: Sequence[Turn]) -> list[Turn]:
    """Return the latest turns as the model sees them: shortened between words, without citation numbers."""
    return [Turn(_shortened(turn.question), _shortened(MARKER.sub("", turn.answer))) for turn in history[-SHOWN_TURNS:]]


def reason_to_reject(reply: str, question: str, history: Sequence[Turn]) -> str:
    """Return why a reply may not replace the question; empty when it may."""
    own, new = _meaning(question), _meaning(reply)
    asked = frozenset().union(*(_meaning(turn.question) for turn in history))
    answered = frozenset().union(*(_meaning(turn.answer) for turn in history))
    required = own - _OPTIONAL
    checks = {
        NOT_ONE_LINE: reply != single_line(reply) or not 0 < len(reply) <= MAX_REWRITE_CHARS,
        NOT_ONE_QUESTION: not reply.endswith("?") or len(sentences(reply)) > len(sentences(question)),
        UNKNOWN_WORD: new - own - asked - answered,
        LOST_WORD: required - new or _question_words(question) - _question_words(reply),
        POINTS_BACK: points_back(reply),
        # A longer question may come back unchanged: it may need no history.
        ADDS_NOTHING: not new - own and len(required) <= MAX_FRAGMENT_TERMS,
        REPEATS_QUESTION: any(
            new <= _meaning(turn.question) and _question_words(reply) <= _question_words(turn.question)
            for turn in history
        ),
        OTHER_TOPIC: not new & (required | asked),
    }
    return next((reason for reason, failed in checks.items() if failed), "")


def _shortened(text: str) -> str:
    return textwrap.shorten(text, MAX_TURN_CHARS, placeholder=" …")


def _meaning(text: str) -> frozenset[str]:
    """Return the keys of the content words, and the words that change the meaning of a question."""
    reversing = frozenset(match[0].lower() for match in _REVERSING.finditer(text))
    return keys(text) | reversing | (frozenset({"not"}) if has_negation(text) else frozenset())


def _question_words(text: str) -> frozenset[str]:
    for pattern, word in _SAME:
        text = pattern.sub(word, text)
    return frozenset(match.group().lower() for match in _QUESTION_WORDS.finditer(_ABOUT.sub("", text)))
