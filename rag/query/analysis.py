"""Read a question once: its answer type, names, days, outlet and sub-questions.

Every later step takes what it needs from the `Query`, and has no rules of its own for the text of the question.
English only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from rag.errors import QuestionError
from rag.query.answer_types import (
    AnswerType,
    answer_phrases,
    answer_type_of,
    contains_type,
    counts,
    date_part_of,
    names_other_than_question,
)
from rag.query.decomposition import sub_questions
from rag.query.outlet import CUES, read_outlet
from rag.query.terms import AUXILIARIES, question_names, question_terms
from rag.query.time_range import TimeRange, read_time_range
from rag.text.document import Sentence
from rag.text.names import TitleHolder, title_holders
from rag.text.polarity import classes_asked_about, is_negated
from rag.text.quantities import Quantity, quantities
from rag.text.sentences import Span
from rag.text.tokens import Word, keys, words

MAX_QUESTION_CHARS = 2_000

_COUNTED = re.compile(r"\b(?:how many|number of)\s+(?:of the |of |more |other )?((?:[\w’'-]+\s?){1,4})", re.IGNORECASE)
_TARGET = re.compile(  # the question word and the noun with it
    r"\b(?:what|which|whose)\b(?: (?:other|kinds?|types?|sorts?|forms?|names?) of)?(?: [\w’'-]+){0,3}|"
    r"\b(?:who|whom|where|when|how (?:many|much|long|old|far|often|big|large|high))\b(?: [\w’'-]+){0,2}",
    re.IGNORECASE,
)
AUXILIARY_VERBS = frozenset(
    "is are was were be been being do does did has have had will would can could should might may must".split()
)
_DATE = re.compile(
    r"^(?:and |so |but )?when\b|\b(?:what|which) (?:year|day|date|month)\b|\bwhat (?:is|was) the [\w ]*\bdate\b",
    re.IGNORECASE,
)
_QUANTITY = re.compile(
    r"\bwhat(?:[’']s| is| was| are| were) (?:the|its|their) (?:[a-z-]+ ){0,3}?(?P<quantity>[a-z]+)\b"
    r"(?= (?:of|in)\b|[?]|$)",
    re.IGNORECASE,
)
_QUANTITIES = frozenset(
    keys("population area size length height weight distance number total toll turnout budget capacity enrollment "
         "enrolment depth width elevation circulation membership")
)  # fmt: skip
_DIRECTION = re.compile(
    rf"^(?:and |so |but )?(?:\w+, )?{AUXILIARIES}\b|"
    r"\bhow (?:close|near|likely|far|good|bad|safe)\b",
    re.IGNORECASE,
)
_ONE_VOICE = re.compile(r"\b(?:say|says|said|tell|told|think|thinks)\b", re.IGNORECASE)
_CIRCUMSTANCE = re.compile(r"\b(?:when|while|before|after|during|until)\b", re.IGNORECASE)
_ONE_NAME = re.compile(  # questions that one name answers
    r"\bwho (?:is|was|are|were) (?:the |its |their )?(?:[a-z-]+ )*?"
    r"(?:artists?|singers?|directors?|composers?|creators?|authors?|writers?|founders?|inventors?|architects?|winners?|"
    r"presidents?|leaders?|owners?|mayors?|chairs?|chief|ministers?|producers?|designers?|builders?|killers?|"
    r"husband|wife|father|mother|publishers?|developers?|champions?)\b|"
    r"\bwho (?:directed|composed|created|wrote|founded|invented|designed|won|killed|built|discovered|painted|"
    r"leads?|led|owns?|heads?|produced|developed|hosts?|hosted|signed|sang|sings|performed|published)\b",
    re.IGNORECASE,
)
_PLANNED = re.compile(r"\b(?:will|does|do|is|are)\b")


@dataclass(frozen=True)
class Query:
    """A standalone question and its analysis. `analyse` makes it, and every later step reads it.

    Attributes:
        text: the question as it is searched and answered, completed from the conversation.
        asked_on: the day from which "this week" counts; None ignores such words.
        answer_type: what type of answer the question asks for: a person, a date, a reason.
        terms: its content words in order, without words that only ask ("say", "happen").
        names: the spans of its names in `text`, in characters.
        time_range: the days that it mentions; None when it mentions none.
        outlet: the publisher that it asks for, as the archive spells it; None when it asks for none.
        sub_questions: one query for each thing that it asks for; empty when it asks for one thing.
    """

    text: str
    asked_on: date | None
    answer_type: AnswerType
    terms: tuple[Word, ...]
    names: tuple[Span, ...]
    time_range: TimeRange | None = None
    outlet: str | None = None
    sub_questions: tuple[Query, ...] = ()

    @property
    def search_text(self) -> str:
        """The text for the lexical search, without words such as "this week"."""
        return self.time_range.query if self.time_range else self.text

    @cached_property
    def keys(self) -> frozenset[str]:
        """The keys of its terms."""
        return frozenset(term.key for term in self.terms)

    @cached_property
    def counted(self) -> frozenset[str]:
        """The keys of the words after "how many", which an answer must count."""
        match = _COUNTED.search(self.text) if self.answer_type == "count" else None
        return keys(match[1]) if match else frozenset()

    @cached_property
    def date_part(self) -> re.Pattern[str] | None:
        """The pattern of the part of a date that it asks for ("which year"); None when it asks for no part."""
        return date_part_of(self.text) if self.answer_type == "when" else None

    @cached_property
    def target(self) -> Span:
        """The span of the question word and its noun, up to the verb: "which minister"; (0, 0) when it has none."""
        match = _TARGET.search(self.text)
        if match is None:
            return (0, 0)
        end = match.start()
        for index, word in enumerate(word for word in words(self.text) if match.start() <= word.start < match.end()):
            if index and self.text[word.start : word.end].lower() in AUXILIARY_VERBS:
                break
            end = word.end
        return match.start(), end

    @cached_property
    def target_head(self) -> str | None:
        """The key of the last content word of the target; None when it has none."""
        start, end = self.target
        row = [word for word in words(self.text) if start <= word.start < end and word.content]
        return row[-1].key if row else None

    @property
    def answer_side(self) -> int:
        """On which side of the question's words the answer is: 1 after ("what did they …"), -1 before, 0 on either."""
        verb = (self.text[self.target[1] :].split() or [""])[0].lower()
        return 1 if verb in ("do", "does", "did") else 0 if verb in AUXILIARY_VERBS else -1

    @cached_property
    def amounts(self) -> tuple[Quantity, ...]:
        """Its numbers with a scale, a unit or a currency."""
        return tuple(quantity for quantity in quantities(self.text) if not quantity.bare)

    @cached_property
    def title_holders(self) -> tuple[TitleHolder, ...]:
        """The people whom it names with a title."""
        return tuple(title_holders(self.text))

    @cached_property
    def negated(self) -> bool:
        """Whether it denies something."""
        return is_negated(self.text)

    @cached_property
    def polarities(self) -> frozenset[int]:
        """The numbers of the classes of opposites that it mentions; see `rag.text.polarity`."""
        return classes_asked_about(self.text)

    @property
    def asks_date(self) -> bool:
        """Whether a date answers it."""
        return _DATE.search(self.text) is not None

    @property
    def asks_quantity(self) -> bool:
        """Whether it asks for a number by the name of a quantity: "what is the population of …"."""
        match = _QUANTITY.search(self.text)
        return match is not None and not _QUANTITIES.isdisjoint(keys(match["quantity"]))

    @property
    def asks_one_name(self) -> bool:
        """Whether exactly one name answers it: "who founded …", without a circumstance ("while", "after")."""
        return self.answer_type == "who" and bool(_ONE_NAME.search(self.text)) and not _CIRCUMSTANCE.search(self.text)

    @property
    def asks_direction(self) -> bool:
        """Whether it asks for a direction ("is it", "how close"), and not for what somebody says."""
        return bool(_DIRECTION.search(self.text)) and not _ONE_VOICE.search(self.text)

    @property
    def may_change(self) -> bool:
        """Whether its answer may change from day to day, as numbers and planned dates do."""
        if self.asks_date:
            return _PLANNED.search(self.text) is not None
        return self.answer_type in ("percent", "money", "count", "duration", "what")

    def in_name(self, position: int) -> bool:
        """Return whether the character at `position` is part of a name."""
        return any(start <= position < end for start, end in self.names)

    def name_texts(self) -> list[str]:
        """Return the names as they are written."""
        return [self.text[start:end] for start, end in self.names]

    def answer_phrases(self, sentence: str) -> list[Span]:
        """Return the spans of the phrases in a sentence that give the measure or date that it asks for."""
        return answer_phrases(self.answer_type, sentence, self.date_part)

    def expectation(self, sentence: Sentence) -> int:
        """Return 1 when a sentence contains the answer type, -1 when it does not, and 0 when that is not certain.

        "Who" needs a name that the question does not contain. A count needs a number just before the counted thing.
        """
        if self.answer_type == "count" and self.counted:
            contains: bool | None = counts(self.counted, sentence.text, sentence.words)
        elif self.answer_type == "who":
            contains = names_other_than_question(sentence.text, sentence.words, self.keys)
        else:
            contains = contains_type(self.answer_type, sentence.text, self.date_part)
        return 0 if contains is None else 1 if contains else -1


