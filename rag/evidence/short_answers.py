"""Find the short answer to a question in an evidence sentence: "over 75%", "November 1", "Dominic LeBlanc".

The candidates are the sequences of words that may be an answer. Their features include the answer reader's probability,
the answer type, the distance to the question's words, and the similarity to what is asked for ("which minister"). A
log-linear model over the candidates of one question weighs the features; `python -m eval fit` fits it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag.models.base import AnswerReader, AnswerSpans, Encoder, Floats, Ints, TokenVectors
from rag.models.linear import linear_model
from rag.query.analysis import AUXILIARY_VERBS, Query
from rag.query.answer_types import AnswerType
from rag.text.dates import DAY, MONTH
from rag.text.names import WORD_JOINS, add_to_spans, without_possessive
from rag.text.sentences import Span, trimmed
from rag.text.tokens import Word, keys, words
from rag.types import Evidence

# Only so many of the first evidence sentences are searched.
MAX_SENTENCES = 3
# A candidate that is no name and no phrase of a measure has at most so many words.
MAX_CANDIDATE_WORDS = 7
# The support of a question word falls by the factor e with so many words of distance.
DECAY_WORDS = 4.0
# Cosine similarity from which a word of the sentence supports a word of the question.
MIN_SIMILARITY = 0.6
# A word in lower case with so many letters, or more, that ends in "ed" or "ing" looks like a verb.
MIN_VERB_CHARS = 5
# An answer on the expected side of the question's words gets the full feature from so many words of distance.
FULL_SIDE_WORDS = 5
# The smallest divisor of a vector's length, for vectors of zeros.
EPSILON = 1e-9
# An answer opens with its short answer from this probability: that of the short answer times the confidence.
SHOW_FROM = 0.6
# Answer types that may open with a short answer.
SHOWN_TYPES: frozenset[AnswerType] = frozenset(
    {"who", "when", "where", "count", "percent", "money", "age", "duration", "what"}
)
# Answer types whose answer is a whole phrase of a measure or a date.
MEASURE_TYPES: frozenset[AnswerType] = frozenset({"when", "count", "percent", "money", "age", "duration"})

# A candidate does not contain these marks.
_BREAK = re.compile(r"[.;:()\[\]“”\"—?!*]|--| [–-] ")
# What a preposition of place before a candidate counts for.
_PLACE_SIGNS: dict[AnswerType, int] = {"where": 1, "who": -1}
_NUMBER = re.compile(rf"\d|\b(?:{MONTH}|{DAY})\b")
# Content words that are no part of an answer.
_OPENERS = frozenset(
    """although however among along despite instead meanwhile since though besides unlike rather similarly conversely
    usually often today later eventually also according thus therefore hence even another other others many several
    various similar certain such""".split()
)
_PLACE_BEFORE = re.compile(r"\b(?:in|at|to|from|near|outside|inside|across|on|into|of|over)(?: the)? $", re.IGNORECASE)
_LONG_NAME_JOINS = WORD_JOINS | {"’s ", "'s ", " of ", " of the ", " de ", " van ", " von ", " & ", " for the "}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sequence of words in an evidence sentence that may be an answer.

    Attributes:
        evidence: the sentence.
        start: its first character in the article's text.
        end: the character after its last one.
    """

    evidence: Evidence
    start: int
    end: int

    @property
    def text(self) -> str:
        """The characters from `start` to `end` of the article."""
        return self.evidence.article.text[self.start : self.end]


