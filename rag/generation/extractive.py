"""The generator without a model: each claim is a sentence or quotation of an article, with its speaker and title."""

from __future__ import annotations

from collections.abc import Iterator

from rag.generation.base import Piece, Task
from rag.text.tokens import keys
from rag.types import Evidence

MIN_QUOTE_WORDS = 4  # words: a shorter quotation ("constructive") needs its sentence around it
MIN_QUOTE_SHARE = 0.35  # of the characters of the sentence: below it the words of the reporter matter as much


class Extractive:
    """A `Generator` that writes one claim for each evidence sentence, in the order of the task."""

    name = "extractive"

    def generate(self, task: Task) -> Iterator[Piece]:
        """Yield one piece for each evidence sentence."""
        for number, evidence in enumerate(task.evidence, start=1):
            yield Piece(f"{introduction(evidence)}{evidence_text(evidence)} [{number}]\n", ends_claim=True)


def introduction(evidence: Evidence) -> str:
    """Return who says it and where: "Dominic LeBlanc, in *Is a Canada-US trade deal inching closer?*: "."""
    where = f"*{evidence.article.label}*"
    if evidence.speaker and (_is_quotation(evidence) or not keys(evidence.speaker) <= keys(evidence.text)):
        speaker = evidence.speaker[0].upper() + evidence.speaker[1:]
        return f"{speaker}, in {where}: "
    return f"{where}: "


def evidence_text(evidence: Evidence) -> str:
    """Return the quotation in quotation marks where it is a large part of the sentence, else the sentence unchanged."""
    if _is_quotation(evidence) and evidence.quote:
        start, end = evidence.quote
        return f"“{' '.join(evidence.article.text[start:end].split())}”"
    return " ".join(evidence.text.split())


def _is_quotation(evidence: Evidence) -> bool:
    if evidence.quote is None or evidence.speaker is None:
        return False
    start, end = evidence.quote
    quoted = evidence.article.text[start:end]
    return len(quoted.split()) >= MIN_QUOTE_WORDS and len(quoted) >= MIN_QUOTE_SHARE * len(evidence.text)
