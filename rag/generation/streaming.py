"""Divides a stream of text into pieces and finds the ends of its sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rag.errors import AnswerCutError
from rag.generation.base import Piece
from rag.text.sentences import NO_SENTENCE_END

_END = re.compile(r"(?:[.!?][”\"’')]*(?:\s*\[[\d, ]{1,12}\])*[.]?\s+(?=([A-Z“\"(\d]))|\n+(?=(\S)))")
_INITIALS = re.compile(r"(?<!\w)(?:[A-Z]\.)+$")  # "U.S. President": a sentence seldom ends there
_WHOLE = re.compile(r"[.!?][”\"’')]*(?:\s*\[[\d, ]{1,12}\])+[.]?\s*$")


def finished_claims(tokens: Iterable[str]) -> Iterator[Piece]:
    """Yield a stream of text as it comes, in pieces; the last piece of each sentence has `ends_claim`.

    A sentence ends with its mark and the closing quotes and `[n]` markers after it. Only the next word shows that it
    has ended. The last sentence of an answer that was cut off counts as ended when it has its mark and a number.

    Raises:
        AnswerCut: where `tokens` raises it.
    """
    pending, sent = "", 0
    try:
        for token in tokens:
            pending += token
            while end := _sentence_end(pending):
                yield Piece(pending[sent:end], ends_claim=True)
                pending, sent = pending[end:], 0
            if sent < len(pending):
                yield Piece(pending[sent:])
                sent = len(pending)
    except AnswerCutError:
        if _WHOLE.search(pending):
            yield Piece("", ends_claim=True)
        raise
    if pending.strip():
        yield Piece("", ends_claim=True)


def _sentence_end(text: str) -> int:
    """Return where the first sentence of a text ends, white space included; 0 while that is not known."""
    for match in _END.finditer(text):
        before = text[: match.start() + 1]
        certain = "[" in match[0] or "\n" in match[0]  # by the number of its evidence, or by the end of the line
        if certain or not (NO_SENTENCE_END.search(before) or _INITIALS.search(before)):
            return match.end()
    return 0
