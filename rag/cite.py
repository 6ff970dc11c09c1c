"""From `[n]` markers to citations: numbered by first appearance, each the exact span of one evidence sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from rag.errors import AnswerCut
from rag.generate import Piece
from rag.records import Citation, Evidence
from rag.split import NO_END

_END = re.compile(r"(?:[.!?][”\"’')]*(?:\s*\[[\d, ]{1,12}\])*[.]?\s+(?=([A-Z“\"(\d]))|\n+(?=(\S)))")
MARKER = re.compile(r"\s*\[(\d{1,4}(?:\s*,\s*\d{1,4})*)\]")
_INITIALS = re.compile(r"(?<!\w)(?:[A-Z]\.)+$")  # "U.S. President": that a sentence ends there is the rarer case
_WHOLE = re.compile(r"[.!?][”\"’')]*(?:\s*\[[\d, ]{1,12}\])+[.]?\s*$")
_MARKER_BEGUN = re.compile(r"\s*\[[\d,\s]*$")


class Citer:
    """Resolves the markers of one answer; the same evidence keeps its number to the end.

    Attributes:
        citations: what has been cited so far, in order of number.
        unknown: markers that named no evidence; counted, never shown as citations.
    """

    def __init__(self, evidence: Sequence[Evidence]) -> None:
        self._evidence = evidence
        self._numbers: dict[int, int] = {}
        self.citations: list[Citation] = []
        self.unknown = 0

    def resolve(self, sentence: str) -> tuple[str, tuple[int, ...]]:
        """Split a finished sentence into its text and its citation numbers (1-based, ascending by appearance)."""
        numbers: list[int] = []
        for match in MARKER.finditer(sentence):
            for index in map(int, match.group(1).split(",")):
                if not 1 <= index <= len(self._evidence):
                    self.unknown += 1
                elif (n := self._number(index)) not in numbers:
                    numbers.append(n)
        return MARKER.sub("", sentence).strip(), tuple(numbers)

    def _number(self, index: int) -> int:
        if index not in self._numbers:
            evidence = self._evidence[index - 1]
            n = len(self.citations) + 1
            self._numbers[index] = n
            self.citations.append(Citation(n, evidence.article, evidence.start, evidence.end, evidence.speaker))
        return self._numbers[index]


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
    except AnswerCut:
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


def visible(sentence: str) -> str:
    """What of a sentence that is still being written can be shown: no marker, and nothing that may become one.

    Whatever follows, the text that `Citer.resolve` makes of the whole sentence begins with it.
    """
    return MARKER.sub("", _MARKER_BEGUN.sub("", sentence)).strip()


def with_markers(text: str, numbers: Sequence[int]) -> str:
    """The sentence as it is shown: "… [1] [2]"."""
    return text + "".join(f" [{n}]" for n in numbers)
