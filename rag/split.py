"""Text to sentences, and an article to the passages that are indexed, ranked and cited."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise

from rag.records import Article, Passage

Span = tuple[int, int]

# Sentences

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
            stop = starts.pop() if len(starts) > 1 else _last_break(window)
        for a, b in pairwise([*starts, stop]):
            yield _trimmed(text, start + a, start + b)
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


def _last_break(text: str) -> int:
    """Return where the last word of a text begins, so that the text can be cut there; its length if it has but one."""
    words = text.rsplit(None, 1)
    return len(text) - len(words[1]) if len(words) == 2 and not text[-1].isspace() else len(text)


def _trimmed(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


# Passages

PASSAGE_CHARS = 900
MIN_PASSAGE_CHARS = 150  # a shorter last passage joins the one before it
HEADING = re.compile(r".{1,120}(?<![.!?;,…\"”’»)])")


def split(article: Article, size: int = PASSAGE_CHARS) -> list[Passage]:
    """Cut an article into passages of at most `size` characters, in order, none overlapping another.

    They end where a paragraph does, or a sentence where a paragraph is too long. A sentence of up to twice `size` stays
    whole; a longer one is cut between words. The last passage is a quarter longer rather than followed by a tiny one.
    Every character but white space is in one passage.
    """
    text = article.text
    spans: list[Span] = []
    start = 0
    for chunk in _merger(size)(text):
        if not text.startswith(chunk, start):
            raise RuntimeError("langchain-text-splitters did not return the text piece by piece")
        if not chunk.isspace():
            spans.append(_trimmed(text, start, start + len(chunk)))
        start += len(chunk)
    if len(spans) > 1:
        (before, _), (last, end) = spans[-2:]
        if end - last < MIN_PASSAGE_CHARS and end - before <= 1.25 * size:
            spans[-2:] = [(before, end)]
    return [Passage(article, start, end) for start, end in spans]


@cache
def _merger(size: int) -> Callable[[str], list[str]]:
    """Return the function that cuts a text into strings that put together are the text again.

    Langchain merges our pieces into chunks; where they stand follows from their lengths. Its own `add_start_index`
    searches for them, and finds the wrong place when a text repeats itself.
    """
    from langchain_text_splitters import TextSplitter

    class SentenceSplitter(TextSplitter):
        def split_text(self, text: str) -> list[str]:
            return self._merge_splits(_pieces(text, size), separator="")

    logging.getLogger("langchain_text_splitters.base").setLevel(logging.ERROR)  # long sentences are no news
    splitter = SentenceSplitter(chunk_size=size, chunk_overlap=0, length_function=len, strip_whitespace=False)
    return splitter.split_text


def _pieces(text: str, size: int) -> list[str]:
    """Cut a text wherever a passage may end, into strings that put together are the text again."""
    cuts = [cut for block in _blocks(text, size) for cut in _cuts(text, *block, size)]
    return [text[start:end] for start, end in pairwise([0, *cuts[1:], len(text)])] if cuts else []


def _blocks(text: str, size: int) -> Iterator[Span]:
    """Yield (start, end) of every paragraph, with the headings above it as far as all that fits in a passage."""
    above: Span | None = None
    for line in LINE.finditer(text):
        start, end = line.span()
        if above and end - above[0] <= size:
            start = above[0]
        elif above:
            yield above
        if HEADING.fullmatch(line[0]):
            above = start, end
        else:
            yield start, end
            above = None
    if above:
        yield above


def _cuts(text: str, start: int, end: int, size: int) -> Iterator[int]:
    """Yield where the block from `start` to `end` may be cut, its beginning first."""
    if end - start <= size:
        yield start
        return
    for a, b in sentences(text[start:end]):
        cut, stop = start + a, start + b
        yield cut
        while b - a > 2 * size and stop - cut > size:
            cut += _last_break(text[cut : cut + size])
            yield cut
