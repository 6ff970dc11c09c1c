"""Where articles disagree: the sentences of different articles that cannot both be right on what was asked.

Three things are told by rules, and each only where little else could explain it: two values of the kind asked for,
found beside the same word of the question; one sentence twice with another name or number in it; and two sentences
that point opposite ways on what the question speaks of. A false alarm is worse than one missed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations

from rag.evidence.scoring import ScoredSentence
from rag.models.answer_reader import answer_reader
from rag.query.analysis import Query
from rag.text.polarity import asked_about, cues, stance, words_for
from rag.text.tokens import Word, keys, words
from rag.text.values import Name, Number, Value, compatible, dates, names, numbers
from rag.types import Evidence

MIN_COVERAGE = 0.6  # of the question's words that the best passage has: an article about the matter has as many
MIN_NAME_SUPPORT = 0.75  # support of the question's names somewhere in an article that is about what they name
MAX_DISTANCE_WORDS = 6  # words between a value and the question's word that it belongs to
MIN_SCORE_SHARE = 0.3  # of the best sentence's score: one that points a way must answer about as well
MIN_ANSWER_LOG_ODDS = 1.0  # log odds, by the span reader, that a sentence answers whose name is held against another's
MIN_SCORE = 0.01  # score under which a sentence does not bear on the question, whichever way it points
MIN_SHARED_WORDS = 0.75  # share of words that a sentence told twice has in common
MIN_JACCARD = 0.7  # shared content words (Jaccard) above which two sentences say the same
MAX_SLOT_WORDS = 4  # words that may differ in it
MAX_SIDES = 4
MAX_SENTENCES_PER_SIDE = 2  # sentences shown for one side

_QUANTITY = frozenset(
    keys("population area size length height weight distance number total toll turnout budget capacity enrollment "
         "enrolment depth width elevation circulation membership")
)  # fmt: skip
_DATE_ASKED = re.compile(
    r"^(?:and |so |but )?when\b|\b(?:what|which) (?:year|day|date|month)\b|\bwhat (?:is|was) the [\w ]*\bdate\b",
    re.IGNORECASE,
)
_QUANTITY_ASKED = re.compile(
    r"\bwhat(?:[’']s| is| was| are| were) (?:the|its|their) (?:[a-z-]+ ){0,3}?(?P<quantity>[a-z]+)\b"
    r"(?= (?:of|in)\b|[?]|$)",
    re.IGNORECASE,
)
_WAY_ASKED = re.compile(
    r"^(?:and |so |but )?(?:\w+, )?(?:is|are|was|were|do|does|did|has|have|had|will|would|can|could|should)\b|"
    r"\bhow (?:close|near|likely|far|good|bad|safe)\b",
    re.IGNORECASE,
)
_SAYS = re.compile(r"\b(?:say|says|said|tell|told|think|thinks)\b", re.IGNORECASE)  # one voice is asked for
_ASIDE_CLAUSE = re.compile(r"\b(?:when|while|before|after|during|until)\b", re.IGNORECASE)
_ROLE = re.compile(
    r"\bwho (?:is|was|are|were) (?:the |its |their )?(?:[a-z-]+ )*?"
    r"(?P<role>artists?|singers?|directors?|composers?|creators?|authors?|writers?|founders?|inventors?|architects?|winners?|"
    r"presidents?|leaders?|owners?|mayors?|chairs?|chief|ministers?|producers?|designers?|builders?|killers?|"
    r"husband|wife|father|mother|publishers?|developers?|champions?)\b|"
    r"\bwho (?P<did>directed|composed|created|wrote|founded|invented|designed|won|killed|built|discovered|painted|"
    r"leads?|led|owns?|heads?|produced|developed|hosts?|hosted|signed|sang|sings|performed|published)\b",
    re.IGNORECASE,
)  # what one name answers
_REPEATABLE = frozenset(keys("meet visit speak say talk call play travel attend comment write happen serve"))
_ASIDE = frozenset(keys("year date day month name time current main estimated total type kind first new last exact"))
_SAME_RELATION = tuple(
    keys(group)
    for group in (
        "population people inhabitants residents",
        "built build constructed construction erected completed",
        "founded founding established establishment formed created incorporated organized",
        "born birth", "died death", "opened open opening", "raised formed",
        "artist album by", "director directed", "author written wrote", "composer composed music by",
        "creator created", "winner won", "architect designed", "leader leads led", "killed died dead deaths toll",
        "effect effective", "debut debuted",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Conflict:
    """Sentences of different articles that speak against each other.

    Attributes:
        about: the question they answer.
        sides: the sentences of each side, at most `MAX_SENTENCES_PER_SIDE`, its best one first; the best side first.
        changing: it is of a kind that changes from day to day, so that a later article may simply know more.
    """

    about: str
    sides: tuple[tuple[Evidence, ...], ...]
    changing: bool

    @property
    def evidence(self) -> list[Evidence]:
        """The sentences to write from, side by side."""
        return [evidence for side in self.sides for evidence in side]


@dataclass(frozen=True, slots=True)
class _Value:
    """What one sentence says to the question."""

    scored: ScoredSentence
    value: Value
    distance: int


def find_conflict(question: Query, scored: Sequence[ScoredSentence]) -> Conflict | None:
    """Find what the sentences scored disagree about, if anything; at least two articles do."""
    on_topic = [j for j in scored if j.evidence.article.id in _articles_about(scored)]
    for sides, changing in (
        (_by_value(question, on_topic), _changes(question)),
        (_by_slot(question, on_topic), False),
        (_by_stance(question, scored), True),
    ):
        if len({side[0].article.id for side in sides}) > 1:
            return Conflict(question.text, tuple(_sources(side) for side in sides[:MAX_SIDES]), changing)
    return None


def _sources(side: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """The first sentences of a side that do not repeat each other: a wire story printed twice is one source."""
    kept: list[Evidence] = []
    for evidence in side:
        if len(kept) < MAX_SENTENCES_PER_SIDE and not any(_repeats(evidence.text, other.text) for other in kept):
            kept.append(evidence)
    return tuple(kept)


def _repeats(a: str, b: str) -> bool:
    one, other = keys(a), keys(b)
    return len(one & other) >= MIN_JACCARD * len(one | other)


def _articles_about(scored: Sequence[ScoredSentence]) -> set[str]:
    best = max((j.features.passage_exact for j in scored), default=0.0)
    return {
        j.evidence.article.id
        for j in scored
        if j.features.names >= MIN_NAME_SUPPORT and j.features.passage_exact >= MIN_COVERAGE * best
    }


# Two values of the kind asked for


def _by_value(question: Query, scored: Sequence[ScoredSentence]) -> list[list[Evidence]]:
    """Group the articles by the value that each gives beside the question's own word; one value an article."""
    relation = _relation(question)
    if not relation:
        return []
    readings: dict[str, _Value] = {}
    for candidate in scored:
        reading = _read(question, relation, candidate)
        best = readings.get(candidate.evidence.article.id)
        if reading and (best is None or reading.distance < best.distance):
            readings[candidate.evidence.article.id] = reading
    sides: list[list[_Value]] = []
    for reading in _confirmed(question, list(readings.values())):
        fitting = [side for side in sides if all(compatible(reading.value, r.value) for r in side)]
        if fitting:
            fitting[0].append(reading)
        elif all(not compatible(reading.value, r.value) for side in sides for r in side):
            sides.append([reading])
    return [[r.scored.evidence for r in side] for side in sides]


