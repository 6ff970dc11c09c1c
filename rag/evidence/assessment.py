"""A question, or each part of one that asks for several things, read in the passages: what answers it, how surely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag.evidence.confidence import confidence
from rag.evidence.premises import untrue_number, untrue_title
from rag.evidence.scoring import Judged, Reader
from rag.evidence.selection import select
from rag.query.analysis import Question, read
from rag.query.decomposition import parts
from rag.types import Evidence, Hit

LEAST = 2  # sentences that each part may have, whatever the whole answer may have


@dataclass(frozen=True, slots=True)
class Reading:
    """What the passages hold for one question.

    Attributes:
        judged: every sentence, best first.
        chosen: those that make its answer.
        confidence: that they do, 0 to 1; 0 when the question takes something untrue for granted.
        untrue: what the question takes for granted and the articles speak against, in a sentence; empty when nothing.
    """

    question: Question
    judged: Sequence[Judged]
    chosen: Sequence[Evidence]
    confidence: float
    untrue: str = ""

    def sure(self, bar: float) -> bool:
        """Whether there is something to say, and the confidence is `bar` or more."""
        return bool(self.chosen) and self.confidence >= bar


def reading(reader: Reader, text: str, hits: Sequence[Hit], most: int) -> Reading:
    """Read the passages for one question; at most `most` sentences are chosen."""
    question = read(text)
    judged = reader.judge(question, hits)
    articles = list({hit.passage.article.id: hit.passage.article for hit in hits}.values())
    untrue = untrue_title(question, articles) or untrue_number(question, judged)
    sure = 0.0 if untrue else confidence(question, judged)
    return Reading(question, judged, select(question, judged, most), sure, untrue)


def part_readings(reader: Reader, text: str, hits: Sequence[Hit], most: int) -> list[Reading]:
    """Read the passages for each part of a question, which share `most` sentences; none when it asks for one thing."""
    asked = parts(text)
    return [reading(reader, part, hits, max(LEAST, most // len(asked))) for part in asked]


def together(readings: Sequence[Reading]) -> list[Evidence]:
    """What was chosen for all of them, each sentence once."""
    chosen = [evidence for reading in readings for evidence in reading.chosen]
    return list({(evidence.article.id, evidence.start): evidence for evidence in chosen}.values())
