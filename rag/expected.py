"""What an answer of each kind must contain: a date for "when", a counted noun for "how many", and so on."""

from __future__ import annotations

import re

from rag.question import Kind, Question
from rag.words import words

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|"
    r"Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_DAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_NUMBER_WORD = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fifteen|twenty|thirty|forty|fifty|"
    r"sixty|seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?|dozens?|half|twice|both|several)"
)
_TIME_UNIT = r"(?:year|month|week|day|hour|minute|second|decade|centur(?:y|ie)|season|quarter)s?"
_PART_OF_TIME = rf"(?:{_TIME_UNIT}|spring|summer|autumn|fall|winter|morning|evening|night|century|{_MONTH}|{_DAY})"
PATTERNS: dict[Kind, re.Pattern[str]] = {
    "when": re.compile(
        rf"\b{_DAY}\b|\b{_MONTH}\b\.?(?: \d{{1,2}})?|\b(?:1[5-9]|20)\d\d(?:s|\b)|"
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


def expectation(question: Question, sentence: str) -> int:
    """1 when the sentence holds the kind of thing asked for, -1 when it does not, 0 when no kind is certain.

    A "who" is met only by a name that the question does not already hold; a count only by a number
    at most three words before the very thing that is counted.
    """
    if question.kind == "count" and question.counted:
        return 1 if _counts(question.counted, sentence) else -1
    if question.kind == "who":
        asked = {w.key for w in question.terms}
        others = [w for w in words(sentence) if w.capitalised and w.content and w.key not in asked]
        return 1 if others else -1
    pattern = PATTERNS.get(question.kind)
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