# The features of a candidate; each is roughly within -1 to 1.
CANDIDATE_FEATURES = (
    "name",  # it is a whole name
    "place",  # "in", "at", "to", "from", … comes before it: 1 for the answer type "where", -1 for "who"
    "number",  # it contains a number, a month or a weekday, and the answer type is no measure
    "asked",  # the share of its content words that the question has
    "near",  # the mean support of the question's words in the sentence, which falls with the distance from it
    "like_wanted",  # the similarity of its vector to that of what is asked for ("which minister")
    "like_question",  # the similarity of its vector to that of the whole question
    "head",  # 1 when it ends in the noun asked for ("what pathway": "the RNA pathway"), 0.5 when that is next to it
    "side",  # 1 on the side of the question's words where the answer is expected, -1 on the other
    "opens",  # before it is a mark, a function word, a verb or the beginning of the sentence
    "closes",  # after it is a mark, a function word, a verb or the end of the sentence
    "verb",  # it contains a word that looks like a verb
    "words",  # its number of words / 10
    "sentence",  # the score of its sentence
    "read",  # the answer reader's log probability that it is the answer if its sentence has one / 10
    "absent",  # the answer reader's log probability that its sentence has no answer / 10
)


def candidates(
    query: Query, evidence: Sequence[Evidence], encoder: Encoder, answer_reader: AnswerReader
) -> tuple[list[Candidate], Floats]:
    """Return the candidates in the first sentences of the evidence, and their features.

    When the answer type is a measure, only whole phrases of the measure are candidates.

    Returns:
        The n candidates, and their features: (n, len(CANDIDATE_FEATURES)) float32.
    """
    sentences = evidence[:MAX_SENTENCES]
    texts = [one.text for one in sentences]
    asked, *tokens = encoder.encode_tokens([query.text, *texts])
    found: list[Candidate] = []
    features = [np.zeros((0, len(CANDIDATE_FEATURES)), dtype=np.float32)]
    for one, vectors, places in zip(sentences, tokens, answer_reader.read(query.text, texts), strict=True):
        sentence = _Sentence(query, one, asked, vectors, places)
        spans = sentence.candidates()
        if query.answer_type in MEASURE_TYPES:
            spans = [span for span in spans if span in sentence.phrases]
        if spans:
            features.append(sentence.features(spans))
        for start, end in spans:
            length = len(without_possessive(one.text[start:end]))
            found.append(Candidate(one, one.start + start, one.start + start + length))
    return found, np.vstack(features)


@dataclass(frozen=True, slots=True)
class ShortAnswer:
    """The best candidate of a question.

    Attributes:
        candidate: the words that answer.
        share: the probability of its words among all candidates, 0 to 1.
        score: the weighted sum of its features.
    """

    candidate: Candidate
    share: float
    score: float

    @property
    def text(self) -> str:
        """The line that opens an answer: "Over 75%."."""
        line = " ".join(self.candidate.text.split())
        return line[0].upper() + line[1:] + ("" if line.endswith(".") else ".")


def shows_short_answer(query: Query, probability: float) -> bool:
    """Return whether an answer opens with a short answer of this probability; a wrong one is worse than none."""
    return query.answer_type in SHOWN_TYPES and probability >= SHOW_FROM


def find_short_answer(
    query: Query, evidence: Sequence[Evidence], encoder: Encoder, answer_reader: AnswerReader
) -> ShortAnswer | None:
    """Return the most likely short answer in the evidence; None when there is no candidate."""
    found, features = candidates(query, evidence, encoder, answer_reader)
    return _best(found, features @ linear_model("evidence/short", CANDIDATE_FEATURES).weights)


def _best(found: Sequence[Candidate], scores: Floats) -> ShortAnswer | None:
    """Return the candidate of the highest score; candidates that contain its words add to its probability."""
    if not found:
        return None
    powers = np.exp(scores - scores.max())
    first = int(np.argmax(scores))
    wording = keys(found[first].text)
    same = np.array([bool(wording) and wording <= keys(candidate.text) for candidate in found])
    same[first] = True
    return ShortAnswer(found[first], float(powers[same].sum() / powers.sum()), float(scores[first]))


