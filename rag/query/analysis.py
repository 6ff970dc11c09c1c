"""A question, read once: what it asks for, of whom, of which days, and in which sub-questions.

Every later step takes what it needs from the `Query`; none reads the question's text again by rules of its own.
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
    counts,
    date_part_of,
    holds_type,
    names_other,
)
from rag.query.decomposition import sub_questions
from rag.query.outlet import CUES, read_outlet
from rag.query.terms import question_names, question_terms
from rag.query.time_range import TimeRange, read_time_range
from rag.text.document import Sentence
from rag.text.names import TitleHolder, title_holders
from rag.text.polarity import asked_about, is_negated
from rag.text.quantities import Quantity, quantities
from rag.text.sentences import Span
from rag.text.tokens import Word, keys, words

MAX_QUESTION_CHARS = 2_000

_COUNTED = re.compile(r"\b(?:how many|number of)\s+(?:of the |of |more |other )?((?:[\w’'-]+\s?){1,4})", re.IGNORECASE)
_TARGET = re.compile(  # the words that say what is asked for
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
    r"^(?:and |so |but )?(?:\w+, )?(?:is|are|was|were|do|does|did|has|have|had|will|would|can|could|should)\b|"
    r"\bhow (?:close|near|likely|far|good|bad|safe)\b",
    re.IGNORECASE,
)
_ONE_VOICE = re.compile(r"\b(?:say|says|said|tell|told|think|thinks)\b", re.IGNORECASE)
_CIRCUMSTANCE = re.compile(r"\b(?:when|while|before|after|during|until)\b", re.IGNORECASE)
_ONE_NAME = re.compile(  # what one name answers
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
    """A question that stands alone, read.

    Attributes:
        text: as it is searched and answered, with what the conversation supplies filled in.
        asked_on: the day that "this week" counts from; None where no day is known, and such words mean nothing.
        answer_type: what sort of answer it wants.
        terms: its content words in order, without those that only ask.
        names: spans of its names.
        time_range: the days it speaks of; None when it speaks of none.
        outlet: the publisher whose articles it asks for, as the archive spells it; None when none.
        sub_questions: the questions it comes to when it asks for several things; empty when it asks for one.
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
        """The text to search for: without the words that only say which days are meant."""
        return self.time_range.query if self.time_range else self.text

    @cached_property
    def keys(self) -> frozenset[str]:
        """The keys of its terms."""
        return frozenset(term.key for term in self.terms)

    @cached_property
    def counted(self) -> frozenset[str]:
        """Keys of the words after "how many": an answer counts exactly these."""
        match = _COUNTED.search(self.text) if self.answer_type == "count" else None
        return keys(match[1]) if match else frozenset()

    @cached_property
    def date_part(self) -> re.Pattern[str] | None:
        """The pattern of the part of a date that it asks for ("which year"); None when for no part."""
        return date_part_of(self.text) if self.answer_type == "when" else None

    @cached_property
    def target(self) -> Span:
        """Span of the words that say what is asked for, up to the verb: "which minister"; (0, 0) without any."""
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
        """The key of the last content word of the target."""
        start, end = self.target
        row = [word for word in words(self.text) if start <= word.start < end and word.content]
        return row[-1].key if row else None

    @property
    def answer_side(self) -> int:
        """Where the answer stands beside the question's words: 1 behind ("what did they …"), -1 before, 0 either."""
        verb = (self.text[self.target[1] :].split() or [""])[0].lower()
        return 1 if verb in ("do", "does", "did") else 0 if verb in AUXILIARY_VERBS else -1

    @cached_property
    def amounts(self) -> tuple[Quantity, ...]:
        """Its numbers that have a scale, a unit or a currency."""
        return tuple(quantity for quantity in quantities(self.text) if not quantity.bare)

    @cached_property
    def title_holders(self) -> tuple[TitleHolder, ...]:
        """Whom it gives which title."""
        return tuple(title_holders(self.text))

    @cached_property
    def negated(self) -> bool:
        """Whether it has a negation."""
        return is_negated(self.text)

    @cached_property
    def polarities(self) -> frozenset[int]:
        """The pairs of opposites that it speaks of; see `rag.text.polarity`."""
        return asked_about(self.text)

    @property
    def asks_date(self) -> bool:
        """Whether a date answers it."""
        return _DATE.search(self.text) is not None

    @property
    def asks_quantity(self) -> bool:
        """Whether it asks for a plain number by the name of a quantity: "what is the population of …"."""
        match = _QUANTITY.search(self.text)
        return match is not None and not _QUANTITIES.isdisjoint(keys(match["quantity"]))

    @property
    def asks_one_name(self) -> bool:
        """Whether one name answers it: "who founded …", with no circumstance that others may share."""
        return self.answer_type == "who" and bool(_ONE_NAME.search(self.text)) and not _CIRCUMSTANCE.search(self.text)

    @property
    def asks_direction(self) -> bool:
        """Whether it asks which way something goes ("is it", "how close"), and not what somebody says of it."""
        return bool(_DIRECTION.search(self.text)) and not _ONE_VOICE.search(self.text)

    @property
    def may_change(self) -> bool:
        """Whether its answer changes from day to day: numbers grow and plans are put off; who wrote a book stays."""
        if self.asks_date:
            return _PLANNED.search(self.text) is not None
        return self.answer_type in ("percent", "money", "count", "duration", "what")

    def in_name(self, position: int) -> bool:
        """Return whether a character of the text is in one of the names."""
        return any(start <= position < end for start, end in self.names)

    def name_texts(self) -> list[str]:
        """Return the names as they are written."""
        return [self.text[start:end] for start, end in self.names]

    def answer_phrases(self, sentence: str) -> list[Span]:
        """Return the spans of the whole phrases of a sentence that measure or date what is asked for."""
        return answer_phrases(self.answer_type, sentence, self.date_part)

    def expectation(self, sentence: Sentence) -> int:
        """Return 1 when a sentence holds the type of thing asked for, -1 when it does not, 0 when none is certain.

        A "who" is met only by a name that the question does not already hold; a count only by a number at most three
        words before the very thing that is counted.
        """
        if self.answer_type == "count" and self.counted:
            held: bool | None = counts(self.counted, sentence.text, sentence.words)
        elif self.answer_type == "who":
            held = names_other(sentence.text, sentence.words, self.keys)
        else:
            held = holds_type(self.answer_type, sentence.text, self.date_part)
        return 0 if held is None else 1 if held else -1


def checked(text: str) -> str:
    """Return the question with white space and invisible characters folded.

    Raises:
        QuestionError: it is empty or longer than MAX_QUESTION_CHARS.
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
    """Read a question that stands alone.

    Args:
        text: as `checked` returns it.
        asked_on: the day that "this week" counts from.
        publishers: gives the archive's publishers; called only when the question has words such as "according to".
        decompose: whether to look for sub-questions.
    """
    time_range = read_time_range(text, asked_on) if asked_on else None
    searched = time_range.query if time_range else text
    parts = sub_questions(searched) if decompose else []
    return Query(
        text=text,
        asked_on=asked_on,
        answer_type=answer_type_of(text),
        terms=question_terms(text),
        names=question_names(text),
        time_range=time_range,
        outlet=read_outlet(text, publishers()) if CUES.search(text) else None,
        sub_questions=tuple(analyse(part, asked_on, publishers, decompose=False) for part in parts),
    )
