"""Split a text into sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

Span = tuple[int, int]
# Characters that are split at a time, so that the time is linear in the length of the text. No sentence is longer.
WINDOW_CHARS = 5000
# nupunkt takes quadratic time over longer words that have stops in them.
MAX_WORD_CHARS = 200
# nupunkt also takes quadratic time over tables and ornament: lines with a smaller share of letters.
MIN_LETTER_SHARE = 0.25
LINE_PATTERN = re.compile(r"\S(?:[^\n]*\S)?")
LONG_WORD = re.compile(rf"\S{{{MAX_WORD_CHARS},}}")
# A title ends no sentence, and neither do initials after an opening quotation mark. nupunkt does not know them all.
NO_SENTENCE_END = re.compile(
    r"(?<![\w.])(?:adm|atty|capt|cmdr|col|det|dr|gen|gov|hon|lt|maj|messrs|mr|mrs|ms|pres|prof|reps?|rev|sens?|sgt|st|supt)\.$"
    r"|[“‘\"'(\[](?:[a-z]\.)+$",
    re.IGNORECASE,
)
FIRST_WORD = re.compile(r"[“‘\"'(\[]*([^\W\d_]+)")
CLOSING_MARKS = re.compile(r"[”’»)\]\"']+(?=\s|$)|[”»)\]]+")


def sentences(text: str) -> list[Span]:
    """Return (start, end) of every sentence, in order, without the white space around it.

    Every other character is in exactly one sentence. The end of a line always ends a sentence.
    """
    return [span for line in LINE_PATTERN.finditer(text) for span in _sentences_of_line(text, *line.span())]


def _sentences_of_line(text: str, start: int, end: int) -> Iterator[Span]:
    while start < end:
        window = text[start : min(end, start + WINDOW_CHARS)]
        starts = _starts(window)
        stop = len(window)
        if start + stop < end:  # the last sentence may go on after the window, so the next window begins with it
            stop = starts.pop() if len(starts) > 1 else last_word_start(window)
        for a, b in pairwise([*starts, stop]):
            yield trimmed(text, start + a, start + b)
        start += stop


def _starts(line: str) -> list[int]:
    """Return where the sentences of a line begin, the first at 0."""
    import nupunkt

    starts = [0]
    if len(line) > MAX_WORD_CHARS and sum(map(str.isalpha, line)) < MIN_LETTER_SHARE * len(line):
        return starts
    for found, _ in nupunkt.sent_spans(LONG_WORD.sub(_without_stops, line))[1:]:
        marks = CLOSING_MARKS.match(line, found)
        start = marks.end() if marks else found
        before = line[max(starts[-1], start - MAX_WORD_CHARS) : start].rstrip()
        after = line[start : start + MAX_WORD_CHARS].lstrip()
        if _has_words(before) and _has_words(after) and not _goes_on(before, after):
            starts.append(start)
    return starts


def _without_stops(word: re.Match[str]) -> str:
    return "x" * (len(word[0]) - 1) + word[0][-1]


def _has_words(text: str) -> bool:
    return any(map(str.isalnum, text))


def _goes_on(before: str, after: str) -> bool:
    """Return whether two pieces are one sentence: "the Canada–U.S. | economic relationship", "Lt. | Gov."."""
    word = FIRST_WORD.match(after)
    return bool(word and word[1].islower()) or bool(NO_SENTENCE_END.search(before[-20:]))


def last_word_start(text: str) -> int:
    """Return where the last word of a text begins, for a cut before it; the text's length when it has only one word."""
    last = text.rsplit(maxsplit=1)[1:]
    return len(text) - len(last[0]) if last and not text[-1].isspace() else len(text)


def trimmed(text: str, start: int, end: int) -> Span:
    """Return the span without the white space at its ends."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
