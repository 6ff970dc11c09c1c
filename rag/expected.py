"""What an answer of each kind must contain: a date for "when", a counted noun for "how many", and so on."""

from __future__ import annotations

import re

from rag.question import Kind, Question
from rag.words import words

_MONTH = r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
_DAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_NUMBER_WORD = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fifteen|twenty|thirty|forty|fifty|"
    r"sixty|seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?|dozens?|half|twice|both|several)"
)
_UNIT_OF_TIME = r"(?:year|month|week|day|hour|minute|second|decade|centur(?:y|ie)|season|quarter)s?"
PATTERNS: dict[Kind, re.Pattern[str]] = {
    "when": re.compile(
        rf"\b{_DAY}\b|\b{_MONTH}\b\.?(?: \d{{1,2}})?|\b(?:1[5-9]|20)\d\d(?:s|\b)|"
        rf"\b(?i:today|tomorrow|yesterday|tonight|noon|midnight|(?:last|next|this|later this|earlier this|late|early|mid)"
        rf"[- ](?:{_UNIT_OF_TIME}|spring|summer|autumn|fall|winter|morning|evening|night|century|{_MONTH}|{_DAY}))\b|"
        rf"\b(?i:{_UNIT_OF_TIME} (?:ago|later|earlier|before|after)|in the coming {_UNIT_OF_TIME}|recently)\b|"
        r"\b\d{1,2}(?::\d\d)? ?[ap]\.?m\b",
    ),
    "percent": re.compile(r"\d ?(?:%|per ?cent|percentage points?)|\b(?:half|third|quarter|majority|most|fifth)s?\b", re.I),
    "money": re.compile(rf"[$€£¥] ?\d|\b\d[\d.,]* ?(?:%|per ?cent|dollars?|euros?|pounds?|cents?|yen|million|billion|trillion)\b|\b{_NUMBER_WORD} (?:dollars|million|billion)\b|\d", re.I),
    "count": re.compile(rf"\d|\b{_NUMBER_WORD}\b", re.I),
    "age": re.compile(r"\b\d{1,3}[- ]years?[- ]old\b|\baged? \d|, \d{1,3},|\bturn(?:s|ed) \d|\bborn (?:in|on)\b|\bage of \d|\b\d{1,3} years of age\b", re.I),
    "duration": re.compile(rf"(?:\d|\b{_NUMBER_WORD}|\ban?|\bfew|\bcouple of|\bmany|\bcoming)[- ]+(?:\w+[- ]+)?{_UNIT_OF_TIME}\b|\b(?:since|until|for) ", re.I),
    "where": re.compile(r"\b(?:in|at|to|from|near|outside|inside|across|on|into|of) (?:the )?(?:[a-z]+ )?[A-Z]|^[A-Z][\w.,/ ]{2,40} ?[—–-] "),
    "who": re.compile(r"[A-Z][\w’'-]+|\b(?:officials?|sources?|leaders?|experts?|analysts?|representatives?|workers?)\b"),
    "why": re.compile(
        r"\b(?:because|since|due to|as a result|so that|in order|owing|stem(?:s|med)? from|cited|citing|reasons?|concerns?|"
        r"after|amid|over|to [a-z]+|fear(?:s|ed)?|clash|aimed|in response|caused?|driven|thanks|therefore|led)\b", re.I),
}  # fmt: skip


def expectation(question: Question, sentence: str) -> int:
    """1 when the sentence holds the kind of thing asked for, -1 when it does not, 0 when no kind is certain.

    A "who" is met only by a name that the question does not already hold; a count only by a number
    within four words before the very thing that is counted.
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
        if number and counted & {w.key for w in row[index + 1 : index + 6]}:
            return True
    return False
