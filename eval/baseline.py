"""The baseline that answers are compared with: the three best sentences by BM25 and cosine.

It ignores the questions before, and refuses none.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag.evidence.scoring import MIN_SENTENCE_WORDS
from rag.models.base import Encoder
from rag.text.sentences import Span, sentences
from rag.text.tokens import words
from rag.types import Answer, Article, Citation, Claim, Turn

SENTENCES = 3  # of an answer
K1, B = 1.2, 0.75
BM25 = 0.1  # weight of the BM25 score beside the cosine

Doubles = NDArray[np.float64]


class PlainBaseline:
    """Answers from all sentences of some articles, which it holds in memory."""

    def __init__(self, articles: Sequence[Article], encoder: Encoder) -> None:
        self._encoder = encoder
        self._sentences: list[tuple[Article, Span]] = [
            (article, (start, end))
            for article in articles
            for start, end in sentences(article.text)
            if len(article.text[start:end].split()) >= MIN_SENTENCE_WORDS
        ]
        texts = [article.text[start:end] for article, (start, end) in self._sentences]
        self._counts = [Counter(word.key for word in words(text) if word.content) for text in texts]
        self._having = Counter(key for counts in self._counts for key in counts)
        self._vectors = encoder.encode(texts)

    def ask(self, question: str, *, history: Sequence[Turn]) -> Answer:
        """Cite the best sentences; the confidence grows with the best score, and is not a probability."""
        scores = BM25 * self._bm25(question) + self._vectors @ self._encoder.encode([question])[0]
        best = [int(index) for index in np.argsort(-scores, kind="stable")[:SENTENCES]]
        found = enumerate((self._sentences[index] for index in best), start=1)
        cited = [Citation(n, article, start, end) for n, (article, (start, end)) in found]
        return Answer(
            question=question,
            standalone_question=question,
            status="answered",
            text="\n".join(f"{citation.quote} [{citation.n}]" for citation in cited),
            confidence=1 / (1 + math.exp(-float(scores[best[0]]))),
            claims=tuple(Claim(citation.quote, "verbatim", 1.0, (citation.n,)) for citation in cited),
            citations=tuple(cited),
            hits=(),
            generator="plain",
            generation=0,
        )

    def _bm25(self, question: str) -> Doubles:
        """Return the BM25 scores (sentences,), after Robertson & Zaragoza (2009)."""
        asked = {word.key for word in words(question) if word.content}
        lengths = np.array([counts.total() for counts in self._counts], dtype=np.float64)
        total = np.zeros(len(lengths))
        for key in sorted(asked):
            found = np.array([counts[key] for counts in self._counts], dtype=np.float64)
            rarity = math.log(1 + (len(lengths) - self._having[key] + 0.5) / (self._having[key] + 0.5))
            total += rarity * found * (K1 + 1) / (found + K1 * (1 - B + B * lengths / lengths.mean()))
        return total
