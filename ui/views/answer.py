"""Answers as the JSON that the page's components draw. No Streamlit here, and no markup.

The components put every text of these dictionaries into the page as text nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rag.types import Answer, Article, Citation, Claim, Support
from ui.views.article import Json, byline, headline, why_lost
from ui.wording import capitalised, counted, duration

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
PASSAGE_SHOWN = 160  # characters
_MARKER = re.compile(r"\s*\[(\d+)\]")
_LEAD = re.compile(r"\*\*([^*]+)\*\*")  # a short answer in bold type, before the sentences that carry it
_BULLET = re.compile(r"^\s*[-•*]\s+")


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
            "also": "; ".join(f"{headline(article)} · {byline(article)}" for article in hit.also_in),
        }
        for hit in answer.hits
    ]


def _made(answer: Answer) -> str:
    """Who wrote the answer, and how long each stage took."""
    spent = answer.timings_ms
    stages = {name: sum(spent.get(lap, 0.0) for lap in laps) for name, laps in LAPS.items()}
    facts = [answer.generator, *(f"{name} {duration(ms)}" for name, ms in stages.items() if ms >= 0.5)]
    return " · ".join(facts if "total" not in spent else [*facts, f"{duration(spent['total'])} in all"])
