"""Does the cited text carry the sentence? `verbatim`, `supported` or `unsupported`, decided here and not by a model.

A sentence is verbatim when all its words outside the introduction stand in one source, in order. Otherwise a logistic
model weighs the signs of `rag.verification.alignment`; what has a number that no source gives, a quotation that stands
in none, or the contrary of what its evidence says, is never supported. The weights are fitted by `python -m eval
faithfulness DIR --fit`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.ingest.chunking import split
from rag.models.base import Encoder
from rag.models.caching import LRUCache
from rag.models.linear import INTERCEPT, read_weights, sigmoid
from rag.text.quantities import Quantity, missing, quantities
from rag.text.quotations import folded, located, quotations
from rag.text.sentences import Span
from rag.text.tokens import keys, words
from rag.types import Article, Citation, Support
from rag.verification.alignment import ALIGNMENT_FEATURES, AlignmentFeatures, Text, align, joined, statements, text_of
from rag.verification.contradiction import contradicts

__all__ = ["SourceText", "Verdict", "Verifier", "folded", "sources_of"]

SUPPORTED = 0.5  # probability from which a sentence counts as supported
REFUTED = 0.49  # what is left of the score of a sentence with a number or a quotation of its own, or a denial
READ_PASSAGES = 12  # of a longer source only those that share most with the sentence are read
KEPT_PASSAGES = 512  # about 300 kB of vectors each at most
KEPT_SOURCES = 8
_INTRODUCTION = re.compile(r"^(?:[^*“”\n]{1,80}, in )?\*[^*\n]+\*: ")


@dataclass(frozen=True, slots=True)
class SourceText:
    """A text that may carry a sentence.

    Attributes:
        context: what stands around it (title, speaker, publish date): it may tell who is meant, and is evidence of
            nothing else.
    """

    text: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the sources are to a sentence.

    Attributes:
        score: 0 to 1, the probability that the sources carry it.
        evidence: where in the source's text, as (start, end); None when unsupported.
        source: index of that source.
    """

    support: Support
    score: float
    evidence: Span | None = None
    source: int = 0


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a source as a whole.

    Attributes:
        passages: spans of what is encoded together.
        folded: its text as `folded` gives it.
    """

    passages: tuple[Span, ...]
    quantities: tuple[Quantity, ...]
    folded: str

    def lacks(self, statement: str) -> bool:
        """Whether a statement has a number or a quotation that the source does not."""
        quoted = (folded(quote) for quote in quotations(statement))
        return bool(missing(quantities(statement), self.quantities)) or any(q not in self.folded for q in quoted)


NOTHING = Verdict("unsupported", 0.0)


@dataclass(frozen=True, slots=True)
class SourceReading:
    """One statement of a sentence beside the sources put together: its signs and its evidence in them."""

    signs: AlignmentFeatures
    evidence: Span


class Verifier:
    """Judges sentences. Keeps what it encoded lately; safe to share between threads."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._passages: LRUCache[str, Text] = LRUCache(KEPT_PASSAGES)
        self._known: LRUCache[str, _Known] = LRUCache(KEPT_SOURCES)
        self._texts: LRUCache[tuple[str, tuple[Span, ...]], Text] = LRUCache(KEPT_SOURCES)

    def check(self, sentence: str, sources: Sequence[SourceText]) -> Verdict:
        """Judge a sentence, without its citation markers, against all its sources together.

        Of several sentences, as a summary has them, the least supported one decides.
        """
        body = _INTRODUCTION.sub("", sentence)
        for number, source in enumerate(sources):
            if span := located(body, source.text):
                return Verdict("verbatim", 1.0, span, number)
        whole = "\n".join(source.text for source in sources)
        judged = [
            (1.0, span) if (span := located(text, whole)) else self._judge(text, whole, sources)
            for text in (body[start:end] for start, end in statements(body))
        ]
        if not judged:
            return NOTHING
        score, evidence = min(judged)
        if score < SUPPORTED:
            return Verdict("unsupported", score)
        return Verdict("supported", score, *_placed(evidence, sources))

    def read(self, statement: str, sources: Sequence[SourceText]) -> SourceReading | None:
        """Return the signs of one statement and its evidence in the sources' texts, joined by line ends.

        None when either side has no words.
        """
        given = self._given("\n".join(source.text for source in sources), statement)
        (said,) = self._encoded([statement])
        if not said.words or given is None:
            return None
        context = frozenset(word.key for source in sources for word in words(source.context) if not word.number)
        return SourceReading(*align(said, given, context))

    def _judge(self, statement: str, whole: str, sources: Sequence[SourceText]) -> tuple[float, Span]:
        reading = self.read(statement, sources)
        if reading is None:
            return 0.0, (0, 0)
        score = weighed(reading.signs)
        start, end = reading.evidence
        if self._source(whole).lacks(statement) or contradicts(statement, whole[start:end]):
            score *= REFUTED
        return score, reading.evidence

    def _source(self, whole: str) -> _Known:
        known = self._known.get(whole)
        if known is None:
            spans = tuple((p.start, p.end) for p in split(Article(id="", path="", text=whole)))
            known = _Known(spans, quantities(whole), folded(whole))
            self._known.put(whole, known)
        return known

    def _given(self, whole: str, statement: str) -> Text | None:
        """The source with its vectors; of a long one the passages that share most with the statement."""
        spans = self._source(whole).passages
        if len(spans) > READ_PASSAGES:
            spans = _nearest(whole, spans, statement)
        text = self._texts.get((whole, spans))
        if text is None:
            _, *encoded = self._encoded([statement, *(whole[start:end] for start, end in spans)])  # side by side
            parts = [(start, part) for (start, _), part in zip(spans, encoded, strict=True) if part.words]
            if not parts:
                return None
            text = joined(parts, whole)
            self._texts.put((whole, spans), text)
        return text

    def _encoded(self, passages: Sequence[str]) -> list[Text]:
        found = {passage: text for passage in passages if (text := self._passages.get(passage)) is not None}
        new = list(dict.fromkeys(passage for passage in passages if passage not in found))
        if new:
            found |= {p: text_of(p, tokens) for p, tokens in zip(new, self._encoder.encode_tokens(new), strict=True)}
        for passage, text in found.items():
            self._passages.put(passage, text)
        return [found[passage] for passage in passages]


