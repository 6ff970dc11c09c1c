"""Near-duplicates among hits: the same wire story in several outlets is one hit, which lists the others."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.config import Settings
from rag.index.build import build
from rag.models.base import Models
from rag.models.registry import load_answer_reader
from rag.pipeline import OnRecord
from rag.retrieval.near_duplicates import MIN_REPEATED_SHARE, SHINGLE_WORDS, fold_near_duplicates, shingles
from rag.types import Article, Hit, Passage
from tests.conftest import HashEncoder

STORY = (
    "The ferry to Grand Manan will not sail before Thursday, the company said, because a pump of its engine failed "
    "on Monday night. Passengers who had booked get their money back, and the mail goes by plane."
)
WIRE = [
    {"id": "coast", "title": "Ferry stays in port", "publisher": "The Coast", "published": "2025-03-01", "text": STORY},
    {"id": "gazette", "title": "No ferry until Thursday", "published": "2025-03-02", "text": f"(Wire) {STORY}"},
    {"id": "herald", "title": "Ferry out of service", "publisher": "The Herald", "text": STORY.upper()},
    {"id": "globe", "text": STORY},
    {"id": "post", "text": f"{STORY} (Wire)"},
    {"id": "denied", "text": "The ferry company denied that the ferry will sail, and spoke of a Thursday in May."},
]


def hits(*texts: str, articles: str = "") -> list[Hit]:
    """Return a hit for each text, in the article with the letter at its place, or in an article of its own."""
    names = articles or [str(n) for n in range(len(texts))]
    made = (Article(name, f"{name}.txt", text) for name, text in zip(names, texts, strict=True))
    return [Hit(n, 1 / n, Passage(article, 0, len(article.text))) for n, article in enumerate(made, start=1)]


def found(listed: list[Hit]) -> list[tuple[int, str, list[str]]]:
    return [(hit.rank, hit.passage.article.id, [a.id for a in hit.also_in]) for hit in listed]


def test_a_passage_that_repeats_a_better_one_is_folded_into_it() -> None:
    listed = fold_near_duplicates(
        hits(STORY, "The mail goes by plane.", f"{STORY.upper()} END", "Rain fell on the island.")
    )
    assert found(listed) == [(1, "0", ["1", "2"]), (2, "3", [])]
    assert [passage.text for passage in listed[0].also] == ["The mail goes by plane.", f"{STORY.upper()} END"]
    assert [hit.score for hit in listed] == [1, 1 / 4]


def test_a_passage_that_says_more_than_a_better_one_stays() -> None:
    assert found(fold_near_duplicates(hits("The mail goes by plane.", STORY))) == [(1, "0", []), (2, "1", [])]


def test_passages_of_one_article_are_not_folded() -> None:
    assert found(fold_near_duplicates(hits(STORY, STORY, articles="aa"))) == [(1, "a", []), (2, "a", [])]


def test_four_of_five_shingles_are_enough_and_fewer_are_not() -> None:
    better = "a b c d e f g"
    assert (SHINGLE_WORDS, MIN_REPEATED_SHARE) == (4, 0.8)
    assert len(shingles(better)) == 4
    assert found(fold_near_duplicates(hits(better, f"{better} x"))) == [(1, "0", ["1"])]  # 4 of 5
    assert found(fold_near_duplicates(hits(better, "b c d e f g x"))) == [(1, "0", []), (2, "1", [])]  # 3 of 4
    assert found(fold_near_duplicates(hits("A, b?", "a b", "b a"))) == [(1, "0", ["1"]), (2, "2", [])]


TEXTS = st.lists(st.sampled_from("abc"), min_size=0, max_size=9).map(" ".join)


@given(st.lists(st.tuples(TEXTS, st.sampled_from("pqrst")), max_size=9))
def test_folding_keeps_the_order_loses_nothing_and_needs_one_pass(rows: list[tuple[str, str]]) -> None:
    given_hits = hits(*(text for text, _ in rows), articles="".join(article for _, article in rows))
    listed = fold_near_duplicates(given_hits)
    passages = [hit.passage for hit in given_hits]
    kept = [hit.passage for hit in listed]
    assert [hit.rank for hit in listed] == list(range(1, len(listed) + 1))
    assert [hit.score for hit in listed] == sorted((hit.score for hit in listed), reverse=True)
    assert kept[:1] == passages[:1]
    everything = Counter(id(passage) for hit in listed for passage in (hit.passage, *hit.also))
    assert everything == Counter(map(id, passages))
    assert fold_near_duplicates(listed) == listed


@pytest.fixture
def wire(archive: Path, index_path: Path, hash_encoder: HashEncoder) -> OnRecord:
    (archive / "wire.jsonl").write_text("".join(json.dumps(row) + "\n" for row in WIRE), "utf-8")
    build(archive, index_path, hash_encoder)
    return OnRecord(index_path, Settings(seeds=archive), Models(hash_encoder, load_answer_reader()))


def test_a_story_of_five_outlets_is_listed_once_and_the_list_is_filled_up(wire: OnRecord) -> None:
    query = "the engine pump that failed on Monday night, and the money of passengers"
    ranked = [hit.passage.article.id for hit in wire.search(query)]
    assert ranked == ["coast", "post", "globe", "herald", "gazette", "denied"]
    listed = [(1, "coast", ["post", "globe", "herald", "gazette"]), (2, "denied", [])]
    assert found(wire.distinct(query, k=2)) == listed  # the first four passages, looked at first, are all of the story
    assert found(wire.distinct(query, k=10)) == listed  # there are no more
    assert found(wire.distinct(query, k=1)) == [(1, "coast", ["post"])]  # two were looked at
    assert wire.search(query, k=1)[0].also == ()
