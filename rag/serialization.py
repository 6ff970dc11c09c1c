"""Turn records into the JSON of the command line and the HTTP interface. Scripts depend on every key."""

from __future__ import annotations

from typing import Any

from rag.types import Answer, Article, Citation, Claim, Hit, Passage

Json = dict[str, Any]


def answer_json(answer: Answer, id: str | int | None = None) -> Json:
    """Return an answer; `id` is that of its question in a batch."""
    return {
        "id": id,
        "question": answer.question,
        "standalone_question": answer.standalone_question,
        "status": answer.status,
        "text": answer.text,
        "confidence": round(answer.confidence, 4),
        "claims": [claim_json(claim) for claim in answer.claims],
        "citations": [citation_json(citation) for citation in answer.citations],
        "disagreements": [{"about": d.about, "sides": [list(side) for side in d.sides]} for d in answer.disagreements],
        "hits": [hit_json(hit) for hit in answer.hits],
        "generator": answer.generator,
        "notice": answer.notice,
        "generation": answer.generation,
        "timings_ms": {stage: round(ms, 1) for stage, ms in answer.timings_ms.items()},
    }


def whole_answer_json(answer: Answer) -> Json:
    """Return an answer with the stages of every hit and the passages that repeat it."""
    return {**answer_json(answer), "hits": [_whole_hit_json(hit) for hit in answer.hits]}


def _whole_hit_json(hit: Hit) -> Json:
    also = [passage_json(passage) for passage in hit.also]
    return hit_json(hit, explain=True) | ({"also": also} if also else {})


def claim_json(claim: Claim) -> Json:
    """Return a claim with its support and the numbers of its citations."""
    return {
        "text": claim.text,
        "support": claim.support,
        "score": round(claim.score, 4),
        "citations": list(claim.citations),
    }


def citation_json(citation: Citation) -> Json:
    """Return a citation with its article, its span in characters and its quote."""
    article = citation.article
    return {
        "n": citation.n,
        "article_id": article.id,
        "title": article.title,
        "publisher": article.publisher,
        "published": article.published,
        "path": article.path,
        "url": article.url,
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
        "speaker": citation.speaker,
    }


def hit_json(hit: Hit, explain: bool = False) -> Json:
    """Return a hit; `explain` adds the rank (1-based, null when not ranked) and the raw score of each stage."""
    row: Json = {"rank": hit.rank, "score": round(hit.score, 6), **passage_json(hit.passage)}
    if explain:
        row["stages"] = {name: {"rank": rank, "score": round(score, 6)} for name, (rank, score) in hit.stages.items()}
    return row


def passage_json(passage: Passage) -> Json:
    """Return a passage with its article and its span in characters."""
    article = passage.article
    return {
        "article_id": article.id,
        "title": article.title,
        "path": article.path,
        "start": passage.start,
        "end": passage.end,
        "text": passage.text,
    }


def article_json(article: Article) -> Json:
    """Return a whole article, with the lines that cleaning removed."""
    return {
        "id": article.id,
        "title": article.title,
        "publisher": article.publisher,
        "published": article.published,
        "authors": list(article.authors),
        "url": article.url,
        "path": article.path,
        "text": article.text,
        "removed": [{"line": r.line, "text": r.text, "reason": r.reason} for r in article.removed],
        "provenance": dict(article.provenance),
    }
