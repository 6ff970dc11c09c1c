"""Questions that articles ask, and the sections under them."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from eval.benchmarks.explainers import questions_in, run, tables
from eval.datasets.sections import Section, section_groups, sections
from rag.evidence.scoring import SentenceScorer
from rag.index.build import build
from rag.index.reader import Index
from rag.models.base import Encoder
from rag.models.registry import load_answer_reader

ARTICLE = """The ferry of Narvik will not sail before the spring, the county said on Monday.

Why does the ferry not sail?

A crack was found in the hull during an inspection.
The yard needs a part that is made in one place only.
It is on its way.
The part costs two million crowns.

Who pays for the repair?

The county pays half of the sum, the owner the other half.
"""


def test_a_section_ends_at_the_next_question_and_is_read_three_lines_deep() -> None:
    why, who = sections(ARTICLE)
    lines = [line for line in ARTICLE.split("\n") if line]
    assert why == Section(lines[1], tuple(lines[2:5]), (lines[0], lines[7]))
    assert who == Section(lines[6], (lines[7],), (lines[0], *lines[2:6]))


@pytest.mark.parametrize(
    "text",
    [
        "Would you like our newsletter?\nIt comes every day, and it costs you nothing at all.",
        "The ferry will not sail, will it?\nA crack was found in the hull during an inspection.",
        "Why now?\nA crack was found in the hull during an inspection.",
        "Who pays for the repair?\nThe county does.",
        "Why does the ferry not sail?\nMayor: A crack was found in the hull during an inspection.",
        "Which one sank first of them all?\nA. the ferry of Narvik\nB. the county\nC. the hull of the other ferry",
    ],
)
def test_what_is_no_question_with_an_answer_is_no_section(text: str) -> None:
    assert list(sections(text)) == []


@pytest.fixture
def index(archive: Path, index_path: Path, hash_encoder: Encoder) -> Index:
    other = "The ferry of Bergen does not sail either.\n\nIts captain is ill, and nobody else may steer it."
    form = "Who pays for this page?\n\nThe readers pay for what you see here every day."
    for name, text in {"a": ARTICLE, "b": other, **{f"form{n}": form for n in range(3)}}.items():
        (archive / f"{name}.md").write_text(f"# Of {name}\n\n{text}", encoding="utf-8")
    build(archive, index_path, hash_encoder)
    return Index.open(index_path, hash_encoder)


def test_each_question_has_its_section_and_sentences_of_elsewhere(index: Index) -> None:
    with index.snapshot() as snap:
        groups = section_groups(snap, set(), ["Who pays the bill?"], Random(1))
        assert groups == section_groups(snap, set(), ["Who pays the bill?"], Random(1))
        assert section_groups(snap, {article.id for article in snap.articles()}, [], Random(1)) == []
        (only,) = section_groups(snap, set(), ["Who pays for the repair?"], Random(1))
    assert [group.question for group in groups] == ["Why does the ferry not sail?", "Who pays for the repair?"]
    assert only == groups[0]
    why = groups[0]
    assert [sentence.text for sentence in why.good] == ARTICLE.split("\n")[4:7]
    assert {s.text for s in why.bad} <= set(ARTICLE.split("\n")) | {
        "The ferry of Bergen does not sail either.",
        "Its captain is ill, and nobody else may steer it.",
    }
    assert {s.title for s in why.bad} == {"Of a", "Of b"}  # of the latter what has the question's words
    assert not {s.text for s in why.bad} & {"It is on its way.", "The part costs two million crowns."}


def test_a_question_is_put_to_its_own_article(index: Index, hash_encoder: Encoder) -> None:
    with index.snapshot() as snap:
        (article,) = (article for article in snap.articles() if "Narvik" in article.text)
        asked = questions_in(snap, [article.id, "not there"])
        assert [part for _, part in asked] == list(sections(article.text))
        reported: list[tuple[int, int]] = []
        result = run(
            SentenceScorer(hash_encoder, load_answer_reader()),
            asked,
            "set",
            lambda done, total: reported.append((done, total)),
        )
    assert reported == [(1, 2), (2, 2)]
    assert [row["kind"] for row in result["results"]] == ["why", "who"]
    half = result["results"][0]["half"]
    measured = result["measures"][half]
    assert measured["n"] == 2
    assert measured["first"] == sum(row["first"] for row in result["results"]) / 2
    assert 0 < measured["precision"] <= 1
    assert all(row["first"] <= row["among"] for row in result["results"])
    assert not set(result["measures"][{"tune": "test", "test": "tune"}[half]].values()) - {0}
    assert "crack" not in str(result)
    assert len(tables(result)[0].rows) == 4
