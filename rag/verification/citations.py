"""Turns `[n]` markers into citations: numbered by first appearance, each the exact span of one evidence sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.types import Citation, Evidence

MARKER = re.compile(r"\s*\[(\d{1,4}(?:\s*,\s*\d{1,4})*)\]")
_MARKER_BEGUN = re.compile(r"\s*\[[\d,\s]*$")


class Citer:
    """Resolves the markers of one answer; the same evidence always has the same number.

    Attributes:
        citations: the citations so far, in the order of their numbers.
        unknown: how many markers name no evidence; these are never shown as citations.
    """

    def __init__(self, evidence: Sequence[Evidence]) -> None:
        self._evidence = evidence
        self._numbers: dict[int, int] = {}
        self.citations: list[Citation] = []
        self.unknown = 0

    def resolve(self, sentence: str) -> tuple[str, tuple[int, ...]]:
        """Return the text of a finished sentence and its citation numbers, from 1, in the order of the markers."""
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


def visible(sentence: str) -> str:
    """Return what can be shown of an unfinished sentence: no marker, and nothing that may become one.

    The text that `Citer.resolve` returns for the whole sentence begins with this, whatever follows.
    """
    return MARKER.sub("", _MARKER_BEGUN.sub("", sentence)).strip()


def with_markers(text: str, numbers: Sequence[int]) -> str:
    """Return the sentence as it is shown: "… [1] [2]"."""
    return text + "".join(f" [{n}]" for n in numbers)
