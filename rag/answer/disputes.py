"""The answer where articles disagree: every side cited, with its outlet and its day; an update told as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag.evidence.conflicts import Conflict
from rag.filters import date_words, day
from rag.generation.extractive import introduction, spoken
from rag.types import Answer, Article, Citation, Claim, Disagreement, Evidence
from rag.verification.citations import with_markers


def write_dispute(answer: Answer, found: Conflict) -> Answer:
    """The answer with every side cited: disputed, or, where a later article simply knows more, the later one last.

    A side that the generator left out is added in the article's own words.
    """
    for side in found.sides:
        answer = _with_side(answer, side)
    numbers = tuple(tuple(_number(answer, e) for e in side if _number(answer, e)) for side in found.sides)
    ordered = sorted(answer.claims, key=lambda claim: _place(claim, numbers))
    answer = replace(answer, claims=tuple(ordered))
    if found.changing and (days := _days(found)):
        return replace(answer, text=_updated(answer, numbers, days))
    lines = ["The articles disagree.", *(f"- {_line(answer, claim)}" for claim in answer.claims)]
    if undated := _undated([e.article for e in found.evidence]):
        lines += ["", undated]
    return replace(
        answer, status="disputed", text="\n".join(lines), disagreements=(Disagreement(found.about, numbers),)
    )


def _number(answer: Answer, evidence: Evidence) -> int:
    """The number under which a sentence is cited, 0 when it is not."""
    place = (evidence.article.id, evidence.start, evidence.end)
    return next((c.n for c in answer.citations if (c.article.id, c.start, c.end) == place), 0)


def _with_side(answer: Answer, side: Sequence[Evidence]) -> Answer:
    cited = {n for claim in answer.claims if claim.support != "unsupported" for n in claim.citations}
    if any(_number(answer, evidence) in cited for evidence in side):
        return answer
    evidence = side[0]
    n = _number(answer, evidence)
    if not n:
        n = len(answer.citations) + 1
        new = Citation(n, evidence.article, evidence.start, evidence.end, evidence.speaker)
        answer = replace(answer, citations=(*answer.citations, new))
    claim = Claim(introduction(evidence) + spoken(evidence), "verbatim", 1.0, (n,))
    return replace(answer, claims=(*answer.claims, claim))


def _place(claim: Claim, numbers: Sequence[tuple[int, ...]]) -> int:
    """Which side a claim speaks for; the others come last."""
    return next((n for n, side in enumerate(numbers) if set(side) & set(claim.citations)), len(numbers))


def _line(answer: Answer, claim: Claim) -> str:
    """The claim with its number, its outlet and its date where they are known."""
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


def _days(found: Conflict) -> list[str]:
    """The day each side is of, earliest sentence first; empty when one is not known or two are of one day."""
    days = [max((day(e.article.published) or "" for e in side), default="") for side in found.sides]
    return days if all(len(d) == len("2025-10-31") for d in days) and len(set(days)) == len(days) else []


def _updated(answer: Answer, numbers: Sequence[tuple[int, ...]], days: Sequence[str]) -> str:
    """The claims of the sides in the order of their days, each later one introduced by its day; then the others."""
    order = sorted(range(len(days)), key=lambda n: days[n])
    lines = []
    for side in order:
        for claim in (c for c in answer.claims if _place(c, numbers) == side):
            line = with_markers(claim.text, claim.citations)
            lines.append(line if side == order[0] else f"Later, on {_spelled(days[side])}: {line}")
    rest = [c for c in answer.claims if _place(c, numbers) == len(numbers)]
    return "\n".join(lines + [with_markers(c.text, c.citations) for c in rest])


def _day_words(article: Article) -> str:
    return _spelled(article.published) if article.published else ""


def _spelled(published: str) -> str:
    """ "31 October 2025" of an ISO date; a year or a month alone as it is."""
    words_of_it = date_words(published)
    return words_of_it.partition(" ")[2] or words_of_it
