"""The rows that confidence is fitted and measured on: the answerability features of each question.

There are three archives: the seeds with their own questions; SQuAD 2.0 with all its paragraphs as one archive; a news
archive with quiz questions, each also without its own articles. All three also have questions with a false premise.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from eval.datasets.false_premises import names_in, swapped
from eval.datasets.qrels import QUESTIONS, RetrievalQuery, RetrievalSet, choose
from eval.datasets.squad import SquadQuestion, f1, read_squad, score_paragraph
from eval.product import build_index, open_product
from rag.config import Settings, load_settings
from rag.evaluation.gold import contains_answer, covers
from rag.evaluation.questions import EvalError, json_rows, read_set
from rag.evaluation.types import Gold, Half
from rag.evidence.confidence import answerability_features
from rag.evidence.scoring import ScoredSentence, SentenceScorer
from rag.evidence.selection import select
from rag.evidence.short_answers import candidates
from rag.filters import Filters
from rag.index import queries as stored
from rag.index.reader import Index, Snapshot
from rag.index.staging import Progress
from rag.models.base import Encoder, Floats, Ints
from rag.models.registry import load_answer_reader
from rag.query.analysis import Query, analyse, checked
from rag.retrieval.hybrid import retrieve
from rag.types import Evidence, Turn

HALVES: tuple[Half, Half] = ("tune", "test")
REFUSED_ANSWERABLE = 0.10  # most of the answerable questions of a source that the threshold may refuse
SEED = 20  # of the false premises
LEFT_OUT_DEPTH = 60  # passages that are searched for more articles with the answer

Right = Callable[[Sequence[Evidence]], bool]


@dataclass(frozen=True, slots=True)
class ConfidenceRow:
    """The features and labels of one question.

    Attributes:
        kind: "answerable", "unanswerable", "left out" (the archive without its articles) or "false premise".
        answerable: whether the archive holds the answer.
        right: whether the sentences chosen for the answer hold it.
        features: those of `rag.evidence.confidence.AnswerabilityFeatures`, in their order.
    """

    source: str
    id: str
    half: Half
    kind: str
    answerable: bool
    right: bool
    features: tuple[float, ...]

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> ConfidenceRow:
        """Return the row that `to_json` wrote; other keys are ignored."""
        return cls(**{f.name: row[f.name] for f in fields(cls)} | {"features": tuple(row["features"])})

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON."""
        return asdict(self)

    def vector(self) -> Floats:
        """Return the features (n,) as float32."""
        return np.array(self.features, dtype=np.float32)


def row_of(
    source: str, id_: str, half: Half, kind: str, right: Right, question: Query, judged: Sequence[ScoredSentence]
) -> ConfidenceRow | None:
    """Return the row of a question; None when it has no features."""
    features = answerability_features(question, judged)
    if features is None:
        return None
    answerable = kind == "answerable"
    chosen = select(question, judged, Settings().max_claims)
    return ConfidenceRow(
        source,
        id_,
        half,
        kind,
        answerable,
        answerable and right(chosen),
        tuple(round(float(s), 5) for s in features.vector()),
    )


def cites(golds: Sequence[Gold]) -> Right:
    """Return a judge: does one of the sentences cite gold?"""
    return lambda chosen: any(covers(golds, e) for e in chosen)


def holds(answers: Sequence[str]) -> Right:
    """Return a judge: does one of the sentences hold a right answer?"""
    return lambda chosen: contains_answer(answers, [e.text for e in chosen])


# --- the seeds