def checked(text: str) -> str:
    """Return a question without invisible characters and with single spaces.

    Raises:
        QuestionError: the question is empty or longer than MAX_QUESTION_CHARS.
    """
    folded = " ".join("".join(c for c in text if c.isprintable() or c.isspace()).split())
    if not folded:
        raise QuestionError("the question is empty: type what you want to know")
    if len(folded) > MAX_QUESTION_CHARS:
        raise QuestionError(
            f"the question has {len(folded):,} characters: shorten it to {MAX_QUESTION_CHARS:,} or fewer"
        )
    return folded


def analyse(
    text: str, asked_on: date | None = None, publishers: Callable[[], Iterable[str]] = tuple, decompose: bool = True
) -> Query:
    """Analyse a standalone question.

    Args:
        text: the question, as `checked` returns it.
        asked_on: the day from which "this week" counts; None ignores such words.
        publishers: returns the publishers of the archive; called only for words such as "according to".
        decompose: whether to find sub-questions.
    """
    time_range = read_time_range(text, asked_on) if asked_on else None
    searched = time_range.query if time_range else text
    questions = sub_questions(searched) if decompose else []
    return Query(
        text=text,
        asked_on=asked_on,
        answer_type=answer_type_of(text),
        terms=question_terms(text),
        names=question_names(text),
        time_range=time_range,
        outlet=read_outlet(text, publishers()) if CUES.search(text) else None,
        sub_questions=tuple(analyse(question, asked_on, publishers, decompose=False) for question in questions),
    )
