"""What an answer stands on, as JSON for the page: how many independent outlets, how new, in which order they came."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from rag.types import Article, Citation
from ui.views.answer import cited_articles
from ui.views.article import Json, headline
from ui.wording import counted

SAME = 0.8  # share of the words of two quotations together that both have, from which one repeats the other
_WORD = re.compile(r"\w+")


def standing(citations: Sequence[Citation]) -> Json:
    """The line above an answer and the timeline under it, each empty where there is nothing to tell."""
    return {"strip": strip(citations), "timeline": timeline(citations)}


def strip(citations: Sequence[Citation]) -> list[str]:
    """What stands above an answer of several articles: how many outlets they are of, whether some only repeat others,
    and how new they are.
    """
    articles = cited_articles(citations)
    if len(articles) < 2:
        return []
    groups = _independent(citations)
    repeated = max(map(len, groups), default=0)
    told = [f"the same words in {repeated} outlets count once"] if repeated > 1 else []
    return [counted(len(articles), "article"), _outlets(groups, articles), *told, _as_of(articles)]


def _outlets(groups: Sequence[set[str]], articles: Sequence[Article]) -> str:
    if not groups:
        return "outlets not named"
    told = counted(len(groups), "independent outlet") if len(groups) > 1 else "1 outlet"
    return told if all(map(_outlet, articles)) else f"{told}, and some not named"


def _independent(citations: Sequence[Citation]) -> list[set[str]]:
    """The outlets cited, together those that are cited with nearly the same words: one has them from the other, or
    both have them from an agency.
    """
    said = [(name, set(_WORD.findall(c.quote.casefold()))) for c in citations if (name := _outlet(c.article))]
    groups: list[set[str]] = []
    for name, words in said:
        together = {name} | {other for other, theirs in said if _nearly_same(words, theirs)}
        joined = together.union(*(group for group in groups if group & together))
        groups = [group for group in groups if not group & together] + [joined]
    return groups


def _nearly_same(words: set[str], others: set[str]) -> bool:
    return len(words & others) >= SAME * len(words | others)


def _outlet(article: Article) -> str:
    """The outlet's name as it is compared; empty when it is not named."""
    return (article.publisher or "").strip().casefold()


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
