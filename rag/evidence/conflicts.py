"""Find conflicts: sentences of different articles that cannot both be right about the question.

The rules find three kinds: two different values of the answer type beside the same word of the question; the same
sentence with another name or number in it; and two sentences of opposite directions on what the question mentions. The
rules are strict, because a false conflict is worse than a missed one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations

from rag.evidence.scoring import ScoredSentence
from rag.models.base import AnswerReader
from rag.query.analysis import Query
from rag.query.answer_types import MAX_WORDS_TO_COUNTED
from rag.text.dates import Date
from rag.text.document import Sentence
from rag.text.names import Name
from rag.text.polarity import cues, stance, words_for
from rag.text.quantities import Quantity
from rag.text.tokens import Word, keys
from rag.types import Evidence

# Share of the best passage's question words that a passage of an article on the topic has.
MIN_COVERAGE = 0.6
# Support of the question's names in an article on the topic.
MIN_NAME_SUPPORT = 0.75
# A value belongs to a word of the question that is at most so many words away.
MAX_DISTANCE_WORDS = 6
# Share of the best score that a sentence with a direction needs.
MIN_SCORE_SHARE = 0.3
# The answer reader's log odds from which a sentence's name counts as an answer.
MIN_ANSWER_LOG_ODDS = 1.0
# A sentence with a lower score is not about the question.
MIN_SCORE = 0.01
# Share of words that two versions of one sentence have in common.
MIN_SHARED_WORDS = 0.75
# A name or number that differs between two versions of one sentence has at most so many content words.
MAX_SLOT_WORDS = 4
# Two versions of one sentence differ in at most so many places.
MAX_CHANGES = 2
# Each of the first so many sentences is compared with those behind it, up to the second number.
SLOT_SENTENCES = 12
SLOT_OTHERS = 24
MAX_SIDES = 4
MAX_SENTENCES_PER_SIDE = 2

# What can happen more than once: two dates of a visit do not contradict each other.
_REPEATABLE = frozenset(keys("meet visit speak say talk call play travel attend comment write happen serve"))
# Words of a question that do not say what a value is about.
_UNSPECIFIC = frozenset(
    keys("year date day month name time current main estimated total type kind first new last exact")
)
# Words that express the same relation.
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
    """Sentences of different articles that contradict each other.

    Attributes:
        about: the question that they answer.
        sides: the sentences of each side, at most MAX_SENTENCES_PER_SIDE, best first; the best side comes first.
        changing: whether the answer may change from day to day, so that a later article may be an update.
    """

    about: str
    sides: tuple[tuple[Evidence, ...], ...]
    changing: bool

    @property
    def evidence(self) -> list[Evidence]:
        """The sentences of all sides, side after side."""
        return [evidence for side in self.sides for evidence in side]


Value = Date | Quantity | Name


@dataclass(frozen=True, slots=True)
class _Value:
    """The value in one sentence, and its distance in words from the question's word."""

    scored: ScoredSentence
    value: Value
    distance: int

    def compatible(self, other: _Value) -> bool:
        """Return whether both values can be right."""
        return _compatible(self.value, other.value)


def find_conflict(query: Query, scored: Sequence[ScoredSentence], answer_reader: AnswerReader) -> Conflict | None:
    """Return the conflict between scored sentences of at least two articles; None when there is none."""
    about = _articles_about(scored)
    on_topic = [one for one in scored if one.evidence.article.id in about]
    for sides, changing in (
        (_by_value(query, on_topic, answer_reader), query.may_change),
        (_by_slot(query, on_topic), False),
        (_by_direction(query, scored), True),
    ):
        if len({side[0].evidence.article.id for side in sides}) > 1:
            return Conflict(query.text, tuple(_sources(side) for side in sides[:MAX_SIDES]), changing)
    return None


def _sources(side: Sequence[ScoredSentence]) -> tuple[Evidence, ...]:
    """Return the first sentences of a side that do not repeat each other; a wire story in two outlets is one source."""
    chosen: list[ScoredSentence] = []
    for one in side:
        if len(chosen) < MAX_SENTENCES_PER_SIDE and not any(one.repeats(other) for other in chosen):
            chosen.append(one)
    return tuple(one.evidence for one in chosen)


