"""The shortest words of an evidence sentence that answer a question: "over 75%", "November 1", "Dominic LeBlanc".

Every run of words that may be an answer is scored by a few features: what the span reader says of it, the kind of thing
asked for, the distance to the question's words, the likeness to what the question asks *for* ("which minister"). The
features are weighed by a log-linear model over the runs of one question (`eval/fit.py`).
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

MAX_SENTENCES = 3  # of the best evidence: an answer is looked for in these
MAX_CANDIDATE_WORDS = 7  # of an answer that is no name and no phrase of a measure
DECAY_WORDS = 4.0  # words: how quickly a question word counts less with distance
MIN_SIMILARITY = 0.6  # similarity from which a word of the sentence stands for one of the question
# Share * confidence from which a short answer leads: both are probabilities, and both must hold.
SHOW_FROM = 0.6
SHOWN_TYPES: frozenset[AnswerType] = frozenset(
    {"who", "when", "where", "count", "percent", "money", "age", "duration", "what"}
)
MEASURE_TYPES: frozenset[AnswerType] = frozenset({"when", "count", "percent", "money", "age", "duration"})

_APART = re.compile(r"[.;:()\[\]“”\"—?!*]|--| [–-] ")  # an answer does not reach over these
_PLACES: dict[AnswerType, int] = {"where": 1, "who": -1}
_NUMBER = re.compile(rf"\d|\b(?:{MONTH}|{DAY})\b")
_OPENERS = frozenset(
    """although however among along despite instead meanwhile since though besides unlike rather similarly conversely
    usually often today later eventually also according thus therefore hence even another other others many several
    various similar certain such""".split()
)
_PLACED = re.compile(r"\b(?:in|at|to|from|near|outside|inside|across|on|into|of|over)(?: the)? $", re.IGNORECASE)
_LONG_NAME_JOINS = WORD_JOINS | {"’s ", "'s ", " of ", " of the ", " de ", " van ", " von ", " & ", " for the "}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run of words of an evidence sentence that may be an answer: characters `start` to `end` of its article."""

    evidence: Evidence
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.evidence.article.text[self.start : self.end]


# What is known of one run; every sign is roughly within -1 to 1.
CANDIDATE_FEATURES = (
    "name",  # it is a whole run of capitalised words
    "place",  # "in", "at", "to", "from", … stands before it: 1 where the question asks where, -1 where it asks who
    "number",  # it holds a number or a month, and no measure is asked for
    "asked",  # share of its content words that the question has
    "near",  # mean over the question's words of their support in the sentence, less with the distance from the run
    "like_wanted",  # similarity of its vector with that of what is asked for ("which minister")
    "like_question",  # the same with the whole question's
    "head",  # it ends in the word asked for ("what pathway": "the RNA interference pathway"); half: that is next to it
    "side",  # 1 on the side of the question's words where its form wants the answer, -1 on the other
    "opens",  # a mark, a little word, a verb or the sentence's beginning stands before it
    "closes",  # the same after it
    "verb",  # it holds a word in lower case that looks like a verb
    "words",  # their number / 10
    "sentence",  # the score of its sentence
    "read",  # the log probability, by the span reader, that it is the answer if its sentence answers / 10
    "absent",  # the same that its sentence does not / 10
)


def candidates(
    question: Query, evidence: Sequence[Evidence], encoder: Encoder, answer_reader: AnswerReader
) -> tuple[list[Candidate], Floats]:
    """Judge every run of words that may answer the question, in the first sentences of the evidence.

    Returns:
        The n runs, and their features: (n, len(SIGN_NAMES)) float32. Where a measure is asked for, only whole phrases of
        it.
    """
    sentences = evidence[:MAX_SENTENCES]
    texts = [e.text for e in sentences]
    asked, *tokens = encoder.encode_tokens([question.text, *texts])
    found: list[Candidate] = []
    measures: list[bool] = []  # whether each is a whole phrase of the measure asked for
    features = [np.zeros((0, len(CANDIDATE_FEATURES)), dtype=np.float32)]
    for one, vectors, places in zip(sentences, tokens, answer_reader.read(question.text, texts), strict=True):
        sentence = _Sentence(question, one, asked, vectors, places)
        spans = sentence.candidates()
        found += [
            Candidate(one, one.start + a, one.start + a + len(without_possessive(one.text[a:b]))) for a, b in spans
        ]
        if spans:
            features.append(sentence.features(spans))
            measures += [span in sentence.phrases for span in spans]
    table = np.vstack(features)
    if question.answer_type not in MEASURE_TYPES:
        return found, table
    whole = np.array(measures, dtype=bool)
    return [run for run, keep in zip(found, whole, strict=True) if keep], table[whole]