class _Sentence:
    """One evidence sentence, prepared to find and score its candidates."""

    def __init__(
        self, query: Query, evidence: Evidence, asked: TokenVectors, tokens: TokenVectors, places: AnswerSpans
    ) -> None:
        self.query, self.evidence, self.text, self.places = query, evidence, evidence.text, places
        self.words = words(self.text)
        wanted = query.target
        self.wanted = _mean(asked, *wanted)
        self.asked = _mean(asked, 0, len(query.text))
        self.vectors = np.array([_mean(tokens, w.start, w.end) for w in self.words], dtype=np.float32)
        self.question_keys = keys(query.text)
        terms = [t for t in query.terms if not wanted[0] <= t.start < wanted[1]] or list(query.terms)
        self.support = self._support(terms, asked)
        opening = self.words[:1] and not _opens_with_name(self.text, self.words, evidence.article.text)
        self.names = set(names(self.text, self.words[1:] if opening else self.words))
        self.phrases = {trimmed(self.text, *span) for span in query.answer_phrases(self.text)}

    def _support(self, terms: Sequence[Word], asked: TokenVectors) -> Floats:
        """Return (terms, words) float32: how well each word of the sentence supports each term, 1 for the same word."""
        if not terms or not self.words:
            return np.zeros((1, len(self.words)), dtype=np.float32)
        similarity = np.array([_mean(asked, t.start, t.end) for t in terms], dtype=np.float32) @ self.vectors.T
        similarity[(similarity < MIN_SIMILARITY) | ~np.array([w.content for w in self.words])] = 0
        same = np.array([[t.key == w.key for w in self.words] for t in terms])
        support: Floats = np.where(same, np.float32(1), similarity).astype(np.float32)
        return support

    def candidates(self) -> list[Span]:
        """Return the spans of the candidates: phrases of a measure, names, and other words in a row."""
        found = dict.fromkeys([*sorted(self.phrases), *sorted(self.names)])
        for first, word in enumerate(self.words):
            for last in self.words[first : first + MAX_CANDIDATE_WORDS] if self._carries(word) else ():
                if _BREAK.search(self.text, word.start, last.end):
                    break
                if self._carries(last):
                    found.setdefault((word.start, last.end))
        return [(a, b) for a, b in found if any(a <= w.start < b for w in self.words)]

    def features(self, spans: Sequence[Span]) -> Floats:
        """Return the features of n spans: (n, len(CANDIDATE_FEATURES)) float32."""
        starts, ends = np.array([w.start for w in self.words]), np.array([w.end for w in self.words])
        first = np.array([int(np.searchsorted(ends, a, side="right")) for a, _ in spans])
        last = np.array([int(np.searchsorted(starts, b, side="left")) - 1 for _, b in spans])
        last = np.maximum(first, last)
        vectors = _means_of(self.vectors, first, last)
        answer_type = self.query.answer_type
        columns = {
            "name": [span in self.names for span in spans],
            "place": [_PLACE_SIGNS.get(answer_type, 0) * bool(_PLACE_BEFORE.search(self.text[:a])) for a, _ in spans],
            "number": [answer_type not in MEASURE_TYPES and bool(_NUMBER.search(self.text, a, b)) for a, b in spans],
            "asked": [self._asked(a, b) for a, b in zip(first, last, strict=True)],
            "near": self._nearness(first, last).mean(axis=1),
            "like_wanted": vectors @ self.wanted,
            "like_question": vectors @ self.asked,
            "head": [self._head(a, b) for a, b in zip(first, last, strict=True)],
            "side": self._side((first + last) / 2),
            "opens": [
                self._bound(n - 1) or self.text[a - 1 : a] != " " for n, (a, _) in zip(first, spans, strict=True)
            ],
            "closes": [
                self._bound(n + 1) or self.text[b : b + 1] != " " for n, (_, b) in zip(last, spans, strict=True)
            ],
            "verb": [any(map(self._like_verb, self.words[a : b + 1])) for a, b in zip(first, last, strict=True)],
            "words": (last - first + 1) / 10,
            "sentence": np.full(len(spans), self.evidence.score),
            "read": self.places.scores(np.array([a for a, _ in spans]), np.array([b for _, b in spans])) / 10,
            "absent": np.full(len(spans), self.places.absent / 10),
        }
        return np.stack([np.asarray(columns[name], dtype=np.float32) for name in CANDIDATE_FEATURES], axis=1)

    def _nearness(self, first: Ints, last: Ints) -> Floats:
        """Return (n, terms) float32: the support of each term outside the candidate, which falls with the distance."""
        positions = np.arange(len(self.words))
        distance = np.maximum(first[:, None] - positions, positions - last[:, None])  # (n, words), 1 and up outside
        decay = np.where(distance > 0, np.exp(-distance / DECAY_WORDS), 0)
        near: Floats = (decay[:, None, :] * self.support).max(axis=2).astype(np.float32)
        return near

    def _asked(self, first: int, last: int) -> float:
        row = [w for w in self.words[first : last + 1] if w.content] or self.words[first : last + 1]
        return sum(w.key in self.question_keys for w in row) / max(1, len(row))

    def _head(self, first: int, last: int) -> float:
        if self.words[last].key == self.query.target_head:
            return 1.0
        beside = [self.words[n].key for n in (first - 1, last + 1) if 0 <= n < len(self.words)]
        return 0.5 if self.query.target_head in beside else 0.0

    def _side(self, middle: Floats) -> Floats:
        """Return (n,) float32: 1 on the expected side of the question's words, -1 on the other.

        "Who leads the union" expects the answer before its words, "whom did the union choose" after them.
        """
        _best = self.support.max(axis=0)
        if not self.query.answer_side or not _best.sum():
            return np.zeros(len(middle), dtype=np.float32)
        centre = float(_best @ np.arange(len(_best)) / _best.sum())
        side: Floats = (self.query.answer_side * np.clip((middle - centre) / FULL_SIDE_WORDS, -1, 1)).astype(np.float32)
        return side

    def _carries(self, word: Word) -> bool:
        return word.content and self.text[word.start : word.end].lower() not in _OPENERS

    def _bound(self, index: int) -> bool:
        if not 0 <= index < len(self.words):
            return True
        return not self._carries(self.words[index]) or self._like_verb(self.words[index])

    def _like_verb(self, word: Word) -> bool:
        raw = self.text[word.start : word.end]
        return raw in AUXILIARY_VERBS or (
            raw[0].islower() and len(raw) >= MIN_VERB_CHARS and raw.endswith(("ed", "ing"))
        )