def _articles_about(scored: Sequence[ScoredSentence]) -> set[str]:
    """Return the ids of the articles on the topic of the question."""
    best = max((one.features.passage_exact for one in scored), default=0.0)
    return {
        one.evidence.article.id
        for one in scored
        if one.features.names >= MIN_NAME_SUPPORT and one.features.passage_exact >= MIN_COVERAGE * best
    }


# Two values of the answer type


def _by_value(
    query: Query, scored: Sequence[ScoredSentence], answer_reader: AnswerReader
) -> list[list[ScoredSentence]]:
    """Group the articles by the value that each has nearest to the question's words; each article has one value."""
    relation = _relation(query)
    if not relation:
        return []
    nearest: dict[str, _Value] = {}
    for candidate in scored:
        value = _value(query, relation, candidate)
        best = nearest.get(candidate.evidence.article.id)
        if value and (best is None or value.distance < best.distance):
            nearest[candidate.evidence.article.id] = value
    sides: list[list[_Value]] = []
    for value in _confirmed(query, list(nearest.values()), answer_reader):
        fitting = [side for side in sides if all(value.compatible(other) for other in side)]
        if fitting:
            fitting[0].append(value)
        elif not any(value.compatible(other) for side in sides for other in side):
            sides.append([value])
    return [[value.scored for value in side] for side in sides]


def _confirmed(query: Query, values: Sequence[_Value], answer_reader: AnswerReader) -> list[_Value]:
    """Drop names that the answer reader does not find to be the answer, since news has many names near any word.

    The answer reader runs only when some values cannot both be right.
    """
    if all(one.compatible(other) for one, other in combinations(values, 2)):
        return list(values)
    named = [value for value in values if isinstance(value.value, Name)]
    spans = answer_reader.read(query.text, [value.scored.evidence.text for value in named])
    doubted = [
        value
        for value, span in zip(named, spans, strict=True)
        if span.present < MIN_ANSWER_LOG_ODDS or not _overlap(value.value.span, span.likeliest)
    ]
    return [value for value in values if value not in doubted]


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _relation(query: Query) -> frozenset[str]:
    """Return the keys of the words that express what the question asks about a thing, such as "founded"."""
    own = {term.key for term in query.terms if not query.in_name(term.start) and not term.number} - _UNSPECIFIC
    if not own or own & _REPEATABLE:
        return frozenset()
    return frozenset(own).union(*(group for group in _SAME_RELATION if group & own))


def _value(query: Query, relation: frozenset[str], scored: ScoredSentence) -> _Value | None:
    """Return the value of the answer type that is nearest to a word of the relation."""
    row = scored.sentence.words
    places = [n for n, word in enumerate(row) if word.key in relation]
    candidates = [(_distance(row, places, value.span), value) for value in _wanted(query, scored.sentence)]
    candidates = [(distance, value) for distance, value in candidates if distance <= MAX_DISTANCE_WORDS]
    if not candidates:
        return None
    distance, value = min(candidates, key=lambda candidate: (candidate[0], candidate[1].span))
    return _Value(scored, value, distance)


def _distance(row: Sequence[Word], places: Sequence[int], span: tuple[int, int]) -> int:
    """Return the distance in words between a value and the nearest of `places`; places before it are favoured."""
    first = next((n for n, word in enumerate(row) if word.end > span[0]), 0)
    last = next((n for n, word in enumerate(row) if word.end >= span[1]), first)
    return (
        min((2 * (first - p) - 1 if p < first else 2 * (p - last) for p in places), default=2 * MAX_DISTANCE_WORDS + 2)
        // 2
    )


def _wanted(query: Query, sentence: Sentence) -> Iterator[Value]:
    """Yield the values of a sentence that have the answer type."""
    if query.asks_date:
        yield from (date for date in sentence.dates if date.years)
    elif query.answer_type in ("percent", "money"):
        yield from (number for number in sentence.numbers if number.unit == query.answer_type)
    elif query.counted:
        yield from (n for n in sentence.numbers if n.unit == "" and _counts(sentence.words, n, query.counted))
    elif query.asks_quantity:
        yield from (number for number in sentence.numbers if number.unit == "")
    elif query.asks_one_name:
        yield from (name for name in sentence.names if not name.keys & query.keys)


