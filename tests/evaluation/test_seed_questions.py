"""The question set over the seeds says what it claims: every quote is there, every count is right."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

from rag.types import Article

ROOT = Path(__file__).resolve().parents[2]
SEEDS = ROOT / "seeds"
SET = ROOT / "eval" / "sets" / "seeds"

MINIMUM = {
    "fact": 18,
    "number": 10,
    "date": 10,
    "who_said": 16,
    "several": 12,
    "disagree": 6,
    "unanswerable_offtopic": 8,
    "unanswerable_ontopic": 16,
    "false_premise": 12,
    "followup": 14,
}
SEVERAL_SOURCES = {"several", "disagree"}
UNANSWERABLE = {"unanswerable_offtopic", "unanswerable_ontopic", "false_premise"}
FIELDS = {"id": str, "kind": str, "question": str, "history": list, "gold": list, "need": int, "half": str}

Row = dict[str, Any]
ROWS: list[Row] = [json.loads(line) for line in (SET / "questions.jsonl").read_text("utf-8").splitlines()]


@cache
def source(path: str) -> str:
    return (SEEDS / path).read_text("utf-8")


@cache
def article(path: str) -> Article:
    from rag.ingest.cleaning import clean
    from rag.ingest.loaders import Source, article_id

    return clean(Source(id=article_id(path), path=path, kind="text", text=source(path)))


@cache
def sentences_of(path: str, quote: str) -> frozenset[tuple[str, int]]:
    """The sentences of the cleaned article that `quote` stands in, as (path, start)."""
    from rag.text.sentences import sentences

    text = article(path).text
    start = text.index(quote)
    end = start + len(quote)
    return frozenset((path, s) for s, e in sentences(text) if s < end and start < e)


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def longest_shared_run(a: list[str], b: list[str]) -> int:
    """Length of the longest run of words that stands in both."""
    runs_b = {tuple(b[i:j]) for i, j in combinations(range(len(b) + 1), 2)}
    return max((j - i for i, j in combinations(range(len(a) + 1), 2) if tuple(a[i:j]) in runs_b), default=0)


def test_ids_are_numbered_in_order() -> None:
    assert [row["id"] for row in ROWS] == [f"s{n:03d}" for n in range(1, len(ROWS) + 1)]


def test_no_question_is_asked_twice() -> None:
    asked = Counter((tuple(words(row["question"])), tuple(row["history"])) for row in ROWS)
    assert [question for question, times in asked.items() if times > 1] == []


def test_every_kind_has_its_minimum() -> None:
    counts = Counter(row["kind"] for row in ROWS)
    assert set(counts) == set(MINIMUM)
    assert {kind: counts[kind] for kind in MINIMUM if counts[kind] < MINIMUM[kind]} == {}


def test_schema() -> None:
    for row in ROWS:
        assert set(row) == {*FIELDS, "answer"}, row["id"]
        assert {name: type(row[name]) for name in FIELDS} == FIELDS, row["id"]
        assert row["half"] in ("tune", "test"), row["id"]
        assert row["question"] == row["question"].strip() != "", row["id"]
        assert all(type(turn) is str and turn.strip() for turn in row["history"]), row["id"]
        assert all(set(gold) == {"path", "quote"} for gold in row["gold"]), row["id"]


def test_kind_agrees_with_need_gold_answer_and_history() -> None:
    for row in ROWS:
        kind, need, history = row["kind"], row["need"], row["history"]
        expected = 0 if kind in UNANSWERABLE else 2 if kind in SEVERAL_SOURCES else 1
        assert need in ((0, 1) if kind == "followup" else (expected,)), row["id"]
        assert need <= len({gold["path"] for gold in row["gold"]}), row["id"]
        assert (need > 0) is bool(row["gold"]) is (row["answer"] is not None), row["id"]
        assert len(history) in ((1, 2, 3) if kind == "followup" else (0,)), row["id"]


def test_gold_is_exact_and_found_once() -> None:
    for row in ROWS:
        quotes = [gold["quote"] for gold in row["gold"]]
        assert len(set(quotes)) == len(quotes), row["id"]
        assert all("\n" not in quote for quote in quotes), row["id"]
        assert [source(gold["path"]).count(gold["quote"]) for gold in row["gold"]] == [1] * len(quotes), row["id"]


def test_gold_is_part_of_one_sentence() -> None:
    for row in ROWS:
        assert [len(sentences_of(gold["path"], gold["quote"])) for gold in row["gold"]] == [1] * len(row["gold"]), row[
            "id"
        ]


def test_gold_survives_cleaning() -> None:
    for row in ROWS:
        for gold in row["gold"]:
            cleaned = article(gold["path"])
            assert gold["quote"] in cleaned.text, row["id"]
            assert [line.text for line in cleaned.removed if gold["quote"] in line.text] == [], row["id"]


def test_cleaning_removes_what_must_not_be_gold() -> None:
    """Keeps the test above honest: the titles and forms of the seeds are indeed gone from the cleaned text."""
    assert "Leave a Reply" not in article("000_8f4dada0abc948e8.txt").text
    assert "inching closer" not in article("003_ca2423bb0508c6d9.txt").text
    assert "Carney Defends Canada’s Role" not in article("004_74d21da2cd19e92c.txt").text


def test_wording_is_not_copied_from_the_gold() -> None:
    for row in ROWS:
        runs = [longest_shared_run(words(row["question"]), words(gold["quote"])) for gold in row["gold"]]
        assert max(runs, default=0) <= 6, row["id"]


def test_every_kind_is_split_evenly() -> None:
    counts = Counter((row["kind"], row["half"]) for row in ROWS)
    assert {kind: counts[kind, "tune"] - counts[kind, "test"] for kind in MINIMUM} == dict.fromkeys(MINIMUM, 0)
    unanswerable = Counter(row["half"] for row in ROWS if row["kind"] == "followup" and row["need"] == 0)
    assert abs(unanswerable["tune"] - unanswerable["test"]) == 1


def test_one_source_questions_on_the_same_sentence_share_a_half() -> None:
    halves: dict[tuple[str, int], set[str]] = {}
    for row in ROWS:
        if row["need"] == 1:
            for gold in row["gold"]:
                for sentence in sentences_of(gold["path"], gold["quote"]):
                    halves.setdefault(sentence, set()).add(row["half"])
    assert [sentence for sentence, found in halves.items() if len(found) > 1] == []


def test_readme_counts_are_those_of_the_file() -> None:
    table = re.findall(r"^\| (\w+) \| (\d+) \| (\d+) \| (\d+) \|", (SET / "README.md").read_text("utf-8"), re.MULTILINE)
    counts = Counter((row["kind"], row["half"]) for row in ROWS)
    expected = [(kind, counts[kind, "tune"], counts[kind, "test"]) for kind in MINIMUM]
    assert [(kind, int(tune), int(test)) for kind, tune, test, _ in table] == expected
    assert [int(both) for *_, both in table] == [tune + test for _, tune, test in expected]
