"""Score the sentences of the retrieved passages by how well they answer a query.

Every content word of the question is looked for in the sentence twice: as the same word, and as the most
similar token (late interaction over the token vectors of the encoder, after ColBERT, Khattab & Zaharia 2020,
untrained). What that leaves open is settled by a few readable features (the expected kind of answer, the speaker
asked about, words found next door) and by weights fitted on development questions (`eval/fit.py`).

That says which words of the question a sentence speaks to, and not whether it goes on to answer: "Ottawa will
retaliate, the minister said" has every word of "When will Ottawa retaliate?". So the span reader looks at the best
sentences again and says how likely each holds an answer.
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

MIN_SENTENCE_WORDS = 3  # a shorter line is no sentence
NAME_SIMILARITY_WEIGHT = 0.6  # of the similarity of a name or a number with another one: Ottawa is like Washington, but is not it
SENTENCE_BEFORE_WEIGHT = 0.8  # what a word in the sentence before is worth
# The best sentences are read by the answer reader: at most so many, and only those within so many log odds of the best.
# The others are seldom right, and each takes some milliseconds.
MAX_READ_SENTENCES = 12
READ_WITHIN_LOG_ODDS = 2.5
# What the reader's log odds count beside those of the score: that a short answer stands in a sentence, and that the
# sentence answers. Log odds beyond MAX_LOG_ODDS are not told apart.
PRESENT_WEIGHT = 0.3
ANSWERS_WEIGHT = 0.6
MAX_LOG_ODDS = 9.0
# What it counts, in log odds, to be one of the first sentences under the same question: an article goes on to answer
# what it asks itself ("What is a NOTAM?").
SAME_QUESTION_WEIGHT = 2.0
SECTION_SENTENCES = 3
CACHED_PASSAGES = 512  # about 300 kB of token vectors each at most
# Of BM25 (Robertson & Zaragoza 2009).
BM25_K1 = 1.2
BM25_B = 0.75


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
        """Return (len(FEATURE_NAMES),) float32."""
        return np.array([getattr(self, f.name) for f in fields(self)], dtype=np.float32)


FEATURE_NAMES = tuple(f.name for f in fields(Features))


@dataclass(frozen=True, slots=True)
class ScoredSentence:
    """A sentence with its features and its score for one query.

    Attributes:
        evidence: the sentence as it may be cited, with its score.
        sentence: the same sentence as its document has it.
        support: for each term of the query, 0 to 1.
        named: for each term of the query, whether it is part of a name.
        answers: the log odds, by the answer reader, that the sentence answers; None when it was not read.
    """

    evidence: Evidence
    sentence: Sentence
    features: Features
    support: tuple[float, ...]
    named: tuple[bool, ...]
    answers: float | None = None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A sentence of a passage beside one query, before the weights of the query's terms are known.

    Attributes:
        support, exact, counts: (terms,) float32: the best similarity, 1 for the same word, and how often it is there.
        passage_exact: (terms,) float32, 1 for a word that stands in the passage or the title.
        asked_above: the question it stands under in its article, empty without one.
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
    """All sentences of all passages beside one query, and what their words weigh there.

    Attributes:
        named: for each term, whether it is part of a name.
        passages: the candidates of each passage, in order, questions among them.
        rarity: (terms,) float32 weight of each term: log(1 + n / (1 + sentences that have it)).
        mean_length: words of a sentence.
    """

    query: Query
    named: tuple[bool, ...]
    passages: list[list[_Candidate]]
    rarity: Floats
    mean_length: float


class SentenceScorer:
    """Scores the sentences of passages for queries. Safe to share between threads.

    It keeps the analysis of articles and the token vectors of passages that were read lately.
    """

    def __init__(self, encoder: Encoder, answer_reader: AnswerReader, documents: Documents | None = None) -> None:
        self.documents = documents or Documents()
        self._encoder = encoder
        self._answer_reader = answer_reader
        self._vectors: LRUCache[str, TokenVectors] = LRUCache(CACHED_PASSAGES)
        self._lock = Lock()

    def score(self, query: Query, hits: Sequence[Hit]) -> list[ScoredSentence]:
        """Score every sentence of the hits' passages that asks nothing itself.

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
        with ThreadPoolExecutor(1) as pool:  # while the encoder has the passages, the rules find who says what
            encoding = pool.submit(self._tokens, [passage_with_title(hit.passage) for hit in hits])
            for document in documents:
                document.sentences  # noqa: B018 - analysed here, beside the encoder
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
        """Score the best sentences again by whether they hold an answer; the others score no more than the last."""
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
    """Return what of a passage goes through the encoder: the title gives its tokens their context."""
    title = passage.article.title
    return f"{title}\n{passage.text}" if title else passage.text


def _named(query: Query, hits: Sequence[Hit]) -> tuple[bool, ...]:
    """For each term, whether it is part of a name: capitalised in the question, or always in the passages."""
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
    """Look for each term of the query in each sentence of a passage."""
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
        candidates.append(
            _Candidate(hit, sentence, support, exact, counts, passage_exact, whole, cosine, asked_above)
        )
    return candidates


def _asked_above(sentences: Sequence[Sentence]) -> list[str]:
    """For each sentence, the question that it stands under, at most `SECTION_SENTENCES` above; empty without one."""
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
    """Weigh each term: log(1 + n / (1 + sentences that have it)), after the inverse document frequency."""
    if not candidates or not query.terms:
        return np.ones(len(query.terms), dtype=np.float32)
    having = np.sum([candidate.exact for candidate in candidates], axis=0)
    rarity: Floats = np.log1p(len(candidates) / (1 + having)).astype(np.float32)
    return rarity


def _bm25(candidate: _Candidate, read: _Read) -> float:
    """Return BM25 with `rarity` for the inverse document frequency, the speaker's name included."""
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
        bm25=_bm25(candidate, read) / 10,
        passage_exact=_mean(candidate.passage_exact, rarity),
        whole=candidate.whole,
        cosine=candidate.cosine,
        expected=float(query.expectation(candidate.sentence)),
        speaker=_speaker_feature(query, candidate.sentence.speaker),
        passage=candidate.hit.score,
        timely=_timely(candidate.hit),
        heading=float(text[-1] not in ".!?”\"’'…)"),
        length=min(1.0, len(text.split()) / 40),
    )


def _same_question(query: Query, other: str) -> float:
    """Return how much two questions are the same, by the words that only one has: 1, or 0 when half of them differ."""
    others = keys(other)
    alike = len(query.keys & others) / max(1, len(query.keys | others))
    return max(0.0, 2 * alike - 1)


def _best_first(scored: Sequence[ScoredSentence]) -> list[ScoredSentence]:
    return sorted(scored, key=lambda j: (-j.evidence.score, j.evidence.article.id, j.evidence.start))


def _with_answer(one: ScoredSentence, spans: AnswerSpans) -> ScoredSentence:
    present, answers = (max(-MAX_LOG_ODDS, min(MAX_LOG_ODDS, odds)) for odds in (spans.present, spans.answers))
    odds = log_odds(one.evidence.score) + PRESENT_WEIGHT * present + ANSWERS_WEIGHT * answers
    return replace(_with_score(one, sigmoid(odds)), answers=answers)


def _with_score(one: ScoredSentence, score: float) -> ScoredSentence:
    return replace(one, evidence=replace(one.evidence, score=score))


def _mean(values: Floats, weights: Floats) -> float:
    return float(values @ weights / weights.sum()) if len(values) else 0.0


def _timely(hit: Hit) -> float:
    _, of_the_days = hit.stages.get("date", (None, 0.5))
    return 2 * of_the_days - 1


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