def _confirmed(question: Query, readings: Sequence[_Value]) -> list[_Value]:
    """All but the names that the span reader does not take for the answer: news is full of names beside any word.

    It is asked only where some values cannot both be so.
    """
    if all(compatible(one.value, other.value) for one, other in combinations(readings, 2)):
        return list(readings)
    named = [reading for reading in readings if isinstance(reading.value, Name)]
    found = answer_reader().read(question.text, [reading.scored.evidence.text for reading in named])
    doubted = [
        reading
        for reading, places in zip(named, found, strict=True)
        if places.present < MIN_ANSWER_LOG_ODDS or not _overlap(reading.value.span, places.likeliest)
    ]
    return [reading for reading in readings if reading not in doubted]


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _relation(question: Query) -> frozenset[str]:
    """Keys of the words beside which the answer stands: what the question says of the thing it names."""
    own = {
        term.key
        for term in question.terms
        if not any(start <= term.start < end for start, end in question.names) and not term.number
    } - _ASIDE
    if not own or own & _REPEATABLE:
        return frozenset()
    return frozenset(own).union(*(group for group in _SAME_RELATION if group & own))


def _read(question: Query, relation: frozenset[str], scored: ScoredSentence) -> _Value | None:
    text = scored.evidence.text
    row = words(text)
    places = [n for n, word in enumerate(row) if word.key in relation]
    candidates = [(_distance(row, places, value.span), value) for value in _wanted(question, text, row)]
    candidates = [(distance, value) for distance, value in candidates if distance <= MAX_DISTANCE_WORDS]
    if not candidates:
        return None
    distance, value = min(candidates, key=lambda c: (c[0], c[1].span))
    return _Value(scored, value, distance)


def _distance(row: Sequence[Word], places: Sequence[int], span: tuple[int, int]) -> int:
    """Words between a value and the nearest of `places`; what stands before the value is one word nearer."""
    first = next((n for n, word in enumerate(row) if word.end > span[0]), 0)
    last = next((n for n, word in enumerate(row) if word.end >= span[1]), first)
    return min((2 * (first - p) - 1 if p < first else 2 * (p - last) for p in places), default=99) // 2