@dataclass(frozen=True, slots=True)
class ShortAnswer:
    """A short answer.

    Attributes:
        share: what the run's wording gets of 1 among all that were found, 0 to 1.
        score: what the run's features add up to, before it is compared with the others'.
    """

    candidate: Candidate
    share: float
    score: float

    @property
    def text(self) -> str:
        """As it leads an answer: "Over 75%."."""
        line = " ".join(self.candidate.text.split())
        return line[0].upper() + line[1:] + ("" if line.endswith(".") else ".")


def leading(question: Query, short: ShortAnswer | None, confidence: float) -> ShortAnswer | None:
    """The short answer when it is sure enough to lead, and the question wants one: a wrong lead is worse than none."""
    return short if short and shows_short_answer(question, short.share * confidence) else None


def shows_short_answer(question: Query, sure: float) -> bool:
    """Whether a short answer that is so sure leads; with the confidence alone: whether any could."""
    return question.answer_type in SHOWN_TYPES and sure >= SHOW_FROM


def find_short_answer(
    question: Query, evidence: Sequence[Evidence], encoder: Encoder, answer_reader: AnswerReader
) -> ShortAnswer | None:
    """The most likely short answer in the evidence; None when there is nothing to choose from."""
    found, features = candidates(question, evidence, encoder, answer_reader)
    return _best(found, features @ linear_model("evidence/short", CANDIDATE_FEATURES).weights)


def _best(found: Sequence[Candidate], scores: Floats) -> ShortAnswer | None:
    """The run of the highest score; the same words at another place, and longer ones around them, speak for it."""
    if not found:
        return None
    powers = np.exp(scores - scores.max())
    first = int(np.argmax(scores))
    wording = keys(found[first].text)
    same = np.array([bool(wording) and wording <= keys(run.text) for run in found])
    same[first] = True
    return ShortAnswer(found[first], float(powers[same].sum() / powers.sum()), float(scores[first]))


