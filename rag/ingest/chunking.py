"""Split an article into the passages that are indexed, ranked and cited."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise

from rag.text.sentences import LINE_PATTERN, Span, last_word_start, sentences, trimmed
from rag.types import Article, Passage

PASSAGE_CHARS = 900
MIN_PASSAGE_CHARS = 150  # a shorter last passage joins the one before it
MAX_LAST_PASSAGE = 1.25  # times `size`, when it does
MAX_SENTENCE = 2  # times `size`; a longer sentence is cut between words
HEADING = re.compile(r".{1,120}(?<![.!?;,…\"”’»)])")


def split(article: Article, size: int = PASSAGE_CHARS) -> list[Passage]:
    """Split an article into passages of at most `size` characters, in order and without overlap.

    A passage ends where a paragraph ends, or a sentence where the paragraph is too long. A sentence of up to twice
    `size` stays whole; a longer one is cut between words. The last passage may be a quarter longer than `size`, so that
    no tiny passage follows it. Every character except white space is in exactly one passage.
    """
    text = article.text
    spans: list[Span] = []
    start = 0
    for chunk in _merger(size)(text):
        if not text.startswith(chunk, start):
            raise RuntimeError("langchain-text-splitters did not return the text piece by piece")
        if not chunk.isspace():
            spans.append(trimmed(text, start, start + len(chunk)))
        start += len(chunk)
    if len(spans) > 1:
        (before, _), (last, end) = spans[-2:]
        if end - last < MIN_PASSAGE_CHARS and end - before <= MAX_LAST_PASSAGE * size:
            spans[-2:] = [(before, end)]
    return [Passage(article, start, end) for start, end in spans]


@cache
def _merger(size: int) -> Callable[[str], list[str]]:
    """Return the function that splits a text into strings whose concatenation is the text.

    Langchain merges our pieces into chunks. Their offsets follow from their lengths: Langchain's own `add_start_index`
    searches for each chunk and returns the wrong offset when a text repeats itself.
    """
    from langchain_text_splitters import TextSplitter

    class SentenceSplitter(TextSplitter):
        def split_text(self, text: str) -> list[str]:
            return self._merge_splits(_pieces(text, size), separator="")

    logging.getLogger("langchain_text_splitters.base").setLevel(logging.ERROR)  # it warns of each long sentence
    splitter = SentenceSplitter(chunk_size=size, chunk_overlap=0, length_function=len, strip_whitespace=False)
    return splitter.split_text


def _pieces(text: str, size: int) -> list[str]:
    """Split a text wherever a passage may end, into strings whose concatenation is the text."""
    cuts = [cut for block in _blocks(text, size) for cut in _cuts(text, *block, size)]
    return [text[start:end] for start, end in pairwise([0, *cuts[1:], len(text)])] if cuts else []


def _blocks(text: str, size: int) -> Iterator[Span]:
    """Yield (start, end) of every paragraph together with the headings above it, as far as they fit in a passage."""
    above: Span | None = None
    for line in LINE_PATTERN.finditer(text):
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
    """Yield the offsets where the block from `start` to `end` may be cut; the first is `start`."""
    if end - start <= size:
        yield start
        return
    for a, b in sentences(text[start:end]):
        cut, stop = start + a, start + b
        yield cut
        while b - a > MAX_SENTENCE * size and stop - cut > size:
            cut += last_word_start(text[cut : cut + size])
            yield cut
