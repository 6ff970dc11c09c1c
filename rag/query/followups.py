"""Make a follow-up stand alone by rules: resolve pronouns, complete short questions, and leave new topics alone.

Only what the question leaves open is carried over from the history. A question that names its own subject and has no
word that points back is a new topic and stays as it is. The carried words are in brackets at the end of the question,
where a reader sees them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.query.terms import AUXILIARIES, is_verb, phrases, question_names, question_terms
from rag.text.names import without_possessive
from rag.text.tokens import keys, words
from rag.types import Turn

# A text of so few terms is no sentence: "speed limit".
MAX_FRAGMENT_TERMS = 2
# Content words that "What about …?" may put into the earlier question. A longer text is a question of its own.
MAX_SWAPPED_WORDS = 3
# Phrases of one question that make up its topic.
MAX_TOPIC_PHRASES = 2

_PERSON_PRONOUN = re.compile(r"\b(he|she|him|her|his|hers|himself|herself)\b", re.IGNORECASE)
# Words that point to a thing or a matter mentioned before.
_POINTERS = (
    re.compile(r"\b(?:they|them|their|theirs|it|its)\b", re.IGNORECASE),
    re.compile(
        r"\b(?:this|that|these|those)(?=[?.!,]|$)|\b(?:this|these|those) (?=[a-z])|"
        r"\b(?:about|of|for|from|to|after|before|with|on|by|in|at|during|did|does|do|is|was|what[’']s) that\b",
        re.IGNORECASE,
    ),
    re.compile(r"\b(?:there|then)(?=[?.!]?$| (?:too|as well)\b)", re.IGNORECASE),
    re.compile(
        r"\b(?:others?|another|ones?|both|each|either|former|latter|same|such|else)(?=[?.!,]|$)|"
        r"\b(?:is|are|was|were) there (?:any|a|an|other|more)(?: \w+)?[?.!]*$",
        re.IGNORECASE,
    ),
)
# "Is it true that …": this "it" points to nothing.
_IMPERSONAL_IT = re.compile(
    r"\bit(?:[’']s| is| was| be| seems?| looks?)?(?: still| ever| not)? (?:possible|true|likely|better|best|worth|"
    r"necessary|important|legal|safe to|okay? to|that|like|rains?|snows?)\b|\b(?:does|did|would) it make sense\b",
    re.IGNORECASE,
)
_POINTING_TIME = re.compile(r"\b(?:before|after|since|until|by) (?:that|then)\b", re.IGNORECASE)
_CLAUSE = re.compile(r"[,;?.:] |\b(?:and|or|but|if|because|when|while|so|as|that|which|who)\b", re.IGNORECASE)
_CHANGES_TOPIC = re.compile(
    r"\bby the way\b|\b(?:talking|speaking) (?:about|of)\b|\banother (?:question|topic)\b|"
    r"\bchang(?:e|ing) (?:of |the |a (?:little )?bit of )*subject\b",
    re.IGNORECASE,
)
_INTERJECTION = r"(?:(?:oh|ah|no|sorry|actually|well|hm+|excuse me)[,.]? )*"
_MEANT = re.compile(
    rf"^{_INTERJECTION}(?:i (?:mean|meant)\b|not (?!only\b|even\b))(?: that| the)?\s*(.+?)[?.!]*$", re.IGNORECASE
)
_ABOUT = re.compile(
    r"^(?:and |so |but |ok |okay )?(?:what|how) about\s+(.+?)[?.!]*$|^(?:and|or)\s+(.+?)[?.!]*$", re.IGNORECASE
)
_BARE = re.compile(
    r"^(?:and |so |but |ok |okay )?(why(?: not)?|when|where|how|who|since when|until when|how so|by how much|how much|"
    r"how many|how long|by whom|with whom|what for|says who|for how long)(?: is that| exactly| then)?[?.!]*$",
    re.IGNORECASE,
)
_QUESTION_WORDS = re.compile(
    r"^(?:and |so |but )?(?:(?:what|which)(?: \w+)??|why|when|where|who|whom|how(?: (?:much|many|long|old|far))?) "
    rf"(?=(?:{AUXILIARIES}|might)\b)",
    re.IGNORECASE,
)
_VERB = re.compile(rf"\b(?:{AUXILIARIES}|might|what|who|when|where|why|how|which)\b", re.IGNORECASE)
_AUXILIARY = re.compile(rf"^{AUXILIARIES}\b", re.IGNORECASE)
_DENIED = {"will": "won’t", "can": "can’t"}
_WHICH = re.compile(  # "Which sectors are they talking about": another sector asks "Are they talking about …?"
    r"^(?:what|which)(?: (?!(?:is|are|was|were|do|does|did)\b)[\w’'-]+){0,3} "
    r"(?P<asked>(?:is|are|was|were) .+ (?:about|of|on|for|with|in)|(?<!what )(?<!which )(?:do|does|did) .+)$",
    re.IGNORECASE,
)
_PREPOSITION = re.compile(r"(?:in|at|on|for|to|with|from|by|of|under|before|after|since|until) ", re.IGNORECASE)
_POSSESSIVE = {"his", "hers", "their", "theirs", "its"}


def contextualise(question: str, history: Sequence[Turn], people: Sequence[str] = ()) -> str:
    """Return the question as it would be asked without the conversation.

    Args:
        question: the new question.
        history: the earlier turns, oldest first, with standalone questions where possible.
        people: the full names of known people, which tell a person from a place.
    """
    question = question.strip()
    if not history or not question:
        return question
    return _completed(question, history, people) or _resolved(question, history, people)


def leans_back(question: str, contextualised: str) -> bool:
    """Return whether a question needs its history: the rules changed it, or it points to something they did not find.

    A question that announces a new topic never does.
    """
    return not _CHANGES_TOPIC.search(question) and (contextualised != question or points_back(question))


def points_back(question: str) -> bool:
    """Return whether a question has a word that means a person or a thing mentioned before."""
    person = _PERSON_PRONOUN.search(question)
    return bool(person and not question_names(question[: person.start()])) or _points_to_thing(question)


def _completed(question: str, history: Sequence[Turn], people: Sequence[str]) -> str | None:
    """Complete a short follow-up from the earlier question: "Why?", "I mean …", "What about …?", a name alone."""
    earlier = history[-1].question
    if match := _BARE.match(question):
        return _with_question_word(match[1], earlier)
    if (match := _MEANT.match(question)) and not _VERB.search(match[1]):
        return _bracketed(earlier, [match[1]])
    if (match := _ABOUT.match(question)) and not _VERB.search(new := match[1] or match[2]):
        return _swapped(question, new.strip(), history, people)
    if _person(bare := question.rstrip("?.! "), people):
        return _swapped(question, bare, history, people)
    return None


def _bracketed(question: str, carried: Sequence[str]) -> str:
    """Return a question with carried words in brackets at its end, in place of earlier brackets."""
    bare = re.sub(r"\s*\([^()]*\)[?.! ]*$", "", question).rstrip("?.! ")
    return f"{bare} ({', '.join(carried)})?" if carried else question


def _with_question_word(word: str, earlier: str) -> str:
    """Ask the earlier question with another question word.

    "Why?" after "Did X do Y?" asks "Why did X do Y?", and "Why not?" asks "Why didn’t X do Y?".
    """
    clause = _QUESTION_WORDS.sub("", earlier).strip().rstrip("?.! ")
    asking = re.sub(r" not$", "", word, flags=re.IGNORECASE)
    if asking != word:
        clause = _AUXILIARY.sub(lambda m: _DENIED.get(m[0].lower(), f"{m[0]}n’t"), clause)
    if not _starts_with_name(clause):
        clause = clause[0].lower() + clause[1:]
    return f"{asking[0].upper()}{asking[1:]} {clause}?"


def _starts_with_name(text: str) -> bool:
    found = words(text)
    return bool(found) and found[0].content and found[0].capitalised


def _swapped(question: str, new: str, history: Sequence[Turn], people: Sequence[str]) -> str:
    """Ask the earlier question about something new: "And Volpe?", "What about lumber?".

    The new words replace a person, or else the phrase at the end; when neither fits, they follow in brackets.
    """
    if sum(word.content for word in words(new)) > MAX_SWAPPED_WORDS:
        return question
    earlier = history[-1].question
    new_person = _person(new, people)
    if swapped := _with_other_person(earlier, new, bool(new_person), people):
        return swapped
    if new_person and not question.lower().startswith(("and", "or", "what about", "how about")):
        return question
    return _with_other_phrase(earlier, new) or _bracketed(earlier, [new])


def _with_other_person(earlier: str, new: str, new_is_person: bool, people: Sequence[str]) -> str | None:
    """Return the earlier question with its first person replaced; None when it has none, or `new` may be a thing."""
    text = earlier.rstrip("?.! ")
    named = question_names(earlier)
    persons = [span for span in named if _person(text[slice(*span)], people)]
    if not persons or not (new_is_person or (len(persons) == len(named) == 1 and new[:1].isupper())):
        return None
    start, end = persons[0]
    return f"{text[:start]}{_with_possessive(new, text[start:end])}{text[end:]}?"


def _with_other_phrase(earlier: str, new: str) -> str | None:
    """Return the earlier question with new words at its end, or in place of its last phrase; None when no rule fits."""
    text = earlier.rstrip("?.! ")
    if _PREPOSITION.match(new):
        return f"{text} {new}?"
    last = next(reversed(phrases(earlier)), None)
    if last and last[1] == len(text) and _VERB.search(text) and not is_verb(text, *last):
        return f"{text[: last[0]]}{new}?"
    if which := _WHICH.match(text):
        return f"{which['asked'][0].upper()}{which['asked'][1:]} {new}?"
    return None


def _with_possessive(new: str, old: str) -> str:
    return f"{new}’s" if re.search(r"[’']s$", old) and not re.search(r"[’']s?$", new) else new


def _resolved(question: str, history: Sequence[Turn], people: Sequence[str]) -> str:
    """Replace pronouns by the last person, and carry the topic over when the question points back to a thing."""
    resolved = question
    person = _last_person(history, people)
    if person:
        resolved = _PERSON_PRONOUN.sub(lambda m: _form(m[0], person, resolved[m.end() :]), resolved, count=2)
    if _CHANGES_TOPIC.search(question):
        return resolved
    if _points_to_thing(resolved) or (resolved == question and _is_fragment(question)):
        return _bracketed(resolved, _carried(resolved, history))
    return resolved


def _carried(question: str, history: Sequence[Turn]) -> list[str]:
    """Return the topic of the last question, or of the one before when the last adds nothing new."""
    known = keys(question)
    return next(filter(None, (_topic(turn.question, known) for turn in reversed(history[-2:]))), [])


def _points_to_thing(question: str) -> bool:
    """Return whether a question has a word that means something said before, and not earlier in the question."""
    question = _IMPERSONAL_IT.sub("", question)
    if question_names(question):  # "before that" only dates a question that has its own subject
        question = _POINTING_TIME.sub("", question)
    found = [match.start() for pattern in _POINTERS for match in [pattern.search(question)] if match]
    return bool(found) and not _names_it_first(question[: min(found)])


def _names_it_first(before: str) -> bool:
    """Return whether an earlier clause names the thing: "How does X work and why should I use it?"."""
    ends = [match.start() for match in _CLAUSE.finditer(before)]
    return bool(ends) and bool(phrases(before[: ends[-1]]))


def _is_fragment(text: str) -> bool:
    """Return whether a text says too little to be a question of its own."""
    terms, named = question_terms(text), question_names(text)
    if _VERB.search(text):
        return not named and len(terms) <= 1
    return len(terms) <= MAX_FRAGMENT_TERMS and all(end - start == len(text) for start, end in named)


def _form(pronoun: str, person: str, after: str) -> str:
    """Return the name that replaces a pronoun; "her" is possessive before a noun, but not before a verb or the end."""
    lower = pronoun.lower()
    possessive = lower in _POSSESSIVE or (lower == "her" and re.match(r" [a-z]+", after) is not None)
    return f"{person}’s" if possessive else person


def _last_person(history: Sequence[Turn], people: Sequence[str]) -> str | None:
    """Return the person mentioned last, or else the last name of several words.

    In each turn, latest first, the first person in the question counts, then the first one in the answer.
    """
    for turn in reversed(history):
        named = [turn.question[start:end] for start, end in question_names(turn.question)]
        persons = [full for name in named if (full := _person(name, people))]
        if persons:
            return persons[0]
        if answered := _first_person(turn.answer, people):
            return answered
    for turn in reversed(history):
        for start, end in reversed(question_names(turn.question)):
            if " " in (name := turn.question[start:end]):
                return name
    return None


def _person(name: str, people: Sequence[str]) -> str | None:
    """Return the full name of the person whom a surname or full name means; None when it means nobody known."""
    bare = without_possessive(name)
    for full in people:
        if bare == full or bare == full.split()[-1] or bare.endswith(" " + full):
            return full if len(full) >= len(bare) else bare
    return None


def _first_person(answer: str, people: Sequence[str]) -> str | None:
    places = [(answer.find(full), full) for full in people if full in answer]
    return min(places)[1] if places else None


def _topic(question: str, known: frozenset[str]) -> list[str]:
    """Return the phrases that a follow-up to a question leaves out, at most MAX_TOPIC_PHRASES.

    Words in brackets, which were carried over before, come first; then phrases with names; then other phrases.

    Args:
        question: the earlier question.
        known: the keys of the follow-up's own words; a phrase of only these is left out.
    """
    topic = _in_brackets(question)
    spans, names = phrases(question), question_names(question)
    named = [span for span in spans if any(start < span[1] and span[0] < end for start, end in names)]
    for start, end in dict.fromkeys([*named, *spans]):
        phrase = question[start:end]
        if not any(keys(phrase) <= keys(other) for other in topic):
            topic.append(phrase)
    new = [without_possessive(phrase) for phrase in dict.fromkeys(topic) if keys(phrase) - known]
    return new[:MAX_TOPIC_PHRASES]


def _in_brackets(question: str) -> list[str]:
    match = re.search(r"\(([^()]+)\)[?.!]*$", question)
    return match[1].split(", ") if match else []
