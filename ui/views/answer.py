"""Turn answers into the JSON that the components draw. No Streamlit here, and no markup.

The components put every text of it into the page as text nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rag.types import Answer, Article, Citation, Claim, Support
from ui.views.article import Json, byline, headline, why_lost
from ui.wording import capitalised, counted, duration, written_by

SUPPORT_SIGNS: dict[Support, tuple[str, str, str]] = {
    "verbatim": ("✓", "verbatim", "The article says it in these words."),
    "supported": ("≈", "supported", "The article says it in other words."),
    "unsupported": ("!", "unsupported", "The cited words do not support this sentence."),
}
STAGES = {  # stage of the search -> heading, and the meaning of its score
    "bm25": ("words", "how well the words match those of the question"),
    "dense": ("meaning", "how close the meaning is to the question, up to 1"),
    "date": ("days", "1 for an article from the days in the question"),
    "outlet": ("outlet", "1 for an article from the outlet in the question"),
    "reranker": ("second look", "how well a second model finds that it answers, 0 to 1"),
}
LAPS = {  # stage as it is shown -> the laps of `Answer.timings_ms` that belong to it
    "searching": ("contextualise", "encode", "retrieve"),
    "reading": ("evidence",),
    "writing and checking": ("generate",),
}
MAX_PASSAGE_CHARS = 160
LEAST_SHOWN_MS = 0.5  # a stage that took less would read "0 ms"
_MARKER = re.compile(r"\s*\[(\d+)\]")
_LEAD = re.compile(r"\*\*([^*]+)\*\*")  # a short answer in bold type, before the sentences that carry it
_BULLET = re.compile(r"^\s*[-•*]\s+")


def answer_view(answer: Answer, searched: str) -> Json:
    """Return an answer; `searched` says what was searched."""
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
    """Explain the stages of the search, and return a row of scores for each passage that was read."""
    shown = {name: words for name, words in STAGES.items() if any(name in hit.stages for hit in answer.hits)}
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
            "passage": " ".join(hit.passage.text.split())[:MAX_PASSAGE_CHARS],
        }
        for hit in answer.hits
    ]
    return f"The passages that were read, the best first. Their scores: {meanings}.", rows


def answer_lines(answer: Answer) -> list[Json]:
    """Cut the answer's text into lines: a claim with its citations and support, or the words between claims."""
    titles = _titles(answer)
    known = {c.n for c in answer.citations}
    lines: list[Json] = []
    cursor = 0
    for claim, shown, found in _placed(answer):
        before = ""
        if found >= 0:  # what precedes a sentence in its line remains there, except a bullet
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
    """Return each claim with its words in the answer's text and their offset, in the order of the text.

    The offset is -1 where the text lacks the claim. The order of the text may differ from that of the numbers: claims
    about a development are ordered by day.
    """
    taken: list[tuple[int, int]] = []
    placed: list[tuple[Claim, str, int]] = []
    shown = [
        (claim, f"**{claim.text}**" if answer.text.startswith(f"**{claim.text}**") else claim.text)
        for claim in answer.claims[:1]
    ]
    shown += [(claim, claim.text) for claim in answer.claims[1:]]
    for claim, words in sorted(shown, key=lambda pair: -len(pair[1])):  # a short one may be part of a long one
        at = answer.text.find(words)
        while any(at < end and start < at + len(words) for start, end in taken) and at >= 0:
            at = answer.text.find(words, at + 1)
        if at >= 0:
            taken.append((at, at + len(words)))
        placed.append((claim, words, at))
    return sorted(placed, key=lambda one: one[2])


def _titles(answer: Answer) -> re.Pattern[str]:
    """Return the pattern of the titles that an answer puts between asterisks; other words there are no titles."""
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
    """Return the articles of citations, each once, in their order."""
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
    """Say who wrote the answer, and how long each stage took."""
    spent = answer.timings_ms
    stages = {name: sum(spent.get(lap, 0.0) for lap in laps) for name, laps in LAPS.items()}
    facts = [
        capitalised(written_by(answer.generator)),
        *(f"{name} {duration(ms)}" for name, ms in stages.items() if ms >= LEAST_SHOWN_MS),
    ]
    return " · ".join(facts if "total" not in spent else [*facts, f"{duration(spent['total'])} in all"])
