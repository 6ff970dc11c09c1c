"""Retrieval sets: a folder of articles, questions, and qrels with the articles that are relevant to each question."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rag.evaluation.questions import EvalError, json_rows
from rag.ingest.publish_dates import iso_date

ARTICLES = ("articles.jsonl", "articles.jsonl.gz")
QUESTIONS = "questions.jsonl"
PREFIX = "qrels"
_JOINABLE = re.compile(r"(?:who|whom|whose|what|which|when|where|why|how)\b[^?]*\?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RetrievalQuery:
    """A question as the systems are asked, and its short right answers.

    Attributes:
        date: day on which it was asked, ISO 8601; None when the set does not tell.
        answers: empty when the set gives none.
    """

    id: str
    text: str
    date: str | None = None
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Qrels:
    """The questions of one qrels file, in the order of the set.

    Attributes:
        name: of the file, without "qrels-" and the suffix.
        digest: SHA-256 of the file, in hexadecimal.
        relevant: question id -> article id -> relevance, 1 or more; every question has an article.
    """

    name: str
    digest: str
    queries: tuple[RetrievalQuery, ...]
    relevant: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class RetrievalSet:
    """A folder with articles, questions and qrels.

    Attributes:
        articles: the file that holds them.
        digests: file name -> SHA-256 in hexadecimal, of the articles and the questions.
    """

    name: str
    articles: Path
    digests: Mapping[str, str]
    qrels: tuple[Qrels, ...]

    @property
    def relevant(self) -> frozenset[str]:
        """The ids of all articles that are relevant to a question."""
        return frozenset(id_ for qrels in self.qrels for of in qrels.relevant.values() for id_ in of)


def read_retrieval_set(folder: Path, only: str | None = None) -> RetrievalSet:
    """Read the set in `folder`, with all its qrels or `only` those of this name.

    Raises:
        EvalError: a file is missing, or a line of it is wrong.
    """
    if not folder.is_dir():
        raise EvalError(f"no retrieval set {str(folder)!r}: give a folder with {ARTICLES[0]}, {QUESTIONS} and qrels")
    articles = [folder / name for name in ARTICLES if (folder / name).is_file()]
    if len(articles) != 1:
        raise EvalError(f"{folder} holds {len(articles)} of {' and '.join(ARTICLES)}: put one there")
    files = {path.stem.removeprefix(f"{PREFIX}-"): path for path in sorted(folder.glob(f"{PREFIX}*.tsv"))}
    wanted = list(files) if only is None else [only.removeprefix(f"{PREFIX}-")]
    if not files or not set(wanted) <= files.keys():
        what = f"no qrels {only!r}" if only else "no qrels"
        raise EvalError(f"{folder} holds {what}: there are {', '.join(files) or f'no {PREFIX}*.tsv files'}")
    queries = _queries(folder / QUESTIONS)
    return RetrievalSet(
        name=folder.resolve().name,
        articles=articles[0],
        digests={path.name: _digest(path) for path in (articles[0], folder / QUESTIONS)},
        qrels=tuple(_qrels(name, files[name], queries) for name in wanted),
    )


def choose(qrels: Qrels, half: str = "all", limit: int | None = None) -> Qrels:
    """Return the qrels with the questions of one half, and of these the first `limit`.

    The earlier half of the days on which questions were asked is for tuning (the day in the middle too), the later for
    testing. A question without a date is in neither half.
    """
    days = sorted({query.date for query in qrels.queries if query.date})
    tune = frozenset(days[: (len(days) + 1) // 2])
    of = {"all": None, "tune": tune, "test": frozenset(days) - tune}[half]
    chosen = [query for query in qrels.queries if of is None or query.date in of][:limit]
    return replace(qrels, queries=tuple(chosen), relevant={q.id: qrels.relevant[q.id] for q in chosen})


def joined(qrels: Qrels) -> Qrels:
    """Return qrels whose questions each join two questions, of neighbouring days and different articles.

    "Who won the race?" and "Where was it held?" become "Who won the race, and where was it held?", asked on the later
    day, with the articles of both. Only questions that begin with a question word are joined, each with one other.
    """
    queries = sorted((q for q in qrels.queries if _JOINABLE.fullmatch(q.text)), key=lambda q: (q.date or "", q.id))
    pairs = [
        (one, other)
        for one, other in zip(queries[::2], queries[1::2], strict=False)
        if not qrels.relevant[one.id].keys() & qrels.relevant[other.id].keys()
    ]
    made = [
        RetrievalQuery(
            f"{one.id}+{other.id}",
            f"{one.text.rstrip('? ')}, and {other.text[0].lower()}{other.text[1:]}",
            other.date,
        )
        for one, other in pairs
    ]
    relevant = [{**qrels.relevant[one.id], **qrels.relevant[other.id]} for one, other in pairs]
    ids = [query.id for query in made]
    return replace(qrels, queries=tuple(made), relevant=dict(zip(ids, relevant, strict=True)))


def _queries(path: Path) -> dict[str, RetrievalQuery]:
    queries: dict[str, RetrievalQuery] = {}
    for line, row in json_rows(path, _text(path)):
        query = _query(row, f"{path}:{line}")
        if query.id in queries:
            raise EvalError(f"{path}:{line} id {query.id!r} is given twice: make every id its own")
        queries[query.id] = query
    return queries


def _query(row: Mapping[str, Any], where: str) -> RetrievalQuery:
    id_, text, date = row.get("id"), row.get("question"), row.get("date")
    if not isinstance(id_, str | int) or not isinstance(text, str) or not text.strip():
        raise EvalError(f"{where} has no 'id' or no 'question': give both")
    day = iso_date(date) if isinstance(date, str) else None
    if date and day is None:
        raise EvalError(f"{where} date is {date!r}: give a day as 2025-10-24")
    return RetrievalQuery(str(id_), text, day and day[:10], _answers(row, where))


def _answers(row: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """Return the right choices by their numbers, from "0"; without choices, the answers as written."""
    choices, given = row.get("choices") or [], row.get("answer") or []
    given = [given] if isinstance(given, str) else given
    try:
        answers = [choices[_place(number, choices)] for number in given] if choices else given
    except (ValueError, IndexError):
        raise EvalError(f"{where} answer {given!r} is no number of a choice: count from 0") from None
    if not all(isinstance(answer, str) for answer in answers):
        raise EvalError(f"{where} answer is {answers!r}: give texts")
    return tuple(answers)


def _place(number: Any, choices: Sequence[Any]) -> int:
    place = int(number)
    if not 0 <= place < len(choices):
        raise IndexError(place)
    return place


def _qrels(name: str, path: Path, queries: Mapping[str, RetrievalQuery]) -> Qrels:
    """Read lines of question id, a column nothing reads, article id and relevance; below 1 is not relevant."""
    relevant: dict[str, dict[str, int]] = {}
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            id_, _, article_id, relevance = line.split()
            grade = int(relevance)
        except ValueError:
            raise EvalError(f"{path}:{number} is not question, 0, article, relevance: give these four") from None
        if id_ not in queries:
            raise EvalError(f"{path}:{number} question {id_!r} is not in {QUESTIONS}: add it, or drop the line")
        if grade > 0:
            relevant.setdefault(id_, {})[article_id] = grade
    if not relevant:
        raise EvalError(f"{path} names no relevant article: give one a line")
    return Qrels(name, _digest(path), tuple(q for q in queries.values() if q.id in relevant), relevant)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise EvalError(f"{path} cannot be read ({error}): it must be a UTF-8 text file") from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> str:
    """Return the words of a text in lower case, without accents and punctuation, a space before and after each."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return f" {' '.join(_WORD.findall(plain))} "
