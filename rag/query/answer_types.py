"""What an answer of each kind must contain: a date for "when", a counted noun for "how many", and so on."""

from __future__ import annotations

import re

from rag.query.analysis import Kind, Query
from rag.text.tokens import words

MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|"
    r"Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
DAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_NUMBER_WORD = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fifteen|twenty|thirty|forty|fifty|"
    r"sixty|seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?|dozens?|half|twice|both|several)"
)
_TIME_UNIT = r"(?:year|month|week|day|hour|minute|second|decade|centur(?:y|ie)|season|quarter)s?"
_PART_OF_TIME = rf"(?:{_TIME_UNIT}|spring|summer|autumn|fall|winter|morning|evening|night|century|{MONTH}|{DAY})"
PATTERNS: dict[Kind, re.Pattern[str]] = {
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
PHRASES: dict[Kind, re.Pattern[str]] = {
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
}  # the whole phrases of a measure, with what qualifies them: "over 75%", "more than $10 billion a year"
_CALENDAR = re.compile(rf"{MONTH}|{DAY}")  # the only words with a capital that name nobody
_NOT_COUNTS = re.compile(r"\b(?:half|twice|both|one)\b", re.IGNORECASE)  # "half of the", "one of them": seldom a count
_PARTS: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = (
    (re.compile(r"\b(?:what|which) year\b", re.IGNORECASE), re.compile(rf"\b{_YEAR}\b")),
    (re.compile(r"\b(?:what|which) month\b", re.IGNORECASE), re.compile(rf"\b{MONTH}\b")),
    (re.compile(r"\b(?:what|which) (?:day of the week|weekday)\b", re.IGNORECASE), re.compile(rf"\b{DAY}\b")),
    (re.compile(r"\b(?:what|which) century\b", re.IGNORECASE), re.compile(r"\bcentury\b", re.IGNORECASE)),
)  # what a date must name when the question asks for just that


def phrases(question: Query, sentence: str) -> list[tuple[int, int]]:
    """Spans of the whole phrases of the measure that the question asks for; empty for other kinds."""
    pattern = PHRASES.get(question.kind)
    if pattern is None:
        return []
    spans = [m.span() for m in pattern.finditer(sentence)]
    if question.kind == "count":
        spans = [(a, b) for a, b in spans if not _NOT_COUNTS.fullmatch(sentence, a, b)]
    for asked, part in _PARTS if question.kind == "when" else ():
        if asked.search(question.text):
            spans = [(a, b) for a, b in spans if part.search(sentence, a, b)]
    return spans


def expectation(question: Query, sentence: str) -> int:
    """1 when the sentence holds the kind of thing asked for, -1 when it does not, 0 when no kind is certain.

    A "who" is met only by a name that the question does not already hold; a count only by a number
    at most three words before the very thing that is counted.
    """
    if question.kind == "count" and question.counted:
        return 1 if _counts(question.counted, sentence) else -1
    if question.kind == "who":
        asked = {w.key for w in question.terms}
        others = [w for w in words(sentence) if w.capitalised and w.content and w.key not in asked]
        return 1 if any(not _CALENDAR.fullmatch(sentence, w.start, w.end) for w in others) else -1
    pattern = next((part for asked, part in _PARTS if question.kind == "when" and asked.search(question.text)), None)
    pattern = pattern or PATTERNS.get(question.kind)
    if pattern is None:
        return 0
    return 1 if pattern.search(sentence) else -1


def _counts(counted: frozenset[str], sentence: str) -> bool:
    row = words(sentence)
    for index, word in enumerate(row):
        number = word.number or PATTERNS["count"].fullmatch(sentence[word.start : word.end])
        if number and counted & {w.key for w in row[index + 1 : index + 4]}:
            return True
    return False
