"""What an answer stands on, as JSON for the page: how many independent outlets, how new, in which order they came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from rag.records import Article, Citation

from .view import Json, cited_articles, counted, headline


def standing(citations: Sequence[Citation]) -> Json:
    """The line above an answer and the timeline under it, each empty where there is nothing to tell."""
    return {"strip": strip(citations), "timeline": timeline(citations)}


def strip(citations: Sequence[Citation]) -> list[str]:
    """What stands above an answer of several articles: how many outlets they are of, and how new they are."""
    articles = cited_articles(citations)
    if len(articles) < 2:
        return []
    return [counted(len(articles), "article"), _outlets(citations, articles), _as_of(articles)]


def _outlets(citations: Sequence[Citation], articles: Sequence[Article]) -> str:
    """Outlets cited with the same words count as one: one has them from the other, or both from an agency."""
    named = {a.publisher.strip().casefold() for a in articles if a.publisher and a.publisher.strip()}
    if not named:
        return "outlets not named"
    groups = [{name} for name in named]
    by_words: dict[str, set[str]] = {}
    for citation in citations:
        if citation.article.publisher and citation.article.publisher.strip():
            words = " ".join(citation.quote.casefold().split())
            by_words.setdefault(words, set()).add(citation.article.publisher.strip().casefold())
    for together in by_words.values():
        joined = set().union(*(group for group in groups if group & together))
        groups = [group for group in groups if not group & together] + [joined]
    unnamed = any(not (a.publisher and a.publisher.strip()) for a in articles)
    told = counted(len(groups), "independent outlet") if len(groups) > 1 else "1 outlet"
    return f"{told}, and some not named" if unnamed else told


def _as_of(articles: Sequence[Article]) -> str:
    days = sorted(a.published[:10] for a in articles if a.published)
    if not days:
        return "publish dates unknown"
    return f"as of {days[-1]}" if len(days) == len(articles) else f"as of {days[-1]}, where dates are known"


def timeline(citations: Sequence[Citation]) -> Json | None:
    """The cited articles by publish date, each with its citations; None when there are not two days to tell apart."""
    articles = cited_articles(citations)
    dated = sorted((a for a in articles if a.published), key=lambda a: a.published or "")
    days = [(a.published or "")[:10] for a in dated]
    if len(set(days)) < 2:
        return None
    stops = [
        {
            "day": day,
            "since": _since(before, day) if before else "",
            "outlet": article.publisher or "",
            "headline": headline(article),
            "citations": [c.n for c in citations if c.article == article],
        }
        for before, day, article in zip(["", *days], days, dated, strict=False)
    ]
    left = len(articles) - len(dated)
    return {"stops": stops, "undated": f"{counted(left, 'cited article')} without a publish date" if left else ""}


def _since(before: str, day: str) -> str:
    """How long after, in words; empty when the days are not both exact, or the same."""
    try:
        days = (date.fromisoformat(day) - date.fromisoformat(before)).days
    except ValueError:
        return ""
    if days < 14:
        return f"{counted(days, 'day')} later" if days else ""
    if days < 61:
        return f"{counted(round(days / 7), 'week')} later"
    return (
        f"{counted(round(days / 30.44), 'month')} later"
        if days < 700
        else f"{counted(round(days / 365.25), 'year')} later"
    )
