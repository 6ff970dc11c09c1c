"""How the words of a sentence stand in a source: the signs that tell a sentence which the source carries from others.

Each word of the sentence is looked for in the source twice: as the same word, and as the word whose vector, in its
context, is the most similar (greedy matching, after BERTScore's precision, Zhang et al. 2020). Words alone do not tell
who did what to whom, so that words which stand together in the sentence are also looked for together in the source:
what generated text gets wrong is mostly which words it joins (Goyal & Durrett 2020, who ask it of a parser's arcs).
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

NEAR = 8  # words: so far apart two words may stand in the source and still be said of each other
NAME_TRUST = 0.6  # of the similarity of a name with another one: Ottawa is like Washington, but is not it
CONTEXT_TRUST = 0.8  # what a name is worth that only the title, the speaker or the date gives
SECOND_SENTENCE = 0.03  # share of the words that a second sentence must add to be part of the evidence
_STEP = re.compile(r"(?<=\s[.!?])\s+(?=\S)")  # sentence ends of text whose marks stand apart


@dataclass(frozen=True, slots=True)
class AlignmentFeatures:
    """What is known of one sentence against one source; a word's *support* is 0 to 1.

    Attributes:
        pairs: mean support of neighbouring content words, and those one word further on, near each other in the
            source; words that it has less often weigh more.
        anywhere: share of the content words that stand in the source.
        names: 1 when the sentence has a name that neither the source nor its context has.
        size: log10 of the words of the source: in a long one more is found by chance.
    """

    pairs: float
    anywhere: float
    names: float
    size: float

    def vector(self) -> Floats:
        return np.array([getattr(self, f.name) for f in fields(self)], dtype=np.float32)


ALIGNMENT_FEATURES = tuple(f.name for f in fields(AlignmentFeatures))


@dataclass(frozen=True)
class Text:
    """A text with its words and their vectors.

    Attributes:
        vectors: (w, d) float32, one of unit length for each word, zeros where the encoder saw nothing of it.
        spans: its sentences.
    """

    text: str
    words: tuple[Word, ...]
    vectors: Floats
    spans: tuple[Span, ...]

    @cached_property
    def sentence_of(self) -> Ints:
        """(w,) index of the sentence that each word is in."""
        starts = [start for start, _ in self.spans]
        return np.array([bisect_right(starts, word.start) - 1 for word in self.words], dtype=np.int64)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        return tuple(word.key for word in self.words)

    @cached_property
    def names(self) -> frozenset[str]:
        """Keys of the content words that are always written with a capital."""
        big = {word.key for word in self.words if word.content and word.capitalised}
        return frozenset(big - {word.key for word in self.words if not word.capitalised})

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        return quantities(self.text)

    def part(self, start: int, end: int) -> Text:
        """One sentence of the text, by itself."""
        inside = [i for i, word in enumerate(self.words) if start <= word.start and word.end <= end]
        moved = tuple(
            Word(w.start - start, w.end - start, w.key, w.capitalised, w.number, w.content)
            for w in (self.words[i] for i in inside)
        )
        return Text(self.text[start:end], moved, self.vectors[inside], ((0, end - start),))


def text_of(text: str, tokens: TokenVectors) -> Text:
    """Put a text and the vectors of its tokens together."""
    found = tuple(words(text))
    owner = np.searchsorted([word.start for word in found], tokens.spans[:, 0], side="right") - 1
    sums = np.zeros((len(found), tokens.vectors.shape[1]), dtype=np.float32)
    inside = [i >= 0 and end <= found[i].end for i, end in zip(owner, tokens.spans[:, 1], strict=True)]
    np.add.at(sums, owner[inside], tokens.vectors[inside])
    return Text(text, found, unit(sums), tuple(sentences(text)))


def joined(texts: Sequence[tuple[int, Text]], whole: str) -> Text:
    """Parts of one text, each with where it starts, as they stand in it."""
    if len(texts) == 1 and texts[0][0] == 0 and texts[0][1].text == whole:
        return texts[0][1]
    moved = (
        Word(w.start + at, w.end + at, w.key, w.capitalised, w.number, w.content) for at, t in texts for w in t.words
    )
    spans = tuple((start + at, end + at) for at, t in texts for start, end in t.spans)
    return Text(whole, tuple(moved), np.concatenate([t.vectors for _, t in texts]), spans)


def statements(text: str) -> list[Span]:
    """The sentences of a text that is to be checked, those of tokenised text ("he left . she did not .") too."""
    found: list[Span] = []
    for start, end in sentences(text):
        for match in _STEP.finditer(text, start, end):
            found.append((start, match.start()))
            start = match.end()
        found.append((start, end))
    return [(start, end) for start, end in found if any(map(str.isalnum, text[start:end]))]


def align(sentence: Text, source: Text, context: frozenset[str] = frozenset()) -> tuple[AlignmentFeatures, Span]:
    """Compare a sentence with a source; both have at least one word.

    Args:
        context: keys of the names that stand around the source and not in it.

    Returns:
        The signs, and the evidence as (start, end) in characters of the source: the sentence, or the two next to each
        other, that support the words best.
    """
    support, exact = _support(sentence, source, context)
    content = np.array([word.content for word in sentence.words])
    if not content.any():
        content[:] = True
    held = support[content]
    signs = AlignmentFeatures(
        pairs=_pairs(held, exact[content], source),
        anywhere=float((held.max(axis=1) >= CONTEXT_TRUST).mean()),
        names=_unheard(sentence, source, context),
        size=log10(len(source.words)),
    )
    return signs, _evidence(support, source)


def _support(sentence: Text, source: Text, context: frozenset[str]) -> tuple[Floats, Bools]:
    """Return two (words of the sentence, words of the source): how well each supports each, and which are the same."""
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
    support[known] = np.maximum(support[known], CONTEXT_TRUST)
    return support, exact


def _same_number(word: Word, sentence: Text, source: Text) -> Bools:
    """(words of the source,): which are part of a number of the same value."""
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
    single, double = one.mean(axis=0), two.mean(axis=0) - SECOND_SENTENCE
    if len(double) and double.max() > single.max():
        first = follow[int(double.argmax())]
        return source.spans[first][0], source.spans[first + 1][1]
    return source.spans[int(single.argmax())]


def _pairs(support: Floats, exact: Bools, source: Text) -> float:
    """The sign that asks whether what stands together in the sentence stands together in the source."""
    if len(support) < 2:
        return float(support.max())
    place = np.arange(len(source.words)) + NEAR * source.sentence_of  # so that no window reaches over a sentence's end
    spread = np.zeros((len(support), int(place[-1]) + 1), dtype=np.float32)
    spread[:, place] = support
    near = spread.copy()
    for shift in range(1, min(NEAR, spread.shape[1] - 1) + 1):
        np.maximum(near[:, shift:], spread[:, :-shift], out=near[:, shift:])
        np.maximum(near[:, :-shift], spread[:, shift:], out=near[:, :-shift])
    rarity = 1 / np.log2(2 + exact.sum(axis=1))
    gaps = (1, 2)[: len(support) - 1]
    pairs = np.concatenate([np.minimum(spread[:-gap], near[gap:]).max(axis=1) for gap in gaps])
    weights = np.concatenate([rarity[:-gap] + rarity[gap:] for gap in gaps])
    return float(pairs @ weights / weights.sum())


def _unheard(sentence: Text, source: Text, context: frozenset[str]) -> float:
    there = set(source.keys) | context
    named = (w.key for w in sentence.words if w.content and not w.number and w.capitalised and w.start > 0)
    return float(any(key not in there for key in named))
