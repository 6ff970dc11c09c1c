"""Measure short answers on SQuAD 2.0 (Rajpurkar, Jia & Liang 2018), the paragraph given.

Exact match and F1 are those of the set's own script: in lower case, without punctuation and articles.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.table import Table

from eval.datasets.squad import SquadQuestion, exact, f1, score_paragraph
from rag.evaluation.calibration import auroc
from rag.evaluation.report import plain_table
from rag.evaluation.runner import Progress
from rag.evaluation.runs import Json, provenance
from rag.evidence.confidence import confidence
from rag.evidence.scoring import SentenceScorer
from rag.evidence.short_answers import find_short_answer
from rag.models.base import Encoder
from rag.models.registry import load_answer_reader


def run(asked: Sequence[SquadQuestion], encoder: Encoder, refuse_below: float, progress: Progress) -> Json:
    """Answer every question from its paragraph and return the result: ids and numbers, no text."""
    answer_reader = load_answer_reader()
    reader = SentenceScorer(encoder, answer_reader)
    rows = []
    for done, one in enumerate(asked, start=1):
        question, judged = score_paragraph(reader, one.question, one.paragraph, one.id)
        short = find_short_answer(question, [j.evidence for j in judged], encoder, answer_reader)
        text = short.candidate.text if short else ""
        probability = confidence(question, judged)
        rows.append(
            {
                "id": one.id,
                "half": one.half,
                "kind": question.answer_type,
                "answerable": bool(one.answers),
                "em": max((exact(text, a) for a in one.answers), default=0.0),
                "f1": max((f1(text, a) for a in one.answers), default=0.0),
                "share": round(short.share, 4) if short else 0.0,
                "confidence": round(probability, 4),
            }
        )
        progress(done, len(asked))
    halves = {"tune": ("tune",), "test": ("test",), "all": ("tune", "test")}
    measures = {name: summed([r for r in rows if r["half"] in of], refuse_below) for name, of in halves.items()}
    return {
        "format": 1,
        "command": "squad",
        "set": {"name": "squad", "questions": len(rows)},
        "settings": {"refuse_below": refuse_below},
        **provenance(),
        "measures": measures,
        "results": rows,
    }


def summed(rows: Sequence[Json], refuse_below: float) -> Json:
    """Return measures: over all rows with refusals, and over the answerable ones without refusals, also by kind."""
    answerable = [r for r in rows if r["answerable"]]
    values: dict[str, list[Json]] = {"answerable": answerable}
    for kind in sorted({r["kind"] for r in answerable}):
        values[f"answerable, {kind}"] = [r for r in answerable if r["kind"] == kind]
    found: Json = {
        name: {"n": len(of), "em": _mean([r["em"] for r in of]), "f1": _mean([r["f1"] for r in of])}
        for name, of in values.items()
        if of
    }
    all_rows = [_with_refusal(r, refuse_below) for r in rows]
    found["all, refusals counted"] = {
        "n": len(rows),
        "em": _mean([em for em, _ in all_rows]),
        "f1": _mean([value for _, value in all_rows]),
    }
    probability, labels = (
        np.array([r["confidence"] for r in rows]),
        np.array([r["answerable"] for r in rows], dtype=bool),
    )
    found["has an answer, AUROC"] = {"n": len(rows), "auroc": auroc(probability, labels)}
    return found


def _with_refusal(row: Json, refuse_below: float) -> tuple[float, float]:
    if row["confidence"] < refuse_below:
        return (0.0, 0.0) if row["answerable"] else (1.0, 1.0)
    return row["em"], row["f1"]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def tables(result: Json) -> list[Table]:
    """Return the table of a result, a row for each group of questions."""
    table = plain_table("SQuAD 2.0, the paragraph given", "questions")
    for half in result["measures"]:
        for column in (f"{half} n", "EM", "F1"):
            table.add_column(column, justify="right")
    for name in dict.fromkeys(name for of in result["measures"].values() for name in of):
        cells: list[str] = []
        for of in result["measures"].values():
            row = of.get(name)
            if row is None:
                cells += ["", "", ""]
            elif "auroc" in row:
                cells += [str(row["n"]), "", "–" if row["auroc"] is None else f"{row['auroc']:.3f}"]
            else:
                cells += [str(row["n"]), f"{row['em']:.3f}", f"{row['f1']:.3f}"]
        table.add_row(name, *cells)
    return [table]
