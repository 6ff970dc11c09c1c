"""A stream of text as pieces, of which each sentence ends one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rag.errors import AnswerCutError
from rag.generation.base import Piece
from rag.text.sentences import NO_END

_END = re.compile(r"(?:[.!?][”\"’')]*(?:\s*\[[\d, ]{1,12}\])*[.]?\s+(?=([A-Z“\"(\d]))|\n+(?=(\S)))")


_INITIALS = re.compile(r"(?<!\w)(?:[A-Z]\.)+$")  # "U.S. President": that a sentence ends there is the rarer case


_WHOLE = re.compile(r"[.!?][”\"’')]*(?:\s*\[[\d, ]{1,12}\])+[.]?\s*$")


def finished_claims(tokens: Iterable[str]) -> Iterator[Piece]:
    """Pass a stream of text on as it comes, in pieces of which each sentence's last one says so.

    A sentence ends with its mark and what follows it on the line: closing quotes and `[n]` markers, which belong to
    it. Until the next word has begun it is not known to have ended; of an answer that was cut off there, it is kept
    when its mark and its number are there.

    Raises:
        AnswerCut: as the tokens do.
    """
    pending, told = "", 0
    try:
        for token in tokens:
            pending += token
            while end := _sentence_end(pending):
                yield Piece(pending[told:end], ends_claim=True)
                pending, told = pending[end:], 0
            if told < len(pending):
                yield Piece(pending[told:])
                told = len(pending)
    except AnswerCutError:
        if _WHOLE.search(pending):
            yield Piece("", ends_claim=True)
        raise
    if pending.strip():
        yield Piece("", ends_claim=True)


def _sentence_end(text: str) -> int:
    """Where the first sentence of a text ends, white space included; 0 while that is not known."""
    for match in _END.finditer(text):
        before = text[: match.start() + 1]
        told = "[" in match[0] or "\n" in match[0]  # by the number of its evidence, or by the end of the line
        if told or not (NO_END.search(before) or _INITIALS.search(before)):
            return match.end()
    return 0
