"""Answers as JSON, to be saved; back from JSON, even if their articles have changed; and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime

from rag.serialization import whole_answer_json
from rag.types import Answer, Article, Citation, Claim, Disagreement, Hit, Passage
from ui.state.store import Json, StoredConversation
from ui.views.article import CHANGED, CLOSED, GONE, UNKNOWN_DATE

FindArticle = Callable[[str], Article | None]  # by article id; None when the archive has none

_MARKUP = re.compile(r"([\\`*_\[\]<>#|$~!&])|^([-+=]|\d+[.)])(?=\s)", re.MULTILINE)


def answer_to_json(answer: Answer) -> Json:
    """Return an answer as JSON: that of the command line, with the scores and the repetitions of its passages."""
    return whole_answer_json(answer)


def answer_from_json(row: Json, find: FindArticle | None) -> Answer:
    """Return the answer of a JSON object; `find` is None when the archive cannot be opened.

    When the cited words are no longer in their place, the citation gets an article that holds only these words and says
    why in `provenance["text"]`. So a quotation never points at other words, and is never lost.
    """
    cited = [(c, *_placed(c, c["quote"], find)) for c in row["citations"]]
    found = [(h, *_placed(h, h["text"], find)) for h in row["hits"]]
    return Answer(
        question=row["question"],
        standalone_question=row["standalone_question"],
        status=row["status"],
        text=row["text"],
        confidence=row["confidence"],
        claims=tuple(Claim(c["text"], c["support"], c["score"], tuple(c["citations"])) for c in row["claims"]),
        citations=tuple(Citation(c["n"], article, start, end, c["speaker"]) for c, article, start, end in cited),
        hits=tuple(
            Hit(
                rank=h["rank"],
                score=h["score"],
                passage=Passage(article, start, end),
                stages={name: (stage["rank"], stage["score"]) for name, stage in h.get("stages", {}).items()},
                also=tuple(Passage(*_placed(other, other["text"], find)) for other in h.get("also", ())),
            )
            for h, article, start, end in found
        ),
        generator=row["generator"],
        generation=row["generation"],
        disagreements=tuple(
            Disagreement(d["about"], tuple(tuple(side) for side in d["sides"])) for d in row["disagreements"]
        ),
        notice=row["notice"],
        timings_ms=dict(row["timings_ms"]),
    )


def _placed(row: Json, words: str, find: FindArticle | None) -> tuple[Article, int, int]:
    """Return the article that has `words`, and their span: the old one, or another where they occur only once."""
    article = find(row["article_id"]) if find is not None else None
    if article is not None:
        if article.text[row["start"] : row["end"]] == words:
            return article, row["start"], row["end"]
        if article.text.count(words) == 1:
            start = article.text.index(words)
            return article, start, start + len(words)
    why = CLOSED if find is None else GONE if article is None else CHANGED
    stand_in = Article(
        id=row["article_id"],
        path=row["path"],
        text=words,
        title=row["title"],
        publisher=row.get("publisher"),
        published=row.get("published"),
        url=row.get("url"),
        provenance={"text": why},
    )
    return stand_in, 0, len(words)


def conversation_to_json(conversation: StoredConversation) -> Json:
    """Return a conversation for other programs, every answer as `onrecord ask --json` prints it."""
    return {
        "title": conversation.title,
        "exchanges": [
            {"question": e.question, "asked": e.asked.isoformat(), "answer": e.answer, "error": e.error}
            for e in conversation.exchanges
        ],
    }


def conversation_to_markdown(conversation: StoredConversation, exported: datetime) -> str:
    """Return a conversation to read and print. Everything is escaped: no words of an article become markup."""
    lines = [f"# {_plain(conversation.title)}", "", f"Exported from On Record on {exported:%Y-%m-%d %H:%M}.", ""]
    for number, exchange in enumerate(conversation.exchanges, start=1):
        lines += [f"## {number}. {_plain(exchange.question)}", "", *_answer_lines(exchange.answer, exchange.error), ""]
    return "\n".join(lines).rstrip() + "\n"


def _answer_lines(answer: Json | None, error: str) -> Iterable[str]:
    if answer is None:
        yield f"*Not answered.* {_plain(error)}".rstrip()
        return
    if answer["notice"]:
        yield f"> Note: {_plain(answer['notice'])}\n"
    yield "  \n".join(map(_line, answer["text"].splitlines()))
    for about in answer["disagreements"]:
        sides = " against ".join("".join(f"[{n}]" for n in side) for side in about["sides"])
        yield f"\nThe sources disagree about {_plain(about['about'])}: {sides}"
    if answer["citations"]:
        yield ""
    for citation in answer["citations"]:
        title = citation["title"] or "untitled"
        origin = [citation["speaker"], title, citation["publisher"], citation["published"] or UNKNOWN_DATE]
        place = f"{citation['path']}, characters {citation['start']}–{citation['end']}"
        source = _plain(f"{', '.join(filter(None, origin))}; {place}")
        yield f"- [{citation['n']}] “{_plain(citation['quote'])}” ({source})"
        if citation["url"]:
            yield f"  {_plain(citation['url'])}"


def _line(text: str) -> str:
    """Escape a line of an answer, except its citation numbers and the bold type of a short answer."""
    line = re.sub(r"\\\[(\d+)\\\]", r"[\1]", _plain(text))
    return re.sub(r"^\\\*\\\*(.+?)\\\*\\\*", r"**\1**", line)


def _plain(text: str) -> str:
    """Put a text into one line, and escape what Markdown would read."""
    return _MARKUP.sub(lambda m: "\\" + m[0], " ".join(text.split()))