class _Sentence:
    """One evidence sentence, prepared to score its runs of words."""

    def __init__(
        self, question: Query, evidence: Evidence, asked: TokenVectors, tokens: TokenVectors, places: AnswerSpans
    ) -> None:
        self.question, self.evidence, self.text, self.places = question, evidence, evidence.text, places
        self.words = words(self.text)
        wanted = question.target
        self.wanted = _mean(asked, *wanted)
        self.asked = _mean(asked, 0, len(question.text))
        self.vectors = np.array([_mean(tokens, w.start, w.end) for w in self.words], dtype=np.float32)
        self.question_keys = {w.key for w in words(question.text) if w.content}
        terms = [t for t in question.terms if not wanted[0] <= t.start < wanted[1]] or list(question.terms)
        self.support = self._support(terms, asked)
        opening = self.words[:1] and not _opens_with_name(self.text, self.words, evidence.article.text)
        self.names = set(names(self.text, self.words[1:] if opening else self.words))
        self.phrases = {trimmed(self.text, *span) for span in question.answer_phrases(self.text)}

    def _support(self, terms: Sequence[Word], asked: TokenVectors) -> Floats:
        """(terms, words) how well each word of the sentence stands for each term: 1 for the same word."""
        if not terms or not self.words:
            return np.zeros((1, len(self.words)), dtype=np.float32)
        similarity = np.array([_mean(asked, t.start, t.end) for t in terms], dtype=np.float32) @ self.vectors.T
        similarity[(similarity < MIN_SIMILARITY) | ~np.array([w.content for w in self.words])] = 0
        same = np.array([[t.key == w.key for w in self.words] for t in terms])
        support: Floats = np.where(same, np.float32(1), similarity).astype(np.float32)
        return support

    def candidates(self) -> list[Span]:
        """Spans in the sentence: phrases of the measure asked for, names, and plain runs between marks."""
        found = dict.fromkeys([*sorted(self.phrases), *sorted(self.names)])
        for first, word in enumerate(self.words):
            for last in self.words[first : first + MAX_CANDIDATE_WORDS] if self._carries(word) else ():
                if _APART.search(self.text, word.start, last.end):
                    break
                if self._carries(last):
                    found.setdefault((word.start, last.end))
        return [(a, b) for a, b in found if any(a <= w.start < b for w in self.words)]

    def features(self, spans: Sequence[Span]) -> Floats:
        """Return (n, len(SIGN_NAMES)) for the n spans."""
        starts, ends = np.array([w.start for w in self.words]), np.array([w.end for w in self.words])
        first = np.array([int(np.searchsorted(ends, a, side="right")) for a, _ in spans])
        last = np.array([int(np.searchsorted(starts, b, side="left")) - 1 for _, b in spans])
        last = np.maximum(first, last)
        vectors = _runs_of(self.vectors, first, last)
        kind = self.question.answer_type
        columns = {
            "name": [span in self.names for span in spans],
            "place": [_PLACES.get(kind, 0) * bool(_PLACED.search(self.text[:a])) for a, _ in spans],
            "number": [kind not in MEASURE_TYPES and bool(_NUMBER.search(self.text, a, b)) for a, b in spans],
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
        return np.stack([np.asarray(columns[sign], dtype=np.float32) for sign in CANDIDATE_FEATURES], axis=1)

    def _nearness(self, first: Ints, last: Ints) -> Floats:
        """(n, terms) the support of each term outside the run, less with its distance from it."""
        positions = np.arange(len(self.words))
        distance = np.maximum(first[:, None] - positions, positions - last[:, None])  # (n, words), 1 and up outside
        decay = np.where(distance > 0, np.exp(-distance / DECAY_WORDS), 0)
        near: Floats = (decay[:, None, :] * self.support).max(axis=2).astype(np.float32)
        return near

    def _asked(self, first: int, last: int) -> float:
        row = [w for w in self.words[first : last + 1] if w.content] or self.words[first : last + 1]
        return sum(w.key in self.question_keys for w in row) / max(1, len(row))

    def _head(self, first: int, last: int) -> float:
        if self.words[last].key == self.question.target_head:
            return 1.0
        beside = [self.words[n].key for n in (first - 1, last + 1) if 0 <= n < len(self.words)]
        return 0.5 if self.question.target_head in beside else 0.0

    def _side(self, middle: Floats) -> Floats:
        """Before the words of "who leads the union", after those of "whom did the union choose"."""
        _best = self.support.max(axis=0)
        if not self.question.answer_side or not _best.sum():
            return np.zeros(len(middle), dtype=np.float32)
        centre = float(_best @ np.arange(len(_best)) / _best.sum())
        side: Floats = (self.question.answer_side * np.clip((middle - centre) / 5, -1, 1)).astype(np.float32)
        return side

    def _carries(self, word: Word) -> bool:
        return word.content and self.text[word.start : word.end].lower() not in _OPENERS

    def _bound(self, index: int) -> bool:
        if not 0 <= index < len(self.words):
            return True
        return not self._carries(self.words[index]) or self._like_verb(self.words[index])

    def _like_verb(self, word: Word) -> bool:
        raw = self.text[word.start : word.end]
        return raw in AUXILIARY_VERBS or (raw[0].islower() and len(raw) > 4 and raw.endswith(("ed", "ing")))


def names(text: str, row: Sequence[Word]) -> list[Span]:
    """Return the spans of capitalised runs, and of such runs joined by "of" and the like; a number may end one."""
    short: list[Span] = []
    joined: list[Span] = []
    for word in row:
        if (word.capitalised and word.content) or (word.number and short and short[-1][1] == word.start - 1):
            add_to_spans(short, word, text, WORD_JOINS)
            add_to_spans(joined, word, text, _LONG_NAME_JOINS)
    return list(dict.fromkeys(short + joined))


def _opens_with_name(sentence: str, row: Sequence[Word], text: str) -> bool:
    """Whether the first word is part of a name: its neighbour is capitalised, or it is so inside another sentence."""
    first = sentence[row[0].start : row[0].end]
    if len(row) > 1 and row[1].capitalised and row[1].content and sentence[row[0].end : row[1].start] == " ":
        return True
    return bool(re.search(rf"[\w,] {re.escape(first)}\b", text))


def _mean(tokens: TokenVectors, start: int, end: int) -> Floats:
    """The unit mean of the token vectors within a span; zeros when there are none."""
    inside = (tokens.spans[:, 0] >= start) & (tokens.spans[:, 1] <= end)
    total = tokens.vectors[inside].sum(axis=0)
    unit: Floats = total / max(float(np.linalg.norm(total)), 1e-9)
    return unit


def _runs_of(vectors: Floats, first: Ints, last: Ints) -> Floats:
    """(n, d) the unit means of runs of the (words, d) vectors."""
    sums = np.vstack([np.zeros((1, vectors.shape[1]), dtype=np.float32), np.cumsum(vectors, axis=0)])
    totals = sums[last + 1] - sums[first]
    means: Floats = totals / np.maximum(np.linalg.norm(totals, axis=1, keepdims=True), 1e-9)
    return means
