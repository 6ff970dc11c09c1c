"""`onrecord verify`: one sentence or a batch, against a text or the archive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rag.cli.main import main
from tests.cli.stdin import give_stdin

TEXT = "The harbour opened in 1912.\r\nTariffs of 25 per cent begin on November 1, officials said."
CARRIED = "Tariffs of 25 per cent begin on November 1"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_bytes(TEXT.encode())
    return path


def test_a_sentence_against_a_file_needs_no_index(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["verify", CARRIED, "--source", str(source), "--index", str(tmp_path / "none")]
    start = TEXT.index("Tariffs")
    assert main([*call, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "id": None,
        "support": "verbatim",
        "score": 1.0,
        "evidence": [start, start + len(CARRIED)],
    }
    assert main(call) == 0
    assert capsys.readouterr().out == f"verbatim (1.00): {source}, characters {start}–{start + len(CARRIED)}\n"


def test_without_a_source_the_archive_is_searched(seed_index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sentence = "over 75% of Canadian exports destined for the U.S. market"
    assert main(["verify", sentence, "--index", str(seed_index), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["support"], found["path"]) == ("verbatim", "003_ca2423bb0508c6d9.txt")
    assert main(["verify", "The lighthouse keeper won 17 medals.", "--index", str(seed_index), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["support"], found["evidence"], found["path"]) == ("unsupported", None, None)
    assert found["article_id"] is None


def batch(lines: list[Any], path: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, list[Any], str]:
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    status = main(["verify", "--batch", str(path), *more])
    out, err = capsys.readouterr()
    return status, [json.loads(line) for line in out.splitlines()], err


def test_a_batch_answers_in_order_and_no_row_stops_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"id": 1, "sentence": CARRIED, "source": TEXT},
        {"id": "empty", "sentence": " ", "source": TEXT},
        {"id": "long", "sentence": "a " * 50_000, "source": TEXT},
        {"id": "nothing"},
        {"id": "number", "sentence": 5, "source": TEXT},
        {"id": "list", "sentence": CARRIED, "source": [TEXT]},
        {"id": "no text", "sentence": CARRIED, "source": ""},
        {"id": "surrogate", "sentence": "Tariffs \ud800 begin", "source": "\udfff Tariffs begin."},
        {"sentence": "Tariffs of 35 per cent begin on November 1", "source": TEXT},
        "[1]",
        "{",
    ]
    status, found, err = batch(rows, tmp_path / "batch.jsonl", capsys, "--index", str(tmp_path / "none"))
    assert (status, err) == (1, "onrecord: 7 of 11 sentences were not checked: the error in each row says why\n")
    refused = {"support": "unsupported", "score": 0.0, "evidence": None}
    assert found[:7] == [
        {"id": 1, "support": "verbatim", "score": 1.0, "evidence": [29, 29 + len(CARRIED)]},
        {"id": "empty", **refused, "error": '"sentence" is empty: give one to verify'},
        {"id": "long", **refused, "error": '"sentence" has 100000 characters: give at most 10000'},
        {"id": "nothing", **refused, "error": '"sentence" is missing: give it as a text'},
        {"id": "number", **refused, "error": '"sentence" is not a text: give it as a text'},
        {"id": "list", **refused, "error": '"source" is not a text: give it as a text'},
        {"id": "no text", **refused},
    ]
    assert [row["id"] for row in found[7:]] == ["surrogate", None, None, None]
    assert found[8]["support"] == "unsupported"
    assert found[9] == {"id": None, **refused, "error": "line 10 is not a JSON object: correct it"}
    assert found[10]["error"].startswith("line 11 is not JSON (")


def test_a_batch_may_ask_the_archive(
    seed_index: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"id": "a", "sentence": "an auto sector deal with Canada is “not on the table right now.”", "source": None}
    give_stdin(monkeypatch, json.dumps(row))
    assert main(["verify", "--batch", "-", "--index", str(seed_index)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["id"], found["support"], found["path"]) == ("a", "verbatim", "000_8f4dada0abc948e8.txt")


@pytest.mark.parametrize(
    ("sentence", "content", "message"),
    [
        ("", b"text", "is empty"),
        ("a " * 50_000, b"text", "has 100000 characters"),
        ("So it is.", b"\xff\xfe\x00caf\xe9", "cannot be read as UTF-8 text"),
        ("So it is.", None, "cannot be read as UTF-8 text"),
    ],
)
def test_what_cannot_be_checked_is_reported_in_one_line(
    sentence: str, content: bytes | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    assert main(["verify", sentence, "--source", str(path)]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err


def test_a_missing_archive_is_reported_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, rows, err = batch([{"sentence": "So."}], tmp_path / "b.jsonl", capsys, "--index", str(tmp_path / "none"))
    assert (status, rows, err.count("\n")) == (1, [], 1)
    assert "no index" in err


@pytest.mark.parametrize(
    "call", [[], ["So.", "--batch", "-"], ["--batch", "-", "--source", "text.txt"], ["--source", "text.txt"]]
)
def test_wrong_usage(call: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["verify", *call])
    assert raised.value.code == 2
