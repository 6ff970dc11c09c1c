"""The generator without a model: each claim is a sentence or a quotation of an article, introduced by who and where."""

from __future__ import annotations

from collections.abc import Iterator

from rag.generation.base import Piece, Task
from rag.text.tokens import keys
from rag.types import Evidence

QUOTE_WORDS = 4  # a shorter quotation ("constructive") needs its sentence around it
QUOTE_SHARE = 0.35  # of the sentence's characters, or the reporter's words carry as much as the quoted ones


class Extractive:
    """Writes one claim for each evidence sentence it is given, in the order given."""

    name = "extractive"

    def generate(self, task: Task) -> Iterator[Piece]:
        for number, evidence in enumerate(task.evidence, start=1):
            yield Piece(f"{introduction(evidence)}{spoken(evidence)} [{number}]\n", ends_claim=True)


def introduction(evidence: Evidence) -> str:
    """Who says it and where: "Dominic LeBlanc, in *Is a Canada-US trade deal inching closer?*: "."""
    where = f"*{evidence.article.label}*"
    if evidence.speaker and (_is_quotation(evidence) or not keys(evidence.speaker) <= keys(evidence.text)):
        speaker = evidence.speaker[0].upper() + evidence.speaker[1:]
        return f"{speaker}, in {where}: "
    return f"{where}: "


def spoken(evidence: Evidence) -> str:
    """The quotation in quotation marks when it is most of the sentence, else the sentence as it stands."""
    if _is_quotation(evidence) and evidence.quote:
        start, end = evidence.quote
        return f"“{' '.join(evidence.article.text[start:end].split())}”"
    return " ".join(evidence.text.split())


def _is_quotation(evidence: Evidence) -> bool:
    if evidence.quote is None or evidence.speaker is None:
        return False
    start, end = evidence.quote
    quoted = evidence.article.text[start:end]
    return len(quoted.split()) >= QUOTE_WORDS and len(quoted) >= QUOTE_SHARE * len(evidence.text)
