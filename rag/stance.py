"""Which way a sentence points on what a question asks about: talks that advance or stall, a number that rises or falls.

A class is a pair of word lists, and a negation before a word turns it round. Only classes that the question itself
speaks of are looked at, so that two sentences are never opposed on a matter nobody asked about.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rag.words import stem

_CLASSES: tuple[tuple[str, str, str], ...] = (
    # what questions say, one way, the other way
    ("close closer near progress advance imminent likely prospect chance breakthrough deal stall stalled table anywhere",
     "progress advancing advances breakthrough closer inching imminent constructive momentum",
     "stalled stall deadlock deadlocked impasse setback dismissed dismisses unlikely collapsed dampened standstill"),
    ("contact dialogue touch talking communicate",
     "ongoing dialogue regular frequent resumed constant",
     "minimal suspended halted severed"),
    ("help hurt benefit harm damage strengthen weaken good bad",
     "enhance enhances enhancing boost boosts strengthen strengthens benefit benefits improve improves helps",
     "undermine undermines hurt hurts damage damages damaging weaken weakens harm harms harming"),
    ("agree accept approve support back oppose reject refuse favour favor endorse",
     "agree agrees agreed accept accepts accepted approve approves approved support supports supported backs backed "
     "endorse endorses endorsed welcomes welcomed",
     "refuse refuses refused reject rejects rejected oppose opposes opposed"),
    ("confirm deny admit true false involved responsible",
     "confirm confirms confirmed admit admits admitted acknowledge acknowledges acknowledged",
     "deny denies denied dispute disputes disputed refute refutes refuted"),
    ("rise fall increase decrease grow shrink drop climb up down higher lower",
     "rise rises rose risen increase increases increased grow grows grew grown climb climbs climbed surge surges surged "
     "jumped",
     "fall falls fell fallen decrease decreases decreased drop drops dropped decline declines declined shrink shrank "
     "plunged"),
    ("safe dangerous risk unsafe", "safe harmless secure", "unsafe dangerous hazardous harmful"),
    ("constructive frosty mood tone conciliatory friendly tense cordial relations",
     "constructive conciliatory cordial friendly warm", "frosty tense hostile icy strained acrimonious"),
    ("win won lose lost winner", "won wins win victory", "lost loses lose defeat"),
)  # fmt: skip
_PHRASES = (
    (0, -1, re.compile(r"\bnot on the table\b|\boff the table\b|\bdealt a blow\b", re.IGNORECASE)),
    (
        1,
        -1,
        re.compile(r"\bnothing planned\b|\bno (?:scheduled|planned) (?:\w+[- ])*(?:meetings|talks)\b", re.IGNORECASE),
    ),
)
_NEGATION = re.compile(
    r"(?:\b(?:not|no|never|little|without|nor|neither|less|hardly|scarcely|fails? to|failed to|lack of|denie[sd]|"
    r"doubt(?:s|ed)?|yet to)|n[’']t)\b(?:[ ,]+[\w’'-]+){0,3}[ ,]*$",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+(?:[’'][^\W\d_]+)?")


def asked_about(question: str) -> frozenset[int]:
    """The classes that a question speaks of."""
    found = {stem(word.lower()) for word in _WORD.findall(question)}
    return frozenset(n for n, (cues, _, _) in enumerate(_stemmed()) if cues & found)


def stance(sentence: str, classes: frozenset[int]) -> dict[int, int]:
    """Class -> +1 or -1, for the classes on which the sentence points one way only."""
    signs: dict[int, set[int]] = {}
    for n, sign, pattern in _PHRASES:
        if n in classes and pattern.search(sentence):
            signs.setdefault(n, set()).add(sign)
    for match in _WORD.finditer(sentence):
        word = match.group().lower()
        for n in classes:
            _, one, other = _CLASSES[n]
            sign = 1 if word in one.split() else -1 if word in other.split() else 0
            if sign:
                negated = _NEGATION.search(sentence[: match.start()]) is not None
                signs.setdefault(n, set()).add(-sign if negated else sign)
    return {n: next(iter(found)) for n, found in signs.items() if len(found) == 1}


@lru_cache(maxsize=1)
def _stemmed() -> tuple[tuple[frozenset[str], str, str], ...]:
    return tuple((frozenset(map(stem, cues.split())), one, other) for cues, one, other in _CLASSES)