def names(text: str, row: Sequence[Word]) -> list[Span]:
    """Return the spans of names, and of names joined by "of" and the like; a name may end in a number."""
    short: list[Span] = []
    joined: list[Span] = []
    for word in row:
        if (word.capitalised and word.content) or (word.number and short and short[-1][1] == word.start - 1):
            add_to_spans(short, word, text, WORD_JOINS)
            add_to_spans(joined, word, text, _LONG_NAME_JOINS)
    return list(dict.fromkeys(short + joined))


def _opens_with_name(sentence: str, row: Sequence[Word], text: str) -> bool:
    """Return whether the first word is part of a name: the next word is capitalised, or it is so inside a sentence."""
    first = sentence[row[0].start : row[0].end]
    if len(row) > 1 and row[1].capitalised and row[1].content and sentence[row[0].end : row[1].start] == " ":
        return True
    return bool(re.search(rf"[\w,] {re.escape(first)}\b", text))


def _mean(tokens: TokenVectors, start: int, end: int) -> Floats:
    """Return the mean of the token vectors within a span, scaled to unit length; zeros when there are none."""
    inside = (tokens.spans[:, 0] >= start) & (tokens.spans[:, 1] <= end)
    total = tokens.vectors[inside].sum(axis=0)
    unit: Floats = total / max(float(np.linalg.norm(total)), EPSILON)
    return unit


def _means_of(vectors: Floats, first: Ints, last: Ints) -> Floats:
    """Return (n, d): the means of (words, d) vectors from word `first` to word `last`, (n,) each, at unit length."""
    sums = np.vstack([np.zeros((1, vectors.shape[1]), dtype=np.float32), np.cumsum(vectors, axis=0)])
    totals = sums[last + 1] - sums[first]
    means: Floats = totals / np.maximum(np.linalg.norm(totals, axis=1, keepdims=True), EPSILON)
    return means
