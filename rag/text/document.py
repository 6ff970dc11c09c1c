"""Analyse an article once: its sentences with their words, numbers, dates, names and speakers.

Every step that reads an article for a question uses this analysis, so that each article is analysed only once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

from cachetools import LRUCache

from rag.text.attribution import Attribution, attribute
from rag.text.dates import Date, dates, numbers
from rag.text.names import Name, TitleHolder, names, people_in, title_holders
from rag.text.quantities import Quantity, quantities
from rag.text.sentences import Span, sentences
from rag.text.tokens import Word, words

# Articles whose analysis is cached. A question reads about twelve, and the next question often reads the same ones. An
# analysis takes 2 to 5 ms.
CACHED_DOCUMENTS = 512


@dataclass(frozen=True)
class Sentence:
    """A sentence of an article. Each analysis runs at its first use and is then kept.

    The spans of words, quantities, dates and names count from the start of the sentence.

    Attributes:
        text: the sentence as the article has it.
        start: its first character in the article's text.
        end: the character after its last one.
        attribution: who says it, with spans in the article's text; None when the reporter says it.
    """

    text: str
    start: int
    end: int
    attribution: Attribution | None = None

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """Its words, in order."""
        return tuple(words(self.text))

    @cached_property
    def keys(self) -> frozenset[str]:
        """The keys of its content words."""
        return frozenset(word.key for word in self.words if word.content)

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """Every number in it."""
        return quantities(self.text)

    @cached_property
    def numbers(self) -> tuple[Quantity, ...]:
        """Its numbers that count or measure: without those in dates and orders."""
        return tuple(numbers(self.text))

    @cached_property
    def dates(self) -> tuple[Date, ...]:
        """Its dates that have a year, or a month and a day."""
        return tuple(dates(self.text))

    @cached_property
    def names(self) -> tuple[Name, ...]:
        """Its names, of people and of anything else."""
        return tuple(names(self.text))

    @property
    def speaker(self) -> str:
        """Who says it, as the article names them; empty when the reporter says it."""
        return self.attribution.speaker if self.attribution else ""

    @property
    def asks(self) -> bool:
        """Whether it is a question, such as a heading ("What happened to the ferry?"): it answers nothing."""
        return self.text.rstrip("”\"’')] ").endswith("?")


class Document:
    """The text of an article and its analysis. Each analysis runs at its first use and is then kept."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        """Its sentences, in order, with their speakers."""
        spans: list[Span] = sentences(self.text)
        return tuple(
            Sentence(self.text[start:end], start, end, attribution)
            for (start, end), attribution in zip(spans, attribute(self.text, spans), strict=True)
        )

    @cached_property
    def people(self) -> tuple[str, ...]:
        """The full names of the people it names, in order of appearance."""
        return tuple(people_in(self.text))

    @cached_property
    def title_holders(self) -> tuple[TitleHolder, ...]:
        """The people whom it names with a title."""
        return tuple(title_holders(self.text))

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """Every number in it."""
        return quantities(self.text)

    def within(self, start: int, end: int) -> Sequence[Sentence]:
        """Return the sentences that lie completely between the characters `start` and `end`."""
        return [sentence for sentence in self.sentences if start <= sentence.start and sentence.end <= end]


class Documents:
    """A cache of the latest documents by their text. Safe to share between threads."""

    def __init__(self, size: int = CACHED_DOCUMENTS) -> None:
        self._documents: LRUCache[str, Document] = LRUCache(size)
        self._lock = Lock()

    def of(self, text: str) -> Document:
        """Return the document for the text of an article."""
        with self._lock:
            if text not in self._documents:
                self._documents[text] = Document(text)
            return self._documents[text]