def seeds_rows(seeds: Path, progress: Progress) -> Iterator[ConfidenceRow | None]:
    """Yield the rows of the question set over the seeds, and of questions with a false premise made of them."""
    questions = read_set("seeds").questions
    names, random = names_in(q.question for q in questions), Random(SEED)  # noqa: S311
    with open_product(load_settings(seeds=seeds), fresh=True) as app:
        for done, q in enumerate(questions, start=1):
            assert q.half is not None
            question, judged = app.evidence(q.question, [Turn(earlier) for earlier in q.history])
            kind = "answerable" if q.need else "false premise" if q.kind == "false_premise" else "unanswerable"
            yield row_of("seeds", q.id, q.half, kind, cites(q.gold), question, judged)
            if q.need and not q.history and (other := swapped(q.question, names, "", random)):
                question, judged = app.evidence(other)
                yield row_of("seeds", f"{q.id}-swapped", q.half, "false premise", holds(()), question, judged)
            progress("seeds", done, len(questions))


# --- SQuAD


def squad_rows(folder: Path, cache: Path, encoder: Encoder, progress: Progress) -> Iterator[ConfidenceRow | None]:
    """Yield the rows of every question, asked over an archive of all paragraphs."""
    asked = read_squad(folder)
    index = _paragraphs(asked, cache / "squad", encoder, progress)
    names, random = names_in(one.question for one in asked), Random(SEED)  # noqa: S311
    reading = _Reading(encoder)
    with index.snapshot() as snap:
        for done, one in enumerate(asked, start=1):
            kind = "answerable" if one.answers else "unanswerable"
            question, judged = reading.of(snap, one.question)
            yield row_of("squad", one.id, one.half, kind, holds(one.answers), question, judged)
            if one.answers and (other := swapped(one.question, names, one.paragraph, random)):
                question, judged = reading.of(snap, other)
                yield row_of("squad", f"{one.id}-swapped", one.half, "false premise", holds(()), question, judged)
            progress("squad", done, len(asked))


def _paragraphs(asked: Sequence[SquadQuestion], cache: Path, encoder: Encoder, progress: Progress) -> Index:
    """Return the index of all paragraphs, one article each."""
    lines = [
        json.dumps({"id": f"p{number}", "text": text})
        for number, text in enumerate(dict.fromkeys(one.paragraph for one in asked))
    ]
    path = cache / "articles.jsonl"
    content = "\n".join(lines) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != content:
        cache.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    index, _ = build_index(path, cache, encoder, progress)
    return Index.open(index, encoder)


# --- a news archive


