"""Batches: every line gets a row, a bad one says why, and the exit status reports that there was one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rag import pipeline
from rag.cli.main import main
from rag.models.base import Encoder
from tests.cli.stdin import give_stdin
from tests.cli.test_cli import ANSWER_KEYS

BOM = b"\xef\xbb\xbf"
GOOD = {"id": "good", "question": "Who is Brian Kingston?"}
BAD = [
    (b"{", None, "line 1 is not JSON ("),
    (b'{"id": 1, "question": "caf\xe9"}', None, "line 1 is not UTF-8 text: save the file as UTF-8"),
    (b"[1]", None, "line 1 is not a JSON object: correct it"),
    (b'"Who?"', None, "line 1 is not a JSON object: correct it"),
    (b"[" * 100_000, None, "line 1 is not JSON ("),
    (b'{"id": 5}', 5, 'line 1 has no "question": give it as a text'),
    (b'{"id": 6, "question": 6}', 6, '"question" in line 1 is 6: give it as a text'),
    (b'{"id": "e", "question": " "}', "e", "the question is empty: "),
    (json.dumps({"id": {"n": 1}, "question": "x" * 9_000}).encode(), {"n": 1}, "the question has 9,000 characters: "),
    (b'{"id": 7, "question": "Who?", "history": "Who?"}', 7, "the history is 'Who?': give a list of questions"),
    (b'{"id": 8, "question": "Who?", "history": {"role": "user"}}', 8, "the history is {'role': 'user'}: give a list"),
    (b'{"id": 9, "question": "Who?", "history": [3]}', 9, "the history holds 3: give questions, or objects with"),
    (b'{"id": 9, "question": "Who?", "history": [{"content": "Who?"}]}', 9, "the history holds {'content': 'Who?'}:"),
    (b'{"id": 9, "question": "Who?", "history": [" "]}', 9, "the question is empty: "),
    (b'{"id": 10, "question": "Who?", "date": "soon"}', 10, "\"date\" in line 1 is 'soon': give the day it is asked"),
    (b'{"id": 11, "question": "Who?", "date": 2025}', 11, '"date" in line 1 is 2025: give the day it is asked'),
]


@pytest.fixture(autouse=True)
def one_encoder(encoder: Encoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The embedded encoder, loaded once for all commands; no onrecord.toml or environment of the machine."""
    monkeypatch.setattr(pipeline, "load_encoder", lambda name: encoder)
    monkeypatch.chdir(tmp_path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[Any], str]:
    status = main(arguments)
    out, err = capsys.readouterr()
    return status, [json.loads(line) for line in out.split("\n") if line], err


@pytest.mark.parametrize(("line", "id", "reason"), BAD)
def test_a_bad_question_gets_an_answer_that_says_why_and_stops_nothing(
    line: bytes, id: Any, reason: str, capsys: pytest.CaptureFixture[str], seed_index: Path, tmp_path: Path
) -> None:
    (tmp_path / "q.jsonl").write_bytes(line + b"\n" + json.dumps(GOOD).encode())
    status, (bad, good), err = run(capsys, "ask", "--batch", "q.jsonl", "--index", str(seed_index))
    assert set(bad) == ANSWER_KEYS
    assert (bad["id"], bad["status"], bad["notice"], bad["claims"]) == (id, "abstained", "not asked", [])
    assert bad["text"].startswith(reason)
    assert (good["id"], good["status"]) == ("good", "answered")
    assert status == 1
    assert err == "onrecord: 1 of 2 questions were not asked: the text in each row says why\n"


@pytest.mark.parametrize("source", ["q.jsonl", "-"])
def test_a_byte_order_mark_and_empty_lines_are_passed_over(
    source: str,
    capsys: pytest.CaptureFixture[str],
    seed_index: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = BOM + b"\n" + json.dumps(GOOD).encode() + b"\r\n \n"
    (tmp_path / "q.jsonl").write_bytes(content)
    give_stdin(monkeypatch, content)
    status, rows, err = run(capsys, "ask", "--batch", source, "--index", str(seed_index))
    assert [(row["id"], row["status"]) for row in rows] == [("good", "answered")]
    assert (status, err) == (0, "")


def test_no_line_end_but_the_line_feed_ends_a_row(
    capsys: pytest.CaptureFixture[str], seed_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_stdin(monkeypatch, json.dumps({"id": 1, "query": "lumber\u2028\x85prices"}, ensure_ascii=False))
    status, rows, _ = run(capsys, "search", "--batch", "-", "--index", str(seed_index))
    assert (status, [row["id"] for row in rows]) == (0, [1])


def test_a_row_that_holds_half_a_character_keeps_it(
    capsys: pytest.CaptureFixture[str], seed_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_stdin(monkeypatch, '{"id": "\\ud800", "query": "lumber \\udfff"}')
    status, rows, _ = run(capsys, "search", "--batch", "-", "--index", str(seed_index))
    assert (status, [(row["id"], row["query"]) for row in rows]) == (0, [("\ud800", "lumber \udfff")])


def test_a_bad_query_gets_a_row_without_hits(
    capsys: pytest.CaptureFixture[str], seed_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["[]", '{"id": 2, "query": ""}', '{"id": 3, "query": "a deal", "date": "soon"}', '{"id": 4, "query": []}']
    give_stdin(monkeypatch, "\n".join([*lines, '{"id": 5, "query": "lumber"}']))
    status, rows, err = run(capsys, "search", "--batch", "-", "--index", str(seed_index))
    assert [(row["id"], row["query"], row["hits"]) for row in rows[:4]] == [
        (None, "", []),
        (2, "", []),
        (3, "a deal", []),
        (4, "", []),
    ]
    assert [row["error"].partition(":")[0] for row in rows[:4]] == [
        "line 1 is not a JSON object",
        "the question is empty",
        "\"date\" in line 3 is 'soon'",
        '"query" in line 4 is []',
    ]
    assert set(rows[4]) == {"id", "query", "hits"}
    assert (status, err) == (1, "onrecord: 4 of 5 queries were not searched: the error in each row says why\n")


def test_a_batch_that_cannot_be_opened_ends_in_one_line(
    capsys: pytest.CaptureFixture[str], seed_index: Path, tmp_path: Path
) -> None:
    for name in ("nowhere.jsonl", "."):
        status, rows, err = run(capsys, "ask", "--batch", name, "--index", str(seed_index))
        assert (status, rows, err.count("\n")) == (1, [], 1)
        assert f"{name} cannot be read" in err


def test_each_row_is_answered_before_the_next_one_is_given(seed_index: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rag", "verify", "--batch", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for id in (1, 2):
            process.stdin.write(
                json.dumps({"id": id, "sentence": "It rained.", "source": "It rained."}).encode() + b"\n"
            )
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == id
        process.stdin.close()
        assert process.wait(30) == 0
