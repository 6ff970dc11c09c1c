"""Score the sentences of the retrieved passages by how well they answer a query.

Each content word of the question is matched with the sentence in two ways: with the same word, and with the most
similar token (late interaction over the encoder's token vectors, after ColBERT, Khattab & Zaharia 2020, untrained).
More features describe the answer type, the speaker and the sentence before. The weights are fitted on development
questions by `python -m eval fit`.

A sentence may have all words of the question and still not answer it: "Ottawa will retaliate, the minister said" has
every word of "When will Ottawa retaliate?". So the answer reader reads the best sentences again and says how likely
each contains the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from threading import Lock

import numpy as np
from cachetools import LRUCache

from rag.models.base import AnswerReader, AnswerSpans, Encoder, Floats, TokenVectors
from rag.models.linear import linear_model, log_odds, sigmoid
from rag.query.analysis import Query
from rag.text.document import Document, Documents, Sentence
from rag.text.tokens import Word, keys, words
from rag.types import Evidence, Hit, Passage

# A shorter line is no sentence.
MIN_SENTENCE_WORDS = 3
# Shared content words (Jaccard) from which two sentences say the same.
MIN_JACCARD = 0.7
# Weight of a name's or number's similarity to another word: Ottawa is similar to Washington, but not the same.
NAME_SIMILARITY_WEIGHT = 0.6
# Weight of a word in the sentence before.
SENTENCE_BEFORE_WEIGHT = 0.8
# The answer reader reads at most so many of the best sentences, within so many log odds of the best one. The others are
# seldom right, and each takes some milliseconds.
MAX_READ_SENTENCES = 12
READ_WITHIN_LOG_ODDS = 2.5
# Weights of the reader's log odds that the sentence has a short answer, and that it answers.
PRESENT_WEIGHT = 0.3
ANSWERS_WEIGHT = 0.6
# The reader's log odds are limited to this, above and below 0.
MAX_LOG_ODDS = 9.0
# Log odds added to each of the first sentences under the same question in the article, since an article answers its own
# questions ("What is a NOTAM?").
SAME_QUESTION_WEIGHT = 2.0
SECTION_SENTENCES = 3
# Passages with cached token vectors, at most about 300 kB each.
CACHED_PASSAGES = 512
# The feature `bm25` is divided by this, to be about 0 to 1.
BM25_SCALE = 10
# From so many words on, the feature `length` is 1.
LONG_SENTENCE_WORDS = 40
# Parameters of BM25 (Robertson & Zaragoza 2009).
BM25_K1 = 1.2
BM25_B = 0.75


@dataclass(frozen=True, slots=True)
class Features:
    """The features of one sentence for one query; each is roughly within -1 to 1.

    The *support* of a query term is 1 when the sentence or its speaker's name has the same word, else the similarity of
    the most similar token. Terms that few sentences have weigh more (`rarity`).

    Attributes:
        soft: the weighted mean support.
        near: the same, but the sentence before may support a term too, at a lower weight.
        plain: the unweighted mean support.
        weakest: the support of the least supported term.
        names: the least support of a name in the query, where the sentence before may support it at a lower weight; 1
            when the query has no name. A term is a name when the question or the articles write it with a capital.
        exact: the weighted share of terms that the sentence itself has.
        bm25: BM25 of the sentence among all sentences, divided by BM25_SCALE.
        passage_exact: the weighted share of terms that the passage or its title has.
        whole: the mean of the best token similarity over all tokens of the question.
        cosine: the cosine similarity of the mean vectors of question and sentence.
        expected: 1 when the sentence contains the answer type, -1 when it does not, 0 when that is not certain.
        speaker: when the question asks what somebody says: 1 when they say the sentence, -1 when another person does.
        passage: the fused retrieval score of the passage, 0 to 1.
        timely: when the question mentions days: 1 when the article appeared in them, -1 when it did not.
        heading: 1 for a line without sentence punctuation.
        length: the number of words divided by LONG_SENTENCE_WORDS, at most 1.
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
        """Return (len(FEATURE_NAMES),) float32."""
        return np.array([getattr(self, f.name) for f in fields(self)], dtype=np.float32)


FEATURE_NAMES = tuple(f.name for f in fields(Features))