def archive_rows(
    of: RetrievalSet, index: Index, encoder: Encoder, limit: int, progress: Progress
) -> Iterator[ConfidenceRow | None]:
    """Yield the rows of quiz questions whose answer is in one of their relevant articles.

    Every second question is also asked without all articles that hold the answer, and with a false premise.
    """
    reading = _Reading(encoder)
    for qrels in of.qrels:
        halves = {q.id: half for half in HALVES for q in choose(qrels, half).queries}
        chosen = [q for q in qrels.queries if q.id in halves and q.answers][:: max(1, len(qrels.queries) // limit)]
        names, random = names_in(q.text for q in qrels.queries), Random(SEED)  # noqa: S311
        with index.snapshot() as snap:
            for done, query in enumerate(chosen, start=1):
                articles = [a for id_ in qrels.relevant[query.id] if (a := snap.article(id_))]
                source = f"{of.name} {qrels.name}"
                half = halves[query.id]
                if any(contains_answer(query.answers, [a.text]) for a in articles):
                    question, judged = reading.of(snap, query.text, _day(query))
                    yield row_of(source, query.id, half, "answerable", holds(query.answers), question, judged)
                    known = " ".join(a.text for a in articles)
                    other = swapped(query.text, names, known, random) if done % 2 else None
                    if other:
                        question, judged = reading.of(snap, other, _day(query))
                        yield row_of(source, f"{query.id}-swapped", half, "false premise", holds(()), question, judged)
                if done % 2:
                    without = _without(snap, query, {a.id for a in articles}, encoder)
                    question, judged = reading.of(without, query.text, _day(query))
                    yield row_of(source, f"{query.id}-without", half, "left out", holds(()), question, judged)
                progress(qrels.name, done, len(chosen))


class Without(Snapshot):
    """A snapshot without some articles."""

    def __init__(self, snap: Snapshot, left_out: Sequence[str]) -> None:
        super().__init__(snap._index, snap._connection, snap._meta)
        articles = [a for id_ in left_out if (a := snap.article(id_))]
        self._out = [stored.passage_id(a.id, p.start, p.end) for a in articles for p in snap.article_passages(a)]

    def allowed(self, filters: Filters) -> Ints:
        """Return the ids of the passages that pass the filters, without those of the articles left out."""
        passing: Ints = np.setdiff1d(stored.passing(self._connection, filters), self._out)
        return passing


def _without(snap: Snapshot, query: RetrievalQuery, left_out: set[str], encoder: Encoder) -> Without:
    """Return the archive without these articles, and without others whose retrieved passages hold the answer."""
    while True:
        without = Without(snap, sorted(left_out))
        hits = retrieve(without, encoder, analyse(query.text, _day(query)), LEFT_OUT_DEPTH)
        more = {h.passage.article.id for h in hits if contains_answer(query.answers, [h.passage.text])}
        if not more:
            return without
        left_out |= more


def _day(query: RetrievalQuery) -> datetime.date | None:
    return datetime.date.fromisoformat(query.date) if query.date else None


class _Reading:
    """Retrieves and scores as the product does, in any snapshot."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._reader = SentenceScorer(encoder, load_answer_reader())

    def of(
        self, snap: Snapshot, text: str, asked_on: datetime.date | None = None
    ) -> tuple[Query, list[ScoredSentence]]:
        text = checked(text)
        hits = retrieve(snap, self._encoder, analyse(text, asked_on), Settings().passages)
        return analyse(text), self._reader.score(analyse(text), hits)


# --- short answers


def short_groups(squad: Path, archive: Path, encoder: Encoder) -> list[tuple[Floats, Floats]]:
    """Return for each question the features of the candidate answers in its paragraph or evidence, and their F1.

    The questions are the tuning half of SQuAD and the quiz questions of the archive's first year whose evidence has
    the right choice in its words.
    """
    answer_reader = load_answer_reader()
    reader = SentenceScorer(encoder, answer_reader)
    asked = [(a.id, a.question, a.paragraph, a.answers) for a in read_squad(squad) if a.answers and a.half == "tune"]
    asked += _quizzed(archive / QUESTIONS)
    groups = []
    for id_, text, paragraph, answers in asked:
        question, judged = score_paragraph(reader, text, paragraph, id_)
        found, features = candidates(question, [j.evidence for j in judged], encoder, answer_reader)
        groups.append((features, np.array([max(f1(run.text, a) for a in answers) for run in found], dtype=np.float32)))
    return groups


def _quizzed(path: Path) -> list[tuple[str, str, str, tuple[str, ...]]]:
    """Return id, question, evidence and right choice of the questions of the first year."""
    rows = [row for _, row in json_rows(path, path.read_text(encoding="utf-8"))]
    first = min(str(row["date"])[:4] for row in rows)
    found: list[tuple[str, str, str, tuple[str, ...]]] = []
    for row in rows:
        if row.get("evidence") and row.get("answer") and str(row["date"]).startswith(first):
            choice = row["choices"][int(row["answer"][0])]
            if contains_answer([choice], [row["evidence"]]):
                found.append((row["id"], checked(row["question"]), row["evidence"], (choice,)))
    return found


def read_rows(path: Path) -> list[ConfidenceRow]:
    """Return the rows of a file that `python -m eval calibration` wrote.

    Raises:
        EvalError: it cannot be read, or is not such a file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["command"] != "calibration":
            raise EvalError(f"{path} is of the command {content['command']!r}: give a result of calibration")
        return [ConfidenceRow.from_json(row) for row in content["rows"]]
    except OSError as error:
        raise EvalError(f"{path} cannot be read ({error.strerror}): give a file of eval/results") from error
    except (ValueError, KeyError, TypeError) as error:
        raise EvalError(f"{path} is no result of `python -m eval calibration` ({error!r})") from error
