"""Evidence: the sentences of the retrieved passages, each scored by how well it answers the question.

Every content word of the question is looked for in the sentence twice: as the same word, and as the most
similar token (late interaction over the token vectors of the encoder, after ColBERT, Khattab & Zaharia 2020,
untrained). What that leaves open is settled by a few readable features (the expected kind of answer, the speaker
asked about, words found next door) and by weights fitted on development questions (`eval/fit.py`).

That says which words of the question a sentence speaks to, and not whether it goes on to answer: "Ottawa will
retaliate, the minister said" has every word of "When will Ottawa retaliate?". So the span reader looks at the best
sentences again and says how likely each holds an answer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from rag.models.answer_reader import AnswerSpans, answer_reader
from rag.models.base import Encoder, TokenVectors
from rag.models.caching import LRUCache
from rag.query.analysis import Query
from rag.query.answer_types import expectation
from rag.text.attribution import Attribution, attribute
from rag.text.sentences import sentences
from rag.text.tokens import Word, keys, words
from rag.types import Evidence, Hit

Floats = npt.NDArray[np.float32]
MIN_WORDS = 3  # a shorter line is no sentence
NAME_TRUST = 0.6  # of the similarity of a name or a number with another one: Ottawa is like Washington, but is not it
NEAR_DISCOUNT = 0.8  # what a word in the sentence before is worth
MAX_READ, READ_WITHIN = 12, 2.5  # of the best sentences, at most, and how far in log odds from the best: the others are
# seldom right, and each takes some milliseconds
PRESENT_WEIGHT, ANSWERS_WEIGHT = (
    0.3,
    0.6,
)  # what the log odds count that a short answer stands in a sentence, and that it answers,
# beside those of its score (eval/LOG.md)
MAX_LOG_ODDS = 9.0  # of these log odds: what is surer is not told apart
SAME_QUESTION_WEIGHT, SECTION_SENTENCES = (
    2.0,
    3,
)  # what it counts, in log odds, to be one of the first sentences under the same question: what
# an article asks itself ("What is a NOTAM?") it goes on to answer
CACHED_PASSAGES = 512  # about 300 kB of token vectors each at most


@dataclass(frozen=True, slots=True)
class Features:
    """What is known of one sentence before it is weighed; every sign is roughly within -1 to 1.

    A question word's *support* is 1 when the sentence (or its speaker's name) has the same word, else the best
    token similarity; words that few of the sentences read have weigh more (`rarity`).

    Attributes:
        soft: weighted mean support.
        near: the same, where the sentence before, at a discount, may support a word too.
        plain: unweighted mean support.
        weakest: support of the least supported word: one part of the question that nothing speaks to.
        names: the least support among the question's name words, the sentence before counting at a discount; 1 when
            it names nothing. A word is a name when the question or the articles write it with a capital.
        exact: weighted share of words that stand in the sentence itself.
        bm25: BM25 of the sentence among the sentences read, / 10.
        passage_exact: weighted share of words that stand in the passage or the title.
        whole: mean over all question tokens, question words too, of the best token similarity.
        cosine: similarity of the two mean vectors.
        expected: the kind of answer asked for is there (1), is not (-1), or is not certain (0).
        speaker: the question asks what somebody says and it is they (1) or another (-1) who speaks.
        passage: fused retrieval score of the passage, 0 to 1.
        timely: the question speaks of days and the article appeared in them (1) or on others (-1).
        heading: 1 for a line without sentence punctuation.
        length: words of the sentence / 40, at most 1.
    """

    soft: float
    near: float
    plain: float
    weakest: float
    names: float
    exact: float
    bm25: float
    passage_exact: float
    whole: float
    cosine: float
    expected: float
    speaker: float
    passage: float
    timely: float
    heading: float
    length: float

    def vector(self) -> Floats:
        return np.array([getattr(self, f.name) for f in fields(self)], dtype=np.float32)


FEATURE_NAMES = tuple(f.name for f in fields(Features))


@dataclass(frozen=True, slots=True)
class ScoredSentence:
    """A sentence with its features and its score.

    Attributes:
        support: for each question word, 0 to 1.
        named: for each question word, whether it is part of a name.
        answers: the log odds, by the span reader, that the sentence holds an answer; None when it was not asked.
    """

    evidence: Evidence
    features: Features
    support: tuple[float, ...]
    named: tuple[bool, ...]
    answers: float | None = None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A sentence as read for one question, before the weights of the question's words are known."""

    hit: Hit
    start: int
    end: int
    attribution: Attribution | None
    support: Floats  # (words of the question,)
    exact: Floats  # the same, 1 or 0
    counts: Floats  # how often the sentence has each of them
    length: int  # its words
    whole: float
    cosine: float

    @property
    def text(self) -> str:
        return self.hit.passage.article.text[self.start : self.end]

    @property
    def speaker(self) -> str:
        return self.attribution.speaker if self.attribution else ""

    @property
    def asks(self) -> bool:
        """It is a question itself, which answers none: "What happened to the ferry?", as headings have it."""
        return self.text.rstrip("”\"’')] ").endswith("?")


