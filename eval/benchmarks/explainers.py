"""Measure answers to questions that articles ask: are the sentences cited from the section under the question?

A question is asked over its own article alone, whose other sections are about the same people and things. The article's
questions are removed from it, because their words would show where the answer is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from rich.table import Table

from eval.datasets.ranking_examples import folded_sentences
from eval.datasets.sections import Section, sections
from eval.datasets.squad import half_of
from rag.config import Settings
from rag.evaluation.report import plain_table
from rag.evaluation.runner import Progress
from rag.evaluation.runs import Json, provenance
from rag.evidence.scoring import ScoredSentence, SentenceScorer
from rag.evidence.selection import select
from rag.index.reader import Snapshot
from rag.ingest.chunking import split
from rag.query.analysis import Query, analyse, checked
from rag.types import Article, Evidence, Hit

AMONG = 3
PASSAGES = 30  # of an article, from its beginning
MEASURES = {
    "first": "the first sentence is of the section",
    "among": f"one of the first {AMONG} is",
    "cited": "one of the sentences cited is",
    "precision": "of the sentences cited, of the section",
}


def questions_in(snap: Snapshot, articles: Collection[str]) -> list[tuple[Article, Section]]:
    """Return the sections of those of the articles that are in the archive."""
    held = (article for id_ in sorted(articles) if (article := snap.article(id_)))
    return [(article, part) for article in held for part in sections(article.text)]


def run(
    reader: SentenceScorer,
    asked: Sequence[tuple[Article, Section]],
    name: str,
    progress: Progress,
) -> Json:
    """Put each question to its article and return the result, which has ids and numbers and no text."""
    rows: list[Json] = []
    for done, (article, part) in enumerate(asked, start=1):
        rows += _row(reader, article, part)
        progress(done, len(asked))
    return {
        "format": 1,
        "command": "explainers",
        "set": {"name": name, "questions": len(rows)},
        "settings": {"max_claims": Settings().max_claims},
        **provenance(),
        "measures": {half: _measured([row for row in rows if row["half"] == half]) for half in ("tune", "test")},
        "results": rows,
    }


def score_article(reader: SentenceScorer, article: Article, asked: str) -> tuple[Query, list[ScoredSentence]]:
    """Return the analysed question and the scored sentences of the article, without the article's questions."""
    question = analyse(checked(asked))
    lines = (line for line in article.text.split("\n") if not line.rstrip().endswith("?"))
    passages = split(replace(article, text="\n".join(lines)))[:PASSAGES]
    return question, reader.score(question, [Hit(rank, 0.5, one) for rank, one in enumerate(passages, start=1)])


def _row(reader: SentenceScorer, article: Article, part: Section) -> Iterator[Json]:
    """Yield one row; none when the question has no search terms, or no scored sentence is under it."""
    question, judged = score_article(reader, article, part.question)
    under = {sentence for line in part.lines for sentence in folded_sentences(line)}
    found = [_of(under, one.evidence) for one in judged]
    if question.terms and any(found):
        cited = [_of(under, evidence) for evidence in select(question, judged, Settings().max_claims)]
        yield {
            "article": article.id,
            "half": half_of(article.id),
            "kind": question.answer_type,
            "first": found[0],
            "among": any(found[:AMONG]),
            "cited": any(cited),
            "precision": sum(cited) / len(cited) if cited else 0.0,
        }


def _of(under: Collection[str], evidence: Evidence) -> bool:
    return " ".join(evidence.text.split()) in under


def _measured(rows: Sequence[Json]) -> Json:
    return {"n": len(rows)} | {name: sum(row[name] for row in rows) / max(1, len(rows)) for name in MEASURES}


def tables(result: Json) -> list[Table]:
    """Return the table of a result, a row for each measure."""
    table = plain_table("questions that articles ask, put to the article alone", "share")
    for half, of in result["measures"].items():
        table.add_column(f"{half}, {of['n']}", justify="right")
    for name, label in MEASURES.items():
        table.add_row(label, *(f"{of[name]:.3f}" for of in result["measures"].values()))
    return [table]
