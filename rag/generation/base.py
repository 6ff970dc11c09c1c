"""The protocols of what writes an answer from evidence, and what goes in and out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from rag.types import Evidence, Turn

REWRITE_SECONDS = 6.0  # seconds for making a question stand alone: the user waits for the answer after it


@dataclass(frozen=True, slots=True)
class Task:
    """What a generator writes an answer from.

    Attributes:
        question: the standalone question.
        evidence: the sentences it may use, best first; `[n]` in its text means `evidence[n - 1]`.
    """

    question: str
    evidence: Sequence[Evidence]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an answer that is being written.

    Attributes:
        text: the part.
        ends_claim: a sentence is complete with it.
        notice: what the reader has to know about how the answer is made; empty when there is nothing.
    """

    text: str
    ends_claim: bool = False
    notice: str = ""


class Generator(Protocol):
    """Writes an answer in pieces. Every sentence names its evidence as `[n]`."""

    @property
    def name(self) -> str:
        """What answers and notices call it."""
        ...

    def generate(self, task: Task) -> Iterator[Piece]:
        """Yield the answer in reading order.

        Raises:
            AnswerCut: the model stopped in the middle; the complete sentences are good.
            GeneratorError: the model cannot answer; the caller uses the extractive generator instead.
        """
        ...


@runtime_checkable
class Rewriter(Protocol):
    """Makes a follow-up question stand alone. A generator that is a language model can do so."""

    @property
    def rewrites(self) -> bool:
        """Whether its questions are better than those of the rules; those of small models are not."""
        ...

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        """Return the reply of the model, within `REWRITE_SECONDS`. The caller checks it before use.

        Raises:
            GeneratorError: the model did not reply in time; the caller uses the rules instead.
        """
        ...
