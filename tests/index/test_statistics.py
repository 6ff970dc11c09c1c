"""The archive as a whole: counted by date and outlet, and laid out as a map; and that charts take titles for text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rag.index.build import build
from rag.index.statistics import OTHERS, Bar, coverage, projected, story_map
from rag.models.base import Encoder
from ui.parts import overview

HOSTILE = '<img src="http://203.0.113.1/a.png" onerror="alert(1)">'


def put(folder: Path, *records: dict[str, str]) -> None:
    lines = [json.dumps({"id": str(n), "text": "Rain fell.", **r}) for n, r in enumerate(records)]
    (folder / "all.jsonl").write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize(
    ("days", "unit", "periods", "undated"),
    [
        (["2025-03-01", "2025-03-01", "2025-03-20"], "day", ["2025-03-01", "2025-03-20"], 0),
        (["2025-03-01", "2025-06-20", "2025"], "month", ["2025-03", "2025-06"], 1),
        (["2001-03-01", "2025-06-20"], "year", ["2001", "2025"], 0),
        (["", ""], "day", [], 2),
    ],
)
def test_the_unit_follows_the_span(
    archive: Path,
    index_path: Path,
    hash_encoder: Encoder,
    days: list[str],
    unit: str,
    periods: list[str],
    undated: int,
) -> None:
    put(archive, *({"published": day} for day in days))
    build(archive, index_path, hash_encoder)
    counts = coverage(index_path)
    assert (counts.unit, [bar.period for bar in counts.bars], counts.undated) == (unit, periods, undated)
    assert sum(bar.articles for bar in counts.bars) + counts.undated == counts.total == len(days)


def test_outlets_are_compared_as_read_and_small_ones_counted_together(
    archive: Path, index_path: Path, hash_encoder: Encoder
) -> None:
    large = [{"publisher": f"Outlet {n}"} for n in range(6)] * 2
    put(archive, *large, {"publisher": "outlet 0 "}, {"publisher": "Small"}, {"publisher": "Tiny"}, {})
    build(archive, index_path, hash_encoder)
    outlets = coverage(index_path).outlets
    assert outlets[0] == Bar("", "Outlet 0", 3)
    rest = {(bar.outlet, bar.articles) for bar in outlets[1:]}
    assert rest == {*((f"Outlet {n}", 2) for n in range(1, 6)), (OTHERS, 2), (None, 1)}


def test_what_is_alike_lies_near_each_other(archive: Path, index_path: Path, encoder: Encoder) -> None:
    harbour = ["The harbour takes ships and cargo.", "Ships and cargo wait in the harbour."]
    budget = ["Parliament passed the tax and the budget.", "The budget has a new tax, parliament heard."]
    put(archive, *({"text": text, "title": text} for text in harbour + budget))
    build(archive, index_path, encoder)
    places, total = story_map(index_path)
    at = {place.id: np.array([place.x, place.y]) for place in places}
    assert (len(places), total) == (4, 4)
    nearest = {one: min(at.keys() - {one}, key=lambda other: float(np.linalg.norm(at[one] - at[other]))) for one in at}
    assert nearest == {"0": "1", "1": "0", "2": "3", "3": "2"}
    assert story_map(index_path, limit=2)[0][1].id == "2"
    assert story_map(index_path) == (places, total)


@settings(deadline=None)
@given(arrays(np.float32, st.tuples(st.integers(1, 12), st.just(8)), elements=st.floats(-1, 1, width=32)))
def test_any_vectors_have_a_place(vectors: np.ndarray) -> None:
    flat = projected(vectors)
    assert flat.shape == (len(vectors), 2)
    assert np.isfinite(flat).all()
    assert np.abs(flat).max() <= 1


def test_nothing_that_an_article_says_is_part_of_a_chart(
    archive: Path, index_path: Path, hash_encoder: Encoder
) -> None:
    words = {"title": HOSTILE, "publisher": HOSTILE, "published": "2025-03-01"}
    put(archive, words, {**words, "published": "2025-05-01"}, {"title": HOSTILE, "published": "2025-04-01"})
    build(archive, index_path, hash_encoder)
    counts, (places, _) = coverage(index_path), story_map(index_path)
    rows = overview.points(places)
    assert [row["article"] for row in rows] == [HOSTILE] * 3
    specs = [overview.by_date(counts), overview.by_outlet(), overview.map_spec(outlets=True)]
    assert "img" not in json.dumps(specs)
    # The hover card of Vega makes a picture of a column of this name, and a heading of the other.
    assert not {"image", "title"} & set().union(*rows)


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ([{}, {}], "None of the 2 articles carries a publish date or names its outlet, so there is no coverage"),
        ([{"publisher": "A"}, {}], "2 of 2 articles carry no publish date; 1 of 2 do not name"),
        ([{"publisher": "A", "published": "2025-03-01"}], "1 article, each with its date and outlet."),
    ],
)
def test_what_is_not_known_is_said(
    archive: Path, index_path: Path, hash_encoder: Encoder, records: list[dict[str, str]], told: str
) -> None:
    put(archive, *records)
    build(archive, index_path, hash_encoder)
    assert overview.unknown(coverage(index_path)).startswith(told)
