"""Measure multiple choice: which choice the retrieved articles support, and when to choose none."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from eval.datasets.qrels import ARTICLES, QUESTIONS
from rag.evaluation.questions import EvalError, json_rows
from rag.evaluation.report import plain_table
from rag.evaluation.runner import Progress
from rag.evaluation.runs import Json, provenance
from rag.evidence.scoring import MAX_READ_SENTENCES, ScoredSentence, SentenceScorer
from rag.index.reader import Index
from rag.ingest.publish_dates import iso_date
from rag.models.answer_reader import answer_reader
from rag.models.base import Encoder
from rag.models.registry import load_answer_reader
from rag.query.analysis import analyse, checked
from rag.retrieval.hybrid import retrieve
from rag.text.tokens import keys
from rag.types import Hit

ABSTAIN_BELOW = 0.1  # least lead of the best choice over the next; with less, none is chosen
DRAWS, SEED = 2_000, 20
_FIGURES = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen".split()
    )
}

_QUOTES = "“”\"' ."


@dataclass(frozen=True, slots=True)
class ChoiceQuestion:
    """A question with its choices.

    Attributes:
        date: day on which it was asked, ISO 8601; None when not known.
        right: numbers of the right choices, from 0.
    """

    id: str
    question: str
    choices: tuple[str, ...]
    right: frozenset[int]
    date: str | None

    @property
    def year(self) -> str:
        """The year in which it was asked, or "no date"."""
        return self.date[:4] if self.date else "no date"


def read_quiz(folder: Path) -> tuple[Path, list[ChoiceQuestion]]:
    """Read a folder of `articles.jsonl[.gz]` and `questions.jsonl` (`id`, `question`, `choices`, `answer`, `date`).

    Returns:
        The file of articles, and the questions in order.

    Raises:
        EvalError: a file is missing, or a line is not of that form.
    """
    articles = [folder / name for name in ARTICLES if (folder / name).is_file()]
    path = folder / QUESTIONS
    if len(articles) != 1 or not path.is_file():
        raise EvalError(f"{folder} does not hold {QUESTIONS} and one of {' and '.join(ARTICLES)}: give such a folder")
    return articles[0], [_quizzed(row, f"{path}:{line}") for line, row in json_rows(path, path.read_text("utf-8"))]


def _quizzed(row: Mapping[str, Any], where: str) -> ChoiceQuestion:
    try:
        choices = tuple(str(choice) for choice in row["choices"])
        right = frozenset(int(number) for number in row["answer"])
        if not choices or not right <= set(range(len(choices))):
            raise ValueError(f"answer {sorted(right)} of {len(choices)} choices")
        day = iso_date(row["date"]) if row.get("date") else None
        return ChoiceQuestion(str(row["id"]), checked(row["question"]), choices, right, day and day[:10])
    except (KeyError, TypeError, ValueError) as error:
        raise EvalError(
            f"{where} is no question with choices ({error!r}): give id, question, choices and answer"
        ) from error


def choose_questions(quiz: Sequence[ChoiceQuestion], half: str, limit: int | None) -> list[ChoiceQuestion]:
    """Return `limit` questions, evenly spread, of one half of the days (see `eval.datasets.qrels.choose`)."""
    days = sorted({q.date for q in quiz if q.date})
    tune = frozenset(days[: (len(days) + 1) // 2])
    of = {"all": None, "tune": tune, "test": frozenset(days) - tune}[half]
    found = [q for q in quiz if of is None or q.date in of]
    if limit is None or limit >= len(found):
        return found
    return [found[number * len(found) // limit] for number in range(limit)]


def support(
    question: str, choices: Sequence[str], hits: Sequence[Hit], judged: Sequence[ScoredSentence]
) -> list[float]:
    """Return how far the retrieved text supports each choice, 0 or more.

    It is the sum of three terms: the best product of a sentence's score and the squared share of the choice's words in
    it; half of the same for passages; and the best product of a sentence's score and the probability, by the answer
    reader, that the choice is the answer there. A word of several choices counts less; a word of the question counts
    only when the choice has no other.
    """
    asked = _keys(question)
    own = [_keys(choice) - asked or _keys(choice) for choice in choices]
    shared = Counter(key for row in own for key in row)
    sentences = [(j.evidence, _keys(j.evidence.text)) for j in judged]
    passages = []
    for hit in hits:
        p = hit.passage
        inside = [e.score for e, _ in sentences if e.article.id == p.article.id and p.start <= e.start < p.end]
        passages.append((hit.score * max(inside, default=0.0), _keys(p.text)))

    def share(own: frozenset[str], there: frozenset[str]) -> float:
        total = sum(1 / shared[key] for key in own)
        return (sum(1 / shared[key] for key in own & there) / total) ** 2 if total else 0.0

    return [
        max((e.score * share(row, there) for e, there in sentences), default=0.0)
        + max((score * share(row, there) for score, there in passages), default=0.0) / 2
        + chance
        for row, chance in zip(own, _chances(question, choices, judged[:MAX_READ_SENTENCES]), strict=True)
    ]


def _chances(question: str, choices: Sequence[str], judged: Sequence[ScoredSentence]) -> list[float]:
    """Return for each choice the best product of a sentence's score and the probability that it answers there."""
    texts = [j.evidence.text for j in judged]
    readings = list(zip(judged, texts, answer_reader().read(question, texts), strict=True))
    chances = [0.0] * len(choices)
    for number, choice in enumerate(choices):
        stands = re.compile(rf"(?<!\w){re.escape(choice.strip(_QUOTES))}(?!\w)", re.IGNORECASE)
        for one, text, places in readings:
            if match := stands.search(text):
                (odds,) = places.scores(np.array([match.start()]), np.array([match.end()]))
                chances[number] = max(chances[number], one.evidence.score * float(np.exp(odds)))
    return chances


