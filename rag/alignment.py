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
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt

from rag.encode import Floats, Ints, TokenVectors, unit
from rag.quantities import Quantity, missing, quantities
from rag.split import Span, sentences
from rag.words import Word, stem, words

Bools = npt.NDArray[np.bool_]

NEAR = 8  # words: so far apart two words may stand in the source and still be said of each other
PHRASE = 6  # words: the same, in the order of the sentence
NAME_TRUST = 0.6  # of the similarity of a name with another one: Ottawa is like Washington, but is not it
CONTEXT_TRUST = 0.8  # what a name is worth that only the title, the speaker or the date gives
SECOND_SENTENCE = 0.03  # share of the words that a second sentence must add to be part of the evidence
WEAKEST = 5  # one in so many content words is among the weakest
MANY = 2  # missing numbers or negations beyond this count as this many
_NEGATION = frozenset(
    """not no never none nobody nothing neither nor without cannot deny denied denies refuse refused refuses fail failed
    fails lack lacks lacked unlikely impossible false""".split()
)
OPPOSITES = [
    pair.split("/", 1)
    for pair in """rise/fall increase/decrease increase/reduce gain/lose win/lose up/down more/less more/fewer
    higher/lower
    high/low above/below over/under before/after first/last open/close start/end begin/end accept/reject
    support/oppose allow/ban buy/sell arrive/leave alive/dead guilty/innocent male/female man/woman son/daughter
    father/mother brother/sister husband/wife north/south east/west left/right old/young good/bad better/worse
    best/worst success/failure true/false early/late import/export import/export agree/disagree pass/fail
    grow/shrink add/remove hire/fire enter/exit strong/weak large/small big/small long/short hot/cold
    raise/lower raise/cut increase/cut approve/reject confirm/deny praise/criticise praise/criticize""".split()
]
_STEP = re.compile(r"(?<=\s[.!?])\s+(?=\S)")  # sentence ends of text whose marks stand apart


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known of one sentence against one source; every sign is roughly within 0 to 1.

    The *evidence* is the sentence of the source, or the two next to each other, that support the words best.

    Attributes:
        meaning: mean over all words of the best support in the source.
        span: the same in the evidence.
        weakest: mean support, in the evidence, of the least supported fifth of the content words.
        exact: share of the content words that stand in the evidence.
        anywhere: share of the content words that stand in the source.
        pairs: mean support of neighbouring content words, and those one word further on, near each other in the
            source; words that it has less often weigh more.
        ordered: share of neighbouring content words that the source has near each other, in this order.
        together: share of neighbouring content words that the source has in one sentence.
        phrases: share of neighbouring words that are neighbours in the source.
        numbers: numbers that the evidence does not give, at most 2, / 2.
        names: share of the names that the source does not have.
        negation: one of sentence and evidence denies and the other does not.
        opposite: the evidence has the opposite of a word, and not the word.
        cosine: similarity of the mean vectors of sentence and evidence.
        length: words / 40, at most 1.5.
    """

    meaning: float
    span: float
    weakest: float
    exact: float
    anywhere: float
    pairs: float
    ordered: float
    together: float
    phrases: float
    numbers: float
    names: float
    negation: float
    opposite: float
    cosine: float
    length: float

    def vector(self) -> Floats:
        return np.array([getattr(self, f.name) for f in fields(self)], dtype=np.float32)


SIGN_NAMES = tuple(f.name for f in fields(Signs))


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


def align(sentence: Text, source: Text, context: frozenset[str] = frozenset()) -> tuple[Signs, Span]:
    """Compare a sentence with a source; both have at least one word.

    Args:
        context: keys of the names that stand around the source and not in it.

    Returns:
        The signs, and the evidence as (start, end) in characters of the source.
    """
    support, exact = _support(sentence, source, context)
    content = np.array([word.content for word in sentence.words])
    if not content.any():
        content[:] = True
    windows, best = _windows(support, source)
    chosen = int(np.argmax(best.mean(axis=0) - SECOND_SENTENCE * np.array([last > first for first, last in windows])))
    first, last = windows[chosen]
    span = source.spans[first][0], source.spans[last][1]
    inside = (source.sentence_of >= first) & (source.sentence_of <= last)
    evidence = frozenset(np.array(source.keys)[inside])
    in_span, in_source = best[content, chosen], support[content].max(axis=1)
    given = source.text[span[0] : span[1]]
    signs = Signs(
        meaning=float(support.max(axis=1).mean()),
        span=float(best[:, chosen].mean()),
        weakest=float(np.sort(in_span)[: max(1, len(in_span) // WEAKEST)].mean()),
        exact=float((in_span >= CONTEXT_TRUST).mean()),
        anywhere=float((in_source >= CONTEXT_TRUST).mean()),
        **_neighbours(support[content], exact[content], source),
        phrases=_phrases(sentence, source),
        numbers=min(MANY, len(missing(sentence.quantities, quantities(given)))) / MANY,
        names=_names(sentence, source, context),
        negation=float(_denies(sentence.text) != _denies(given)),
        opposite=float(_opposite(sentence.keys, evidence)),
        cosine=_cosine(sentence.vectors, source.vectors[inside]),
        length=min(1.5, len(sentence.words) / 40),
    )
    return signs, span


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


def _windows(support: Floats, source: Text) -> tuple[list[tuple[int, int]], Floats]:
    """Return the sentences of the source and the pairs that follow each other, as (first, last), and the best support
    (words of the sentence, windows) in each."""
    count = len(source.spans)
    one = np.zeros((len(support), count), dtype=np.float32)
    held, starts = np.unique(source.sentence_of, return_index=True)
    one[:, held] = np.maximum.reduceat(support, starts, axis=1)
    follow = [i for i in range(count - 1) if source.text[source.spans[i][1] : source.spans[i + 1][0]].strip() == ""]
    two = np.maximum(one[:, follow], one[:, [i + 1 for i in follow]])
    return [(i, i) for i in range(count)] + [(i, i + 1) for i in follow], np.concatenate([one, two], axis=1)


def _neighbours(support: Floats, exact: Bools, source: Text) -> dict[str, float]:
    """The signs that ask whether what stands together in the sentence stands together in the source."""
    if len(support) < 2:
        best = float(support.max())
        return {"pairs": best, "ordered": best, "together": best}
    place = np.arange(len(source.words)) + NEAR * source.sentence_of  # so that no window reaches over a sentence's end
    spread = np.zeros((len(support), int(place[-1]) + 1), dtype=np.float32)
    spread[:, place] = support
    same = np.zeros(spread.shape, dtype=bool)
    same[:, place] = exact | (support == CONTEXT_TRUST)
    near, after = spread.copy(), np.zeros_like(same)
    for shift in range(1, min(NEAR, spread.shape[1] - 1) + 1):
        np.maximum(near[:, shift:], spread[:, :-shift], out=near[:, shift:])
        np.maximum(near[:, :-shift], spread[:, shift:], out=near[:, :-shift])
        if shift <= PHRASE:
            after[:, :-shift] |= same[:, shift:]
    rarity = 1 / np.log2(2 + exact.sum(axis=1))
    gaps = (1, 2)[: len(support) - 1]
    pairs = np.concatenate([np.minimum(spread[:-gap], near[gap:]).max(axis=1) for gap in gaps])
    weights = np.concatenate([rarity[:-gap] + rarity[gap:] for gap in gaps])
    _, starts = np.unique(source.sentence_of, return_index=True)
    in_sentence = np.logical_or.reduceat(exact, starts, axis=1)
    return {
        "pairs": float(pairs @ weights / weights.sum()),
        "ordered": float((same[:-1] & after[1:]).any(axis=1).mean()),
        "together": float((in_sentence[:-1] & in_sentence[1:]).any(axis=1).mean()),
    }


def _phrases(sentence: Text, source: Text) -> float:
    said = list(zip(sentence.keys, sentence.keys[1:], strict=False))
    there = set(zip(source.keys, source.keys[1:], strict=False))
    return sum(pair in there for pair in said) / len(said) if said else float(sentence.keys[0] in source.keys)


def _names(sentence: Text, source: Text, context: frozenset[str]) -> float:
    there = set(source.keys) | context
    named = [w.key for w in sentence.words if w.content and not w.number and w.capitalised and w.start > 0]
    return sum(key not in there for key in named) / len(named) if named else 0.0


def _denies(text: str) -> bool:
    return any(word in _NEGATION or word.endswith("n't") for word in text.lower().replace("’", "'").split())


def _opposite(said: Sequence[str], given: frozenset[str]) -> bool:
    return any(
        (a in said and b in given and a not in given) or (b in said and a in given and b not in given)
        for a, b in _opposite_keys()
    )


@cache
def _opposite_keys() -> tuple[tuple[str, str], ...]:
    return tuple((stem(a), stem(b)) for a, b in OPPOSITES)


def _cosine(a: Floats, b: Floats) -> float:
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
    return float(mean_a @ mean_b / max(1e-9, float(np.linalg.norm(mean_a) * np.linalg.norm(mean_b))))
