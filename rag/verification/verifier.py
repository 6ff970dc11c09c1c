"""Decides whether the cited text supports a sentence: `verbatim`, `supported` or `unsupported`. No language model does.

A sentence is verbatim when all its words outside the introduction are in one source, in order. Otherwise a logistic
model over the features of `rag.verification.alignment` decides. A sentence is never supported that has a number or a
quotation that no source has, or that contradicts its evidence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.ingest.chunking import split
from rag.models.base import Encoder
from rag.models.caching import Cache
from rag.models.linear import INTERCEPT, read_weights, sigmoid
from rag.text.quantities import Quantity, missing, quantities
from rag.text.quotations import folded, located, quotations
from rag.text.sentences import Span
from rag.text.tokens import keys, words
from rag.types import Article, Citation, Support
from rag.verification.alignment import ALIGNMENT_FEATURES, AlignmentFeatures, Text, align, joined, statements, text_of
from rag.verification.contradiction import contradicts

__all__ = ["SourceText", "Verdict", "Verifier", "folded", "sources_of"]

SUPPORTED_FROM = 0.5  # probability from which a sentence counts as supported
# The score of a sentence that has a number or a quotation of its own, or contradicts its evidence, is multiplied by
# this: it stays below SUPPORTED_FROM.
REFUTED_FACTOR = 0.49
READ_PASSAGES = 12  # of a longer source, only so many passages are read: those that share most with the sentence
CACHED_PASSAGES = 512  # passages, about 300 kB of vectors each at most
CACHED_SOURCES = 8
# "Dominic LeBlanc, in *Is a deal closer?*: ", as the extractive generator introduces a sentence
_INTRODUCTION = re.compile(r"^(?:[^*“”\n]{1,80}, in )?\*[^*\n]+\*: ")


@dataclass(frozen=True, slots=True)
class SourceText:
    """A text that may support a sentence.

    Attributes:
        text: what the evidence is taken from.
        context: title, speaker and publish date. It may say who is meant, and is not evidence of anything else.
    """

    text: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether sources support a sentence.

    Attributes:
        support: how they do.
        score: 0 to 1, the probability that they support it.
        evidence: start and end of the evidence in characters of the source; None when unsupported.
        source: index of that source.
    """

    support: Support
    score: float
    evidence: Span | None = None
    source: int = 0


@dataclass(frozen=True, slots=True)
class _Source:
    """What is computed once for all the sources of a sentence, taken as one text.

    Attributes:
        passages: start and end of each passage, which is encoded by itself.
        quantities: its numbers.
        folded: its text as `folded` returns it.
    """

    passages: tuple[Span, ...]
    quantities: tuple[Quantity, ...]
    folded: str

    def lacks(self, statement: str) -> bool:
        """Return whether a statement has a number or a quotation that the source does not have."""
        quoted = (folded(quote) for quote in quotations(statement))
        return bool(missing(quantities(statement), self.quantities)) or any(q not in self.folded for q in quoted)


NOTHING = Verdict("unsupported", 0.0)


@dataclass(frozen=True, slots=True)
class SourceReading:
    """How one statement is aligned with the sources taken as one text: the features, and the span of its evidence."""

    features: AlignmentFeatures
    evidence: Span