class SentenceScorer:
    """Reads passages for evidence. Keeps the token vectors of passages read lately; safe to share between threads."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._kept: LRUCache[str, TokenVectors] = LRUCache(CACHED_PASSAGES)

    def score(self, question: Query, hits: Sequence[Hit]) -> list[ScoredSentence]:
        """Judge every sentence of the hits' passages.

        Returns:
            Best first; equal scores in reading order.
        """
        if not hits:
            return []
        asked = self._encoder.encode_tokens([question.text])[0]
        with ThreadPoolExecutor(1) as pool:  # while the encoder has the passages, who says what is read by rules
            encoding = pool.submit(self._tokens, [passage_with_title(hit) for hit in hits])
            for hit in hits:
                _attributed(hit.passage.article.text)
            tokens = encoding.result()
        named = _named(question, hits)
        passages = [
            _sentences_read(question, named, hit, asked, vectors) for hit, vectors in zip(hits, tokens, strict=True)
        ]
        everything = [sentence for passage in passages for sentence in passage]
        rarity = _rarity(question, everything)
        mean_length = sum(sentence.length for sentence in everything) / max(1, len(everything))
        scored = [
            _scored_sentence(question, named, sentence, before, asked_above, rarity, mean_length)
            for passage in passages
            for before, sentence, asked_above in zip([None, *passage], passage, _asked_above(passage), strict=False)
            if not sentence.asks
        ]
        return _read_best(question, _best_first(scored))

    def _tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        found = {text: kept for text in texts if (kept := self._kept.get(text)) is not None}
        missing = list(dict.fromkeys(text for text in texts if text not in found))
        if missing:
            found.update(zip(missing, self._encoder.encode_tokens(missing), strict=True))
        for text, vectors in found.items():
            self._kept.put(text, vectors)
        return [found[text] for text in texts]


def passage_with_title(hit: Hit) -> str:
    """What of a hit goes through the encoder: the title gives the tokens of the passage their context."""
    title = hit.passage.article.title
    return f"{title}\n{hit.passage.text}" if title else hit.passage.text


def _named(question: Query, hits: Sequence[Hit]) -> tuple[bool, ...]:
    """For each question word, whether it is part of a name: capitalised in the question, or always in the articles."""
    capitalised, plain = set[str](), set[str]()
    for hit in hits:
        big, small = _by_case(hit.passage.text)
        capitalised |= big
        plain |= small
    return tuple(
        _in_name(question, word.start) or (word.key in capitalised and word.key not in plain) for word in question.terms
    )


@lru_cache(maxsize=512)
def _by_case(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Keys of the words written with a capital inside a sentence, and of those written without."""
    inside = [w for w in words(text) if w.content and w.start > 1 and text[w.start - 2] not in ".!?\n“"]
    return frozenset(w.key for w in inside if w.capitalised), frozenset(w.key for w in inside if not w.capitalised)


