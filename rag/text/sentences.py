"""Text to sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

Span = tuple[int, int]
WINDOW_CHARS = 5000  # split at a time, so that the time it takes grows with the text; no sentence is longer
MAX_WORD_CHARS = 200  # nupunkt takes quadratic time over longer words with stops in them, and over
MIN_LETTERS = 0.25  # lines with a smaller share of letters, which are tables or ornament
LINE = re.compile(r"\S(?:[^\n]*\S)?")
LONG_WORD = re.compile(rf"\S{{{MAX_WORD_CHARS},}}")
# A title never ends a sentence, nor do initials after an opening quotation mark; nupunkt does not know all of them.
NO_END = re.compile(
    r"(?<![\w.])(?:adm|atty|capt|cmdr|col|det|dr|gen|gov|hon|lt|maj|messrs|mr|mrs|ms|pres|prof|reps?|rev|sens?|sgt|st|supt)\.$"
    r"|[“‘\"'(\[](?:[a-z]\.)+$",
    re.IGNORECASE,
)
FIRST_WORD = re.compile(r"[“‘\"'(\[]*([^\W\d_]+)")
CLOSING_MARKS = re.compile(r"[”’»)\]\"']+(?=\s|$)|[”»)\]]+")


def sentences(text: str) -> list[Span]:
    """Return (start, end) of every sentence, in order, without the white space around it.

    Every other character is in exactly one sentence. A line end always ends one.
    """
    return [span for line in LINE.finditer(text) for span in _sentences_of_line(text, *line.span())]


def _sentences_of_line(text: str, start: int, end: int) -> Iterator[Span]:
    while start < end:
        window = text[start : min(end, start + WINDOW_CHARS)]
        starts = _starts(window)
        stop = len(window)
        if start + stop < end:  # the last sentence goes on after the window: it begins the next one
            stop = starts.pop() if len(starts) > 1 else last_break(window)
        for a, b in pairwise([*starts, stop]):
            yield trimmed(text, start + a, start + b)
        start += stop


def _starts(line: str) -> list[int]:
    """Return where the sentences of a line begin, the first at 0."""
    import nupunkt

    starts = [0]
    if len(line) > MAX_WORD_CHARS and sum(map(str.isalpha, line)) < MIN_LETTERS * len(line):
        return starts
    for start, _ in nupunkt.sent_spans(LONG_WORD.sub(_without_stops, line))[1:]:
        if marks := CLOSING_MARKS.match(line, start):
            start = marks.end()
        before = line[max(starts[-1], start - MAX_WORD_CHARS) : start].rstrip()
        after = line[start : start + MAX_WORD_CHARS].lstrip()
        if _says_something(before) and _says_something(after) and not _goes_on(before, after):
            starts.append(start)
    return starts


def _without_stops(word: re.Match[str]) -> str:
    return "x" * (len(word[0]) - 1) + word[0][-1]


def _says_something(text: str) -> bool:
    return any(map(str.isalnum, text))


def _goes_on(before: str, after: str) -> bool:
    """Whether what looks like two sentences is one: "the Canada–U.S. | economic relationship", "Lt. | Gov."."""
    word = FIRST_WORD.match(after)
    return bool(word and word[1].islower()) or bool(NO_END.search(before[-20:]))


def last_break(text: str) -> int:
    """Return where the last word of a text begins, so that the text can be cut there; its length if it has but one."""
    words = text.rsplit(None, 1)
    return len(text) - len(words[1]) if len(words) == 2 and not text[-1].isspace() else len(text)


def trimmed(text: str, start: int, end: int) -> Span:
    """Return the span without the white space at its ends."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