def _wanted(question: Query, text: str, row: Sequence[Word]) -> Iterator[Value]:
    """The values of a sentence that are of the kind asked for."""
    asked = {term.key for term in question.terms}
    if _DATE_ASKED.search(question.text):
        yield from (date for date in dates(text) if date.years)
    elif question.kind in ("percent", "money"):
        yield from (number for number in numbers(text) if number.unit == question.kind)
    elif question.kind == "count" and question.counted:
        yield from (n for n in numbers(text) if n.unit == "" and _counts(row, n, question.counted))
    elif (match := _QUANTITY_ASKED.search(question.text)) and keys(match["quantity"]) & _QUANTITY:
        yield from (number for number in numbers(text) if number.unit == "")
    elif question.kind == "who" and _ROLE.search(question.text) and not _ASIDE_CLAUSE.search(question.text):
        yield from (name for name in names(text) if not name.keys & asked)


def _counts(row: Sequence[Word], number: Number, counted: frozenset[str]) -> bool:
    after = [word.key for word in row if word.start >= number.span[1]][:3]
    return bool(counted & set(after))


def _changes(question: Query) -> bool:
    """Numbers grow and plans are put off; who wrote a book and when its author was born stays."""
    if _DATE_ASKED.search(question.text):
        return re.search(r"\b(?:will|does|do|is|are)\b", question.text) is not None
    return question.kind in ("percent", "money", "count", "duration") or question.kind == "what"


# One sentence, told twice


def _by_slot(question: Query, scored: Sequence[ScoredSentence]) -> list[list[Evidence]]:
    """The best sentence and another article's that is the same but for a name or a number."""
    for n, one in enumerate(scored[:12]):
        for other in scored[n + 1 : 24]:
            if one.evidence.article.id != other.evidence.article.id and _differs_in_a_slot(
                question, one.evidence.text, other.evidence.text
            ):
                return [[one.evidence], [other.evidence]]
    return []


def _differs_in_a_slot(question: Query, a: str, b: str) -> bool:
    one, other = words(a), words(b)
    matcher = SequenceMatcher(None, [w.key for w in one], [w.key for w in other], autojunk=False)
    if matcher.ratio() < MIN_SHARED_WORDS:
        return False
    changes = [(one[i:j], other[k:m]) for tag, i, j, k, m in matcher.get_opcodes() if tag != "equal"]
    asked = {term.key for term in question.terms}
    slots = [(x, y) for x, y in changes if _slot(x, asked) and _slot(y, asked) and _opposed(a, x, b, y)]
    return len(slots) == 1 and len(changes) <= 2


def _slot(row: Sequence[Word], asked: set[str]) -> bool:
    """Whether these words are one name or number, and not of the question."""
    content = [w for w in row if w.content]
    return (
        0 < len(content) <= MAX_SLOT_WORDS
        and all(w.capitalised or w.number for w in content)
        and not any(w.key in asked for w in content)
    )


def _opposed(a: str, one: Sequence[Word], b: str, other: Sequence[Word]) -> bool:
    """Whether two names, or two numbers or dates that cannot both be so, stand in the slots."""
    values = _inside(a, one), _inside(b, other)
    if bool(values[0]) != bool(values[1]):
        return False  # "Super Bowl 57" and "Super Bowl LVII"
    return not any(compatible(x, y) for x in values[0] for y in values[1])


def _inside(text: str, slot: Sequence[Word]) -> list[Value]:
    """The numbers and dates that stand in a run of words."""
    found: list[Value] = [*numbers(text), *dates(text)]
    return [value for value in found if slot[0].start < value.span[1] and value.span[0] < slot[-1].end]


# Opposite ways


def _by_stance(question: Query, scored: Sequence[ScoredSentence]) -> list[list[Evidence]]:
    """The best sentence that points a way, and the best of another article that points the opposite one."""
    found = _pointing(question, scored)
    pairs = [
        (one.evidence, other.evidence)
        for one, features in found
        for other, opposite in found
        if one.evidence.article.id != other.evidence.article.id
        and any(opposite.get(n) == -sign for n, sign in features.items())
    ]
    if pairs and pairs[0][0].score >= MIN_SCORE_SHARE * scored[0].evidence.score:
        return [[one] for one in pairs[0]]
    return []


def opposing_query(question: Query, scored: Sequence[ScoredSentence]) -> str | None:
    """A query for those who say the opposite, where the question asks which way and the best sentence points one."""
    for best, features in _pointing(question, scored)[:1]:
        if best.evidence.score >= MIN_SCORE_SHARE * scored[0].evidence.score:
            return " ".join([question.text, *(words_for(n, -sign) for n, sign in features.items())])
    return None


def _pointing(question: Query, scored: Sequence[ScoredSentence]) -> list[tuple[ScoredSentence, dict[int, int]]]:
    """The sentences on the matter that point a way on what the question asks, best first."""
    classes = asked_about(question.text)
    if not classes or _SAYS.search(question.text) or not _WAY_ASKED.search(question.text):
        return []
    topic = {term.key for term in question.terms} - cues(classes)
    found = [
        (j, stance(j.evidence.text, classes)) for j in scored if j.evidence.score >= MIN_SCORE and _shares(j, topic)
    ]
    return [(j, features) for j, features in found if features]


def _shares(scored: ScoredSentence, topic: set[str]) -> bool:
    """Whether a sentence has a word of what the question is about, if it is about more than a way."""
    return not topic or bool(keys(scored.evidence.text) & topic)
