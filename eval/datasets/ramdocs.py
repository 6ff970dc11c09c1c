"""Questions whose documents disagree, in the form of RAMDocs (Wang et al. 2025)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from eval.datasets.qrels import words_of
from eval.datasets.squad import half_of
from rag.evaluation.questions import EvalError
from rag.evaluation.types import Half

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RamdocsCase:
    """A question with its documents and the answer of each, None when a document gives none."""

    id: str
    question: str
    texts: tuple[str, ...]
    answers: tuple[str | None, ...]

    @property
    def half(self) -> Half:
        """The half by the hash of the question."""
        return half_of(self.question)

    @property
    def distinct(self) -> frozenset[str]:
        """The different answers, by their words."""
        return frozenset(words_of(answer) for answer in self.answers if answer)


def read_cases(path: Path) -> list[RamdocsCase]:
    """Read a set, or the only set in a folder.

    Raises:
        EvalError: there is no such set, or a line is not of its form.
    """
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if len(files) != 1 or not files[0].is_file():
        raise EvalError(f"{path} is not a set of disagreeing documents: give a .jsonl file, or a folder with one")
    cases: list[RamdocsCase] = []
    for number, line in enumerate(files[0].read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            documents = row["documents"]
            answers = tuple(None if d["answer"] == UNKNOWN else str(d["answer"]) for d in documents)
            cases.append(
                RamdocsCase(
                    f"q{len(cases):03d}", str(row["question"]), tuple(str(d["text"]) for d in documents), answers
                )
            )
        except (ValueError, KeyError, TypeError) as error:
            raise EvalError(f"{files[0]}, line {number}: no question with its documents ({error!r})") from error
    return cases
