"""Sum up the sources of an answer for the page: how many independent outlets, how new, in which order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from rag.types import Article, Citation
from ui.views.answer import cited_articles
from ui.views.article import Json, headline
from ui.wording import counted

# One quotation repeats another when they share at least this part of all the words that either has.
REPEATS_FROM = 0.8
FEWEST_TO_COMPARE = 2  # articles for a summary, days for a timeline
# From how many days on the distance between two days is told in weeks, months and years.
WEEKS_FROM, MONTHS_FROM, YEARS_FROM = 14, 61, 700
DAYS_IN_MONTH, DAYS_IN_YEAR = 30.44, 365.25
_WORD = re.compile(r"\w+")


def source_summary(citations: Sequence[Citation]) -> Json:
    """Return the line above an answer and the timeline below it, each empty where there is nothing to say."""
    return {"strip": strip(citations), "timeline": timeline(citations)}


def strip(citations: Sequence[Citation]) -> list[str]:
    """Return the facts above an answer from several articles.

    They say how many outlets there are, whether some only repeat others, and how new the articles are.
    """
    articles = cited_articles(citations)
    if len(articles) < FEWEST_TO_COMPARE:
        return []
    groups = _independent(citations)
    repeated = max(map(len, groups), default=0)
    repetition = [f"the same words in {repeated} outlets count once"] if repeated > 1 else []
    return [counted(len(articles), "article"), _outlets(groups, articles), *repetition, _as_of(articles)]


def _outlets(groups: Sequence[set[str]], articles: Sequence[Article]) -> str:
    if not groups:
        return "outlets not named"
    outlets = counted(len(groups), "independent outlet") if len(groups) > 1 else "1 outlet"
    return outlets if all(map(_outlet, articles)) else f"{outlets}, and some not named"


def _independent(citations: Sequence[Citation]) -> list[set[str]]:
    """Group the cited outlets: those with nearly the same words are one group.

    One of them has the words from the other, or both have them from an agency.
    """
    quotes = [(name, set(_WORD.findall(c.quote.casefold()))) for c in citations if (name := _outlet(c.article))]
    groups: list[set[str]] = []
    for name, words in quotes:
        together = {name} | {other for other, theirs in quotes if _nearly_same(words, theirs)}
        joined = together.union(*(group for group in groups if group & together))
        groups = [group for group in groups if not group & together] + [joined]
    return groups


def _nearly_same(words: set[str], others: set[str]) -> bool:
    return len(words & others) >= REPEATS_FROM * len(words | others)


def _outlet(article: Article) -> str:
    """Return the outlet's name for comparisons; empty when it is not named."""
    return (article.publisher or "").strip().casefold()


def _as_of(articles: Sequence[Article]) -> str:
    days = sorted(a.published[:10] for a in articles if a.published)
    if not days:
        return "publish dates unknown"
    return f"as of {days[-1]}" if len(days) == len(articles) else f"as of {days[-1]}, where dates are known"


def timeline(citations: Sequence[Citation]) -> Json | None:
    """Return the cited articles by publish date, each with its citations; None without two different days."""
    articles = cited_articles(citations)
    dated = sorted((a for a in articles if a.published), key=lambda a: a.published or "")
    days = [(a.published or "")[:10] for a in dated]
    if len(set(days)) < FEWEST_TO_COMPARE:
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
    """Say how much later, in words; empty when a day is not exact, or both are the same."""
    try:
        days = (date.fromisoformat(day) - date.fromisoformat(before)).days
    except ValueError:
        return ""
    if days < WEEKS_FROM:
        return f"{counted(days, 'day')} later" if days else ""
    if days < MONTHS_FROM:
        return f"{counted(round(days / 7), 'week')} later"
    if days < YEARS_FROM:
        return f"{counted(round(days / DAYS_IN_MONTH), 'month')} later"
    return f"{counted(round(days / DAYS_IN_YEAR), 'year')} later"