@dataclass(frozen=True, slots=True)
class ScoredSentence:
    """A sentence with its features and its score for one query.

    Attributes:
        evidence: the sentence as an answer cites it, with its score, 0 to 1.
        sentence: the same sentence as its document has it.
        features: the values that the score comes from.
        support: the support of each query term, 0 to 1.
        named: whether each query term is part of a name.
        answers: the answer reader's log odds that the sentence answers; None when it did not read the sentence.
    """

    evidence: Evidence
    sentence: Sentence
    features: Features
    support: tuple[float, ...]
    named: tuple[bool, ...]
    answers: float | None = None

    def repeats(self, other: ScoredSentence) -> bool:
        """Return whether both sentences say the same, by the share of content words that they have in common."""
        one, two = self.sentence.keys, other.sentence.keys
        return len(one & two) >= MIN_JACCARD * len(one | two)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A sentence of a passage and its matches with the query, before the terms have weights.

    Attributes:
        support: (terms,) float32, the support of each query term.
        exact: (terms,) float32, 1 when the sentence or its speaker's name has the term, else 0.
        counts: (terms,) float32, how often the sentence has the term.
        passage_exact: (terms,) float32, 1 when the passage or its title has the term, else 0.
        asked_above: the question above it in the article, such as a heading; empty when there is none.
    """

    hit: Hit
    sentence: Sentence
    support: Floats
    exact: Floats
    counts: Floats
    passage_exact: Floats
    whole: float
    cosine: float
    asked_above: str


@dataclass(frozen=True, slots=True)
class _Read:
    """All sentences of all passages for one query, and the weights of the query terms.

    Attributes:
        named: whether each query term is part of a name.
        passages: the candidates of each passage, in order, including questions.
        rarity: (terms,) float32, the weight of each term: log(1 + n / (1 + sentences that have it)).
        mean_length: the mean number of words of a sentence.
    """

    query: Query
    named: tuple[bool, ...]
    passages: list[list[_Candidate]]
    rarity: Floats
    mean_length: float


class SentenceScorer:
    """Scores the sentences of passages for queries. Safe to share between threads.

    It caches the analysis of articles and the token vectors of passages.
    """

    def __init__(self, encoder: Encoder, answer_reader: AnswerReader, documents: Documents | None = None) -> None:
        self.documents = documents or Documents()
        self._encoder = encoder
        self._answer_reader = answer_reader
        self._vectors: LRUCache[str, TokenVectors] = LRUCache(CACHED_PASSAGES)
        self._lock = Lock()

    def score(self, query: Query, hits: Sequence[Hit]) -> list[ScoredSentence]:
        """Score every sentence of the hits' passages that is no question.

        Returns:
            Best first; equal scores in reading order.
        """
        if not hits:
            return []
        read = self._read(query, hits)
        scored = [
            _scored(read, candidate, before)
            for passage in read.passages
            for before, candidate in zip([None, *passage], passage, strict=False)
            if not candidate.sentence.asks
        ]
        return self._read_best(query, _best_first(scored))

    def _read(self, query: Query, hits: Sequence[Hit]) -> _Read:
        asked = self._encoder.encode_tokens([query.text])[0]
        documents = [self.documents.of(hit.passage.article.text) for hit in hits]
        with ThreadPoolExecutor(1) as pool:  # the encoder and the rules for sentences and speakers run at the same time
            encoding = pool.submit(self._tokens, [passage_with_title(hit.passage) for hit in hits])
            for document in documents:
                document.sentences  # noqa: B018 - the first use runs the analysis
            tokens = encoding.result()
        named = _named(query, hits)
        passages = [
            _candidates(query, named, hit, document, asked, vectors)
            for hit, document, vectors in zip(hits, documents, tokens, strict=True)
        ]
        everything = [candidate for passage in passages for candidate in passage]
        mean_length = sum(len(c.sentence.words) for c in everything) / max(1, len(everything))
        return _Read(query, named, passages, _rarity(query, everything), mean_length)

    def _tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        with self._lock:
            found = {text: self._vectors[text] for text in texts if text in self._vectors}
        missing = list(dict.fromkeys(text for text in texts if text not in found))
        if missing:
            found.update(zip(missing, self._encoder.encode_tokens(missing), strict=True))
        with self._lock:
            self._vectors.update(found)
        return [found[text] for text in texts]

    def _read_best(self, query: Query, scored: Sequence[ScoredSentence]) -> list[ScoredSentence]:
        """Score the best sentences again with the answer reader; the others get at most the lowest of these scores."""
        if not scored:
            return []
        threshold = sigmoid(log_odds(scored[0].evidence.score) - READ_WITHIN_LOG_ODDS)
        near = sum(one.evidence.score >= threshold for one in scored[:MAX_READ_SENTENCES])
        first, others = scored[:near], scored[near:]
        spans = self._answer_reader.read(query.text, [one.evidence.text for one in first])
        again = _best_first([_with_answer(one, span) for one, span in zip(first, spans, strict=True)])
        least = again[-1].evidence.score
        return again + [_with_score(one, min(one.evidence.score, least)) for one in others]


def passage_with_title(passage: Passage) -> str:
    """Return the text of a passage for the encoder, with the title as context for its tokens."""
    title = passage.article.title
    return f"{title}\n{passage.text}" if title else passage.text


def _named(query: Query, hits: Sequence[Hit]) -> tuple[bool, ...]:
    """Return for each term whether it is part of a name: in the question, or always capitalised in the passages."""
    capitalised, plain = set[str](), set[str]()
    for hit in hits:
        text = hit.passage.text
        for word in words(text):
            if word.content and word.start > 1 and text[word.start - 2] not in ".!?\n“":
                (capitalised if word.capitalised else plain).add(word.key)
    return tuple(
        query.in_name(term.start) or (term.key in capitalised and term.key not in plain) for term in query.terms
    )


def _candidates(
    query: Query, named: Sequence[bool], hit: Hit, document: Document, asked: TokenVectors, tokens: TokenVectors
) -> list[_Candidate]:
    """Match each term of the query with each sentence of a passage."""
    passage = hit.passage
    shift = len(passage_with_title(passage)) - len(passage.text) - passage.start
    exacting = [name or term.number for name, term in zip(named, query.terms, strict=True)]
    trust = 1 - np.array(exacting, dtype=np.float32) * (1 - NAME_SIMILARITY_WEIGHT)
    sentences = [s for s in document.within(passage.start, passage.end) if len(s.text.split()) >= MIN_SENTENCE_WORDS]
    around = keys(passage.text) | keys(passage.article.title or "")
    passage_exact = np.array([term.key in around for term in query.terms], dtype=np.float32)
    candidates = []
    for sentence, asked_above in zip(sentences, _asked_above(sentences), strict=True):
        inside = (tokens.spans[:, 0] >= sentence.start + shift) & (tokens.spans[:, 1] <= sentence.end + shift)
        vectors = tokens.vectors[inside]
        best = (asked.vectors @ vectors.T).max(axis=1) if len(vectors) else np.zeros(len(asked.vectors), np.float32)
        here = sentence.keys | keys(sentence.speaker)
        exact = np.array([term.key in here for term in query.terms], dtype=np.float32)
        spoken = [word.key for word in sentence.words]
        counts = np.maximum(exact, [spoken.count(term.key) for term in query.terms]).astype(np.float32)
        soft = np.array([_similarity(term, asked, best) for term in query.terms], dtype=np.float32)
        whole = float(best.mean()) if len(best) else 0.0
        cosine = _cosine(asked.vectors, vectors)
        support = np.maximum(exact, soft * trust)
        candidates.append(_Candidate(hit, sentence, support, exact, counts, passage_exact, whole, cosine, asked_above))
    return candidates


def _asked_above(sentences: Sequence[Sentence]) -> list[str]:
    """Return for each sentence the question at most SECTION_SENTENCES above it; empty when there is none."""
    above, left, found = "", 0, []
    for sentence in sentences:
        if sentence.asks:
            above, left = sentence.text, SECTION_SENTENCES + 1
        found.append(above if 0 < left <= SECTION_SENTENCES else "")
        left -= 1
    return found


def _similarity(term: Word, asked: TokenVectors, best: Floats) -> float:
    pieces = (asked.spans[:, 0] >= term.start) & (asked.spans[:, 1] <= term.end)
    return float(best[pieces].mean()) if pieces.any() else 0.0


def _rarity(query: Query, candidates: Sequence[_Candidate]) -> Floats:
    """Return the weight of each term: log(1 + n / (1 + sentences that have it)), like inverse document frequency."""
    if not candidates or not query.terms:
        return np.ones(len(query.terms), dtype=np.float32)
    having = np.sum([candidate.exact for candidate in candidates], axis=0)
    rarity: Floats = np.log1p(len(candidates) / (1 + having)).astype(np.float32)
    return rarity


def _bm25(candidate: _Candidate, read: _Read) -> float:
    """Return BM25 of a sentence and its speaker's name, with `rarity` as the inverse document frequency."""
    norm = BM25_K1 * (1 - BM25_B + BM25_B * len(candidate.sentence.words) / read.mean_length)
    return float(read.rarity @ (candidate.counts * (BM25_K1 + 1) / (candidate.counts + norm)))


