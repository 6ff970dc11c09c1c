"""Turn an article into the JSON that the components draw: its text cut at the marks in it, and its details.

Offsets are in characters as Python counts them. The browser, which counts UTF-16 units, never counts them.
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
    """Return everything in an answer that can be opened, in the order of the page."""
    cited = [Mark("citation", c.n, c.article, c.start, c.end, c.speaker) for c in answer.citations]
    if answer.status != "abstained":
        return tuple(cited)
    nearest = [Mark("passage", h.rank, h.passage.article, h.passage.start, h.passage.end) for h in answer.hits]
    return tuple(cited + nearest)


def headline(article: Article) -> str:
    """Return the title, or "untitled" with the opening words."""
    return article.title or f"untitled: “{article.label}”"


def byline(article: Article) -> str:
    """Say who published it and when, as far as the article itself says so."""
    day = article.published[:10] if article.published else UNKNOWN_DATE
    return f"{article.publisher} · {day}" if article.publisher else day


def why_lost(article: Article) -> str:
    """Say why only the quoted words of an article are left, by `saved_answers`; empty when it is complete."""
    reason = article.provenance.get("text", "")
    return reason if reason in (GONE, CHANGED, CLOSED) else ""


def article_view(open_marks: Sequence[Mark], current: Mark) -> Json:
    """Return the article of `current`, its text cut at every mark in it, with the marks before and after."""
    article = current.article
    place = open_marks.index(current)
    same_kind = [m for m in open_marks if m.kind == current.kind]
    name = "Citation" if current.kind == "citation" else "Nearest passage"
    return {
        "headline": headline(article),
        "lost": capitalised(why_lost(article)),
        "details": list(filter(None, [byline(article), ", ".join(article.authors), article.path, article.url])),
        "position": f"{name} {same_kind.index(current) + 1} of {len(same_kind)}",
        "kind": current.kind,
        "n": current.n,
        "speaker": current.speaker,
        "previous": _target(open_marks, place - 1),
        "next": _target(open_marks, place + 1),
        "paragraphs": paragraphs(article.text, [m for m in open_marks if m.article == article], current),
        "removed": [{"line": r.line, "text": r.text, "reason": r.reason} for r in article.removed],
        "copy": attributed(current),
    }


def _target(open_marks: Sequence[Mark], place: int) -> Json | None:
    if not 0 <= place < len(open_marks):
        return None
    return {"kind": open_marks[place].kind, "n": open_marks[place].n}


def attributed(mark: Mark) -> str:
    """Return the marked words with their speaker and their article, for the clipboard."""
    words = mark.article.text[mark.start : mark.end]
    origin = ", ".join(filter(None, [mark.speaker, headline(mark.article), byline(mark.article)]))
    return f"“{words}” ({origin}; {mark.article.path})"


def paragraphs(text: str, spans: Iterable[Mark], current: Mark) -> list[list[Json]]:
    """Cut `text` into lines of segments. Each is plain, a mark, or the current mark.

    The joined segments of all lines, with a line feed between the lines, are `text` again.
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