class Verifier:
    """Checks sentences against sources. It caches what it encodes. Safe to share between threads."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._passages: Cache[str, Text] = Cache(CACHED_PASSAGES)
        self._sources: Cache[str, _Source] = Cache(CACHED_SOURCES)
        self._texts: Cache[tuple[str, tuple[Span, ...]], Text] = Cache(CACHED_SOURCES)

    def check(self, sentence: str, sources: Sequence[SourceText]) -> Verdict:
        """Check a sentence, without its citation markers, against all its sources together.

        Of several sentences, such as those of a summary, the least supported one decides.
        """
        body = _INTRODUCTION.sub("", sentence)
        for number, source in enumerate(sources):
            if span := located(body, source.text):
                return Verdict("verbatim", 1.0, span, number)
        whole = "\n".join(source.text for source in sources)
        scored = [
            (1.0, span) if (span := located(text, whole)) else self._score(text, whole, sources)
            for text in (body[start:end] for start, end in statements(body))
        ]
        if not scored:
            return NOTHING
        score, evidence = min(scored)
        if score < SUPPORTED_FROM:
            return Verdict("unsupported", score)
        return Verdict("supported", score, *_in_source(evidence, sources))

    def read(self, statement: str, sources: Sequence[SourceText]) -> SourceReading | None:
        """Return how one statement is aligned with the texts of the sources, joined by line ends.

        Return None when the statement or the sources have no words.
        """
        source = self._source_text("\n".join(source.text for source in sources), statement)
        (claim,) = self._encode([statement])
        if not claim.words or source is None:
            return None
        context = frozenset(word.key for source in sources for word in words(source.context) if not word.number)
        return SourceReading(*align(claim, source, context))

    def _score(self, statement: str, whole: str, sources: Sequence[SourceText]) -> tuple[float, Span]:
        reading = self.read(statement, sources)
        if reading is None:
            return 0.0, (0, 0)
        score = support_probability(reading.features)
        start, end = reading.evidence
        if self._source(whole).lacks(statement) or contradicts(statement, whole[start:end]):
            score *= REFUTED_FACTOR
        return score, reading.evidence

    def _source(self, whole: str) -> _Source:
        return self._sources.values([whole], lambda texts: map(_read_source, texts))[0]

    def _source_text(self, whole: str, statement: str) -> Text | None:
        """Return a source with its vectors: of a long one, the passages that share most with the statement."""
        spans = self._source(whole).passages
        if len(spans) > READ_PASSAGES:
            spans = _nearest(whole, spans, statement)
        text = self._texts.get((whole, spans))
        if text is None:
            # The statement is encoded beside the passages, in the same batch, and is then in the cache.
            _, *encoded = self._encode([statement, *(whole[start:end] for start, end in spans)])
            parts = [(start, part) for (start, _), part in zip(spans, encoded, strict=True) if part.words]
            if not parts:
                return None
            text = joined(parts, whole)
            self._texts.put((whole, spans), text)
        return text

    def _encode(self, passages: Sequence[str]) -> list[Text]:
        return self._passages.values(passages, lambda new: map(text_of, new, self._encoder.encode_tokens(new)))


def sources_of(citations: Sequence[Citation]) -> list[SourceText]:
    """Return the cited spans as sources, with the context that their articles give."""
    return [
        SourceText(c.quote, " ".join(filter(None, (c.speaker, c.article.title, c.article.published))))
        for c in citations
    ]


def support_probability(features: AlignmentFeatures) -> float:
    """Return the probability, 0 to 1, that a sentence with these features is supported."""
    weights = read_weights("verifier")
    return sigmoid(weights[INTERCEPT] + sum(weights[name] * getattr(features, name) for name in ALIGNMENT_FEATURES))


def _read_source(text: str) -> _Source:
    passages = tuple((p.start, p.end) for p in split(Article(id="", path="", text=text)))
    return _Source(passages, quantities(text), folded(text))


def _nearest(whole: str, spans: Sequence[Span], statement: str) -> tuple[Span, ...]:
    """Return the passages that share most with a statement, in order; words that few of them have weigh more."""
    shared = [keys(statement) & keys(whole[start:end]) for start, end in spans]
    having = {key: sum(key in some for some in shared) for key in keys(statement)}
    weight = [sum(1 / having[key] for key in sorted(some)) for some in shared]
    best = sorted(range(len(spans)), key=lambda i: (-weight[i], i))[:READ_PASSAGES]
    return tuple(spans[i] for i in sorted(best))


def _in_source(evidence: Span, sources: Sequence[SourceText]) -> tuple[Span, int]:
    """Return the evidence in characters of the source that it begins in, and the index of that source."""
    start, end = evidence
    for number, source in enumerate(sources):
        if start < len(source.text):
            return (start, min(end, len(source.text))), number
        start, end = start - len(source.text) - 1, end - len(source.text) - 1
    raise AssertionError("the evidence is in the sources")