def _sentences_read(
    question: Query, named: Sequence[bool], hit: Hit, asked: TokenVectors, tokens: TokenVectors
) -> list[_Candidate]:
    """Look for each word of the question in each sentence of a passage."""
    passage = hit.passage
    shift = len(passage_with_title(hit)) - len(passage.text) - passage.start
    exacting = [name or word.number for name, word in zip(named, question.terms, strict=True)]
    trust = 1 - np.array(exacting, dtype=np.float32) * (1 - NAME_TRUST)
    sentences = []
    for (start, end), attribution in _attributed(passage.article.text):
        text = passage.article.text[start:end]
        if start < passage.start or end > passage.end or len(text.split()) < MIN_WORDS:
            continue
        inside = (tokens.spans[:, 0] >= start + shift) & (tokens.spans[:, 1] <= end + shift)
        vectors = tokens.vectors[inside]
        best = (asked.vectors @ vectors.T).max(axis=1) if len(vectors) else np.zeros(len(asked.vectors), np.float32)
        here = keys(text) | keys(attribution.speaker if attribution else "")
        exact = np.array([word.key in here for word in question.terms], dtype=np.float32)
        spoken = [word.key for word in words(text)]
        counts = np.maximum(exact, [spoken.count(word.key) for word in question.terms]).astype(np.float32)
        soft = np.array([_similarity(word, asked, best) for word in question.terms], dtype=np.float32)
        sentences.append(
            _Candidate(
                hit,
                start,
                end,
                attribution,
                np.maximum(exact, soft * trust),
                exact,
                counts,
                len(spoken),
                float(best.mean()) if len(best) else 0.0,
                _cosine(asked.vectors, vectors),
            )
        )
    return sentences


@lru_cache(maxsize=512)
def _attributed(text: str) -> tuple[tuple[tuple[int, int], Attribution | None], ...]:
    """The sentences of an article's text, each with who says it."""
    spans = sentences(text)
    return tuple(zip(spans, attribute(text, spans), strict=True))


def _similarity(word: Word, asked: TokenVectors, best: Floats) -> float:
    pieces = (asked.spans[:, 0] >= word.start) & (asked.spans[:, 1] <= word.end)
    return float(best[pieces].mean()) if pieces.any() else 0.0


def _rarity(question: Query, read: Sequence[_Candidate]) -> Floats:
    """Weight of each question word: log(1 + n / (1 + sentences that have it)), after the inverse document frequency."""
    if not read or not question.terms:
        return np.ones(len(question.terms), dtype=np.float32)
    having = np.sum([sentence.exact for sentence in read], axis=0)
    rarity: Floats = np.log1p(len(read) / (1 + having)).astype(np.float32)
    return rarity


def _bm25(sentence: _Candidate, rarity: Floats, mean_length: float) -> float:
    """BM25 (Robertson & Zaragoza 2009) with `rarity` for the inverse document frequency, speaker's name included."""
    k1, b = 1.2, 0.75
    norm = k1 * (1 - b + b * sentence.length / mean_length)
    return float(rarity @ (sentence.counts * (k1 + 1) / (sentence.counts + norm)))


def _scored_sentence(
    question: Query,
    named: tuple[bool, ...],
    sentence: _Candidate,
    before: _Candidate | None,
    asked_above: str,
    rarity: Floats,
    mean_length: float,
) -> ScoredSentence:
    passage = sentence.hit.passage
    support = sentence.support
    near = np.maximum(support, NEAR_DISCOUNT * before.support) if before is not None else support
    around = keys(passage.text) | keys(passage.article.title or "")
    around_exact = np.array([word.key in around for word in question.terms], dtype=np.float32)
    text = sentence.text
    features = Features(
        soft=_mean(support, rarity),
        near=_mean(near, rarity),
        plain=_mean(support, np.ones_like(rarity)),
        weakest=float(support.min()) if len(support) else 0.0,
        names=float(min(near[list(named)], default=1.0)),
        exact=_mean(sentence.exact, rarity),
        bm25=_bm25(sentence, rarity, mean_length) / 10,
        passage_exact=_mean(around_exact, rarity),
        whole=sentence.whole,
        cosine=sentence.cosine,
        expected=float(expectation(question, text)),
        speaker=_speaker_sign(question, sentence.speaker),
        passage=sentence.hit.score,
        timely=_timely(sentence.hit),
        heading=float(text[-1] not in ".!?”\"’'…)"),
        length=min(1.0, len(text.split()) / 40),
    )
    weights = fitted("sentence", FEATURE_NAMES)
    odds = float(features.vector() @ weights[:-1] + weights[-1]) + SAME_QUESTION_WEIGHT * _same_question(
        question, asked_above
    )
    evidence = Evidence(
        article=passage.article,
        start=sentence.start,
        end=sentence.end,
        score=sigmoid(odds),
        speaker=sentence.speaker or None,
        quote=sentence.attribution.quote_span if sentence.attribution else None,
    )
    return ScoredSentence(evidence, features, tuple(float(s) for s in support), named)


