"""Define the records that go in and out of every step.

All offsets are in characters (Python code points) of `Article.text`; `end` is exclusive.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Literal

# An article without a title is called by so many of its first words.
LABEL_WORDS = 8
# These words are within so many characters of the text.
LABEL_CHARS = 400
_DATELINE = re.compile(r"^[A-Z][\w.,/ ]{2,40} ?[—–] ")  # "WASHINGTON, D.C. — "
_SHORT_ANSWER = re.compile(r"\*\*(.+?)\*\*(.*)")
Support = Literal["verbatim", "supported", "unsupported"]
Status = Literal["answered", "abstained", "disputed"]


@dataclass(frozen=True, slots=True)
class Removed:
    """A line of the source that cleaning removed.

    Attributes:
        line: 1-based line number in the decoded source.
        text: the line as the source has it.
        reason: why it was removed, in one or two words ("comment form", "breadcrumb", …).
    """

    line: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Article:
    """A source document, cleaned.

    Attributes:
        id: opaque and stable: derived from the path, or the id of the record in a JSON Lines source.
        path: the source file, relative to the seeds folder, with `/` between folders.
        text: the cleaned text; all offsets count its characters.
        published: the ISO 8601 date or date-time in the source; None when unknown. It is never a file time.
        removed: the lines that cleaning removed, in the order of the source.
        provenance: field name -> where its value was found ("first line", "json-ld", …).
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
        """The title, or the first words of an article without a title."""
        if self.title:
            return self.title
        words = _DATELINE.sub("", self.text[:LABEL_CHARS]).split()
        opening = " ".join(words[:LABEL_WORDS]).rstrip(",;:")
        return opening + "…" if len(words) > LABEL_WORDS else opening

    @property
    def byline(self) -> str:
        """The publisher, the publish date ("publish date unknown" when it is) and the path."""
        return " · ".join(filter(None, (self.publisher, self.published or "publish date unknown", self.path)))


@dataclass(frozen=True, slots=True)
class Passage:
    """The part of an article that is indexed, ranked and cited: `article.text[start:end]`."""

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
        rank: its place in the ranking, from 1.
        score: the final score, 0 to 1, higher is better.
        stages: stage name -> (rank from 1, or None when the stage did not rank the passage; raw score).
        also: passages of other articles that only repeat this one; see `rag.retrieval.near_duplicates`.
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
    """A sentence of an article that may answer a question.

    Attributes:
        start: its first character in `article.text`.
        end: the character after its last one.
        score: how well it answers, 0 to 1, higher is better.
        speaker: who says it, as the article names them; None when the reporter says it.
        quote: the span of the quoted words in `article.text`, without the marks; None when it has no quotation.
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
    """The exact words that support a claim: `article.text[start:end] == quote`.

    Attributes:
        n: its number in the answer, from 1.
        speaker: who says the words; None when the reporter says them.
    """

    n: int
    article: Article
    start: int
    end: int
    speaker: str | None = None

    @property
    def quote(self) -> str:
        """The cited words, exactly as the article has them."""
        return self.article.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence of an answer, with its citations and whether they support it.

    Attributes:
        text: the sentence without its `[n]` markers.
        support: what the verifier says of it.
        score: the verifier's confidence in `support`, 0 to 1.
        citations: the numbers of its citations.
    """

    text: str
    support: Support
    score: float
    citations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """The citations that contradict each other.

    Attributes:
        about: the question that they answer.
        sides: the citation numbers of each side.
    """

    about: str
    sides: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of the conversation and its answer.

    Attributes:
        question: the question as it was asked.
        answer: the text of the answer; empty when it is unknown.
        standalone: the standalone question of that time; empty when it is unknown.
        people: the full names in the passages that were found for it.
    """

    question: str
    answer: str = ""
    standalone: str = ""
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question, with its claims, citations and hits.

    Attributes:
        standalone_question: the question, completed from the history.
        status: whether the program answers, abstains or shows a dispute.
        text: the whole answer with `[n]` markers; the reason when the program abstains.
        confidence: the probability that these sentences of the archive answer the question, 0 to 1.
        generator: the name of the generator that wrote the text; after a failure not the one of the settings.
        generation: the number of the index generation that was read.
        notice: what the reader must know about how the answer was made; empty when nothing.
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
        """Return the text, then a line for each source, with its quote when the text does not contain it."""
        shown = " ".join(self.text.split())
        lines = [self.text]
        for citation in self.citations:
            lines.append(f"[{citation.n}] {_source(citation)}")
            if (quote := " ".join(citation.quote.split())) not in shown:
                lines.append(f"    {quote}")
        return "\n".join([*lines[:1], "", *lines[1:]] if self.citations else lines)

    def _repr_html_(self) -> str:
        """Return the answer as HTML for a notebook; text from articles is escaped and never rendered."""
        lines = [html.escape(line) for line in self.text.split("\n")]
        if lines and (short := _SHORT_ANSWER.match(lines[0])):
            lines[0] = f"<strong>{short[1]}</strong>{short[2]}"
        sources = (
            f"<li value='{c.n}'>{html.escape(_source(c))}<blockquote>{html.escape(c.quote)}</blockquote></li>"
            for c in self.citations
        )
        return f"<p>{'<br>'.join(lines)}</p>" + (f"<ol>{''.join(sources)}</ol>" if self.citations else "")


def _source(citation: Citation) -> str:
    article = citation.article
    return f"{article.label} · {article.byline}, characters {citation.start}–{citation.end}"
