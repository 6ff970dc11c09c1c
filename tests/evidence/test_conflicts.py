"""Conflicts between articles, updates, and differences that are neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.answer.disputes import arrange_dispute
from rag.config import Settings
from rag.evidence.conflicts import find_conflict, opposing_query
from rag.evidence.scoring import Features, ScoredSentence
from rag.index.reader import Index
from rag.models.base import Models
from rag.models.registry import load_answer_reader
from rag.pipeline import OnRecord
from rag.query.analysis import analyse
from rag.text.document import Sentence
from rag.types import Answer, Article, Citation, Claim, Disagreement, Evidence
from tests.conftest import SEEDS

FEATURES = Features(**{f.name: 1.0 for f in fields(Features)})
answer_reader = cache(load_answer_reader)
SCHOOLS = "How many schools did the flood close in Halifax?"


def scored(*texts: str, dates: Sequence[str | None] = (), scores: Sequence[float] = ()) -> list[ScoredSentence]:
    """One article for each sentence, all about the question."""
    found = []
    for n, text in enumerate(texts):
        article = Article(f"a{n}", f"a{n}.txt", text, published=dates[n] if dates else None)
        score = scores[n] if scores else 0.9 - n / 10
        sentence = Sentence(text, 0, len(text))
        found.append(ScoredSentence(Evidence(article, 0, len(text), score), sentence, FEATURES, (), ()))
    return found


def sides(question: str, *texts: str) -> list[list[str]]:
    """The articles of each side, by number."""
    found = find_conflict(analyse(question), scored(*texts), answer_reader())
    return [[e.article.id for e in side] for side in found.sides] if found else []


@pytest.mark.parametrize(
    ("question", "one", "other"),
    [
        (SCHOOLS, "The flood closed 12 schools in Halifax.", "In Halifax 20 schools were closed by the flood."),
        ("When was the Confederation Bridge opened?", "The Confederation Bridge was opened on 31 May 1997.",
         "The bridge opened on June 1, 1998, officials say."),
        ("What percentage of exports crosses the border?", "Over 75% of exports cross the border by truck.",
         "Of all exports, 60 per cent cross the border."),
        ("Who wrote the speech?", "The speech was written by Mark Carney.", "The speech was written by JD Vance."),
        ("What is the population of Moncton?", "Moncton has a population of 79,470.",
         "The city's population is 91,000."),
        ("How much did the repair of the canal cost?", "The repair cost $4 million.", "It cost $9 million to repair."),
    ],
)  # fmt: skip
def test_values_that_cannot_both_be_right_are_two_sides(question: str, one: str, other: str) -> None:
    assert sides(question, one, other) == [["a0"], ["a1"]]


@pytest.mark.parametrize(
    ("question", "one", "other"),
    [
        (SCHOOLS, "The flood closed 12 schools in Halifax.", "The flood closed twelve schools in Halifax."),
        (SCHOOLS, "The flood closed about 20 schools in Halifax.", "The flood closed 21 schools in Halifax."),
        (SCHOOLS, "The flood closed more than 20 schools in Halifax.", "The flood closed 21 schools in Halifax."),
        (SCHOOLS, "The flood closed 12 schools in Halifax.", "The flood closed 3 roads in Halifax."),
        ("What percentage of exports crosses the border?", "Over 75% of exports cross the border.",
         "Some 76 per cent of exports cross the border."),
        ("What percentage of exports crosses the border?", "Over 75% of exports cross the border.",
         "Exports worth $12 billion cross the border."),
        ("When was the Confederation Bridge opened?", "The bridge was opened on 31 May 1997.",
         "The bridge was opened in 1997."),
        ("When did Mark Carney meet Donald Trump?", "Carney met Trump on 6 May 2025.",
         "Carney met Trump on 7 October 2025."),
        ("Who wrote the speech?", "The speech was written by Mark Carney.", "Carney wrote the speech himself."),
        ("Who did Mark Carney call?", "Carney called Donald Trump.", "Carney called Claudia Sheinbaum."),
        ("Where is the summit?", "The summit is in South Korea.", "The summit is in Gyeongju."),
        # A name beside a word of the question is not yet an answer to it.
        ("Who is the leader of the union?", "The leader of the union, Brian Kingston, spoke in Ottawa.",
         "The leader of the union said on Monday that Ottawa would wait."),
        ("Who founded the museum?", "The museum was founded by Flavio Volpe.",
         "Since it was founded, the museum has lent its paintings to Ottawa and Mexico."),
        ("When is the cup final?", "Final 57 will be played at the stadium in Regina on Sunday.",
         "Final LVII will be played at the stadium in Regina on Sunday."),
    ],
)  # fmt: skip
def test_other_differences_are_no_disagreement(question: str, one: str, other: str) -> None:
    assert sides(question, one, other) == []


def test_a_wire_story_printed_twice_is_one_source() -> None:
    wire = "The flood closed 12 schools in Halifax on Monday, the city says."
    assert sides(SCHOOLS, wire, "Some 30 schools in Halifax were closed.", wire) == [["a0"], ["a1"]]


def test_one_article_cannot_disagree_with_itself() -> None:
    (one,) = scored("The flood closed 12 schools. The flood closed 20 schools in Halifax.")
    start = one.evidence.text.index("The flood closed 20")
    text = one.evidence.text
    first = replace(
        one, evidence=replace(one.evidence, end=start - 1), sentence=Sentence(text[: start - 1], 0, start - 1)
    )
    second = replace(
        one, evidence=replace(one.evidence, start=start), sentence=Sentence(text[start:], start, len(text))
    )
    assert find_conflict(analyse(SCHOOLS), [first, second], answer_reader()) is None


def test_one_sentence_with_another_name_is_a_disagreement() -> None:
    question = "Which city takes in the talks on lumber this autumn?"
    one = "The talks on lumber this autumn will be taken in by the city of Ottawa after all."
    assert sides(question, one, one.replace("Ottawa", "Washington")) == [["a0"], ["a1"]]
    assert sides(question, one, one.replace("after all", "in the end")) == []


@pytest.mark.parametrize(
    ("question", "one", "other"),
    [
        ("How close is a deal on lumber?", "A deal on lumber is “not on the table”.",
         "The two sides are making progress on lumber."),
        ("Are lumber exports rising?", "Lumber exports rose in May.", "Lumber exports did not rise at all."),
        ("Does the tariff help or hurt farmers?", "The tariff hurts farmers, a study says.",
         "Farmers benefit from the tariff, the ministry says."),
    ],
)  # fmt: skip
def test_opposite_directions_are_two_sides(question: str, one: str, other: str) -> None:
    assert sides(question, one, other) == [["a0"], ["a1"]]


@pytest.mark.parametrize(
    ("question", "one", "other"),
    [
        ("How close is a deal on lumber?", "A deal is “not on the table”.", "There is no progress on lumber."),
        ("How close is a deal on lumber?", "Talks on lumber have stalled.", "Ottawa hopes for progress on lumber."),
        ("How close is a deal on lumber?", "Talks on lumber have stalled.", "Progress on lumber may take years."),
        ("How close is a deal on lumber?", "Talks on lumber have stalled.", "There is progress on steel."),
        ("Did Howard Lutnick say a deal is close?", "A deal has stalled, Lutnick said.", "A deal is making progress."),
        ("What stalled the talks on lumber?", "Talks on lumber have stalled.", "There is progress on lumber."),
    ],
)  # fmt: skip
def test_only_opposite_directions_on_the_topic_are_two_sides(question: str, one: str, other: str) -> None:
    assert sides(question, one, other) == []


def test_the_opposite_of_the_best_sentence_is_searched_for() -> None:
    question = analyse("How close is a deal on lumber?")
    query = "How close is a deal on lumber? progress advancing advances"
    assert opposing_query(question, scored("Talks on lumber have stalled.")) == query
    assert opposing_query(question, scored("Talks on lumber go on.")) is None


@settings(deadline=None)
@given(
    st.lists(st.text(alphabet="ab 129%,.$May", max_size=30), min_size=1, max_size=5), st.sampled_from([SCHOOLS, "?"])
)
def test_every_side_is_another_article(texts: list[str], question: str) -> None:
    found = find_conflict(analyse(question), scored(*texts), answer_reader())
    assert found is None or len({side[0].article.id for side in found.sides}) == len(found.sides) > 1


# The answer

ONE, OTHER = "The flood closed 12 schools in Halifax.", "The flood closed 20 schools in Halifax."


def answer(found: Sequence[Evidence]) -> Answer:
    """An answer that cites these sentences, a claim each."""
    citations = tuple(Citation(n, e.article, e.start, e.end) for n, e in enumerate(found, 1))
    claims = tuple(Claim(c.quote, "verbatim", 1.0, (c.n,)) for c in citations)
    return Answer(SCHOOLS, SCHOOLS, "answered", "", 0.9, claims, citations, (), "extractive", 1)


def dispute_of(dates: Sequence[str | None], cited: int = 2, publisher: str | None = None) -> Answer:
    rows = scored(ONE, OTHER, dates=dates)
    rows = [
        replace(j, evidence=replace(j.evidence, article=replace(j.evidence.article, publisher=publisher))) for j in rows
    ]
    found = find_conflict(analyse(SCHOOLS), rows, answer_reader())
    assert found is not None
    got, lines = arrange_dispute(answer(found.evidence[:cited]), found)
    assert "\n".join(line.text for line in lines) == got.text
    return got


def test_without_dates_the_latest_is_unknown() -> None:
    got = dispute_of([None, None])
    assert (got.status, got.disagreements) == ("disputed", (Disagreement(SCHOOLS, ((1,), (2,))),))
    assert got.text == (
        f"The articles disagree.\n- {ONE} [1]\n- {OTHER} [2]\n\n"
        "None of these articles carries a publish date, so which is the latest cannot be told."
    )


def test_articles_of_one_day_disagree_and_name_outlet_and_day() -> None:
    got = dispute_of(["2025-10-07", "2025-10-07"], publisher="CTV News")
    assert got.status == "disputed"
    assert got.text == (
        f"The articles disagree.\n- {ONE} [1] (CTV News, 7 October 2025)\n- {OTHER} [2] (CTV News, 7 October 2025)"
    )


def test_a_later_article_updates_an_earlier_one() -> None:
    got = dispute_of(["2025-10-09", "2025-10-07T08:00:00Z"])
    assert (got.status, got.disagreements) == ("answered", ())
    assert got.text == f"{OTHER} [2]\nLater, on 9 October 2025: {ONE} [1]"


def test_one_date_alone_orders_nothing() -> None:
    got = dispute_of(["2025-10-09", None])
    assert got.status == "disputed"
    assert got.text.endswith("Not all of these articles carry a publish date, so which is the latest cannot be told.")


def test_an_answer_that_cannot_change_is_disputed_whatever_the_dates() -> None:
    question = "Who wrote the speech?"
    rows = scored("The speech was written by Mark Carney.", "The speech was written by JD Vance.",
                  dates=["2025-10-07", "2025-10-09"])  # fmt: skip
    found = find_conflict(analyse(question), rows, answer_reader())
    assert found is not None
    assert arrange_dispute(answer(found.evidence), found)[0].status == "disputed"


def test_a_side_that_was_left_out_is_added_in_its_own_words() -> None:
    got = dispute_of([None, None], cited=1)
    assert got.disagreements == (Disagreement(SCHOOLS, ((1,), (2,))),)
    assert [(c.n, c.quote) for c in got.citations] == [(1, ONE), (2, OTHER)]
    assert got.claims[1] == Claim(f"*{OTHER[:-1]}.*: {OTHER}", "verbatim", 1.0, (2,))


@pytest.fixture(scope="module")
def app(seed_index: Path, seed_archive: Index, models: Models) -> OnRecord:
    return OnRecord(seed_archive, Settings(index=seed_index, seeds=SEEDS), models)


def test_the_seeds_disagree_on_how_close_a_deal_is(app: OnRecord) -> None:
    got = app.ask("How close is a deal on autos?")
    assert got.status == "disputed"
    ((one,), (other,)) = got.disagreements[0].sides
    assert "“not on the table right now.”" in got.citations[one - 1].quote
    assert "are advancing sector-specific trade discussions" in got.citations[other - 1].quote
    assert got.text.startswith("The articles disagree.\n- Howard Lutnick, in *")
    assert got.text.endswith("None of these articles carries a publish date, so which is the latest cannot be told.")


@pytest.mark.parametrize(
    "question", ["What percentage of Canada's exports go to the United States?", "Who is Brian Kingston?"]
)
def test_one_answer_from_the_seeds_is_not_disputed(app: OnRecord, question: str) -> None:
    got = app.ask(question)
    assert (got.status, got.disagreements) == ("answered", ())
