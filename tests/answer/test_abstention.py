"""What an abstention says about the question."""

from __future__ import annotations

import pytest

from rag.answer.abstention import nearest, reason_to_abstain
from rag.evidence.assessment import Assessment
from rag.evidence.scoring import SentenceScorer
from rag.filters import Filters
from rag.models.registry import load_answer_reader, load_encoder
from rag.query.analysis import analyse
from rag.types import Article, Hit, Passage

TEXTS = (
    "Trade Minister Dominic LeBlanc met Howard Lutnick on Tuesday. Lutnick spoke about the auto agreement.",
    "Intergovernmental Affairs Minister Dominic LeBlanc said that talks went on. Guests signed a book.",
)


@pytest.fixture(scope="module")
def reader() -> SentenceScorer:
    return SentenceScorer(load_encoder(), load_answer_reader())


def test_the_nearest_passages_list_a_story_once() -> None:
    texts = ("The ferry will not sail on Monday.", "THE FERRY will not sail on Monday.", "Rain.", "Snow.", "Hail.")
    articles = [Article(id=str(n), path=f"{n}.txt", text=text) for n, text in enumerate(texts)]
    hits = tuple(Hit(n, 0.5, Passage(a, 0, len(a.text))) for n, a in enumerate(articles, start=1))
    found = nearest(hits)
    assert [(hit.rank, hit.passage.text, [a.id for a in hit.also_in]) for hit in found] == [
        (1, "The ferry will not sail on Monday.", ["1"]),
        (2, "Rain.", []),
        (3, "Snow.", []),
    ]


def reason_for(reader: SentenceScorer, question: str) -> str:
    articles = [Article(id=str(n), path=f"{n}.txt", text=text) for n, text in enumerate(TEXTS)]
    hits = tuple(Hit(n, 0.5, Passage(a, 0, len(a.text))) for n, a in enumerate(articles, start=1))
    asked = analyse(question)
    return reason_to_abstain(Assessment(asked, reader.score(asked, hits), (), 0.1), hits, Filters())


@pytest.mark.parametrize(
    ("question", "why"),
    [
        (
            "How old is Dominic LeBlanc?",
            "Dominic LeBlanc appears in 2 of the articles read, as Trade Minister and as Intergovernmental Affairs "
            "Minister; nothing there gives an age.",
        ),
        ("How old is Flavio Volpe?", "Nothing that was read gives an age."),
        ("What did Dominic LeBlanc say of the volcano?", "Nothing that was read speaks to “volcano”."),
        ("When did Howard Lutnick sign the auto agreement?", "Nothing that was read says “sign” of “Howard Lutnick”."),
    ],
)
def test_an_abstention_says_what_is_missing(reader: SentenceScorer, question: str, why: str) -> None:
    assert reason_for(reader, question) == (
        f"The archive does not say. {why} The nearest passages are listed, but they do not answer it."
    )


def test_an_abstention_says_that_the_nearest_passages_are_from_other_days(reader: SentenceScorer) -> None:
    article = Article(id="1", path="1.txt", text=TEXTS[0], published="2021-01-05")
    hit = Hit(1, 0.5, Passage(article, 0, len(article.text)), {"date": (None, 0.0)})
    asked = analyse("Who met Howard Lutnick this week?")
    scored = reader.score(asked, [hit])
    assert {one.features.timely for one in scored} == {-1.0}
    reason = reason_to_abstain(Assessment(asked, scored, (), 0.1), [hit], Filters())
    assert "What comes nearest did not appear in the days asked about." in reason
