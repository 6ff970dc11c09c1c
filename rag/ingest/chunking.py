"""An article to the passages that are indexed, ranked and cited."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise

from rag.text.sentences import LINE, Span, last_break, sentences, trimmed
from rag.types import Article, Passage

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
            spans.append(trimmed(text, start, start + len(chunk)))
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
            cut += last_break(text[cut : cut + size])
            yield cut