def _scored(read: _Read, candidate: _Candidate, before: _Candidate | None) -> ScoredSentence:
    sentence, hit = candidate.sentence, candidate.hit
    features = _features(read, candidate, before)
    same = _same_question(read.query, candidate.asked_above)
    odds = linear_model("evidence/sentence", FEATURE_NAMES).log_odds(features.vector()) + SAME_QUESTION_WEIGHT * same
    evidence = Evidence(
        article=hit.passage.article,
        start=sentence.start,
        end=sentence.end,
        score=sigmoid(odds),
        speaker=sentence.speaker or None,
        quote=sentence.attribution.quote_span if sentence.attribution else None,
    )
    return ScoredSentence(evidence, sentence, features, tuple(float(s) for s in candidate.support), read.named)


def _features(read: _Read, candidate: _Candidate, before: _Candidate | None) -> Features:
    query, rarity, text = read.query, read.rarity, candidate.sentence.text
    support = candidate.support
    near = np.maximum(support, SENTENCE_BEFORE_WEIGHT * before.support) if before is not None else support
    return Features(
        soft=_mean(support, rarity),
        near=_mean(near, rarity),
        plain=_mean(support, np.ones_like(rarity)),
        weakest=float(support.min()) if len(support) else 0.0,
        names=float(min(near[list(read.named)], default=1.0)),
        exact=_mean(candidate.exact, rarity),
        bm25=_bm25(candidate, read) / BM25_SCALE,
        passage_exact=_mean(candidate.passage_exact, rarity),
        whole=candidate.whole,
        cosine=candidate.cosine,
        expected=float(query.expectation(candidate.sentence)),
        speaker=_speaker_feature(query, candidate.sentence.speaker),
        passage=candidate.hit.score,
        timely=_timely(candidate.hit),
        heading=float(text[-1] not in ".!?”\"’'…)"),
        length=min(1.0, len(text.split()) / LONG_SENTENCE_WORDS),
    )


