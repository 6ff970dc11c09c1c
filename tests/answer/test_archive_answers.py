"""Answers from the catalog: counts, lists, summaries, and replies to small talk."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from rag.config import Settings
from rag.filters import Filters
from rag.generation.base import Piece
from rag.index.build import build
from rag.index.reader import Index
from rag.models.base import Encoder, Models
from rag.pipeline import OnRecord
from rag.types import Answer, Claim, Turn
from tests.conftest import SEEDS

ROWS = [
    ("ferry", "Ferry link to Skarvik", "2025-01-20", "Coast Weekly", ["Jo Bright"],
     "A ferry between Port Verity and Skarvik will run from 1 May. The operator has hired 62 people."),
    ("dredging", "Dredging halted", "2024-07-02", "Verity Courier", ["Ines Calloway"],
     "Dredging at Port Verity was halted on Monday after divers found two unexploded shells."),
    ("scallops", "Scallop catch falls", "2024-11-12", "Coast Weekly", ["Ines Calloway"],
     "Scallop landings at Port Verity fell by a third to 410 tonnes this season, said Moira Quill."),
    ("undated", "Okafor elected", None, None, [],
     "Tamsin Okafor was elected leader of the Port Verity council on Monday by 14 votes."),
]  # fmt: skip
TODAY = date(2025, 2, 4)


def row(*values: object) -> str:
    return json.dumps(dict(zip(("id", "title", "published", "publisher", "authors", "text"), values, strict=True)))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder, models: Models) -> OnRecord:
    folder = tmp_path_factory.mktemp("archive")
    (folder / "seeds").mkdir()
    (folder / "seeds/rows.jsonl").write_text("\n".join(row(*values) for values in ROWS), "utf-8")
    build(folder / "seeds", folder / "index", encoder)
    return OnRecord(folder / "index", Settings(seeds=folder / "seeds"), models)


@pytest.fixture(scope="module")
def seed_app(seed_index: Path, seed_archive: Index, models: Models) -> OnRecord:
    return OnRecord(seed_archive, Settings(index=seed_index, seeds=SEEDS), models)


def asked(app: OnRecord, question: str, filters: Filters | None = None) -> tuple[list[str], Answer]:
    """Return the ids of the articles cited, in order, and the answer, whose citations are exact."""
    answer = app.ask(question, filters=filters, asked_on=TODAY)
    assert (answer.status, answer.confidence, answer.hits, answer.generator) == ("answered", 1.0, (), "extractive")
    for citation in answer.citations:
        assert citation.quote
        assert citation.article.text[citation.start : citation.end] == citation.quote
    assert [claim.citations for claim in answer.claims] == [(c.n,) for c in answer.citations]
    return [citation.article.id for citation in answer.citations], answer


@pytest.mark.parametrize(
    ("question", "begins", "ids"),
    [
        ("How many articles are there?", "Four articles are in this archive", "ferry scallops dredging undated"),
        ("How many articles mention Tamsin Okafor?", "One of the four articles in this archive mentions", "undated"),
        ("How many articles mention ferries?", "One of the four", "ferry"),
        ("How many articles mention Port Verity?", "All four articles in this archive mention",
         "ferry scallops dredging undated"),
        ("How many articles mention copper?", "None of the four articles in this archive mentions “copper”.", ""),
        ("How many articles are by Ines Calloway?", "Two of the four", "scallops dredging"),
        ("How many articles are by Nobody Known?", "None of the four", ""),
        ("How many articles from Coast Weekly mention scallops?", "One of the four", "scallops"),
        ("How many articles were published in July 2024?", "One of the four", "dredging"),
        ("How many articles did Coast Weekly publish in 2024?", "One of the four", "scallops"),
        ("Which articles mention divers?", "One of the four", "dredging"),
        ("What is the newest article?", "The newest article, by publish date:", "ferry"),
        ("What is the oldest article?", "The oldest article, by publish date:", "dredging"),
        ("What has Ines Calloway reported?", "Two of the four", "scallops dredging"),
        ("What did Ines Calloway write about?", "Two of the four", "scallops dredging"),
        ("Who wrote about scallops?", "- *Scallop catch falls*, by Ines Calloway", "scallops"),
        ("What happened in July 2024?", "One article was published in July 2024:", "dredging"),
        ("What happened on 12 November 2024?", "One article was published on 12 November 2024:", "scallops"),
        ("Who wrote the article on the ferry link?", "- *Ferry link to Skarvik*, by Jo Bright", "ferry"),
        ("When was the article on the dredging published?", "- *Dredging halted*, published on 2 July", "dredging"),
        ("Which outlet published the article about scallops?", "- *Scallop catch falls*, from Coast", "scallops"),
        ("Summarize the articles", "Four articles, published from 2 July 2024 to 20 January 2025, 1 of unknown date:",
         "ferry scallops dredging undated"),
        ("Summarize the articles about scallops", "One article that mentions “scallops”", "scallops"),
    ],
)  # fmt: skip
def test_the_catalog_answers(app: OnRecord, question: str, begins: str, ids: str) -> None:
    cited, answer = asked(app, question)
    assert answer.text.startswith(begins)
    assert cited == ids.split()


def test_the_day_and_the_outlet_of_a_listed_article_are_given_as_far_as_they_are_known(app: OnRecord) -> None:
    _, answer = asked(app, "List all articles")
    assert "(Coast Weekly, 20 January 2025)" in answer.text
    assert answer.text.endswith("by 14 votes. [4]")


def test_who_writes_and_where(app: OnRecord) -> None:
    _, authors = asked(app, "Who writes the articles?")
    assert "- Ines Calloway: two articles\n- Jo Bright: one article\nOne article names no author." in authors.text
    _, of_one = asked(app, "Who writes for the Verity Courier?")
    assert of_one.text.split("\n")[1:] == ["- Ines Calloway: one article"]
    _, about = asked(app, "Which outlets reported on scallops?")
    assert about.text == "One outlet of articles that mention “scallops”:\n- Coast Weekly: one article"
    _, outlets = asked(app, "Which outlets are there?")
    assert outlets.text.startswith("Two outlets:\n- Coast Weekly: two articles\n- Verity Courier: one article")


def test_who_is_named(app: OnRecord) -> None:
    _, answer = asked(app, "Who is named in the articles?")
    assert {"Tamsin Okafor", "Moira Quill"} <= {citation.quote for citation in answer.citations}


def test_filters_hold(app: OnRecord) -> None:
    cited, answer = asked(app, "How many articles are there?", Filters(publisher="coast weekly", since="2025"))
    assert cited == ["ferry"]
    assert answer.text.startswith("One article passes these filters")
    cited, answer = asked(app, "Summarize the articles", Filters(author="Ines Calloway", until="2024-07"))
    assert cited == ["dredging"]


def test_of_many_articles_ten_are_listed(tmp_path: Path, encoder: Encoder, models: Models) -> None:
    (tmp_path / "seeds").mkdir()
    rows = [
        row(f"a{n:02}", f"Flood {n}", f"2024-05-{n:02}", None, [], f"Water rose by {n} metres.") for n in range(1, 14)
    ]
    (tmp_path / "seeds/rows.jsonl").write_text("\n".join(rows), "utf-8")
    build(tmp_path / "seeds", tmp_path / "index", encoder)
    cited, answer = asked(OnRecord(tmp_path / "index", Settings(), models), "How many articles mention water?")
    assert cited == [f"a{n:02}" for n in range(13, 3, -1)]
    assert answer.text.startswith("All 13 articles in this archive mention “water”:")
    assert answer.text.endswith("\n… and 3 more.")


def test_without_publish_dates_no_article_is_the_newest(seed_app: OnRecord) -> None:
    _, answer = asked(seed_app, "What is the newest article?")
    assert answer.text.startswith("None of the five articles in this archive carries a publish date")
    _, answer = asked(seed_app, "How many articles mention Sheinbaum?")
    assert answer.text.startswith("One of the five articles in this archive mentions “Sheinbaum”:\n- *Recent trade")


@pytest.mark.parametrize("question", ["What has Joan Nobody reported?", "What happened in May 2019?"])
def test_what_the_catalog_does_not_hold_is_searched_for(app: OnRecord, question: str) -> None:
    assert app.ask(question, asked_on=TODAY).hits


def test_small_talk_is_answered_with_what_can_be_asked(seed_app: OnRecord) -> None:
    cited, answer = asked(seed_app, "hi")
    assert not cited
    assert answer.text == (
        "Hello. I answer from the 5 articles in this archive and show the exact words behind every sentence. You could "
        "ask: “Is a Canada-US trade deal inching closer?”, “Summarize the articles”, “How many articles mention Donald "
        "Trump?”"
    )
    _, goodbye = asked(seed_app, "bye")
    assert goodbye.text == "Goodbye."


def test_every_question_that_a_reply_proposes_is_answered(seed_app: OnRecord, app: OnRecord) -> None:
    for one in (seed_app, app):
        proposed = one.ask("help", asked_on=TODAY).text.split("“")[1:]
        assert len(proposed) == 3
        assert all(one.ask(text.partition("”")[0], asked_on=TODAY).status == "answered" for text in proposed)


def test_a_question_after_a_greeting_is_answered_as_without_it(seed_app: OnRecord) -> None:
    plain, greeted = (seed_app.ask(f"{hello}how close is a deal on autos?") for hello in ("", "hi, "))
    assert greeted.text == plain.text
    assert greeted.question == "hi, how close is a deal on autos?"
    assert greeted.standalone_question == plain.standalone_question


def test_small_talk_is_no_part_of_what_a_follow_up_leans_on(seed_app: OnRecord) -> None:
    turns = [Turn("Who is Brian Kingston?"), Turn("thanks")]
    assert seed_app.ask("What does he expect?", turns).text == seed_app.ask("What does he expect?", turns[:1]).text


@pytest.mark.parametrize(
    "question", ["hi", "Summarize the articles", "Who is named in the articles?", "list the outlets"]
)
def test_a_reply_is_streamed_as_it_is_returned(app: OnRecord, question: str) -> None:
    events = list(app.stream(question, asked_on=TODAY, llm="local"))
    answer = events[-1]
    assert isinstance(answer, Answer)
    assert "".join(event.text for event in events if isinstance(event, Piece)).rstrip("\n") == answer.text
    assert tuple(event for event in events if isinstance(event, Claim)) == answer.claims
    assert answer.timings_ms["total"] > 0
