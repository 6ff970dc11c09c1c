"""Find the direction of a sentence: talks advance or stall, a number rises or falls.

A class has two lists of words with opposite directions. A negation before a word reverses its direction. Only the
classes that the question mentions are compared, so that two sentences are not opposed on something nobody asked about.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rag.text.tokens import stem

# Words of a direction that are added to a search for it.
SEARCHED_WORDS = 3
_CLASSES: tuple[tuple[str, str, str], ...] = (
    # words of questions; words of one direction; words of the opposite direction
    ("close closer near progress advance imminent likely prospect chance breakthrough stall stalled anywhere",
     "progress advancing advances advancement advancements breakthrough closer inching imminent constructive momentum",
     "stalled stall deadlock deadlocked impasse setback unlikely collapsed dampened standstill"),
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
     "rise rises rose risen increase increases increased grow grows grew grown climb climbs climbed surge surges "
     "surged jumped",
     "fall falls fell fallen decrease decreases decreased drop drops dropped decline declines declined shrink shrank "
     "plunged"),
    ("safe dangerous risk unsafe", "safe harmless secure", "unsafe dangerous hazardous harmful"),
    ("constructive frosty mood tone conciliatory friendly tense cordial relations",
     "constructive conciliatory cordial friendly warm", "frosty tense hostile icy strained acrimonious"),
    ("win won lose lost winner", "won wins win victory", "lost loses lose defeat"),
)  # fmt: skip
# A word that questions use for the class, and a pattern of phrases that have its negative direction.
_PHRASES: tuple[tuple[str, str], ...] = (
    ("close", r"\bnot on the table\b|\boff the table\b|\bdealt a blow\b|"
     r"\bdismiss(?:ed|es) (?:any|the|all) (?:[\w-]+ ){0,2}(?:prospects?|hopes?)\b"),
    ("contact", r"\bnothing planned\b|\bno (?:scheduled|planned) (?:\w+[- ])*(?:meetings|talks)\b"),
)  # fmt: skip
# Words that deny: pure negations, verbs, and words that only weaken.
_NEGATIONS = r"not|no|never|none|nobody|nothing|neither|nor|without|cannot"
_DENYING_VERBS = r"den(?:y|ies|ied)|refus(?:e|es|ed|ing)|fail(?:s|ed)?|lack(?:s|ed)?"
_WEAKENING = r"unlikely|impossible|false|little|less|hardly|scarcely|doubt(?:s|ed)?|yet to|unlike|except"
_DENIAL = re.compile(rf"\b(?:{_NEGATIONS}|{_DENYING_VERBS})\b|n[’']t\b", re.IGNORECASE)
_DENIAL_WORD = re.compile(rf"{_NEGATIONS}|{_DENYING_VERBS}|unlikely|impossible|false|n|[^\W\d_]*n[’']t", re.IGNORECASE)
_NEGATION = re.compile(rf"\b(?:{_NEGATIONS})\b|n[’']t\b", re.IGNORECASE)
_DENIED_AFTER = re.compile(  # the denied word comes at most three words later
    rf"(?:\b(?:{_NEGATIONS}|{_DENYING_VERBS}|{_WEAKENING})|n[’']t)\b(?:[ ,]+[\w’'-]+){{0,3}}[ ,]*$", re.IGNORECASE
)
# Words around a wish or a condition: it has not happened.
_UNREAL_BEFORE = re.compile(
    r"\b(?:if|whether|hop(?:e|es|ed|ing)|needs?|wants?|seeks?|requires?|beyond|failing|without|until|"
    r"calls? for|pushing for|looking for|expect\w*)\b(?:[ ,]+[\w’'-]+){0,3}[ ,]*$",
    re.IGNORECASE,
)
# Lower case alone, so that the month of May does not match.
_UNREAL_AFTER = re.compile(r"(?: [\w’'-]+){0,3} (?:may|would|could|might|should|depends|requires?)\b")
_WORD = re.compile(r"[^\W\d_]+(?:[’'][^\W\d_]+)?")


def has_negation(text: str) -> bool:
    """Return whether a text has a pure negation: "not", "never", "didn’t"."""
    return _NEGATION.search(text) is not None


def is_negated(text: str) -> bool:
    """Return whether a text denies something, by a negation or by a verb such as "refused"."""
    return _DENIAL.search(text) is not None


def is_denial(word: str) -> bool:
    """Return whether a word denies what follows it; "n" does, because tokenised text has "did n’t"."""
    return _DENIAL_WORD.fullmatch(word) is not None


def cues(classes: frozenset[int]) -> frozenset[str]:
    """Return the stems of the words that questions use for these classes."""
    return frozenset().union(*(_stems_of_classes()[n] for n in classes))


def classes_asked_about(question: str) -> frozenset[int]:
    """Return the numbers of the classes that a question mentions."""
    stems = {stem(word.lower()) for word in _WORD.findall(question)}
    return frozenset(n for n, asked in enumerate(_stems_of_classes()) if asked & stems)


def words_for(n: int, sign: int) -> str:
    """Return words to add to a search for sentences of direction `sign` (+1 or -1) of class `n`."""
    return " ".join(_CLASSES[n][1 if sign > 0 else 2].split()[:SEARCHED_WORDS])


def stance(sentence: str, classes: frozenset[int]) -> dict[int, int]:
    """Return class number -> +1 or -1, for the classes in which the sentence has only one direction."""
    signs: dict[int, set[int]] = {}
    for cue, pattern in _PHRASES:
        for n in classes_asked_about(cue) & classes:
            if re.search(pattern, sentence, re.IGNORECASE):
                signs.setdefault(n, set()).add(-1)
    for match in _WORD.finditer(sentence):
        word = match.group().lower()
        if _UNREAL_BEFORE.search(sentence[: match.start()]) or _UNREAL_AFTER.match(sentence[match.end() :]):
            continue
        for n in classes:
            _, one, other = _CLASSES[n]
            sign = 1 if word in one.split() else -1 if word in other.split() else 0
            if sign:
                negated = _DENIED_AFTER.search(sentence[: match.start()]) is not None
                signs.setdefault(n, set()).add(-sign if negated else sign)
    return {n: next(iter(found)) for n, found in signs.items() if len(found) == 1}


@lru_cache(maxsize=1)
def _stems_of_classes() -> tuple[frozenset[str], ...]:
    return tuple(frozenset(map(stem, asked.split())) for asked, _, _ in _CLASSES)
