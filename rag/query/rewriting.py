"""A follow-up made to stand alone by a language model, and the guard over what it writes.

The model is asked only where the rules (`rag.query.followups`) find that a question leans on its history, so that a
changed topic drags nothing along and costs nothing. Its reply is data, taken for a question only when every word of it
comes from the conversation and none of the question's own is lost; otherwise the rules' version stands.
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
from rag.query.followups import FRAGMENT, leans_back, points_back
from rag.text.polarity import has_negation
from rag.text.sentences import sentences
from rag.text.tokens import keys
from rag.types import Turn
from rag.verification.citations import MARKER

TURNS = 3  # latest ones that the model is shown
TURN_CHARS = 300  # of each question and answer that it is shown

# Reasons that the rules' version stands.
NOT_ASKED = "not asked"
NO_REPLY = "no reply"
NO_LINE = "not one short line"
NO_QUESTION = "not one question"
STRANGE = "a word from nowhere"
LOST = "a word of the question lost"
POINTS = "still points back"
ADDS_NOTHING = "adds nothing"
AGAIN = "an earlier question again"
OTHER = "about something else"

# Words that only point, or only greet: the one kind of content word that a rewrite may leave out.
_LEFT_OUT = keys(
    "one ones another others former latter thing things mean meant ok okay thank thanks yes sorry oh ah well hi hello"
)
# Not content words, and a question turns round without them.
_SIDES = re.compile(r"\b(?:before|after|since|until|against|only|most)\b", re.IGNORECASE)
_ASKING = re.compile(r"\b(?:when|where|why|who|how|what|many|much)\b", re.IGNORECASE)
_ABOUT = re.compile(r"^(?:(?:and|so|but|ok|okay),? )?(?:what|how) about\b", re.IGNORECASE)  # asks nothing by itself
_WRAPPING = re.compile(  # what models put around a reply
    r"^[\s\"“*]*(?:(?:[\w ]*question|Q):[\s\"“*]+)?|[\s\"”*]+$", re.IGNORECASE
)
_SAME = (
    (re.compile(r"\bwhom?\b|\bwhose\b", re.IGNORECASE), "who"),
    (re.compile(r"\bwhich\b", re.IGNORECASE), "what"),
)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A follow-up made to stand alone.

    Attributes:
        why: why it is not the model's version but the rules'; empty when it is the model's.
        fault: what kept the model from replying, in the user's words; empty when it replied or was not asked.
    """

    text: str
    why: str = ""
    fault: str = ""


def stand_alone(question: str, history: Sequence[Turn], rules: str, spec: str, key: str | None = None) -> Rewrite:
    """The question without its conversation, by the generator that `spec` names if it is one that rewrites.

    Args:
        history: earlier turns, oldest first, their questions standing alone.
        rules: the question as the rules make it stand alone.
        key: for a hosted model, instead of that of the environment.
    """
    if spec == "extractive" or not leans_back(question, rules):
        return Rewrite(rules, NOT_ASKED)
    try:
        model = generator(spec, key)
    except GeneratorError as error:
        return Rewrite(rules, NO_REPLY, str(error))
    if isinstance(model, Rewriter) and model.rewrites:
        return rewritten(question, history, rules, model)
    return Rewrite(rules, NOT_ASKED)


def rewritten(question: str, history: Sequence[Turn], rules: str, model: Rewriter) -> Rewrite:
    """The model's version where the question leans on its history and the guard lets it through, else the rules'."""
    if not leans_back(question, rules):
        return Rewrite(rules, NOT_ASKED)
    shown = recent(history)
    try:
        reply = _WRAPPING.sub("", model.rewrite(question, shown))
    except GeneratorError as error:
        return Rewrite(rules, NO_REPLY, str(error))
    why = refused(reply, question, shown)
    return Rewrite(rules, why) if why else Rewrite(reply)


def recent(history: Sequence[Turn]) -> list[Turn]:
    """The latest turns, each cut short between words, without citation numbers: what the model and the guard see."""
    return [Turn(_short(turn.question), _short(MARKER.sub("", turn.answer))) for turn in history[-TURNS:]]


def refused(reply: str, question: str, history: Sequence[Turn]) -> str:
    """Why a reply may not be asked in the question's place; empty when it may."""
    own, new = _telling(question), _telling(reply)
    asked = frozenset().union(*(_telling(turn.question) for turn in history))
    answered = frozenset().union(*(_telling(turn.answer) for turn in history))
    kept = own - _LEFT_OUT
    if reply != single_line(reply) or not 0 < len(reply) <= MAX_REWRITE_CHARS:
        return NO_LINE
    if not reply.endswith("?") or len(sentences(reply)) > len(sentences(question)):
        return NO_QUESTION
    if new - own - asked - answered:
        return STRANGE
    if kept - new or _asking(question) - _asking(reply):
        return LOST
    if points_back(reply):
        return POINTS
    if not new - own and len(kept) <= FRAGMENT:  # of a longer one it may say that it stands alone
        return ADDS_NOTHING
    if any(new <= _telling(turn.question) and _asking(reply) <= _asking(turn.question) for turn in history):
        return AGAIN
    return "" if new & (kept | asked) else OTHER


def _short(text: str) -> str:
    return textwrap.shorten(text, TURN_CHARS, placeholder=" …")


def _telling(text: str) -> frozenset[str]:
    """Keys of the content words, and of those that turn a question round."""
    sides = frozenset(match.group().lower() for match in _SIDES.finditer(text))
    return keys(text) | sides | (frozenset({"not"}) if has_negation(text) else frozenset())


def _asking(text: str) -> frozenset[str]:
    for pattern, word in _SAME:
        text = pattern.sub(word, text)
    return frozenset(match.group().lower() for match in _ASKING.finditer(_ABOUT.sub("", text)))