def _same_question(query: Query, other: str) -> float:
    """Return how similar two questions are by their shared words (Jaccard), scaled so that 0.5 or less counts 0."""
    others = keys(other)
    alike = len(query.keys & others) / max(1, len(query.keys | others))
    return max(0.0, 2 * alike - 1)


def _best_first(scored: Sequence[ScoredSentence]) -> list[ScoredSentence]:
    return sorted(scored, key=lambda one: (-one.evidence.score, one.evidence.article.id, one.evidence.start))


def _with_answer(one: ScoredSentence, spans: AnswerSpans) -> ScoredSentence:
    present, answers = (max(-MAX_LOG_ODDS, min(MAX_LOG_ODDS, odds)) for odds in (spans.present, spans.answers))
    odds = log_odds(one.evidence.score) + PRESENT_WEIGHT * present + ANSWERS_WEIGHT * answers
    return replace(_with_score(one, sigmoid(odds)), answers=answers)


def _with_score(one: ScoredSentence, score: float) -> ScoredSentence:
    return replace(one, evidence=replace(one.evidence, score=score))


def _mean(values: Floats, weights: Floats) -> float:
    return float(values @ weights / weights.sum()) if len(values) else 0.0


def _timely(hit: Hit) -> float:
    _, in_time_range = hit.stages.get("date", (None, 0.5))
    return 2 * in_time_range - 1


def _speaker_feature(query: Query, speaker: str) -> float:
    if query.answer_type not in ("said", "why", "yesno", "how", "what") or not query.names:
        return 0.0
    said = query.answer_type == "said"
    if not speaker:
        return -0.5 if said else 0.0
    asked = {term.key for term in query.terms if query.in_name(term.start)}
    if keys(speaker) & asked:
        return 1.0
    return -1.0 if said else 0.0


def _cosine(a: Floats, b: Floats) -> float:
    if not len(a) or not len(b):
        return 0.0
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
    return float(mean_a @ mean_b / (np.linalg.norm(mean_a) * np.linalg.norm(mean_b) + 1e-9))
