"""Answers and articles as the JSON that the page's components draw. No Streamlit here, and no markup.

The components put every text of these dictionaries into the page as text nodes. Offsets are counted here, in
characters as Python counts them, and never in the browser, which counts UTF-16 units.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from rag.records import Answer, Article, Citation, Claim, Support

Json = dict[str, Any]
Kind = Literal["citation", "passage"]

UNKNOWN_DATE = "publish date unknown"
SUPPORT_SIGNS: dict[Support, tuple[str, str, str]] = {
    "verbatim": ("✓", "verbatim", "The article says it in these words."),
    "supported": ("≈", "supported", "The article carries it in other words."),
    "unsupported": ("!", "unsupported", "The cited words do not carry this sentence."),
}
STAGES = {  # stage of the search -> heading, and what its score is
    "bm25": ("words", "BM25 of the question's words"),
    "dense": ("meaning", "cosine of the vectors"),
    "date": ("days", "1 for an article of the days asked for"),
    "outlet": ("outlet", "1 for an article of the outlet asked for"),
    "reranker": ("read again", "what the reranker says, 0 to 1"),
}
LAPS = {  # stage as it is shown -> the laps of `Answer.timings_ms` that it is made of
    "searching": ("condense", "encode", "retrieve"),
    "reading": ("evidence",),
    "writing and checking": ("generate",),
}
GONE = "the article is no longer in the archive"
CHANGED = "the article has changed and no longer has these words"
CLOSED = "the archive could not be opened"
PASSAGE_SHOWN = 160  # characters
_MARKER = re.compile(r"\s*\[(\d+)\]")
_LEAD = re.compile(r"\*\*([^*]+)\*\*")  # a short answer in bold type, before the sentences that carry it
_BULLET = re.compile(r"^\s*[-•*]\s+")


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


def answer_view(answer: Answer, searched: str) -> Json:
    """One answer; `searched` says in a few words what was looked through."""
    return {
        "status": answer.status,
        "notice": answer.notice,
        "lines": answer_lines(answer),
        "disagreements": [{"about": d.about, "sides": [list(side) for side in d.sides]} for d in answer.disagreements],
        "citations": [_citation(c) for c in answer.citations],
        "sources": _sources(answer.citations),
        "searched": searched if answer.status == "abstained" else "",
        "nearest": _nearest(answer) if answer.status == "abstained" else [],
        "made": _made(answer),
    }


def why(answer: Answer) -> tuple[str, list[Json]]:
    """What the stages of the search are, and a row for each passage that was read with what each made of it."""
    shown = {name: told for name, told in STAGES.items() if any(name in hit.stages for hit in answer.hits)}
    meanings = "; ".join(f"{heading}: {meaning}" for heading, meaning in shown.values())
    rows = [
        {
            "rank": hit.rank,
            "score": round(hit.score, 3),
            **{
                heading: round(hit.stages[name][1], 3) if name in hit.stages else None
                for name, (heading, _) in shown.items()
            },
            "article": hit.passage.article.label,
            "published": hit.passage.article.published or "unknown",
            "passage": " ".join(hit.passage.text.split())[:PASSAGE_SHOWN],
        }
        for hit in answer.hits
    ]
    return f"The passages that were read, best first. Of their scores, {meanings}.", rows


def answer_lines(answer: Answer) -> list[Json]:
    """The answer's text as lines: a claim with its citations and support, or the words between claims."""
    titles = _titles(answer)
    known = {c.n for c in answer.citations}
    lines: list[Json] = []
    cursor = 0
    for claim, shown, found in _placed(answer):
        before = ""
        if found >= 0:  # what stands before a sentence in its line stays there, but for a bullet
            above, _, before = answer.text[cursor:found].rpartition("\n")
            lines += _plain_lines(above, known, titles)
            before = _BULLET.sub("", before)
            cursor = _after_markers(answer.text, found + len(shown))
        lead = _LEAD.match(shown) if claim is answer.claims[0] else None
        parts = [{"text": before, "role": "plain"}] if before.strip() else []
        parts += [{"text": lead[1], "role": "lead"}] if lead else []
        parts += _parts(shown[lead.end() :] if lead else shown, titles)
        sign, word, hint = SUPPORT_SIGNS[claim.support]
        support = {"name": claim.support, "sign": sign, "word": word, "hint": hint}
        lines.append({"parts": parts, "citations": list(claim.citations), "support": support})
    return lines + _plain_lines(answer.text[cursor:], known, titles)


