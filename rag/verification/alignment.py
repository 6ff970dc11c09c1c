"""Aligns a sentence with a source: the features that tell whether the source supports the sentence, and the evidence.

Each word of the sentence is looked up in the source twice: as the same word, and as the word with the most similar
vector, in its context (greedy matching, after the precision of BERTScore, Zhang et al. 2020). Words alone do not say
who did what to whom. So words that are neighbours in the sentence are also looked up as neighbours in the source:
generated text is mostly wrong in which words it joins (Goyal & Durrett 2020, for the arcs of a parser).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from math import log10

import numpy as np
import numpy.typing as npt

from rag.models.base import Floats, Ints, TokenVectors, unit
from rag.text.quantities import Quantity, quantities
from rag.text.sentences import Span, sentences
from rag.text.tokens import Word, words

Bools = npt.NDArray[np.bool_]

NEAR_WORDS = 8  # words: the distance up to which two words of the source count as neighbours
# The similarity of a name with another name is multiplied by this: Ottawa is like Washington, but is not Washington.
NAME_TRUST = 0.6
CONTEXT_SUPPORT = 0.8  # the support of a name that only the title, the speaker or the date has
SECOND_SENTENCE_MIN = 0.03  # mean support that a second sentence must add to be part of the evidence
_STEP = re.compile(r"(?<=\s[.!?])\s+(?=\S)")  # sentence ends in text with a space before the mark


@dataclass(frozen=True, slots=True)
class AlignmentFeatures:
    """The features of one sentence aligned with one source. The *support* of a word is 0 to 1.

    Attributes:
        pairs: mean support of pairs of content words, at most one word apart in the sentence, that are near each other
            in the source; words that are rarer in the source weigh more.
        anywhere: share of the content words that the source has.
        names: 1 when the sentence has a name that neither the source nor its context has, else 0.
        size: log10 of the number of words in the source: a long source has more words by chance.
    """

    pairs: float
    anywhere: float
    names: float
    size: float

    def vector(self) -> Floats:
        """Return the features, (n,) float32, in the order of ALIGNMENT_FEATURES."""
        return np.array([getattr(self, f.name) for f in fields(self)], dtype=np.float32)


ALIGNMENT_FEATURES = tuple(f.name for f in fields(AlignmentFeatures))


@dataclass(frozen=True)
class Text:
    """A text with its words and their vectors.

    Attributes:
        text: the text itself.
        words: its w words.
        vectors: (w, d) float32, one of unit length for each word; zeros for a word that the encoder did not read.
        spans: start and end of each sentence, in characters.
    """

    text: str
    words: tuple[Word, ...]
    vectors: Floats
    spans: tuple[Span, ...]

    @cached_property
    def sentence_of(self) -> Ints:
        """The index of the sentence that each word is in, (w,) int64."""
        starts = [start for start, _ in self.spans]
        return np.array([bisect_right(starts, word.start) - 1 for word in self.words], dtype=np.int64)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The key of each word."""
        return tuple(word.key for word in self.words)

    @cached_property
    def names(self) -> frozenset[str]:
        """The keys of the content words that always have a capital letter."""
        capitalised = {word.key for word in self.words if word.content and word.capitalised}
        return frozenset(capitalised - {word.key for word in self.words if not word.capitalised})

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """The numbers of the text."""
        return quantities(self.text)

    def part(self, start: int, end: int) -> Text:
        """Return one sentence of the text as a text of its own."""
        inside = [i for i, word in enumerate(self.words) if start <= word.start and word.end <= end]
        moved = tuple(
            Word(w.start - start, w.end - start, w.key, w.capitalised, w.number, w.content)
            for w in (self.words[i] for i in inside)
        )
        return Text(self.text[start:end], moved, self.vectors[inside], ((0, end - start),))


def text_of(text: str, tokens: TokenVectors) -> Text:
    """Return a text with the vectors of its words, each made of those of its tokens."""
    own = tuple(words(text))
    owner = np.searchsorted([word.start for word in own], tokens.spans[:, 0], side="right") - 1
    sums = np.zeros((len(own), tokens.vectors.shape[1]), dtype=np.float32)
    inside = [i >= 0 and end <= own[i].end for i, end in zip(owner, tokens.spans[:, 1], strict=True)]
    np.add.at(sums, owner[inside], tokens.vectors[inside])
    return Text(text, own, unit(sums), tuple(sentences(text)))


def joined(texts: Sequence[tuple[int, Text]], whole: str) -> Text:
    """Return a text made of some of its parts.

    Args:
        texts: the character at which each part starts, and the part.
        whole: the text that the parts are from.
    """
    if len(texts) == 1 and texts[0][0] == 0 and texts[0][1].text == whole:
        return texts[0][1]
    moved = (
        Word(w.start + at, w.end + at, w.key, w.capitalised, w.number, w.content) for at, t in texts for w in t.words
    )
    spans = tuple((start + at, end + at) for at, t in texts for start, end in t.spans)
    return Text(whole, tuple(moved), np.concatenate([t.vectors for _, t in texts]), spans)


