"""A follow-up made to stand alone, from the history, by rules: pronouns resolved, ellipsis filled, topics let go.

Only what the question leaves open is carried over. A question that names its own subject and has no word that points
back is a new topic and stays as it is. What is carried stands in brackets behind the question, where a reader sees it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.query.terms import is_verb, phrases, question_names, question_terms
from rag.text.tokens import keys, words
from rag.types import Turn

FRAGMENT = 2  # content words of what is no sentence: "speed limit"
SWAPPED = 3  # content words that "What about …?" may put in an earlier question's place; more ask for themselves

_HE = re.compile(r"\b(he|she|him|her|his|hers|himself|herself)\b", re.IGNORECASE)
_BACK = (
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
_EMPTY_IT = re.compile(
    r"\bit(?:[’']s| is| was| be| seems?| looks?)?(?: still| ever| not)? (?:possible|true|likely|better|best|worth|"
    r"necessary|important|legal|safe to|okay? to|that|like|rains?|snows?)\b|\b(?:does|did|would) it make sense\b",
    re.IGNORECASE,
)  # "is it true that …" points at nothing
_WHEN = re.compile(r"\b(?:before|after|since|until|by) (?:that|then)\b", re.IGNORECASE)
_CLAUSE = re.compile(r"[,;?.:] |\b(?:and|or|but|if|because|when|while|so|as|that|which|who)\b", re.IGNORECASE)
_CHANGES = re.compile(
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
_LEAD = re.compile(
    r"^(?:and |so |but )?(?:(?:what|which)(?: \w+)??|why|when|where|who|whom|how(?: (?:much|many|long|old|far))?) "
    r"(?=(?:is|are|was|were|do|does|did|has|have|had|will|would|can|could|should|might)\b)",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"\b(?:is|are|was|were|do|does|did|has|have|had|will|would|can|could|should|might|what|who|when|where|why|how|which)\b",
    re.IGNORECASE,
)
_AUXILIARY = re.compile(r"^(?:is|are|was|were|do|does|did|has|have|had|will|would|can|could|should)\b", re.IGNORECASE)
_DENIED = {"will": "won’t", "can": "can’t"}
_WHICH = re.compile(  # "Which sectors are they talking about": what stands for the sectors is asked of by itself
    r"^(?:what|which)(?: (?!(?:is|are|was|were|do|does|did)\b)[\w’'-]+){0,3} "
    r"(?P<asked>(?:is|are|was|were) .+ (?:about|of|on|for|with|in)|(?<!what )(?<!which )(?:do|does|did) .+)$",
    re.IGNORECASE,
)
_PLACED = re.compile(r"(?:in|at|on|for|to|with|from|by|of|under|before|after|since|until) ", re.IGNORECASE)
_POSSESSIVE = {"his", "hers", "their", "theirs", "its"}


def contextualise(question: str, history: Sequence[Turn], people: Sequence[str] = ()) -> str:
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
    if (match := _MEANT.match(question)) and not _VERB.search(match.group(1)):
        return _bracketed(last.question, [match.group(1)])
    if (match := _ABOUT.match(question)) and not _VERB.search(rest := (match.group(1) or match.group(2))):
        return _about(question, rest.strip(), history, people)
    if _person(question.rstrip("?.! "), people):
        return _about(question, question.rstrip("?.! "), history, people)
    return _fill(question, history, people)


def leans_back(question: str, condensed: str) -> bool:
    """Whether a question needs its history: the rules filled something in, or it points at what they could not find.

    One that says it changes the subject never does.
    """
    return not _CHANGES.search(question) and (condensed != question or points_back(question))


def points_back(question: str) -> bool:
    """Whether it has a word that means something said before, a person or a thing."""
    person = _HE.search(question)
    return bool(person and not question_names(question[: person.start()])) or _points_back(question)


def _bracketed(question: str, carried: Sequence[str]) -> str:
    """The question with what it leaves out behind it, in the place of what stood there."""
    bare = re.sub(r"\s*\([^()]*\)[?.! ]*$", "", question).rstrip("?.! ")
    return f"{bare} ({', '.join(carried)})?" if carried else question


def _bare(word: str, earlier: str) -> str:
    """ "Why?" after "Did X do Y?" asks "Why did X do Y?", and "Why not?" asks "Why didn’t X do Y?"."""
    rest = _LEAD.sub("", earlier).strip().rstrip("?.! ")
    lead = re.sub(r" not$", "", word, flags=re.IGNORECASE)
    if lead != word:
        rest = _AUXILIARY.sub(lambda m: _DENIED.get(m[0].lower(), f"{m[0]}n’t"), rest)
    return f"{lead[0].upper()}{lead[1:]} {rest[0].lower() + rest[1:] if not _starts_with_name(rest) else rest}?"


def _starts_with_name(text: str) -> bool:
    found = words(text)
    return bool(found) and found[0].content and found[0].capitalised


def _about(question: str, new: str, history: Sequence[Turn], people: Sequence[str]) -> str:
    """ "And Volpe?": the earlier question with its person, or else the phrase it ends in, replaced; or with the new
    matter behind it.
    """
    if len([w for w in words(new) if w.content]) > SWAPPED:
        return question
    earlier = history[-1].question
    text = earlier.rstrip("?.! ")
    named = question_names(earlier)
    persons = [span for span in named if _person(text[slice(*span)], people)]
    if persons and (_person(new, people) or (len(persons) == len(named) == 1 and new[:1].isupper())):
        start, end = persons[0]
        return f"{text[:start]}{_with_possessive(new, text[start:end])}{text[end:]}?"
    if _person(new, people) and not question.lower().startswith(("and", "or", "what about", "how about")):
        return question
    if _PLACED.match(new):
        return f"{text} {new}?"
    run = next(iter(phrases(earlier)[::-1]), None)
    if run and run[1] == len(text) and _VERB.search(text) and not is_verb(text, *run):
        return f"{text[: run[0]]}{new}?"
    if which := _WHICH.match(text):
        return f"{which['asked'][0].upper()}{which['asked'][1:]} {new}?"
    return _bracketed(earlier, [new])


def _with_possessive(new: str, old: str) -> str:
    return f"{new}’s" if re.search(r"[’']s$", old) and not re.search(r"[’']s?$", new) else new


def _fill(question: str, history: Sequence[Turn], people: Sequence[str]) -> str:
    filled = question
    person = _last_person(history, people)
    if person and _HE.search(filled):
        filled = _HE.sub(lambda m: _form(m.group(), person, filled[m.end() :]), filled, count=2)
    if _CHANGES.search(question):
        return filled
    if _points_back(filled) or (filled == question and _is_fragment(question)):
        return _bracketed(filled, _carried(filled, history))
    return filled


def _carried(question: str, history: Sequence[Turn]) -> list[str]:
    """What the last question was about, or the one before when that adds nothing."""
    known = frozenset(word.key for word in words(question) if word.content)
    return next(filter(None, (topic(turn.question, known) for turn in reversed(history[-2:]))), [])


def _points_back(question: str) -> bool:
    """Whether it has a word that means something said before, and not earlier in the question itself."""
    question = _EMPTY_IT.sub("", question)
    if question_names(question):  # it has its own subject; only its time is told by what was said
        question = _WHEN.sub("", question)
    found = [match.start() for pattern in _BACK for match in [pattern.search(question)] if match]
    return bool(found) and not _names_it_first(question[: min(found)])


def _names_it_first(before: str) -> bool:
    """Whether a clause that names a thing has ended before the pronoun: "How does X work and why should I use it?"."""
    ends = [match.start() for match in _CLAUSE.finditer(before)]
    return bool(ends) and bool(phrases(before[: ends[-1]]))


def _is_fragment(text: str) -> bool:
    """Whether it says too little to be a question of its own."""
    terms, named = question_terms(text), question_names(text)
    if _VERB.search(text):
        return not named and len(terms) <= 1
    return len(terms) <= FRAGMENT and all(end - start == len(text) for start, end in named)


def _form(pronoun: str, person: str, after: str) -> str:
    """The name in the pronoun's place: "her" before a noun is possessive, before a verb or the end it is not."""
    lower = pronoun.lower()
    possessive = lower in _POSSESSIVE or (lower == "her" and re.match(r" [a-z]+", after) is not None)
    return f"{person}’s" if possessive else person


