"""An article analysed once: its sentences with their words, numbers, dates, names, and who says them.

Whatever reads an article for a question takes it from here, so that nothing is cut, counted or named twice.
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

# Articles whose analysis is kept. A question reads a dozen, the next one often the same; an analysis takes 2 to 5 ms.
CACHED_DOCUMENTS = 512


@dataclass(frozen=True)
class Sentence:
    """A sentence of an article, analysed when it is asked.

    Attributes:
        start, end: its characters in the article's text. All spans below count from `start`.
        attribution: who says it; None when it is the reporter's own. Its spans are in the article's text.
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
        """The numbers that count or measure."""
        return tuple(numbers(self.text))

    @cached_property
    def dates(self) -> tuple[Date, ...]:
        """The dates that have a year, or a month and a day."""
        return tuple(dates(self.text))

    @cached_property
    def names(self) -> tuple[Name, ...]:
        """The runs of capitalised words."""
        return tuple(names(self.text))

    @property
    def speaker(self) -> str:
        """Who says it, as the article names them; empty when it is the reporter's own."""
        return self.attribution.speaker if self.attribution else ""

    @property
    def asks(self) -> bool:
        """Whether it is a question: as headings have it ("What happened to the ferry?"), it answers none."""
        return self.text.rstrip("”\"’')] ").endswith("?")


class Document:
    """The text of an article, each part analysed at the first use and then kept."""

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
        """Who has which title."""
        return tuple(title_holders(self.text))

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """Every number in it."""
        return quantities(self.text)

    def within(self, start: int, end: int) -> Sequence[Sentence]:
        """Return the sentences that lie whole in the characters from `start` to `end`."""
        return [sentence for sentence in self.sentences if start <= sentence.start and sentence.end <= end]


class Documents:
    """The documents analysed lately, by their text. Safe to share between threads."""

    def __init__(self, size: int = CACHED_DOCUMENTS) -> None:
        self._documents: LRUCache[str, Document] = LRUCache(size)
        self._lock = Lock()

    def of(self, text: str) -> Document:
        """Return the document of an article's text."""
        with self._lock:
            if text not in self._documents:
                self._documents[text] = Document(text)
            return self._documents[text]
