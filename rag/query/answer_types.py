"""Find the answer type of a question, and what a sentence must contain to answer it. English only."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from typing import Literal

from rag.query.terms import AUXILIARIES
from rag.text.dates import DAY, MONTH
from rag.text.names import name_spans
from rag.text.sentences import Span
from rag.text.tokens import Word

AnswerType = Literal[
    "who", "when", "where", "count", "percent", "money", "age", "duration", "why", "how", "yesno", "said", "what"
]
# A number counts a thing that is named at most so many words later.
MAX_WORDS_TO_COUNTED = 3

_QUESTIONS: tuple[tuple[str, AnswerType], ...] = (
    (r"^(?:and |so |but )?when\b(?!.*\bborn\b)", "when"),
    (r"^(?:and |so |but )?where\b", "where"),
    (r"^(?:and |so |but )?why\b", "why"),
    (r"how old\b|\bwhat age\b|\bwhat is the age\b|\bborn\b", "age"),
    (r"\bhow (?:long|many (?:years|months|weeks|days|hours|minutes))\b", "duration"),
    (r"\bhow many\b|\bwhat number\b|\bnumber of\b", "count"),
    (r"\bwhat (?:percentage|percent|share|proportion|rate|fraction)\b|\bwhich percentage\b|\bhow much of\b|"
     r"\b(?:what|which|how (?:much|many))\b.*\bper ?cent\b|"
     r"\bwhat (?:is|was|are|were) the (?:[\w’'-]+ ){0,3}?(?:percentage|share|proportion|"
     r"(?:tariff|tax|duty|interest|unemployment|jobless|inflation|growth|approval|turnout) rate)\b", "percent"),
    (r"\bhow (?:much|large|big|high|expensive)\b|\bwhat (?:price|cost|salary)\b|\bcosts?\b.*\?", "money"),
    (r"^(?:and |so |but )?(?:when|since when|until when)\b|\b(?:what|which) (?:day|date|month|year|time)\b|"
     r"\bon (?:what|which) (?:day|date)\b|\bwhen (?:did|does|do|is|was|were|will|are)\b", "when"),
    (r"^(?:and |so |but )?where\b|\b(?:in )?(?:which|what) (?:city|country|place|state|province|town|location|venue)\b|"
     r"\bwhere (?:did|does|do|is|was|were|will|are)\b", "where"),
    (r"^(?:and |so |but )?why\b|\bwhat (?:is|was|are|were)? ?(?:the )?reasons?\b|"
     r"\bwhy (?:did|does|do|is|was|were|has|have)\b", "why"),
    (r"^(?:and |so |but )?(?:who|whom|whose)\b|\bwho (?:said|is|was|are|has|will)\b|"
     r"\bwhich (?:person|minister|official)\b", "who"),
    (r"\b(?:what|how) (?:did|does|do|has|have|had|would|is|was|were|are)\b.*\b(?:sa(?:y|ys|id|ying)|told|felt|"
     r"(?:think|tell|describ|comment|respond|react|argu|expect|believ|warn|view|feel|call|mention|promis|want)"
     r"(?:e|s|es|ed|ing)?)\b", "said"),
    (r"^(?:and |so |but )?how\b", "how"),
    (rf"^(?:and |so |but )?(?:{AUXILIARIES}|might)\b", "yesno"),
)  # fmt: skip
_NUMBER_WORD = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fifteen|twenty|thirty|forty|fifty|"
    r"sixty|seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?|dozens?|half|twice|both|several)"
)
_TIME_UNIT = r"(?:year|month|week|day|hour|minute|second|decade|centur(?:y|ie)|season|quarter)s?"
_PART_OF_TIME = rf"(?:{_TIME_UNIT}|spring|summer|autumn|fall|winter|morning|evening|night|century|{MONTH}|{DAY})"
# What a sentence must contain to give an answer of the type.
FORM_PATTERNS: dict[AnswerType, re.Pattern[str]] = {
    "when": re.compile(
        rf"\b{DAY}\b|\b{MONTH}\b\.?(?: \d{{1,2}})?|\b(?:1[5-9]|20)\d\d(?:s|\b)|"
        r"\b(?i:today|tomorrow|yesterday|tonight|noon|midnight|recently)\b|"
        rf"\b(?i:(?:last|next|this|later this|earlier this|late|early|mid)[- ]{_PART_OF_TIME})\b|"
        rf"\b(?i:{_TIME_UNIT} (?:ago|later|earlier|before|after)|in the coming {_TIME_UNIT})\b|"
        r"\b\d{1,2}(?::\d\d)? ?[ap]\.?m\b"
    ),
    "percent": re.compile(
        r"\d ?(?:%|per ?cent|percentage points?)|\b(?:half|third|quarter|majority|most|fifth)s?\b", re.IGNORECASE
    ),
    "money": re.compile(rf"[$€£¥] ?\d|\d|\b{_NUMBER_WORD} (?:dollars|euros|pounds|million|billion)\b", re.IGNORECASE),
    "count": re.compile(rf"\d|\b{_NUMBER_WORD}\b", re.IGNORECASE),
    "age": re.compile(
        r"\b\d{1,3}[- ]years?[- ]old\b|\baged? \d|, \d{1,3},|\bturn(?:s|ed) \d|\bborn (?:in|on)\b|\bage of \d|"
        r"\b\d{1,3} years of age\b",
        re.IGNORECASE,
    ),
    "duration": re.compile(
        rf"(?:\d|\b{_NUMBER_WORD}|\ban?|\bfew|\bcouple of|\bmany|\bcoming)[- ]+(?:\w+[- ]+)?{_TIME_UNIT}\b|"
        r"\b(?:since|until|for) ",
        re.IGNORECASE,
    ),
    "where": re.compile(
        r"\b(?:in|at|to|from|near|outside|inside|across|on|into|of) (?:the )?(?:[a-z]+ )?[A-Z]|"
        r"^[A-Z][\w.,/ ]{2,40} ?[—–-] "
    ),
    "who": re.compile(r"[A-Z][\w’'-]+|\b(?:official|source|leader|expert|analyst|representative|worker)s?\b"),
    "why": re.compile(
        r"\b(?:because|since|due to|as a result|so that|in order|owing|stem(?:s|med)? from|cited|citing|reasons?|"
        r"concerns?|after|amid|over|to [a-z]+|fear(?:s|ed)?|clash|aimed|in response|caused?|driven|thanks|"
        r"therefore|led)\b",
        re.IGNORECASE,
    ),
}

_QUALIFIER = (
    r"(?:(?:more|less|fewer|greater|higher|lower|no more|no less) than|over|under|about|around|almost|nearly|roughly|"
    r"approximately|some|at least|at most|up to|as (?:many|much|few|little) as|an estimated|just (?:over|under)|"
    r"upwards of|close to|between) "
)
_FIGURE = (
    rf"(?:\d+(?:[.,]\d+)*|{_NUMBER_WORD}(?:[- ]{_NUMBER_WORD})*)"
    r"(?:[- ](?:hundred|thousand|million|billion|trillion|dozen)|(?:bn|m|k)\b)*"
)
_FIGURES = rf"(?:{_QUALIFIER})?{_FIGURE}(?:(?: to | and |[-–]){_FIGURE})?"
_YEAR = r"(?:1\d|20)\d\d"
_NTH = r"\d{1,2}(?:st|nd|rd|th)?"
# Whole phrases of a measure or a date, with their qualifiers: "over 75%", "more than $10 billion a year".
PHRASE_PATTERNS: dict[AnswerType, re.Pattern[str]] = {
    "when": re.compile(
        rf"(?:(?i:late|early|mid|summer|spring|autumn|fall|winter)[- ](?:of )?)?(?:{DAY},? )?(?:{_NTH} (?:of )?)?"
        rf"{MONTH}\b\.?(?: {_NTH}\b(?!\d))?(?:,? (?:of )?{_YEAR}\b)?|"
        rf"{DAY}(?: (?:morning|afternoon|evening|night))?\b|"
        rf"(?:(?i:the )?(?i:late|early|mid)[- ])?(?:the )?{_YEAR}s?\b(?:(?:[-–]| to | and ){_YEAR}\b)?(?: BCE?| AD)?|"
        r"(?:(?:the )?(?:late|early|mid)[- ]|the )?(?:\d{1,2}(?:st|nd|rd|th)|\w+th|first|second|third) century|"
        r"\b(?i:today|tomorrow|yesterday|tonight|noon|midnight)\b|"
        rf"\b(?i:(?:last|next|this|later this|earlier this)[- ]{_PART_OF_TIME})\b|"
        rf"\b(?i:{_FIGURE} {_TIME_UNIT} (?:ago|later|earlier)|in the coming {_TIME_UNIT})\b|"
        r"\b\d{1,2}(?::\d\d)? ?[ap]\.?m\b\.?"
    ),
    "percent": re.compile(
        rf"\b{_FIGURES} ?(?:%|per ?cent\b|percentage points?\b)|"
        r"\b(?:about |nearly |almost |more than |less than |over |a |one |two |three )*"
        r"(?:half|thirds?|quarters?|fifths?|majority)\b",
        re.IGNORECASE,
    ),
    "money": re.compile(
        rf"(?:{_QUALIFIER})?(?:\b(?:US|C|A|HK))?[$€£¥] ?{_FIGURE}(?:(?: to | and |[-–])[$€£¥]?{_FIGURE})?"
        r"(?: (?:per|an?) \w+)?|"
        rf"\b{_FIGURES}(?: (?:US|Canadian))? (?:dollars|euros|pounds|yuan|yen|rupees|cents|francs|marks)\b",
        re.IGNORECASE,
    ),
    "count": re.compile(rf"\b{_FIGURES}(?!\w|%|[.,]\d)", re.IGNORECASE),
    "age": re.compile(
        r"\b\d{1,3}(?=[- ]years?[- ]old\b)|(?<=\baged )\d{1,3}|(?<=, )\d{1,3}(?=,)|(?<=\bturned )\d{1,3}|"
        r"(?<=\bage of )\d{1,3}|\b\d{1,3}(?= years of age\b)",
        re.IGNORECASE,
    ),
    "duration": re.compile(
        rf"(?:{_QUALIFIER})?(?:{_FIGURES}|\ban?|\b(?:a )?few|\ba couple of|\bseveral|\bmany)[- ]"
        rf"(?:and a half |more )?{_TIME_UNIT}\b",
        re.IGNORECASE,
    ),
}
# Capitalised words that are no names.
_CALENDAR = re.compile(rf"{MONTH}|{DAY}")
# "half of the", "one of them": seldom a count.
_NOT_COUNTS = re.compile(r"\b(?:half|twice|both|one)\b", re.IGNORECASE)
# Questions for a part of a date, and what the date must name.
_DATE_PARTS: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = (
    (re.compile(r"\b(?:what|which) year\b", re.IGNORECASE), re.compile(rf"\b{_YEAR}\b")),
    (re.compile(r"\b(?:what|which) month\b", re.IGNORECASE), re.compile(rf"\b{MONTH}\b")),
    (re.compile(r"\b(?:what|which) (?:day of the week|weekday)\b", re.IGNORECASE), re.compile(rf"\b{DAY}\b")),
    (re.compile(r"\b(?:what|which) century\b", re.IGNORECASE), re.compile(r"\bcentury\b", re.IGNORECASE)),
)
_ASKED = tuple((re.compile(pattern, re.IGNORECASE), answer_type) for pattern, answer_type in _QUESTIONS)


def answer_type_of(text: str) -> AnswerType:
    """Return the answer type of a question; "what" when no other type fits."""
    return next((answer_type for pattern, answer_type in _ASKED if pattern.search(text)), "what")


def date_part_of(text: str) -> re.Pattern[str] | None:
    """Return the pattern of the part of a date that a question asks for ("which year"); None when for no part."""
    return next((part for asked, part in _DATE_PARTS if asked.search(text)), None)


def answer_phrases(answer_type: AnswerType, sentence: str, date_part: re.Pattern[str] | None = None) -> list[Span]:
    """Return the spans of the whole phrases of a measure or a date in a sentence; empty for other answer types."""
    pattern = PHRASE_PATTERNS.get(answer_type)
    if pattern is None:
        return []
    spans = [match.span() for match in pattern.finditer(sentence)]
    if answer_type == "count":
        spans = [(a, b) for a, b in spans if not _NOT_COUNTS.fullmatch(sentence, a, b)]
    return [(a, b) for a, b in spans if date_part is None or date_part.search(sentence, a, b)]


def contains_type(answer_type: AnswerType, sentence: str, date_part: re.Pattern[str] | None = None) -> bool | None:
    """Return whether a sentence contains what the answer type needs; None for a type without a certain form."""
    pattern = date_part or FORM_PATTERNS.get(answer_type)
    return None if pattern is None else pattern.search(sentence) is not None


def names_other_than_question(sentence: str, row: Sequence[Word], asked: Set[str]) -> bool:
    """Return whether a sentence has a name without any of the keys `asked`; months and weekdays are no names."""
    spans = name_spans(sentence, [word for word in row if word.key not in asked], ())
    return any(not _CALENDAR.fullmatch(sentence, a, b) for a, b in spans)


def counts(counted: frozenset[str], sentence: str, row: Sequence[Word]) -> bool:
    """Return whether a number comes at most MAX_WORDS_TO_COUNTED words before one of the counted words."""
    for index, word in enumerate(row):
        number = word.number or FORM_PATTERNS["count"].fullmatch(sentence[word.start : word.end])
        if number and counted & {other.key for other in row[index + 1 : index + 1 + MAX_WORDS_TO_COUNTED]}:
            return True
    return False
