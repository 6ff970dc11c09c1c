"""An article as the JSON that the page's components draw: its words cut at the marks in it, and what is known of it.

Offsets are counted here, in characters as Python counts them, and never in the browser, which counts UTF-16 units.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from rag.types import Answer, Article
from ui.wording import capitalised

Json = dict[str, Any]
Kind = Literal["citation", "passage"]
UNKNOWN_DATE = "publish date unknown"
GONE = "the article is no longer in the archive"
CHANGED = "the article has changed and no longer has these words"
CLOSED = "the archive could not be opened"


@dataclass(frozen=True, slots=True)
class Mark:
    """A span of an article that an answer points at: a citation, or a nearest passage of a refusal.

    Attributes:
        n: the citation's number, or the passage's rank.
    """

    kind: Kind
    n: int
    article: Article
    start: int
    end: int
    speaker: str | None = None


def marks(answer: Answer) -> tuple[Mark, ...]:
    """Everything of an answer that can be opened, in the order the reader meets it."""
    cited = [Mark("citation", c.n, c.article, c.start, c.end, c.speaker) for c in answer.citations]
    if answer.status != "abstained":
        return tuple(cited)
    nearest = [Mark("passage", h.rank, h.passage.article, h.passage.start, h.passage.end) for h in answer.hits]
    return tuple(cited + nearest)


def headline(article: Article) -> str:
    """The title, or its opening words marked as such."""
    return article.title or f"untitled: “{article.label}”"


def byline(article: Article) -> str:
    """Who published it and when, each only as far as the article itself says."""
    day = article.published[:10] if article.published else UNKNOWN_DATE
    return f"{article.publisher} · {day}" if article.publisher else day


def why_lost(article: Article) -> str:
    """Why nothing but the quoted words of an article are left, as `stored` says it; empty when it is whole."""
    reason = article.provenance.get("text", "")
    return reason if reason in (GONE, CHANGED, CLOSED) else ""


def article_view(open_marks: Sequence[Mark], current: Mark) -> Json:
    """The article of `current`, its text cut at every mark in it, and the way to the marks before and after."""
    article = current.article
    place = open_marks.index(current)
    kin = [m for m in open_marks if m.kind == current.kind]
    name = "Citation" if current.kind == "citation" else "Nearest passage"
    return {
        "headline": headline(article),
        "lost": capitalised(why_lost(article)),
        "details": list(filter(None, [byline(article), ", ".join(article.authors), article.path, article.url])),
        "position": f"{name} {kin.index(current) + 1} of {len(kin)}",
        "kind": current.kind,
        "n": current.n,
        "speaker": current.speaker,
        "previous": _way(open_marks, place - 1),
        "next": _way(open_marks, place + 1),
        "paragraphs": paragraphs(article.text, [m for m in open_marks if m.article == article], current),
        "removed": [{"line": r.line, "text": r.text, "reason": r.reason} for r in article.removed],
        "copy": attributed(current),
    }


def _way(open_marks: Sequence[Mark], place: int) -> Json | None:
    if not 0 <= place < len(open_marks):
        return None
    return {"kind": open_marks[place].kind, "n": open_marks[place].n}


def attributed(mark: Mark) -> str:
    """The marked words with who said them and where, for the clipboard."""
    words = mark.article.text[mark.start : mark.end]
    origin = ", ".join(filter(None, [mark.speaker, headline(mark.article), byline(mark.article)]))
    return f"“{words}” ({origin}; {mark.article.path})"


def paragraphs(text: str, spans: Iterable[Mark], current: Mark) -> list[list[Json]]:
    """Cut `text` into lines of segments, each plain, marked, or the current mark.

    Joining the segments of a line, and the lines with a line feed, gives `text` back.
    """
    spans = list(spans)
    cuts = sorted({0, len(text)} | {m.start for m in spans} | {m.end for m in spans})
    lines: list[list[Json]] = [[]]
    for start, end in pairwise(cuts):
        covering = [m for m in spans if m.start <= start and end <= m.end]
        role = "current" if current in covering else "other" if covering else "plain"
        for row, words in enumerate(text[start:end].split("\n")):
            if row:
                lines.append([])
            if words:
                lines[-1].append({"text": words, "role": role})
    return lines
