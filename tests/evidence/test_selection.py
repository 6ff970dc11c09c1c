"""Which sentences are chosen for an answer, and in what order."""

from __future__ import annotations

from rag.evidence.scoring import FEATURE_NAMES, Features, ScoredSentence
from rag.evidence.selection import select
from rag.query.analysis import analyse
from rag.text.document import Sentence
from rag.types import Article, Evidence

FIRST = Article(
    id="1", path="1.txt", text="Alpha rose. Beta fell sharply. Gamma stayed where it was.", published="2025-03-01"
)
SECOND = Article(id="2", path="2.txt", text="Delta rose too. Alpha rose for hours.", published="2025-01-01")
THIRD = Article(id="3", path="3.txt", text="Epsilon never moved at all.")
NOTHING = Features(**dict.fromkeys(FEATURE_NAMES, 0.0))
OPEN, POINTED = analyse("What happened to alpha?"), analyse("When did alpha rise?")


def scored(article: Article, sentence: str, score: float) -> ScoredSentence:
    start = article.text.index(sentence)
    return ScoredSentence(
        Evidence(article, start, start + len(sentence), score),
        Sentence(sentence, start, start + len(sentence)),
        NOTHING,
        (),
        (),
    )


def texts(question: object, *row: ScoredSentence, most: int = 4) -> list[str]:
    assert question in (OPEN, POINTED)
    return [e.text for e in select(OPEN if question is OPEN else POINTED, row, most)]


ALPHA, BETA, GAMMA = (scored(FIRST, s, x) for s, x in [("Alpha rose.", 0.9), ("Beta fell sharply.", 0.8),
                                                       ("Gamma stayed where it was.", 0.7)])  # fmt: skip
DELTA, EPSILON = scored(SECOND, "Delta rose too.", 0.3), scored(THIRD, "Epsilon never moved at all.", 0.2)


def test_a_pointed_question_takes_the_best_by_score() -> None:
    assert texts(POINTED, ALPHA, BETA, GAMMA, DELTA, most=3) == [
        "Alpha rose.", "Beta fell sharply.", "Gamma stayed where it was.",
    ]  # fmt: skip


def test_an_open_question_first_takes_the_best_of_close_articles() -> None:
    assert texts(OPEN, ALPHA, BETA, GAMMA, DELTA, EPSILON, most=3) == [
        "Alpha rose.", "Beta fell sharply.", "Delta rose too.",
    ]  # fmt: skip
    near = scored(THIRD, "Epsilon never moved at all.", 0.28)
    assert texts(OPEN, ALPHA, BETA, GAMMA, DELTA, near, most=3) == [
        "Alpha rose.", "Delta rose too.", "Epsilon never moved at all.",
    ]  # fmt: skip
    assert texts(OPEN, ALPHA, BETA, EPSILON, scored(FIRST, "Gamma stayed where it was.", 0.04)) == [
        "Alpha rose.", "Beta fell sharply.", "Epsilon never moved at all.",
    ]  # fmt: skip


def test_the_best_comes_first_and_dated_articles_come_before_undated() -> None:
    best = scored(THIRD, "Epsilon never moved at all.", 0.9)
    assert texts(OPEN, best, scored(FIRST, "Alpha rose.", 0.8), scored(SECOND, "Delta rose too.", 0.7)) == [
        "Epsilon never moved at all.", "Delta rose too.", "Alpha rose.",
    ]  # fmt: skip


def test_low_scores_and_repetitions_are_left_out() -> None:
    longer = scored(SECOND, "Alpha rose for hours.", 0.8)
    assert texts(POINTED, ALPHA, scored(FIRST, "Beta fell sharply.", 0.3)) == ["Alpha rose."]
    assert texts(POINTED, ALPHA, scored(SECOND, "Delta rose too.", 0.1)) == ["Alpha rose."]
    same = scored(Article(id="4", path="4", text="Alpha rose."), "Alpha rose.", 0.8)
    assert texts(POINTED, ALPHA, same, longer) == ["Alpha rose.", "Alpha rose for hours."]


def test_no_sentences_give_no_evidence() -> None:
    assert texts(OPEN) == []