def _keys(text: str) -> frozenset[str]:
    """Return the keys of a text's content words, small numbers as digits."""
    return frozenset(_FIGURES.get(key, key) for key in keys(text))


def pick(support: Sequence[float]) -> tuple[int, float]:
    """Return the best choice and its lead over the next, (best - next) / best; 0 when no choice has support."""
    order = sorted(range(len(support)), key=lambda n: -support[n])
    best = support[order[0]]
    second = support[order[1]] if len(order) > 1 else 0.0
    return order[0], (best - second) / best if best > 0 else 0.0


def run(
    quiz: Sequence[ChoiceQuestion], name: str, index: Index, encoder: Encoder, passages: int, progress: Progress
) -> Json:
    """Choose for every question and return the result: ids and numbers, no text."""
    reader = SentenceScorer(encoder, load_answer_reader())
    rows: list[Json] = []
    with index.snapshot() as snap:
        for done, one in enumerate(quiz, start=1):
            asked_on = datetime.date.fromisoformat(one.date) if one.date else None
            hits = retrieve(snap, encoder, analyse(one.question, asked_on), passages)
            values = support(one.question, one.choices, hits, reader.score(analyse(one.question), hits))
            best, lead = pick(values)
            rows.append({"id": one.id, "year": one.year, "right": best in one.right, "lead": round(lead, 4)})
            progress(done, len(quiz))
    years = sorted({row["year"] for row in rows})
    groups = {year: [r for r in rows if r["year"] == year] for year in years} | {"all": rows}
    return {
        "format": 1,
        "command": "choices",
        "set": {"name": name, "questions": len(rows)},
        "settings": {"abstain_below": ABSTAIN_BELOW, "passages": passages, "encoder": encoder.name},
        **provenance(),
        "measures": {group: summed(of) for group, of in groups.items()},
        "results": rows,
    }


def summed(rows: Sequence[Json]) -> Json:
    """Return accuracy with abstentions as wrong, share answered, and accuracy of those; each with its 95 % interval."""
    right = np.array([r["right"] for r in rows], dtype=np.float64)
    answered = np.array([r["lead"] >= ABSTAIN_BELOW for r in rows], dtype=np.float64)
    drawn = np.random.default_rng(SEED).integers(0, len(rows), (DRAWS, len(rows)))

    def value(of: Any, among: Any) -> Json:
        draws = of[drawn].sum(axis=1) / np.maximum(among[drawn].sum(axis=1), 1)
        low, high = np.quantile(draws, (0.025, 0.975))
        return {"value": float(of.sum() / max(among.sum(), 1)), "low": float(low), "high": float(high)}

    everything = np.ones(len(rows))
    return {
        "n": len(rows),
        "accuracy": value(right * answered, everything),
        "answered": value(answered, everything),
        "accuracy when answered": value(right * answered, answered),
        "accuracy without abstaining": value(right, everything),
    }


def tables(result: Json) -> list[Table]:
    """Return the table of a result, a row for each year."""
    table = plain_table(f"{result['set']['name']}: multiple choice", "year")
    table.add_column("n", justify="right")
    measures = ("accuracy", "answered", "accuracy when answered", "accuracy without abstaining")
    for measure in measures:
        table.add_column(measure, justify="right")
    for year, of in result["measures"].items():
        cells = (f"{of[m]['value']:.3f} ({of[m]['low']:.3f}–{of[m]['high']:.3f})" for m in measures)
        table.add_row(year, str(of["n"]), *cells)
    return [table]
