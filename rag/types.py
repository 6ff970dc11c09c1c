"""The words of the project as frozen records: what goes in and out of every step.

All offsets are in characters (Python code points) of `Article.text`; `end` is exclusive.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Literal

LABEL_CHARS = 400  # of the text: the words that stand for a missing title are among them
LABEL_WORDS = 8
_DATELINE = re.compile(r"^[A-Z][\w.,/ ]{2,40} ?[—–] ")  # "WASHINGTON, D.C. — "
_SHORT_ANSWER = re.compile(r"\*\*(.+?)\*\*(.*)")
Support = Literal["verbatim", "supported", "unsupported"]
Status = Literal["answered", "abstained", "disputed"]


@dataclass(frozen=True, slots=True)
class Removed:
    """A line of the source that cleaning took out.

    Attributes:
        line: 1-based line number in the decoded source.
        text: the line as it stood.
        reason: why it went, in one or two words ("comment form", "breadcrumb", …).
    """

    line: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Article:
    """A source document, cleaned.

    Attributes:
        id: opaque and stable: derived from the path, or the record's own id in a JSON Lines source.
        path: where it came from, relative to the seeds folder, with `/` between folders.
        published: ISO 8601 date or date-time read from the source; None when unknown, never a file time.
        text: the cleaned text that every offset points into.
        removed: what cleaning took out, in source order.
        provenance: field name -> where its value was read from ("first line", "json-ld", …).
    """

    id: str
    path: str
    text: str
    title: str | None = None
    publisher: str | None = None
    published: str | None = None
    authors: tuple[str, ...] = ()
    url: str | None = None
    removed: tuple[Removed, ...] = ()
    provenance: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What a reader calls the article: its title, or its opening words when it has none."""
        if self.title:
            return self.title
        words = _DATELINE.sub("", self.text[:LABEL_CHARS]).split()
        opening = " ".join(words[:LABEL_WORDS]).rstrip(",;:")
        return opening + "…" if len(words) > LABEL_WORDS else opening

    @property
    def byline(self) -> str:
        """Publisher, publish date and path, with what is not known said to be so."""
        return " · ".join(filter(None, (self.publisher, self.published or "publish date unknown", self.path)))


@dataclass(frozen=True, slots=True)
class Passage:
    """The slice of an article that is indexed, ranked and cited: `article.text[start:end]`."""

    article: Article
    start: int
    end: int

    @property
    def text(self) -> str:
        """The characters from `start` to `end` of the article."""
        return self.article.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage with its place in a ranking.

    Attributes:
        rank: 1-based.
        score: fused score, higher is better, 0 to 1.
        stages: stage name -> (1-based rank or None when the stage did not return it, raw score).
        also: passages of other articles that only repeat this one, see `rag.retrieval.near_duplicates`.
    """

    rank: int
    score: float
    passage: Passage
    stages: dict[str, tuple[int | None, float]] = field(default_factory=dict)
    also: tuple[Passage, ...] = ()

    @property
    def also_in(self) -> list[Article]:
        """The articles of `also`, each once, in their order."""
        return list({passage.article.id: passage.article for passage in self.also}.values())


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence of an article that bears on a question.

    Attributes:
        start, end: the sentence's span in `article.text`.
        score: how well it answers, 0 to 1, higher is better.
        speaker: who says it, as the article names them; None when it is the reporter's own sentence.
        quote: span of the quoted words inside the sentence (without the marks), None when not a quotation.
    """

    article: Article
    start: int
    end: int
    score: float
    speaker: str | None = None
    quote: tuple[int, int] | None = None

    @property
    def text(self) -> str:
        """The characters from `start` to `end` of the article."""
        return self.article.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Citation:
    """The exact words a claim stands on: `article.text[start:end] == quote`, always."""

    n: int
    article: Article
    start: int
    end: int
    speaker: str | None = None

    @property
    def quote(self) -> str:
        """The words cited, as they stand in the article."""
        return self.article.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence of an answer, its citation numbers (1-based) and whether they carry it.

    Attributes:
        text: the sentence without its `[n]` markers.
        score: 0 to 1, how sure the verifier is of `support`.
    """

    text: str
    support: Support
    score: float
    citations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Citation numbers that speak against each other about one thing."""

    about: str
    sides: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of the conversation and the answer's text, empty when not known.

    Attributes:
        standalone: the question as it was read when it was asked, empty when not known.
        people: full names in the passages that were found for it.
    """

    question: str
    answer: str = ""
    standalone: str = ""
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the program says to a question, and everything it stands on.

    Attributes:
        standalone_question: the question with what the history supplies filled in.
        text: the whole answer with `[n]` markers; when abstaining, why.
        confidence: probability that the archive answers the question with these sentences, 0 to 1.
        generator: the name of what wrote the text, which after a fallback is not the one asked for.
        notice: what the reader must know about how the answer was made, empty when nothing.
        timings_ms: stage -> milliseconds.
    """

    question: str
    standalone_question: str
    status: Status
    text: str
    confidence: float
    claims: tuple[Claim, ...]
    citations: tuple[Citation, ...]
    hits: tuple[Hit, ...]
    generator: str
    generation: int
    disagreements: tuple[Disagreement, ...] = ()
    notice: str = ""
    timings_ms: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the text, then a line for each source, with its words where the text does not quote them."""
        shown = " ".join(self.text.split())
        lines = [self.text]
        for citation in self.citations:
            lines.append(f"[{citation.n}] {_source(citation)}")
            if (quote := " ".join(citation.quote.split())) not in shown:
                lines.append(f"    {quote}")
        return "\n".join([*lines[:1], "", *lines[1:]] if self.citations else lines)

    def _repr_html_(self) -> str:
        """Return the answer for a notebook: what articles say is escaped, and never rendered."""
        lines = [html.escape(line) for line in self.text.split("\n")]
        if lines and (lead := _SHORT_ANSWER.match(lines[0])):
            lines[0] = f"<strong>{lead[1]}</strong>{lead[2]}"
        sources = (
            f"<li value='{c.n}'>{html.escape(_source(c))}<blockquote>{html.escape(c.quote)}</blockquote></li>"
            for c in self.citations
        )
        return f"<p>{'<br>'.join(lines)}</p>" + (f"<ol>{''.join(sources)}</ol>" if self.citations else "")


def _source(citation: Citation) -> str:
    article = citation.article
    return f"{article.label} · {article.byline}, characters {citation.start}–{citation.end}"