def _placed(answer: Answer) -> list[tuple[Claim, str, int]]:
    """Each claim as it stands in the answer's text and where, in the order of the text; -1 where it lacks one.

    An answer that tells how a thing developed has its claims in the order of days, which is not that of the numbers.
    """
    taken: list[tuple[int, int]] = []
    found: list[tuple[Claim, str, int]] = []
    shown = [
        (claim, f"**{claim.text}**" if answer.text.startswith(f"**{claim.text}**") else claim.text)
        for claim in answer.claims[:1]
    ]
    shown += [(claim, claim.text) for claim in answer.claims[1:]]
    for claim, words in sorted(shown, key=lambda pair: -len(pair[1])):  # a short one may stand inside a long one
        at = answer.text.find(words)
        while any(at < end and start < at + len(words) for start, end in taken) and at >= 0:
            at = answer.text.find(words, at + 1)
        if at >= 0:
            taken.append((at, at + len(words)))
        found.append((claim, words, at))
    return sorted(found, key=lambda placed: placed[2])


def _titles(answer: Answer) -> re.Pattern[str]:
    """Finds the titles that an answer puts between asterisks; nothing else between asterisks is one."""
    articles = [c.article for c in answer.citations] + [h.passage.article for h in answer.hits]
    labels = sorted({a.label for a in articles}, key=len, reverse=True)
    return re.compile("|".join(rf"\*({re.escape(label)})\*" for label in labels) or r"(?!)")


def _parts(text: str, titles: re.Pattern[str]) -> list[Json]:
    """Cut a sentence into plain words and article titles, these without their asterisks."""
    parts: list[Json] = []
    cursor = 0
    for match in titles.finditer(text):
        parts.append({"text": text[cursor : match.start()], "role": "plain"})
        parts.append({"text": match[0][1:-1], "role": "title"})
        cursor = match.end()
    parts.append({"text": text[cursor:], "role": "plain"})
    return [part for part in parts if part["text"]]


def _after_markers(text: str, at: int) -> int:
    while marker := _MARKER.match(text, at):
        at = marker.end()
    return at


def _plain_lines(text: str, known: set[int], titles: re.Pattern[str]) -> list[Json]:
    lines: list[Json] = []
    for raw in text.splitlines():
        numbers = [int(n) for n in _MARKER.findall(raw) if int(n) in known]
        words = _MARKER.sub(lambda m: "" if int(m[1]) in known else m[0], raw)
        words = _BULLET.sub("", words).strip()
        if words.strip("-•*"):
            lines.append({"parts": _parts(words, titles), "citations": numbers, "support": None})
    return lines


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


def _citation(citation: Citation) -> Json:
    return {
        "n": citation.n,
        "headline": headline(citation.article),
        "byline": byline(citation.article),
        "speaker": citation.speaker,
        "quote": citation.quote,
        "lost": capitalised(why_lost(citation.article)),
    }


def _sources(citations: Sequence[Citation]) -> str:
    return f"{counted(len(citations), 'citation')} in {counted(len(cited_articles(citations)), 'article')}"


def cited_articles(citations: Iterable[Citation]) -> list[Article]:
    """The articles of citations, each once, in their order."""
    return list({(c.article.id, c.article.path): c.article for c in citations}.values())


def _nearest(answer: Answer) -> list[Json]:
    return [
        {
            "rank": hit.rank,
            "headline": headline(hit.passage.article),
            "byline": byline(hit.passage.article),
            "text": hit.passage.text,
        }
        for hit in answer.hits
    ]


def _made(answer: Answer) -> str:
    """Who wrote the answer, and how long each stage took."""
    spent = answer.timings_ms
    stages = {name: sum(spent.get(lap, 0.0) for lap in laps) for name, laps in LAPS.items()}
    facts = [answer.generator, *(f"{name} {duration(ms)}" for name, ms in stages.items() if ms >= 0.5)]
    return " · ".join(facts if "total" not in spent else [*facts, f"{duration(spent['total'])} in all"])


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


def counted(number: int, noun: str) -> str:
    """`counted(1, "article")` is "1 article", `counted(1200, "article")` is "1,200 articles"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def capitalised(sentence: str) -> str:
    """With a capital at its start, as messages of `rag.errors` want when they stand alone."""
    return sentence[:1].upper() + sentence[1:]


def duration(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def plain_label(text: str) -> str:
    """Escape `text` for the label of a button, which is Markdown, so that it shows as it stands.

    Addresses become links in Markdown although they are escaped; in buttons alone Streamlit takes links for text.
    """
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))