def _last_person(history: Sequence[Turn], people: Sequence[str]) -> str | None:
    """The person spoken of last: the first named in the latest question, who is mostly its subject, or else in its
    answer, and so on back.
    """
    for turn in reversed(history):
        named = [turn.question[start:end] for start, end in question_names(turn.question)]
        persons = [full for name in named if (full := _person(name, people))]
        if persons:
            return persons[0]
        answered = _first_named(turn.answer, people)
        if answered:
            return answered
    for turn in reversed(history):
        for start, end in reversed(question_names(turn.question)):
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


MOST_PHRASES = 2  # of one question that make up its topic

Span = tuple[int, int]


def topic(question: str, known: frozenset[str] = frozenset()) -> list[str]:
    """The phrases that a follow-up to `question` leaves out, most telling first, at most `MOST_PHRASES`.

    What an earlier condensing put in brackets is the topic still; then names; then what else could name a thing.

    Args:
        known: keys of the words that the follow-up has itself; a phrase of nothing else is left out.
    """
    carried = _in_brackets(question)
    runs = phrases(question)
    named = [run for run in runs if any(start < run[1] and run[0] < end for start, end in question_names(question))]
    found = carried
    for start, end in dict.fromkeys([*named, *runs]):
        if not _inside(found, question[start:end]):
            found = [*found, question[start:end]]
    fresh = [re.sub(r"[’']s?$", "", phrase) for phrase in dict.fromkeys(found) if keys(phrase) - known]
    return fresh[:MOST_PHRASES]


def _in_brackets(question: str) -> list[str]:
    match = re.search(r"\(([^()]+)\)[?.!]*$", question)
    return match.group(1).split(", ") if match else []


def _inside(phrases: Sequence[str], name: str) -> bool:
    return any(keys(name) <= keys(phrase) for phrase in phrases)