def sources_of(citations: Sequence[Citation]) -> list[SourceText]:
    """The cited spans as sources, in the context of their articles."""
    return [
        SourceText(c.quote, " ".join(filter(None, (c.speaker, c.article.title, c.article.published))))
        for c in citations
    ]


def weighed(signs: AlignmentFeatures) -> float:
    """Return the probability, 0 to 1, that a sentence with these signs is supported."""
    weights = read_weights("verifier")
    return sigmoid(weights[INTERCEPT] + sum(weights[name] * getattr(signs, name) for name in ALIGNMENT_FEATURES))


def _nearest(whole: str, spans: Sequence[Span], statement: str) -> tuple[Span, ...]:
    """The passages that share most with a statement, in order; words that few of them have weigh more."""
    shared = [keys(statement) & keys(whole[start:end]) for start, end in spans]
    having = {key: sum(key in some for some in shared) for key in keys(statement)}
    weight = [sum(1 / having[key] for key in sorted(some)) for some in shared]
    best = sorted(range(len(spans)), key=lambda i: (-weight[i], i))[:READ_PASSAGES]
    return tuple(spans[i] for i in sorted(best))


def _placed(evidence: Span, sources: Sequence[SourceText]) -> tuple[Span, int]:
    """The evidence in characters of the source that it begins in, and the index of that."""
    start, end = evidence
    for number, source in enumerate(sources):
        if start < len(source.text):
            return (start, min(end, len(source.text))), number
        start, end = start - len(source.text) - 1, end - len(source.text) - 1
    raise AssertionError("the evidence is in the sources")
