"""The command line as scripts see it: stdout, stderr, exit status, JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rag import pipeline
from rag.cli import main, output
from rag.models.base import Encoder
from tests.cli.stdin import give_stdin
from tests.conftest import SEEDS


@pytest.fixture(autouse=True)
def one_encoder(encoder: Encoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The embedded encoder, loaded once for all commands; no onrecord.toml or environment of the machine."""
    monkeypatch.setattr(pipeline, "load_encoder", lambda name: encoder)
    monkeypatch.chdir(tmp_path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main.main(arguments)
    out, err = capsys.readouterr()
    return status, out, err


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    status, out, _ = run(capsys, *arguments, "--json")
    assert status == 0
    return json.loads(out)


ANSWER_KEYS = {
    "id", "question", "standalone_question", "status", "text", "confidence", "claims", "citations", "disagreements",
    "hits", "generator", "notice", "generation", "timings_ms",
}  # fmt: skip
CITATION_KEYS = {
    "n", "article_id", "title", "publisher", "published", "path", "url", "start", "end", "quote", "speaker",
}  # fmt: skip


def test_ask_json_has_every_key_of_the_contract(capsys: pytest.CaptureFixture[str], seed_index: Path) -> None:
    answer = run_json(capsys, "ask", "Who is Brian Kingston?", "--index", str(seed_index))
    assert set(answer) == ANSWER_KEYS
    assert answer["status"] == "answered"
    assert (answer["id"], answer["generator"], answer["generation"]) == (None, "extractive", 1)
    assert all(set(claim) == {"text", "support", "score", "citations"} for claim in answer["claims"])
    assert all(set(citation) == CITATION_KEYS for citation in answer["citations"])
    assert {"rank", "score", "article_id", "start", "end", "text"} <= set(answer["hits"][0])
    for citation in answer["citations"]:
        article = run_json(capsys, "article", citation["article_id"], "--index", str(seed_index))
        assert article["text"][citation["start"] : citation["end"]] == citation["quote"]


def test_ask_prints_the_answer_and_its_sources(capsys: pytest.CaptureFixture[str], seed_index: Path) -> None:
    status, out, err = run(capsys, "ask", "Who is Marty Warren?", "--index", str(seed_index))
    assert (status, err) == (0, "")
    assert "Marty Warren, national director of the United Steelworkers union" in out
    assert "\n[1] As Prime Minister Mark Carney prepares to meet… · publish date unknown · 002_" in out


def test_an_abstained_answer_lists_the_nearest_passages(capsys: pytest.CaptureFixture[str], seed_index: Path) -> None:
    status, out, _ = run(capsys, "ask", "Who won the World Series?", "--index", str(seed_index))
    assert status == 0
    assert out.startswith("The archive does not say.")
    assert "Nearest passages:\n1. " in out


def test_ask_in_a_batch_keeps_ids_and_order(
    capsys: pytest.CaptureFixture[str], seed_index: Path, tmp_path: Path
) -> None:
    rows = [
        {"id": 7, "question": "Who is Brian Kingston?"},
        {"id": "b", "question": "What does he expect?", "history": ["Who is Brian Kingston?"]},
        {"id": "c", "question": "What does he expect?", "history": [
            {"role": "user", "content": "Who leads the steelworkers?"},
            {"role": "assistant", "content": "Marty Warren does."}]},
    ]  # fmt: skip
    file = tmp_path / "questions.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    status, out, _ = run(capsys, "ask", "--batch", str(file), "--index", str(seed_index))
    answers = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [answer["id"] for answer in answers] == [7, "b", "c"]
    assert [answer["standalone_question"] for answer in answers[1:]] == [
        "What does Brian Kingston expect?", "What does Marty Warren expect?",
    ]  # fmt: skip


def test_only_the_articles_of_an_author_are_searched(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    lines = [
        json.dumps({"id": name, "text": f"The harbour of Halifax was closed, {name} wrote.", "authors": [name]})
        for name in ("Émile Zola", "Jules Verne")
    ]
    (tmp_path / "seeds" / "articles.jsonl").write_text("\n".join(lines), encoding="utf-8")
    index = str(tmp_path / "index")
    assert run(capsys, "build", "--seeds", str(tmp_path / "seeds"), "--index", index)[0] == 0
    _, out, _ = run(capsys, "search", "the harbour", "--author", "émile ZOLA", "--json", "--index", index)
    assert [hit["text"] for hit in json.loads(out)["hits"]] == ["The harbour of Halifax was closed, Émile Zola wrote."]
    _, out, _ = run(capsys, "ask", "Was the harbour closed?", "--author", "Homer", "--index", index)
    assert "within these filters" in out


def test_a_question_may_say_when_it_is_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "seeds").mkdir()
    for day in ("2025-10-30", "2023-01-01"):
        row = {"id": day, "text": f"A deal was signed in the capital on {day}.", "published": day}
        with (tmp_path / "seeds" / "articles.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    index = str(tmp_path / "index")
    assert run(capsys, "build", "--seeds", str(tmp_path / "seeds"), "--index", index)[0] == 0
    days = ("2025/10/31", "2023-01-02", "1999-01-01")
    rows = [json.dumps({"id": day, "query": "a deal this week", "date": day}) for day in days]
    give_stdin(monkeypatch, "\n".join(rows))
    status, out, _ = run(capsys, "search", "--batch", "-", "--explain", "--index", index)
    assert status == 0
    of_the_days = [
        {hit["text"][-11:-1]: hit["stages"].get("date", {}).get("score") for hit in json.loads(line)["hits"]}
        for line in out.splitlines()
    ]
    assert of_the_days == [
        {"2025-10-30": 1.0, "2023-01-01": 0.0},
        {"2025-10-30": 0.0, "2023-01-01": 1.0},
        {"2025-10-30": None, "2023-01-01": None},  # nothing here is of 1999
    ]
    with pytest.raises(SystemExit):
        run(capsys, "search", "lumber", "--asked-on", "soon", "--index", index)


def test_search_in_a_batch_and_alone(
    capsys: pytest.CaptureFixture[str], seed_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_stdin(monkeypatch, '{"id": 1, "query": "lumber"}\n\n{"id": 2, "query": "wife"}\n')
    status, out, _ = run(capsys, "search", "--batch", "-", "-k", "2", "--index", str(seed_index))
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [(row["id"], row["query"], len(row["hits"])) for row in rows] == [(1, "lumber", 2), (2, "wife", 2)]
    explained = run_json(capsys, "search", "lumber", "--explain", "--index", str(seed_index))
    assert set(explained["hits"][0]["stages"]) == {"bm25", "dense", "fused", "reranker"}


def test_search_lists_a_story_of_several_outlets_once_and_json_every_passage(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    story = "The ferry will not sail before Thursday, the company said, because a pump of its engine failed on Monday."
    rows = [
        {"id": "a", "title": "Ferry stays in port", "publisher": "The Coast", "published": "2025-03-01", "text": story},
        {"id": "b", "title": "No ferry", "publisher": "The Herald", "published": "2025-03-02", "text": story},
        {"id": "c", "title": "Lobster", "text": "Lobster prices fell."},
    ]
    seeds, index = tmp_path / "seeds", str(tmp_path / "index")
    seeds.mkdir()
    (seeds / "wire.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert run(capsys, "build", "--seeds", str(seeds), "--index", index)[0] == 0
    asked = ("search", "Why will the ferry not sail?", "--reranker", "none", "--index", index)
    status, out, _ = run(capsys, *asked)
    assert status == 0
    assert out.splitlines() == [
        "1. No ferry · The Herald · 2025-03-02 · wire.jsonl · 1.00",
        f"   {story}",
        "   also in: Ferry stays in port · The Coast · 2025-03-01 · wire.jsonl",
        "2. Lobster · publish date unknown · wire.jsonl · 0.00",
        "   Lobster prices fell.",
    ]
    found = run_json(capsys, *asked)
    assert [(hit["rank"], hit["article_id"]) for hit in found["hits"]] == [(1, "b"), (2, "a"), (3, "c")]
    assert set(found["hits"][0]) == {"rank", "score", "article_id", "title", "path", "start", "end", "text"}


def test_build_says_what_it_did_and_does_nothing_twice(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    seeds, index = tmp_path / "seeds", tmp_path / "index"
    seeds.mkdir()
    (seeds / "a.txt").write_text("The minister said the talks go on. They will meet again in May.", "utf-8")
    (seeds / "b.txt").write_bytes(b"\x00\x01\x02binary")
    (seeds / "c.txt").write_text(" \n", "utf-8")
    first = run_json(capsys, "build", "--seeds", str(seeds), "--index", str(index))
    assert first["articles"] == {"added": 1, "changed": 0, "removed": 0, "unchanged": 0, "failed": 2}
    assert [failure["path"] for failure in first["failures"]] == ["b.txt", "c.txt"]
    again = run_json(capsys, "build", "--seeds", str(seeds), "--index", str(index))
    assert (again["generation"], again["encoded"], again["articles"]["unchanged"]) == (1, 0, 1)


def test_status_and_check(capsys: pytest.CaptureFixture[str], seed_index: Path) -> None:
    facts = run_json(capsys, "status", "--index", str(seed_index))
    assert (facts["articles"], facts["generation"]) == (5, 1)
    assert run_json(capsys, "check", "--index", str(seed_index)) == {"ok": True, "problems": []}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ask", "Who?", "--index", "nowhere"], "no index in nowhere: run `onrecord build`"),
        (["build", "--seeds", "nowhere"], "nowhere"),
        (["build", "--seeds", "."], "no articles"),
        (["ask", "", "--index", "INDEX"], "the question is empty"),
        (["ask", "x" * 100_000, "--index", "INDEX"], "100,000 characters"),
        (["ask", "Who?", "--llm", "gpt", "--index", "INDEX"], "unknown generator 'gpt'"),
        (["ask", "--batch", "nowhere.jsonl", "--index", "INDEX"], "nowhere.jsonl cannot be read"),
        (["article", "nothing.txt", "--index", "INDEX"], "no article 'nothing.txt'"),
        (["search", "lumber", "--since", "last week", "--index", "INDEX"], "last week"),
    ],
)
def test_bad_input_gets_one_line_and_exit_1(
    capsys: pytest.CaptureFixture[str], seed_index: Path, arguments: list[str], message: str
) -> None:
    status, out, err = run(capsys, *(str(seed_index) if a == "INDEX" else a for a in arguments))
    assert (status, out) == (1, "")
    assert err.startswith("onrecord: ")
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize(
    "arguments", [[], ["ask"], ["ask", "Who?", "--batch", "x"], ["search", "-k", "0", "x"], ["nope"]]
)
def test_wrong_usage_exits_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main.main(arguments)
    assert stopped.value.code == 2


def test_a_full_disk_behind_stdout_gets_one_line(seed_index: Path) -> None:
    for option in ([], ["--json"]):
        command = [sys.executable, "-m", "rag", "check", "--index", str(seed_index), *option]
        with open("/dev/full", "w") as full:
            run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
        assert (run.returncode, run.stderr.count("\n")) == (1, 1)
        assert run.stderr.startswith("onrecord: the system refuses: ")


def test_nothing_from_an_article_drives_the_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert output.printable("a\x1b]52;c;x\x07b\u202ec\td\n") == "a�]52;c;x�b�c d "
    assert output.printable("a\nb", keep="\n") == "a\nb"


def test_seeds_and_environment_set_the_same_options(
    capsys: pytest.CaptureFixture[str], seed_index: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ONRECORD_INDEX", str(seed_index))
    assert run_json(capsys, "status")["articles"] == 5
    (tmp_path / "onrecord.toml").write_text('indexx = "a"\n', "utf-8")
    status, _, err = run(capsys, "status")
    assert (status, "unknown option 'indexx' in onrecord.toml" in err) == (1, True)
    assert SEEDS.is_dir()