def statements(text: str) -> list[Span]:
    """Return start and end of each sentence that has words, also in tokenised text ("he left . she did not .")."""
    spans: list[Span] = []
    for start, end in sentences(text):
        steps = list(_STEP.finditer(text, start, end))
        spans += zip([start, *(step.end() for step in steps)], [*(step.start() for step in steps), end], strict=True)
    return [(start, end) for start, end in spans if any(map(str.isalnum, text[start:end]))]


def align(sentence: Text, source: Text, context: frozenset[str] = frozenset()) -> tuple[AlignmentFeatures, Span]:
    """Align a sentence with a source; both have at least one word.

    Args:
        sentence: the sentence that is checked.
        source: the text that may support it.
        context: keys of the names that only the context of the source has.

    Returns:
        The features, and the evidence as (start, end) in characters of the source: the sentence, or two neighbouring
        ones, with the best support.
    """
    support, exact = _support(sentence, source, context)
    content = np.array([word.content for word in sentence.words])
    if not content.any():
        content[:] = True
    content_support = support[content]
    features = AlignmentFeatures(
        pairs=_pairs(content_support, exact[content], source),
        anywhere=float((content_support.max(axis=1) >= CONTEXT_SUPPORT).mean()),
        names=_has_unknown_name(sentence, source, context),
        size=log10(len(source.words)),
    )
    return features, _evidence(support, source)


def _support(sentence: Text, source: Text, context: frozenset[str]) -> tuple[Floats, Bools]:
    """Return two arrays (words of the sentence, words of the source): the support, and which words are the same."""
    ids = {key: number for number, key in enumerate(dict.fromkeys(source.keys))}
    theirs = np.array([ids[key] for key in source.keys])
    exact = np.array([ids.get(key, -1) for key in sentence.keys])[:, None] == theirs[None, :]
    for i, word in enumerate(sentence.words):
        if word.number:
            exact[i] |= _same_number(word, sentence, source)
    similar = np.clip(sentence.vectors @ source.vectors.T, 0.0, 1.0)
    named = np.array([word.capitalised and word.start > 0 for word in sentence.words])
    names = np.array([key in source.names for key in source.keys])
    similar *= np.where(named[:, None] | names[None, :], NAME_TRUST, 1.0)
    similar[[word.number for word in sentence.words]] = 0.0
    support = np.where(exact, 1.0, similar).astype(np.float32)
    known = [word.capitalised and not word.number and word.key in context for word in sentence.words]
    support[known] = np.maximum(support[known], CONTEXT_SUPPORT)
    return support, exact


def _same_number(word: Word, sentence: Text, source: Text) -> Bools:
    """Return (words of the source,): which are part of a number of the same value."""
    mine = [q for q in sentence.quantities if q.start <= word.start and word.end <= q.end]
    spans = [(q.start, q.end) for q in source.quantities if any(q.same(m) for m in mine)]
    return np.array([any(a <= w.start and w.end <= b for a, b in spans) for w in source.words], dtype=bool)


def _evidence(support: Floats, source: Text) -> Span:
    count = len(source.spans)
    one = np.zeros((len(support), count), dtype=np.float32)
    held, starts = np.unique(source.sentence_of, return_index=True)
    one[:, held] = np.maximum.reduceat(support, starts, axis=1)
    gaps = [source.text[end:start] for (_, end), (start, _) in pairwise(source.spans)]
    follow = [i for i, gap in enumerate(gaps) if not gap.strip()]
    two = np.maximum(one[:, follow], one[:, [i + 1 for i in follow]])
    single, double = one.mean(axis=0), two.mean(axis=0) - SECOND_SENTENCE_MIN
    if len(double) and double.max() > single.max():
        first = follow[int(double.argmax())]
        return source.spans[first][0], source.spans[first + 1][1]
    return source.spans[int(single.argmax())]


def _pairs(support: Floats, exact: Bools, source: Text) -> float:
    """Return the feature `pairs`: whether neighbours in the sentence are neighbours in the source."""
    if len(support) == 1:
        return float(support.max())
    place = np.arange(len(source.words)) + NEAR_WORDS * source.sentence_of  # so that no window crosses a sentence end
    spread = np.zeros((len(support), int(place[-1]) + 1), dtype=np.float32)
    spread[:, place] = support
    near = spread.copy()
    for shift in range(1, min(NEAR_WORDS, spread.shape[1] - 1) + 1):
        np.maximum(near[:, shift:], spread[:, :-shift], out=near[:, shift:])
        np.maximum(near[:, :-shift], spread[:, shift:], out=near[:, :-shift])
    rarity = 1 / np.log2(2 + exact.sum(axis=1))
    gaps = (1, 2)[: len(support) - 1]
    pairs = np.concatenate([np.minimum(spread[:-gap], near[gap:]).max(axis=1) for gap in gaps])
    weights = np.concatenate([rarity[:-gap] + rarity[gap:] for gap in gaps])
    return float(pairs @ weights / weights.sum())


def _has_unknown_name(sentence: Text, source: Text, context: frozenset[str]) -> float:
    there = set(source.keys) | context
    named = (w.key for w in sentence.words if w.content and not w.number and w.capitalised and w.start > 0)
    return float(any(key not in there for key in named))
