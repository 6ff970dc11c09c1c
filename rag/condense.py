"""A follow-up made to stand alone, from the history, by rules: pronouns resolved, ellipsis filled, topics let go.

Only what the question leaves open is carried over. A question that names its own subject and has no pronoun
is a new topic and stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.question import Question, read
from rag.records import Turn
from rag.words import words

_HE = re.compile(r"\b(he|she|him|her|his|hers|himself|herself)\b", re.IGNORECASE)
_THEY = re.compile(r"\b(they|them|their|theirs|it|its)\b", re.IGNORECASE)
_THIS = re.compile(
    r"\b(?:this|that|these|those)(?=[?.!]?$)|\b(?:about|of|for|from|to|after|before|with|on|by|did|does|do|is|was) "
    r"(?:this|that|these|those)(?= (?:happen|mean|work|take|come|affect|change|matter|start|end|last|announced|true|"
    r"supposed|going|so|not)\b)",
    re.IGNORECASE,
)
_THERE = re.compile(r"\b(there|then)(?=[?.!]?$| (?:too|as well)\b)", re.IGNORECASE)
_ABOUT = re.compile(
    r"^(?:and |so |but |ok |okay )?(?:what|how) about\s+(.+?)[?.!]*$|^(?:and|or)\s+(.+?)[?.!]*$", re.IGNORECASE
)
_BARE = re.compile(
    r"^(?:and |so |but |ok |okay )?(why(?: not)?|when|where|how|who|since when|until when|how so|by how much|how much|"
    r"how many|how long|by whom|with whom|what for|says who|for how long)(?: is that| exactly| then)?[?.!]*$",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"^(?:and |so |but )?(?:(?:what|which)(?: \w+)??|why|when|where|who|whom|how(?: (?:much|many|long|old|far))?) "
    r"(?=(?:is|are|was|were|do|does|did|has|have|had|will|would|can|could|should|might)\b)",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"\b(?:is|are|was|were|do|does|did|has|have|had|will|would|can|could|should|might|what|who|when|where|why|how|which)\b",
    re.IGNORECASE,
)
_OPENS_PHRASE = re.compile(r"\b(?:about|of|on|for|to|in|at|with|from|by|over|against|the|an?) $", re.IGNORECASE)
_POSSESSIVE = {"his", "hers", "their", "theirs", "its"}


def condense(question: str, history: Sequence[Turn], people: Sequence[str] = ()) -> str:
    """Return the question as it would be asked without the conversation.

    Args:
        question: the new question.
        history: earlier turns, oldest first, their questions already standing alone where possible.
        people: full names the archive knows, to tell a person from a place.
    """
    question = question.strip()
    if not history or not question:
        return question
    last = history[-1]
    if match := _BARE.match(question):
        return _bare(match.group(1), last.question)
    if (match := _ABOUT.match(question)) and not _VERB.search(rest := (match.group(1) or match.group(2))):
        return _swap(rest.strip(), read(last.question), people)
    return _fill(question, history, people)


def _bare(word: str, earlier: str) -> str:
    """ "Why?" after "Did X do Y?" asks "Why did X do Y?"."""
    rest = _LEAD.sub("", earlier).strip().rstrip("?.! ")
    lead = re.sub(r" not$", "", word, flags=re.IGNORECASE)
    return f"{lead[0].upper()}{lead[1:]} {rest[0].lower() + rest[1:] if not _starts_with_name(rest) else rest}?"


def _starts_with_name(text: str) -> bool:
    found = words(text)
    return bool(found) and found[0].content and found[0].capitalised


def _swap(new: str, earlier: Question, people: Sequence[str]) -> str:
    """ "And Volpe?": the earlier question with its person, or else its last subject, replaced."""
    text = earlier.text.rstrip("?.! ")
    persons = [span for span in earlier.names if _person(text[slice(*span)], people)]
    if persons and (_person(new, people) or (len(persons) == len(earlier.names) == 1 and new[:1].isupper())):
        start, end = persons[0]
        return f"{text[:start]}{_with_possessive(new, text[start:end])}{text[end:]}?"
    run = _last_run(earlier)
    if run is None:
        return f"{text} {new}?"
    return f"{text[: run[0]]}{new}{text[run[1] :]}?"


def _with_possessive(new: str, old: str) -> str:
    return f"{new}’s" if re.search(r"[’']s$", old) and not re.search(r"[’']s?$", new) else new


def _last_run(question: Question) -> tuple[int, int] | None:
    """What the question is about, more often than not: the last noun phrase as far as it can be told without a
    grammar, the whole last run of content words after "about" or "the", else its last word."""
    run: tuple[int, int] | None = None
    for term in question.terms:
        if run is not None and question.text[run[1] : term.start] in (" ", "-", "–"):
            run = (run[0], term.end)
        else:
            run = (term.start, term.end)
    if run is None or _OPENS_PHRASE.search(question.text[: run[0]]):
        return run
    last = question.terms[-1]
    named = [span for span in question.names if span[0] <= last.start < span[1]]
    return named[0] if named else (last.start, last.end)


def _fill(question: str, history: Sequence[Turn], people: Sequence[str]) -> str:
    own = read(question)
    filled = question
    person = _last_person(history, people)
    if person and _HE.search(filled):
        filled = _HE.sub(lambda m: _form(m.group(), person, filled[m.end() :]), filled, count=2)
    topic = _topic(history[-1], own, person if filled != question else None)
    open_ended = _THEY.search(filled) or _THIS.search(filled) or _THERE.search(filled)
    if open_ended and topic:
        return f"{filled.rstrip('?.! ')} ({topic})?"
    names_nothing = not own.names and filled == question
    if names_nothing and len(own.terms) <= 1 and topic:
        return f"{filled.rstrip('?.! ')} ({topic})?"
    return filled


def _form(pronoun: str, person: str, after: str) -> str:
    """The name in the pronoun's place: "her" before a noun is possessive, before a verb or the end it is not."""
    lower = pronoun.lower()
    possessive = lower in _POSSESSIVE or (lower == "her" and re.match(r" [a-z]+", after) is not None)
    return f"{person}’s" if possessive else person


