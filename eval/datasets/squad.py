"""SQuAD 2.0 (Rajpurkar, Jia & Liang 2018): questions with their paragraphs, and the measures of the set."""

from __future__ import annotations

import json
import re
import string
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from rag.evaluation.questions import EvalError
from rag.evaluation.types import Half
from rag.evidence.scoring import ScoredSentence, SentenceScorer
from rag.query.analysis import Query, analyse, checked
from rag.types import Article, Hit, Passage

QUERIES, TRUTH = "queries.json", "ground_truth.json"


_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True, slots=True)
class SquadQuestion:
    """A question with its paragraph; `answers` is empty when the paragraph does not answer it."""

    id: str
    question: str
    paragraph: str
    answers: tuple[str, ...]

    @property
    def half(self) -> Half:
        """The half by the hash of the paragraph, so that questions about one paragraph are in one half."""
        return half_of(self.paragraph)


def half_of(text: str) -> Half:
    """Return the half of a text, by its hash."""
    return "test" if sha256(text.encode()).digest()[0] % 2 else "tune"


def read_squad(folder: Path) -> list[SquadQuestion]:
    """Read `queries.json` (id, question, context) and `ground_truth.json` (id -> answers, is_impossible).

    Raises:
        EvalError: a file is missing or is not of that form.
    """
    try:
        queries = json.loads((folder / QUERIES).read_text(encoding="utf-8"))["queries"]
        truth = json.loads((folder / TRUTH).read_text(encoding="utf-8"))
        return [
            SquadQuestion(
                q["id"], checked(q["question"]), q["context"], tuple(a for a in truth[q["id"]]["answers"] if a)
            )
            for q in queries
        ]
    except OSError as error:
        raise EvalError(f"{error.filename} cannot be read ({error.strerror}): give a SQuAD 2.0 sample") from error
    except (ValueError, KeyError, TypeError) as error:
        raise EvalError(f"{folder} is no SQuAD 2.0 sample ({error!r}): give {QUERIES} and {TRUTH}") from error


def score_paragraph(reader: SentenceScorer, text: str, paragraph: str, id_: str) -> tuple[Query, list[ScoredSentence]]:
    """Return the analysed question, and the scored sentences of its paragraph, as the only passage retrieved."""
    question = analyse(text)
    article = Article(id=id_, path="", text=paragraph)
    return question, reader.score(question, [Hit(1, 1.0, Passage(article, 0, len(paragraph)))])


def normalised(text: str) -> list[str]:
    """Return the words of an answer as the measures of the set compare them."""
    return re.sub(r"\b(a|an|the)\b", " ", text.lower().translate(_PUNCTUATION)).split()


def exact(text: str, answer: str) -> float:
    """Return 1 when an answer is the right one, else 0."""
    return float(normalised(text) == normalised(answer))


def f1(text: str, answer: str) -> float:
    """Return the harmonic mean of precision and recall over the words that both share."""
    a, b = normalised(text), normalised(answer)
    if not a or not b:
        return float(a == b)
    shared = (Counter(a) & Counter(b)).total()
    return 2 * shared / (len(a) + len(b))