def _asked_above(passage: Sequence[_Candidate]) -> list[str]:
    """For each sentence, the question that it stands under, at most `SECTION_SENTENCES` sentences above; empty without one."""
    above, left, found = "", 0, []
    for sentence in passage:
        if sentence.asks:
            above, left = sentence.text, SECTION_SENTENCES + 1
        found.append(above if 0 < left <= SECTION_SENTENCES else "")
        left -= 1
    return found


def _same_question(question: Query, other: str) -> float:
    """How much two questions are the same, by the words that only one of them has: 1, or 0 when half of them differ."""
    own, others = {term.key for term in question.terms}, keys(other)
    alike = len(own & others) / max(1, len(own | others))
    return max(0.0, 2 * alike - 1)


def _best_first(scored: Sequence[ScoredSentence]) -> list[ScoredSentence]:
    return sorted(scored, key=lambda j: (-j.evidence.score, j.evidence.article.id, j.evidence.start))


def _read_best(question: Query, scored: Sequence[ScoredSentence]) -> list[ScoredSentence]:
    """Score the best sentences again by whether they hold an answer; the others score no more than the last of them."""
    if not scored:
        return []
    bar = sigmoid(log_odds(scored[0].evidence.score) - READ_WITHIN)
    near = sum(one.evidence.score >= bar for one in scored[:MAX_READ])
    first, others = scored[:near], scored[near:]
    read = answer_reader().read(question.text, [j.evidence.text for j in first])
    again = _best_first([_answering(one, places) for one, places in zip(first, read, strict=True)])
    least = again[-1].evidence.score
    return again + [_scored(one, min(one.evidence.score, least)) for one in others]


def _answering(one: ScoredSentence, places: AnswerSpans) -> ScoredSentence:
    present, answers = (max(-MAX_LOG_ODDS, min(MAX_LOG_ODDS, odds)) for odds in (places.present, places.answers))
    odds = log_odds(one.evidence.score) + PRESENT_WEIGHT * present + ANSWERS_WEIGHT * answers
    return replace(_scored(one, sigmoid(odds)), answers=answers)


def _scored(one: ScoredSentence, score: float) -> ScoredSentence:
    return replace(one, evidence=replace(one.evidence, score=score))


def _mean(values: Floats, weights: Floats) -> float:
    return float(values @ weights / weights.sum()) if len(values) else 0.0


def _in_name(question: Query, position: int) -> bool:
    return any(start <= position < end for start, end in question.names)


def _timely(hit: Hit) -> float:
    _, of_the_days = hit.stages.get("date", (None, 0.5))
    return 2 * of_the_days - 1


def _speaker_sign(question: Query, speaker: str) -> float:
    if question.kind not in ("said", "why", "yesno", "how", "what") or not question.names:
        return 0.0
    if not speaker:
        return -0.5 if question.kind == "said" else 0.0
    asked = {w.key for w in question.terms if _in_name(question, w.start)}
    if keys(speaker) & asked:
        return 1.0
    return -1.0 if question.kind == "said" else 0.0


def _cosine(a: Floats, b: Floats) -> float:
    if not len(a) or not len(b):
        return 0.0
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
    return float(mean_a @ mean_b / (np.linalg.norm(mean_a) * np.linalg.norm(mean_b) + 1e-9))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def log_odds(chance: float) -> float:
    """What `sigmoid` is of, for a chance between 0 and 1, these left out."""
    return math.log(chance / (1 - chance))


@lru_cache(maxsize=8)
def fitted(model: str, names: tuple[str, ...]) -> Floats:
    """Return (len(names) + 1,) weights of a fitted model in the order of `names`, then its intercept."""
    table = json.loads(resources.files("rag.models").joinpath("data/evidence.json").read_text("utf-8"))[model]
    return np.array([*(table[name] for name in names), table["intercept"]], dtype=np.float32)
