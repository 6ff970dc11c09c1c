"""Measure whether sources that disagree are shown as sides, over RAMDocs and over the seeds.

A set is a file of JSON lines in the form of RAMDocs (Wang et al. 2025): `question` and `documents`, each with `text`
and the `answer` that it gives, "unknown" when it gives none. Each question is asked over its own documents only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.datasets.qrels import words_of
from eval.datasets.ramdocs import RamdocsCase
from rag.config import Settings
from rag.evaluation.runner import Asker, Progress
from rag.evaluation.runs import Json
from rag.evaluation.types import Half
from rag.evaluation.types import Question as Asked
from rag.filters import Filters
from rag.models.base import Encoder, Models
from rag.models.registry import load_answer_reader
from rag.pipeline import OnRecord
from rag.types import Answer


@dataclass(frozen=True, slots=True)
class DisagreementOutcome:
    """The outcome of one question, without text.

    Attributes:
        answers: number of different answers in its documents.
        sides: for each side shown, the number of these answers in its quotes.
        shown: number of these answers on any side.
    """

    id: str
    half: Half
    status: str
    answers: int
    sides: tuple[int, ...]
    shown: int

    @property
    def apart(self) -> bool:
        """Whether two different answers are on two sides."""
        return sum(held > 0 for held in self.sides) > 1 and self.shown > 1


def open_cases(cases: Sequence[RamdocsCase], cache: Path, encoder: Encoder, progress: Callable[..., None]) -> OnRecord:
    """Index all documents in `cache`, the id of the case as their publisher, and open the product over them."""
    from rag.index.build import build

    seeds, index = cache / "articles", cache / "index"
    seeds.mkdir(parents=True, exist_ok=True)
    rows = [
        json.dumps({"id": f"{case.id}-{n:02d}", "publisher": case.id, "text": text}, ensure_ascii=False)
        for case in cases
        for n, text in enumerate(case.texts)
        if text.strip()
    ]
    (seeds / "documents.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    build(seeds, index, encoder, progress=progress)
    return OnRecord(index, Settings(seeds=seeds), Models(encoder, load_answer_reader()))


def ask_cases(
    app: OnRecord, cases: Sequence[RamdocsCase], progress: Progress = lambda done, total: None
) -> list[DisagreementOutcome]:
    """Ask each question over its own documents."""
    found = []
    for done, case in enumerate(cases, start=1):
        found.append(judge(case, app.ask(case.question, filters=Filters(publisher=case.id))))
        progress(done, len(cases))
    return found


def judge(case: RamdocsCase, answer: Answer) -> DisagreementOutcome:
    """Hold the sides of an answer against what the documents answer."""
    quotes = {citation.n: words_of(citation.quote) for citation in answer.citations}
    sides = [
        {a for a in case.distinct if any(a in quotes[n] for n in side)}
        for disagreement in answer.disagreements
        for side in disagreement.sides
    ]
    shown = set().union(*sides) if sides else set()
    return DisagreementOutcome(
        case.id, case.half, answer.status, len(case.distinct), tuple(len(held) for held in sides), len(shown)
    )


def measured(judged: Sequence[DisagreementOutcome]) -> Json:
    """Return precision and recall of "disputed" and of two answers apart, the share of answers shown, and counts."""
    disputed = [j for j in judged if j.status == "disputed"]
    differ = [j for j in judged if j.answers > 1]
    apart = sum(j.apart for j in disputed)
    right = sum(j.answers > 1 for j in disputed)
    return {
        "questions": len(judged),
        "differ": len(differ),
        "disputed": len(disputed),
        "precision": _share(right, len(disputed)),
        "recall": _share(right, len(differ)),
        "apart_precision": _share(apart, len(disputed)),
        "apart_recall": _share(apart, len(differ)),
        "answers_shown": _share(sum(j.shown for j in disputed if j.answers > 1), sum(j.answers for j in differ)),
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def by_half(judged: Sequence[DisagreementOutcome]) -> dict[str, Json]:
    """Return the measures of each half."""
    return {half: measured([j for j in judged if j.half == half]) for half in ("tune", "test")}


def over_questions(app: Asker, questions: Sequence[Asked], progress: Progress) -> list[Json]:
    """Ask a question set and return the status of each answer; questions of kind "disagree" should be disputed."""
    rows = []
    for done, question in enumerate(questions, start=1):
        answer = app.ask(question.question, history=())
        rows.append({"id": question.id, "half": question.half, "kind": question.kind, "status": answer.status})
        progress(done, len(questions))
    return rows


def alarms(rows: Sequence[Mapping[str, Any]]) -> dict[str, Json]:
    """Return by half how many disputed answers are right, and how many of the disagreeing questions were found."""
    found = {}
    for half in ("tune", "test"):
        mine = [row for row in rows if row["half"] == half]
        real = [row for row in mine if row["kind"] == "disagree"]
        disputed = [row for row in mine if row["status"] == "disputed"]
        right = sum(row["kind"] == "disagree" for row in disputed)
        found[half] = {
            "questions": len(mine),
            "differ": len(real),
            "disputed": len(disputed),
            "precision": _share(right, len(disputed)),
            "recall": _share(right, len(real)),
        }
    return found