def _last_person(history: Sequence[Turn], people: Sequence[str]) -> str | None:
    """The person spoken of last: named in the latest question, or else in its answer, and so on back."""
    for turn in reversed(history):
        named = [turn.question[start:end] for start, end in read(turn.question).names]
        persons = [full for name in named if (full := _person(name, people))]
        if persons:
            return persons[-1]
        answered = _first_named(turn.answer, people)
        if answered:
            return answered
    for turn in reversed(history):
        for start, end in reversed(read(turn.question).names):
            if " " in (name := turn.question[start:end]):
                return name
    return None


def _person(name: str, people: Sequence[str]) -> str | None:
    """The full name of the person that `name` (a surname, a full name, either with a possessive) means."""
    bare = re.sub(r"[’']s?$", "", name)
    for full in people:
        if bare == full or bare == full.split()[-1] or bare.endswith(" " + full):
            return full if len(full) >= len(bare) else bare
    return None


def _first_named(answer: str, people: Sequence[str]) -> str | None:
    places = [(answer.find(full), full) for full in people if full in answer]
    return min(places)[1] if places else None


def _topic(last: Turn, own: Question, person: str | None) -> str:
    """What the last question was about, without what the new one already says."""
    earlier = read(last.question)
    known = {w.key for w in own.terms} | {w.key for w in words(person or "")}
    kept: list[tuple[int, int]] = []
    for term in earlier.terms:
        if term.key in known:
            continue
        if kept and earlier.text[kept[-1][1] : term.start] in (" ", "-", "–"):
            kept[-1] = (kept[-1][0], term.end)
        else:
            kept.append((term.start, term.end))
    return ", ".join(re.sub(r"[’']s$", "", earlier.text[start:end]) for start, end in kept)
