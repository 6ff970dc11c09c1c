"""The chart of the archive: it takes outlets for text, and says what it cannot show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag.index.build import build
from rag.index.statistics import coverage
from rag.models.base import Encoder
from ui.parts import coverage_chart

HOSTILE = '<img src="http://203.0.113.1/a.png" onerror="alert(1)">'


def put(folder: Path, *records: dict[str, str]) -> None:
    lines = [json.dumps({"id": str(n), "text": "Rain fell.", **r}) for n, r in enumerate(records)]
    (folder / "all.jsonl").write_text("\n".join(lines), encoding="utf-8")


def test_nothing_that_an_article_says_is_in_the_description(
    archive: Path, index_path: Path, hash_encoder: Encoder
) -> None:
    words = {"title": HOSTILE, "publisher": HOSTILE}
    put(archive, {**words, "published": "2025-03-01"}, {**words, "published": "2025-05-01"})
    build(archive, index_path, hash_encoder)
    counts = coverage(index_path)
    rows = coverage_chart._rows(counts.bars)
    assert [row["outlet"] for row in rows] == [HOSTILE] * 2
    assert "img" not in json.dumps([coverage_chart.by_date(counts), coverage_chart.by_outlet()])
    # The hover card of Vega makes a picture of a column of this name, and a heading of the other.
    assert not {"image", "title"} & set().union(*rows)


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([{}, {}], "No article gives its publish date or its outlet, so there is no chart of them."),
        ([{"publisher": "A"}, {}], "2 of 2 articles without a publish date; 1 of 2 articles without an outlet."),
        ([{"publisher": "A", "published": "2025-03-01"}], "1 article, with date and outlet."),
    ],
)
def test_what_is_missing_is_said(
    archive: Path, index_path: Path, hash_encoder: Encoder, records: list[dict[str, str]], words: str
) -> None:
    put(archive, *records)
    build(archive, index_path, hash_encoder)
    assert coverage_chart.missing_facts(coverage(index_path)) == words
