"""The seam for whatever writes an answer from evidence: one small protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from rag.types import Evidence, Turn

REWRITE_SECONDS = 6.0  # that a model may take to make a question stand alone: the answer is still to come


@dataclass(frozen=True, slots=True)
class Task:
    """What a generator works from.

    Attributes:
        question: the standalone question.
        evidence: the sentences it may use, best first; `[n]` in its text means `evidence[n - 1]`.
    """

    question: str
    evidence: Sequence[Evidence]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text of an answer, as it is written.

    Attributes:
        ends_claim: a sentence is complete with it.
        notice: what the reader must know about how the answer is made, empty when nothing.
    """

    text: str
    ends_claim: bool = False
    notice: str = ""


class Generator(Protocol):
    """Writes an answer in pieces. Every sentence names its evidence as `[n]`."""

    @property
    def name(self) -> str: ...

    def generate(self, task: Task) -> Iterator[Piece]:
        """Yield the answer in reading order.

        Raises:
            AnswerCut: the model stopped in the middle; the sentences that are complete stand.
            GeneratorError: the model cannot answer; the caller falls back to the extractive generator.
        """
        ...


@runtime_checkable
class Rewriter(Protocol):
    """Makes a follow-up stand alone, as a generator that is a language model can."""

    @property
    def rewrites(self) -> bool:
        """Whether it does so better than the rules; small models do not."""
        ...

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        """Return the model's reply, which is no more than a proposal, within `REWRITE_SECONDS`.

        Raises:
            GeneratorError: the model did not reply, or not in time; the caller keeps to the rules.
        """
        ...