def _counts(row: Sequence[Word], number: Quantity, counted: frozenset[str]) -> bool:
    after = [word.key for word in row if word.start >= number.end][:MAX_WORDS_TO_COUNTED]
    return bool(counted & set(after))


def _compatible(one: Value, other: Value) -> bool:
    """Return whether both can be right; values of different kinds always can."""
    return type(one) is not type(other) or one.compatible(other)  # type: ignore[arg-type]


# The same sentence with another name or number


def _by_slot(query: Query, scored: Sequence[ScoredSentence]) -> list[list[ScoredSentence]]:
    """Return two sentences of different articles that are the same except for a name or a number."""
    for n, one in enumerate(scored[:SLOT_SENTENCES]):
        for other in scored[n + 1 : SLOT_OTHERS]:
            if one.evidence.article.id != other.evidence.article.id and _differs_in_a_slot(
                query, one.sentence, other.sentence
            ):
                return [[one], [other]]
    return []


def _differs_in_a_slot(query: Query, a: Sentence, b: Sentence) -> bool:
    matcher = SequenceMatcher(None, [w.key for w in a.words], [w.key for w in b.words], autojunk=False)
    if matcher.ratio() < MIN_SHARED_WORDS:
        return False
    changes = [(a.words[i:j], b.words[k:m]) for tag, i, j, k, m in matcher.get_opcodes() if tag != "equal"]
    slots = [(x, y) for x, y in changes if _is_slot(query, x) and _is_slot(query, y) and _opposed(a, x, b, y)]
    return len(slots) == 1 and len(changes) <= MAX_CHANGES


def _is_slot(query: Query, row: Sequence[Word]) -> bool:
    """Return whether words are one name or number that is not in the question."""
    content = [word for word in row if word.content]
    return (
        0 < len(content) <= MAX_SLOT_WORDS
        and all(word.capitalised or word.number for word in content)
        and not any(word.key in query.keys for word in content)
    )


def _opposed(a: Sentence, one: Sequence[Word], b: Sentence, other: Sequence[Word]) -> bool:
    """Return whether the slots have two names, or two numbers or dates that cannot both be right."""
    values = _inside(a, one), _inside(b, other)
    if bool(values[0]) != bool(values[1]):
        return False  # "Super Bowl 57" and "Super Bowl LVII"
    return not any(_compatible(x, y) for x in values[0] for y in values[1])


def _inside(sentence: Sentence, slot: Sequence[Word]) -> list[Value]:
    """Return the numbers and dates in a slot."""
    values: list[Value] = [*sentence.numbers, *sentence.dates]
    return [value for value in values if slot[0].start < value.span[1] and value.span[0] < slot[-1].end]


# Opposite directions


def _by_direction(query: Query, scored: Sequence[ScoredSentence]) -> list[list[ScoredSentence]]:
    """Return the best sentence with a direction, and the best of another article with the opposite direction."""
    directed = _with_direction(query, scored)
    pairs = [
        (one, other)
        for one, directions in directed
        for other, opposite in directed
        if one.evidence.article.id != other.evidence.article.id
        and any(opposite.get(n) == -direction for n, direction in directions.items())
    ]
    if pairs and pairs[0][0].evidence.score >= MIN_SCORE_SHARE * scored[0].evidence.score:
        return [[one] for one in pairs[0]]
    return []


def opposing_query(query: Query, scored: Sequence[ScoredSentence]) -> str | None:
    """Return a text to search for the opposite of the best sentence.

    None when the question does not ask for a direction, or the best sentence has none.
    """
    for best, directions in _with_direction(query, scored)[:1]:
        if best.evidence.score >= MIN_SCORE_SHARE * scored[0].evidence.score:
            return " ".join([query.text, *(words_for(n, -direction) for n, direction in directions.items())])
    return None


def _with_direction(query: Query, scored: Sequence[ScoredSentence]) -> list[tuple[ScoredSentence, dict[int, int]]]:
    """Return the sentences on the topic that have a direction, with it by class, best first."""
    if not query.polarities or not query.asks_direction:
        return []
    topic = query.keys - cues(query.polarities)
    about = [
        (one, stance(one.evidence.text, query.polarities))
        for one in scored
        if one.evidence.score >= MIN_SCORE and (not topic or one.sentence.keys & topic)
    ]
    return [(one, directions) for one, directions in about if directions]
