"""Write the answer when articles disagree: cite every side with its outlet and its day, updates in order of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.evidence.conflicts import Conflict
from rag.filters import date_words, day
from rag.generation.extractive import evidence_text, introduction
from rag.types import Answer, Article, Citation, Claim, Disagreement, Evidence
from rag.verification.citations import with_markers


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an answer, and the claim in it; None when it has no claim."""

    text: str
    claim: Claim | None = None


def arrange_dispute(answer: Answer, conflict: Conflict) -> tuple[Answer, list[Line]]:
    """Return the answer with every side cited, and its lines in order.

    The status becomes "disputed", unless a later article may be an update: then the later sides come last. A side that
    the generator left out is added in the words of its article.
    """
    for side in conflict.sides:
        answer = _with_side(answer, side)
    numbers = tuple(tuple(n for e in side if (n := _number(answer, e))) for side in conflict.sides)
    days = _days(conflict) if conflict.changing else []
    if days:
        lines = _updates(answer, numbers, days)
    else:
        claims = sorted(answer.claims, key=lambda claim: _place(claim, numbers))
        lines = [Line("The articles disagree."), *(Line(f"- {_text(answer, claim)}", claim) for claim in claims)]
        if undated := _undated([e.article for e in conflict.evidence]):
            lines += [Line(""), Line(undated)]
        answer = replace(answer, status="disputed", disagreements=(Disagreement(conflict.about, numbers),))
    text = "\n".join(line.text for line in lines)
    return replace(answer, text=text, claims=tuple(line.claim for line in lines if line.claim)), lines


def _number(answer: Answer, evidence: Evidence) -> int:
    """Return the citation number of a sentence; 0 when it is not cited."""
    place = (evidence.article.id, evidence.start, evidence.end)
    return next((c.n for c in answer.citations if (c.article.id, c.start, c.end) == place), 0)


def _with_side(answer: Answer, side: Sequence[Evidence]) -> Answer:
    """Return the answer with a claim for a side, added when no supported claim cites the side."""
    cited = {n for claim in answer.claims if claim.support != "unsupported" for n in claim.citations}
    if any(_number(answer, evidence) in cited for evidence in side):
        return answer
    evidence = side[0]
    n = _number(answer, evidence)
    if not n:
        n = len(answer.citations) + 1
        new = Citation(n, evidence.article, evidence.start, evidence.end, evidence.speaker)
        answer = replace(answer, citations=(*answer.citations, new))
    claim = Claim(introduction(evidence) + evidence_text(evidence), "verbatim", 1.0, (n,))
    return replace(answer, claims=(*answer.claims, claim))


def _place(claim: Claim, numbers: Sequence[tuple[int, ...]]) -> int:
    """Return the index of the side that a claim cites; the number of sides when it cites none."""
    return next((n for n, side in enumerate(numbers) if set(side) & set(claim.citations)), len(numbers))


def _text(answer: Answer, claim: Claim) -> str:
    """Return a claim with its citation numbers, and with its outlet and date when they are known."""
    articles = {c.article.id: c.article for c in answer.citations if c.n in claim.citations}
    known = [", ".join(filter(None, (a.publisher, _day_words(a)))) for a in articles.values()]
    origin = "; ".join(filter(None, known))
    return with_markers(claim.text, claim.citations) + (f" ({origin})" if origin else "")


def _undated(articles: Sequence[Article]) -> str:
    dated = sum(a.published is not None for a in articles)
    if dated == len(articles):
        return ""
    start = "Not all of these articles carry" if dated else "None of these articles carries"
    return f"{start} a publish date, so which is the latest cannot be told."


def _days(conflict: Conflict) -> list[str]:
    """Return the latest day of each side; empty when one is unknown or two are equal."""
    days = [max((day(e.article.published) or "" for e in side), default="") for side in conflict.sides]
    return days if all(len(d) == len("2025-10-31") for d in days) and len(set(days)) == len(days) else []


def _updates(answer: Answer, numbers: Sequence[tuple[int, ...]], days: Sequence[str]) -> list[Line]:
    """Return the lines of an update: the sides by day, each later one with its day, then the other claims."""
    order = sorted(range(len(days)), key=lambda n: days[n])
    lines = []
    for side in order:
        for claim in (c for c in answer.claims if _place(c, numbers) == side):
            text = with_markers(claim.text, claim.citations)
            lines.append(Line(text if side == order[0] else f"Later, on {_spelled(days[side])}: {text}", claim))
    others = [c for c in answer.claims if _place(c, numbers) == len(numbers)]
    return lines + [Line(with_markers(c.text, c.citations), c) for c in others]


def _day_words(article: Article) -> str:
    return _spelled(article.published) if article.published else ""


def _spelled(published: str) -> str:
    """Return "31 October 2025" for an ISO date; a year or a month alone stays as it is."""
    words = date_words(published)
    return words.partition(" ")[2] or words
